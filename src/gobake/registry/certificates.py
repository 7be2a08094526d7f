"""The certificate authorities and client certificates of registries, from the folders where Docker and containerd look.

A folder is named after the host with its port, and contains `*.crt` (authorities, beside those that this machine
trusts) and pairs of `*.cert` and `*.key`: https://docs.docker.com/engine/security/certificates/. They are used for that
host alone. `SSL_CERT_FILE` and `SSL_CERT_DIR` are OpenSSL's own, and hold for all hosts.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gobake.errors import RegistryRefused
from gobake.http import Untrusted
from gobake.text.printable import one_line

if TYPE_CHECKING:
    import ssl

_DOCKER, _CONTAINERD = Path("/etc/docker/certs.d"), Path("/etc/containerd/certs.d")
_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?")
_HUB = {"registry-1.docker.io": "docker.io"}  # the folder has the name that images begin with
_EXPIRED, _NOT_YET = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID
_OTHER_NAMES = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_UNKNOWN = (2, 18, 19, 20, 21)  # of self-signed certificates, and of issuers that are not there


def of_host(host: str) -> ssl.SSLContext | None:
    """Return how to verify a host, with or without a port; None if it has no certificates of its own.

    Raises RegistryRefused for files that cannot be used.
    """
    files = _files(host)
    if not files:
        return None
    import ssl

    context = ssl.create_default_context()
    for file in files:
        try:
            if file.suffix == ".crt":
                context.load_verify_locations(file)
            else:
                context.load_cert_chain(file, file.with_suffix(".key"))
        except ssl.SSLError:
            raise RegistryRefused(f"{file} is not a certificate in PEM", remedy="correct or delete it") from None
        except OSError as error:
            raise RegistryRefused(f"{file}: {error.strerror or error}", remedy="make it readable for you") from None
    return context


def authorities_of(host: str) -> bytes:
    """Return the certificates of a host's authorities, for programs that take a file; b"" for none that can be read."""
    found = []
    for file in _files(host):
        with contextlib.suppress(OSError):
            found += [file.read_bytes()] if file.suffix == ".crt" else []
    return b"\n".join(found)


def named(host: str) -> bool:
    """Whether there are certificates for this host: then it has TLS, also on this machine."""
    return _folder(host) is not None


def refusal(error: Untrusted) -> RegistryRefused:
    """Say why a certificate is refused, and what to do about it."""
    shown = one_line(error.host, 200)
    if error.code == _EXPIRED:
        return RegistryRefused(
            f"{shown}: its certificate has expired", remedy="renew it, or check the clock of this machine"
        )
    if error.code == _NOT_YET:
        return RegistryRefused(f"{shown}: its certificate is not valid yet", remedy="check the clock of this machine")
    if error.code in _OTHER_NAMES:
        return RegistryRefused(
            f"{shown}: its certificate is for another name", remedy="use that name, or issue one for this host"
        )
    if error.code in _UNKNOWN:
        remedy = f"put its authority's certificate into {_DOCKER}/{shown}/ca.crt, or name it in SSL_CERT_FILE"
        return RegistryRefused(f"{shown}: its certificate is of an authority that is not trusted", remedy=remedy)
    return RegistryRefused(f"{shown}: its certificate is refused: {one_line(str(error), 200)}")


def folders() -> tuple[Path, ...]:
    """Return the folders that are looked at, those of this user first: rootless Docker has its own."""
    own = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"))  # noqa: PTH111 (never raises)
    return (*((own / "docker/certs.d",) if own.is_absolute() else ()), _DOCKER, _CONTAINERD)


def _folder(host: str) -> Path | None:
    """Return the first folder with certificates for a host; None if there is none."""
    if not _HOST.fullmatch(host):
        return None  # it becomes a path
    places = (folder / _HUB.get(host, host) for folder in folders())
    return next((place for place in places if _in(place)), None)


def _files(host: str) -> list[Path]:
    folder = _folder(host)
    return _in(folder) if folder else []


def _in(folder: Path) -> list[Path]:
    """Return the certificates in a folder; none if it cannot be read."""
    try:
        return sorted(file for file in folder.iterdir() if file.suffix in (".crt", ".cert"))
    except OSError:
        return []
