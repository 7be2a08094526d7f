"""`gobake size --choices`: what choices about the program of a service save or cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from gobake.cli.size_against import Shipped
from gobake.errors import UsageError
from gobake.model import Strategy
from gobake.report.savings import announcement, beginning
from gobake.size import choices, tried
from gobake.size.choices import Choice
from gobake.size.measure import Measured
from gobake.size.twin import Twinning
from gobake.text.say import say


class Choosing:
    """The choices about a service's program that are measured. Raises UsageError."""

    def __init__(self, names: Sequence[str], shipped: Shipped) -> None:
        service, platform = shipped.service, shipped.platform
        if shipped.strategy is Strategy.PREBUILT:
            raise UsageError("--choices: a prebuilt program was built elsewhere", remedy="name another strategy")
        self._packed = shipped.strategy is Strategy.UPX
        known = choices.tags_of(shipped.opened.tree, service, platform)
        tags, self._further = choices.selected(names, known)
        self._chosen = choices.chosen(names, choices.choices(service, platform, tags, packed=self._packed))
        if not self._chosen:
            raise UsageError(
                f"--choices: the sources of {service.name} have no build tags", remedy="name other choices"
            )

    def measured(self, found: Measured, asked: Twinning, scratch: Path, *, quiet: bool) -> Measured:
        """Build them all, and add what they save to the report. Raises BuildFailed and UsageError."""
        if found.file is None:
            raise UsageError(f"--choices: {found.report.name}: {'; '.join(found.report.notes)}")
        if not quiet:
            say(announcement(self._chosen), err=True)
        begun = 0

        def tell(choice: Choice) -> None:
            nonlocal begun
            begun += 1
            if not quiet:
                say(beginning(choice, begun, len(self._chosen)), err=True)

        shipped = tried.Shipped(file=found.file, packed=self._packed)
        savings = tried.measured(asked, self._chosen, shipped, scratch, tell)
        savings = replace(savings, further_tags=self._further)
        return replace(found, report=replace(found.report, choices=savings))
