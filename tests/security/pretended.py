"""A docker program for tests that need no engine: it says what one says, builds nothing, and fails as it is told."""

from __future__ import annotations

import os
from pathlib import Path

_PROGRAM = r"""#!/bin/sh
# $PRETENDED: the folder of what it is told to do, and of what it was asked
echo "$*" >> "$PRETENDED/asked"
answer() { # an answer that a test wrote takes the place of the usual one
  if [ -x "$PRETENDED/$1" ]; then . "$PRETENDED/$1"; else cat "$PRETENDED/usual/$1" 2>/dev/null; fi
}
case "$*" in
  *imagetools*) echo "ERROR: not found" >&2; exit 1 ;;
  *"buildx inspect"*) answer inspect ;;
  *"buildx bake"*|*"--progress rawjson"*)
    while [ $# -gt 0 ]; do
      case "$1" in --metadata-file) echo '{}' > "$2" ;; esac
      shift
    done
    answer bake ;;
  *"buildx du"*) answer du ;;
  *"buildx version"*) echo github.com/docker/buildx v0.25.0 abc ;;
  info*) answer info ;;
  *) exit 0 ;;
esac
"""
_INSPECT = """\
Name:   default
Driver: docker

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.22.0
Platforms:        linux/amd64, linux/386
"""
_INFO = """\
{"ServerVersion": "28.0", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
 "ClientInfo": {"Plugins": [{"Name": "buildx", "Version": "v0.25.0", "Path": "/nowhere/docker-buildx"}]}}
"""


class Pretended:
    """The environment in which docker is only pretended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        (folder / "usual").mkdir()
        (folder / "usual/inspect").write_text(_INSPECT)
        (folder / "usual/info").write_text(_INFO)
        (folder / "usual/bake").touch()
        (folder / "usual/du").touch()
        program = folder / "bin" / "docker"
        program.write_text(_PROGRAM)
        program.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PRETENDED": str(self.folder),
            "DOCKER_HOST": f"unix://{self.folder}/no.sock",
            "DOCKER_CONFIG": str(self.folder),
        }

    def says(self, question: str, shell: str) -> None:
        """Lines of shell in place of the usual answer to ``inspect``, ``info``, ``du`` or ``bake``."""
        file = self.folder / question
        file.write_text(shell)
        file.chmod(0o755)

    def usual(self, question: str) -> None:
        (self.folder / question).unlink(missing_ok=True)

    @property
    def asked(self) -> list[str]:
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []
