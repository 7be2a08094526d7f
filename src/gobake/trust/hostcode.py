"""Which settings a build may pass to this machine's own Go. Pure.

A compile in a container may start any program there. On this machine it has the user's rights, files and environment,
so the tree must not name a program to start or a file to write.
"""

from __future__ import annotations

import re
import shlex

from gobake.model import Service

# Variables that only select Go's own features (cmd/go/internal/cfg)
_VARIABLES = frozenset(
    (
        *("CGO_ENABLED", "GOEXPERIMENT", "GOFIPS140", "GODEBUG", "GOWORK"),
        *("GOAMD64", "GOARM", "GOARM64", "GO386", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM"),
    )
)
_FLAGS = frozenset(("tags", "mod", "trimpath", "buildvcs", "buildmode", "pgo", "p", "v", "work", "x", "a", "race"))
# Flags of the linker (cmd/link) that write no file and start no other linker
_LINKER = frozenset(("s", "w", "X", "B", "buildid", "compressdwarf", "H", "I", "v", "E"))
_TAKE_A_WORD = frozenset(("X", "B", "buildid", "H", "I", "E"))


def refusal(service: Service) -> tuple[str, str] | None:
    """Return (key, value) of the first setting that may start a program or write a file; None if there is none."""
    for name, value in service.build.env:
        if name == "GOFLAGS":
            for word in _split(value):
                if _flag(word) not in _FLAGS:
                    return "build_env.GOFLAGS", word
        elif name not in _VARIABLES:
            return f"build_env.{name}", value
    words = iter(_split(service.build.ldflags))
    for word in words:
        flag = _flag(word)
        if flag not in _LINKER and word.replace("--", "-", 1) != "-linkmode=internal":
            return "ldflags", word
        if flag in _TAKE_A_WORD and "=" not in word:
            next(words, None)
    return None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # Go refuses it too
        return text.split()


def _flag(word: str) -> str:
    match = re.fullmatch(r"--?([A-Za-z0-9]\w*)(=.*)?", word, re.DOTALL)
    return match[1] if match else ""
