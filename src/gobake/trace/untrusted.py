"""Why a builder gets on with a registry no further: its certificate, or the login. Pure; the words are BuildKit's."""

from __future__ import annotations

import re

from gobake.errors import RegistryRefused

_HOST = re.compile(r"https?://([^/\s\"]+)/")
_EXPIRED = "x509: certificate has expired"
_UNKNOWN = re.compile(r"x509: certificate signed by unknown authority|x509: certificate is not trusted")
_OTHER_NAME = re.compile(
    r"x509: certificate is (?:valid for|not valid for any names)|x509: cannot validate certificate"
)
_REFUSED = re.compile(r"\b(?:401 Unauthorized|403 Forbidden|no basic auth credentials)$")


def refusal(what: str, reason: str) -> RegistryRefused | None:
    """Return the error for a reason of BuildKit's; None for others. ``what``: the beginning of the message."""
    match = _HOST.search(reason)
    host = match[1] if match else "the registry"
    if _EXPIRED in reason:
        return RegistryRefused(
            f"{what}: the certificate of {host} has expired or is not valid yet",
            remedy="renew it, or check the builder's clock",
        )
    if _UNKNOWN.search(reason):
        return RegistryRefused(
            f"{what}: the builder does not trust the certificate of {host}",
            remedy=f"put its authority's into /etc/docker/certs.d/{host}/ca.crt, or into the builder's buildkitd.toml",
        )
    if _OTHER_NAME.search(reason):
        return RegistryRefused(
            f"{what}: the certificate of {host} is for another name",
            remedy="use that name, or issue one for this host",
        )
    if refused := _REFUSED.search(reason):
        return RegistryRefused(f"{what}: {host} answers: {refused[0]}", remedy=f"`docker login {host}`")
    return None
