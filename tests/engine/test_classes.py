"""Classes of steps beside what was really done: the engine's own list of results, uses of mounts and the registry's log.

One run after the other on one project; each class that the report counts is held against a witness that is not an
event of BuildKit: results that the engine's disk usage lists as made during the run, how often the compile's mount was
used, blobs that the registry served.
"""

from __future__ import annotations

import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gobake.engine import api
from tests.conftest import Gobake, commit
from tests.engine.caches import edit, forget_mounts, make_bare, requests, small_project
from tests.engine.conftest import docker
from tests.engine.test_cache_runs import MAIN


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A run by its report, and by what others saw of it."""

    steps: Mapping[str, Any]  # the report's counts
    go: Mapping[str, Any]  # the report's packages
    record: Mapping[str, Any]
    went: bool  # a step that was executed used the mount of Go's build cache
    made: frozenset[str]  # COPY instructions whose result is new to the engine
    served: int  # blobs that the registry served of the cache store

    def copies(self, *outcomes: str) -> set[str]:
        return {
            s["instruction"] for s in self.record["steps"] if s["outcome"] in outcomes and _COPY in s["instruction"]
        }

    def compile(self) -> str:
        """What the record says of the compile step."""
        (found,) = {
            str(s["outcome"])
            for s in self.record["steps"]
            if s["stage"] == "compile" and "RUN" in s["instruction"] and s["outcome"] != "shared"
        }
        return found


_COPY = "COPY "
_NAMED = re.compile(r"\[[^\]]+\] (COPY .*)")


@dataclass(kw_only=True)
class Bench:
    """The project, and how it is built."""

    gobake: Gobake
    root: Path
    go: str  # reference of Go's image, which only this project uses
    store: str

    def settings(self, *lines: str) -> None:
        (self.root / "gobake.yaml").write_text(
            "\n".join([f"name: {self.root.name}", f"bases: {{go: '{self.go}'}}", *lines, ""])
        )

    def move_go(self) -> None:
        """Another image under the same tag."""
        text = f"FROM golang:1.26\nRUN echo {uuid.uuid4().hex} >/mark\n"
        subprocess.run(["docker", "build", "-q", "-t", self.go, "-"], input=text, text=True, check=True, timeout=600)
        docker("push", "-q", self.go)

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> Seen:
        commit(self.root)
        uses, before = self._uses(), self._results()
        with requests() as seen:
            self.gobake.good("build", "--platform", "linux/amd64", *words, cwd=self.root, env=env)
        after = self._results()
        report = self.gobake.good("report", "--format", "json", cwd=self.root).json
        return Seen(
            steps=report["steps"],
            go=report["go"]["packages"],
            record=self.gobake.last_run(self.root),
            went=self._uses() != uses,
            made=frozenset(after[record] for record in after.keys() - before.keys()),
            served=len(seen.blobs(self.store.partition("/")[2])),
        )

    def run_on_main(self) -> Seen:
        """With the cache store, as main's runs are: they write layers and a seed."""
        return self.run("--cache-store", self.store, env=MAIN)

    def _usage(self) -> list[dict[str, Any]]:
        """Build cache alone: `docker system df` also looks at images, and fails while the engine unpacks one."""
        answer = api.get("/system/df?type=build-cache")
        assert answer is not None
        return list(answer["BuildCache"])

    def _uses(self) -> set[tuple[str, int]]:
        mark = f'with id "/{self.root.name}-gobuild"'
        return {(kept["ID"], kept["UsageCount"]) for kept in self._usage() if kept["Description"].endswith(mark)}

    def _results(self) -> dict[str, str]:
        """COPY instructions by the id of their result."""
        return {kept["ID"]: m[1] for kept in self._usage() if (m := _NAMED.fullmatch(kept["Description"]))}


@pytest.fixture(scope="module")
def bench(world: Gobake, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = small_project(tmp_path_factory.mktemp("classes"))
    place = f"{registry}/{root.name}"
    made = Bench(gobake=world, root=root, go=f"{place}/golang:1.26", store=f"{place}/cache")
    made.move_go()
    made.settings()
    make_bare()
    yield made
    forget_mounts(root.name)


def test_cold_all_is_executed_and_what_siblings_share_counts_once(bench: Bench) -> None:
    cold = bench.run()
    assert (cold.steps["reused"], cold.steps["imported"], cold.steps["unknown"]) == (0, 0, 0)
    assert (cold.steps["hit_rate"], cold.go["hit_rate"]) == (0.0, 0.0)
    assert (cold.compile(), cold.went) == ("executed", True)
    assert cold.copies("executed") == cold.made  # each was made, and made once, although two services ask for some
    accounts = [s for s in cold.record["steps"] if s["instruction"] == "COPY --from=account /out/ /"]
    assert sorted(s["outcome"] for s in accounts) == ["executed", "shared"]
    assert cold.steps["shared"] > 0


def test_warm_all_is_reused_and_nothing_new_is_there(bench: Bench) -> None:
    warm = bench.run()
    assert warm.steps["reused"] > 0
    assert {warm.steps[name] for name in ("imported", "shared", "executed", "unknown")} == {0}
    assert (warm.made, warm.went, warm.served) == (frozenset(), False, 0)
    assert (warm.steps["hit_rate"], warm.go["hit_rate"], warm.compile()) == (1.0, 1.0, "reused")


def test_an_edit_executes_what_reads_it_and_reuses_the_rest(bench: Bench) -> None:
    edit(bench.root)
    edited = bench.run()
    assert (edited.compile(), edited.went, edited.go["compiled"]) == ("executed", True, 1)
    assert edited.copies("executed") == edited.made == {_of("compile", "/trace/"), _commands("one")}
    assert edited.copies("reused") == {_of("account", "/out/"), _commands("two"), "COPY <<EOF /programs"}
    assert (edited.steps["imported"], edited.steps["unknown"]) == (0, 0)


def _of(stage: str, folder: str) -> str:
    return f"COPY --from={stage} {folder} /"


def _commands(name: str) -> str:
    return f"COPY --from=compile [/out/static/{name}/, /]"


def test_without_caches_all_is_executed_once_more(bench: Bench) -> None:
    again = bench.run("--no-cache")
    assert (again.compile(), again.went) == ("executed", True)
    assert again.copies("executed") == again.made
    assert again.copies("reused", "imported") == set()
    assert again.go["compiled"] == again.go["total"]


def test_an_argument_changed_executes_the_step_that_names_it(bench: Bench) -> None:
    bench.settings("defaults: {ldflags: '-s -w -X main.unused=1'}")
    changed = bench.run()
    assert (changed.compile(), changed.went, changed.go["compiled"]) == ("executed", True, 0)
    assert changed.copies("executed") == changed.made
    assert _of("account", "/out/") in changed.copies("reused")


def test_a_base_image_that_moved_executes_what_builds_on_it_and_go_compiles_nothing(bench: Bench) -> None:
    bench.move_go()
    moved = bench.run()
    assert (moved.compile(), moved.went, moved.go["compiled"]) == ("executed", True, 0)
    assert moved.copies("executed") >= moved.made  # a result of equal content is found again after its step
    assert moved.steps["imported"] == 0


def test_bare_with_layer_caches_all_is_imported_and_the_registry_served_it(bench: Bench) -> None:
    edit(bench.root)
    bench.settings("cache: {layers: {mode: max}}")  # the compile's too
    saved = bench.run_on_main()
    assert "saved whole" in [seed["action"] for seed in saved.record["seeds"]]
    make_bare()
    (bench.root / "README.md").write_text("a commit that touches no source\n")
    bare = bench.run_on_main()
    assert bare.record["bare"] is True
    assert (bare.compile(), bare.went, bare.go["compiled"]) == ("imported", False, 0)
    assert bare.served > 0
    assert bare.steps["imported"] > 0
    assert (bare.steps["reused"], bare.steps["unknown"]) == (0, 0)
    assert bare.copies("executed") <= bare.made  # BuildKit may copy a file again


def test_bare_with_a_seed_only_what_was_edited_is_compiled(bench: Bench) -> None:
    make_bare()
    edit(bench.root, "two")
    seeded = bench.run_on_main()
    assert seeded.record["bare"] is True
    assert (seeded.compile(), seeded.went, seeded.go["compiled"]) == ("executed", True, 1)
    assert "restored" in [seed["action"] for seed in seeded.record["seeds"]]
    assert (seeded.steps["reused"], seeded.steps["unknown"]) == (0, 0)
    assert seeded.served > 0
    assert seeded.copies("executed") <= seeded.made
