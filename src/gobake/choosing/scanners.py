"""What vulnerability scanners write, as counts by severity. Pure.

grype (https://github.com/anchore/grype, grype/presenter/json and its snapshot TestJsonImgsPresenter): one object; each
of `matches` has `vulnerability.id`, `vulnerability.severity` and `artifact`.

trivy (https://github.com/aquasecurity/trivy, `SchemaVersion` 2 as in integration/testdata/alpine-310.json.golden): one
object; each of `Results[].Vulnerabilities` has `VulnerabilityID`, `PkgName`, `InstalledVersion` and `Severity`.

govulncheck (https://pkg.go.dev/golang.org/x/vuln@v1.9.0/internal/govulncheck): a stream of objects; a `finding` has
`osv`, and a `trace` whose first frame names a module, and where the scan went deeper a package and a function. The
`config` says how deep it goes. The Go database rates nothing, so each is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct, field

from gobake.gotool.reading import objects


class Severity(StrEnum):
    """How bad a vulnerability is, in the words of the scanners."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"


class Scanner(StrEnum):
    """The scanners that are known."""

    GRYPE = "grype"
    TRIVY = "trivy"
    GOVULNCHECK = "govulncheck"


class Scanned(Struct, frozen=True, kw_only=True):
    """What a scanner says of an image."""

    scanner: Scanner
    counts: Mapping[Severity, int] | None  # None: it failed
    why: str = ""  # the last line of its failure


_LEVELS = {"negligible": Severity.LOW, **{str(severity): severity for severity in Severity}}
_DEEPEST = {"module": "module", "package": "package", "symbol": "function"}  # key of a frame by level of the scan


class _GrypeVulnerability(Struct):
    id: str
    severity: str = ""


class _GrypeArtifact(Struct):
    name: str = ""
    version: str = ""


class _GrypeMatch(Struct):
    vulnerability: _GrypeVulnerability
    artifact: _GrypeArtifact


class _Grype(Struct):
    matches: list[_GrypeMatch]


class _TrivyVulnerability(Struct):
    id: str = field(name="VulnerabilityID")
    package: str = field(name="PkgName", default="")
    version: str = field(name="InstalledVersion", default="")
    severity: str = field(name="Severity", default="")


class _TrivyResult(Struct):
    vulnerabilities: list[_TrivyVulnerability] | None = field(name="Vulnerabilities", default=None)


class _Trivy(Struct):
    version: int = field(name="SchemaVersion")
    results: list[_TrivyResult] | None = field(name="Results", default=None)


def counted(scanner: Scanner, text: str) -> dict[Severity, int]:
    """Count what a scanner wrote. Raises ValueError for anything else."""
    try:
        return _counts(_READERS[scanner](text))
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


_Finding = tuple[str, str, str, str]  # id, package, version, severity


def _counts(found: Iterable[_Finding]) -> dict[Severity, int]:
    """Count each vulnerability of a package once."""
    severities = {(name, package, version): _LEVELS.get(level.lower()) for name, package, version, level in found}
    sums = Counter(level or Severity.UNKNOWN for level in severities.values())
    return {severity: sums[severity] for severity in Severity}


def _grype(text: str) -> Iterator[_Finding]:
    for one in msgspec.json.decode(text, type=_Grype).matches:
        yield one.vulnerability.id, one.artifact.name, one.artifact.version, one.vulnerability.severity


def _trivy(text: str) -> Iterator[_Finding]:
    for result in msgspec.json.decode(text, type=_Trivy).results or ():
        for one in result.vulnerabilities or ():
            yield one.id, one.package, one.version, one.severity


def _govulncheck(text: str) -> Iterator[_Finding]:
    """Those that have a finding as deep as the scan went."""
    messages = [message for message in objects(text) if isinstance(message, dict)]
    configs = [found for message in messages if (found := _inner(message, "config"))]
    if not configs:
        raise ValueError("there is no configuration of a scan")
    key = _DEEPEST.get(str(configs[0].get("scan_level")), "module")
    for message in messages:
        finding = _inner(message, "finding")
        trace = finding.get("trace")
        first = trace[0] if isinstance(trace, list) and trace else None
        if isinstance(first, dict) and first.get(key):
            yield str(finding.get("osv")), "", "", ""


def _inner(message: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = message.get(key)
    return found if isinstance(found, dict) else {}


_READERS: Mapping[Scanner, Callable[[str], Iterator[_Finding]]] = {
    Scanner.GRYPE: _grype,
    Scanner.TRIVY: _trivy,
    Scanner.GOVULNCHECK: _govulncheck,
}
