"""BuildKit events of real runs; record.sh made them."""

from __future__ import annotations

import gzip
from pathlib import Path

from gobake.trace.events import EventLog

NAMES = tuple(sorted(path.name.removesuffix(".jsonl.gz") for path in Path(__file__).parent.glob("*.jsonl.gz")))


def recording(name: str) -> bytes:
    return gzip.decompress((Path(__file__).parent / f"{name}.jsonl.gz").read_bytes())


def read(name: str) -> EventLog:
    return EventLog.read([recording(name)])
