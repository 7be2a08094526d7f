"""Removes secrets from texts and from BuildKit's events, before they are shown or kept.

The go command, git or a server may repeat a password as it is, partly escaped, wrapped, in hex, or within base64
(spellings.py). Redaction guards against accidents: malicious code can encode a secret in any way. This module knows
only values, not where they come from.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from gobake.credentials.spellings import Finder, forms
from gobake.errors import GobakeError

MARK = b"***"


class Secret(Struct, frozen=True, kw_only=True, order=True):
    """A value that must not be shown. ``user``: its user, if the two are sent together."""

    value: str
    user: str = ""
    line: bool = False  # a line of a longer text, such as a key file, which is not sent by itself


class Redactor:
    """Replaces every form of its secrets by ***."""

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
        """Return how many bytes at the end of ``data`` may be the beginning of a secret."""
        return self._finder.torn(data)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Redact the errors that leave the block."""
        try:
            yield
        except GobakeError as error:
            error.what, error.remedy = self.text(error.what), self.text(error.remedy)
            error.args = (error.what,)
            raise


class EventRedactor:
    """Redacts the lines of one `docker buildx bake --progress=rawjson`.

    A step's output arrives in base64, in pieces that may be cut anywhere. So the end of a piece is held back while it
    may be the beginning of a secret. Step names and digests are not changed: the recipe contains no secrets, and other
    data refer to them.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held: dict[tuple[str, object], bytes] = {}  # by vertex and stream
        self._seen: dict[tuple[object, ...], str] = {}  # the same piece arrives once per target

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
        """Return a log entry with the data that was held back and is not a secret."""
        moment = max(str(v.get("completed") or "") for v in _mappings(status, "vertexes") if v.get("digest") == key[0])
        return {"vertex": key[0], "stream": key[1], "data": _encoded(self._held.pop(key)), "timestamp": moment}

    def _whole(self, text: object) -> str:
        return _encoded(self._redactor.data(_decoded(text)))


def _mappings(status: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = status.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text or ""), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
