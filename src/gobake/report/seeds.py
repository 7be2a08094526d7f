"""One line on a restored or saved seed."""

from __future__ import annotations

from gobake.caching.seeds.restore import Restored
from gobake.caching.seeds.save import Saved
from gobake.caching.seeds.units import Shape
from gobake.report.quantities import size_text


def saved_line(name: str, saved: Saved) -> str:
    """The line for a saved seed. ``name``: its store and tag."""
    if saved.shape is Shape.NOTHING:
        return f"seed {name}: nothing to save, {saved.why}"
    written = size_text(saved.written)
    grown = "one more layer" if saved.shape is Shape.GROWN else "written whole"
    more = f"; {size_text(saved.left_out)} left out" if saved.left_out else ""
    return (
        f"seed {name}: {grown}, {written} in {saved.seconds:.1f} s ({saved.why}); "
        f"it holds {size_text(saved.total)} in {saved.layers} layer{'s' if saved.layers != 1 else ''}{more}"
    )


def restored_line(name: str, restored: Restored) -> str:
    """The line for a restored seed. ``name``: its store and tag."""
    return f"seed {name}: {size_text(restored.size)} restored into the builder's mounts in {restored.seconds:.1f} s"
