"""The Dockerfile: which stages there are, who shares one, and values that stay values."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gobake import recipe
from gobake.gotool.modules import BuildRoot, Layout, Module
from gobake.gotool.packages import GoTree, Package
from gobake.model import Bases, BuildOptions, ExtraFile, Platform, Project, Service, Stamp, Strategy
from gobake.recipe import words
from gobake.recipe.stages import compile_stages
from gobake.targets.matrix import Matrix, Selection, select

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
HERE = Path("/nowhere/shop")
CGO = BuildOptions(env=(("CGO_ENABLED", "1"),))
VERSION = (Stamp(variable="main.version", text="{version}"),)
HOSTILE = "${X} $Y %{if} \"q\" 'a' \\ $(touch /x) `touch /y` ü"


def service(name: str = "api", package: str = "") -> Service:
    package = package or f"example.com/shop/cmd/{name}"
    folder = PurePosixPath(package.removeprefix("example.com/shop/"))
    binary = folder.parent.name if folder.name in ("v2", "v3") else folder.name
    return Service(name=name, package=package, binary=binary, directory=folder, build_root=PurePosixPath("."))


def project(*services: Service) -> Project:
    return Project(
        name="shop", root=HERE, context=HERE, services=services, bases=Bases(go="golang:1.26"), go_version="1.26"
    )


def tree_of(services: Sequence[Service], *requires: str) -> GoTree:
    module = Module(
        path="example.com/shop", directory=HERE, go="1.26", requires=tuple((path, "v1.0.0") for path in requires)
    )
    build = BuildRoot(directory=HERE, workspace=False, mains=(module,), replaced=())
    packages = tuple(
        Package(
            import_path=s.package, name="main", directory=s.directory, build_root=s.build_root,
            cgo=False, embeds=(), imports=(), module="example.com/shop", binary=s.binary, runs=True,
        )
        for s in services
    )  # fmt: skip
    return GoTree(
        layout=Layout(root=HERE, context=HERE, builds=(build,), go_version="1.26", go_requirement="1.26"),
        packages=packages,
    )


def everything(of: Project) -> Matrix:
    return select(of, Selection(every_strategy=True), (AMD64,))


def dockerfile(*services: Service, strategy: Strategy | None = None) -> str:
    of = project(*services)
    chosen = Selection(strategies=(strategy,)) if strategy else Selection(every_strategy=True)
    return recipe.render(of, select(of, chosen, (AMD64,)), tree_of(services)).dockerfile


def instructions(text: str) -> list[str]:
    """Every instruction as one line, comments left out."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [" ".join(line.split()) for line in code.replace("\\\n", " ").splitlines() if line.strip()]


def stage(text: str, name: str) -> list[str]:
    """The instructions of one stage, from its FROM on."""
    found: list[str] = []
    inside = False
    for line in instructions(text):
        if line.startswith("FROM "):
            inside = line.endswith(f" AS {name}")
        if inside:
            found.append(line)
    return found


def stages(text: str) -> list[str]:
    return [line.rpartition(" AS ")[2] for line in instructions(text) if line.startswith("FROM ")]


# ---- how modules are reached

REACH = [
    "--mount=type=secret,id=netrc,target=/root/.netrc",
    "--mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem",
    "--mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts",
    "--mount=type=secret,id=env",
    "--mount=type=ssh",
]


def test_every_step_that_may_download_modules_has_the_secrets_and_no_other_step() -> None:
    of = project(replace(service(), stamps=VERSION), service("worker"))
    text = recipe.render(of, everything(of), tree_of(of.services, "example.com/other")).dockerfile
    steps = {name: line for name in stages(text) for line in stage(text, name) if line.startswith("RUN ")}
    downloading = {name for name, line in steps.items() if re.search(r"\bgo (build|list)\b", line)}
    assert downloading == {"compile", "stamp", "api-single-stage", "worker-single-stage"}
    for name, line in steps.items():
        assert [mount for mount in REACH if f" {mount} " in line] == (REACH if name in downloading else [])
        assert ("then . /run/secrets/env; fi && " in line) == (name in downloading)


def test_a_project_that_requires_no_other_modules_has_no_secrets_but_gos_settings() -> None:
    text = dockerfile(service())
    assert set(re.findall(r"type=secret,id=(\w+)", text)) == {"goenv"}
    assert "type=ssh" not in text
    assert "/run/secrets/env" not in text


# ---- which stages there are


def test_every_strategy_has_its_stage_after_one_compile() -> None:
    found = stages(dockerfile(service()))
    assert [s for s in found if s.startswith("compile")] == ["compile"]
    assert {f"api-{strategy}" for strategy in Strategy} <= set(found)
    assert len(found) == len(set(found))
    assert found[-1] == "trace"


def test_each_stage_comes_after_those_that_it_is_made_of() -> None:
    text = dockerfile(replace(service(), stamps=VERSION, files=(
        ExtraFile(source=PurePosixPath("a"), target=PurePosixPath("/a")),)), service("worker"))  # fmt: skip
    before: set[str] = {"scratch", "prebuilt", "files"}
    for line in instructions(text):
        if line.startswith("FROM "):
            base, name = line.removeprefix("FROM ").removeprefix("--platform=$BUILDPLATFORM ").split(" AS ")
            assert base in before or ":" in base or "/" in base
            before.add(name)
        for source in re.findall(r"(?:--from=|bind,from=)([^ ,]+)", line):
            assert source in before


@pytest.mark.parametrize(
    ("strategy", "base"),
    [
        (Strategy.SINGLE_STAGE, "golang:1.26"),
        (Strategy.PREBUILT, "alpine:3.22"),
        (Strategy.ALPINE, "alpine:3.22"),
        (Strategy.DEBIAN_SLIM, "debian:trixie-slim"),
        (Strategy.DISTROLESS, "gcr.io/distroless/static-debian12"),
        (Strategy.DISTALPINE, "scratch"),
        (Strategy.SCRATCH, "scratch"),
        (Strategy.UPX, "scratch"),
    ],
)
def test_each_strategy_stands_on_its_base_and_runs_the_binary_as_a_plain_user(strategy: Strategy, base: str) -> None:
    found = stage(dockerfile(service(), strategy=strategy), f"api-{strategy}")
    assert found[0] == f"FROM {base} AS api-{strategy}"
    assert found[-2:] == ["USER 65532:65532", 'ENTRYPOINT ["/usr/local/bin/api"]']


@pytest.mark.parametrize("strategy", [s for s in Strategy if s is not Strategy.SINGLE_STAGE])
def test_nothing_runs_on_the_platform_that_the_image_is_for(strategy: Strategy) -> None:
    text = dockerfile(service(), strategy=strategy)
    assert not [line for line in stage(text, f"api-{strategy}") if line.startswith("RUN")]
    assert not strategy.runs_on_target


@pytest.mark.parametrize("strategy", [Strategy.SCRATCH, Strategy.UPX, Strategy.DISTALPINE, Strategy.DEBIAN_SLIM])
def test_bases_without_certificates_are_given_some(strategy: Strategy) -> None:
    text = dockerfile(service(), strategy=strategy)
    assert "COPY --from=account /out/ /" in stage(text, f"api-{strategy}")
    assert stage(text, "account")[0] == "FROM certificates AS account"


def test_a_prebuilt_image_needs_no_compile() -> None:
    found = dockerfile(service(), strategy=Strategy.PREBUILT)
    assert stages(found) == ["account-base", "account", "api-prebuilt"]
    assert stage(found, "account")[0] == "FROM --platform=$BUILDPLATFORM alpine:3.22 AS account"
    assert 'COPY --from=prebuilt --chmod=755 ["api-${TARGETOS}-${TARGETARCH}", "/usr/local/bin/api"]' in found


def test_a_prebuilt_pattern_may_hold_folders_and_the_variant() -> None:
    of = replace(project(service()), prebuilt="out/bin/{os}/{arch}{variant}/{service}")
    assert str(recipe.prebuilt_folder(of)) == "out/bin"
    assert recipe.prebuilt_name(of, of.services[0], "linux", "arm", "v7") == "linux/armv7/api"


def test_time_zones_come_only_where_they_are_wanted() -> None:
    assert "/zones/" not in dockerfile(service(), strategy=Strategy.SCRATCH)
    wanted = stage(dockerfile(replace(service(), zoneinfo=True), strategy=Strategy.SCRATCH), "api-scratch")
    assert "ENV ZONEINFO=/usr/local/share/zoneinfo.zip" in wanted


def test_the_same_input_gives_the_same_bytes_in_whatever_order_services_come() -> None:
    one, two = service("api"), service("worker")
    of = project(one, two)
    again = recipe.render(of, everything(of), tree_of((two, one)))
    assert recipe.render(of, everything(of), tree_of((one, two))) == again
    assert not re.search(r" +\n(?!\n)", again.dockerfile.replace("\\\n", ""))
    assert again.dockerfile.endswith("\n")
    assert "\n\n\n" not in again.dockerfile


# ---- who shares a compile


def grouped(*services: Service) -> dict[str, list[str]]:
    return {s.name: [c.name for c in s.commands] for s in compile_stages(everything(project(*services)))}


def test_services_with_equal_options_are_compiled_together() -> None:
    assert grouped(service("api"), service("worker")) == {"compile": ["api", "worker"]}
    run = next(line for line in instructions(dockerfile(service("api"), service("worker"))) if "go build -v" in line)
    assert "-o /cache/golink/compile/ example.com/shop/cmd/api example.com/shop/cmd/worker &&" in run


@pytest.mark.parametrize(
    "other",
    [
        replace(service("worker"), build=BuildOptions(tags=("pro",))),
        replace(service("worker"), build=BuildOptions(ldflags="")),
        replace(service("worker"), build=BuildOptions(trimpath=False)),
        replace(service("worker"), build=BuildOptions(env=(("GOEXPERIMENT", "x"),))),
        replace(service("worker"), build_root=PurePosixPath("worker")),
    ],
)
def test_services_that_differ_in_options_or_build_root_are_compiled_apart(other: Service) -> None:
    assert sorted(map(tuple, grouped(service("api"), other).values())) == [("api",), ("worker",)]
    assert set(grouped(service("api"), other)) == {"compile", "compile-2"}


def test_the_options_reach_go() -> None:
    options = BuildOptions(tags=("pro", "netgo"), ldflags="-w", trimpath=False, env=(("GOEXPERIMENT", "x"),))
    text = dockerfile(replace(service(), build=options), strategy=Strategy.SCRATCH)
    run = next(line for line in stage(text, "compile") if line.startswith("RUN"))
    assert "-tags=pro,netgo -ldflags=-w" in run
    assert "-trimpath" not in run
    assert any(line.endswith("CGO_ENABLED=0 GOEXPERIMENT=x") for line in stage(text, "compile"))


def test_a_stage_runs_in_its_build_root() -> None:
    text = dockerfile(replace(service(), build_root=PurePosixPath("services/api")), strategy=Strategy.SCRATCH)
    assert "WORKDIR /src/services/api" in stage(text, "compile")


def test_binaries_of_one_name_are_linked_into_folders_of_their_own() -> None:
    one, two = service("cmd-run", "example.com/shop/cmd/run"), service("tools-run", "example.com/shop/tools/run")
    (found,) = compile_stages(everything(project(one, two)))
    assert [(b.folder, [c.name for c in b.commands]) for b in found.plain] == [
        ("compile", ["cmd-run"]),
        ("compile.2", ["tools-run"]),
    ]
    text = dockerfile(one, two)
    assert "take /cache/golink/compile/run cmd-run &&" in text
    assert "take /cache/golink/compile.2/run tools-run &&" in text


@given(st.lists(st.sampled_from(["a/run", "b/run", "c/run", "a/x", "b/x", "run/v2", "x/v3"]), unique=True, min_size=1))
def test_no_batch_ever_links_two_binaries_of_one_name(paths: list[str]) -> None:
    services = [service(f"s{n}", f"example.com/shop/{path}") for n, path in enumerate(paths)]
    (found,) = compile_stages(everything(project(*services)))
    for batch in found.plain:
        linked = [c.linked for c in batch.commands]
        assert len(linked) == len(set(linked))
    assert sorted(c.name for b in found.plain for c in b.commands) == sorted(s.name for s in services)


def test_a_version_is_linked_in_a_stage_of_its_own_so_that_it_compiles_nothing_again() -> None:
    stamped = replace(service("api"), stamps=VERSION)
    (found,) = compile_stages(everything(project(stamped, service("worker"))))
    assert [c.name for c in found.stamped] == ["api"]
    assert [c.name for b in found.plain for c in b.commands] == ["worker"]
    assert found.output_stage(stamped) == "stamp"
    text = dockerfile(stamped, service("worker"))
    assert not any("VERSION" in line for line in stage(text, "compile"))
    assert stage(text, "stamp")[:2] == ["FROM compile AS stamp", "ARG VERSION"]
    assert """'-ldflags=-s -w -X '"$(quoted main.version="${VERSION}")" """ in stage(text, "stamp")[2]
    assert 'COPY --from=stamp ["/out/static/api/", "/"]' in stage(text, "api-scratch")
    assert 'COPY --from=compile ["/out/static/worker/", "/"]' in stage(text, "worker-scratch")


def test_a_version_without_other_link_flags_is_linked_too() -> None:
    stamped = replace(service(), stamps=VERSION, build=BuildOptions(ldflags=""))
    assert """-ldflags='-X '"$(quoted main.version="${VERSION}")" """.replace("='-X", "=-X") in dockerfile(stamped)


def test_a_link_flag_without_a_value_keeps_its_meaning_beside_the_version() -> None:
    options = BuildOptions(ldflags="-s -w -X main.pre= -X main.a= -X 'main.b= '")
    stamped = replace(service(), stamps=VERSION, build=options)
    run = stage(dockerfile(stamped, strategy=Strategy.SCRATCH), "stamp")[2]
    words_of_shell = shlex.split(run[run.index("go build -") :])
    assert f"-ldflags={options.ldflags} -X $(quoted main.version=${{VERSION}})" in words_of_shell


def test_services_with_different_version_variables_are_linked_one_after_the_other() -> None:
    one = replace(service("api"), stamps=VERSION)
    two = replace(service("worker"), stamps=(Stamp(variable="main.release", text="{version}"),))
    (found,) = compile_stages(everything(project(one, two)))
    (late,) = found.late
    assert late.arguments == ("VERSION",)
    assert [(b.folder, b.service.name) for b in late.batches] == [("stamp", "api"), ("stamp.2", "worker")]


def test_one_stage_waits_for_the_other_and_is_not_keyed_by_what_that_made() -> None:
    text = dockerfile(service("api"), replace(service("worker"), build=BuildOptions(tags=("pro",))))
    waits = {name: re.findall(r"bind,from=(compile\S*),source=(\S+),target=/run/before", stage(text, name)[-1])
             for name in stages(text) if name.startswith("compile")}  # fmt: skip
    assert waits == {"compile": [], "compile-2": [("compile", "/trace/done")]}


def test_cgo_without_a_cross_compiler_runs_on_the_platform_itself() -> None:
    native = replace(service(), build=CGO, strategy=Strategy.DEBIAN_SLIM)
    text = dockerfile(native, strategy=Strategy.DEBIAN_SLIM)
    assert stage(text, "compile")[0] == "FROM go-native AS compile"
    assert stage(text, "go-native") == ["FROM golang:1.26 AS go-native"]
    crossing = replace(native, build=BuildOptions(env=(("CC", "zig cc"), ("CGO_ENABLED", "1"))))
    assert stage(dockerfile(crossing, strategy=Strategy.DEBIAN_SLIM), "compile")[0] == "FROM go AS compile"


@pytest.mark.parametrize(
    ("strategy", "copied"),
    [
        (Strategy.SCRATCH, ["/out/static/api/"]),
        (Strategy.DISTROLESS, ["/out/static/api/"]),
        (Strategy.ALPINE, ["/out/musl/api/"]),
        (Strategy.DEBIAN_SLIM, ["/out/glibc/api/"]),
        (Strategy.DISTALPINE, ["/out/any/api/", "/out/libraries/api/"]),
    ],
)
def test_an_image_copies_from_where_the_programs_are_that_it_can_start(strategy: Strategy, copied: list[str]) -> None:
    found = stage(dockerfile(service(), strategy=strategy), f"api-{strategy}")
    assert f"COPY --from=compile {json.dumps([*copied, '/'])}" in found


@pytest.mark.parametrize(
    ("bases", "strategy", "libc"),
    [
        ({"distroless": "gcr.io/distroless/base-debian12"}, Strategy.DISTROLESS, "glibc"),
        ({"distroless": "registry.local/static:latest"}, Strategy.DISTROLESS, "static"),
        ({"debian": "ubuntu:24.04"}, Strategy.DEBIAN_SLIM, "glibc"),
        ({"debian": "./Dockerfile.base"}, Strategy.DEBIAN_SLIM, "any"),
        ({"debian": "alpine:3.22"}, Strategy.DEBIAN_SLIM, "musl"),
        ({"alpine": "registry.local/own:1"}, Strategy.ALPINE, "musl"),
        ({"alpine": "busybox:glibc"}, Strategy.ALPINE, "glibc"),
    ],
)
def test_the_name_of_a_base_tells_its_libc(bases: dict[str, str], strategy: Strategy, libc: str) -> None:
    of = replace(project(service()), bases=Bases(go="golang:1.26", **bases))
    assert recipe.libc_of(of, of.services[0], strategy) == libc


# ---- values stay values


def docker_unquoted(text: str) -> str:
    """What Docker reads from a double-quoted word: a backslash stands before `"`, `$` and itself."""
    assert text[0] == text[-1] == '"'
    assert not re.search(r'(?<!\\)(?:\\\\)*[$"]', text[1:-1])
    return re.sub(r'\\(["\\$])', r"\1", text[1:-1])


def test_hostile_values_reach_the_image_as_they_are_written() -> None:
    hostile = replace(
        service(), env=(("ODD", HOSTILE),), entrypoint=("/bin/x", HOSTILE), args=(HOSTILE, ""), workdir="/a b"
    )
    found = stage(dockerfile(hostile, strategy=Strategy.SCRATCH), "api-scratch")
    (env,) = [line for line in found if line.startswith("ENV ODD=")]
    assert docker_unquoted(env.removeprefix("ENV ODD=")) == HOSTILE
    (entry,) = [line for line in found if line.startswith("ENTRYPOINT ")]
    assert json.loads(entry.removeprefix("ENTRYPOINT ")) == ["/bin/x", HOSTILE]
    (command,) = [line for line in found if line.startswith("CMD ")]
    assert json.loads(command.removeprefix("CMD ")) == [HOSTILE, ""]
    assert 'WORKDIR "/a b"' in found


def test_hostile_build_options_are_one_word_of_the_shell() -> None:
    options = BuildOptions(ldflags=HOSTILE, env=(("CC", HOSTILE),))
    text = dockerfile(replace(service(), build=options), strategy=Strategy.SCRATCH)
    run = next(line for line in stage(text, "compile") if line.startswith("RUN"))
    script = run[run.index("go build") :]
    assert f"-ldflags={HOSTILE}" in shlex.split(script)
    (env,) = [line for line in stage(text, "compile") if " CC=" in line]
    assert docker_unquoted(env.partition(" CC=")[2].partition(" CGO_ENABLED=")[0]) == HOSTILE


def test_a_package_path_with_odd_signs_is_one_word() -> None:
    text = dockerfile(service("c", "example.com/shop/cmd/c++~x"), strategy=Strategy.SCRATCH)
    assert "'example.com/shop/cmd/c++~x'" in text
    assert "take /cache/golink/compile/'c++~x' c &&" in text


def test_extra_files_have_a_stage_of_their_own_and_the_compile_does_not_see_them() -> None:
    file = ExtraFile(source=PurePosixPath("my files/a.toml"), target=PurePosixPath("/etc/a.toml"))
    found = dockerfile(replace(service(), files=(file,)), strategy=Strategy.SCRATCH)
    assert 'COPY --from=files ["my files/a.toml", "/out/etc/a.toml"]' in stage(found, "api-files")
    assert "COPY --from=api-files /out/ /" in stage(found, "api-scratch")
    run = next(line for line in stage(found, "compile") if line.startswith("RUN"))
    assert run.startswith("RUN --mount=type=bind,target=/src,rw --mount=type=bind,from=shell,target=/run/shell ")
    assert "my files" not in run


def test_ports_and_users_are_told() -> None:
    found = stage(
        dockerfile(replace(service(), ports=("8080", "53/udp"), user="0:0"), strategy=Strategy.ALPINE), "api-alpine"
    )
    assert {"EXPOSE 8080", "EXPOSE 53/udp", "USER 0:0"} <= set(found)


PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")))


@given(PRINTABLE)
def test_any_path_can_be_mounted(text: str) -> None:
    written = words.mount("type=bind", f"source={text}", "rw")
    assert words.mounts_of(f"RUN --mount={written} --mount=type=cache,id=x go build")[0]["source"] == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[\s\"']", written)


@given(PRINTABLE)
def test_any_text_survives_each_quoting(text: str) -> None:
    assert docker_unquoted(words.dockerfile_value(text)) == text
    assert json.loads(words.exec_form([text])) == [text]
    assert shlex.split(words.shell(text)) == [text]
    assert words.hcl(text).replace("$${", "${").replace("%%{", "%{") == text
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", words.hcl(text))
    (copied,) = json.loads(words.copy_form(text))
    assert re.sub(r"\\([\\$'\"])", r"\1", copied) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[$'\"]", copied), "Docker would expand it, or take it off"


@pytest.mark.parametrize(("text", "name"), [("api-upx", "api-upx"), ("7up-upx", "n.-7up-upx"), ("a.b_c", "a.b_c")])
def test_stage_names_begin_with_a_letter(text: str, name: str) -> None:
    assert words.stage_name(text) == name


def test_a_service_that_begins_with_a_digit_is_reached_by_its_bake_target() -> None:
    of = project(service("7up"))
    texts = recipe.render(of, everything(of), tree_of(of.services))
    for target in json.loads(texts.bake)["target"].values():
        assert "target" not in target or target["target"] in stages(texts.dockerfile)
