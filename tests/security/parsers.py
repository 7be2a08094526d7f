"""Every parser of what comes from outside, with a document that it takes, and what it may raise for any other."""

from __future__ import annotations

import atexit
import base64
import gzip
import io
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gobake.caching.kept.contents import What, moment, only_file, parse_tag, stored
from gobake.caching.layers import oci_folder
from gobake.caching.seeds import memory
from gobake.caching.seeds.seed import SeedKey, SeedLabels, describe, read_seed
from gobake.caching.seeds.store import SeedStore
from gobake.caching.seeds.units import read_index, read_listing
from gobake.caching.store import oci_layout as layouts
from gobake.caching.store.history import unpacked
from gobake.errors import UsageError
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.registry import answers
from gobake.registry.credentials import credentials_of
from gobake.runs import archive, summary
from gobake.runs.disk import key_of, value_of
from gobake.runs.record import UnreadableRecord, from_json
from gobake.trace import actiongraph
from gobake.trace.bases import base_digests
from gobake.trace.caches import cache_transfers
from gobake.trace.events import EventLog
from gobake.trace.steps import steps

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
KEY = SeedKey(project="shop", go="1.26", arch="amd64")
SEED_LABELS = SeedLabels(
    key=KEY,
    go="go1.26.1",
    branch="main",
    sums="a",
    inputs="b",
    index=HEX,
    saved="2026-11-25T02:00:00Z",
    size=12,
    half="half-0123",
    half_programs=("golink",),
).texts
RUN = "20261124-201530-000abc"
TARGET = {"name": "a", "service": "a", "strategy": "scratch", "platforms": ["linux/amd64"], "images": ["a:1"]}
STEP = {
    "target": "a",
    "name": "[1/2] RUN",
    "stage": "compile",
    "platform": "linux/amd64",
    "instruction": "RUN",
    "digest": DIGEST,
    "outcome": "executed",
    "started": 1.0,
    "seconds": 2.0,
    "needs": [0],
}
GO = {
    "platform": "linux/amd64",
    "packages": 3,
    "compiled": [["fmt", 1.5]],
    "linked": [],
    "imports": [[0]],
    "actions": [["fmt", "x"]],
    "commands": [{"package": "a", "packages": 3, "compiled": [0]}],
}
RECORD: dict[str, Any] = {
    "schema": 1,
    "id": RUN,
    "started": 1.5e9,
    "seconds": 12.5,
    "outcome": "done",
    "command": ["build"],
    "project": "shop",
    "root": "/src",
    "targets": [TARGET],
    "steps": [STEP],
    "go": [GO],
    "caches": [{"direction": "export", "target": "a", "ref": "x", "seconds": 1.0}],
    "inputs": {"files": [["a.go", "0123"]]},
    "mounts": [{"name": "gobuild", "id": "shop-gobuild", "before": 1, "after": None}],
    "nodes": [["default", "linux/amd64"]],
    "bare": None,
}
FIGURES: dict[str, Any] = {
    "schema": 1,
    "id": RUN,
    "started": 1.5e9,
    "seconds": 12.5,
    "outcome": "done",
    "branch": "main",
    "revision": "0123",
    "builder": "default",
    "services": ["a"],
    "targets": 1,
    "executed": 2,
    "hit_rate": 0.5,
    "go_hit_rate": None,
    "compiled": 3,
    "saved": 1.5,
    "go_version": "1.26",
    "modules": "",
    "policy": "dev",
    "work": "",
    "names": ["a"],
}
DESCRIPTOR = {
    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
    "digest": DIGEST,
    "size": 12,
    "annotations": {"buildkit/createdat": "2026-11-25T02:00:00.123456789Z", "a": "b"},
}
EVENTS: list[Any] = [
    {
        "vertexes": [
            {
                "digest": DIGEST,
                "name": "[a compile 1/2] RUN go build",
                "inputs": [DIGEST],
                "started": "2026-11-25T02:00:00.123456789Z",
                "completed": "2026-11-25T02:00:01Z",
                "cached": True,
                "error": "exit code: 1",
            },
            {"digest": f"sha256:{'b' * 64}", "name": "[a internal] load build definition from Dockerfile"},
            {"digest": f"sha256:{'c' * 64}", "name": "exporting cache to registry", "started": "2026-11-25T02:00:00Z"},
        ],
        "statuses": [
            {
                "vertex": DIGEST,
                "id": "extracting sha256:0",
                "current": 5,
                "total": 7,
                "timestamp": "2026-11-25T02:00:00Z",
            }
        ],
        "logs": [{"vertex": DIGEST, "stream": 1, "data": base64.b64encode(b"go: x\n").decode(), "timestamp": "x"}],
        "warnings": [
            {"vertex": DIGEST, "level": 1, "short": "eA==", "detail": ["eA=="], "range": [{"start": {"line": 3}}]}
        ],
    }
]
ACTIONS: list[Any] = [
    {"ID": 1, "Mode": "build", "Package": "fmt", "ActionID": "x", "Cmd": ["c"], "CmdUser": 5, "CmdSys": 6, "Deps": []},
    {"ID": 2, "Mode": "link", "Package": "a", "Deps": [1, 1], "Cmd": None, "CmdReal": 12},
]
INDEX_TEXT = "gobake seed index 1\nobject 20400 10 gobuild/3b/3bdc-d\nprogram 20400 5 golink/x\n"


@dataclass(frozen=True, kw_only=True)
class Parser:
    """One parser. ``valid`` is JSON, text or bytes that it takes."""

    valid: Any
    read: Callable[[bytes], object]
    raises: tuple[type[Exception], ...] = ()


def _text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


def _json(data: bytes) -> Any:
    return checks.parsed(data, 1 << 30)


def _seed(data: bytes) -> object:
    config = oci.config(data)
    found = describe("seed-x", DIGEST, 1, 5, config.labels)
    assert found is None or ((not found.half or checks.tag(found.half)) and (not found.index or len(found.index) == 64))
    return read_seed("seed-x", DIGEST, 1, None, config.labels, KEY)


def _layout(data: bytes) -> object:
    return [layouts.tag_of(one) for one in oci.index(data)]


def _entries(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "runs.jsonl.gz")
        file.write_bytes(data)
        return list(archive.read(file))


def _log(data: bytes) -> object:
    log = EventLog()
    for start in range(0, len(data), 97):
        log.feed(data[start : start + 97])
    log.close()
    return steps(log, bare=True), cache_transfers(log), base_digests(log), log.log([DIGEST])


@cache
def _folder() -> Path:
    """A store of one ref, made once."""
    top = Path(tempfile.mkdtemp(prefix="gobake-tests-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    oci_folder.prepare(top, ["layers-a.b.c.main"])
    (top / "seeds").mkdir()
    return top


def _store(data: bytes) -> object:
    """A folder in which every index is this one."""
    top = _folder()
    (top / "layers/layers-a.b.c.main/index.json").write_bytes(data)
    (top / "seeds/index.json").write_bytes(data)
    told = stored(SeedStore(folder=top))
    assert all("\n" not in entry.error for entry in told.entries)
    assert "\n" not in told.error
    oci_folder.sweep(top, 1e12)
    return told


def _remembered(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as place:
        Path(place, "mounts.json").write_bytes(data)
        return memory.remembered(Path(place), "default")


def _credentials(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as place:
        Path(place, "config.json").write_bytes(data)
        before = os.environ.get("DOCKER_CONFIG")
        os.environ["DOCKER_CONFIG"] = place
        try:
            return credentials_of("ghcr.io")
        finally:
            os.environ.pop("DOCKER_CONFIG")
            if before is not None:
                os.environ["DOCKER_CONFIG"] = before


def _row(data: bytes) -> object:
    key_of(data, True)
    key_of(zlib.compress(data), True)
    packed = zlib.compress(data)
    return from_json(value_of(1, None, packed, len(packed)))


def _zipped(data: bytes) -> object:
    return checks.unzipped(data, 1 << 20)


def tar(name: str = "index", text: bytes = b"text") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as files:
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        files.addfile(entry, io.BytesIO(text))
    return out.getvalue()


_LINE = {"schema": 1, "record": RECORD, "digest": FIGURES, "events": '{"vertexes":[]}\n'}
_CREDENTIALS = {
    "auths": {"ghcr.io": {"auth": "cm9ib3Q6c2VjcmV0"}, "https://index.docker.io/v1/": {"identitytoken": "x"}},
    "credHelpers": {"gcr.io": "gcloud"},
}
_UNREADABLE = (Unfit, UnreadableRecord)

PARSERS: dict[str, Parser] = {
    "tags": Parser(valid={"name": "a/b", "tags": ["v1", "latest"]}, read=answers.tags, raises=(Unfit,)),
    "token": Parser(
        valid={"token": "abc", "access_token": "def", "expires_in": 60}, read=answers.token, raises=(Unfit,)
    ),
    "error": Parser(valid={"errors": [{"code": "DENIED", "message": "no"}]}, read=answers.said),
    "challenge": Parser(valid='Bearer realm="https://a/b",service="c",scope="d"', read=_text(answers.challenge)),
    "next page": Parser(
        valid='</v2/a/tags/list?last=b&n=2>; rel="next"',
        read=_text(lambda link: answers.next_page(link, "https://registry.test/v2/a/tags/list?n=1000")),
        raises=(Unfit,),
    ),
    "manifest": Parser(
        valid={"schemaVersion": 2, "config": DESCRIPTOR, "layers": [DESCRIPTOR, DESCRIPTOR], "artifactType": "a/b"},
        read=oci.manifest,
        raises=(Unfit,),
    ),
    "index": Parser(valid={"schemaVersion": 2, "manifests": [DESCRIPTOR]}, read=oci.manifest, raises=(Unfit,)),
    "layout index": Parser(
        valid={"manifests": [{**DESCRIPTOR, "annotations": {oci.REF_NAME: "docker.io/library/seeds:seed-b"}}]},
        read=_layout,
        raises=(Unfit,),
    ),
    "oci-layout": Parser(valid={"imageLayoutVersion": "1.0.0"}, read=oci.layout_version, raises=(Unfit,)),
    "configuration": Parser(
        valid={"config": {"Labels": SEED_LABELS}, "created": "x", "rootfs": {"diff_ids": [DIGEST]}},
        read=_seed,
        raises=(Unfit,),
    ),
    "seed index": Parser(valid=INDEX_TEXT, read=_text(read_index)),
    "seed listing": Parser(valid="object 1700000000 10 gobuild/3b\n", read=_text(read_listing), raises=(ValueError,)),
    "archive of an index": Parser(valid=tar(), read=lambda data: only_file(data, "index"), raises=(Unfit,)),
    "gzip": Parser(valid=gzip.compress(b"a" * 100, mtime=0), read=_zipped, raises=(Unfit,)),
    "record": Parser(valid=RECORD, read=lambda data: from_json(_json(data)), raises=_UNREADABLE),
    "figures": Parser(valid=FIGURES, read=_text(summary.from_text)),
    "line of an archive": Parser(valid=_LINE, read=archive.from_line, raises=(UnreadableRecord,)),
    "record of a store": Parser(
        valid=_LINE, read=lambda data: unpacked(gzip.compress(data, 1, mtime=0)), raises=(UnreadableRecord,)
    ),
    "archive": Parser(
        valid=gzip.compress(json.dumps(_LINE).encode() + b"\n{}\n", mtime=0), read=_entries, raises=(UsageError,)
    ),
    "row of a database": Parser(valid=RECORD, read=_row, raises=_UNREADABLE),
    "events": Parser(valid=EVENTS[0], read=_log),
    "action graph": Parser(
        valid=ACTIONS, read=lambda data: actiongraph._parsed.__wrapped__((data.decode("utf-8", "replace"),))
    ),
    "store": Parser(valid={"manifests": [DESCRIPTOR]}, read=_store),
    "memory of mounts": Parser(valid={"default": {"a": {"record": "x", "seed": "", "go": "1.26"}}}, read=_remembered),
    "docker's credentials": Parser(valid=_CREDENTIALS, read=_credentials),
    "time": Parser(valid="2026-11-25T02:00:00.123456789+01:00", read=_text(moment)),
    "tag of a layer cache": Parser(valid="layers-a.b.c.main", read=_text(lambda tag: parse_tag(tag, What.LAYERS))),
    "tag of a record": Parser(valid=f"history-a.{RUN}.main", read=_text(lambda tag: parse_tag(tag, What.HISTORY))),
}


def encoded(valid: Any) -> bytes:
    """A document as it comes: JSON unless it is text or bytes already."""
    if isinstance(valid, bytes):
        return valid
    return valid.encode("utf-8", "surrogatepass") if isinstance(valid, str) else json.dumps(valid).encode()


def takes(parser: Parser, data: bytes) -> bool:
    """Whether a parser takes a document; raises what it must not raise."""
    said = ""
    try:
        parser.read(data)
    except parser.raises as error:
        said = str(error) or "no reason"
    assert "\n" not in said
    return not said
