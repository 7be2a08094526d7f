"""Layer caches before and after a run: prepares the store's folder, records imports and exports, and writes the lines
for the user. Pure except for a store that is a folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gobake.caching.layers import oci_folder
from gobake.caching.layers.plan import LayerPlan
from gobake.caching.policy.choice import CacheSettings
from gobake.errors import Unwritable
from gobake.insight.exports import balance
from gobake.recipe import TRACE, TargetCache, exporter_name
from gobake.recipe.cache_entry import CacheEntry
from gobake.runs.outcomes import Outcome
from gobake.runs.record import CacheRecord, RunRecord
from gobake.text.printable import one_line
from gobake.trace.caches import CacheTransfer
from gobake.trace.names import StepKind
from gobake.trace.steps import Trace

_KINDS = {  # cache-to's type by the name that BuildKit's exporter prints
    "registry": "registry",
    "client directory": "local",
    "GitHub Actions Cache": "gha",
    "Amazon S3": "s3",
    "Azure Blob Storage": "azblob",
    "inline cache": "inline",
}


def begin(plan: LayerPlan, choice: CacheSettings) -> LayerPlan:
    """Create the folders that the plan writes to. Returns the plan, without exports if a folder is not writable."""
    if not plan.local or not choice.store or not choice.store.folder:
        return plan
    try:
        oci_folder.prepare(choice.store.folder, plan.local)
    except Unwritable as error:
        return plan.read_only(f"layers are not exported: {error}")
    return plan


def to_export(plan: LayerPlan, transfers: Iterable[CacheTransfer], seen: Trace) -> tuple[str, ...]:
    """The bake targets of `LayerPlan.later` with something new to export. A target has nothing new if all its steps
    were imported and the ref that it writes was read.

    With mode=min the compile's steps do not count, as no ref holds them.
    """
    named = _named(plan.targets)
    read = {(t.target, t.place) for t in transfers if not (t.exported or t.error)}
    outcomes: dict[str, set[Outcome]] = {}
    unheld = {digest for step in seen.steps if step.target == TRACE for digest in step.digests if plan.mode == "min"}
    for step in seen.steps:
        if step.name.kind is StepKind.INSTRUCTION and unheld.isdisjoint(step.digests):
            outcomes.setdefault(step.name.target, set()).add(step.outcome)
    found = []
    for exporter in plan.later:
        target, entries = named[exporter, True]
        there = all((target, entry.name) in read for entry in entries)
        if not there or outcomes.get(target) != {Outcome.IMPORTED}:
            found.append(exporter)
    return tuple(found)


def end(
    transfers: Iterable[CacheTransfer], plan: LayerPlan, choice: CacheSettings, started: float, *, sweeps: bool = True
) -> tuple[CacheRecord, ...]:
    """The records of a run's imports and exports. ``sweeps`` deletes unused blobs; a failed run passes False."""
    if sweeps and plan.local and choice.store and choice.store.folder:
        oci_folder.sweep(choice.store.folder)
    found = []
    counted: set[str] = set()
    named = _named(plan.targets)
    for transfer in transfers:
        target, entries = named.get((transfer.target, transfer.exported), (transfer.target, ()))
        size = None
        if transfer.exported and not transfer.error and choice.store and choice.store.folder:
            # the folder holds a layer of several exports once
            size = oci_folder.size_of(choice.store.folder, set(transfer.layers) - counted, started)
            counted.update(transfer.layers)
        found.append(
            CacheRecord(
                direction="export" if transfer.exported else "import",
                target=target,
                ref=_ref(transfer, entries),
                seconds=transfer.seconds,
                bytes=size,
                layers=len(transfer.layers) if transfer.exported else None,
                found=None if transfer.exported else not transfer.error,
                error="" if transfer.missing else one_line(transfer.error, 400),
            )
        )
    return tuple(found)


def _named(targets: Mapping[str, TargetCache]) -> dict[tuple[str, bool], tuple[str, tuple[CacheEntry, ...]]]:
    """(Bake target, exported) to the target that owns the layers and its cache-from or cache-to."""
    found = {}
    for name, cache in targets.items():
        found[name, False] = name, cache.imports
        for platform, entries in cache.exports:
            exporter = exporter_name(name, platform)
            found[exporter, False] = name, cache.imports
            found[exporter, True] = found[name, True] = name, entries
    return found


def _ref(transfer: CacheTransfer, entries: Sequence[CacheEntry]) -> str:
    """The name that gobake gave the ref; BuildKit's own text if not exactly one entry fits."""
    if transfer.exported:
        kind = next((kind for words, kind in _KINDS.items() if transfer.place.startswith(words)), "")
        fit = [entry.name for entry in entries if entry.type == kind]
    else:
        kind = transfer.place.partition(":")[0]
        fit = [entry.name for entry in entries if entry.type == kind and kind != "registry"]
    return fit[0] if len(fit) == 1 else transfer.place


# ---- lines for the user


def cache_notes(record: RunRecord) -> list[str]:
    """One line for all failed imports and one for all failed exports; each names the first error."""
    notes = []
    for direction, doing in (("import", "reading"), ("export", "writing")):
        failed = [c for c in record.caches if c.direction == direction and c.error]
        if failed:
            many = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
            notes.append(f"warning: {doing} the cache {failed[0].ref}{many} failed and was skipped: {failed[0].error}")
    return notes


def export_note(records: Sequence[RunRecord]) -> str:
    """A line if the exports of the last runs took longer than their imports saved; "" if not, or if unknown.
    ``records``: newest first."""
    found = balance(records)
    if found is None or not found.costs:
        return ""
    return found.says
