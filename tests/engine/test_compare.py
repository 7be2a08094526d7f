"""The images of several strategies side by side: what is told of them is what a registry and containers show."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ended, Gobake, commit
from tests.engine.conftest import docker

WORDS = ("compare", "api", "migrate", "-s", "scratch,distalpine,distroless,alpine,debian-slim", "--format", "json")
# What an engine puts into every container.
OF_ENGINE = (".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf")
PROGRAM = 'package main\n\nimport (\n\t"os/exec"\n)\n\nfunc main() { _ = exec.Command("sh", "-c", "true").Run() }\n'
SETTINGS = """\
services:
  based:
    package: ./cmd/tool
    strategy: alpine
    strategies: [alpine, scratch]
    base: ./base.Dockerfile
  dynamic:
    package: ./cmd/tool
    strategy: debian-slim
    strategies: [debian-slim, distalpine]
    build_env: {GOFLAGS: -buildmode=pie}
"""
STATUS = "Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n"
BASE = "FROM alpine:3.22\nCOPY status /var/lib/dpkg/status\nRUN rm -rf /etc/apk /lib/apk && chmod 4755 /bin/busybox\n"


@pytest.fixture(scope="module")
def asked(world: Gobake, shop: Path, registry: str) -> tuple[Gobake, Path, tuple[str, ...]]:
    return world, shop, (*WORDS, "--registry", f"{registry}/compare")


@pytest.fixture(scope="module")
def images(asked: tuple[Gobake, Path, tuple[str, ...]]) -> list[dict[str, Any]]:
    world, shop, words = asked
    return _images(world.good(*words, cwd=shop))


def _images(ended: Ended) -> list[dict[str, Any]]:
    return [image | {"service": one["service"]} for one in ended.json["choices"] for image in one["images"]]


def test_compressed_bytes_are_those_of_the_registrys_manifest(images: list[dict[str, Any]]) -> None:
    assert len(images) == 10
    for image in images:
        docker("push", "-q", image["image"])
        raw = subprocess.run(
            ["docker", "buildx", "imagetools", "inspect", "--raw", image["image"]], capture_output=True, check=True
        ).stdout
        manifest = json.loads(raw)
        assert [layer["digest"] for layer in manifest["layers"]] == [layer["digest"] for layer in image["layers"]]
        sizes = [part["size"] for part in (manifest["config"], *manifest["layers"])]
        assert image["compressed_bytes"] == len(raw.rstrip(b"\n")) + sum(sizes), image["image"]
        with_base = image["compressed_bytes"] - (image["base"] or {"bytes": 0})["bytes"]
        assert image["pull_bytes"]["with_base"] == with_base
        assert image["pull_bytes"]["with_others"] <= with_base


def test_facts_are_what_containers_show(images: list[dict[str, Any]]) -> None:
    shells = {"alpine", "debian-slim"}
    for image in images:
        name, strategy = image["image"], image["strategy"]
        assert image["user"] == docker("inspect", "--format", "{{.Config.User}}", name)
        assert bool(image["shell"]) == (strategy in shells)
        if image["shell"]:
            docker("run", "--rm", "--network", "none", "--entrypoint", image["shell"], name, "-c", "exit 0")
        files = _exported(name)
        assert image["executables"] == sum(bool(mode & 0o111) for mode in files.values()), name
        assert image["setuid_files"] == sum(bool(mode & 0o6000) for mode in files.values()), name
        assert len(files) <= image["files"] <= len(files) + len(OF_ENGINE), name
        assert (image["libc"]["kind"], image["certificates"], image["passwd"]) == ("static", True, True)
        assert image["zoneinfo"] == (
            image["service"] == "api" or strategy in ("distalpine", "distroless", "debian-slim")
        )


def _exported(image: str) -> dict[str, int]:
    """The modes of the files that a container has beyond those of the engine, by path."""
    name = docker("create", "--network", "none", image)
    try:
        stream = subprocess.run(["docker", "export", name], capture_output=True, check=True).stdout
    finally:
        docker("rm", name)
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        found = [one for one in archive.getmembers() if one.isreg() or one.islnk()]
        return {one.name: one.mode for one in found if one.name not in OF_ENGINE}


def test_a_second_compare_executes_nothing_and_leaves_nothing_behind(
    asked: tuple[Gobake, Path, tuple[str, ...]], images: list[dict[str, Any]], tmp_path: Path
) -> None:
    world, shop, words = asked
    before = _there()
    again = _images(world.good(*words, cwd=shop, env={"TMPDIR": str(tmp_path)}))
    assert {step["outcome"] for step in world.last_run(shop)["steps"]} <= {"reused", "shared", "uncacheable", "unknown"}
    assert again == images
    assert _there() == before
    assert not list(tmp_path.iterdir())
    afresh = _images(world.good(*words, cwd=shop, env={"XDG_CACHE_HOME": str(tmp_path / "cache")}))
    assert [one | {"seconds": None} for one in afresh] == [one | {"seconds": None} for one in images]


def _there() -> tuple[str, set[str]]:
    """The containers and the images of the engine."""
    return docker("ps", "-aq"), set(docker("images", "-q", "--no-trunc").splitlines())


def test_bases_of_the_project_and_dynamic_programs(world: Gobake, tmp_path: Path) -> None:
    files = {
        "go.mod": "module example.com/tools\n\ngo 1.26\n",
        "cmd/tool/main.go": PROGRAM,
        "gobake.yaml": SETTINGS,
        "base.Dockerfile": BASE,
        "status": STATUS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    commit(tmp_path)
    told = world.good("compare", "--trust", "--format", "json", cwd=tmp_path).json
    found = {(one["service"], image["strategy"]): image for one in told["choices"] for image in one["images"]}
    based, dynamic = found["based", "alpine"], found["dynamic", "debian-slim"]
    assert (based["packages"], based["setuid_files"]) == ({"manager": "dpkg", "count": 1}, 1)
    assert based["base"]["name"] == "./base.Dockerfile"
    assert based["base"]["layers"] == len(based["layers"]) - 2  # the account and the program
    assert {image["libc"]["kind"] for (service, _), image in found.items() if service == "dynamic"} == {"glibc"}
    assert dynamic["shell"]
    advice = {one["service"]: one["advice"] for one in told["choices"]}
    assert (advice["based"]["strategy"], advice["dynamic"]["strategy"]) == ("alpine", "debian-slim")
    assert advice["based"]["ruled_out"][0]["places"] == ["exec.Command in cmd/tool/main.go:7"]
    text = world.good("compare", "based", "-s", "scratch", cwd=tmp_path).out
    assert "none of these strategies is recommended" in text


DATABASE = {
    "index/db.json": {"modified": "2026-01-02T03:04:05Z"},
    "index/modules.json": [{"path": "stdlib", "vulns": [{"id": "GO-2026-0001", "modified": "2026-01-02T03:04:05Z"}]}],
    "index/vulns.json": [{"id": "GO-2026-0001", "modified": "2026-01-02T03:04:05Z"}],
    "ID/GO-2026-0001.json": {
        "schema_version": "1.3.1",
        "id": "GO-2026-0001",
        "modified": "2026-01-02T03:04:05Z",
        "affected": [
            {
                "package": {"name": "stdlib", "ecosystem": "Go"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
                "ecosystem_specific": {"imports": [{"path": "runtime", "symbols": ["mallocgc"]}]},
            }
        ],
    },
}


def test_govulncheck_finds_what_a_database_knows_and_says_when_there_is_none(
    asked: tuple[Gobake, Path, tuple[str, ...]], images: list[dict[str, Any]], tmp_path: Path
) -> None:
    """https://go.dev/doc/security/vuln/database describes the files."""
    world, shop, words = asked
    for name, content in DATABASE.items():
        (tmp_path / "db" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "db" / name).write_text(json.dumps(content))
    (tmp_path / "tmp").mkdir()
    cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True, cwd="/").stdout.strip()
    env = {"TMPDIR": str(tmp_path / "tmp"), "GOCACHE": cache}  # that of the world has compiled nothing
    words = ("compare", "migrate", "-s", "scratch,alpine", *words[5:], "--scan", "--vulndb", f"file://{tmp_path}/db")
    ended = world.good(*words, cwd=shop, env=env)
    scans = {image["strategy"]: _of_go(image) for image in _images(ended)}
    assert {strategy: (found["unknown"], found["error"]) for strategy, found in scans.items()} == {
        "scratch": (1, None),
        "alpine": (1, None),
    }
    assert not list((tmp_path / "tmp").iterdir())
    text = world.good(*words[:-1], "https://vuln.invalid/none", "--format", "text", cwd=shop, env=env)
    assert re.search(r"^govulncheck failed on migrate in alpine and migrate in scratch: \S", text.out, re.MULTILINE)
    page = tmp_path / "page.html"
    world.good("compare", "migrate", "-s", "scratch", *words[6:8], "--format", "html", "-o", str(page), cwd=shop)
    assert "standard library go1." in page.read_text()


def _of_go(image: dict[str, Any]) -> dict[str, Any]:
    (found,) = [scan for scan in image["vulnerabilities"] if scan["scanner"] == "govulncheck"]
    return dict(found)


def test_what_cannot_be_built_is_an_error_beside_the_others(world: Gobake, tmp_path: Path) -> None:
    files = {
        "go.mod": "module example.com/half\n\ngo 1.26\n",
        "cmd/good/main.go": "package main\n\nfunc main() {}\n",
        "cmd/bad/main.go": 'package main\n\nimport _ "example.com/half/none"\n\nfunc main() {}\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    commit(tmp_path)
    ended = world("compare", "-s", "scratch,distalpine", "--format", "json", cwd=tmp_path)
    assert (ended.code, [one["service"] for one in ended.json["choices"]]) == (4, ["good"]), ended.err
    alone = world("compare", "bad", "-s", "scratch", "--format", "json", cwd=tmp_path)
    assert (alone.code, alone.out) == (4, "")
    assert "cmd/bad/main.go:3" in alone.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nothing",), 2, "no service 'nothing'"),
        (("api", "-s", "rpm"), 2, "rpm"),
        (("api", "-p", "windows/amd64"), 2, "linux only"),
    ],
)
def test_wrong_words_are_one_line(world: Gobake, shop: Path, words: tuple[str, ...], code: int, said: str) -> None:
    ended = world("compare", *words, cwd=shop)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1, ended.err


def test_without_an_engine_it_is_told_so(world: Gobake, shop: Path) -> None:
    ended = world("compare", "api", cwd=shop, env={"DOCKER_HOST": "tcp://127.0.0.1:9"})
    assert (ended.code, ended.out) == (3, "")
    assert len(ended.err.strip().splitlines()) == 1, ended.err
