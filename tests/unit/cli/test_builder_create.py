"""`gobake builder create`: what it prints, what it runs, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gobake.cli import gobake as gobake_command
from gobake.engine import create as creating
from gobake.engine import views
from gobake.errors import NoBuilder, UsageError
from tests.unit.invoked import good

KEPT = '{"Name": "farm", "Driver": "remote", "Nodes": [{"Name": "farm0"}, {"Name": "farm1"}]}'


class World:
    """buildx's folder, and the commands that were run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run: list[tuple[str, ...]] = []
        self.settings: list[str] = []
        self.refuses = ""

    def finished(self, *words: str, **_: Any) -> str:
        self.run.append(words)
        if "--config" in words:
            self.settings.append(Path(words[words.index("--config") + 1]).read_text())
        if self.refuses and self.refuses in words:
            raise NoBuilder("it does not answer")
        return ""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    (tmp_path / "instances").mkdir()
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    monkeypatch.setattr(creating, "finished", made.finished)
    monkeypatch.setattr(creating, "docker_info", dict)
    monkeypatch.setattr(creating, "buildx_version", lambda: (0, 33))
    return made


def create(*words: str) -> Result:
    return CliRunner().invoke(gobake_command, ["builder", "create", *words])


def error(result: Result) -> str:
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


def test_a_dry_run_prints_the_commands_and_the_settings(world: World) -> None:
    said = good(
        create("farm", "--keep", "20GB", "--node", "linux/amd64=unix:///a.sock", "--node", "ssh://b", "--dry-run")
    )
    first, second, *rest = said.splitlines()
    assert first == (
        "docker buildx create --name farm --driver docker-container --platform linux/amd64 --config buildkitd.toml "
        "unix:///a.sock"
    )
    assert second.endswith("--append --config buildkitd.toml ssh://b")
    assert 'maxUsedSpace = "20GB"' in rest
    assert world.run == []
    assert "toml" not in good(create("--driver", "remote", "--node", "tcp://a:1", "--dry-run"))


def test_it_creates_node_by_node_with_the_settings(world: World) -> None:
    said = good(create("farm", "--keep", "20GB", "--node", "unix:///a.sock", "--node", "ssh://b"))
    assert said == "created builder farm with 2 nodes; build with it: gobake build --builder farm\n"
    assert [words[0] for words in world.run] == ["create", "create"]
    assert len(world.settings) == 2
    assert good(create("other", "--keep", "20GB", "-q")) == ""


def test_a_volume_decides_how_much_is_kept(world: World) -> None:
    said = good(create("--driver", "kubernetes", "--storage", "50Gi", "--dry-run"))
    assert 'maxUsedSpace = "43GB"' in said
    assert "persistent-volume-claim.requests.storage=50Gi" in said
    assert "need buildx 0.34, and this is 0.33" in error(create("--driver", "kubernetes", "--storage", "50Gi"))


def test_nobody_loses_a_builder_unasked(world: World) -> None:
    (world.folder / "instances" / "farm").write_text(KEPT)
    assert views.read("farm")
    words = ("farm", "--driver", "remote", "--node", "tcp://a:1")
    assert error(create(*words)) == (
        "builder farm exists, with 2 nodes; choose another name, or replace it with --force"
    )
    assert world.run == []
    good(create(*words, "--force"))
    assert [found[:3] for found in world.run] == [("rm", "--force", "farm"), ("create", "--name", "farm")]


def test_no_half_of_a_builder_stays(world: World) -> None:
    world.refuses = "tcp://b:1"
    failed = create("farm", "--driver", "remote", "--node", "tcp://a:1", "--node", "tcp://b:1")
    assert isinstance(failed.exception, NoBuilder)
    assert world.run[-1] == ("rm", "--force", "farm")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("Farm",), "invalid builder name 'Farm'"),
        (("default",), "invalid builder name"),
        (("../x",), "invalid builder name"),
        (("--driver", "remote"), "needs the endpoint of every node"),
        (("--driver", "remote", "--node", "linux/amd64"), "needs the endpoint of every node"),
        (("--driver", "remote", "--node", "tcp://a:1", "--keep", "2GB"), "has settings of its own"),
        (("--driver", "kubernetes", "--node", "tcp://a:1"), "kubernetes has no endpoints"),
        (("--storage", "50Gi"), "--storage is for --driver kubernetes"),
        (("--driver", "kubernetes", "--storage", "50GB"), "invalid size '50GB'"),
        (("--driver", "kubernetes", "--namespace", "A,b=c"), "invalid namespace"),
        (("--driver", "kubernetes", "--host-network"), "--host-network is for"),
        (("--node", "--platform=x"), "invalid node"),
        (("--node", "linux/amd64=a b"), "invalid node"),
        (("--node", "linux/nothing=tcp://a"), "no architecture"),
    ],
)
def test_what_cannot_be_meant_is_refused(world: World, words: tuple[str, ...], says: str) -> None:
    assert says in error(create(*words))
    assert world.run == []
