"""The sources of logins, keys and certificates, one function each."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from gobake.config.private import PrivateConfig
from gobake.config.values import Config
from gobake.credentials import host, netrc
from gobake.credentials.hosts import Hosts
from gobake.credentials.logins import without_logins
from gobake.credentials.netrc import Login
from gobake.errors import ConfigError

LONGEST_FILE = 500_000  # bytes; BuildKit's limit for a secret is 500 KiB
USER = "oauth2"  # user name for tokens; GitHub and GitLab accept any


class Names(Struct, frozen=True, kw_only=True):
    """Resolves names in gobake.yaml to files and values of this machine, with errors at the name's place."""

    config: Config | None
    root: Path
    environment: Mapping[str, str]

    def refuse(self, key: str, what: str, remedy: str) -> ConfigError:
        where = self.config.where_of(f"private.{key}") if self.config else None
        return ConfigError(what, where=where, remedy=remedy)

    def path(self, name: str) -> Path:
        return host.home(self.environment) / name[2:] if name.startswith("~/") else self.root / name

    def read(self, key: str, name: str) -> str:
        file = self.path(name)
        try:
            return file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            raise self.refuse(key, f"there is no file {file}", "create it, or remove the key") from None
        except OSError as error:
            raise self.refuse(
                key, f"{file} cannot be read: {error.strerror}", "make it readable, or remove the key"
            ) from None


def netrc_of(private: PrivateConfig, names: Names, sources: list[str], hosts: Hosts) -> str:
    """Return the netrc entries for the servers of the modules. Appends a description to ``sources``."""
    if private.netrc == "none":
        return ""
    file = names.path(private.netrc) if private.netrc else host.netrc_file(names.environment)
    text = names.read("netrc", private.netrc) if private.netrc else host.text_of(file)
    logins = [login for login in netrc.logins(text) if hosts.need(login.host)]
    if not logins:
        return ""
    sources.append(f"netrc {file} for {', '.join(dict.fromkeys(login.host for login in logins))}")
    return "".join(f"machine {login.host} login {login.user} password {login.password}\n" for login in logins)


def tokens_of(private: PrivateConfig, names: Names, sources: list[str]) -> tuple[Login, ...]:
    """Return the logins of `private.tokens`. Raises ConfigError for a variable that is not set."""
    logins = []
    for address, token in (private.tokens or {}).items():
        value = names.environment.get(token.variable, "").strip()
        if not value:
            raise names.refuse(
                f"tokens.{address}",
                f"the environment variable {token.variable} is not set",
                f"set it to the token for {address}, or remove the key",
            )
        if len(value.split()) > 1:
            raise names.refuse(
                f"tokens.{address}",
                f"the environment variable {token.variable} contains white space",
                "a token has no spaces or line breaks",
            )
        logins.append(Login(host=address, user=token.username or USER, password=value))
        sources.append(f"token ${token.variable} for {address}")
    return tuple(logins)


def ssh_of(private: PrivateConfig, names: Names, sources: list[str], *, wanted: bool) -> Path | None:
    """Return an agent's socket or a key file for buildx, or None.

    ``wanted``: a module is fetched over SSH; a key in gobake.yaml is used anyway. Raises ConfigError.
    """
    if private.ssh == "none" or (private.ssh is None and not wanted):
        return None
    if private.ssh in (None, "agent"):
        agent = host.agent(names.environment)
        if agent is None and private.ssh:
            raise names.refuse(
                "ssh",
                "no SSH agent answers at $SSH_AUTH_SOCK",
                "start one: eval $(ssh-agent) && ssh-add; or name a file with a key",
            )
        sources += ["ssh agent $SSH_AUTH_SOCK"] if agent else []
        return agent
    key = names.read("ssh", private.ssh)
    if "PRIVATE KEY-----" not in key:
        raise names.refuse("ssh", f"{names.path(private.ssh)} is not a private key", "name the file without .pub")
    if _has_passphrase(key):
        raise names.refuse(
            "ssh",
            f"the key in {names.path(private.ssh)} has a passphrase",
            f"run `ssh-add {private.ssh}` and write `ssh: agent`",
        )
    sources.append(f"ssh key {names.path(private.ssh)}")
    return names.path(private.ssh)


def _has_passphrase(key: str) -> bool:
    """Whether the key is encrypted: PEM says ENCRYPTED, OpenSSH's own format names a cipher (PROTOCOL.key)."""
    if "ENCRYPTED" in key:
        return True
    if "BEGIN OPENSSH" not in key:
        return False
    body = "".join(line for line in key.splitlines() if line and not line.startswith("-----"))
    try:
        return not base64.b64decode(body).startswith(b"openssh-key-v1\0\0\0\0\x04none")
    except ValueError:
        return False


def known_hosts_of(private: PrivateConfig, names: Names, wanted: bool) -> str:
    if private.known_hosts:
        return names.read("known_hosts", private.known_hosts)
    return host.known_hosts(names.environment) if wanted else ""


def certificates_of(private: PrivateConfig, names: Names, more: str, sources: list[str]) -> str:
    """Return the certificates of this machine and of the project in one text, since git reads only one file."""
    if private.ca_bundle == "none":
        return ""
    own: tuple[str, ...] = ()
    if private.ca_bundle:
        own = host.certificates(names.read("ca_bundle", private.ca_bundle))
        if not own:
            raise names.refuse(
                "ca_bundle",
                f"{names.path(private.ca_bundle)} contains no PEM certificate",
                "convert it: openssl x509 -inform der -in FILE",
            )
        sources.append(f"certificates {names.path(private.ca_bundle)}")
    common = host.bundle_file(names.environment)
    if common:
        sources.append(f"certificates {common}")
    text = "\n".join(dict.fromkeys([*own, *host.certificates(more), *host.certificates(_text(common))]))
    if len(text) <= LONGEST_FILE:
        return f"{text}\n" if text else ""
    own_alone = "\n".join(own)
    if len(own_alone) > LONGEST_FILE:
        raise names.refuse(
            "ca_bundle", "is longer than 500 kB, which BuildKit refuses", "keep only your own certificates in it"
        )
    return f"{own_alone}\n" if own else ""


def _text(file: Path | None) -> str:
    return host.text_of(file) if file else ""


# ---- git's settings


def holds_login(pair: tuple[str, str]) -> bool:
    """Whether an address in a git setting has a user or password; `git@host` does not count."""
    return any(without_logins(text) != text and "://git@" not in text for text in pair)


def is_for(key: str, hosts: Hosts) -> bool:
    """Whether the build needs a git setting: an extra header only if it is for a needed server."""
    match = re.fullmatch(r"http\.(.+)\.extraheader", key, re.IGNORECASE)
    return not match or hosts.need(urlsplit(match[1]).hostname or "")


def over_ssh(private: PrivateConfig, git_settings: Iterable[tuple[str, str]], hosts: Hosts) -> bool:
    """Whether git may fetch a module of the project over SSH."""
    if private.ssh_hosts or hosts.over_ssh:
        return True
    if any(_is_private(server, hosts) for server in hosts.modules):
        return True
    for key, value in git_settings:
        if key.lower().startswith(("url.ssh://", "url.git@")) and hosts.need(urlsplit(value).hostname or ""):
            return True
    return False


def _is_private(host: str, hosts: Hosts) -> bool:
    """Whether Go's settings name the server, so that Go fetches from it directly."""
    return replace(hosts, modules=frozenset()).need(host)
