"""Every file of gobake's caches, damaged byte by byte: it costs time, never the right program, and hides nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gobake.plan import discover
from gobake.plan.request import ProjectRequest
from tests.conftest import Tree
from tests.security import stores
from tests.security.faults import HELLO, WAYS, damaged, here, works

pytestmark = pytest.mark.usefixtures("pretended_world")

# ---- cache stores


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stores.make(tmp_path_factory.mktemp("kept") / "store")


@pytest.fixture
def project(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Opened once: it is not the project that is damaged."""
    root = tree(HELLO)
    opened = discover.open_project(ProjectRequest(directory=root))
    monkeypatch.setattr(discover, "open_project", lambda _: opened)
    return root


FILES = {
    "the layers' index": f"layers/{stores.layer_tag('topic')}/index.json",
    "the layers' mark": f"layers/{stores.layer_tag('topic')}/oci-layout",
    "the layers' manifest": "",
    "the seeds' index": "seeds/index.json",
    "the seeds' mark": "seeds/oci-layout",
    "a seed's manifest": "",
    "a seed's labels": "",
    "a seed's list": f"seeds/index-{stores.INDEX_DIGEST[:24]}.txt",
}


def file_of(store: Path, what: str) -> Path:
    """Of the branch `topic`."""
    if FILES[what]:
        return store / FILES[what]
    place = store / (FILES["the layers' index"] if "layers" in what else FILES["the seeds' index"])
    blobs = store / ("layers/blobs" if "layers" in what else "seeds/blobs")
    manifest: str = json.loads(place.read_text())["manifests"][-1]["digest"]
    if what == "a seed's labels":
        manifest = json.loads((blobs / manifest.replace(":", "/")).read_text())["config"]["digest"]
    return blobs / manifest.replace(":", "/")


def entries(told: dict[str, Any]) -> dict[str, Any]:
    return {e["tag"]: e for e in (*(told["seeds"] or ()), *(told["layers"] or ()))}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", FILES)
def test_a_damaged_store_is_told_and_hides_no_other(
    kept: Path, project: Path, tmp_path: Path, what: str, way: str
) -> None:
    """The other branch's caches are listed as they are, and are never pruned in the place of what was named."""
    store = tmp_path / "store"
    shutil.copytree(kept, store, symlinks=True)
    asked = ("-C", str(project), "--cache-store", str(store))
    good = entries(here("cache", "ls", *asked, "--format", "json").json)
    others = {stores.layer_tag("main")} | (
        set() if what in ("the seeds' index", "the seeds' mark") else {stores.seed_tag("main")}
    )
    assert others <= good.keys()
    assert len(good) == 4
    for at, _ in enumerate(damaged(file_of(store, what), way)):
        ended = here("cache", "ls", *asked, "--format", "json")
        works(ended)
        found = entries(ended.json)
        assert others <= found.keys()
        for tag, entry in found.items():
            if tag not in good:  # nothing tells that a name is another one now
                assert what == "the seeds' index"
            elif tag in others or not entry["error"]:
                wanted = good[tag] | {"age_seconds": entry["age_seconds"]}
                unknown = {"live_share": None} if "live_share" in wanted else {}
                assert entry in (wanted, wanted | unknown), "it is shown as something that it is not"
        if at % 7 == 3:
            assert here("cache", "prune", stores.layer_tag("topic"), "--yes", *asked).code in (0, 2, 6)
            assert stores.layer_tag("main") in {e.name for e in (store / "layers").iterdir()}
            shutil.rmtree(store)
            shutil.copytree(kept, store, symlinks=True)
