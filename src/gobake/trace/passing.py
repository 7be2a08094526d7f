"""Whether a build failed only because a registry was not well for a moment, so that it may work when repeated.

The texts are of BuildKit and containerd, recorded from registries that fail; BuildKit has by then tried most of them
four times within seven seconds by itself. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gobake.text.printable import one_line
from gobake.trace.failure import last_message
from gobake.trace.steps import Trace

_WIDTH = 200
_MOST = 4000
_RAN = re.compile(r"did not complete successfully|exit code: \d")  # a program failed, whatever it printed
_WITH_REGISTRY = re.compile(
    r"failed to (?:push|copy|fetch|resolve|authorize|do request|commit|open writer|read config|load cache key)|"
    r"failed commit on ref|unexpected status|httpReadSeeker|error writing (?:layer|config|manifest) blob|"
    r"error (?:pulling|pushing)"
)
_PASSES = re.compile(
    r"(?i)\b429\b|too ?many ?requests|\b(?:500 internal server error|502 bad gateway|503 service unavailable)|"
    r"\b504 gateway time-?out|unexpected status(?: code)?\b[^\n]*\b50[0234]\b|(?:^|: )unavailable: |"
    r"connection reset|connection refused|broken pipe|use of closed network connection|\bEOF\b|i/o timeout|"
    r"TLS handshake timeout|timeout awaiting response headers|\bGOAWAY\b|server closed idle connection|"
    r"http2: client connection lost|server misbehaving|temporary failure in name resolution|"
    # what was written a moment ago is not everywhere yet
    r"(?:blob|manifest) unknown|PUT request to \S+/manifests/\S+ 404 Not Found|required for pushing image"
)
_AGAIN = re.compile(r"(?m)^retrying in \d+m?s$")  # BuildKit has repeated a request for a reason that passes
_STAYS = re.compile(
    r"(?i)\b40[13] |unauthorized|denied\b|insufficient_scope|authorization failed|forbidden|x509: |no such host|"
    r"no match for platform|rate limit|name not known|name unknown|repository [^\n]*does not exist|"
    r"does not look like a TLS handshake|server gave HTTP response"
)


def passing_fault(trace: Trace, plain_lines: Sequence[str]) -> str:
    """Return the words of a failed build whose fault may have passed by now; "" for every other build.

    A build in which a program failed too is every other build.
    """
    failed = [step for step in trace.failed if not step.canceled]
    if any(_RAN.search(step.error) for step in failed):
        return ""
    message = last_message(plain_lines)
    if _RAN.search(message):
        return ""
    for text, log in [*((step.error, trace.log(step)) for step in failed), (message, "")]:
        if not _WITH_REGISTRY.search(text) or _STAYS.search(text):
            continue
        if _PASSES.search(text) or _AGAIN.search(log):
            return _shortened(text)
    return ""


def passes(words: str) -> bool:
    """Whether a registry's refusal, in the words of buildx, may have passed by now."""
    return bool(_PASSES.search(words)) and not _STAYS.search(words)


def _shortened(text: str) -> str:
    """`failed to push HOST/NAME:TAG: 503 Service Unavailable`, without the requests between."""
    what, *rest = one_line(text, _MOST).split(": ")
    return one_line(": ".join([what, *(word for word in rest[-2:] if "://" not in word)]), _WIDTH)
