"""Reads what this machine's own Go, git and ssh would use to reach modules. It makes no decisions.

Every function takes the environment to look at, and returns an empty value for what does not exist.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gobake.proc import command
from gobake.proc.command import CommandError

# crypto/x509, root_linux.go and root_bsd.go, in Go's order; macOS has the last one
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.S)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
# git settings that say how to reach a repository, and none that names a program or a file of this machine
_GIT_SETTINGS = re.compile(r"url\..+\.insteadof|http(\..+)?\.(extraheader|proxy|sslverify)")
_GIT_CERTIFICATES = re.compile(r"http(\..+)?\.sslcainfo")
_GIT_SECONDS = 20.0

Environment = Mapping[str, str]


def text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def home(environment: Environment) -> Path:
    return Path(environment.get("HOME") or "/nowhere")


def netrc_file(environment: Environment) -> Path:
    return Path(environment.get("NETRC") or home(environment) / ".netrc")


def agent(environment: Environment) -> Path | None:
    """Return the socket of an SSH agent if it answers; one of an ended session does not."""
    path = environment.get("SSH_AUTH_SOCK", "")
    if not path:
        return None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        probe.connect(path)
        return Path(path)
    return None


def known_hosts(environment: Environment) -> str:
    files = (home(environment) / ".ssh/known_hosts", Path("/etc/ssh/ssh_known_hosts"))
    return "".join(f"{text.rstrip()}\n" for file in files if (text := text_of(file)).strip())


def bundle_file(environment: Environment) -> Path | None:
    named = environment.get("SSL_CERT_FILE")
    return next((Path(p) for p in ([named] if named else _BUNDLES) if Path(p).is_file()), None)


def certificates(text: str) -> tuple[str, ...]:
    """Return the certificates of a PEM file, each once, without the text between them."""
    return tuple(dict.fromkeys(_CERTIFICATE.findall(text)))


def proxies(environment: Environment) -> dict[str, str]:
    """Return the proxies by upper-case name. Those on loopback are left out: build steps cannot reach them."""
    values = {name: environment.get(name) or environment.get(name.lower()) or "" for name in PROXIES}
    return {name: value for name, value in values.items() if value and (name == "NO_PROXY" or not is_loopback(value))}


def all_proxies(environment: Environment) -> tuple[str, ...]:
    """Return the values of all proxy variables, including those on loopback."""
    return tuple(value for name in PROXIES for value in map(environment.get, (name, name.lower())) if value)


def is_loopback(address: str) -> bool:
    try:
        name = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        return False
    return name in ("localhost", "::1") or name.startswith("127.")


def git_settings(environment: Environment) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the git settings of this machine that a build can use, and the certificates that git trusts."""
    git = shutil.which("git", path=environment.get("PATH"))
    if not git:
        return (), ""
    try:
        done = command.run(
            [git, "config", "--null", "--get-regexp", r"^(url|http)\."],
            env=environment,
            cwd=Path("/"),  # the user's and the system's settings, not those of some repository
            seconds=_GIT_SECONDS,
        )
    except CommandError:
        return (), ""
    pairs = [(key, value) for key, _, value in (entry.partition("\n") for entry in done.out.split("\0")) if key]
    files = [Path(value).expanduser() for key, value in pairs if _GIT_CERTIFICATES.fullmatch(key.lower())]
    kept = tuple((key, value) for key, value in pairs if _GIT_SETTINGS.fullmatch(key.lower()) and "\n" not in value)
    return kept, "\n".join(text_of(file) for file in files)
