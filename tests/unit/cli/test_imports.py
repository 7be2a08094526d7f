"""What gobake imports before a build begins: whatever takes long waits until it is needed. Counted, not timed."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import Tree

# what takes a tenth of a second and more with all that follows; a build with nothing to find out needs none before
# buildx runs
SLOW = {
    "diskcache",
    "gobake.runs.record",
    "gobake.trace.steps",
    "http",
    "prometheus_client",
    "python_on_whales",
    "rich",
    "ssl",
}
PROGRAM = """
import json, sys
import gobake.run, gobake.cli.build
from gobake.gotool import list_cache
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from pathlib import Path
list_cache._SETTLED_SECONDS = -1000.0  # the files are at rest although they were just written
open_project(ProjectRequest(directory=Path(sys.argv[1])))
print(json.dumps(sorted(sys.modules)))
"""


def test_what_takes_long_is_not_imported_before_a_build_begins(tree: Tree) -> None:
    root = tree(
        {
            "go.mod": "module example.com/m\n\ngo 1.22\n",
            "main.go": "package main\n\nfunc main() {}\n",
            "gobake.yaml": "name: shop\n",
        }
    )
    for _ in range(2):  # the first one has to read YAML, and to ask Go
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(root)], capture_output=True, text=True, check=True, timeout=60
        )
    assert SLOW & set(json.loads(done.stdout)) == set()


def test_help_needs_no_values() -> None:
    program = (
        "import sys; from gobake.cli import main; sys.argv[1:] = ['--help']\ntry: main()\nfinally: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert {"gobake.cli", "msgspec", "yaml", "rich"} & set(done.stdout.split()) == {"gobake.cli"}
