"""From Go's answers to one tree: packages united over all questions, and what Go could not read."""

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
# Comments, strings and runes: what is said in them is no code.
_NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|`[^`]*`|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_MAIN = re.compile(r"\bfunc\s+main\s*\(")


def read(layout: Layout, answers: Iterable[Answer], mounted: str = "") -> GoTree:
    """Merge the answers to all questions into one tree. Raises ProjectError where Go could read no package at all.

    ``mounted`` is where the context lay when Go was asked in a container.
    """
    merged: dict[str, Package] = {}
    troubles = [Trouble(directory=relative(unread.directory, layout), words=unread.why) for unread in layout.unread]
    refused: list[tuple[Question, str]] = []
    for answer in answers:
        question = answer.question
        if not answer.listed.strip() and words.whole(answer.said) and not _finds_nothing(answer.said):
            refused.append((question, answer.said))
            continue
        for fields in _objects(answer.listed):
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
    """A module without any package is no trouble."""
    return all(re.search(r"matched no packages", line) for line in words.whole(said).splitlines())


def _of_module(layout: Layout, question: Question, said: str) -> Trouble:
    module = question.replaced or (question.root.mains[0] if not question.root.workspace else None)
    return Trouble(
        directory=relative(question.folder, layout), words=words.whole(said), module=module.path if module else ""
    )


def _still(troubles: Iterable[Trouble], merged: dict[str, Package]) -> tuple[Trouble, ...]:
    """Those that no other question answered, each once."""
    kept = {
        (t.directory, t.package): t
        for t in troubles
        if t.words.startswith("found packages ") or t.package not in merged or not merged[t.package].name
    }
    return tuple(kept[key] for key in sorted(kept))


def _merge(layout: Layout, merged: dict[str, Package], package: Package, troubles: list[Trouble]) -> None:
    """Of several build roots that reach it, the one whose own module it is counts."""
    old = merged.get(package.import_path)
    roots = {relative(build.directory, layout): build for build in layout.builds}
    own = of_a_main_module(layout, roots[package.build_root], package)
    if old and old.directory != package.directory and own and of_a_main_module(layout, roots[old.build_root], old):
        _refuse_namesake(old, package, roots[package.build_root], troubles)
        return
    first, then = (package, old) if own else (old, package)
    merged[package.import_path] = _union(first, then) if first and then else package


def _refuse_namesake(one: Package, other: Package, root: BuildRoot, troubles: list[Trouble]) -> None:
    """Modules without a common go.work may have the same module path; one of two commands would vanish without a word.

    A module that one of them replaces is another matter: there, the folder whose own module it is wins.
    """
    said = f"{one.directory} and {other.directory} are both package {one.import_path}"
    if not root.nested:
        raise ProjectError(said, remedy="give their modules names of their own, or build one of them with -C")
    troubles.append(
        Trouble(
            directory=other.directory,
            words=said,
            module=other.module,
            package=f"{other.import_path} in {other.directory}",
        )
    )


def _unmounted(folder: str, mounted: str, layout: Layout) -> str:
    inside = PurePosixPath(folder)
    return str(layout.context / inside.relative_to(mounted)) if inside.is_relative_to(mounted) else folder


def _objects(text: str) -> Iterator[dict[str, object]]:
    decoder, at = json.JSONDecoder(), 0
    while (at := _after_space(text, at)) < len(text):
        fields, at = decoder.raw_decode(text, at)
        yield fields


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def nameless(listed: str) -> str:
    """What is said of packages that could not be read at all."""
    return "\n".join(_complaint(fields) for fields in _objects(listed) if not fields.get("Name"))


def _package(layout: Layout, question: Question, fields: dict[str, object]) -> Package | None:
    name, folder = str(fields.get("Name", "")), Path(str(fields.get("Dir", "")))
    sources = tuple(name for kind in SOURCES for name in _strings(fields, kind))
    if not sources or not folder.is_relative_to(layout.context):
        return None
    module = around(question.root, folder)
    others = tuple(found for name in _strings(fields, "IgnoredGoFiles") if (found := passed_over(folder / name)))
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
    """What Go says of a package that it cannot read. Files that the settings leave out are no trouble."""
    said, folder = _complaint(fields), Path(str(fields.get("Dir", "")) or question.folder)
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
    """Whether the folder may well be without a package, or the compile says what is wrong with it."""
    if fields.get("Name"):
        return not _complaint(fields).startswith("found packages ")
    return any(fields.get(kind) for kind in WHY) or "_test.go:" in _complaint(fields)


def _complaint(fields: dict[str, object]) -> str:
    """Go's words on a package, with the place in its folder where it names one."""
    error = fields.get("Error")
    if not isinstance(error, dict):
        return ""
    said, place = str(error.get("Err", "")), str(error.get("Pos", ""))
    match = re.match(r"(?:.*/)?([^/]+\.go:\d+(?::\d+)?)", place)
    if not match:
        return said
    return f"{match[1]}: {said.removeprefix(f'{place}: ')}"


def _files(question: Question, folder: Path, fields: dict[str, object]) -> tuple[str, ...]:
    found = {file for kind in COMPILED for file in _strings(fields, kind)}
    guided = settings.pgo_of(question.query.goflags) in ("", "auto")
    if guided and fields.get("Name") == "main" and (folder / PROFILE).is_file():
        found.add(PROFILE)
    return tuple(sorted(found))


def _has_main(file: Path) -> bool:
    """Whether a Go file declares func main; what cannot be read is left to the compile, which says why."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return bool(_MAIN.search(_NO_CODE.sub(" ", text)))


def _import_path(question: Question, folder: Path, own: str) -> str:
    """A replaced module goes by the path that it replaces, whatever its own go.mod calls it."""
    module = question.replaced
    if module is None or not folder.is_relative_to(module.directory):
        return own
    return str(PurePosixPath(module.path) / folder.relative_to(module.directory).as_posix())


def _imports(fields: dict[str, object]) -> tuple[str, ...]:
    """Paths; Go calls a package that is compiled by a command's profile "example.com/x/work [example.com/x]"."""
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
