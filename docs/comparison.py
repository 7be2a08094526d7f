"""The recorded `gobake compare --format json` of the example, as the value that the reports of a comparison take."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gobake.binary.libc import Libc
from gobake.choosing.account import Base, Built, Choice, Comparison, Row, Seen, Whose
from gobake.choosing.advice import Advice, Instead, Reason, RuledOut
from gobake.choosing.facts import Facts, Manager, Packages
from gobake.choosing.places import ModuleBytes, Place, Program
from gobake.choosing.scanners import Scanned, Scanner, Severity
from gobake.choosing.times import Seconds
from gobake.images.image import Packed
from gobake.model import Platform, Strategy

Document = Mapping[str, Any]
RECORD = Path(__file__).parent.parent / "tests" / "unit" / "recorded" / "compare.json.gz"


def recorded() -> Document:
    """The document: all services of examples/shop in all strategies, on the harness's engine."""
    found: Document = json.loads(gzip.decompress(RECORD.read_bytes()))
    return found


def comparison(document: Document) -> Comparison:
    """The comparison that a document tells of; report/compare_json.py makes the same document of it."""
    absent = document["scanners_absent"]
    return Comparison(
        project=document["project"],
        run=document["run"],
        choices=tuple(map(_choice, document["choices"])),
        left_out=tuple(document["left_out"]),
        absent=None if absent is None else tuple(map(Scanner, absent)),
    )


def _choice(told: Document) -> Choice:
    platform = Platform.parse(told["platform"])
    return Choice(
        service=told["service"],
        platform=platform,
        rows=tuple(_row(told["service"], platform, image) for image in told["images"]),
        advice=_advice(told["advice"]),
    )


def _row(service: str, platform: Platform, told: Document) -> Row:
    base = told["base"] or {"name": "", "layers": 0, "bytes": 0}
    built = Built(
        service=service,
        strategy=Strategy(told["strategy"]),
        platform=platform,
        image=told["image"],
        base=base["name"],
        compressed=told["compressed_bytes"],
        unpacked=told["unpacked_bytes"],
        seconds=Seconds(**told["seconds"]),
        seen=_seen(told),
        scans=tuple(map(_scanned, told["vulnerabilities"] or ())),
    )
    return Row(
        built=built,
        base=Base(**base),
        beside_base=told["pull_bytes"]["with_base"],
        beside_others=told["pull_bytes"]["with_others"],
        whose=tuple(Whose(layer["whose"]) for layer in told["layers"]),
    )


def _seen(told: Document) -> Seen:
    stored = all(layer["bytes"] is not None for layer in told["layers"])
    layers = (Packed(digest=o["digest"], size=o["bytes"] or 0, instruction=o["instruction"]) for o in told["layers"])
    return Seen(
        layers=tuple(layers),
        stored=told["compressed_bytes"] if stored else None,
        facts=_facts(told),
        places=tuple(Place(layer=o["layer"], path=o["path"] or "", bytes=o["bytes"]) for o in told["places"]),
        program=_program(told["program"]) if told["program"] else None,
    )


def _program(told: Document) -> Program:
    modules = (
        ModuleBytes(module=one["module"] or "", version=one["version"] or "", bytes=one["bytes"])
        for one in told["modules"]
    )
    return Program(path=told["path"][1:], layer=told["layer"], bytes=told["bytes"], modules=tuple(modules))


def _facts(told: Document) -> Facts:
    packages = Packages(manager=Manager(told["packages"]["manager"] or ""), count=told["packages"]["count"])
    return Facts(
        files=told["files"],
        executables=told["executables"],
        setid=told["setuid_files"],
        world_writable=told["world_writable"],
        packages=packages,
        shell=told["shell"] or "",
        user=told["user"],
        libc=Libc(kind=told["libc"]["kind"] or "", floor=told["libc"]["floor"] or ""),
        certificates=told["certificates"],
        zoneinfo=told["zoneinfo"],
        passwd=told["passwd"],
        tmp=told["tmp"],
    )


def _scanned(told: Document) -> Scanned:
    counts = {severity: told[str(severity)] for severity in Severity}
    failed = None in counts.values()
    return Scanned(scanner=Scanner(told["scanner"]), counts=None if failed else counts, why=told["error"] or "")


def _advice(told: Document) -> Advice:
    return Advice(
        strategy=Strategy(told["strategy"]) if told["strategy"] else None,
        reasons=tuple(map(_reason, told["reasons"])),
        settings=tuple(map(_reason, told["settings"])),
        instead=tuple(
            Instead(strategy=Strategy(one["strategy"]), purpose=one["purpose"], more=one["more_bytes"])
            for one in told["instead"]
        ),
        ruled_out=tuple(RuledOut(strategy=Strategy(one["strategy"]), reason=_reason(one)) for one in told["ruled_out"]),
    )


def _reason(told: Document) -> Reason:
    return Reason(text=told["text"], places=tuple(told["places"]))
