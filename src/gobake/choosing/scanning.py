"""Runs the vulnerability scanners of this machine on images and their programs.

A scanner reads a copy of the image or of its program, in a folder that holds nothing else: it gets no engine, and
settings and code of the tree take no part. govulncheck is built from the module proxy if Go is there and it is not.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gobake.choosing.gathering import Wanted
from gobake.choosing.scanners import Scanned, Scanner, counted
from gobake.gotool import host, settings
from gobake.images import writing
from gobake.images.sources import Opened, saved_by_engine
from gobake.proc import command
from gobake.proc.command import CommandError
from gobake.text.printable import one_line

GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
_SECONDS = 900.0  # of one scan; the first one may fetch a database of hundreds of megabytes
_SHOWN = 300  # characters of a failure


class Scans(Struct, frozen=True, kw_only=True):
    """What all scanners say of all images."""

    found: tuple[tuple[Scanned, ...], ...] = ()  # by image, in their order
    absent: tuple[Scanner, ...] = ()  # scanners that this machine does not have


class Tools(Struct, frozen=True, kw_only=True):
    """The scanners of this machine."""

    programs: Mapping[Scanner, str]  # paths
    go: str = ""  # the go command; it builds govulncheck where that is missing
    vulndb: str = ""  # the address of govulncheck's database; "" for its own

    @property
    def absent(self) -> tuple[Scanner, ...]:
        return tuple(scanner for scanner in Scanner if not self._has(scanner))

    @property
    def present(self) -> tuple[Scanner, ...]:
        return tuple(scanner for scanner in Scanner if self._has(scanner))

    def _has(self, scanner: Scanner) -> bool:
        return scanner in self.programs or (scanner is Scanner.GOVULNCHECK and bool(self.go))


def tools(vulndb: str = "") -> Tools:
    """Return the scanners that are on this machine."""
    found = {scanner: path for scanner in Scanner if (path := _which(scanner))}
    return Tools(programs=found, go=_which("go"), vulndb=vulndb)


def _which(name: str) -> str:
    """The path of a program; never one that depends on the folder that gobake is run in."""
    path = shutil.which(name)
    return path if path and Path(path).is_absolute() else ""


def scan(images: Sequence[Wanted], there: Tools, scratch: Path) -> Scans:
    """Scan images that are in the engine. Raises UsageError and NoEngine, but not for a scanner that fails."""
    if not there.present or not images:
        return Scans(absent=there.absent, found=((),) * len(images))
    saved = saved_by_engine(list(dict.fromkeys(one.image for one in images)), scratch)
    scanning = _Scanning(there, scratch)
    found = [tuple(scanning.of(saved.opened(one.image, one.platform))) for one in images]
    return Scans(found=tuple(found), absent=there.absent)


class _Scanning:
    """Scans images one after the other; an image and a program that comes again is not scanned again."""

    def __init__(self, there: Tools, scratch: Path) -> None:
        self._tools = there
        self._scratch = scratch
        self._layout, self._empty, self._program = (scratch / name for name in ("layout", "empty", "scanned"))
        self._empty.mkdir()
        self._known: dict[tuple[Scanner, str], Scanned] = {}
        self._govulncheck: Path | Scanned | None = None

    def of(self, opened: Opened) -> Iterator[Scanned]:
        digest = opened.image.manifest
        images = [one for one in self._tools.present if one is not Scanner.GOVULNCHECK]
        if any((scanner, digest) not in self._known for scanner in images):
            writing.lay_out(opened, self._layout)
        for scanner in images:
            if (scanner, digest) not in self._known:
                self._known[scanner, digest] = self._of_image(scanner)
            yield self._known[scanner, digest]
        if Scanner.GOVULNCHECK in self._tools.present:
            yield self._of_program(opened)

    def _of_image(self, scanner: Scanner) -> Scanned:
        program = self._tools.programs[scanner]
        words = {
            Scanner.GRYPE: [program, f"oci-dir:{self._layout}", "-o", "json", "-q"],
            Scanner.TRIVY: [
                *(program, "image", "--input", str(self._layout), "--scanners", "vuln", "--format", "json", "--quiet"),
            ],
        }
        return self._ran(scanner, words[scanner])

    def _of_program(self, opened: Opened) -> Scanned:
        scanner = Scanner.GOVULNCHECK
        path = next(iter(opened.image.entrypoint), "")
        self._program.unlink(missing_ok=True)
        if path.startswith("/"):
            opened.read({path: self._program})
        if not self._program.is_file():
            return Scanned(scanner=scanner, counts=None, why="the image has no program that can be copied out")
        with self._program.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if (scanner, digest) not in self._known:
            govulncheck = self._ready()
            if isinstance(govulncheck, Scanned):
                return govulncheck
            database = ["-db", self._tools.vulndb] if self._tools.vulndb else []
            words = [str(govulncheck), "-mode=binary", "-format", "json", *database, str(self._program)]
            self._known[scanner, digest] = self._ran(scanner, words)
        return self._known[scanner, digest]

    def _ready(self) -> Path | Scanned:
        """The path of govulncheck, which is built if it has to be; or why there is none."""
        if self._govulncheck is None:
            there = self._tools.programs.get(Scanner.GOVULNCHECK)
            self._govulncheck = Path(there) if there else self._installed()
        return self._govulncheck

    def _installed(self) -> Path | Scanned:
        go, folder = self._tools.go, self._scratch / "bin"
        own = settings.of_host(os.environ, host.own_settings(go))
        del own["GOTOOLCHAIN"]  # govulncheck may need a newer one than the project
        chosen = {name: os.environ[name] for name in ("GOTOOLCHAIN",) if name in os.environ}
        env = {**own, **chosen, "GOBIN": str(folder), "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}
        why = self._failure([go, "install", GOVULNCHECK], env)
        return Scanned(scanner=Scanner.GOVULNCHECK, counts=None, why=why) if why else folder / "govulncheck"

    def _failure(self, words: Sequence[str], env: Mapping[str, str]) -> str:
        env = {**env, "TMPDIR": str(self._scratch), "PWD": str(self._empty)}
        try:
            done = command.run(words, env=env, cwd=self._empty, seconds=_SECONDS)
        except CommandError as error:
            return one_line(str(error), _SHOWN)
        return _last(done) if done.code else ""

    def _ran(self, scanner: Scanner, words: Sequence[str]) -> Scanned:
        env = {**os.environ, "TMPDIR": str(self._scratch), "PWD": str(self._empty)}
        try:
            done = command.run(words, env=env, cwd=self._empty, seconds=_SECONDS)
        except CommandError as error:
            return Scanned(scanner=scanner, counts=None, why=one_line(str(error), _SHOWN))
        if done.code:
            return Scanned(scanner=scanner, counts=None, why=_last(done))
        try:
            return Scanned(scanner=scanner, counts=counted(scanner, done.out))
        except ValueError as error:
            return Scanned(scanner=scanner, counts=None, why=one_line(f"its output is not understood: {error}", _SHOWN))


def _last(done: command.Done) -> str:
    return one_line(done.last, _SHOWN) or f"it ended with exit code {done.code}"
