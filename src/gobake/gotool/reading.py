"""Merges Go's answers into one tree: the packages, and what Go could not read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from gobake.errors import ProjectError
from gobake.gotool import settings, words
from gobake.gotool.asking import COMPILED, SOURCES, WHY, Answer, Question
from gobake.gotool.modules import BuildRoot, Layout
from gobake.gotool.packages import GoTree, Package, Trouble, around, of_a_main_module, relative, unreadable
from gobake.gotool.passedover import passed_over

PROFILE = "default.pgo"
# Comments, strings and runes
_NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|`[^`]*`|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_MAIN = re.compile(r"\bfunc\s+main\s*\(")


def read(layout: Layout, answers: Iterable[Answer], mounted: str = "") -> GoTree:
    """Merge the answers to all questions into one tree. Raises ProjectError if Go could not read any package.

    ``mounted``: the path of the context in the container where Go was asked; "" for this machine.
    """
    merged: dict[str, Package] = {}
    troubles = [Trouble(directory=relative(unread.directory, layout), words=unread.why) for unread in layout.unread]
    refused: list[tuple[Question, str]] = []
    for answer in answers:
        question = answer.question
        if not answer.listed.strip() and words.whole(answer.said) and not _finds_nothing(answer.said):
            refused.append((question, answer.said))
            continue
        for fields in objects(answer.listed):
            if mounted:
                fields["Dir"] = _unmounted(str(fields.get("Dir", "")), mounted, layout)
            package = _package(layout, question, fields)
            if package:
                _merge(layout, merged, package, troubles)
            if trouble := _trouble(layout, question, fields):
                troubles.append(trouble)
    troubles += [_of_module(layout, question, said) for question, said in refused]
    packages = tuple(merged[path] for path in sorted(merged))
    if refused and not any(package.name for package in packages):
        raise words.refusal(refused[0][0].folder, refused[0][1])
    tree = GoTree(layout=layout, packages=packages, troubles=_still(troubles, merged))
    if tree.troubles and not any(package.name for package in packages):
        raise unreadable(layout, tree.troubles[0])
    return tree


def _finds_nothing(said: str) -> bool:
    """Whether Go's only complaint is that the module has no packages, which is fine."""
    return all(re.search(r"matched no packages", line) for line in words.whole(said).splitlines())


def _of_module(layout: Layout, question: Question, said: str) -> Trouble:
    module = question.replaced or (question.root.mains[0] if not question.root.workspace else None)
    return Trouble(
        directory=relative(question.folder, layout), words=words.whole(said), module=module.path if module else ""
    )


def _still(troubles: Iterable[Trouble], merged: dict[str, Package]) -> tuple[Trouble, ...]:
    """Return the troubles that no other answer resolved, each once."""
    kept = {
        (t.directory, t.package): t
        for t in troubles
        if t.words.startswith("found packages ") or t.package not in merged or not merged[t.package].name
    }
    return tuple(kept[key] for key in sorted(kept))


def _merge(layout: Layout, merged: dict[str, Package], package: Package, troubles: list[Trouble]) -> None:
    """Add a package. If several build roots reach it, the one whose main module holds it wins."""
    old = merged.get(package.import_path)
    roots = {relative(build.directory, layout): build for build in layout.builds}
    own = of_a_main_module(layout, roots[package.build_root], package)
    if old and old.directory != package.directory and own and of_a_main_module(layout, roots[old.build_root], old):
        _refuse_namesake(old, package, roots[package.build_root], troubles)
        return
    first, then = (package, old) if own else (old, package)
    merged[package.import_path] = _union(first, then) if first and then else package


def _refuse_namesake(one: Package, other: Package, root: BuildRoot, troubles: list[Trouble]) -> None:
    """Report two packages of one import path: one of them would silently vanish.

    Modules without a common go.work may have the same path. This is not about replaced modules; see _merge.
    """
    message = f"{one.directory} and {other.directory} are both package {one.import_path}"
    if not root.nested:
        raise ProjectError(message, remedy="give their modules names of their own, or build one of them with -C")
    troubles.append(
        Trouble(
            directory=other.directory,
            words=message,
            module=other.module,
            package=f"{other.import_path} in {other.directory}",
        )
    )


def _unmounted(folder: str, mounted: str, layout: Layout) -> str:
    inside = PurePosixPath(folder)
    return str(layout.context / inside.relative_to(mounted)) if inside.is_relative_to(mounted) else folder


def objects(text: str) -> Iterator[dict[str, object]]:
    decoder, at = json.JSONDecoder(), 0
    while (at := _after_space(text, at)) < len(text):
        fields, at = decoder.raw_decode(text, at)
        yield fields


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def nameless(listed: str) -> str:
    """Return the errors of packages that could not be read at all."""
    return "\n".join(complaint(fields) for fields in objects(listed) if not fields.get("Name"))


def _package(layout: Layout, question: Question, fields: dict[str, object]) -> Package | None:
    name, folder = str(fields.get("Name", "")), Path(str(fields.get("Dir", "")))
    sources = tuple(name for kind in SOURCES for name in _strings(fields, kind))
    if not sources or not folder.is_relative_to(layout.context):
        return None
    module = around(question.root, folder)
    others = tuple(other for name in _strings(fields, "IgnoredGoFiles") if (other := passed_over(folder / name)))
    return Package(
        import_path=_import_path(question, folder, str(fields["ImportPath"])),
        name=name,
        directory=relative(folder, layout),
        build_root=relative(question.root.directory, layout),
        cgo=bool(fields.get("CgoFiles")),
        embeds=(*_strings(fields, "EmbedPatterns"), *(pattern for other in others for pattern in other.embeds)),
        imports=(*_imports(fields), *(path for other in others for path in other.imports)),
        module=module.path if module else "",
        binary=PurePosixPath(str(fields.get("Target", ""))).name if name == "main" else "",
        files=tuple(sorted({*_files(question, folder, fields), *(other.name for other in others)})),
        embed_files=_strings(fields, "EmbedFiles"),
        runs=name == "main" and any(_has_main(folder / source) for source in sources),
    )


def _trouble(layout: Layout, question: Question, fields: dict[str, object]) -> Trouble | None:
    """Return the trouble of a package that Go cannot read, or None."""
    said, folder = complaint(fields), Path(str(fields.get("Dir", "")) or question.folder)
    if not said or _excused(fields) or not folder.is_relative_to(layout.context):
        return None
    module = around(question.root, folder)
    return Trouble(
        directory=relative(folder, layout),
        words=words.whole(said),
        module=module.path if module else "",
        package=str(fields.get("ImportPath", "")),
    )


def _excused(fields: dict[str, object]) -> bool:
    """Whether the folder rightly has no package, or the compile will report the error."""
    if fields.get("Name"):
        return not complaint(fields).startswith("found packages ")
    return any(fields.get(kind) for kind in WHY) or "_test.go:" in complaint(fields)


def complaint(fields: dict[str, object]) -> str:
    """Return Go's error about a package, with the file and line in its folder if given; "" for none."""
    error = fields.get("Error")
    if not isinstance(error, dict):
        return ""
    message, place = str(error.get("Err", "")), str(error.get("Pos", ""))
    match = re.match(r"(?:.*/)?([^/]+\.go:\d+(?::\d+)?)", place)
    if not match:
        return message
    return f"{match[1]}: {message.removeprefix(f'{place}: ')}"


def _files(question: Question, folder: Path, fields: dict[str, object]) -> tuple[str, ...]:
    files = {file for kind in COMPILED for file in _strings(fields, kind)}
    guided = settings.pgo_of(question.query.goflags) in ("", "auto")
    if guided and fields.get("Name") == "main" and (folder / PROFILE).is_file():
        files.add(PROFILE)
    return tuple(sorted(files))


def _has_main(file: Path) -> bool:
    """Whether a Go file declares func main; True for an unreadable one, which the compile reports."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return bool(_MAIN.search(_NO_CODE.sub(" ", text)))


def _import_path(question: Question, folder: Path, own: str) -> str:
    """Return the import path; in a replaced module it begins with the path that the module replaces."""
    module = question.replaced
    if module is None or not folder.is_relative_to(module.directory):
        return own
    return str(PurePosixPath(module.path) / folder.relative_to(module.directory).as_posix())


def _imports(fields: dict[str, object]) -> tuple[str, ...]:
    """Return import paths. Go writes "example.com/x/work [example.com/x]" for one compiled with a command's profile."""
    return tuple(path.partition(" [")[0] for path in _strings(fields, "Imports"))


def _strings(fields: dict[str, object], key: str) -> tuple[str, ...]:
    value = fields.get(key)
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _union(one: Package, other: Package) -> Package:
    return Package(
        import_path=one.import_path,
        name=one.name or other.name,
        directory=one.directory,
        build_root=one.build_root,
        cgo=one.cgo or other.cgo,
        embeds=tuple(sorted({*one.embeds, *other.embeds})),
        imports=tuple(sorted({*one.imports, *other.imports})),
        module=one.module,
        binary=one.binary or other.binary,
        files=tuple(sorted({*one.files, *other.files})),
        embed_files=tuple(sorted({*one.embed_files, *other.embed_files})),
        runs=one.runs or other.runs,
    )
