"""Taking secrets out of texts and of BuildKit's events, before anything shows or keeps them.

What the go command, git or a server's answer repeat is out of gobake's hands: a password may come back as it is,
escaped in part, wrapped, in hex, or inside of something in base64 (spellings.py). That guards against accidents: code
that is built can spell a secret in ways that nobody lists. This module knows values only, not where they come from.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gobake.credentials.spellings import Finder, forms
from gobake.errors import GobakeError

MARK = b"***"


@dataclass(frozen=True, kw_only=True, order=True)
class Secret:
    """A value that nobody may see; ``user``: whom it belongs to, where the two are sent together."""

    value: str
    user: str = ""
    line: bool = False  # of a longer text, such as a key's file: it is not sent by itself


class Redactor:
    """Replaces every form of some secrets by ***."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        found = [forms(secret.value, secret.user, alone=secret.line) for secret in sorted(set(secrets))]
        self._finder = Finder(found)

    def __bool__(self) -> bool:
        return bool(self._finder)

    def data(self, data: bytes) -> bytes:
        spans = self._finder.spans(data)
        if not spans:
            return data
        parts, end = [], 0
        for start, stop in spans:
            parts += [data[end:start], MARK]
            end = stop
        return b"".join([*parts, data[end:]])

    def text(self, text: str) -> str:
        if not self:
            return text
        return self.data(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def torn(self, data: bytes) -> int:
        """How many bytes at the end of ``data`` may be the beginning of a secret."""
        return self._finder.torn(data)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors that leave the block say nothing secret."""
        try:
            yield
        except GobakeError as error:
            error.what, error.remedy = self.text(error.what), self.text(error.remedy)
            error.args = (error.what,)
            raise


class EventRedactor:
    """Redacts the lines of one `docker buildx bake --progress=rawjson`.

    What a step writes arrives in base64 and in pieces that may be torn anywhere, so that the end of a piece is held
    back while it may be the beginning of a secret. Names of steps and digests stay as they are: the recipe holds no
    secret, and everything else is found by them.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held: dict[tuple[str, object], bytes] = {}  # by vertex and stream
        self._seen: dict[tuple[object, ...], str] = {}  # the same piece arrives once a target

    def line(self, line: str) -> str:
        if not self._redactor:
            return line
        try:
            status = json.loads(line) if line.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            status = None
        if not isinstance(status, dict):
            return self._redactor.text(line)
        for log in _mappings(status, "logs"):
            log["data"] = self._piece(log)
        for warning in _mappings(status, "warnings"):
            warning["short"] = self._whole(warning.get("short"))
            warning["detail"] = [self._whole(part) for part in warning.get("detail") or ()]
        done = set()
        for vertex in _mappings(status, "vertexes"):
            if isinstance(vertex.get("error"), str):
                vertex["error"] = self._redactor.text(vertex["error"])
            if vertex.get("completed"):
                done.add(str(vertex.get("digest")))
        if rest := [self._rest(key, status) for key in list(self._held) if key[0] in done]:
            status["logs"] = [*(status.get("logs") or ()), *rest]
        return json.dumps(status, separators=(",", ":")) + ("\n" if line.endswith("\n") else "")

    def _piece(self, log: dict[str, Any]) -> str:
        mark = (log.get("vertex"), log.get("stream"), log.get("timestamp"), log.get("data"))
        if mark not in self._seen:
            key = (str(log.get("vertex")), log.get("stream"))
            data = self._redactor.data(self._held.pop(key, b"") + _decoded(log.get("data")))
            held = self._redactor.torn(data)
            if held:
                self._held[key] = data[-held:]
            self._seen[mark] = _encoded(data[: len(data) - held])
        return self._seen[mark]

    def _rest(self, key: tuple[str, object], status: dict[str, Any]) -> dict[str, object]:
        """What was held back and turned out to be no secret, as a piece of its own."""
        moment = max(str(v.get("completed") or "") for v in _mappings(status, "vertexes") if v.get("digest") == key[0])
        return {"vertex": key[0], "stream": key[1], "data": _encoded(self._held.pop(key)), "timestamp": moment}

    def _whole(self, text: object) -> str:
        return _encoded(self._redactor.data(_decoded(text)))


def _mappings(status: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = status.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text or ""), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
