"""Checks data from outside (registries, layouts, seeds, histories, archives) before it is used.

A digest, tag or label becomes part of a path, a request or a file name only after it has passed here, and nothing is
unpacked or parsed without a bound. The writer of the data is not trusted. Each function returns a value of its type or
raises `Unfit`, and no other exception.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Mapping
from typing import IO, Any

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')

LONGEST_JSON = 4 << 20  # bytes: the limit of registries for a manifest, and more than a record needs
LONGEST_LABEL = 4096  # characters
_MOST_VALUES = 1_000_000  # an empty list takes three bytes of text but sixty bytes of memory
_LARGEST_COUNT = 1 << 53
_PIECE = 1 << 16


class Unfit(ValueError):
    """The data is not of the expected form. The message is a predicate; its subject is whatever was read."""


def digest(value: object) -> str:
    """Return a digest: `sha256:` and 64 hex digits."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise Unfit(f"{_shown(value)} is not a sha256 digest")
    return value


def hex_of(value: object) -> str:
    """Return the 64 hex digits of a digest, which name its blob's file."""
    return digest(value).removeprefix("sha256:")


def is_hex(name: str) -> bool:
    """Whether a file name consists of the 64 hex digits of a digest."""
    return bool(_HEX.fullmatch(name))


def tag(value: object) -> str:
    """Return an image tag, which is also safe as a file name."""
    if not isinstance(value, str) or not _TAG.fullmatch(value):
        raise Unfit(f"{_shown(value)} is not a tag")
    return value


def label(value: object) -> str:
    """Return a label: one printable line of at most LONGEST_LABEL characters."""
    if not isinstance(value, str) or len(value) > LONGEST_LABEL or _UNPRINTABLE.search(value):
        raise Unfit(f"{_shown(value)} is not a label")
    return value


def labels(value: object) -> dict[str, str]:
    """Return the valid labels or annotations of an image; None gives none. Raises Unfit for what is not an object."""
    valid = {}
    for key, text in mapping(value if value is not None else {}).items():
        try:
            valid[label(key)] = label(text)
        except Unfit:
            continue  # labels of other programs may be anything
    return valid


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise Unfit(f"{_shown(value)} is not an object")
    return value


def items(value: object) -> list[Any]:
    """Return a JSON list; None gives an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unfit(f"{_shown(value)} is not a list")
    return value


def count(value: object) -> int:
    """Return a count from 0 to 2^53; None gives 0."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise Unfit(f"{_shown(value)} is not a count")
    return value


def number(text: str) -> int:
    """Return a count written as decimal digits."""
    if not _NUMBER.fullmatch(text):
        raise Unfit(f"{_shown(text)} is not a number")
    return int(text)


def parsed(data: bytes, longest: int = LONGEST_JSON) -> Any:
    """Parse JSON, bounded in bytes, values and depth."""
    if len(data) > longest:
        raise Unfit(f"has more than {longest >> 20} MiB")
    if _values(data) > _MOST_VALUES:
        raise Unfit(f"has more than {_MOST_VALUES} values")
    try:
        return json.loads(data, parse_constant=_no_number)
    except RecursionError:
        raise Unfit("is nested too deeply") from None
    except ValueError:  # also bytes that are not UTF-8, and integers of thousands of digits
        raise Unfit("is not JSON") from None


def parsed_object(data: bytes, longest: int = LONGEST_JSON) -> Mapping[str, Any]:
    """Parse JSON whose value is an object."""
    value = parsed(data, longest)
    if not isinstance(value, dict):
        raise Unfit("is not a JSON object")
    return value


def unzipped(data: bytes | IO[bytes], longest: int) -> bytes:
    """Decompress gzip data of any number of members; at most ``longest`` bytes are held in memory."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    content = bytearray()
    unpack, begun = zlib.decompressobj(wbits=31), False
    waiting = source.read(_PIECE)
    while waiting:
        try:
            content += unpack.decompress(waiting, longest + 1 - len(content))
        except zlib.error:
            raise Unfit("is not gzip, or damaged") from None
        if len(content) > longest:
            raise Unfit(f"has more than {longest >> 20} MiB, unpacked")
        begun = True
        if unpack.eof:
            # zeros may follow the last member: padding of tar or a tape
            waiting = unpack.unused_data.lstrip(b"\0") or source.read(_PIECE).lstrip(b"\0")
            unpack, begun = zlib.decompressobj(wbits=31), False
        else:
            waiting = unpack.unconsumed_tail or source.read(_PIECE)
    if begun:
        raise Unfit("ends too soon")
    return bytes(content)


def inflated(data: bytes, longest: int) -> bytes:
    """Decompress zlib data of at most ``longest`` bytes."""
    unpack = zlib.decompressobj()
    try:
        content = unpack.decompress(data, longest + 1)
    except zlib.error:
        raise Unfit("is damaged") from None
    if len(content) > longest:
        raise Unfit(f"has more than {longest >> 20} MiB, unpacked")
    if not unpack.eof:
        raise Unfit("ends too soon")
    return content


def _values(data: bytes) -> int:
    """Return an upper bound of the number of JSON values."""
    most = sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if most <= _MOST_VALUES:
        return most  # marks in strings count too
    bare = _STRING.sub(b"", data)
    return sum(bare.count(mark) for mark in (b",", b"[", b"{"))


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is none of JSON's")


def _shown(value: object) -> str:
    if isinstance(value, str):
        short = _UNPRINTABLE.sub("?", value[:60])
        return repr(short + ("…" if len(value) > 60 else ""))
    return f"a value of the type {type(value).__name__}"
