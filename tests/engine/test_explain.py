"""Causes of misses, provoked for real one after the other on one small project: each must be named rightly."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import harness
from tests.conftest import Gobake, commit
from tests.engine.caches import forget_mounts
from tests.engine.conftest import docker

MAIN = 'package main\n\nimport "example.com/lab/shared"\n\nfunc main() {{ println(shared.Mark, "{name}") }}\n'
LIB = "module example.com/lib\n\ngo 1.25\n"


@dataclass(kw_only=True)
class Lab:
    """A project, what gobake.yaml says of it, and the base images that it is built from."""

    gobake: Gobake
    root: Path
    base: str  # repository of Go images that only these tests use
    config: dict[str, str] = field(default_factory=dict)  # lines of `defaults`
    service: dict[str, str] = field(default_factory=dict)  # lines of the service `one`
    go: str = ""  # reference of Go's image
    words: tuple[str, ...] = ("build", "--platform", "linux/amd64")
    env: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def settings(self) -> None:
        lines = [f"name: {self.root.name}", f"bases: {{go: '{self.go}'}}"]
        lines += ["defaults:", *(f"  {key}: {value}" for key, value in {"zoneinfo": "false", **self.config}.items())]
        if self.service:
            lines += ["services:", "  one:", *(f"    {key}: {value}" for key, value in self.service.items())]
        self.write("gobake.yaml", "\n".join(lines) + "\n")

    def build(self, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.settings()
        commit(self.root)
        self.gobake.good(*self.words, *words, cwd=self.root, env={**self.env, **(env or {})})

    def explain(self, *words: str) -> dict[str, Any]:
        found = self.gobake.good("explain", *words, "--format", "json", cwd=self.root).json
        assert isinstance(found, dict)
        for miss in found["misses"]:  # shown where a test fails
            print(miss["label"], miss["cause"], miss["says"], miss["compared_with"])
        return found

    def change(self, *words: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Build, and what is said of it."""
        self.build(*words, env=env)
        return self.explain()

    def push_go(self, tag: str) -> str:
        """A Go image that no other is, under a name that may have been another's."""
        name = f"{self.base}:{tag}"
        text = f"FROM golang:1.26\nRUN echo {uuid.uuid4().hex} >/mark\n"
        subprocess.run(["docker", "build", "-q", "-t", name, "-"], input=text, text=True, check=True, timeout=120)
        docker("push", "-q", name)
        return name


@pytest.fixture(scope="module")
def lab(world: Gobake, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    name = f"lab{uuid.uuid4().hex[:8]}"
    made = Lab(gobake=world, root=tmp_path_factory.mktemp("explain") / name, base=f"{registry}/{name}/golang")
    made.go = made.push_go("1.25")
    made.write("go.mod", "module example.com/lab\n\ngo 1.25\n")
    made.write("shared/shared.go", f'package shared\n\nconst Mark = "{uuid.uuid4().hex}"\n')
    made.write("shared/text.go", 'package shared\n\nimport _ "embed"\n\n//go:embed text.txt\nvar Text string\n')
    made.write("shared/text.txt", "text\n")
    for command in ("one", "two"):
        made.write(f"cmd/{command}/main.go", MAIN.format(name=command))
    yield made
    forget_mounts(made.root.name)


def causes(found: dict[str, Any]) -> list[str]:
    return [miss["cause"] for miss in found["misses"]]


def changed(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(change["kind"], change["what"]) for miss in found["misses"] for change in miss["changes"]]


def roots(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(cause["cause"], cause["root"].rpartition("lab/")[2]) for cause in found["packages"]]


def test_the_first_run(lab: Lab) -> None:
    found = lab.change()
    assert causes(found) == ["first-run"]
    assert roots(found) == [("first-run", "")]


def test_nothing_and_what_only_labels_and_configuration_say(lab: Lab) -> None:
    for key, value in (("labels", "{a: b}"), ("ports", "[8080]"), ("env", "{A: b}"), ("args", "[-x]")):
        lab.config[key] = value
    lab.write("README.md", "another commit\n")
    found = lab.change("--tag", "other")
    assert (found["misses"], found["packages"]) == ([], [])
    assert "no step missed" in lab.gobake.good("explain", cwd=lab.root).out


def test_a_line_in_one_command(lab: Lab) -> None:
    lab.write("cmd/one/main.go", MAIN.format(name="one more"))
    found = lab.change()
    assert causes(found) == ["files"]
    assert changed(found) == [("changed", "cmd/one/main.go")]
    assert roots(found) == [("files", "cmd/one")]
    assert sorted(found["misses"][0]["targets"]) == ["one-scratch", "two-scratch"]
    assert found["misses"][0]["follow"] >= 2
    assert lab.explain("two")["packages"] == []
    text = lab.gobake.good("explain", "one", cwd=lab.root).out
    assert "~ cmd/one/main.go" in text


def test_a_package_that_both_import(lab: Lab) -> None:
    lab.write("shared/shared.go", f'package shared\n\nconst Mark = "{uuid.uuid4().hex}"\n')
    found = lab.change()
    assert (causes(found), changed(found)) == (["files"], [("changed", "shared/shared.go")])
    assert roots(found) == [("files", "shared")]
    names = [name.rpartition("lab/")[2] for name in found["packages"][0]["packages"]]
    assert names == ["shared", "cmd/one", "cmd/two"]


def test_a_new_file(lab: Lab) -> None:
    lab.write("cmd/two/more.go", "package main\n\nfunc more() {}\n")
    found = lab.change()
    assert (causes(found), changed(found)) == (["files"], [("added", "cmd/two/more.go")])
    assert roots(found) == [("files", "cmd/two")]


def test_a_file_that_is_gone(lab: Lab) -> None:
    (lab.root / "cmd/two/more.go").unlink()
    found = lab.change()
    # Go finds its old result; BuildKit may too, as the context is what it was
    assert causes(found) in ([], ["files"])
    lab.write("shared/gone.go", "package shared\n\nfunc Gone() {}\n")
    lab.build()
    (lab.root / "shared/gone.go").unlink()
    lab.write("cmd/two/main.go", MAIN.format(name="two without"))
    found = lab.change()
    assert causes(found) == ["files"]
    assert set(changed(found)) == {("removed", "shared/gone.go"), ("changed", "cmd/two/main.go")}


def test_an_embedded_file(lab: Lab) -> None:
    lab.write("shared/text.txt", f"{uuid.uuid4().hex}\n")
    found = lab.change()
    assert (causes(found), changed(found)) == (["files"], [("changed", "shared/text.txt")])
    assert roots(found) == [("files", "shared")]


def test_permissions_of_a_file(lab: Lab) -> None:
    (lab.root / "shared/text.txt").chmod(0o755)
    found = lab.change()
    assert (causes(found), changed(found)) == (["files"], [("changed", "shared/text.txt")])


def test_a_module_that_go_mod_asks_for(lab: Lab) -> None:
    lab.write("lib/go.mod", LIB)
    lab.write("lib/lib.go", "package lib\n\nfunc Lib() {}\n")
    require = (
        "module example.com/lab\n\ngo 1.25\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ./lib\n"
    )
    lab.write("go.mod", require)
    lab.write("cmd/one/lib.go", 'package main\n\nimport "example.com/lib"\n\nfunc init() { lib.Lib() }\n')
    found = lab.change()
    assert causes(found) == ["files"]
    assert ("changed", "go.mod") in changed(found)
    assert ("added", "lib/lib.go") in changed(found)
    lab.write("go.mod", require.replace("v1.0.0", "v1.0.1"))
    found = lab.change()
    assert (causes(found), changed(found)) == (["files"], [("changed", "go.mod")])


def test_a_build_tag(lab: Lab) -> None:
    lab.config["build_tags"] = "[extra]"
    found = lab.change()
    assert (causes(found), changed(found)) == (["argument"], [("changed", "tags")])


def test_flags_of_the_linker(lab: Lab) -> None:
    lab.config["ldflags"] = "-s"
    found = lab.change()
    assert (causes(found), changed(found)) == (["argument"], [("changed", "ldflags")])


def test_the_environment_of_the_compile(lab: Lab) -> None:
    lab.config["build_env"] = "{GOAMD64: v2}"
    found = lab.change()
    assert (causes(found), changed(found)) == (["argument"], [("changed", "environment variable GOAMD64")])
    assert roots(found) == [("argument", "")]
    assert "v2" not in lab.gobake.good("explain", cwd=lab.root).out


def test_a_new_version_of_a_stamped_service(lab: Lab) -> None:
    lab.write("cmd/one/version.go", 'package main\n\nvar version = "dev"\n\nfunc init() { println(version) }\n')
    lab.service["version_stamp"] = "main.version"
    lab.build()
    commit(lab.root)
    subprocess.run(["git", "-C", str(lab.root), "tag", "v1.2.3"], check=True)
    found = lab.change()
    assert (causes(found), changed(found)) == (["argument"], [("changed", "VERSION")])
    assert found["misses"][0]["label"].startswith("go link ")
    assert found["packages"] == []


def test_files_that_only_go_into_the_image(lab: Lab) -> None:
    lab.service.clear()
    lab.write("settings.txt", "a\n")
    lab.service["files"] = "['settings.txt:/etc/lab/settings.txt']"
    lab.build()
    lab.write("settings.txt", "b\n")
    found = lab.change()
    assert (causes(found), changed(found)) == (["files"], [("changed", "settings.txt")])
    assert found["misses"][0]["targets"] == ["one-scratch"]
    assert found["packages"] == []


def test_an_instruction_of_gobakes_own(lab: Lab) -> None:
    lab.service.clear()
    lab.build()
    lab.config["zoneinfo"] = "true"
    found = lab.change()
    assert causes(found) == ["instruction"]
    assert "certificates" in found["misses"][0]["label"]


def test_no_cache(lab: Lab) -> None:
    found = lab.change("--no-cache")
    assert causes(found) == ["no-cache"]
    assert roots(found) == [("no-cache", "")]


def test_a_base_image_that_moved(lab: Lab) -> None:
    before = dict(lab.gobake.last_run(lab.root)["inputs"]["bases"])[lab.go]
    lab.push_go("1.25")
    found = lab.change()
    assert causes(found) == ["base"]
    (change,) = found["misses"][0]["changes"]
    assert change["what"] == lab.go
    assert change["before"] == before != change["after"]


def test_another_base_image(lab: Lab) -> None:
    other = lab.push_go("1.25").replace("/golang:", "/other:")
    docker("tag", lab.push_go("1.25"), other)
    docker("push", "-q", other)
    found = lab.change("--base", f"go={other}")
    assert causes(found) == ["base"]
    assert found["misses"][0]["changes"][0]["after"] == other


def test_another_go_version(lab: Lab) -> None:
    lab.build()
    lab.go = lab.push_go("1.26")
    lab.write("go.mod", (lab.root / "go.mod").read_text().replace("go 1.25", "go 1.26"))
    found = lab.change()
    assert causes(found) == ["go-version"]
    assert "1.25 → 1.26" in found["misses"][0]["says"]


def test_a_new_service(lab: Lab) -> None:
    lab.write("cmd/three/main.go", MAIN.format(name="three"))
    found = lab.change()
    assert causes(found) == ["instruction"]
    assert ("added", "service three") in changed(found)
    assert "three-scratch" in found["misses"][0]["targets"]
    assert ("files", "cmd/three") in roots(found)


def test_another_platform(lab: Lab) -> None:
    lab.build("--platform", "linux/amd64,linux/arm64")
    found = lab.explain()
    assert causes(found) == ["first-run"]
    assert "linux/arm64" in found["misses"][0]["platforms"]
    assert {(cause["platform"], cause["cause"]) for cause in found["packages"]} == {("linux/arm64", "first-run")}


def test_a_failed_run_is_not_what_had_it(lab: Lab) -> None:
    lab.write("cmd/one/broken.go", "package main\n\nfunc broken() { return 1 }\n")
    lab.settings()
    assert lab.gobake(*lab.words, "--fail-fast", cwd=lab.root).code == 4
    assert changed(lab.explain()) == [("added", "cmd/one/broken.go")]
    lab.write("cmd/one/broken.go", "package main\n\nfunc broken() {}\n")
    found = lab.change()
    assert (causes(found), changed(found)) == (["files"], [("added", "cmd/one/broken.go")])


def test_mounts_that_are_gone(lab: Lab) -> None:
    forget_mounts(lab.root.name)
    lab.write("cmd/one/main.go", MAIN.format(name="one with cold mounts"))
    found = lab.change()
    assert changed(found) == [("changed", "cmd/one/main.go")]
    # with a mount, BuildKit may let go of the empty folder that it is mounted in
    assert causes(found) in (["files"], ["files", "pruned"])
    assert sorted(roots(found)) == [("files", "cmd/one"), ("pruned", "")]
    assert "collected-mount" in [advice["kind"] for advice in found["advice"]]


def test_a_pruned_builder(lab: Lab) -> None:
    docker("buildx", "prune", "-af")
    found = lab.change()
    assert causes(found) == ["pruned"]
    assert roots(found) == [("pruned", "")]


@pytest.fixture(scope="module")
def second() -> Iterator[harness.Engine]:
    suite = os.environ.get("GOBAKE_ENGINE_SUITE", "sid")
    yield harness.up(suite, "explained", force_private=True, fresh=True)
    harness.down("explained", purge=True)


def elsewhere(second: harness.Engine) -> dict[str, str]:
    """The second engine, with the base images of the first one's registry."""
    return {**second.env, "GOBAKE_BASE": os.environ["GOBAKE_BASE"]}


def test_another_builder(lab: Lab, second: harness.Engine) -> None:
    found = lab.change(env=elsewhere(second))
    assert causes(found) == ["other-builder"]
    assert roots(found) == [("other-builder", "")]


def test_a_policy_that_imports_nothing(lab: Lab, registry: str, second: harness.Engine) -> None:
    lab.write("cmd/two/main.go", MAIN.format(name="two exported"))
    store = ("--cache-store", f"{registry}/{lab.root.name}/cache", "--cache-policy", "release")
    lab.build(*store)
    found = lab.change(env=elsewhere(second))
    assert causes(found) == ["no-import"]


def test_an_import_that_failed(lab: Lab, registry: str) -> None:
    docker("buildx", "prune", "-af")
    found = lab.change("--cache-store", f"localhost:1/{lab.root.name}/cache", "--cache-policy", "dev")
    assert causes(found) == ["import-failed"]


def test_a_binary_that_was_compiled_outside(lab: Lab) -> None:
    words, lab.words = lab.words, ("all", "--strategy", "prebuilt", "--platform", "linux/amd64")
    lab.build()
    lab.write("cmd/two/main.go", MAIN.format(name="two outside"))
    found = lab.change()
    lab.words = words
    assert (causes(found), changed(found)) == (["files"], [("changed", "two-linux-amd64")])
    assert found["misses"][0]["targets"] == ["two-prebuilt"]


def test_names_that_are_wrong(lab: Lab) -> None:
    ended = lab.gobake("explain", "ome", cwd=lab.root)
    assert ended.code == 2
    assert "did you mean one?" in ended.err
    assert lab.gobake("explain", "--run", "2000", cwd=lab.root).code == 2
