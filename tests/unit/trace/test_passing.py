"""Which failures of a build pass: in the words of BuildKit, recorded from registries that failed on purpose."""

from __future__ import annotations

import base64
import json

import pytest

from gobake.trace.events import EventLog
from gobake.trace.passing import passing_fault
from gobake.trace.steps import steps

DIGEST = "sha256:" + "3de1d639" * 8
PUSH = "failed to push localhost:5000/acme/shop/web:v1: "
COMMIT = f'{PUSH}failed commit on ref "manifest-{DIGEST}": failed to do request: Put '
MANIFEST = f'"https://localhost:5000/v2/acme/shop/web/manifests/{DIGEST}": '
EXPORT = "[web-scratch] exporting to image"
COMPILE = "[linux/amd64 compile 2/2] RUN go build"
EXIT = 'process "/bin/sh -c go build" did not complete successfully: exit code: 1'
RETRIED = (
    "error: unexpected status from POST request to http://localhost:5000/v2/acme/shop/web/blobs/uploads/: "
    "500 Internal Server Error\nretrying in 1s\n"
)


def failed(*vertices: tuple[str, str, str], last: str = "") -> str:
    """Of vertices with their errors and logs; ``last``: what buildx ends with, by default the first error."""
    log = EventLog()
    for at, (name, error, text) in enumerate(vertices):
        vertex = {
            "digest": f"sha256:{at}",
            "name": name,
            "started": "2026-01-01T00:00:00Z",
            "completed": "2026-01-01T00:00:01Z",
            "error": error,
        }
        data = base64.b64encode(text.encode()).decode()
        logs = [{"vertex": f"sha256:{at}", "stream": 2, "data": data, "timestamp": "2026-01-01T00:00:00Z"}]
        log.feed_line(json.dumps({"vertexes": [vertex]}))
        log.feed_line(json.dumps({"logs": logs if text else []}))
    first = next((error for _, error, _ in vertices), "")
    log.feed_line(f"ERROR: failed to solve: {last or first}")
    log.close()
    return passing_fault(steps(log), log.plain)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (f"{PUSH}toomanyrequests: too many requests", f"{PUSH}toomanyrequests: too many requests"),
        (f"{PUSH}unavailable: try again", f"{PUSH}unavailable: try again"),
        (f"{PUSH}unknown: blob unknown to registry", f"{PUSH}unknown: blob unknown to registry"),
        (
            f"{PUSH}unexpected status from HEAD request to http://localhost:5000/v2/acme/shop/web/blobs/{DIGEST}: "
            "504 Gateway Timeout",
            f"{PUSH}504 Gateway Timeout",
        ),
        (
            f"{PUSH}unexpected status from PUT request to https://r.example.com/v2/a/manifests/v1: 404 Not Found",
            f"{PUSH}404 Not Found",
        ),
        (f"{COMMIT}{MANIFEST}EOF", f"{PUSH}EOF"),
        (
            f"{COMMIT}{MANIFEST}readfrom tcp 127.0.0.1:53610->127.0.0.1:38655: write tcp "
            "127.0.0.1:53610->127.0.0.1:38655: use of closed network connection",
            f"{PUSH}write tcp 127.0.0.1:53610->127.0.0.1:38655: use of closed network connection",
        ),
        (
            f"{COMMIT}{MANIFEST}read tcp 127.0.0.1:53564->127.0.0.1:38655: read: connection reset by peer",
            f"{PUSH}read: connection reset by peer",
        ),
        (
            'failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://r.example.com/v2/a/blobs/x": '
            "dial tcp 192.0.2.1:443: i/o timeout",
            "failed to copy: dial tcp 192.0.2.1:443: i/o timeout",
        ),
        (
            "failed to resolve source metadata for docker.io/library/golang:1.26: unexpected status from HEAD request "
            "to https://registry-1.docker.io/v2/library/golang/manifests/1.26: 503 Service Unavailable",
            "failed to resolve source metadata for docker.io/library/golang:1.26: 503 Service Unavailable",
        ),
        (
            "failed to authorize: failed to fetch oauth token: unexpected status from GET request to "
            "https://auth.docker.io/token: 502 Bad Gateway",
            "failed to authorize: 502 Bad Gateway",
        ),
    ],
)
def test_what_passes_is_known_and_shown_without_the_requests_between(error: str, shown: str) -> None:
    assert failed((EXPORT, error, "")) == shown
    assert failed((COMPILE, EXIT, ""), (EXPORT, error, ""), last=error) == ""


def test_what_buildkit_has_repeated_passes_whatever_its_last_word_is() -> None:
    assert failed((EXPORT, f"{PUSH}unknown: injected", RETRIED)) == f"{PUSH}unknown: injected"
    assert failed((EXPORT, f"{PUSH}unknown: injected", "")) == ""
    assert failed((EXPORT, f"{PUSH}denied: no", RETRIED)) == ""


def test_a_step_that_was_only_canceled_is_not_to_blame() -> None:
    canceled = (COMPILE, "context canceled", "")
    assert failed(canceled, (EXPORT, f"{PUSH}unavailable: no", ""), last=f"{PUSH}unavailable: no")


@pytest.mark.parametrize(
    "error",
    [
        EXIT,
        'process "/bin/sh -c curl" did not complete successfully: exit code: 22',
        f"{PUSH}denied: requested access to the resource is denied",
        f"{PUSH}unauthorized: authentication required",
        f"{PUSH}failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
        f"{PUSH}server message: insufficient_scope: authorization failed",
        f"{PUSH}unexpected status from POST request to https://r.example.com/v2/a/blobs/uploads/: 403 Forbidden",
        f"{PUSH}unexpected status from POST request to https://r.example.com/v2/a/blobs/uploads/: 404 Not Found",
        f"{PUSH}unknown: repository name not known to registry",
        f"{PUSH}unknown: The repository with name 'a' does not exist in the registry with id '1'",
        f"{COMMIT}{MANIFEST}tls: first record does not look like a TLS handshake",
        f"{COMMIT}{MANIFEST}x509: certificate signed by unknown authority",
        f"{COMMIT}{MANIFEST}dial tcp: lookup r.example.com: no such host",
        "failed to resolve source metadata for docker.io/library/alpine:none: docker.io/library/alpine:none: not found",
        "failed to resolve source metadata for docker.io/library/golang:1.26: unexpected status from HEAD request to "
        "https://registry-1.docker.io/v2/library/golang/manifests/1.26: 429 Too Many Requests - Server message: "
        "toomanyrequests: You have reached your unauthenticated pull rate limit.",
        "error reading from server: EOF",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock: connection refused",
        "failed to compute cache key: file not found",
        "",
    ],
)
def test_what_stays_is_not_repeated(error: str) -> None:
    assert failed((EXPORT, error, "")) == ""


@pytest.mark.parametrize("said", ["503 Service Unavailable", RETRIED, f"{PUSH}EOF"])
def test_what_a_program_printed_before_it_failed_is_no_registrys(said: str) -> None:
    assert failed((COMPILE, EXIT, said)) == ""


def test_nothing_is_too_long() -> None:
    assert 0 < len(failed((EXPORT, f"{PUSH}{'x: ' * 100_000}unavailable: no", ""))) <= 200
