"""How a secret may be spelt: escaped, wrapped, in hex, in base64. Pure.

A text is brought to one plain spelling first, and each place in it remembers where it comes from. So what is looked for
is a handful of plain forms, however much of a text is escaped, and the time is that of reading the text once.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

SHORTEST = 4  # characters; what is shorter is looked for as a whole word only
_LEAST = 3  # and what is still shorter not at all: it would blank half of a log, and hides nothing

# Percent-encoding, perhaps of percent-encoding; the escapes of JSON, Go and shells, perhaps in a string in a string;
# line breaks with the blanks that a wrapped line begins with, as they are or as a string writes them. No part is tried
# twice (++), so that no text takes longer than its length; and all begin with one of four characters, which are found
# quickly where they are seldom.
_ESCAPES = re.compile(
    rb"[%\\\r\n](?:"
    rb"(?<=%)(?:25)*([0-9A-Fa-f]{2})"
    rb"|(?<=\n)[ \t]*+"
    rb"|(?<=\r)\n[ \t]*+"
    rb"|(?<=\\)\\*+u([dD][89abAB][0-9A-Fa-f]{2})\\++u([dD][c-fC-F][0-9A-Fa-f]{2})"
    rb"|(?<=\\)\\*+u([0-9A-Fa-f]{4})"
    rb"|(?<=\\)\\*+x([0-9A-Fa-f]{2})"
    rb"|(?<=\\)\\*+(?:r\\++)?n[ \t]*+"
    rb"|(?<=\\)\\*+([\"'/]?)"
    rb")"
)
# What may still become one of these with what comes next
_BEGUN = re.compile(
    rb"(?:%(?:25)*[0-9A-Fa-f]?"
    rb"|(?<!\\)\\++(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?|r)?"
    rb"|(?<!\\)\\++u[dD][89abAB][0-9A-Fa-f]{2}(?:\\++(?:u[0-9A-Fa-f]{0,3})?)?"
    rb"|\r)$"
)
# Of these the line breaks alone
_BREAKS = re.compile(rb"\r?\n[ \t]*+|\\++(?:r\\++)?n[ \t]*+")
_LONGEST_ESCAPE = 16  # bytes that become one, where nobody tries to outwit us
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_WRAPPED = 12  # characters before the end of a line that must be those of a secret, to wait for the next line


def _meant(match: re.Match[bytes]) -> bytes:
    """What it stands for. Backslashes stand for nothing: how many there are tells how often a text was quoted, and what
    follows a secret can be quoted too."""
    percent, high, low, unicode, byte, quoted = match.groups()
    if percent or byte:
        return bytes.fromhex((percent or byte).decode()).replace(b"\\", b"")
    if high:
        point = 0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00)
        return chr(point).encode()
    if unicode:
        return chr(int(unicode, 16)).encode("utf-8", "surrogatepass").replace(b"\\", b"")
    return quoted or b""  # the rest are line breaks


def _nothing(_match: re.Match[bytes]) -> bytes:
    return b""


class Plain:
    """A text in its plain spelling, and where each part of that stands in the text itself."""

    def __init__(
        self,
        raw: bytes,
        escapes: re.Pattern[bytes] = _ESCAPES,
        meant: Callable[[re.Match[bytes]], bytes] = _meant,
    ) -> None:
        self._here: list[int] = []  # where parts begin in the plain spelling
        self._there: list[int] = []  # and in the text
        self._whole: list[bool] = []  # an escape, of which no part can be told from another
        parts: list[bytes] = []
        length = end = 0
        for match in escapes.finditer(raw):
            if end < match.start():
                parts.append(raw[end : match.start()])
                self._add(length, end, whole=False)
                length += match.start() - end
            parts.append(meant(match))
            self._add(length, match.start(), whole=True)
            length += len(parts[-1])
            end = match.end()
        parts.append(raw[end:])
        self._add(length, end, whole=False)
        self._raw = len(raw)
        self.text = b"".join(parts)

    def _add(self, here: int, there: int, *, whole: bool) -> None:
        self._here.append(here)
        self._there.append(there)
        self._whole.append(whole)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the plain spelling stands in the text itself; it has a character at least."""
        first, last = bisect_right(self._here, start) - 1, bisect_right(self._here, end - 1) - 1
        begin = self._there[first] + (0 if self._whole[first] else start - self._here[first])
        if self._whole[last]:
            return begin, self._there[last + 1]  # text always ends with a part that is no escape
        return begin, self._there[last] + end - self._here[last]


def plain(raw: bytes) -> bytes:
    """The plain spelling alone, several times as soon."""
    return _ESCAPES.sub(_meant, raw)


@dataclass(frozen=True, kw_only=True)
class Forms:
    """What is looked for, by the spelling in which it is looked for."""

    words: frozenset[bytes]  # in the text itself, with nothing of a word beside them
    raw: frozenset[bytes]  # in the text itself
    plain: frozenset[bytes]
    hex: frozenset[bytes]  # lower case
    base64: frozenset[bytes]  # of the common alphabet, without the = at its end


def forms(value: str, user: str = "", *, alone: bool = False) -> Forms:
    """Of one secret. ``alone``: it is looked for as it stands only, as one line of many is."""
    data = value.encode("utf-8", "surrogatepass")
    if len(value) < _LEAST:
        return _of()
    if len(value) < SHORTEST:
        return _of(words=[data], base64=_whole(data, user) if user else [])
    unescaped = plain(data)
    as_it_is = [unescaped, unescaped.replace(b" ", b"+")] if len(unescaped) >= SHORTEST else []
    as_it_is.append(data)  # an escape in it may be none in a text, where a part of it is escaped in its turn
    if alone:
        return _of(raw=[data], plain=as_it_is)
    once = {*_within_base64(data), *_whole(data, user)}
    twice = {core for form in once for core in _within_base64(form)}
    return _of(raw=[data], plain=as_it_is, hex=[data.hex().encode()], base64=[*once, *twice])


def _of(**found: list[bytes]) -> Forms:
    kinds = ("words", "raw", "plain", "hex", "base64")
    return Forms(**{kind: frozenset(form for form in found.get(kind, ()) if form) for kind in kinds})


def _whole(data: bytes, user: str) -> list[bytes]:
    """As it is sent: with whom it belongs to, and alone."""
    sent = [data, *([user.encode("utf-8", "surrogatepass") + b":" + data] if user else [])]
    return [form for form in map(_base64, sent) if len(form) >= SHORTEST]


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _within_base64(data: bytes) -> Iterator[bytes]:
    """What of the base64 of a longer text depends on this alone, wherever in the text it begins."""
    for shift in range(3):
        text = _base64(b"\0" * shift + data)
        core = text[(shift * 8 + 5) // 6 : (shift + len(data)) * 8 // 6]
        if len(core) >= SHORTEST:
            yield core


class Finder:
    """Finds every form of many secrets in a text."""

    def __init__(self, found: list[Forms]) -> None:
        def all_of(kind: str) -> frozenset[bytes]:
            return frozenset().union(*(getattr(forms, kind) for forms in found))

        words, raw, spelt, hexed, coded = map(all_of, ("words", "raw", "plain", "hex", "base64"))
        self._words = _any(words, rb"(?<![A-Za-z0-9_])(?:%b)(?![A-Za-z0-9_])") if words else None
        self._raw = _any(raw) if raw else None
        # what looks like an escape in a secret is none where a line was wrapped in the middle of it
        self._like_escapes = [form for form in raw if b"%" in form or b"\\" in form]
        self._views = [(spelt, _same), (hexed, _lower), (coded, _common)]
        self._begun = [(words | raw | spelt, _same), (hexed, _lower), (coded, _common)]
        every = [form for forms, _ in self._begun for form in forms]
        self._longest = max(map(len, every), default=0)
        self._all = b"\0".join(every)

    def __bool__(self) -> bool:
        return self._longest > 0

    def spans(self, raw: bytes) -> list[tuple[int, int]]:
        """Where they stand, from the first on; none overlaps another."""
        found = [match.span() for pattern in (self._words, self._raw) if pattern for match in pattern.finditer(raw)]
        spelt = plain(raw) if self else b""
        text = None
        for forms, view in self._views:
            seen = view(spelt)
            there = [form for form in forms if form in seen]
            if there:
                text = text or Plain(raw)
                found += [text.span(*match.span()) for match in _any(there).finditer(seen)]
        if self._like_escapes and _BREAKS.search(raw):
            unwrapped = _BREAKS.sub(b"", raw)
            there = [form for form in self._like_escapes if form in unwrapped]
            if there:
                text = Plain(raw, _BREAKS, _nothing)
                found += [text.span(*match.span()) for match in _any(there).finditer(unwrapped)]
        return list(_joined(sorted(found)))

    def torn(self, raw: bytes) -> int:
        """How many bytes at the end may be the beginning of a secret. Where a line has ended, only what is long enough
        to be one that was wrapped."""
        tail = raw[-self._longest * _LONGEST_ESCAPE :] if self else b""
        begun = _BEGUN.search(tail)
        held = len(begun[0]) if begun else 0
        text = Plain(tail[: len(tail) - held])
        least = _WRAPPED if tail.endswith(b"\n") else 1
        end = text.text[-least:]
        if len(end) < least or not any(view(end) in self._all for _, view in self._begun):
            return held
        starts = [_beginning(view(text.text), forms, least) for forms, view in self._begun]
        first = min(start for start in starts if start is not None) if any(s is not None for s in starts) else None
        return held if first is None else len(tail) - text.span(first, first + 1)[0]


def _beginning(text: bytes, forms: frozenset[bytes], least: int) -> int | None:
    """Where the longest end of a text begins that is the beginning of a form, and no whole one."""
    found = None
    for form in forms:
        at = max(0, len(text) - len(form) + 1)
        while 0 <= (at := text.find(form[:1], at)) <= len(text) - least:
            if form.startswith(text[at:]):
                found = at if found is None else min(at, found)
                break
            at += 1
    return found


def _same(text: bytes) -> bytes:
    return text


def _lower(text: bytes) -> bytes:
    return text.lower()


def _common(text: bytes) -> bytes:
    return text.translate(_URL_SAFE)


def _any(wanted: Iterable[bytes], form: bytes = b"%b") -> re.Pattern[bytes]:
    """The longest first: some contain others."""
    longest_first = sorted(wanted, key=lambda one: (-len(one), one))
    return re.compile(form % b"|".join(map(re.escape, longest_first)))


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """One for those that touch or overlap."""
    begin, end = -1, -1
    for start, stop in spans:
        if start > end:
            if end > begin:
                yield begin, end
            begin, end = start, stop
        end = max(end, stop)
    if end > begin:
        yield begin, end
