"""A checkout of the workspace: its files, branches and times of modification."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.engine.changes.model import FIRST, LINK, Model, files

_IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
ONE_DATE = 1_000_000_000  # seconds since 1970


def git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *_IDENTITY, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


@dataclass
class Checkout:
    """One working tree; what it holds, by branch."""

    root: Path
    branch: str = "main"
    models: dict[str, Model] = field(default_factory=lambda: {"main": FIRST})

    @classmethod
    def make(cls, root: Path) -> Checkout:
        root.mkdir(parents=True)
        git(root, "init", "-q", "-b", "main")
        made = cls(root=root)
        made.change(FIRST)
        return made

    @property
    def model(self) -> Model:
        return self.models[self.branch]

    def change(self, model: Model) -> None:
        """Write what differs, move what moved (a moved file keeps its inode and times), and commit."""
        self.models[self.branch] = model
        wanted, there = files(model), self._there()
        vanished = {path: text for path, text in there.items() if path not in wanted}
        for path, text in wanted.items():
            if there.get(path) == text:
                continue
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            source = next((old for old, kept in vanished.items() if kept == text and path not in there), None)
            if source:
                (self.root / source).rename(file)
                del vanished[source]
            elif text.startswith(LINK):
                file.unlink(missing_ok=True)
                file.symlink_to(text.removeprefix(LINK))
            else:
                file.write_text(text)
        for path in vanished:
            (self.root / path).unlink()
        for folder, _, _ in os.walk(self.root, topdown=False):
            if ".git" not in Path(folder).parts and not os.listdir(folder):  # noqa: PTH208
                Path(folder).rmdir()
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", "a change")

    def switch(self, dice: Random) -> None:
        """To another branch, as git does it; a new one where there are few."""
        others = [branch for branch in self.models if branch != self.branch]
        if len(self.models) < 4 and (not others or dice.random() < 0.3):
            name = f"branch-{len(self.models)}"
            self.models[name] = self.model
            git(self.root, "checkout", "-q", "-b", name)
        else:
            name = dice.choice(others)
            git(self.root, "checkout", "-q", name)
        self.branch = name

    def equal_times(self) -> None:
        """All files and folders of one date, as an archive or a container's copy gives them."""
        for folder, folders, names in os.walk(self.root):
            if ".git" in folders:
                folders.remove(".git")
            for name in (*names, "."):
                os.utime(Path(folder) / name, (ONE_DATE, ONE_DATE), follow_symlinks=False)

    def _there(self) -> dict[str, str]:
        found = {}
        for path in git(self.root, "ls-files").splitlines():
            file = self.root / path
            found[path] = f"{LINK}{file.readlink()}" if file.is_symlink() else file.read_text()
        return found
