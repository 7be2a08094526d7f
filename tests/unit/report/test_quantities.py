"""Times in JSON."""

from __future__ import annotations

import pytest

from gobake.report.quantities import rfc3339, rfc3339_of


def test_times_are_utc_in_rfc_3339() -> None:
    assert rfc3339(1795584791.748648) == "2026-11-25T05:33:11.748Z"
    assert rfc3339(-1e30) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1e30).startswith("2096-")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-29 00:04:58.980960975 +0000 UTC", "2026-11-29T00:04:58.980960975Z"),
        ("2026-11-29 00:04:58 +0100 CET", "2026-11-29T00:04:58+01:00"),
        ("2026-11-29T00:04:58.98Z", "2026-11-29T00:04:58.98Z"),
        ("2026-11-29T00:04:58-07:00", "2026-11-29T00:04:58-07:00"),
        ("", None),
        ("2 weeks ago", None),
        ("2026-11-29 00:04:58 \x1b[31m", None),
    ],
)
def test_times_of_go_are_put_into_rfc_3339(text: str, time: str | None) -> None:
    assert rfc3339_of(text) == time
