"""Unpacks and checks streams: gzip and zstd, and digests."""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from gobake.errors import UsageError
from gobake.foreign.checks import Unfit

_PIECE = 1 << 18
_LARGEST = 64 << 30  # bytes of a layer, unpacked
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_SMALL = 1 << 12  # bytes of zstd that are unpacked at a time
_WINDOW = 27  # the largest window of zstd, as a power of two, that is allocated: 128 MiB


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes: ...


class Hashed:
    """A stream that knows the digest of what was read."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def require(self, digest: str) -> None:
        """Read to the end. Raises Unfit if it was not that of the digest."""
        while self.read(_PIECE):
            pass
        if f"sha256:{self._hash.hexdigest()}" != digest:
            raise Unfit("does not match its digest")


class _Unpacking:
    """A stream of unpacked bytes, made piece by piece."""

    def __init__(self, stream: Readable, begun: bytes, pieces: Callable[[], Any], errors: type[Exception]) -> None:
        self._stream, self._waiting = stream, begun
        self._make, self._errors = pieces, errors
        self._unpack: Any = None
        self._ready = b""
        self._total = 0

    def read(self, size: int = -1) -> bytes:
        while not self._ready:
            if not self._more():
                return b""
        data, self._ready = (self._ready, b"") if size < 0 else (self._ready[:size], self._ready[size:])
        return data

    def _more(self) -> bool:
        """Unpack a further piece; False at the end. Raises Unfit."""
        if not self._waiting:
            self._waiting = self._stream.read(_PIECE)
            if not self._waiting:
                if self._unpack is not None:
                    raise Unfit("ends too soon")
                return False
        if self._unpack is None:
            self._waiting = self._waiting.lstrip(b"\0")  # padding behind the last member
            if not self._waiting:
                return True
            self._unpack = self._make()
        try:
            self._ready, self._waiting, ended = self._unpack(self._waiting)
        except self._errors:
            raise Unfit("is not compressed as it says, or damaged") from None
        if ended:
            self._unpack = None
        self._total += len(self._ready)
        if self._total > _LARGEST:
            raise Unfit(f"has more than {_LARGEST >> 30} GiB, unpacked")
        return True


class _Begun:
    """A stream whose first bytes were read already."""

    def __init__(self, stream: Readable, begun: bytes) -> None:
        self._stream, self._begun = stream, begun

    def read(self, size: int = -1) -> bytes:
        data, self._begun = self._begun, b""
        if not data:
            return self._stream.read(size)
        if 0 <= size < len(data):
            data, self._begun = data[:size], data[size:]
        return data


def unpacked(stream: Readable) -> tuple[Readable, bool]:
    """The stream without its compression, and whether it had one; its first bytes tell. Raises Unfit and UsageError."""
    begun = b""
    while len(begun) < 4 and (data := stream.read(4 - len(begun))):
        begun += data
    if begun.startswith(_GZIP):
        return _Unpacking(stream, begun, _gzip, zlib.error), True
    if begun == _ZSTD:
        make, errors = _zstd()
        return _Unpacking(stream, begun, make, errors), True
    return _Begun(stream, begun), False


def _gzip() -> Callable[[bytes], tuple[bytes, bytes, bool]]:
    unpack = zlib.decompressobj(wbits=31)

    def piece(data: bytes) -> tuple[bytes, bytes, bool]:
        out = unpack.decompress(data, 4 * _PIECE)
        return out, unpack.unused_data if unpack.eof else unpack.unconsumed_tail, unpack.eof

    return piece


def _zstd() -> tuple[Callable[[], Any], type[Exception]]:
    """Python's own zstd since 3.14, or the package zstandard. Raises UsageError where there is neither."""
    for name in ("compression.zstd", "zstandard"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return partial(_in_small_pieces, module), module.ZstdError
    raise UsageError(
        "this image has layers packed with zstd, which this Python cannot read",
        remedy="install the Python package zstandard beside gobake: pip install 'gobake[zstd]'",
    )


def _in_small_pieces(module: Any) -> Callable[[bytes], tuple[bytes, bytes, bool]]:
    """What a piece unpacks to has no other bound than that of its blocks: 128 KiB for four bytes."""
    unpack = _decompressor(module)

    def piece(data: bytes) -> tuple[bytes, bytes, bool]:
        out = unpack.decompress(data[:_SMALL])
        return out, (unpack.unused_data if unpack.eof else b"") + data[_SMALL:], unpack.eof

    return piece


def _decompressor(module: Any) -> Any:
    if hasattr(module, "DecompressionParameter"):
        return module.ZstdDecompressor(options={module.DecompressionParameter.window_log_max: _WINDOW})
    return module.ZstdDecompressor(max_window_size=1 << _WINDOW).decompressobj()
