"""The scripts of pipelines that gobake writes, run in order: what is pushed, what is cached, and what never is."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from gobake.pipelines.keeping import first
from gobake.pipelines.options import GITLAB_REGISTRY, Options, System, checked
from tests.conftest import Gobake, commit
from tests.engine.runner import GitHub, GitLab, Machine, Ran, parsed
from tests.engine.test_builders import BOTH, remote

SERVICE = 'package main\n\nimport "example.com/two/words"\n\nfunc main() { println(words.Say("%s")) }\n'
FILES = {
    "go.mod": "module example.com/two\n\ngo 1.26\n",
    "words/words.go": 'package words\n\nfunc Say(name string) string { return "I am " + name }\n',
    "words/words_test.go": 'package words\n\nimport "testing"\n\nfunc TestSay(t *testing.T) {\n\tif Say("x") != "I am x" {\n'
    '\t\tt.Fatal("wrong")\n\t}\n}\n',
    "cmd/api/main.go": SERVICE % "api",
    "cmd/worker/main.go": SERVICE % "worker",
}
INSTALL = "git+https://git.example.com/acme/gobake@v1"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A repository, a builder and a registry that pipelines of both systems use."""

    root: Path
    folder: Path
    registry: str
    prefix: str  # of repositories, and the project's name: an engine that is kept has those of earlier runs
    env: Mapping[str, str]

    def revision(self, name: str = "HEAD") -> str:
        return _git(self.root, "rev-parse", name)

    def options(self, system: System) -> Options:
        registry = f"{self.registry}/{self.prefix}/github" if system is System.GITHUB else GITLAB_REGISTRY
        return checked(Options(install=INSTALL, registry=registry, go_version_file="go.mod"))

    def machine(self, name: str, revision: str) -> Machine:
        folder = self.folder / name
        folder.mkdir()
        return Machine(folder=folder, origin=self.root, revision=revision, env=self.env)

    def pushed(self, below: str) -> dict[str, str]:
        """All tags of repositories below one, with their digests."""
        with urllib.request.urlopen(f"http://{self.registry}/v2/_catalog?n=1000", timeout=20) as answer:
            all_of_them, start = json.load(answer)["repositories"], f"{self.prefix}/{below}/"
        found = {name.removeprefix(start): name for name in all_of_them if name.startswith(start)}
        return {f"{own}:{tag}": self._digest(name, tag) for own, name in found.items() for tag in self._tags(name)}

    def _tags(self, name: str) -> list[str]:
        try:
            with urllib.request.urlopen(f"http://{self.registry}/v2/{name}/tags/list", timeout=20) as answer:
                return json.load(answer)["tags"] or []
        except urllib.error.HTTPError as error:
            if error.code == 404:  # it has images, and no tag
                return []
            raise

    def _digest(self, name: str, tag: str) -> str:
        accepted = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
        request = urllib.request.Request(
            f"http://{self.registry}/v2/{name}/manifests/{tag}", method="HEAD", headers={"Accept": accepted}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.headers["Docker-Content-Digest"])


def _git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    done = subprocess.run(["git", "-C", str(root), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Shop]:
    """A repository with three commits: on main, of a fork's pull request, and main's with a tag."""
    folder = tmp_path_factory.mktemp("pipelines")
    root, prefix = folder / "two", f"{folder.name}{os.getpid()}"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "gobake.yaml").write_text(f"name: {prefix}\n")
    (root / "words" / "of.go").write_text(f'package words\n\nconst Of = "{prefix}"\n')  # compiled by no earlier run
    commit(root)
    _git(root, "checkout", "-q", "-b", "fix")
    (root / "cmd/worker/main.go").write_text(SERVICE % "another worker")
    commit(root, "a fix by somebody")
    _git(root, "checkout", "-q", "main")
    with remote("pipelines", folder, None) as builder:
        yield Shop(root=root, folder=folder, registry=registry, prefix=prefix, env={"GOBAKE_BUILDER": builder})


def _pipeline(shop: Shop, system: System, event: str, name: str = "") -> GitHub | GitLab:
    revision = shop.revision("fix" if event == "fork" else "main")
    machine = shop.machine(name or f"{system}-{event}", revision)
    file = parsed(first(system, shop.options(system)).text)
    return _github(shop, file, machine, event) if system is System.GITHUB else _gitlab(shop, file, machine, event)


def _github(shop: Shop, workflow: Mapping[str, object], machine: Machine, event: str) -> GitHub:
    payload = machine.folder / "event.json"
    pull_request = {
        "head": {"ref": "fix", "sha": machine.revision, "repo": {"full_name": "somebody/two"}},
        "base": {"ref": "main", "sha": shop.revision("main")},
    }
    given = {"pull_request": pull_request} if event == "fork" else {}
    payload.write_text(json.dumps({"repository": {"full_name": "acme/two", "default_branch": "main"}, **given}))
    name, ref = {
        "fork": ("1/merge", "refs/pull/1/merge"),
        "main": ("main", "refs/heads/main"),
        "tag": ("v1.2.0", "refs/tags/v1.2.0"),
    }[event]
    context = {
        "event_name": "pull_request" if event == "fork" else "push",
        "repository": "acme/two",
        "ref": ref,
        "ref_name": name,
        "ref_type": "tag" if event == "tag" else "branch",
        "sha": machine.revision,
    }
    variables = {f"GITHUB_{key.upper()}": value for key, value in context.items()}
    variables |= {"GITHUB_ACTIONS": "true", "RUNNER_ENVIRONMENT": "github-hosted", "GITHUB_EVENT_PATH": str(payload)}
    variables |= {"GITHUB_HEAD_REF": "fix", "GITHUB_BASE_REF": "main"} if event == "fork" else {}
    return GitHub(workflow=workflow, machine=machine, github={**context, "event": given}, variables=variables)


def _gitlab(shop: Shop, pipeline: Mapping[str, object], machine: Machine, event: str) -> GitLab:
    variables = {
        "GITLAB_CI": "true",
        "CI_DISPOSABLE_ENVIRONMENT": "true",
        "CI_COMMIT_SHA": machine.revision,
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_REF_SLUG": event,
        "CI_REGISTRY": shop.registry,
        "CI_REGISTRY_IMAGE": f"{shop.registry}/{shop.prefix}/gitlab",
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": "of-this-job",
        "CI_PIPELINE_SOURCE": "merge_request_event" if event == "fork" else "push",
    }
    if event == "fork":
        variables |= {
            "CI_MERGE_REQUEST_IID": "1",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2",
            "CI_MERGE_REQUEST_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "fix",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": shop.revision("main"),
        }
    elif event == "tag":
        variables |= {"CI_COMMIT_TAG": "v1.2.0"}
    else:
        variables |= {"CI_COMMIT_BRANCH": "main", "CI_COMMIT_REF_PROTECTED": "true"}
    return GitLab(pipeline=pipeline, machine=machine, variables=variables)


def _ended(ran: Mapping[str, Ran]) -> dict[str, str]:
    return {name: "skipped" if one.skipped else "good" if one.good else "failed" for name, one in ran.items()}


def _logs(ran: Mapping[str, Ran]) -> str:
    return "\n".join(f"== {name}\n{one.log}" for name, one in ran.items() if not one.good)


@pytest.fixture(scope="module")
def local(shop: Shop, world: Gobake) -> dict[str, str]:
    """The digest of each service as one command pushes it."""
    tree, _, _ = shop.machine("local", shop.revision()).clone()
    words = ("build", "--push", "--platform", BOTH, "--registry", f"{shop.registry}/{shop.prefix}/local")
    world.good(*words, cwd=tree, env=shop.env)
    return {name.split(":")[0]: digest for name, digest in shop.pushed("local").items() if "cache" not in name}


SHARDS = {
    System.GITHUB: ("build (linux-amd64)", "build (linux-arm64)"),
    System.GITLAB: ("build [1/2]", "build [2/2]"),
}


@pytest.mark.parametrize("system", System)
def test_main_is_tagged_when_all_shards_are_there_and_a_rerun_builds_the_lost_one_alone(
    system: System, shop: Shop, request: pytest.FixtureRequest
) -> None:
    pipeline = _pipeline(shop, system, "main")
    first_shard, lost = SHARDS[system]
    pipeline.machine.fails = frozenset([lost])
    pipeline.run()
    before = _ended(pipeline.ran)
    assert before[first_shard] == "good", _logs(pipeline.ran)
    assert before[lost] == "failed"
    assert before.get("merge", "skipped") == "skipped"
    assert not [name for name in shop.pushed(str(system)) if "cache" not in name]

    kept = pipeline.ran[first_shard]
    pipeline.machine.fails = frozenset()
    pipeline.run()
    assert set(_ended(pipeline.ran).values()) == {"good"}, _logs(pipeline.ran)
    assert pipeline.ran[first_shard] is kept
    pushed = shop.pushed(str(system))
    images = {name: digest for name, digest in pushed.items() if "cache" not in name}
    local = request.getfixturevalue("local")  # not before, as it compiles what the first pipeline is to compile
    assert set(local) == {"api", "worker"}
    sha = shop.revision()[:7]
    assert images == {f"{name}:{tag}": local[name] for name in local for tag in ("main", sha)}
    kinds = {name.split(":")[1].split("-")[0] for name in pushed if "cache" in name}
    assert {"history", "layers"} <= kinds
    assert ("seed" in kinds) is any("saving the Go caches" in one.log for one in pipeline.ran.values())


@pytest.mark.parametrize("system", System)
def test_a_pull_request_from_a_fork_builds_what_it_affects_and_writes_nothing(system: System, shop: Shop) -> None:
    before = shop.pushed(str(system))
    assert before
    pipeline = _pipeline(shop, system, "fork")
    pipeline.run()
    ended = _ended(pipeline.ran)
    assert {name for name, how in ended.items() if how == "good"} == {"plan", "test", *SHARDS[system]}, _logs(
        pipeline.ran
    )
    assert ended.get("merge", "skipped") == "skipped"
    built = pipeline.ran[SHARDS[system][0]].log
    assert "worker" in built
    assert "api-scratch" not in built
    assert shop.pushed(str(system)) == before


def test_a_tag_is_built_whole_and_has_its_version(shop: Shop) -> None:
    _git(shop.root, "tag", "v1.2.0", "main")
    pipeline = _pipeline(shop, System.GITHUB, "tag")
    assert isinstance(pipeline, GitHub)
    pipeline.run()
    assert set(_ended(pipeline.ran).values()) == {"good"}, _logs(pipeline.ran)
    tags = {name.rpartition(":")[2] for name in shop.pushed("github") if "cache" not in name}
    assert {"1.2.0"} <= tags
    assert pipeline.summaries


@pytest.mark.parametrize("system", System)
def test_a_push_that_affects_no_image_tags_nothing(system: System, shop: Shop) -> None:
    (shop.root / "README.md").write_text(f"for {system}\n")
    commit(shop.root, "a readme")
    before = {name for name in shop.pushed(str(system)) if "cache" not in name}
    pipeline = _pipeline(shop, system, "main", f"{system}-readme")
    pipeline.run()
    assert "failed" not in _ended(pipeline.ran).values(), _logs(pipeline.ran)
    assert {name for name in shop.pushed(str(system)) if "cache" not in name} == before, pipeline.ran["plan"].log
