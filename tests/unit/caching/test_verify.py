"""How a sample is built in four ways, and what is said of differences."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gobake import engine
from gobake.caching import apart
from gobake.caching.seeds.solve import Given, Solved
from gobake.caching.verify import Verdict, Verified, Verifying, verify
from gobake.context import staging
from gobake.context.staging import Staged
from gobake.engine import CacheMount
from gobake.errors import BuildFailed, CachesDisagree, NoBuilder, UsageError
from gobake.model import Platform
from gobake.plan.discover import Opened, open_project
from gobake.plan.request import ProjectRequest

AMD64 = Platform.parse("linux/amd64")
MAIN = "package main\n\nfunc main() {}\n"
SHOP = {"go.mod": "module shop\n\ngo 1.26\n", "cmd/api/main.go": MAIN, "cmd/worker/main.go": MAIN}


class Farm:
    """A builder that says which bytes each way of building gives, and remembers what it was asked."""

    def __init__(self) -> None:
        self.bytes: dict[str, list[str]] = {}  # by way: of each build; "same" where nothing is said
        self.builds: list[list[str]] = []  # the ways of each
        self.recipes: dict[str, str] = {}
        self.targets: dict[str, Mapping[str, Any]] = {}
        self.given = Given()
        self.error = ""
        self.mounts: list[str] | None = ["shop-gomod", "shop-gobuild"]
        self.deleted: list[str] = []

    def solve(self, targets: Mapping[str, Any], folder: Path, *, given: Given, **_: object) -> Solved:
        self.builds.append(list(targets))
        self.given = given
        for how, target in targets.items():
            self.recipes[how], self.targets[how] = Path(target["dockerfile"]).read_text(), target
            text = self.bytes[how].pop(0) if self.bytes.get(how) else "same"
            (folder / how).mkdir()
            for name in programs(self.recipes[how]):
                (folder / how / name).write_text(text)
        return Solved(error=self.error)

    def list_mounts(self, _builder: str) -> Sequence[CacheMount] | None:
        if self.mounts is None:
            return None
        return [CacheMount(record=f"r-{name}", id=name, size=1, created="", used="") for name in self.mounts]

    def delete(self, record: str, _builder: str) -> bool:
        if record.endswith("-in-use"):
            raise NoBuilder("a build is using it")
        self.deleted.append(record)
        return True


def programs(recipe: str) -> list[str]:
    """The services whose programs the last stage holds."""
    return re.findall(r"(?m)^COPY --from=\S+ \S+ /(\S+)$", recipe.partition("AS gobake-verify")[2])


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch) -> Farm:
    made = Farm()
    monkeypatch.setattr(apart, "solve", made.solve)
    monkeypatch.setattr(engine, "cache_mounts", made.list_mounts)
    monkeypatch.setattr(engine, "delete_mount", made.delete)
    return made


Asked = Callable[..., Verifying]


def opened(root: Path, files: Mapping[str, str]) -> Opened:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return open_project(ProjectRequest(directory=root, platforms=(AMD64,)))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return opened(tmp_path_factory.mktemp("shop"), SHOP)


@pytest.fixture
def asked(shop: Opened, tmp_path: Path) -> Asked:
    """Makes what to verify of the shop; ``anew``: the files as they are read now."""

    def make(*services: str, anew: Mapping[str, str] | None = None) -> Verifying:
        return Verifying(
            opened=shop,
            anew=shop if anew is None else opened(tmp_path / "anew", anew),
            services=services,
            platform=AMD64,
            builder="",
            secrets={"NETRC": "hunter2"},
            variables={"FILE": "/run/file"},
            values={"VERSION": "v1-${x}"},
            home=tmp_path / "home",
        )

    return make


def verdicts(found: Sequence[Verified]) -> dict[str, Verdict]:
    return {one.service: one.verdict for one in found}


def test_where_all_agree_nothing_is_built_again(farm: Farm, asked: Asked) -> None:
    found = verify(asked())
    assert verdicts(found) == {"api": Verdict.SAME, "worker": Verdict.SAME}
    assert farm.builds == [["shipped"], ["kept", "relinked"], ["clean"]]
    assert {one.again for one in found} == {""}
    assert len({one.clean for one in found}) == 1


@pytest.mark.parametrize(
    ("odd", "verdict"),
    [
        ({"shipped": ["odd"]}, Verdict.LAYER),
        ({"kept": ["odd"]}, Verdict.PROGRAM),
        ({"shipped": ["odd"], "kept": ["odd"], "relinked": ["odd"]}, Verdict.OBJECT),
        ({"clean": ["one", "another"]}, Verdict.UNSTABLE),
    ],
)
def test_where_one_differs_a_second_clean_build_says_whether_go_is_to_blame(
    farm: Farm, asked: Asked, odd: dict[str, list[str]], verdict: Verdict
) -> None:
    farm.bytes = odd
    found = verify(asked("api"))
    assert verdicts(found) == {"api": verdict}
    assert farm.builds == [["shipped"], ["kept", "relinked"], ["clean"], ["clean"]]
    assert found[0].again


def test_the_four_ways_differ_in_their_mounts_and_in_what_layers_may_give(farm: Farm, asked: Asked) -> None:
    verify(asked())
    ids = {how: set(re.findall(r"type=cache,id=([\w-]+)", text)) for how, text in farm.recipes.items()}
    own = ids["shipped"]
    assert {"shop-gobuild", "shop-gomod"} < own
    assert ids["kept"] == own
    assert {one for one in ids["relinked"] if "golink" not in one} == {one for one in own if "golink" not in one}
    assert not {one for one in ids["relinked"] if "golink" in one} & own
    assert not ids["clean"] & own
    assert all(one.startswith("verify-") for one in ids["clean"])
    moments = {how: re.findall(r"ENV GOBAKE_VERIFY=(\w+)", text) for how, text in farm.recipes.items()}
    assert moments["shipped"] == [], "its steps are those of any build"
    assert len({moments[how][0] for how in ("kept", "relinked", "clean")}) == 3, "no layer cache knows their steps"


def test_the_programs_of_the_sample_alone_are_taken_out(farm: Farm, asked: Asked) -> None:
    assert verdicts(verify(asked("worker"))) == {"worker": Verdict.SAME}
    assert [programs(text) for text in farm.recipes.values()] == [["worker"]] * 4


def test_a_target_has_the_secrets_and_values_of_the_projects_own(farm: Farm, asked: Asked) -> None:
    verify(asked())
    target = farm.targets["kept"]
    assert (target["target"], target["platforms"]) == ("gobake-verify", ["linux/amd64"])
    assert target["args"]["VERSION"] == "v1-$${x}"
    assert target["output"][0].startswith("type=local,dest=")
    assert farm.given.secrets == {"NETRC": "hunter2"}
    assert farm.given.variables.items() >= {"NETRC": "hunter2", "FILE": "/run/file"}.items()


def test_mounts_of_the_comparison_are_deleted_and_no_others(
    farm: Farm, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "1234")
    farm.mounts = ["verify-1234-shop-in-use", "verify-1234-shop-gobuild", "verify-99-shop-gobuild", "shop-gobuild"]
    verify(asked("api"))
    assert farm.deleted == ["r-verify-1234-shop-gobuild"]


def test_mounts_of_the_comparison_are_deleted_after_a_failure_too(
    farm: Farm, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "1234")
    farm.mounts = ["verify-1234-shop-gobuild", "shop-gobuild"]
    farm.error = "no space left"
    with pytest.raises(BuildFailed, match="the sample could not be built: no space left"):
        verify(asked("api"))
    assert farm.deleted == ["r-verify-1234-shop-gobuild"]


# ---- what is not built at all


@pytest.mark.parametrize("mounts", [[], ["shop-gomod", "other-gobuild"]])
def test_a_builder_without_caches_of_the_project_has_nothing_to_verify(
    farm: Farm, asked: Asked, mounts: list[str]
) -> None:
    farm.mounts = mounts
    with pytest.raises(UsageError, match="no caches of shop to verify"):
        verify(asked())
    assert farm.builds == []


def test_a_builder_that_does_not_list_its_mounts_is_asked_to_build(farm: Farm, asked: Asked) -> None:
    farm.mounts = None
    assert verdicts(verify(asked("api"))) == {"api": Verdict.SAME}


def test_a_service_that_is_none_is_refused(farm: Farm, asked: Asked) -> None:
    with pytest.raises(UsageError, match="wroker is not a compiled service; one of "):
        verify(asked("api", "wroker"))
    assert farm.builds == []


@pytest.mark.parametrize(
    "anew",
    [
        {**SHOP, "cmd/worker/more.go": "package main\n"},
        {path: text for path, text in SHOP.items() if "worker" not in path},
    ],
    ids=["a file more", "a package less"],
)
def test_what_is_remembered_of_a_package_and_is_not_so_ends_it(farm: Farm, asked: Asked, anew: dict[str, str]) -> None:
    with pytest.raises(CachesDisagree, match="remembers of package shop/cmd/worker differs"):
        verify(asked(anew=anew))
    assert farm.builds == []


def test_what_is_remembered_of_packages_elsewhere_is_the_same(farm: Farm, asked: Asked) -> None:
    assert verdicts(verify(asked("api", anew=SHOP))) == {"api": Verdict.SAME}


def edit(folder: Path) -> None:
    (folder / "cmd/api/main.go").unlink()
    (folder / "cmd/api/main.go").write_text(f"{MAIN}//")


def add(folder: Path) -> None:
    (folder / "cmd/api/more.go").write_text("package main\n")


def link(folder: Path) -> None:
    (folder / "cmd/api/main.go").unlink()
    (folder / "cmd/api/main.go").symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("change", "path"), [(edit, "cmd/api/main.go"), (add, "cmd/api/more.go"), (link, "cmd/api/main.go")]
)
def test_a_copy_of_the_sources_that_is_not_so_ends_it(
    farm: Farm, asked: Asked, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], path: str
) -> None:
    stage, staged = staging.stage, list[Staged]()

    def changed(*words: Any) -> Staged:
        staged.append(stage(*words))
        if len(staged) == 1:
            change(staged[0].sources)
        return staged[-1]

    monkeypatch.setattr(staging, "stage", changed)
    with pytest.raises(CachesDisagree, match=f"gobake's copy of {path} differs"):
        verify(asked())
    assert farm.builds == []
