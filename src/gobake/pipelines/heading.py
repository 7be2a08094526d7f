"""The heading of a pipeline: which gobake wrote it, for which options, and a digest by which edits are noticed."""

from __future__ import annotations

import hashlib
import re

import msgspec
from msgspec import Struct

from gobake import __version__
from gobake.pipelines.options import Options, System, recorded

_FIRST = "# Written by `gobake ci {system}`, and yours to edit: the same command writes it anew and keeps your edits."
_SECOND = re.compile(r"# gobake (\S{1,100}) (\{.{0,4000}\}) sha256:([0-9a-f]{64})")
_WITHIN = 100  # lines of a file: the user may put others above


class Page(Struct, frozen=True, kw_only=True):
    """A pipeline, taken apart."""

    above: str = ""  # what the user put above the heading
    heading: str = ""  # "" if gobake did not write it
    body: str
    options: Options | None = None  # that it was written for
    digest: str = ""  # of the body as gobake wrote it

    @property
    def text(self) -> str:
        return self.above + self.heading + self.body

    @property
    def edited(self) -> bool:
        """Whether it is not as gobake wrote it."""
        return not self.digest or digest_of(self.body) != self.digest


def digest_of(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()


def fresh(system: System, options: Options, body: str) -> Page:
    """Return a pipeline as it is written for the first time."""
    digest = digest_of(body)
    values = msgspec.json.encode(options).decode()
    heading = f"{_FIRST.format(system=system)}\n# gobake {__version__} {values} sha256:{digest}\n\n"
    return Page(heading=heading, body=body, options=options, digest=digest)


def taken_apart(text: str) -> Page:
    """Take a file apart."""
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines[:_WITHIN]):
        found = _SECOND.fullmatch(line.rstrip())
        if not found:
            continue
        begin = at - 1 if at and lines[at - 1].startswith("# Written by `gobake ci ") else at
        end = at + 2 if lines[at + 1 : at + 2] == ["\n"] else at + 1
        return Page(
            above="".join(lines[:begin]),
            heading="".join(lines[begin:end]),
            body="".join(lines[end:]),
            options=recorded(found[2]),
            digest=found[3],
        )
    return Page(body=text)
