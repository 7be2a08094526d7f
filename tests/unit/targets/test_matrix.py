"""Which targets a selection means, and which strategies cannot hold a service."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from gobake.errors import ConfigError, UsageError
from gobake.model import Bases, BuildOptions, Platform, Project, Service, Strategy
from gobake.targets.matrix import UPX_ARCHITECTURES, Selection, select

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
S390X, RISCV = Platform(os="linux", arch="s390x"), Platform(os="linux", arch="riscv64")
CGO = BuildOptions(env=(("CGO_ENABLED", "1"),))
STATIC = replace(CGO, ldflags="-s -w -linkmode=external -extldflags=-static")
GLIBC, MUSL = "golang:1.26", "golang:1.26-alpine"


def service(name: str = "api", build: BuildOptions | None = None) -> Service:
    folder = PurePosixPath("cmd", name)
    return Service(
        name=name,
        package=f"example.com/shop/{folder}",
        binary=folder.name,
        directory=folder,
        build_root=PurePosixPath("."),
        build=build or BuildOptions(),
    )


def project(*services: Service, go: str = GLIBC, distroless: str = "gcr.io/distroless/static-debian12") -> Project:
    here = Path("/nowhere/shop")
    bases = Bases(go=go, distroless=distroless)
    return Project(name="shop", root=here, context=here, services=services, bases=bases, go_version="1.26")


def names(of: Project, selection: Selection, *platforms: Platform) -> list[str]:
    return [t.name for t in select(of, selection, platforms or (AMD64,)).targets]


# ---- what is selected


def test_a_build_is_every_service_in_its_chosen_strategy() -> None:
    of = project(service("api"), replace(service("worker"), strategy=Strategy.ALPINE))
    assert names(of, Selection()) == ["api-scratch", "worker-alpine"]


def test_all_is_every_strategy_that_a_service_lists_in_the_order_of_reports() -> None:
    few = replace(service("api"), strategies=(Strategy.UPX, Strategy.ALPINE))
    of = project(few, service("worker"))
    assert names(of, Selection(every_strategy=True)) == ["api-alpine", "api-upx", *(f"worker-{s}" for s in Strategy)]


def test_the_command_lines_strategies_win_over_the_lists() -> None:
    few = replace(service("api"), strategies=(Strategy.ALPINE,))
    assert names(project(few), Selection(every_strategy=True, strategies=(Strategy.UPX,))) == ["api-upx"]


def test_the_command_lines_platforms_win_over_the_services_and_those_over_the_builders() -> None:
    of = project(replace(service(), platforms=(ARM64,)))
    assert select(of, Selection(), (AMD64,)).targets[0].platforms == (ARM64,)
    asked = select(of, Selection(platforms=(S390X, AMD64, S390X)), (ARM64,))
    assert asked.targets[0].platforms == (AMD64, S390X)
    assert select(project(service()), Selection(), (ARM64,)).platforms == (ARM64,)


def test_services_come_in_the_projects_order_whatever_the_command_line_says() -> None:
    of = project(service("a"), service("b"), service("c"))
    matrix = select(of, Selection(services=("c", "a", "c")), (AMD64,))
    assert [s.name for s in matrix.services] == ["a", "c"]


def test_a_service_that_does_not_exist_is_answered_with_the_nearest_name() -> None:
    of = project(service("api"), service("worker"))
    with pytest.raises(UsageError, match=r"^there is no service 'wroker'; did you mean worker\?$"):
        select(of, Selection(services=("wroker",)), (AMD64,))
    with pytest.raises(UsageError, match="services: api, worker"):
        select(of, Selection(services=("xxxxxxxx",)), (AMD64,))


def test_targets_that_are_dropped_leave_their_reason() -> None:
    matrix = select(project(service()), Selection(every_strategy=True), (AMD64,))
    less = matrix.without([t for t in matrix.targets if t.strategy is Strategy.UPX], "no upx today")
    assert Strategy.UPX not in less.strategies
    assert less.left_out == ("no upx today",)
    assert len(less.targets) == len(matrix.targets) - 1


# ---- what cannot be


def test_upx_is_refused_for_an_architecture_that_it_cannot_pack() -> None:
    with pytest.raises(ConfigError, match="api cannot be built in upx: UPX cannot pack riscv64, s390x; leave"):
        select(project(service()), Selection(strategies=(Strategy.UPX,)), (RISCV, AMD64, S390X))
    assert {"amd64", "arm64", "arm"} <= UPX_ARCHITECTURES


def test_the_whole_matrix_goes_on_without_what_cannot_be() -> None:
    matrix = select(project(service()), Selection(every_strategy=True), (AMD64, S390X))
    assert [t.strategy for t in matrix.targets] == [s for s in Strategy if s is not Strategy.UPX]
    assert matrix.left_out == ("api in upx: UPX cannot pack s390x",)


def test_the_whole_matrix_stops_where_the_chosen_strategy_cannot_be() -> None:
    of = project(replace(service(), strategy=Strategy.UPX))
    with pytest.raises(ConfigError, match="cannot be built in upx"):
        select(of, Selection(every_strategy=True), (S390X,))


def possible(of: Project) -> set[Strategy]:
    """The strategies that a build in each alone does not refuse."""
    found = set()
    for strategy in Strategy:
        with suppress(ConfigError):
            select(of, Selection(strategies=(strategy,)), (AMD64,))
            found.add(strategy)
    return found


ALWAYS = {
    Strategy.SINGLE_STAGE,
    Strategy.DISTALPINE,
}  # the first brings the toolchain's libraries, the second finds them


def test_a_static_binary_fits_everywhere() -> None:
    assert possible(project(service())) == set(Strategy)
    assert possible(project(service(build=STATIC))) == set(Strategy)


def test_a_binary_of_glibc_needs_a_base_with_glibc() -> None:
    assert possible(project(service(build=CGO))) == ALWAYS | {Strategy.DEBIAN_SLIM}
    with_loader = project(service(build=CGO), distroless="gcr.io/distroless/base-debian12")
    assert possible(with_loader) == ALWAYS | {Strategy.DEBIAN_SLIM, Strategy.DISTROLESS}


def test_a_binary_of_musl_needs_a_base_with_musl() -> None:
    fits = ALWAYS | {Strategy.ALPINE, Strategy.PREBUILT}
    assert possible(project(service(build=CGO), go=MUSL)) == fits
    with_loader = project(service(build=CGO), go=MUSL, distroless="gcr.io/distroless/base-debian12")
    assert possible(with_loader) == fits, "that loader is of glibc"


def test_the_remedy_says_which_base_would_do() -> None:
    with pytest.raises(ConfigError, match=r"has no loader; set the base distroless to gcr\.io/distroless/base"):
        select(project(service(build=CGO)), Selection(strategies=(Strategy.DISTROLESS,)), (AMD64,))
    with pytest.raises(ConfigError, match=r"alpine has musl; set the base go to a golang:X\.Y-alpine image"):
        select(project(service(build=CGO)), Selection(strategies=(Strategy.ALPINE,)), (AMD64,))
