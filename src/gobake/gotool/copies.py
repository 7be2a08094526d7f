"""Temporary copies of module files for Go to update, so that the user's own files stay unchanged.

In workspace mode every go command adds missing sums to go.work.sum, whatever -mod says (cmd/go/internal/modload,
commitRequirements); with an overlay it refuses. With -mod=mod it writes go.mod and go.sum. GOWORK and -modfile make it
use other files, and it keeps the sums beside them.
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
    """Copies in one folder, made on demand. Its methods raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Path, Path] = {}  # copy -> original

    def env_and_flags(self, question: Question) -> tuple[dict[str, str], list[str]]:
        """Return additional environment and flags that make Go write to the copies only."""
        if not question.writes:
            return {}, []
        if question.work:
            return {"GOWORK": str(self._workspace(question.work))}, []
        modfile = settings.modfile_of(question.query.goflags) or "go.mod"
        return {}, [f"-modfile={self._module(question.folder / modfile)}"]

    def told(self, words: str) -> str:
        """Return Go's output with the copies' paths replaced by those of the originals.

        Go may shorten a path, so only its last elements are matched.
        """
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
    """Return the text of a go.work with absolute local paths; line numbers stay the same."""
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
    """Make the paths of one use or replace line absolute.

    ``inside``: the line is in a block and has no verb. In replace lines only words that begin with dots are folders.
    """
    start = 0 if inside else len(line) - len(line.lstrip()) + len(verb)

    def pointed(match: re.Match[str]) -> str:
        word = unquoted(match[0])
        local = _LOCAL.match(word) or (verb == "use" and not match[0].startswith(("//", "(", ")", "=>")))
        return json.dumps(str(folder / word), ensure_ascii=False) if local else match[0]

    return line[:start] + TOKEN.sub(pointed, line[start:])
