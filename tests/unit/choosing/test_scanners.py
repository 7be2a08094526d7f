"""What scanners write, in the forms of grype, trivy and govulncheck, as counts by severity."""

from __future__ import annotations

import json

import pytest

from gobake.choosing.scanners import Scanner, Severity, counted


def match(name: str, severity: str, package: str = "musl") -> dict[str, object]:
    return {
        "vulnerability": {"id": name, "dataSource": "", "severity": severity, "urls": [], "fix": {"state": "fixed"}},
        "relatedVulnerabilities": [],
        "matchDetails": [{"type": "exact-direct-match", "matcher": "apk-matcher"}],
        "artifact": {"id": "a2", "name": package, "version": "1.2.5-r0", "type": "apk", "locations": []},
    }


def grype(*matches: dict[str, object]) -> str:
    descriptor = {"name": "grype", "version": "0.100.0", "timestamp": ""}
    return json.dumps(
        {"matches": matches, "source": {"type": "image"}, "distro": {}, "descriptor": descriptor}, indent=1
    )


def trivy(*found: tuple[str, str, str]) -> str:
    vulnerabilities = [
        {"VulnerabilityID": name, "PkgName": package, "InstalledVersion": "1", "Status": "fixed", "Severity": severity}
        for name, package, severity in found
    ]
    results = [
        {"Target": "layout (alpine 3.22)", "Class": "os-pkgs", "Type": "alpine", "Vulnerabilities": vulnerabilities},
        {"Target": "usr/local/bin/api", "Class": "lang-pkgs", "Type": "gobinary"},
    ]
    return json.dumps({"SchemaVersion": 2, "ArtifactType": "container_image", "Metadata": {}, "Results": results})


def govulncheck(*findings: tuple[str, dict[str, str]], level: str = "symbol") -> str:
    config = {"protocol_version": "v1.0.0", "scanner_name": "govulncheck", "scan_level": level, "scan_mode": "binary"}
    found = [{"finding": {"osv": name, "trace": [{"module": "stdlib", **frame}]}} for name, frame in findings]
    messages: list[object] = [
        {"config": config},
        {"progress": {"message": "Checking the binary against the vulnerabilities..."}},
        {"osv": {"schema_version": "1.3.1", "id": "GO-2026-0009"}},
        *found,
    ]
    return "\n".join(json.dumps(message, indent=2) for message in messages)


PACKAGE = {"version": "v1.26.8", "package": "net/http"}
FUNCTION = {**PACKAGE, "function": "ListenAndServe"}


def counts(critical: int = 0, high: int = 0, medium: int = 0, low: int = 0, unknown: int = 0) -> dict[Severity, int]:
    return dict(zip(Severity, (critical, high, medium, low, unknown), strict=True))


@pytest.mark.parametrize(
    ("scanner", "text", "wanted"),
    [
        (Scanner.GRYPE, grype(), counts()),
        (
            Scanner.GRYPE,
            grype(match("CVE-1", "Critical"), match("CVE-1", "Critical"), match("CVE-1", "Critical", "libc")),
            counts(critical=2),
        ),
        (
            Scanner.GRYPE,
            grype(
                match("a", "High"), match("b", "Medium"), match("c", "Low"), match("d", "Negligible"), match("e", "?")
            ),
            counts(high=1, medium=1, low=2, unknown=1),
        ),
        (Scanner.TRIVY, trivy(), counts()),
        (Scanner.TRIVY, '{"SchemaVersion": 2, "Results": null}', counts()),
        (
            Scanner.TRIVY,
            trivy(("CVE-1", "libssl", "MEDIUM"), ("CVE-1", "libcrypto", "MEDIUM"), ("CVE-2", "a", "UNKNOWN")),
            counts(medium=2, unknown=1),
        ),
        (Scanner.GOVULNCHECK, govulncheck(), counts()),
        (
            Scanner.GOVULNCHECK,
            govulncheck(("GO-1", {}), ("GO-1", PACKAGE), ("GO-1", FUNCTION), ("GO-2", PACKAGE), ("GO-1", FUNCTION)),
            counts(unknown=1),
        ),
        (Scanner.GOVULNCHECK, govulncheck(("GO-1", PACKAGE), ("GO-2", {}), level="package"), counts(unknown=1)),
        (Scanner.GOVULNCHECK, govulncheck(("GO-1", {}), ("GO-2", {}), level="module"), counts(unknown=2)),
    ],
)
def test_each_vulnerability_of_a_package_counts_once(scanner: Scanner, text: str, wanted: dict[Severity, int]) -> None:
    assert counted(scanner, text) == wanted


@pytest.mark.parametrize("scanner", list(Scanner))
@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "no JSON", '{"matches": 5}', '{"SchemaVersion": "x"}', '[1]\n{"a": 2}']
)
def test_anything_else_is_refused(scanner: Scanner, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        counted(scanner, text)
