"""All errors that stop gobake, each with its exit code and a message for the user.

A message is one line: what is wrong, where (file, line, key), what to do. The command line prints it unchanged. No
other module prints an error or calls ``sys.exit``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """Exit codes that scripts may rely on."""

    DONE = 0
    USAGE = 2  # usage or configuration
    NO_ENGINE = 3  # no engine, or one that cannot do what was asked
    BUILD_FAILED = 4
    GATE_FAILED = 5
    REGISTRY = 6  # registry or deployment
    NOT_STARTED = 7  # an image did not start, or did not answer
    INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)  # no Struct: `gobake --help` runs without msgspec
class Where:
    """A position in a user's file. ``line`` and ``column`` start at 1; 0 means unknown."""

    file: Path
    line: int = 0
    column: int = 0
    key: str = ""  # dotted path of the key, such as services.api.strategy

    def of(self, key: str) -> Where:
        """Return the same position with another key."""
        return Where(file=self.file, line=self.line, column=self.column, key=key)

    def __str__(self) -> str:
        place = str(self.file)
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return f"{place}: {self.key}" if self.key else place


class GobakeError(Exception):
    """The base of all fatal errors.

    ``remedy`` says what the user can do. ``words`` is the output of another program if it has several lines; it is
    shown below the message.
    """

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
    """The command line names something that does not exist, or its parts contradict each other."""


class ConfigError(GobakeError):
    """gobake.yaml is invalid."""


class NotTrusted(GobakeError):
    """A project asks for something that only trusted projects get."""


class ProjectError(GobakeError):
    """There is no Go module here, or Go itself refuses its state."""


class GoMissing(GobakeError):
    """There is no Go toolchain on the host, and no engine to run one."""

    exit_code = ExitCode.NO_ENGINE


class NoEngine(GobakeError):
    """No Docker Engine responds."""

    exit_code = ExitCode.NO_ENGINE


class NoBuildx(GobakeError):
    """The docker client has no buildx plugin."""

    exit_code = ExitCode.NO_ENGINE


class EngineTooOld(GobakeError):
    """The engine or its image store cannot build for several platforms."""

    exit_code = ExitCode.NO_ENGINE


class NoBuilder(GobakeError):
    """The builder given by --builder does not exist or does not respond."""

    exit_code = ExitCode.NO_ENGINE


class EmulationMissing(GobakeError):
    """A target runs commands on a platform that no node of the builder supports."""

    exit_code = ExitCode.NO_ENGINE


class BuildFailed(GobakeError):
    """A step of the build failed."""

    exit_code = ExitCode.BUILD_FAILED


class CompileFailed(BuildFailed):
    """Go rejected the user's code."""


class BaseImageMissing(BuildFailed):
    """A base image could not be resolved."""


class GoVersionMissing(BaseImageMissing):
    """No golang image has the Go version that the project asks for."""


class ModulesUnavailable(BuildFailed):
    """Go could not get a module: no network, no such version, or no permission to read it."""


class BaseImageRefused(BuildFailed):
    """A base image does something that no recipe shows."""


class TransferStalled(BuildFailed):
    """A transfer that the build needs made no progress for too long: a module, a base image, a registry."""


class DiskFull(BuildFailed):
    """The engine or the host has no disk space left."""


class RegistryRefused(GobakeError):
    """The registry refused a push or pull, or did not respond."""

    exit_code = ExitCode.REGISTRY


class CachesDisagree(GobakeError):
    """Builds with and without caches give different binaries."""

    exit_code = ExitCode.GATE_FAILED


class SmokeFailed(GobakeError):
    """An image was built, but its container does not start, ends with an error or does not answer."""

    exit_code = ExitCode.NOT_STARTED


class GateFailed(GobakeError):
    """The build succeeded, but its caches miss the limits of the gate."""

    exit_code = ExitCode.GATE_FAILED


class Unwritable(GobakeError):
    """A file or folder could not be written, or the history not be read."""


class Interrupted(GobakeError):
    """The user pressed Ctrl-C; the build was cancelled in the engine too."""

    exit_code = ExitCode.INTERRUPTED
