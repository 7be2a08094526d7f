"""`gobake explain` as text, Markdown and JSON, with whatever names records hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gobake.insight.causes import Advice, Cause, Change, Explanation, Miss, PackageCause
from gobake.report import explained
from gobake.runs.store import RunStore
from tests.conftest import Gobake, Tree
from tests.unit.explaining import RECORDED, run
from tests.unit.scoring import recorded

HOSTILE = "\x1b[31mred\x1b]0;title\x07 <script>alert(1)</script> | `code` [x](y) *b*\nnext\r\u202egnp.exe"


def hostile() -> Explanation:
    miss = Miss(
        target=HOSTILE,
        platform=HOSTILE,
        step=0,
        label=HOSTILE,
        cause=Cause.FILES,
        says=HOSTILE,
        changes=(Change(kind="changed", what=HOSTILE, before=HOSTILE, after=f"{HOSTILE}2"),),
        compared_with=HOSTILE,
        follow=2,
        targets=(HOSTILE, "b"),
        platforms=(HOSTILE, "linux/arm64"),
    )
    cause = PackageCause(platform=HOSTILE, cause=Cause.FILES, says=HOSTILE, root=HOSTILE, packages=(HOSTILE,) * 9)
    advice = Advice(kind="moving-base", says=HOSTILE, seconds=1.0, runs=2)
    return Explanation(run=HOSTILE, misses=(miss,), packages=(cause,), advice=(advice,))


def test_names_are_harmless_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    explained.print_explanation(hostile(), color="never")
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(out)
    assert not any(line.startswith("next") for line in out.splitlines())
    assert "[x](y)" in out  # rich takes nothing for its own markup


def test_names_are_harmless_in_markdown_and_one_line_forms() -> None:
    text = explained.as_markdown(hostile())
    assert "<script>" not in text
    assert "&#124;" in text
    assert "&#96;code&#96;" in text
    assert not any(line.startswith("next") for line in text.splitlines())
    found = hostile()
    for line in (
        explained.miss_line(found.misses[0]),
        explained.package_line(found.packages[0]),
        explained.change_line(found.misses[0].changes[0]),
    ):
        assert "\n" not in line
        assert "\x1b" not in line


def test_json_keeps_all(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(json.dumps(explained.as_json(hostile())))
    assert data["schema"] == 1
    assert data["misses"][0]["says"] == HOSTILE
    assert data["misses"][0]["cause"] == "files"


def test_signs_and_digests_of_changes() -> None:
    line = explained.change_line
    assert line(Change(kind="added", what="a.go", after="0" * 16)) == "+ a.go"
    assert line(Change(kind="removed", what="a.go", before="0" * 16)) == "- a.go"
    assert line(Change(kind="changed", what="a.go", before="0" * 16, after="1" * 16)) == "~ a.go"
    moved = Change(kind="changed", what="go:1", before=f"sha256:{'1' * 64}", after=f"sha256:{'2' * 64}")
    assert line(moved) == f"~ go:1 sha256:{'1' * 12} → sha256:{'2' * 12}"


# ---- the command


@pytest.fixture
def root(gobake: Gobake, tree: Tree) -> Path:
    """A project with recorded runs, the edit last."""
    root = tree({"go.mod": "module example.com/shop\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"})
    ended = gobake("runs", "ls", cwd=root)
    assert ended.code == 0, ended.err
    folder = Path(ended.out.removeprefix("no run is on record in ").partition(";")[0])
    with RunStore(folder) as store:
        for name in RECORDED:
            store.add(recorded(name), [])
    return root


def test_a_run_a_target_and_a_service(gobake: Gobake, root: Path) -> None:
    edit = recorded("edit").id
    text = gobake.good("explain", "--run", edit, cwd=root).out
    assert "worker/main.go changed  [files]" in text
    assert "~ worker/main.go" in text
    found = gobake.good("explain", "worker-prebuilt", "--run", edit, "--format", "json", cwd=root).json
    assert [miss["target"] for miss in found["misses"]] == ["worker-prebuilt"]
    found = gobake.good("explain", "api", "--run", edit, "--format", "json", cwd=root).json
    assert [miss["cause"] for miss in found["misses"]] == ["files"]
    assert found["packages"] == []  # none of api's
    assert gobake.good("explain", "--run", edit, "--format", "markdown", cwd=root).out.startswith(
        "### Why steps missed"
    )
    assert "no step missed" in gobake.good("explain", "--run", recorded("warm").id, cwd=root).out


def test_names_that_are_wrong(gobake: Gobake, root: Path) -> None:
    ended = gobake("explain", "wroker", cwd=root)
    assert ended.code == 2
    assert "did you mean worker?" in ended.err
    ended = gobake("explain", "--run", "1999", cwd=root)
    assert ended.code == 2
    assert "there is no run '1999'" in ended.err


def test_a_damaged_run_hides_no_other(gobake: Gobake, root: Path) -> None:
    (folder,) = (Path(gobake.env["XDG_DATA_HOME"]) / "gobake" / "runs").iterdir()
    with RunStore(folder) as store:
        warm = recorded("warm")
        store._cache.set(warm.id, {"schema": 1, "id": 3})
        store.add(replace(run(99), id="20991125-000000-aaaaaa"), [])
    assert "worker/main.go" in gobake.good("explain", "--run", recorded("edit").id, cwd=root).out
    ended = gobake("explain", "--run", recorded("warm").id, cwd=root)
    assert ended.code == 2
    assert "is damaged" in ended.err
