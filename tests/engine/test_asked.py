"""Go is asked in a container as on this machine, and compiles under the settings under which it was asked."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gobake.gotool import local, modules
from gobake.gotool.asking import queries
from gobake.model import BuildOptions, Platform
from gobake.plan import go_container
from tests.conftest import Gobake, Tree

PLATFORMS = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))

ODD = {
    "top/go.work": 'go 1.26\n\nuse "./app (1)"\nuse ./lib\n',
    "top/app (1)/go.mod": "module example.com/app\n\ngo 1.26\n",
    "top/app (1)/cmd/x/main.go": 'package main\n\nimport (\n\t"embed"\n\t_ "example.com/lib/deep"\n)\n\n'
    "//go:embed testdata/*.txt\nvar files embed.FS\n\nfunc main() {}\n",
    "top/app (1)/cmd/x/testdata/[a].txt": "a",
    "top/app (1)/cmd/x/_real.go": "package main\n",
    "top/app (1)/broken/b.go": "packge broken\n",
    "top/node_modules/a/a.go": "package a\n",
    "elsewhere/lib/go.mod": "module example.com/lib\n\ngo 1.26\n",
    "elsewhere/lib/deep/deep.go": "package deep\n",
    "elsewhere/lib/deep/a.s": "//go:build arm64\n\nTEXT x(SB), 0, $0-0\n\tRET\n",
}


@pytest.mark.parametrize("settings", ["", "GOPROXY=off\n"], ids=["no settings", "settings"])
def test_a_container_says_what_this_machines_go_says(tree: Tree, settings: str) -> None:
    root = tree(ODD)
    (root / "top/lib").symlink_to("../elsewhere/lib")
    (root / "top/app (1)/cmd/x/link.go").symlink_to("_real.go")
    layout = modules.layout(modules.find_root(root / "top"))
    asked = queries(PLATFORMS, [BuildOptions()])
    go = shutil.which("go")
    assert go
    here = local.survey(layout, asked, go)
    assert go_container.survey(layout, asked, "golang:1.26", "", lambda: settings) == here
    assert [p.files for p in here.mains] == [("link.go", "main.go")]
    assert here.mains[0].embed_files == ("testdata/[a].txt",)


def _said(image: str, platform: str) -> str:
    """What a program tells by println."""
    command = ["docker", "run", "--rm", "--platform", platform, image]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr.strip()


def _fast_cpu() -> bool:
    return {"avx2", "bmi2", "fma"} <= set(Path("/proc/cpuinfo").read_text().split())


@pytest.mark.skipif(not _fast_cpu(), reason="this machine's processor cannot run programs for amd64/v3")
def test_each_level_of_a_platform_is_compiled_from_its_own_files(gobake: Gobake, tree: Tree) -> None:
    root = tree(
        {
            "go.mod": "module example.com/levels\n\ngo 1.26\n",
            "main.go": "package main\n\nfunc main() { println(level()) }\n",
            "plain.go": '//go:build !amd64.v3\n\npackage main\n\nfunc level() string { return "plain" }\n',
            "fast.go": '//go:build amd64.v3\n\npackage main\n\nimport "example.com/levels/internal/fast"\n\n'
            "func level() string { return fast.Level }\n",
            "internal/fast/fast.go": 'package fast\n\nconst Level = "fast v3"\n',
            "gobake.yaml": "prebuilt: dist/{service}-{arch}{variant}\n",
        }
    )
    words = ("all", "-s", "scratch,prebuilt", "--platform", "linux/amd64,linux/amd64/v3")
    gobake.good(*words, cwd=root, env={"GOAMD64": "v3", "GOFLAGS": "-mod=mod -tags=nothing"})
    said = {
        (strategy, variant): _said(f"levels:latest-{strategy}", f"linux/amd64{variant}")
        for strategy in ("scratch", "prebuilt")
        for variant in ("/v1", "/v3")
    }
    assert said == {
        (strategy, variant): level
        for strategy in ("scratch", "prebuilt")
        for variant, level in (("/v1", "plain"), ("/v3", "fast v3"))
    }
