"""Two projects of one machine whose services have one name."""

from __future__ import annotations

import json

from tests.conftest import Gobake, Tree
from tests.engine.conftest import docker


def program(module: str) -> dict[str, str]:
    return {
        "go.mod": f"module {module}\n\ngo 1.26\n",
        "main.go": f'package main\n\nfunc main() {{ println("{module}") }}\n',
    }


def test_an_image_of_another_project_is_not_replaced_without_a_word(gobake: Gobake, tree: Tree) -> None:
    one, two = (tree(program(f"example.com/{team}/namesake"), team) for team in ("one", "two"))
    ours = ("build", "--platform", "linux/amd64")
    assert "namesake:latest was" not in gobake.good(*ours, cwd=one).out
    labels = json.loads(docker("image", "inspect", "namesake:latest", "--format", "{{json .Config.Labels}}"))
    assert labels["dev.gobake.project"] == "example-com-one-namesake"
    note = "namesake:latest was an image of project example-com-one-namesake; `registry` in gobake.yaml or --registry"
    assert note in gobake.good(*ours, cwd=two).out
    assert "namesake:latest was" not in gobake.good(*ours, cwd=two).out  # by now it is its own
    mounts = [gobake.good("plan", "--format", "json", cwd=root).json["mounts"] for root in (one, two)]
    assert not set(mounts[0]) & set(mounts[1])
