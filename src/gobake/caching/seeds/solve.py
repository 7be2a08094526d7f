"""A small build besides the user's own: bakes a generated Dockerfile and reports an error in one line."""

from __future__ import annotations

import json
import random
import re
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import sleep
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gobake.engine import Bake, BakeCall, plugin
from gobake.files import templates
from gobake.recipe.bakefile import NOBODYS, apart
from gobake.text.printable import one_line
from gobake.trace import golog
from gobake.trace.bases import base_digests
from gobake.trace.events import EventLog

_PASSING = re.compile(  # temporary errors, worth another try
    # runc 1.1 on a busy machine, for a very short program
    r"container process is already dead|cannot start an already running container"
    r"|could not lock "  # BuildKit does not wait for a layout's index that others read or write
    r"|rename \S+/ingest/"  # nor for a blob that another export to the same layout writes
    r"|blob unknown"  # distribution 2.8 on a disk, when two clients push the same blob
    r"|holds nothing of what it held"  # the step got an empty mount while BuildKit measured the right one
)
_TRIES = 6
_PAUSE = 0.5  # seconds, doubled before each further try up to 4, and up to as much again: others wait as well
_READ, _SHOWN = 2000, 300  # characters of an error


class Solved(Struct, frozen=True, kw_only=True):
    """The result of a build."""

    error: str  # one line; "" for success
    bases: tuple[str, ...] = ()  # digests that BuildKit resolved FROM lines to
    digests: Mapping[str, str] = {}  # of the images, by target


class Given(Struct, frozen=True, kw_only=True):
    """Inputs of a build besides its targets."""

    secrets: Mapping[str, str] = {}  # reach BuildKit through the environment only
    variables: Mapping[str, str] = {}  # bake variables that the targets use
    redact: Callable[[str], str] = str  # removes secrets from a line of events


NOTHING = Given()


def write_dockerfile(folder: Path, name: str, **values: Any) -> Path:
    """Render a Dockerfile of cache/seed into a folder. Returns its path."""
    file = folder / name
    file.write_text(templates.environment("cache").get_template(f"seed/{name}.j2").render(**values), encoding="utf-8")
    return file


def solve(
    targets: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    builder: str,
    seconds: float,
    namespace: str = NOBODYS,
    given: Given = NOTHING,
) -> Solved:
    """Bake targets whose context is ``folder``; the engine stops after ``seconds``. An error of the engine does not
    raise: it is in the result.

    ``namespace``: of the mounts that the build uses. The default meets no mounts, whatever the base image asks for.

    No call reuses the result of another, as the steps depend on mounts, which are not part of a cache key.
    """
    moment = uuid.uuid4().hex
    common = {"context": str(folder), "attest": ["type=provenance,disabled=true"]}
    arguments = {"MOMENT": moment, **apart(namespace)}
    file = folder / "docker-bake.json"
    described = {
        name: {**common, **target, "args": {**arguments, **target.get("args", {})}} for name, target in targets.items()
    }
    declared = {"variable": {name: {"default": ""} for name in given.variables}} if given.variables else {}
    file.write_text(json.dumps({**declared, "target": described}))
    call = BakeCall(
        files=(file,),
        targets=tuple(targets),
        builder=builder,
        secrets=given.secrets,
        variables=given.variables,
        plugin=plugin(builder),
        metadata_file=folder / "metadata.json",
    )
    for pause in (*(_PAUSE * min(2**at, 8) for at in range(_TRIES - 1)), None):
        solved = _solved(call, seconds, given.redact)
        if pause is None or not _PASSING.search(solved.error):
            break
        sleep(pause * (1 + random.random()))
    return replace(solved, error=one_line(solved.error, _SHOWN), digests=_digests(folder / "metadata.json"))


def _digests(metadata: Path) -> dict[str, str]:
    """Return what buildx says that it made; nothing if it does not say."""
    try:
        told = json.loads(metadata.read_text())
    except (OSError, ValueError):
        return {}
    digests = {name: one.get("containerimage.digest") for name, one in told.items() if isinstance(one, dict)}
    return {name: str(digest) for name, digest in digests.items() if digest}


def _solved(call: BakeCall, seconds: float, redact: Callable[[str], str]) -> Solved:
    bake = Bake(call)
    timer = threading.Timer(seconds, bake.stop)
    timer.daemon = True
    timer.start()
    log = EventLog()
    try:
        bake.begin()
        for line in bake:
            line = redact(line)
            log.feed_line(line)
    except BaseException:  # Ctrl-C must stop the build in the engine too
        bake.stop()
        raise
    finally:
        late = not timer.is_alive()
        timer.cancel()
    if bake.failed:
        error = bake.refused.what if bake.refused else f"it took longer than {seconds:.0f} s" if late else _reason(log)
        return Solved(error=error)
    return Solved(error="", bases=base_digests(log))


def _reason(log: EventLog) -> str:
    """Why the build failed: the first error of Go, or the failing step's last line, else buildx's error."""
    failing = [v for v in log.vertices.values() if any(e.error for e in v.episodes.values())]
    text = "".join(log.log([v.digest]).decode("utf-8", "replace") for v in failing)
    lines = [line for line in text.splitlines() if line]
    whole = [line for line in lines if not line[0].isspace()]  # go indents a server's reply
    errors = map(str, golog.parse(text).errors[:1])  # of several, the last is seldom the cause
    reasons = [*errors, *whole[-1:], *lines[-1:], log.last_error, *log.plain[-1:], "no reason given"]
    return one_line(next(filter(None, reasons)).removeprefix("failed to build: "), _READ)


def files_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The files that a local output wrote, by name; "" for a missing one."""
    return {name: file.read_text() if (file := folder / name).is_file() else "" for name in names}
