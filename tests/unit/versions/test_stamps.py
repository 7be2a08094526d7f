"""Stamps: what is linked into programs, in which stage, and where its values come from."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gobake.checkout.git import Checkout
from gobake.config.stamps import WrongPlaceholder, pieces
from gobake.errors import UsageError
from gobake.files import shipped
from gobake.gotool.modules import BuildRoot, Layout, Module
from gobake.insight.differences import linked_in
from gobake.model import BuildOptions, Service, Stamp
from gobake.plan.versions import Said, Versions, choose, linked
from gobake.recipe.bakefile import Places, render
from gobake.recipe.stages import compile_stages
from gobake.versions import hostlink
from gobake.versions.modules import with_modules
from tests.unit.recipe.test_dockerfile import HERE, dockerfile, everything, project, service, stage

HEAD = "0123456789abcdef0123456789abcdef01234567"
SEEN = Checkout(
    revision=HEAD,
    short_revision="0123456",
    branch="main",
    commit_time=1767225600,
    description="v1.2.3-4-g0123456-dirty",
    tagged=True,
    dirty=True,
)


def stamped(name: str, **texts: str) -> Service:
    found = tuple(Stamp(variable=f"main.{key}", text=text) for key, text in texts.items())
    return replace(service(name), stamps=found)


# ---- texts


def test_a_text_is_literals_and_placeholders() -> None:
    found = pieces("{version} of {date}, {{x}}")
    assert [(p.literal, p.placeholder) for p in found] == [
        ("", "version"), (" of ", ""), ("", "date"), (", ", ""), ("{", ""), ("x", ""), ("}", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "word"), [("{vers}", "vers"), ("{}", ""), ("{", None), ("a}", None), ("{a{b}", None)])
def test_a_wrong_text_is_refused(text: str, word: str | None) -> None:
    with pytest.raises(WrongPlaceholder) as raised:
        pieces(text)
    assert raised.value.word == word


# ---- stages


def test_what_uses_the_version_alone_is_linked_before_what_uses_the_commit() -> None:
    api = stamped("api", version="{version}", commit="{revision}", date="{date}")
    worker, plain = stamped("worker", version="{version} ({go})"), service("plain")
    (found,) = compile_stages(everything(project(api, worker, plain)))
    assert [(late.name, late.base, late.arguments) for late in found.late] == [
        ("stamp", "compile", ("VERSION",)),
        ("stamp.2", "stamp", ("VERSION", "CREATED", "REVISION")),
    ]
    assert [found.output_stage(s) for s in (api, worker, plain)] == ["stamp.2", "stamp", "compile"]
    text = dockerfile(api, worker, plain)
    assert stage(text, "stamp")[:2] == ["FROM compile AS stamp", "ARG VERSION"]
    assert stage(text, "stamp.2")[:2] == ["FROM stamp AS stamp.2", "ARG VERSION CREATED REVISION"]
    assert [line for line in stage(text, "trace") if line.startswith("COPY")] == ["COPY --from=stamp.2 /trace/ /"]
    bake = json.loads(render(of := project(api, worker, plain), everything(of), PLACES))
    given = {name: sorted(target.get("args", {})) for name, target in bake["target"].items()}
    assert given["api-scratch"] == given["trace"] == ["CREATED", "REVISION", "VERSION"]
    assert given["worker-scratch"] == given["worker-single-stage"] == ["VERSION"]
    assert given["plain-scratch"] == given["api-prebuilt"] == []


PLACES = Places(context=".", dockerfile="gobake.Dockerfile", prebuilt="dist")


def test_a_module_has_a_version_of_its_own() -> None:
    def module(folder: str) -> Module:
        return Module(path=f"example.com/shop/{folder}".rstrip("/"), directory=HERE / folder, go="1.26")

    mains = tuple(map(module, ("", "cmd/tool", "cmd/to-ol")))
    build = BuildRoot(directory=HERE, workspace=True, mains=mains, replaced=())
    layout = Layout(root=HERE, context=HERE, builds=(build,), go_version="1.26", go_requirement="1.26")
    services = [
        replace(service(name, f"example.com/shop/{folder}"), stamps=(Stamp(variable="main.v", text="{version}"),))
        for name, folder in (("a", "cmd/api"), ("b", "cmd/to-ol"), ("c", "cmd/to-ol/x"), ("d", "cmd/tool"))
    ]
    found = with_modules(services, layout)
    assert [s.version_variable for s in found] == [
        "VERSION", "VERSION_CMD_TO_OL", "VERSION_CMD_TO_OL", "VERSION_CMD_TOOL",
    ]  # fmt: skip
    assert found[2].module_directory == PurePosixPath("cmd/to-ol")
    bake = json.loads(render(of := project(*found), everything(of), PLACES))
    assert bake["variable"]["VERSION_CMD_TOOL"] == {"default": "${VERSION}"}
    labels = bake["target"]["b-scratch"]["labels"]
    assert labels["org.opencontainers.image.version"] == "${VERSION_CMD_TO_OL}"
    assert sorted(bake["target"]["b-scratch"]["args"]) == ["VERSION", "VERSION_CMD_TOOL", "VERSION_CMD_TO_OL"]
    assert sorted(bake["target"]["d-scratch"]["args"]) == ["VERSION", "VERSION_CMD_TOOL"]
    assert sorted(bake["target"]["a-scratch"]["args"]) == ["VERSION"]


# ---- what the shell and go make of it


def given_to_go(text: str, values: dict[str, str], ldflags: str = "-s") -> list[str]:
    """The linker's flags as `go build` takes them apart, after a shell has filled them in."""
    api = replace(stamped("api", x=text), build=BuildOptions(ldflags=ldflags))
    (line,) = [line for line in stage(dockerfile(api), "stamp") if "go build" in line]
    script = line[line.index("quoted()") : line.index(" -debug-actiongraph")]
    script = re.sub(r"before \S+ && go build", "build", script)
    script = 'go() { echo go1.26.8; }\nbuild() { for w; do printf "%s\\0" "$w"; done; }\n' + script
    done = subprocess.run(["sh", "-c", script], env={**os.environ, **values}, capture_output=True, check=True)
    (flags,) = [w for w in done.stdout.decode().split("\0") if w.startswith("-ldflags=")]
    return split(flags.removeprefix("-ldflags="))


def split(text: str) -> list[str]:
    """cmd/internal/quoted, Split."""
    found = []
    while text := text.lstrip(" \t\n\r"):
        if text[0] in "'\"":
            word, quote, text = text[1:].partition(text[0])
            assert quote, "unterminated string"
            found.append(word)
        else:
            word, _, text = text.partition(" ")
            found.append(word)
    return found


@pytest.mark.parametrize("ldflags", ["-s -w", "", "-X main.pre= -X 'main.a=b c'"])
def test_every_value_arrives_as_it_is(ldflags: str) -> None:
    values = {"VERSION": "it's v1 $X `x` ü", "REVISION": HEAD}
    found = given_to_go("$Y \\ {version}/{revision} {go} {{}}", values, ldflags)
    assert found == [*split(ldflags), "-X", f"main.x=$Y \\ {values['VERSION']}/{HEAD} go1.26.8 {{}}"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters='"'), max_size=12), st.booleans())
def test_any_value_with_one_kind_of_quotes_arrives(value: str, literal: bool) -> None:
    text = value.replace("{", "{{").replace("}", "}}") if literal else "{version}"
    assert given_to_go(text, {"VERSION": value})[-1] == f"main.x={value}"


# ---- where the version comes from


def chosen(seen: Checkout = SEEN, *, tag: str = "latest", version: str = "", configured: str = "") -> Versions:
    of = replace(project(service()), version=configured)
    return choose(of, seen, {"VERSION_A": "v7.0.0"}, Said(tag=tag, version=version))


@pytest.mark.parametrize(
    ("told", "version", "module", "source"),
    [
        ({}, SEEN.description, "v7.0.0", "git"),
        ({"tag": "v1.2.4"}, "v1.2.4", "v1.2.4", "--tag"),
        ({"tag": "1.2.4-rc.1"}, "1.2.4-rc.1", "1.2.4-rc.1", "--tag"),
        ({"tag": "stable"}, SEEN.description, "v7.0.0", "git"),
        ({"tag": "v1"}, SEEN.description, "v7.0.0", "git"),
        ({"tag": "v1.2.4", "configured": "v3"}, "v3", "v3", "version in gobake.yaml"),
        ({"tag": "v1.2.4", "configured": "v3", "version": "x"}, "x", "x", "--version"),
        ({"seen": Checkout()}, "dev", "v7.0.0", "nothing: the default"),
        ({"seen": Checkout(), "tag": "stable"}, "stable", "v7.0.0", "--tag"),
    ],
)
def test_the_version_is_what_was_said_nearest(told: dict[str, str], version: str, module: str, source: str) -> None:
    found = chosen(**told)  # type: ignore[arg-type]
    assert (found.values["VERSION"], found.values["VERSION_A"], found.source) == (version, module, source)


def test_the_commit_is_told_in_all_forms() -> None:
    values = chosen().values
    assert {name: values[name] for name in ("REVISION", "SHORT_REVISION", "CREATED", "DIRTY", "BRANCH")} == {
        "REVISION": HEAD,
        "SHORT_REVISION": "0123456",
        "CREATED": "2026-01-01T00:00:00Z",
        "DIRTY": "true",
        "BRANCH": "main",
    }


def test_what_git_refuses_is_unknown_and_said_once() -> None:
    found = chosen(Checkout(refusal="detected dubious ownership in '/x'", remedy="git config --global ..."), tag="t")
    assert [found.values[name] for name in ("VERSION", "REVISION", "DIRTY")] == ["t", "unknown", ""]
    (note,) = found.notes
    assert note == (
        "warning: git refuses to tell the commit: detected dubious ownership in '/x'; the version is t, the revision "
        "unknown; git config --global ..."
    )


def test_a_shallow_clone_without_tags_is_told_what_to_fetch() -> None:
    shallow = replace(SEEN, tagged=False, shallow=True, description="0123456")
    (note,) = chosen(shallow).notes
    assert note.endswith("it is 0123456; fetch what is missing: git fetch --tags --unshallow")
    assert chosen(shallow, version="v1").notes == ()
    assert chosen().notes == ()


def test_a_value_that_no_flag_can_hold_is_refused() -> None:
    matrix = everything(project(stamped("api", v="it's {version}")))
    assert linked(matrix, chosen(version="v1")) == "VERSION=v1"
    with pytest.raises(UsageError, match=r"main\.v of api would be"):
        linked(matrix, chosen(version='"v1"'))


def test_a_service_without_stamps_is_no_other_for_another_commit() -> None:
    assert linked(everything(project(service())), chosen()) == ""


def test_a_program_that_tells_its_commit_is_linked_last_and_by_a_script() -> None:
    api, worker = replace(stamped("api", v="{version}"), vcs=True), replace(service("worker"), vcs=True)
    (found,) = compile_stages(everything(project(api, worker)))
    assert [(late.name, late.arguments) for late in found.late] == [
        ("stamp", ("VCS",)),
        ("stamp.2", ("VERSION", "VCS")),
    ]
    text = dockerfile(api, worker)
    (run,) = [line for line in stage(text, "stamp") if line.startswith("RUN ")]
    assert "--mount=type=bind,from=linker,target=/run/linker" in run
    assert """GOBAKE_VCS="${VCS}" go build -toolexec='sh /run/linker/linker' """ in run
    assert linked_in(run) == ("VCS",)
    assert linked_in(stage(text, "stamp.2")[-1]) == ("VCS", "VERSION")
    assert "AS linker" not in dockerfile(service())


def test_a_program_that_is_compiled_on_this_machine_gets_the_same() -> None:
    api = replace(stamped("api", v="{version}", go="{go}", odd="it's"), vcs=True)
    found = hostlink.linked(api, {"VERSION": "v1 x", "VCS": "a b"}, lambda: "go1.26.8")
    assert split(found.ldflags) == ["-s", "-w", "-X", "main.v=v1 x", "-X", "main.go=go1.26.8", "-X", "main.odd=it's"]
    assert found.flags == (f"-toolexec=sh '{shipped.folder('bake') / 'linker.j2'}'",)
    assert found.env == {"GOBAKE_VCS": "a b"}

    def never() -> str:
        raise AssertionError("no stamp asks for it")

    plain = hostlink.linked(service("b"), {}, never)
    assert (plain.ldflags, plain.flags, plain.env) == ("-s -w", (), {})
