"""`gobake compare` as JSON. null means unknown, or none."""

from __future__ import annotations

from typing import Any

from gobake.choosing.account import Choice, Comparison, Row
from gobake.choosing.advice import Advice, Reason
from gobake.choosing.places import Program
from gobake.choosing.scanners import Scanned, Severity
from gobake.starting.measure import Measured, Trial


def as_json(found: Comparison) -> dict[str, Any]:
    return {
        "schema": 1,
        "project": found.project,
        "run": found.run,
        "choices": [_choice(choice, scanned=found.absent is not None) for choice in found.choices],
        "left_out": list(found.left_out),
        "scanners_absent": None if found.absent is None else [str(scanner) for scanner in found.absent],
    }


def _choice(choice: Choice, *, scanned: bool) -> dict[str, Any]:
    return {
        "service": choice.service,
        "platform": str(choice.platform),
        "images": [_image(row, scanned=scanned) for row in choice.rows],
        "advice": _advice(choice.advice or Advice(strategy=None)),
    }


def _image(row: Row, *, scanned: bool) -> dict[str, Any]:
    built, facts = row.built, row.facts
    stored = built.seen.stored is not None
    return {
        "strategy": str(row.strategy),
        "image": built.image,
        "compressed_bytes": built.compressed,
        "unpacked_bytes": built.unpacked,
        "layers": [
            {
                "digest": layer.digest,
                "bytes": layer.size if stored else None,
                "instruction": layer.instruction,
                "whose": str(whose),
            }
            for layer, whose in zip(built.seen.layers, row.whose, strict=True)
        ],
        "places": [{"layer": one.layer, "path": one.path or None, "bytes": one.bytes} for one in built.seen.places],
        "program": _program(built.seen.program),
        "pull_bytes": {"with_base": row.beside_base, "with_others": row.beside_others},
        "seconds": {"cold": built.seconds.cold, "warm": built.seconds.warm},
        "base": {"name": row.base.name, "layers": row.base.layers, "bytes": row.base.bytes} if row.base.name else None,
        "files": facts.files,
        "executables": facts.executables,
        "setuid_files": facts.setid,
        "world_writable": facts.world_writable,
        "packages": {"manager": str(facts.packages.manager) or None, "count": facts.packages.count},
        "shell": facts.shell or None,
        "user": facts.user,
        "libc": {"kind": facts.libc.kind or None, "floor": facts.libc.floor or None},
        "certificates": facts.certificates,
        "zoneinfo": facts.zoneinfo,
        "passwd": facts.passwd,
        "tmp": facts.tmp,
        "vulnerabilities": [_scanned(one) for one in built.scans] if scanned else None,
        "run": _run(built.measured) if built.measured else None,
    }


def _scanned(one: Scanned) -> dict[str, Any]:
    counts = {str(severity): None if one.counts is None else one.counts[severity] for severity in Severity}
    return {"scanner": str(one.scanner), **counts, "error": one.why or None}


def _program(program: Program | None) -> dict[str, Any] | None:
    if program is None:
        return None
    return {
        "path": f"/{program.path}",
        "layer": program.layer,
        "bytes": program.bytes,
        "modules": [
            {"module": one.module or None, "version": one.version or None, "bytes": one.bytes}
            for one in program.modules or ()
        ],
    }


def _run(measured: Measured) -> dict[str, Any]:
    return {
        "asked": measured.asked,
        "emulated": measured.emulated,
        "failure": measured.failure or None,
        "said": list(measured.said),
        "starts_seconds": list(measured.starts),
        "median_seconds": measured.median,
        "memory_bytes": {"one": measured.memory, "five": measured.memory_of_five},
        "read_only": _trial(measured.read_only),
        "no_capabilities": _trial(measured.no_capabilities),
        "other_user": _trial(measured.other_user),
    }


def _trial(trial: Trial | None) -> dict[str, Any] | None:
    return {"works": trial.works, "why": trial.why or None, "said": list(trial.said)} if trial else None


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "strategy": str(advice.strategy) if advice.strategy else None,
        "reasons": [_reason(reason) for reason in advice.reasons],
        "settings": [_reason(setting) for setting in advice.settings],
        "instead": [
            {"strategy": str(one.strategy), "purpose": one.purpose, "more_bytes": one.more} for one in advice.instead
        ],
        "ruled_out": [{"strategy": str(out.strategy), **_reason(out.reason)} for out in advice.ruled_out],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {"text": reason.text, "places": list(reason.places)}
