"""`gobake affected` on small repositories, with this machine's Go."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gobake.affected import since
from gobake.caching.store.history import packed, tag_of
from gobake.runs.outcomes import RunOutcome
from gobake.runs.record import InputsRecord, RunRecord, TargetRecord
from tests.conftest import Tree, commit
from tests.unit.checkout.test_snapshot import git
from tests.unit.cli.test_commands import error, good, run
from tests.unit.invoked import history_of
from tests.unit.report.test_schemas import strict

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="no go on this machine")

FILES = {
    "go.mod": "module example.com/pair\n\ngo 1.26\n",
    "cmd/one/main.go": 'package main\n\nimport "example.com/pair/lib"\n\nfunc main() { println(lib.Name()) }\n',
    "cmd/two/main.go": 'package main\n\nimport "example.com/pair/text"\n\nfunc main() { println(text.Motto) }\n',
    "lib/lib.go": "package lib\n\n// Name tells who.\nfunc Name() string { return own() }\n",
    "lib/own.go": 'package lib\n\nfunc own() string { return "lib" }\n',
    "text/text.go": 'package text\n\nimport _ "embed"\n\n//go:embed motto.txt\nvar Motto string\n',
    "text/motto.txt": "small\n",
    "text/other.txt": "in no program\n",
    "Dockerfile.base": "FROM alpine:3.22\nCOPY motd /etc/motd\n",
    "motd": "hello\n",
    "page.html": "<p>\n",
}
CONFIG = """services:
  one:
    package: ./cmd/one
    strategy: alpine
    base: ./Dockerfile.base
  two:
    package: ./cmd/two
    files: [page.html:/page.html]
"""

REPLACED = {  # another module in the tree
    **FILES,
    "go.mod": f"{FILES['go.mod']}\nrequire example.com/far v1.0.0\n\nreplace example.com/far => ./far\n",
    "lib/own.go": 'package lib\n\nimport "example.com/far"\n\nfunc own() string { return far.Name }\n',
    "far/go.mod": "module example.com/far\n\ngo 1.26\n",
    "far/far.go": 'package far\n\nconst Name = "far"\n',
}


@pytest.fixture
def pair(tree: Tree) -> Path:
    root = tree({**FILES, "gobake.yaml": CONFIG})
    commit(root)
    return root


def asked(root: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(good("affected", "-C", str(root), "--format", "json", *words))
    strict("affected")(found)
    return found


def reasons(root: Path, *words: str) -> Mapping[str, list[str]]:
    found = asked(root, *(words or ("--since", "HEAD")))
    return {one["name"]: [reason["text"] for reason in one["reasons"]] for one in found["services"] if one["affected"]}


def edit(root: Path, path: str, old: str, new: str) -> None:
    file = root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("path", "old", "new", "found"),
    [
        ("lib/own.go", '"lib"', '"library"', {"one": ["lib/own.go changed"]}),
        ("lib/lib.go", "tells who", "tells us who", {}),
        ("cmd/one/main.go", "func main() {", "func main() { // now", {"one": ["cmd/one/main.go changed"]}),
        ("text/motto.txt", "small", "tiny", {"two": ["text/motto.txt (embedded) changed"]}),
        ("text/other.txt", "in no", "in which", {}),
        ("page.html", "<p>", "<b>", {"two": ["page.html (files) changed"]}),
        ("motd", "hello", "welcome", {"one": ["motd (base image) changed"]}),
        ("Dockerfile.base", "3.22", "3.21", {"one": ["Dockerfile.base (base image) changed"]}),
        ("go.mod", "go 1.26", "go 1.25", {name: ["go of go.mod: 1.25, was 1.26"] for name in ("one", "two")}),
        ("go.mod", "go 1.26", "godebug http2client=0\n\ngo 1.26", {
            name: ["godebug http2client of go.mod set: 0"] for name in ("one", "two")
        }),
        ("go.mod", "go 1.26", "// nothing\n\ngo 1.26", {}),
        ("gobake.yaml", "strategy: alpine", "strategy: alpine\n    ports: [8080]", {"one": ["ports set: 8080"]}),
        ("gobake.yaml", "/page.html", "/index.html", {
            "two": ["files: page.html:/index.html, was page.html:/page.html"]
        }),
    ],
)  # fmt: skip
def test_what_differs_is_named(pair: Path, path: str, old: str, new: str, found: Mapping[str, list[str]]) -> None:
    edit(pair, path, old, new)
    told = reasons(pair)
    if path == "go.mod" and found:  # the toolchain's image may change with the go line
        assert {name: [text for text in texts if "Go image" not in text] for name, texts in told.items()} == found
    else:
        assert told == found


def test_new_and_removed_files_and_services_count(pair: Path) -> None:
    (pair / "lib/more.go").write_text("package lib\n\nvar more = 1\n")
    (pair / "lib/more_windows.go").write_text("package lib\n\nvar elsewhere = 1\n")
    (pair / "lib/lib_test.go").write_text("package lib\n")
    (pair / "README.md").write_text("# pair\n")
    assert reasons(pair) == {"one": ["lib/more.go added"]}
    commit(pair)
    (pair / "lib/more.go").unlink()
    assert reasons(pair) == {"one": ["lib/more.go removed"]}


def test_a_new_service_is_affected_and_one_that_is_gone_is_named(tree: Tree) -> None:
    root = tree(FILES)
    commit(root)
    (root / "cmd/two").rename(root / "cmd/three")
    found = asked(root, "--since", "HEAD")
    assert [one["name"] for one in found["services"] if one["affected"]] == ["three"]
    assert found["services"][1]["reasons"][0]["text"] == "the service is new"
    assert found["gone"] == ["two"]


def test_a_commit_that_cannot_be_read_affects_all(tree: Tree) -> None:
    root = tree({"README.md": "nothing yet"})
    commit(root)
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    found = asked(root, "--since", "HEAD")
    assert all(one["affected"] for one in found["services"])
    assert "cannot be read: there is no Go module" in found["note"]


def test_services_and_folders_narrow_the_question(pair: Path) -> None:
    edit(pair, "lib/own.go", '"lib"', '"library"')
    assert reasons(pair, "--since", "HEAD", "two") == {}
    assert reasons(pair, "--since", "HEAD", "./cmd/one") == {"one": ["lib/own.go changed"]}


def test_a_folder_of_a_larger_repository_counts_for_itself(tree: Tree) -> None:
    root = tree({f"go/pair/{path}": text for path, text in FILES.items()} | {"docs/a.md": "1"})
    commit(root)
    (root / "docs/a.md").write_text("2")
    assert reasons(root / "go/pair") == {}
    edit(root, "go/pair/lib/own.go", '"lib"', '"library"')
    assert reasons(root / "go/pair") == {"one": ["lib/own.go changed"]}


def test_vendored_packages_count_for_those_that_link_them(tree: Tree) -> None:
    root = tree(
        {
            **FILES,
            "go.mod": f"{FILES['go.mod']}\nrequire example.com/far v1.0.0\n",
            "lib/own.go": REPLACED["lib/own.go"],
            "vendor/modules.txt": "# example.com/far v1.0.0\n## explicit; go 1.26\nexample.com/far\n",
            "vendor/example.com/far/far.go": 'package far\n\nconst Name = "far"\n',
            "vendor/example.com/far/LICENSE": "free\n",
        }
    )
    commit(root)
    (root / "vendor/example.com/far/LICENSE").write_text("freer\n")
    assert reasons(root) == {}
    edit(root, "vendor/example.com/far/far.go", '"far"', '"near"')
    assert reasons(root) == {"one": ["vendor/example.com/far/far.go changed"]}


def test_a_replaced_module_counts_by_its_files(tree: Tree) -> None:
    root = tree(REPLACED)
    commit(root)
    edit(root, "far/far.go", '"far"', '"near"')
    assert reasons(root) == {"one": ["far/far.go changed"]}


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("1.24", "1.26", {}),
        ("1.21", "1.26", {"one": ["go of far/go.mod: 1.22 to 1.26, was 1.21"]}),
        ("1.26", "1.26\n\ngodebug http2client=0", {}),  # only that of the command's module counts
    ],
)
def test_a_go_line_of_another_module_counts_if_it_changes_the_language(
    tree: Tree, before: str, now: str, told: Mapping[str, list[str]]
) -> None:
    root = tree({**REPLACED, "far/go.mod": f"module example.com/far\n\ngo {before}\n"})
    commit(root)
    edit(root, "far/go.mod", f"go {before}", f"go {now}")
    assert reasons(root) == told


def test_the_text_names_who_differs_and_why(pair: Path) -> None:
    edit(pair, "lib/own.go", '"lib"', '"library"')
    text = good("affected", "-C", str(pair), "--since", "main")
    revision = git(pair, "rev-parse", "HEAD")[:12]
    assert text == (
        f"pair: 1 of 2 services differs from {revision} (main)\n\n"
        "SERVICE  WHY\none      lib/own.go changed\n\nunchanged: two\n"
    )


def test_outputs_for_github_are_lines_of_a_step(pair: Path) -> None:
    edit(pair, "lib/own.go", '"lib"', '"library"')
    text = good("affected", "-C", str(pair), "--since", "HEAD", "--format", "github")
    assert text == 'services=["one"]\nany=true\n'


# ---- the usual commit


def test_without_a_commit_the_last_run_that_built_everything_counts(pair: Path, tmp_path: Path) -> None:
    assert set(reasons(pair, "two", "one")) == {"one", "two"}  # no run is on record
    found = asked(pair)
    assert found["since"] == {
        "revision": None,
        "how": "no run that built all of them is on record; --since names a commit",
    }
    revision = git(pair, "rev-parse", "HEAD")
    platform = asked_platform(pair)
    targets = tuple(
        TargetRecord(name=f"{name}-{how}", service=name, strategy=how, platforms=(platform,), images=())
        for name, how in (("one", "alpine"), ("two", "scratch"))
    )
    base = RunRecord(
        id="20261130-100000-000000001", started=1.0, seconds=1.0, outcome=RunOutcome.DONE, command=(), project="pair",
        root=str(pair), revision=revision, branch="main", targets=targets,
    )  # fmt: skip
    with history_of(pair) as store:
        store.add(base, None)
    edit(pair, "lib/own.go", '"lib"', '"library"')
    assert asked(pair)["since"] == {"revision": revision, "how": f"run {base.id}"}
    assert set(reasons(pair, "one", "two")) == {"one"}
    with history_of(pair) as store:
        store.remove(base.id)
    assert asked(pair)["since"]["revision"] is None
    (tmp_path / "store" / "history").mkdir(parents=True)
    sent = replace(base, project=json.loads(good("plan", "-C", str(pair), "--format", "json"))["project"]["name"])
    file = tmp_path / "store" / "history" / f"{tag_of(sent.project, base.id, 'main')}.jsonl.gz"
    file.write_bytes(packed(sent, None))
    kept = ("--cache-store", str(tmp_path / "store"))
    assert asked(pair, *kept)["since"] == {"revision": revision, "how": f"run {base.id}"}


def test_what_a_later_run_built_as_it_is_now_is_not_affected_again(pair: Path) -> None:
    platform = asked_platform(pair)
    both = (("one", "alpine"), ("two", "scratch"))

    def add(number: int, *services: tuple[str, str], **fields: Any) -> None:
        targets = tuple(
            TargetRecord(name=f"{name}-{how}", service=name, strategy=how, platforms=(platform,), images=())
            for name, how in services
        )
        record = RunRecord(
            id=f"20261130-10000{number}-000000001", started=1.0, seconds=1.0, outcome=RunOutcome.DONE, command=(),
            project="pair", root=str(pair), revision=git(pair, "rev-parse", "HEAD"), branch="main", targets=targets,
        )  # fmt: skip
        with history_of(pair) as store:
            store.add(replace(record, **fields), None)

    add(1, *both)
    edit(pair, "lib/own.go", '"lib"', '"library"')
    commit(pair)
    assert set(reasons(pair, "one", "two")) == {"one"}
    add(2, ("one", "alpine"), outcome=RunOutcome.FAILED)
    add(3, ("one", "scratch"))  # in another strategy
    add(4, ("one", "alpine"), dirty=True)
    add(5, ("one", "alpine"), branch="fix")
    assert set(reasons(pair, "one", "two")) == {"one"}
    add(6, ("one", "alpine"))  # as --affected does
    assert reasons(pair, "one", "two") == {}
    assert asked(pair)["since"]["how"].startswith("run 20261130-100001")
    edit(pair, "lib/own.go", '"library"', '"shelf"')
    assert set(reasons(pair, "one", "two")) == {"one"}
    edit(pair, "lib/own.go", '"shelf"', '"library"')
    assert reasons(pair, "one", "two") == {}
    edit(pair, "text/motto.txt", "small", "great")
    assert set(reasons(pair, "one", "two")) == {"two"}


def test_bases_that_moved_since_the_commit_was_built_count_if_asked(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "unknown: no run of that commit" in asked(pair, "--since", "HEAD~0", "--moved-bases")["note"]
    revision, old, new = git(pair, "rev-parse", "HEAD"), f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
    base = RunRecord(
        id="20261130-100000-000000001", started=1.0, seconds=1.0, outcome=RunOutcome.DONE, command=(), project="pair",
        root=str(pair), revision=revision, inputs=InputsRecord(bases=(("docker.io/library/golang:1.26", old),)),
    )  # fmt: skip
    with history_of(pair) as store:
        store.add(base, None)
    monkeypatch.setattr(since, "in_registry", lambda reference: new if reference.startswith("golang") else old)
    assert reasons(pair) == {}
    told = reasons(pair, "--since", "HEAD", "--moved-bases")
    assert told == {
        name: ["golang:1.26 is sha256:bbbbbbbbbbbb now, was sha256:aaaaaaaaaaaa"] for name in ("one", "two")
    }


def asked_platform(root: Path) -> str:
    platform: str = json.loads(good("plan", "-C", str(root), "--format", "json"))["targets"][0]["platforms"][0]
    return platform


def test_of_a_pull_request_the_base_counts(pair: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base = git(pair, "rev-parse", "HEAD")
    git(pair, "checkout", "-q", "-b", "feature")
    edit(pair, "lib/own.go", '"lib"', '"library"')
    commit(pair)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"base": {"sha": base, "ref": "main"}, "head": {"ref": "feature"}}}))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    found = asked(pair)
    assert found["since"] == {"revision": base, "how": "the base, main"}
    assert [one["name"] for one in found["services"] if one["affected"]] == ["one"]


def test_a_commit_that_is_not_there_is_an_error(pair: Path) -> None:
    assert "Git knows no commit nowhere" in str(error("affected", "-C", str(pair), "--since", "nowhere"))


# ---- gobake ci matrix


def shards_of(root: Path, *words: str) -> list[dict[str, str]]:
    found = json.loads(good("ci", "matrix", "-C", str(root), "--format", "json", *words))
    strict("matrix")(found)
    rows: list[dict[str, str]] = found["include"]
    return rows


BOTH = ("-p", "linux/amd64,linux/arm64")


def test_a_matrix_is_split_over_the_runners_of_its_platforms(pair: Path) -> None:
    rows = shards_of(pair, *BOTH)
    assert [(row["shard"], row["name"], row["services"], row["runner"]) for row in rows] == [
        ("1/2", "linux-amd64", "one two", "ubuntu-24.04"),
        ("2/2", "linux-arm64", "one two", "ubuntu-24.04-arm"),
    ]
    assert {row["revision"] for row in rows} == {git(pair, "rev-parse", "HEAD").strip()}
    rows = shards_of(pair, *BOTH, "--by", "service", "--runner", "linux/amd64=big", "one")
    assert [(row["platforms"], row["services"], row["runner"]) for row in rows] == [
        ("linux/amd64,linux/arm64", "one", "big")
    ]
    assert {row["command"] for row in shards_of(pair, *BOTH, "--all")} == {"all"}


def test_without_a_platform_a_matrix_is_the_same_on_every_machine(pair: Path) -> None:
    assert [row["platforms"] for row in shards_of(pair)] == ["linux/amd64"]


def test_only_what_is_affected_is_split(pair: Path) -> None:
    edit(pair, "text/motto.txt", "small", "large")
    rows = shards_of(pair, *BOTH, "--shards", "4", "-q", "--affected", "HEAD")
    assert [(row["platforms"], row["services"]) for row in rows] == [("linux/amd64", "two"), ("linux/arm64", "two")]
    git(pair, "checkout", "text/motto.txt")
    words = ("ci", "matrix", "-C", str(pair), "-q", "--affected", "HEAD")
    assert good(*words, "--format", "github") == 'matrix={"include": []}\nany=false\n'
    assert "there is nothing to build" in good(*words)


def test_fewer_shards_than_were_asked_for_are_told(pair: Path) -> None:
    result = run("ci", "matrix", "-C", str(pair), "--shards", "9")
    assert "note: there is work for 2 of 9 shards" in result.stderr
    assert "linux-amd64-2" in result.stdout


def test_balanced_shards_need_a_number(pair: Path) -> None:
    assert "add --shards N" in error("ci", "matrix", "-C", str(pair), "--by", "balanced")


def test_a_runner_is_a_platform_and_a_label(pair: Path) -> None:
    for wrong in ("big", "linux/amd64=", "linux/amd64=a b", "linux/amd64=${{x}}"):
        assert "invalid runner" in error("ci", "matrix", "-C", str(pair), "--runner", wrong)
