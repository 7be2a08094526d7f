"""Which answers of a registry pass, and how long to wait before a request is sent again.

A registry that is asked too often, or restarts, says so with a status and perhaps a Retry-After (RFC 9110, 10.2.3).
401, 403, 400 and 404 are answers; they are asked for again only where the caller knows that they cannot be.
"""

from __future__ import annotations

import email.utils
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from gobake import http
from gobake.http import Answer, HttpError
from gobake.proc.backoff import pause

PASSING = frozenset({429, 500, 502, 503, 504})
MOST = 4  # times that a request is sent again
MOST_UNCONNECTED = 2  # the same where nobody listens: rather the address is wrong, or the registry is down
LONGEST = 30.0  # seconds that a registry may ask to be left alone
_FIRST, _LAST = 0.5, 8.0  # seconds of the first pause, and of any


def after_answer(answer: Answer, before: int, also: Collection[int] = ()) -> float | None:
    """Return the seconds to wait before asking again; None if the answer counts.

    ``before``: how often it was asked again already. ``also``: more statuses that pass, as what the request names was
    written a moment ago; registries differ in the status of a manifest whose blobs they do not know yet.
    """
    unknown = bool(also) and answer.status == 400 and b"BLOB_UNKNOWN" in answer.body
    if before >= MOST or not (unknown or answer.status in PASSING or answer.status in also):
        return None
    wanted = wanted_pause(answer.headers)
    if wanted > LONGEST:
        return None
    return max(wanted, pause(before, first=_FIRST, most=_LAST))


def after_error(error: HttpError, before: int) -> float | None:
    """Return the seconds to wait after an exchange without an answer; None if it is not to be repeated."""
    if not isinstance(error, (http.Unconnected, http.HungUp, http.Late, http.Cut)):
        return None
    most = MOST_UNCONNECTED if isinstance(error, http.Unconnected) else MOST
    return pause(before, first=_FIRST, most=_LAST) if before < most else None


def wanted_pause(headers: Mapping[str, str]) -> float:
    """Return the seconds of a Retry-After, which is a number or a date; 0 for none and for nonsense.

    A date is compared with the registry's own clock, if it tells it.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    until, now = _moment(text), _moment(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds()) if until else 0.0


def _moment(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text[:64])
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
