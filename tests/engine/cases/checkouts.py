"""What a checkout brings along and no build should notice: unreadable folders, a umask."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.conftest import Gobake
from tests.engine.cases.making import (
    Repository,
    executed,
    git,
    program,
    put,
    reading,
    said,
)
from tests.engine.conftest import docker

# ---- what Go never reads


def unprivileged(root: Path, world: Gobake, *command: str) -> tuple[int, str]:
    """Run a command as root without the capabilities that let root read everything."""
    dropped = "-dac_override,-dac_read_search"
    words = ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", *command]
    done = subprocess.run(words, cwd=root, env=dict(world.env), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_folder_that_may_not_be_read_is_not_looked_at(world: Gobake, repository: Repository) -> None:
    if os.geteuid():
        pytest.skip("needs root, to make a folder of somebody else")
    root = repository(
        {
            "cmd/beside/main.go": program("beside a database"),
            "pgdata/base": "rows",
            "web/node_modules/.cache/entry": "x",
            "key.pem": "secret",
        },
        module="example.com/beside",
    )
    for path, mode in (("pgdata", 0o700), ("web/node_modules/.cache", 0o700), ("key.pem", 0o600)):
        os.chown(root / path, 999, 999)
        (root / path).chmod(mode)
    os.mkfifo(root / "socket")
    put(root, {"loop": "-> loop", "dangling": "-> nowhere"})
    code, output = unprivileged(root, world, sys.executable, "-m", "gobake", "build")
    assert code == 0, output
    assert said("beside:latest") == "beside a database"
    world.good("render", cwd=root)
    code, output = unprivileged(root, world, "docker", "buildx", "bake", "beside")
    assert code == 0, output


def test_a_run_with_nothing_changed_does_not_enter_folders_that_go_never_reads(
    world: Gobake, repository: Repository
) -> None:
    """Told by the folders' times of access, which a listing moves; checked first that this filesystem keeps them."""
    folders = ("_data/deep", ".cache/deep", "cmd/walker/testdata/deep")
    root = repository(
        {"cmd/walker/main.go": program("walked"), **{f"{folder}/file": "x" for folder in folders}, "probe/file": "x"},
        module="example.com/walker",
    )
    world.good("build", cwd=root)
    seen = [root / folder for folder in folders]
    for folder in (*seen, root / "probe"):
        os.utime(folder, (1, folder.stat().st_mtime))
    assert list((root / "probe").iterdir())
    if (root / "probe").stat().st_atime == 1:
        pytest.skip("this filesystem keeps no times of access")
    world.good("build", cwd=root)
    assert [folder.stat().st_atime for folder in seen] == [1, 1, 1]


# ---- modes

EMBEDDED = "//go:embed banner.txt\nvar banner string\n\nfunc main() {\n\tprintln(banner)"


def test_a_checkouts_umask_changes_no_image_and_compiles_nothing_again(world: Gobake, repository: Repository) -> None:
    """Only the executable bit counts, as in git; also below a folder that hands its group on."""
    origin = repository(
        {
            "main.go": reading("/etc/app.toml", "/srv/pages/page.html")
            .replace('import "os"', 'import (\n\t_ "embed"\n\t"os"\n)')
            .replace("func main() {", EMBEDDED),
            "banner.txt": "banner",
            "config/app.toml": "port",
            "pages/page.html": "page",
            "pages/run.sh": "#!/bin/sh\n",
        },
        module="example.com/modes",
        config="services:\n  modes:\n    files: ['config/app.toml:/etc/app.toml', 'pages:/srv/pages']\n",
    )
    (origin / "pages/run.sh").chmod(0o755)
    git(origin.parent, "init", "-q", "-b", "main", origin.name)
    git(origin, "add", "-A")
    git(origin, "commit", "-q", "-m", "first")
    digests, later = [], []
    for number, mask in enumerate((0o022, 0o002, 0o077, 0o022)):
        root = origin.parent / f"clone-{number}"
        old = os.umask(mask)
        try:
            git(origin.parent, "clone", "-q", str(origin), str(root))
        finally:
            os.umask(old)
        if number == 3:
            (root / "pages").chmod(0o2775)
            (root / "config/app.toml").chmod(0o664)
        world.good("build", "--tag", f"umask-{number}", cwd=root)
        digests.append(world.last_run(root)["targets"][0]["digest"])
        later += executed(world, root) if number else []
        assert said(f"modes:umask-{number}").split() == ["banner", "port", "page"]
    assert len(set(digests)) == 1
    assert later == []
    assert _mode_in("modes:umask-2", "/srv/pages/run.sh") == 0o755
    assert _mode_in("modes:umask-2", "/etc/app.toml") == 0o644


def _mode_in(image: str, path: str) -> int:
    name = docker("create", image)
    try:
        done = subprocess.run(["docker", "cp", f"{name}:{path}", "-"], capture_output=True, check=True)
    finally:
        docker("rm", name)
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        return archive.getmembers()[0].mode
