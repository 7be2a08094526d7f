"""Explains why Go could not fetch a module, from messages of Go, git, curl and ssh; the most specific come first.

They were observed with real servers; other texts get the general remedy.
"""

from __future__ import annotations

import re

from gobake.errors import ModulesUnavailable
from gobake.text.printable import one_line

NETWORK = (
    r"dial tcp|no such host|i/o timeout|connection refused|connection reset|TLS handshake|x509: |proxyconnect|"
    r"deadline exceeded|network is unreachable|502 Bad Gateway|503 Service Unavailable"
)
WIDTH = 500  # characters of what an error quotes
_GENERAL = "check the network and `go env GOPROXY`; private modules need GOPRIVATE and a credential"
_LOGIN = (
    "add a login for that host to ~/.netrc, or name the variable that holds its token with `private.tokens` in "
    "gobake.yaml"
)
# (message of Go, git or ssh, remedy)
_REMEDIES = (
    (
        r"Proxy Authentication Required|HTTP code 407|Proxy CONNECT aborted",
        "HTTP_PROXY and HTTPS_PROXY need user and password: http://user:password@host:port",
    ),
    (
        r"x509: certificate signed by unknown authority|certificate verif|SSL certificate problem|"
        r"CAfile: |unable to get local issuer",
        "set SSL_CERT_FILE, or `private.ca_bundle` in gobake.yaml, to a PEM file with the server's authority",
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        "add the server's key to ~/.ssh/known_hosts (`ssh-keyscan HOST`), or name a file with `private.known_hosts` in "
        "gobake.yaml",
    ),
    (
        r"Permission denied \(publickey|Permission denied, please try again",
        "add a key to a running agent with `ssh-add`, or name a key's file with `private.ssh` in gobake.yaml",
    ),
    (
        r"cannot run ssh|ssh: not found|ssh: No such file",
        "the golang image has no ssh: name one that has with `bases.go` in gobake.yaml",
    ),
    (
        r'exec: "git": executable file not found',
        "the golang image has no git: name one that has with `bases.go`, or use a module proxy",
    ),
    (
        r"401 Unauthorized|403 Forbidden|could not read (?:Username|Password)|terminal prompts disabled|"
        r"Authentication failed|HTTP Basic: Access denied|error: 40[13]\b",
        _LOGIN,
    ),
    (
        r"verifying (?:module|go\.mod|[^ ]+@).*(?:reading https?://sum|404|410)",
        "modules that are not public need GOPRIVATE (or GONOSUMDB) to be set on this machine",
    ),
)
UNFETCHED = re.compile(
    r"unknown revision|404 Not Found|410 Gone|invalid version|module lookup disabled|verifying (?:module|go\.mod)|"
    r"checksum mismatch|repository .* not found|exit status 128|unrecognized import path|"
    + "|".join([NETWORK, *(pattern for pattern, _ in _REMEDIES)])
)


def unavailable(complaint: str, tail: str) -> ModulesUnavailable:
    """Return the error for a message of Go. ``tail``: the end of the log, which may have git's reason."""
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, complaint):
            return _error(complaint, remedy)
    for pattern, remedy in _REMEDIES:
        telling = [line.strip() for line in tail.splitlines() if re.search(pattern, line)]
        if telling:
            return _error(f"{complaint.rstrip(':')}: {telling[-1]}", remedy)
    words = [line.strip() for line in tail.splitlines() if line.strip().startswith("fatal: ")]
    return _error(": ".join([complaint.rstrip(":"), *words[-1:]]) if words else complaint, _GENERAL)


def _error(what: str, remedy: str) -> ModulesUnavailable:
    return ModulesUnavailable(f"Go could not get a module: {one_line(what, WIDTH)}", remedy=remedy)
