"""Gathers the credentials of one build from `private` of gobake.yaml and from this machine.

It writes only known hosts and certificates, which are too long for an environment variable, and a netrc for the host's
own Go while it compiles. What gobake.yaml names must exist; other sources are optional. Logins and keys are given only
for the servers of the project's modules, and only to a trusted project.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from gobake.config.private import PrivateConfig
from gobake.config.values import Config
from gobake.credentials import host, netrc
from gobake.credentials.hosts import Hosts
from gobake.credentials.logins import without_logins
from gobake.credentials.netrc import Login
from gobake.credentials.redact import Redactor, Secret
from gobake.credentials.sources import (
    Names,
    certificates_of,
    holds_login,
    is_for,
    known_hosts_of,
    netrc_of,
    over_ssh,
    ssh_of,
    tokens_of,
)
from gobake.errors import Unwritable
from gobake.files.atomic import make_folder, write
from gobake.files.old import delete_older
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

LONGEST_VALUE = 120_000  # bytes; Linux allows 128 KiB for an environment variable
_KEEP_SECONDS = 14 * 24 * 3600
_LINE_OF_A_KEY = 8  # characters; a shorter last line tells nothing of the key, and may be a word
_PASSWORD = re.compile(r"//([^/\s@:'\"]*):([^/\s@'\"]*)@")  # in a web address
_TOKEN_AS_USER = re.compile(r"https?://([^/\s@:'\"]{12,})@")


@dataclass(frozen=True, kw_only=True)
class Access:
    """The credentials of a build, and the redactor for them."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # variables from which bake reads secrets
    variables: Mapping[str, str] = field(default_factory=dict)  # paths of files and of a socket; not secret
    host: Mapping[str, str] = field(default_factory=dict, repr=False)  # environment for this machine's go
    redactor: Redactor = field(default_factory=Redactor)
    sources: tuple[str, ...] = ()  # where they come from, for people
    proxies: str = ""  # GOPROXY for display: hosts without logins and paths


class Folders(Struct, frozen=True, kw_only=True):
    """Folders for the files that a build gets."""

    kept: Path  # known hosts and certificates, which a pasted command needs later
    scratch: Path  # deleted after the run


def gather(
    config: Config | None,
    root: Path,
    goenv: str,
    folders: Folders,
    environment: Mapping[str, str],
    hosts: Hosts | None,
) -> Access:
    """Gather the credentials of a build. Raises ConfigError for something that gobake.yaml names but does not exist.

    ``hosts``: the servers of the modules; None for an untrusted project, which gets no login.
    """
    kept = folders.kept
    if hosts is None:
        return _for_strangers(root, goenv, kept=kept, environment=environment)
    private = config.private if config else PrivateConfig()
    names = Names(config=config, root=root, environment=environment)
    sources: list[str] = []
    git_settings, git_certificates = host.git_settings(environment)
    git_settings = tuple(pair for pair in git_settings if is_for(pair[0], hosts))
    tokens = tokens_of(private, names, sources)
    own_netrc = netrc_of(private, names, sources, hosts)
    key = ssh_of(private, names, sources, wanted=over_ssh(private, git_settings, hosts))
    values = _Values(
        private=private,
        tokens=tokens,
        netrc=netrc.with_logins(own_netrc, tokens),
        key=key,
        hosts_file=_public(kept, "known_hosts", known_hosts_of(private, names, wanted=key is not None)),
        bundle=_public(kept, "certificates", certificates_of(private, names, git_certificates, sources)),
        proxies=host.proxies(environment) if private.proxy is not False else {},
        over_ssh=tuple((f"url.ssh://{_at(h)}/.insteadOf", f"https://{_bare(h)}/") for h in private.ssh_hosts or ()),
    )
    sources += [f"${name}" for name in values.proxies]
    secrets = {
        GOENV_VARIABLE: goenv,
        NETRC_VARIABLE: values.netrc,
        ENVIRONMENT_VARIABLE: _exports(values, git_settings + values.over_ssh),
    }
    _refuse_long(secrets, names)
    addresses = (goenv, *host.all_proxies(environment), *map("=".join, git_settings))
    return Access(
        secrets=secrets,
        variables={CA_VARIABLE: values.bundle, KNOWN_HOSTS_VARIABLE: values.hosts_file, SSH_VARIABLE: str(key or "")},
        host=_host_environment(values, folders.scratch, environment),
        redactor=Redactor(_all_secrets([own_netrc, values.netrc], addresses) | _key_lines(key)),
        sources=tuple(sources),
        proxies=proxies_shown(goenv),
    )


def _for_strangers(root: Path, goenv: str, *, kept: Path, environment: Mapping[str, str]) -> Access:
    """Return what any container needs to reach the network from here, without secrets."""
    names = Names(config=None, root=root, environment=environment)
    sources: list[str] = []
    git_settings, git_certificates = host.git_settings(environment)
    public = tuple(pair for pair in git_settings if "extraheader" not in pair[0].lower() and not holds_login(pair))
    values = _Values(
        private=PrivateConfig(netrc="none", ssh="none"),
        tokens=(),
        netrc="",
        key=None,
        hosts_file="",
        bundle=_public(kept, "certificates", certificates_of(PrivateConfig(), names, git_certificates, sources)),
        proxies={name: without_logins(value) for name, value in host.proxies(environment).items()},
        over_ssh=(),
    )
    sources += [f"${name}" for name in values.proxies]
    plain = without_logins(goenv)
    secrets = {GOENV_VARIABLE: plain, NETRC_VARIABLE: "", ENVIRONMENT_VARIABLE: _exports(values, public)}
    _refuse_long(secrets, names)
    return Access(
        secrets=secrets,
        variables={CA_VARIABLE: values.bundle, KNOWN_HOSTS_VARIABLE: "", SSH_VARIABLE: ""},
        host={},
        redactor=Redactor(_all_secrets([], (goenv, *host.all_proxies(environment), *map("=".join, git_settings)))),
        sources=tuple(sources),
        proxies=proxies_shown(plain),
    )


def offered(root: Path, environment: Mapping[str, str], hosts: Hosts) -> tuple[str, ...]:
    """Return descriptions of the logins and keys of this machine that a trusted build would get."""
    private = PrivateConfig()
    names = Names(config=None, root=root, environment=environment)
    sources: list[str] = []
    git_settings, _ = host.git_settings(environment)
    netrc_of(private, names, sources, hosts)
    ssh_of(private, names, sources, wanted=over_ssh(private, git_settings, hosts))
    return tuple(sources)


def proxies_shown(goenv: str) -> str:
    """Return the hosts of GOPROXY, `direct` and `off`, without parts of addresses that may be secret."""
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


class _Values(Struct, frozen=True, kw_only=True):
    """The values from all sources."""

    private: PrivateConfig
    tokens: tuple[Login, ...]
    netrc: str  # including the tokens
    key: Path | None  # an agent's socket or a key file
    hosts_file: str
    bundle: str
    proxies: Mapping[str, str]
    over_ssh: tuple[tuple[str, str], ...]  # git settings


def _at(address: str) -> str:
    return address if "@" in address else f"git@{address}"


def _bare(address: str) -> str:
    """Return only the host, as in module paths."""
    return address.rpartition("@")[2].partition(":")[0]


# ---- putting together


def _exports(values: _Values, settings: Iterable[tuple[str, str]]) -> str:
    """Return a shell script with the variables of Go, git and curl, which a step sources."""
    variables: dict[str, str] = {}
    for name, value in values.proxies.items():
        variables |= {name: value, name.lower(): value}  # curl knows http_proxy only in lower case
    if values.bundle:
        variables["GIT_SSL_CAINFO"] = CERTIFICATES
    if values.netrc:
        variables["NETRC"] = NETRC
    variables |= _git_variables(settings, 0)
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def _git_variables(settings: Iterable[tuple[str, str]], first: int) -> dict[str, str]:
    """Return git settings as environment variables (git-config, GIT_CONFIG_COUNT)."""
    pairs = list(settings)
    values = {"GIT_CONFIG_COUNT": str(first + len(pairs))} if pairs else {}
    for number, (key, value) in enumerate(pairs, start=first):
        values |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return values


def _host_environment(values: _Values, scratch: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for this machine's Go, which finds everything itself except for gobake.yaml's settings."""
    private = values.private
    variables: dict[str, str] = {}
    settings = list(values.over_ssh)
    if values.tokens or private.netrc:
        variables["NETRC"] = _file(scratch / "netrc", values.netrc) or "/dev/null"
    for login in values.tokens:
        basic = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
        settings.append((f"http.https://{login.host}/.extraHeader", f"Authorization: Basic {basic}"))
    if values.bundle and (private.ca_bundle or environment.get("SSL_CERT_FILE")):  # git does not know that variable
        variables |= {"SSL_CERT_FILE": values.bundle, "GIT_SSL_CAINFO": values.bundle}
    ssh = []
    if private.known_hosts:
        ssh += ["-o", f"UserKnownHostsFile={values.hosts_file or '/dev/null'}"]
    if values.key and private.ssh not in (None, "agent"):
        ssh += ["-o", "IdentitiesOnly=yes", "-i", str(values.key)]
    if ssh:
        variables["GIT_SSH_COMMAND"] = shlex.join(["ssh", "-o", "ControlMaster=no", "-o", "BatchMode=yes", *ssh])
    count = environment.get("GIT_CONFIG_COUNT", "")
    return variables | _git_variables(settings, int(count) if count.isdigit() else 0)


def _file(path: Path, text: str) -> str:
    """Write a new private file and return its path; "" for no text."""
    if not text:
        return ""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return str(path)


def _public(folder: Path, kind: str, text: str) -> str:
    """Write a file named by its digest, so that runs share it, and return its path; "" for no text. Delete old ones.

    Raises Unwritable.
    """
    if not text:
        return ""
    path = folder / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    try:
        make_folder(folder)
        write(path, text)
        delete_older(folder.glob(f"{kind}-*"), _KEEP_SECONDS)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror}", remedy="is the disk full?") from None
    return str(path)


def _refuse_long(secrets: Mapping[str, str], names: Names) -> None:
    for key, variable in (("netrc", NETRC_VARIABLE), ("proxy", ENVIRONMENT_VARIABLE)):
        if len(secrets[variable].encode()) > LONGEST_VALUE:
            raise names.refuse(key, f"is longer than {LONGEST_VALUE} bytes", "remove what this project does not need")


def _all_secrets(netrcs: Iterable[str], addresses: Iterable[str]) -> set[Secret]:
    """Return the passwords in netrc files, and those in web addresses and HTTP headers of settings."""
    secrets = {Secret(value=login.password, user=login.user) for text in netrcs for login in netrc.passwords(text)}
    for text in addresses:
        for user, password in _PASSWORD.findall(text):
            secrets |= {Secret(value=value, user=unquote(user)) for value in (password, unquote(password))}
        secrets |= {Secret(value=unquote(user)) for user in _TOKEN_AS_USER.findall(text)}
        for scheme, value in re.findall(r"(?i)extraheader=[\w-]+:\s*(?:(\w+)\s+)?(\S+)", text):
            secrets.add(Secret(value=value))
            if scheme.lower() == "basic":
                secrets |= {Secret(value=login.password, user=login.user) for login in _from_basic(value)}
    return {secret for secret in secrets if secret.value}


def _key_lines(key: Path | None) -> set[Secret]:
    """Return the lines of a key file; none for an agent's socket."""
    text = host.text_of(key) if key and key.is_file() else ""
    lines = [line.strip() for line in text.splitlines() if not line.startswith("-----") and ":" not in line]
    return {Secret(value=line, line=True) for line in lines if len(line) >= _LINE_OF_A_KEY}


def _from_basic(value: str) -> list[Login]:
    try:
        user, _, password = base64.b64decode(value).decode("utf-8", "replace").partition(":")
    except ValueError:
        return []
    return [Login(host="", user=user, password=password)]
