"""What a pipeline is written for. A pipeline keeps it in its heading, so that it can be written again.

Every value ends up in YAML and in shells, and the heading of a pipeline may be anybody's: only plain words are taken.
"""

from __future__ import annotations

import re
from enum import StrEnum

import msgspec
from msgspec import Struct

from gobake.errors import UsageError
from gobake.model import Platform

GITLAB_REGISTRY = "$CI_REGISTRY_IMAGE"  # of the project, as GitLab calls it
MOST_SHARDS = 256  # jobs of a matrix, at GitHub


class System(StrEnum):
    """The CI systems that there are pipelines for."""

    GITHUB = "github"
    GITLAB = "gitlab"

    @property
    def file(self) -> str:
        """Where it looks for its pipeline, from the top of the repository."""
        return ".github/workflows/gobake.yml" if self is System.GITHUB else ".gitlab-ci.yml"


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a pipeline is written for."""

    registry: str  # prefix of the images' names
    install: str  # what pip installs gobake from
    platforms: tuple[str, ...] = ("linux/amd64", "linux/arm64")
    branch: str = "main"
    cache_store: str = ""  # "": below the registry
    folder: str = ""  # of the project, in the repository; "": its top
    go_version_file: str = ""  # from the top of the repository; "": there is none that names Go's version for all
    shards: int = 0  # 0: one for each platform
    one_runner: bool = False

    @property
    def host(self) -> str:
        """The registry's own address, for a login."""
        return "$CI_REGISTRY" if self.registry.startswith(GITLAB_REGISTRY) else self.registry.partition("/")[0]


_PLAIN = {
    "registry": r"(?:\$CI_REGISTRY_IMAGE(?![\w{])|[a-z0-9])[a-z0-9._:/-]*",
    "install": r"[\w+][\w.:/@+~=%-]*",
    "branch": r"\w[\w./+-]*",
    "cache_store": r"(?:[\w./~][\w./~:-]*)?",
    "folder": r"(?:\w[\w.-]*(?:/\w[\w.-]*)*)?",
    "go_version_file": r"(?:(?:\w[\w.-]*/)*go\.(?:mod|work))?",
}
_LONGEST = 300


def checked(options: Options) -> Options:
    """Return options whose values are plain words. Raises UsageError."""
    for name, pattern in _PLAIN.items():
        value = getattr(options, name)
        if len(value) > _LONGEST or not re.fullmatch(pattern, value, re.ASCII):
            raise UsageError(
                f"{name.replace('_', ' ')}: {value!r} cannot stand in a pipeline",
                remedy="use letters, digits and the usual signs only, or write it into the file by hand",
            )
    if not 0 <= options.shards <= MOST_SHARDS:
        raise UsageError(f"a pipeline has at most {MOST_SHARDS} shards")
    for platform in options.platforms:
        if str(Platform.parse(platform)) != platform:
            raise UsageError(f"platform {platform!r}", remedy=f"write {Platform.parse(platform)}")
    return options


def recorded(text: str) -> Options | None:
    """Read the options in a heading; None if they are not what gobake writes."""
    try:
        return checked(msgspec.json.decode(text.encode(), type=Options))
    except (msgspec.DecodeError, UsageError, ValueError):
        return None
