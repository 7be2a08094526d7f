"""Decides which images can start a program with a loader, and what to do if an image cannot."""

from __future__ import annotations

import re

from gobake.errors import BuildFailed

_MUSL = re.compile(r".*/ld-musl-[^/]*")
_GLIBC = re.compile(r".*/(?:ld-linux[^/]*|ld\.so\.1|ld64\.so\.[12])")
LIBRARIES = "libraries"  # for distalpine, which copies loader and libraries into the image


def libc_of(interpreter: str) -> str:
    """Return `static`, `glibc`, `musl`, or "" for a loader that no base image has.

    The recipe's shell code makes the same decision.
    """
    if not interpreter:
        return "static"
    return "musl" if _MUSL.fullmatch(interpreter) else "glibc" if _GLIBC.fullmatch(interpreter) else ""


def starts(interpreter: str, libc: str) -> bool:
    """Whether an image with this libc (`static`: none) can start the program."""
    return libc_of(interpreter) in ("static", libc)


def unfit(service: str, strategy: str, libc: str, interpreter: str | None) -> BuildFailed:
    """Return the error for a program that an image cannot start.

    ``libc``: that of the image, `static` for none, or LIBRARIES if the loader to copy was not found.
    ``interpreter``: the loader that the program asks for; None if unknown.
    """
    if interpreter is not None and interpreter.startswith("-buildmode="):
        return BuildFailed(
            f"{service} was built with {interpreter} and is not a program",
            remedy="an image needs one that can be started",
        )
    which = f" (its ELF interpreter is {interpreter})" if interpreter else ""
    if libc == LIBRARIES:
        lacks = "neither that loader nor all of its libraries are where it was compiled"
        instead = "choose a base that has them, such as debian-slim"
    elif libc == "static":
        lacks = f"{strategy} has no loader"
        base = "alpine" if interpreter and libc_of(interpreter) == "musl" else "debian-slim"
        instead = f"choose distalpine or {base}"
        if strategy == "distroless":
            instead += ", or set the base distroless to gcr.io/distroless/base-debian12"
    else:
        lacks = f"{strategy} has {libc}"
        other = "alpine" if libc == "glibc" else "debian-slim"
        instead = f"choose distalpine or {other}"
        if libc == "musl":
            instead += ", or set the base go to a golang:X.Y-alpine image"
    return BuildFailed(
        f"{service} is linked dynamically{which} and {lacks}",
        remedy=f"{instead}, or link it statically: CGO_ENABLED=0 without -buildmode=pie, or with cgo "
        "`ldflags: -linkmode=external -extldflags=-static`",
    )
