"""Modules as a proxy and a git server hand them out, with their sums."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Module:
    """One version of a module; its files by name."""

    path: str
    files: Mapping[str, str]
    version: str = "v1.0.0"

    @property
    def mod(self) -> str:
        return self.files["go.mod"]

    @property
    def zip(self) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in sorted(self.files.items()):
                archive.writestr(f"{self.path}@{self.version}/{name}", text)
        return packed.getvalue()

    @property
    def sums(self) -> str:
        """Its lines of go.sum (golang.org/x/mod/sumdb/dirhash, Hash1)."""
        whole = _hash1({f"{self.path}@{self.version}/{name}": text for name, text in self.files.items()})
        return f"{self.path} {self.version} {whole}\n{self.path} {self.version}/go.mod {_hash1({'go.mod': self.mod})}\n"


def _hash1(files: Mapping[str, str]) -> str:
    lines = (f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


def library(path: str, says: str) -> Module:
    """A module that no earlier run had: BuildKit would reuse a step that read the same sums, and ask nobody."""
    text = f'package lib\n\nconst Says = "{says}"\n\n// {secrets.token_hex(8)}\n'
    return Module(path=path, files={"go.mod": f"module {path}\n\ngo 1.26\n", "lib.go": text})
