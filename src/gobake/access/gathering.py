"""gobake.yaml's `private` and this machine -> what one build is given. Names in, values out; what is written is
two files of public keys, too long for an environment variable, and a netrc for the host's own Go while it compiles.

What nobody named is taken where it is found, and missed in silence; what gobake.yaml names must be there.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gobake.access import host, netrc
from gobake.access.netrc import Login
from gobake.access.redaction import Redactor, Secret
from gobake.config import Config, PrivateConfig
from gobake.dataclass import dataclass
from gobake.errors import ConfigError, Unwritable
from gobake.recipe import (
    CA_VARIABLE,
    CERTIFICATES,
    ENVIRONMENT_VARIABLE,
    GOENV_VARIABLE,
    KNOWN_HOSTS_VARIABLE,
    NETRC,
    NETRC_VARIABLE,
    SSH_VARIABLE,
)

LONGEST_VALUE = 120_000  # bytes; Linux takes 128 KiB of an environment variable
LONGEST_FILE = 500_000  # bytes; BuildKit takes 500 KiB of a secret
_KEEP_SECONDS = 14 * 24 * 3600
USER = "oauth2"  # goes with a token: GitHub and GitLab take any name
_PASSWORD = re.compile(r"//([^/\s@:'\"]*):([^/\s@'\"]*)@")  # in a web address
_TOKEN_AS_USER = re.compile(r"https?://([^/\s@:'\"]{12,})@")


@dataclass(frozen=True, kw_only=True)
class Access:
    """What reaches the go command, and how it is kept out of everything else."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # variables that bake reads secrets from
    variables: Mapping[str, str] = field(default_factory=dict)  # paths of files and of a socket: nothing secret
    host: Mapping[str, str] = field(default_factory=dict, repr=False)  # for a go command of this machine
    redactor: Redactor = field(default_factory=Redactor)
    sources: tuple[str, ...] = ()  # where all of it comes from, in words
    proxies: str = ""  # GOPROXY as it may be shown: hosts, without logins and paths


def gather(
    config: Config | None, root: Path, goenv: str, *, kept: Path, scratch: Path, environment: Mapping[str, str]
) -> Access:
    """Raises ConfigError for what gobake.yaml names and is not there.

    ``kept``: a folder for files of public keys, which a pasted command reads again. ``scratch``: one that ends with
    the run.
    """
    private = config.private if config else PrivateConfig()
    names = _Names(config=config, root=root, environment=environment)
    sources: list[str] = []
    git_settings, git_certificates = host.git_settings(environment)
    tokens = _tokens(private, names, sources)
    own_netrc = _netrc(private, names, sources)
    key = _ssh(private, names, sources)
    found = _Found(
        private=private,
        tokens=tokens,
        netrc=netrc.with_logins(own_netrc, tokens),
        key=key,
        hosts_file=_public(kept, "known_hosts", _known_hosts(private, names, wanted=key is not None)),
        bundle=_public(kept, "certificates", _certificates(private, names, git_certificates, sources)),
        proxies=host.proxies(environment) if private.proxy is not False else {},
        over_ssh=tuple((f"url.ssh://{_at(h)}/.insteadOf", f"https://{_bare(h)}/") for h in private.ssh_hosts or ()),
    )
    sources += [f"${name}" for name in found.proxies]
    secrets = {
        GOENV_VARIABLE: goenv,
        NETRC_VARIABLE: found.netrc,
        ENVIRONMENT_VARIABLE: _exports(found, git_settings + found.over_ssh),
    }
    _refuse_long(secrets, names)
    addresses = (goenv, *host.all_proxies(environment), *map("=".join, git_settings))
    return Access(
        secrets=secrets,
        variables={CA_VARIABLE: found.bundle, KNOWN_HOSTS_VARIABLE: found.hosts_file, SSH_VARIABLE: str(key or "")},
        host=_host_environment(found, scratch, environment),
        redactor=Redactor(_all_secrets([own_netrc, found.netrc], addresses)),
        sources=tuple(sources),
        proxies=proxies_shown(goenv),
    )


def proxies_shown(goenv: str) -> str:
    """The hosts of GOPROXY, and its words `direct` and `off`: nothing of an address that could be secret."""
    line = next((line for line in goenv.splitlines() if line.startswith("GOPROXY=")), "")
    entries = [entry.strip() for entry in re.split(r"[,|]", line.removeprefix("GOPROXY=")) if entry.strip()]
    return ", ".join(dict.fromkeys(_at_host(entry) for entry in entries))


def _at_host(entry: str) -> str:
    if "://" not in entry:
        return entry
    with contextlib.suppress(ValueError):
        address = urlsplit(entry)
        if address.scheme == "file":
            return "a folder"
        if address.hostname:
            return f"{address.hostname}:{address.port}" if address.port else address.hostname
    return "a proxy"


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the sources gave."""

    private: PrivateConfig
    tokens: tuple[Login, ...]
    netrc: str  # with the tokens
    key: Path | None  # an agent's socket or a key's file
    hosts_file: str
    bundle: str
    proxies: Mapping[str, str]
    over_ssh: tuple[tuple[str, str], ...]  # settings of git


@dataclass(frozen=True, kw_only=True)
class _Names:
    """How a name in gobake.yaml becomes a file or a value of this machine, or an error at its place."""

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
            raise self.refuse(key, f"there is no file {file}", "make it, or leave the key away") from None
        except OSError as error:
            raise self.refuse(
                key, f"{file} cannot be read: {error.strerror}", "mend it, or leave the key away"
            ) from None


# ---- one source each


def _netrc(private: PrivateConfig, names: _Names, sources: list[str]) -> str:
    if private.netrc == "none":
        return ""
    file = names.path(private.netrc) if private.netrc else host.netrc_file(names.environment)
    text = names.read("netrc", private.netrc) if private.netrc else host.text_of(file)
    if text.strip():
        sources.append(f"netrc {file}")
    return text if text.strip() else ""


def _tokens(private: PrivateConfig, names: _Names, sources: list[str]) -> tuple[Login, ...]:
    found = []
    for address, token in (private.tokens or {}).items():
        value = names.environment.get(token.variable, "").strip()
        if not value:
            raise names.refuse(
                f"tokens.{address}",
                f"the environment variable {token.variable} is not set",
                f"put the token for {address} into it, or leave the key away",
            )
        if len(value.split()) > 1:
            raise names.refuse(
                f"tokens.{address}",
                f"the environment variable {token.variable} holds more than one word",
                "a token has no blanks or line breaks",
            )
        found.append(Login(host=address, user=token.username or USER, password=value))
        sources.append(f"token ${token.variable} for {address}")
    return tuple(found)


def _ssh(private: PrivateConfig, names: _Names, sources: list[str]) -> Path | None:
    """An agent's socket or a key's file, as buildx takes either."""
    if private.ssh == "none":
        return None
    if private.ssh in (None, "agent"):
        found = host.agent(names.environment)
        if found is None and private.ssh:
            raise names.refuse(
                "ssh",
                "no SSH agent answers at $SSH_AUTH_SOCK",
                "start one: eval $(ssh-agent) && ssh-add; or name a file with a key",
            )
        sources += ["ssh agent $SSH_AUTH_SOCK"] if found else []
        return found
    key = names.read("ssh", private.ssh)
    if "PRIVATE KEY-----" not in key:
        raise names.refuse("ssh", f"{names.path(private.ssh)} holds no private key", "name the file without .pub")
    if _has_passphrase(key):
        raise names.refuse(
            "ssh",
            f"the key in {names.path(private.ssh)} has a passphrase",
            f"run `ssh-add {private.ssh}` and write `ssh: agent`",
        )
    sources.append(f"ssh key {names.path(private.ssh)}")
    return names.path(private.ssh)


def _has_passphrase(key: str) -> bool:
    """PEM says ENCRYPTED; OpenSSH's own format names a cipher (PROTOCOL.key)."""
    if "ENCRYPTED" in key:
        return True
    if "BEGIN OPENSSH" not in key:
        return False
    body = "".join(line for line in key.splitlines() if line and not line.startswith("-----"))
    try:
        return not base64.b64decode(body).startswith(b"openssh-key-v1\0\0\0\0\x04none")
    except ValueError:
        return False


def _known_hosts(private: PrivateConfig, names: _Names, wanted: bool) -> str:
    if private.known_hosts:
        return names.read("known_hosts", private.known_hosts)
    return host.known_hosts(names.environment) if wanted else ""


def _certificates(private: PrivateConfig, names: _Names, more: str, sources: list[str]) -> str:
    """What this machine trusts and the project's own bundle, in one file: git knows only one."""
    if private.ca_bundle == "none":
        return ""
    own: tuple[str, ...] = ()
    if private.ca_bundle:
        own = host.certificates(names.read("ca_bundle", private.ca_bundle))
        if not own:
            raise names.refuse(
                "ca_bundle",
                f"{names.path(private.ca_bundle)} holds no certificate in PEM form",
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
        raise names.refuse("ca_bundle", "is longer than 500 kB, which BuildKit refuses", "keep the company's own there")
    return f"{own_alone}\n" if own else ""


def _text(file: Path | None) -> str:
    return host.text_of(file) if file else ""


def _at(address: str) -> str:
    return address if "@" in address else f"git@{address}"


def _bare(address: str) -> str:
    """The host alone, as module paths name it."""
    return address.rpartition("@")[2].partition(":")[0]


# ---- putting together


def _exports(found: _Found, settings: Iterable[tuple[str, str]]) -> str:
    """A shell text that a step reads: what Go, git and curl take from the environment only."""
    values: dict[str, str] = {}
    for name, value in found.proxies.items():
        values |= {name: value, name.lower(): value}  # curl knows http_proxy in lower case only
    if found.bundle:
        values["GIT_SSL_CAINFO"] = CERTIFICATES
    if found.netrc:
        values["NETRC"] = NETRC
    values |= _git_variables(settings, 0)
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def _git_variables(settings: Iterable[tuple[str, str]], first: int) -> dict[str, str]:
    """Settings of git as it takes them from the environment (git-config, GIT_CONFIG_COUNT)."""
    pairs = list(settings)
    values = {"GIT_CONFIG_COUNT": str(first + len(pairs))} if pairs else {}
    for number, (key, value) in enumerate(pairs, start=first):
        values |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return values


def _host_environment(found: _Found, scratch: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """For Go on this machine, which finds all by itself but what gobake.yaml alone names."""
    private = found.private
    values: dict[str, str] = {}
    settings = list(found.over_ssh)
    if found.tokens or private.netrc:
        values["NETRC"] = _file(scratch / "netrc", found.netrc) or "/dev/null"
    for login in found.tokens:
        basic = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
        settings.append((f"http.https://{login.host}/.extraHeader", f"Authorization: Basic {basic}"))
    if found.bundle and (private.ca_bundle or environment.get("SSL_CERT_FILE")):  # git does not know that variable
        values |= {"SSL_CERT_FILE": found.bundle, "GIT_SSL_CAINFO": found.bundle}
    ssh = []
    if private.known_hosts:
        ssh += ["-o", f"UserKnownHostsFile={found.hosts_file or '/dev/null'}"]
    if found.key and private.ssh not in (None, "agent"):
        ssh += ["-o", "IdentitiesOnly=yes", "-i", str(found.key)]
    if ssh:
        values["GIT_SSH_COMMAND"] = shlex.join(["ssh", "-o", "ControlMaster=no", "-o", "BatchMode=yes", *ssh])
    count = environment.get("GIT_CONFIG_COUNT", "")
    return values | _git_variables(settings, int(count) if count.isdigit() else 0)


def _file(path: Path, text: str) -> str:
    """The path of a new file that its owner alone reads; "" for no text."""
    if not text:
        return ""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return str(path)


def _public(folder: Path, kind: str, text: str) -> str:
    """The path of a file that is called by its content, so that runs share it; "" for no text. Old ones go."""
    if not text:
        return ""
    path = folder / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        _file(part, text)
        part.replace(path)
        for old in folder.glob(f"{kind}-*"):
            if old.stat().st_mtime < time.time() - _KEEP_SECONDS:
                old.unlink(missing_ok=True)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror}", remedy="is the disk full?") from None
    return str(path)


def _refuse_long(secrets: Mapping[str, str], names: _Names) -> None:
    for key, variable in (("netrc", NETRC_VARIABLE), ("proxy", ENVIRONMENT_VARIABLE)):
        if len(secrets[variable].encode()) > LONGEST_VALUE:
            raise names.refuse(
                key, f"is longer than {LONGEST_VALUE} bytes", "leave out what this project does not need"
            )


def _all_secrets(netrcs: Iterable[str], addresses: Iterable[str]) -> set[Secret]:
    """Passwords of netrc files, and those in web addresses and headers of settings."""
    found = {Secret(value=login.password, user=login.user) for text in netrcs for login in netrc.passwords(text)}
    for text in addresses:
        for user, password in _PASSWORD.findall(text):
            found |= {Secret(value=value, user=unquote(user)) for value in (password, unquote(password))}
        found |= {Secret(value=unquote(user)) for user in _TOKEN_AS_USER.findall(text)}
        for scheme, value in re.findall(r"(?i)extraheader=[\w-]+:\s*(?:(\w+)\s+)?(\S+)", text):
            found.add(Secret(value=value))
            if scheme.lower() == "basic":
                found |= {Secret(value=login.password, user=login.user) for login in _from_basic(value)}
    return {secret for secret in found if secret.value}


def _from_basic(value: str) -> list[Login]:
    try:
        user, _, password = base64.b64decode(value).decode("utf-8", "replace").partition(":")
    except ValueError:
        return []
    return [Login(host="", user=user, password=password)]
