"""The seeds of one run: fills cold mounts before the build, and saves what it added.

Nothing here fails a build: failures become lines for the user.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from msgspec.structs import replace

from gobake import engine
from gobake.caching.seeds import expected, session
from gobake.caching.seeds.memory import note
from gobake.caching.seeds.restore import Restored
from gobake.caching.seeds.save import Saved, Saving
from gobake.caching.seeds.save_each import save_each
from gobake.caching.seeds.seed import Seed
from gobake.caching.seeds.warm import Warming, Warmth, warm
from gobake.context.staging import Staged, digest
from gobake.engine import Usage
from gobake.engine.gc_limits import collection_warning, largest_need
from gobake.errors import GobakeError
from gobake.plan.build_plan import BuildPlan
from gobake.plan.seeds import savings
from gobake.plan.versions import linked
from gobake.recipe import TRACE
from gobake.report.seeds import restored_line, saved_line
from gobake.run.usage import begin_usage
from gobake.runs.outcomes import SeedAction
from gobake.runs.record import SeedRecord
from gobake.text.printable import one_line


@dataclass(kw_only=True)
class SeedSession:
    """The mounts of one run."""

    plan: BuildPlan
    recipe: str  # the Dockerfile's text
    staged: Staged  # the copies that are built
    records: list[SeedRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    usage: Future[Usage | None] | None = None  # of the builder before warming; None: not requested yet
    asked: Warming | None = None  # None: the policy restores nothing

    def begin(self) -> None:
        """Ask the builder for its mounts. Returns at once."""
        if self.asked:
            self.usage = self.usage or begin_usage(self.plan.builder)

    def move(self, plan: BuildPlan) -> None:
        """Go on with the plan's builder, whose nodes are not those that were asked."""
        builder, self.plan, self.usage = plan.builder, plan, None
        if self.asked:
            self.asked = replace(self.asked, builder=builder.answer, chosen=builder.name)
        self.begin()

    def warm(self, say: Callable[[str], None]) -> None:
        """Fill cold mounts; ``say`` gets a line before anything slow."""
        if not (self.asked and self.usage):
            return
        kept = self.usage.result()
        warmth = warm(self.asked, kept.mounts if kept else None, say=say, expected=self._comes_from_layers)
        for line in warmth.notes:
            say(line)
        self._note(self.asked, warmth)

    def _note(self, asked: Warming, warmth: Warmth) -> None:
        self.records += [
            SeedRecord(action=SeedAction.REFUSED, name=asked.store.place, error=one_line(line))
            for line in warmth.unread
        ]
        for restored in warmth.restored:
            self._note_restored(restored, asked.store.named(restored.seed.tag))

    def _note_restored(self, restored: Restored, name: str) -> None:
        self.records.append(
            SeedRecord(
                action=SeedAction.REFUSED if restored.error else SeedAction.RESTORED,
                name=name,
                digest=restored.seed.digest,
                size=restored.size,
                packed=restored.packed,
                seconds=restored.seconds,
                error=restored.error,
            )
        )
        if not restored.error:
            self.notes.append(restored_line(name, restored))

    @property
    def place(self) -> str:
        """Where seeds are kept."""
        return self.plan.caches.store.shown if self.plan.caches.store else ""

    def is_due(self, *, compiled: bool) -> bool:
        """Whether the policy saves a seed after this run. ``compiled``: the run compiled something."""
        return session.is_due(self.plan.caches, compiled=compiled)

    def save(self, bases: Sequence[str]) -> None:
        """Save a seed. ``bases``: digests of the golang image in which the compile ran."""
        plan, builder = self.plan, self.plan.builder
        try:
            listed = engine.builder_mounts(builder.answer, builder.name)
        except GobakeError as error:
            self._not_saved(self.place, error)
            return
        for place in self.asked.places if self.asked else ():
            note(plan.home, place.known_as, place.among(listed), go=plan.project.go_version)
        need = largest_need(mount for mount in listed if mount.id.startswith(f"{plan.project.mounts}-"))
        if warning := collection_warning(builder.answer, need):
            self.notes.append(f"warning: {warning}")
        inputs = expected.told(plan.caches.policy.layers, self._inputs(bases))
        every = savings(plan.opened, plan.caches, builder, plan.caches.fallbacks, listed, inputs)
        used = {place.node for place in self.asked.places} if self.asked else {""}
        # on the others nothing has changed
        for asked, saved in save_each([one for one in every if one.node in used] or every):
            self._note_saved(asked, saved)

    def _note_saved(self, asked: Saving, saved: Saved | GobakeError) -> None:
        if isinstance(saved, GobakeError):
            self._not_saved(asked.store.named(asked.tag), saved, asked.whose)
            return
        self.notes.append(saved_line(asked.store.named(saved.tag) + asked.whose, saved))
        self.records.append(
            SeedRecord(
                action=SeedAction(f"saved {saved.shape}") if saved.digest else SeedAction.SAVED,
                name=asked.store.named(saved.tag),
                digest=saved.digest,
                size=saved.size,
                packed=saved.written,
                seconds=saved.seconds,
            )
        )

    def _not_saved(self, name: str, error: GobakeError, whose: str = "") -> None:
        self.notes.append(f"warning: the Go caches{whose} were not saved: {error}")
        self.records.append(SeedRecord(action=SeedAction.NOT_SAVED, name=name, error=str(error)))

    def _comes_from_layers(self, seed: Seed) -> bool:
        def inputs() -> str:
            base = expected.resolve_base(self.plan.project.bases.go, self.plan.builder.name)
            return self._inputs((base,)) if base else ""

        compiled = self.plan.layers.targets.get(TRACE)
        layers = compiled.imports if compiled else ()
        return expected.comes_from_layers(seed, self.plan.caches.policy.layers, layers, inputs)

    def _inputs(self, bases: Sequence[str]) -> str:
        """Return the digest of the compile's inputs; "" if unknown."""
        if len(bases) != 1:
            return ""
        late = linked(self.plan.matrix, self.plan.versions)
        return digest([self.recipe, bases[0], late], self.staged.read)
