"""The limits of a gate as frozen values; separate from the table, which is slow to import."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct, field
from msgspec.structs import asdict, replace

# The syntax of shares in the file and on the command line. Whole numbers need a percent sign, as `20` would be
# ambiguous. Shares are at most 100 %, regressions may be more.
PERCENT = r"[0-9]{1,4}(?:\.[0-9]{1,2})? ?%"
FRACTION = r"(?:0?\.[0-9]{1,4}|0|1\.0{1,4}|1)"
SHARE = rf"(?:(?:100(?:\.0{{1,2}})?|[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?) ?%|{FRACTION})"
REGRESSION = rf"(?:{PERCENT}|{FRACTION})"

NONE: Final = "none"  # removes a limit set elsewhere
Limit = float | Literal["none"]


class Exemption(StrEnum):
    """Runs that may miss their caches."""

    FIRST_RUN = "first-run"  # no earlier run of these services
    GO_VERSION = "go-version"  # the first run with another Go version
    MODULES = "modules"  # the first run after the modules that go.mod files ask for changed


class GateConfig(Struct, frozen=True, kw_only=True):
    """The limits of a run; None if not set. Shares are fractions."""

    min_hit_rate: Limit | None = None
    min_go_hit_rate: Limit | None = None
    max_seconds_regression: Limit | None = None
    require_cache: bool | None = None
    exempt: frozenset[Exemption] | None = None
    branches: Mapping[str, GateConfig] = field(
        default_factory=lambda: MappingProxyType({})
    )  # pattern -> overriding limits

    def over(self, below: GateConfig) -> GateConfig:
        """Return these limits, completed by those of ``below``; branches are those of ``below``."""
        limits = {name: value for name, value in asdict(self).items() if name != "branches" and value is not None}
        return replace(below, **limits)

    def of(self, branch: str) -> GateConfig:
        """Return the limits for a branch, overridden by those of the first matching pattern."""
        fit = (own for pattern, own in self.branches.items() if branch and fnmatch.fnmatchcase(branch, pattern))
        own = next(fit, None)
        return own.over(self) if own else self


def fraction(text: str) -> float:
    """Return the fraction of a text that matches SHARE or REGRESSION: `80%` and `0.8` are the same."""
    match = re.fullmatch(r"([0-9.]+) ?(%?)", text)
    assert match, text
    return float(match[1]) / 100 if match[2] else float(match[1])
