"""Every way in which gobake stops, each with its own exit code and a text written for the user.

A message is one line: what is wrong, where (file, line, key), what to do. The command line prints it as it is;
no other module prints an error or calls ``sys.exit``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """The exit codes that scripts may rely on."""

    DONE = 0
    USAGE = 2  # usage or configuration
    NO_ENGINE = 3  # no engine, or one that cannot do what was asked
    BUILD_FAILED = 4
    GATE_FAILED = 5
    REGISTRY = 6  # registry or deployment
    INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)  # no Struct: `gobake --help` does without msgspec
class Where:
    """A place in a file of the user's: ``line`` and ``column`` count from 1, 0 means unknown."""

    file: Path
    line: int = 0
    column: int = 0
    key: str = ""  # dotted path of the key, such as services.api.strategy

    def of(self, key: str) -> Where:
        """The same place, of another key."""
        return Where(file=self.file, line=self.line, column=self.column, key=key)

    def __str__(self) -> str:
        place = str(self.file)
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return f"{place}: {self.key}" if self.key else place


class GobakeError(Exception):
    """The base of all fatal errors. ``remedy`` says what the user can do about it; ``words`` are those of another
    program where they have several lines, and are shown below."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, *, where: Where | None = None, remedy: str = "", words: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.words = words

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.remedy}" if self.remedy else text


class UsageError(GobakeError):
    """The command line asks for something that does not exist or does not fit together."""


class ConfigError(GobakeError):
    """gobake.yaml does not say what it must."""


class NotTrusted(GobakeError):
    """A project wants what only a trusted one is given."""


class ProjectError(GobakeError):
    """There is no Go module here, or it is in a state that Go itself refuses."""


class GoMissing(GobakeError):
    """Neither a Go toolchain on the host nor an engine to ask one in."""

    exit_code = ExitCode.NO_ENGINE


class NoEngine(GobakeError):
    """No Docker Engine answers."""

    exit_code = ExitCode.NO_ENGINE


class NoBuildx(GobakeError):
    """The docker client has no buildx plugin."""

    exit_code = ExitCode.NO_ENGINE


class EngineTooOld(GobakeError):
    """The engine or its image store lacks what a build of several platforms needs."""

    exit_code = ExitCode.NO_ENGINE


class NoBuilder(GobakeError):
    """The builder that --builder names does not exist or does not answer."""

    exit_code = ExitCode.NO_ENGINE


class EmulationMissing(GobakeError):
    """A target runs commands on a platform that no node of the builder can run."""

    exit_code = ExitCode.NO_ENGINE


class BuildFailed(GobakeError):
    """The build stopped in a step."""

    exit_code = ExitCode.BUILD_FAILED


class CompileFailed(BuildFailed):
    """Go refused the user's code."""


class BaseImageMissing(BuildFailed):
    """A base image could not be resolved."""


class GoVersionMissing(BaseImageMissing):
    """No golang image has the Go version that the project asks for."""


class ModulesUnavailable(BuildFailed):
    """Go could not get a module: no network, no such version, or no right to read it."""


class BaseImageRefused(BuildFailed):
    """A base image does what no recipe shows."""


class TransferStalled(BuildFailed):
    """Something that the build needs stood still for too long: a module, a base image, a registry."""


class DiskFull(BuildFailed):
    """The engine, or the host, has no room left."""


class RegistryRefused(GobakeError):
    """A push or pull was refused or the registry did not answer."""

    exit_code = ExitCode.REGISTRY


class CachesDisagree(GobakeError):
    """A build with the caches gives another program than one without."""

    exit_code = ExitCode.GATE_FAILED


class GateFailed(GobakeError):
    """A build went well, and its caches fell short of what was asked of them."""

    exit_code = ExitCode.GATE_FAILED


class Unwritable(GobakeError):
    """A file or folder could not be written."""


class Interrupted(GobakeError):
    """The user pressed Ctrl-C; the build was stopped in the engine as well."""

    exit_code = ExitCode.INTERRUPTED
