"""What a command writes into a repository that would soon be committed by accident."""

from __future__ import annotations

import os
from pathlib import Path

from gobake.text.say import say


def tell_stray(place: Path, *, quiet: bool) -> None:
    """Say once that git does not ignore a file or folder that was just written. A CI commits nothing."""
    from gobake.checkout.git import stray

    if quiet or os.environ.get("CI"):
        return
    if name := stray(place):
        say(f"{name} is not ignored by git: add it to .gitignore", err=True, fg="dim")
