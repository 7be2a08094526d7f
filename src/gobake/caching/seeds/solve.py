"""A small build beside the user's own: bake a generated Dockerfile, and tell in one line what went wrong."""

from __future__ import annotations

import json
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
from gobake.trace.bases import base_digests
from gobake.trace.events import EventLog

_PASSING = re.compile(  # what goes well a moment later
    # runc 1.1 on a busy machine, of a program that takes no time
    r"container process is already dead|cannot start an already running container"
    r"|could not lock "  # BuildKit does not wait for the index of a layout that others read or write
    r"|rename \S+/ingest/"  # nor for a blob that another export to the same layout writes
    r"|blob unknown"  # distribution 2.8 on a disk, where two push the same blob
    r"|holds nothing of what it held"  # the step got an empty mount, as another program measured the right one
)
_TRIES = 4
_PAUSE = 0.5  # seconds, and twice as many before each further try
_READ, _SHOWN = 2000, 300  # characters of an error


class Solved(Struct, frozen=True, kw_only=True):
    """How it ended."""

    error: str  # one line; "" where it went well
    bases: tuple[str, ...] = ()  # digests that FROM lines were resolved to


class Given(Struct, frozen=True, kw_only=True):
    """What a build is given beside its targets."""

    secrets: Mapping[str, str] = {}  # that reach BuildKit by its environment alone
    variables: Mapping[str, str] = {}  # that the targets' texts name
    redact: Callable[[str], str] = str  # takes secrets out of a line of events


NOTHING = Given()


def write_dockerfile(folder: Path, name: str, **values: Any) -> Path:
    """Render a Dockerfile of cache/seed into a folder."""
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
    """Bake targets whose context is ``folder``; stopped in the engine after ``seconds``. Never raises for what the
    engine says.

    ``namespace``: of the mounts that it uses; one that uses none has none to meet, whatever its base image asks for.

    Every call is a build of its own: what it does depends on mounts, which are no part of a cache key.
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
    )
    for pause in (*(_PAUSE * 2**at for at in range(_TRIES - 1)), None):
        solved = _solved(call, seconds, given.redact)
        if pause is None or not _PASSING.search(solved.error):
            break
        sleep(pause)
    return replace(solved, error=one_line(solved.error, _SHOWN))


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
    except BaseException:  # Ctrl-C: nothing of it goes on in the engine
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
    """buildx's last word, and what the failing step itself said, if anything."""
    failing = [v for v in log.vertices.values() if any(e.error for e in v.episodes.values())]
    wrote = [line for v in failing for line in log.log([v.digest]).decode("utf-8", "replace").splitlines() if line]
    whole = [line for line in wrote if not line[0].isspace()]  # go indents what a server had to say to it
    said = [*whole[-1:], *wrote[-1:], log.last_error, *log.plain[-1:], "no reason given"]
    return one_line(next(filter(None, said)).removeprefix("failed to build: "), _READ)


def files_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """What a target of type local wrote; "" for what is not there."""
    return {name: file.read_text() if (file := folder / name).is_file() else "" for name in names}
