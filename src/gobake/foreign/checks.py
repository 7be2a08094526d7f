"""What comes from outside (registries, layouts, seeds, histories, archives), checked before anything is done with it.

A digest, a tag or a label becomes part of a path, of a request or of a file's name only after it has passed here, and
nothing is unpacked or parsed beyond a bound. Whoever wrote the data is not trusted; whoever reads it gets a value of
the promised type or `Unfit`, and never another exception.
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

LONGEST_JSON = 4 << 20  # bytes: what registries admit for a manifest, and more than a record needs
LONGEST_LABEL = 4096  # characters
_MOST_VALUES = 1_000_000  # an empty list takes three bytes of text and sixty of memory
_LARGEST_COUNT = 1 << 53
_PIECE = 1 << 16


class Unfit(ValueError):
    """It is not what it must be. The text completes a sentence whose subject is whatever was read."""


def digest(value: object) -> str:
    """`sha256:` and 64 hex digits."""
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise Unfit(f"{_shown(value)} is not a sha256 digest")
    return value


def hex_of(value: object) -> str:
    """The name of the file that holds the content of a digest."""
    return digest(value).removeprefix("sha256:")


def is_hex(name: str) -> bool:
    """Whether a file's name is that of a digest."""
    return bool(_HEX.fullmatch(name))


def tag(value: object) -> str:
    """A tag of an image, which is also a file's name that leads nowhere else."""
    if not isinstance(value, str) or not _TAG.fullmatch(value):
        raise Unfit(f"{_shown(value)} is not a tag")
    return value


def label(value: object) -> str:
    """One printable line."""
    if not isinstance(value, str) or len(value) > LONGEST_LABEL or _UNPRINTABLE.search(value):
        raise Unfit(f"{_shown(value)} is not a label")
    return value


def labels(value: object) -> dict[str, str]:
    """Labels of an image or annotations: those that are one; None is none at all."""
    found = {}
    for key, text in mapping(value if value is not None else {}).items():
        try:
            found[label(key)] = label(text)
        except Unfit:
            continue  # those of other programs may be anything
    return found


def mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"{_shown(value)} is not an object")
    return value


def items(value: object) -> list[Any]:
    """A list; None is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unfit(f"{_shown(value)} is not a list")
    return value


def count(value: object) -> int:
    """A number of bytes or things; None is 0."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNT:
        raise Unfit(f"{_shown(value)} is not a count")
    return value


def number(text: str) -> int:
    """A count that was written as text."""
    if not _NUMBER.fullmatch(text):
        raise Unfit(f"{_shown(text)} is not a number")
    return int(text)


def parsed(data: bytes, longest: int = LONGEST_JSON) -> Any:
    """JSON, bounded in bytes, values and depth."""
    if len(data) > longest:
        raise Unfit(f"has more than {longest >> 20} MiB")
    if _values(data) > _MOST_VALUES:
        raise Unfit(f"has more than {_MOST_VALUES} values")
    try:
        return json.loads(data, parse_constant=_no_number)
    except RecursionError:
        raise Unfit("is nested too deeply") from None
    except ValueError:  # also bytes that are no text, and integers of thousands of digits
        raise Unfit("is not JSON") from None


def parsed_object(data: bytes, longest: int = LONGEST_JSON) -> Mapping[str, Any]:
    found = parsed(data, longest)
    if not isinstance(found, dict):
        raise Unfit("is not a JSON object")
    return found


def unzipped(data: bytes | IO[bytes], longest: int) -> bytes:
    """What gzip packed, of any number of members; never more than ``longest`` bytes are in memory for it."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    found = bytearray()
    unpack, begun = zlib.decompressobj(wbits=31), False
    waiting = source.read(_PIECE)
    while waiting:
        try:
            found += unpack.decompress(waiting, longest + 1 - len(found))
        except zlib.error:
            raise Unfit("is not gzip, or damaged") from None
        if len(found) > longest:
            raise Unfit(f"has more than {longest >> 20} MiB, unpacked")
        begun = True
        if unpack.eof:
            # zeros may follow the last member, as tar and some tapes leave them
            waiting = unpack.unused_data.lstrip(b"\0") or source.read(_PIECE).lstrip(b"\0")
            unpack, begun = zlib.decompressobj(wbits=31), False
        else:
            waiting = unpack.unconsumed_tail or source.read(_PIECE)
    if begun:
        raise Unfit("ends too soon")
    return bytes(found)


def inflated(data: bytes, longest: int) -> bytes:
    """What zlib packed."""
    unpack = zlib.decompressobj()
    try:
        found = unpack.decompress(data, longest + 1)
    except zlib.error:
        raise Unfit("is damaged") from None
    if len(found) > longest:
        raise Unfit(f"has more than {longest >> 20} MiB, unpacked")
    if not unpack.eof:
        raise Unfit("ends too soon")
    return found


def _values(data: bytes) -> int:
    """How many values there are, or a few more."""
    most = sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if most <= _MOST_VALUES:
        return most  # also where some of them stand in strings
    bare = _STRING.sub(b"", data)
    return sum(bare.count(mark) for mark in (b",", b"[", b"{"))


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is none of JSON's")


def _shown(value: object) -> str:
    if isinstance(value, str):
        short = _UNPRINTABLE.sub("?", value[:60])
        return repr(short + ("…" if len(value) > 60 else ""))
    return f"a value of the type {type(value).__name__}"
