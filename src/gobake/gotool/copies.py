"""Module files that Go may complete while it is asked, as copies that are thrown away: the user's own stay as they are.

In workspace mode every go command writes the sums that go.work.sum lacks, whatever -mod says (cmd/go/internal/modload,
commitRequirements); an overlay makes it refuse instead. With -mod=mod it writes go.mod and go.sum. GOWORK and -modfile
name other files, beside which Go keeps the sums.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from gobake.gotool import settings
from gobake.gotool.asking import Question
from gobake.gotool.modfile import TOKEN, unquoted

_LOCAL = re.compile(r"\.{1,2}(?:/|$)")


class Copies:
    """Copies in one folder, made as they are needed. Raises OSError where they cannot be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Path, Path] = {}  # copy -> the user's own

    def env_and_flags(self, question: Question) -> tuple[dict[str, str], list[str]]:
        """What a question needs over its own environment and command so that Go writes nowhere else."""
        if not question.writes:
            return {}, []
        if question.work:
            return {"GOWORK": str(self._workspace(question.work))}, []
        said = settings.modfile_of(question.query.goflags) or "go.mod"
        return {}, [f"-modfile={self._module(question.folder / said)}"]

    def told(self, words: str) -> str:
        """Go's words, of the user's own files again. It may have shortened the path, so the folder's name tells it."""
        for copy, own in self._made.items():
            name = f"{self._folder.name}/{copy.parent.name}/{copy.name}"
            words = re.sub(rf"[^\s\"'():]*{re.escape(name)}", str(own).replace("\\", r"\\"), words)
        return words

    def _workspace(self, work: Path) -> Path:
        return self._copy(work, "go.work", Path(f"{work}.sum"), absolute)

    def _module(self, file: Path) -> Path:
        return self._copy(file, "go.mod", Path(f"{str(file).removesuffix('.mod')}.sum"), lambda text, _: text)

    def _copy(self, own: Path, name: str, sums: Path, changed: Callable[[str, Path], str]) -> Path:
        copy = self._folder / hashlib.sha256(str(own).encode()).hexdigest()[:12] / name
        if copy not in self._made:
            copy.parent.mkdir()
            copy.write_text(changed(own.read_text(encoding="utf-8"), own.parent), encoding="utf-8")
            if sums.is_file():
                shutil.copyfile(sums, copy.with_name("go.sum" if name == "go.mod" else "go.work.sum"))
            self._made[copy] = own
        return copy


def absolute(text: str, folder: Path) -> str:
    """A go.work whose local folders are said from the file system's root; line by line, so that places stay right."""
    lines, block = [], ""
    for line in text.splitlines(keepends=True):
        words = [word for word in TOKEN.findall(line) if not word.startswith("//")]
        verb = block or (words[0] if words else "")
        inside = bool(block)
        if block and words == [")"]:
            block = ""
        elif not block and words[1:2] == ["("] and words[-1] != ")":
            block = words[0]
        lines.append(_pointed(line, folder, verb, inside) if verb in ("use", "replace") else line)
    return "".join(lines)


def _pointed(line: str, folder: Path, verb: str, inside: bool) -> str:
    """One line of use or replace, which begins with the verb unless it is ``inside`` a block. In replace lines only
    what has dots in front is a folder."""
    start = 0 if inside else len(line) - len(line.lstrip()) + len(verb)

    def pointed(match: re.Match[str]) -> str:
        word = unquoted(match[0])
        local = _LOCAL.match(word) or (verb == "use" and not match[0].startswith(("//", "(", ")", "=>")))
        return json.dumps(str(folder / word), ensure_ascii=False) if local else match[0]

    return line[:start] + TOKEN.sub(pointed, line[start:])
