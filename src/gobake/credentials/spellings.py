"""Finds secrets in any spelling: escaped, wrapped, in hex, in base64. Pure.

A text is first converted to a plain spelling that keeps track of the original positions. So only a few plain forms are
searched, however much of the text is escaped, in linear time.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

SHORTEST = 4  # characters; shorter secrets are found only as whole words
_LEAST = 3  # characters; shorter ones are ignored, since they would blank half of a log

# Percent-encoding, also nested; escapes of JSON, Go and shells, also in nested strings; line breaks with the
# indentation of a wrapped line, literal or escaped. Possessive quantifiers (++) prevent backtracking, so matching takes
# linear time. All begin with one of four characters, so texts without them are searched quickly.
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
# The beginning of an escape at the end of a text
_BEGUN = re.compile(
    rb"(?:%(?:25)*[0-9A-Fa-f]?"
    rb"|(?<!\\)\\++(?:u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?|r)?"
    rb"|(?<!\\)\\++u[dD][89abAB][0-9A-Fa-f]{2}(?:\\++(?:u[0-9A-Fa-f]{0,3})?)?"
    rb"|\r)$"
)
# Only the line breaks
_BREAKS = re.compile(rb"\r?\n[ \t]*+|\\++(?:r\\++)?n[ \t]*+")
_LONGEST_ESCAPE = 16  # bytes for one character, without malice
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_WRAPPED = 12  # characters of a secret at the end of a line that make it wait for the next line


def _meant(match: re.Match[bytes]) -> bytes:
    """Return what an escape stands for.

    Backslashes give nothing: their number depends on how often the text was quoted, and what follows a secret may be
    quoted too.
    """
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
    """A text in its plain spelling, with the positions of its parts in the original text."""

    def __init__(
        self,
        raw: bytes,
        escapes: re.Pattern[bytes] = _ESCAPES,
        meant: Callable[[re.Match[bytes]], bytes] = _meant,
    ) -> None:
        self._here: list[int] = []  # starts of the parts in the plain spelling
        self._there: list[int] = []  # and in the original text
        self._whole: list[bool] = []  # the part is an escape, which cannot be divided
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
        """Return the span in the original text of a non-empty span in the plain spelling."""
        first, last = bisect_right(self._here, start) - 1, bisect_right(self._here, end - 1) - 1
        begin = self._there[first] + (0 if self._whole[first] else start - self._here[first])
        if self._whole[last]:
            return begin, self._there[last + 1]  # the last part is never an escape
        return begin, self._there[last] + end - self._here[last]


def plain(raw: bytes) -> bytes:
    """Return only the plain spelling, which is several times faster."""
    return _ESCAPES.sub(_meant, raw)


class Forms(Struct, frozen=True, kw_only=True):
    """The forms of a secret, by the spelling in which they are searched."""

    words: frozenset[bytes]  # in the original text, as whole words
    raw: frozenset[bytes]  # in the original text
    plain: frozenset[bytes]
    hex: frozenset[bytes]  # lower case
    base64: frozenset[bytes]  # standard alphabet, without padding


def forms(value: str, user: str = "", *, alone: bool = False) -> Forms:
    """Return the forms of one secret. ``alone``: only its literal spellings, as for a line of a longer text."""
    data = value.encode("utf-8", "surrogatepass")
    if len(value) < _LEAST:
        return _of()
    if len(value) < SHORTEST:
        return _of(words=[data], base64=_whole(data, user) if user else [])
    unescaped = plain(data)
    as_it_is = [unescaped, unescaped.replace(b" ", b"+")] if len(unescaped) >= SHORTEST else []
    as_it_is.append(data)  # in a text, what looks like an escape in it may itself be partly escaped
    if alone:
        return _of(raw=[data], plain=as_it_is)
    once = {*_within_base64(data), *_whole(data, user)}
    twice = {core for form in once for core in _within_base64(form)}
    return _of(raw=[data], plain=as_it_is, hex=[data.hex().encode()], base64=[*once, *twice])


def _of(**lists: list[bytes]) -> Forms:
    kinds = ("words", "raw", "plain", "hex", "base64")
    return Forms(**{kind: frozenset(form for form in lists.get(kind, ()) if form) for kind in kinds})


def _whole(data: bytes, user: str) -> list[bytes]:
    """Return the base64 of the secret alone and of `user:secret`, as it is sent."""
    sent = [data, *([user.encode("utf-8", "surrogatepass") + b":" + data] if user else [])]
    return [form for form in map(_base64, sent) if len(form) >= SHORTEST]


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _within_base64(data: bytes) -> Iterator[bytes]:
    """Yield the parts of a longer text's base64 that depend only on this data, for all three alignments."""
    for shift in range(3):
        text = _base64(b"\0" * shift + data)
        core = text[(shift * 8 + 5) // 6 : (shift + len(data)) * 8 // 6]
        if len(core) >= SHORTEST:
            yield core


class Finder:
    """Finds every form of many secrets in a text."""

    def __init__(self, secrets: list[Forms]) -> None:
        def all_of(kind: str) -> frozenset[bytes]:
            return frozenset().union(*(getattr(forms, kind) for forms in secrets))

        words, raw, spelt, hexed, coded = map(all_of, ("words", "raw", "plain", "hex", "base64"))
        self._words = _any(words, rb"(?<![A-Za-z0-9_])(?:%b)(?![A-Za-z0-9_])") if words else None
        self._raw = _any(raw) if raw else None
        # a wrapped line may split what looks like an escape in a secret
        self._like_escapes = [form for form in raw if b"%" in form or b"\\" in form]
        self._views = [(spelt, _same), (hexed, _lower), (coded, _common)]
        self._begun = [(words | raw | spelt, _same), (hexed, _lower), (coded, _common)]
        every = [form for forms, _ in self._begun for form in forms]
        self._longest = max(map(len, every), default=0)
        self._all = b"\0".join(every)

    def __bool__(self) -> bool:
        return self._longest > 0

    def spans(self, raw: bytes) -> list[tuple[int, int]]:
        """Return the spans of all secrets in order, without overlaps."""
        spans = [match.span() for pattern in (self._words, self._raw) if pattern for match in pattern.finditer(raw)]
        spelt = plain(raw) if self else b""
        text = None
        for forms, view in self._views:
            seen = view(spelt)
            present = [form for form in forms if form in seen]
            if present:
                text = text or Plain(raw)
                spans += [text.span(*match.span()) for match in _any(present).finditer(seen)]
        if self._like_escapes and _BREAKS.search(raw):
            unwrapped = _BREAKS.sub(b"", raw)
            present = [form for form in self._like_escapes if form in unwrapped]
            if present:
                text = Plain(raw, _BREAKS, _nothing)
                spans += [text.span(*match.span()) for match in _any(present).finditer(unwrapped)]
        return list(_joined(sorted(spans)))

    def torn(self, raw: bytes) -> int:
        """Return how many bytes at the end may be the beginning of a secret.

        After the end of a line, only a beginning of at least _WRAPPED characters counts.
        """
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
    """Return the index where the longest end of the text begins that is a proper prefix of a form; None for none."""
    longest = None
    for form in forms:
        at = max(0, len(text) - len(form) + 1)
        while 0 <= (at := text.find(form[:1], at)) <= len(text) - least:
            if form.startswith(text[at:]):
                longest = at if longest is None else min(at, longest)
                break
            at += 1
    return longest


def _same(text: bytes) -> bytes:
    return text


def _lower(text: bytes) -> bytes:
    return text.lower()


def _common(text: bytes) -> bytes:
    return text.translate(_URL_SAFE)


def _any(wanted: Iterable[bytes], form: bytes = b"%b") -> re.Pattern[bytes]:
    """Compile a pattern for any of the forms, longest first since some contain others."""
    longest_first = sorted(wanted, key=lambda one: (-len(one), one))
    return re.compile(form % b"|".join(map(re.escape, longest_first)))


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Merge spans that touch or overlap."""
    begin, end = -1, -1
    for start, stop in spans:
        if start > end:
            if end > begin:
                yield begin, end
            begin, end = start, stop
        end = max(end, stop)
    if end > begin:
        yield begin, end
