"""A small build beside the user's own: bake a generated Dockerfile, and tell in one line what went wrong."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gobake.dataclass import dataclass
from gobake.engine import Bake, BakeCall, plugin
from gobake.files import shipped
from gobake.recipe.bakefile import NOBODYS, apart
from gobake.text.printable import one_line
from gobake.trace.bases import base_digests
from gobake.trace.events import EventLog

_ENDED_TOO_SOON = "container process is already dead"  # runc 1.1 on a busy machine, of a program that takes no time
_TRIES = 4


@dataclass(frozen=True, kw_only=True)
class Solved:
    """How it ended."""

    error: str  # one line; "" where it went well
    bases: tuple[str, ...] = ()  # digests that FROM lines were resolved to


def write_dockerfile(folder: Path, name: str, **values: Any) -> Path:
    """Render a Dockerfile of cache/seed into a folder."""
    file = folder / name
    file.write_text(shipped.environment("cache").get_template(f"seed/{name}.j2").render(**values), encoding="utf-8")
    return file


def solve(
    targets: Mapping[str, Mapping[str, Any]],
    folder: Path,
    *,
    builder: str,
    seconds: float,
    namespace: str = NOBODYS,
    secrets: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    redact: Callable[[str], str] = str,
) -> Solved:
    """Bake targets whose context is ``folder``; stopped in the engine after ``seconds``. Never raises for what the
    engine says.

    ``namespace``: of the mounts that it uses; one that uses none has none to meet, whatever its base image asks for.
    ``variables`` are those that the targets' texts name; ``secrets`` reach BuildKit by its environment alone, and
    ``redact`` takes them out of each line of events.

    Every call is a build of its own: what it does depends on mounts, which are no part of a cache key.
    """
    moment = uuid.uuid4().hex
    common = {"context": str(folder), "attest": ["type=provenance,disabled=true"]}
    given = {"MOMENT": moment, **apart(namespace)}
    file = folder / "docker-bake.json"
    described = {
        name: {**common, **target, "args": {**given, **target.get("args", {})}} for name, target in targets.items()
    }
    declared = {"variable": {name: {"default": ""} for name in variables}} if variables else {}
    file.write_text(json.dumps({**declared, "target": described}))
    call = BakeCall(
        files=(file,),
        targets=tuple(targets),
        builder=builder,
        secrets=dict(secrets or {}),
        variables=dict(variables or {}),
        plugin=plugin(builder),
    )
    for _ in range(_TRIES):
        solved = _solved(call, seconds, redact)
        if _ENDED_TOO_SOON not in solved.error:
            break
    return solved


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
    errors = [line for line in log.plain if line.startswith("ERROR")]
    whole = [line for line in wrote if not line[0].isspace()]  # go indents what a server had to say to it
    said = whole[-1:] or wrote[-1:] or errors[-1:] or log.plain[-1:] or ["no reason given"]
    return one_line(said[0].removeprefix("ERROR: ").removeprefix("failed to build: "), 300)


def files_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """What a target of type local wrote; "" for what is not there."""
    return {name: file.read_text() if (file := folder / name).is_file() else "" for name in names}
