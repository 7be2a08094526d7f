"""Reads the credentials that `docker login` stored, in docker's config.json or in the credential helper named there."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gobake.foreign import checks
from gobake.foreign.checks import Unfit
from gobake.proc import command
from gobake.proc.command import CommandError

HUB = "docker.io"
_HUB_KEY = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # a helper's user name for an identity token
_HELPER_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A user with a password, or an identity token. Neither is ever printed."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def credentials_of(host: str) -> Credentials | None:
    """Return docker's credentials for a host; None without any, because the registry may not need them."""
    config = _config()
    key = _HUB_KEY if host == HUB else host
    helper = _section(config, "credHelpers").get(host) or config.get("credsStore")
    if isinstance(helper, str) and helper and (found := _from_helper(helper, key)):
        return found
    for name, entry in _section(config, "auths").items():
        if _host(name) == _host(key) and isinstance(entry, dict) and (found := _inline(entry)):
            return found
    return None


def _config() -> Mapping[str, Any]:
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        return checks.parsed_object((folder / "config.json").read_bytes())
    except (OSError, Unfit):
        return {}


def _section(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def _host(key: str) -> str:
    """Return the host of a key; older docker clients wrote https://host/v1/."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _inline(entry: Mapping[str, Any]) -> Credentials | None:
    if token := entry.get("identitytoken"):
        return Credentials(token=str(token))
    try:
        user, colon, password = base64.b64decode(str(entry.get("auth", "")), validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor text
        return None
    return Credentials(user=user, password=password.rstrip("\0")) if colon else None


def _from_helper(helper: str, key: str) -> Credentials | None:
    try:
        done = command.run([f"docker-credential-{helper}", "get"], env=os.environ, given=key, seconds=_HELPER_SECONDS)
        told = checks.parsed_object(done.out.encode())
    except (CommandError, ValueError):
        return None
    user, secret = told.get("Username"), told.get("Secret")
    if done.code or not isinstance(user, str) or not isinstance(secret, str):
        return None
    return Credentials(token=secret) if user == _TOKEN_USER else Credentials(user=user, password=secret)
