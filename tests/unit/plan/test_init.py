"""`gobake init`: what the build files of a repository say of its services, written as keys that gobake reads back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gobake.cli import gobake
from gobake.errors import UsageError
from gobake.model import ExtraFile, Platform, Project, Service
from gobake.plan.discover import open_project
from gobake.plan.request import ProjectRequest
from gobake.services import dockerfiles, releases, scripts
from gobake.services.scripts import Script
from gobake.services.shell import expand, logical_lines
from tests.conftest import Tree

AMD64 = Platform.parse("linux/amd64")
MAIN = 'package main\n\nvar v, version, commit, date, builtBy string\n\nfunc main() { println("") }\n'
MOD = {"go.mod": "module example.com/shop\n\ngo 1.26\n"}
GORELEASER = """\
builds:
  - id: api
    main: ./cmd/api
    binary: shop-api
    flags: [-trimpath, -tags=netgo]
    ldflags:
      - -s -w
      - -X main.version={{ .Version }} -X main.commit={{.ShortCommit}}
      - -X "main.date={{.CommitDate}}" -X main.builtBy=goreleaser
      - -X main.secret={{ .Env.SECRET }}
"""
DOCKERFILE = """\
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
ARG VERSION
RUN go build -tags "a,b" -ldflags="-X main.v=${VERSION} -extldflags=-static" -o /out/server ./cmd/api
FROM alpine:3.22
WORKDIR /srv
COPY --from=build /out/server /srv/server
COPY --from=build /src/web/templates ./templates
COPY config.json .
EXPOSE 8080 53/udp ${PORT}
VOLUME /data
USER 1000:1000
ENTRYPOINT ["/srv/server", "serve"]
CMD ["--listen", ":8080"]
"""
BOTH = {
    **MOD, "cmd/api/main.go": MAIN, "cmd/gen/main.go": MAIN, "web/templates/a.html": "", "config.json": "{}",
    ".goreleaser.yaml": GORELEASER, "Dockerfile": DOCKERFILE,
}  # fmt: skip


def written(root: Path, *words: str) -> Project:
    """The project as the file that init writes makes it."""
    done = CliRunner().invoke(gobake, ["init", "-q", "-C", str(root), *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return open_project(ProjectRequest(directory=root, platforms=(AMD64,))).project


def only(project: Project) -> Service:
    (service,) = project.services
    return service


def test_goreleaser_gives_names_tags_and_stamps(tree: Tree) -> None:
    service = only(written(tree(BOTH), "--from", "goreleaser"))
    assert (service.name, service.package) == ("shop-api", "example.com/shop/cmd/api")
    assert service.build.tags == ("netgo",)
    assert service.build.ldflags == "-s -w"
    assert {stamp.variable: stamp.text for stamp in service.stamps} == {
        "main.version": "{version}", "main.commit": "{short_revision}", "main.date": "{date}",
        "main.builtBy": "goreleaser",
    }  # fmt: skip
    assert service.ports == ()


def test_a_dockerfile_gives_what_the_image_needs(tree: Tree) -> None:
    service = only(written(tree(BOTH), "--from", "dockerfile"))
    assert service.name == "api"
    assert service.build.tags == ("a", "b")
    assert service.build.ldflags == "-extldflags=-static"
    assert {stamp.variable: stamp.text for stamp in service.stamps} == {"main.v": "{version}"}
    assert service.ports == ("8080", "53/udp")
    assert (service.user, service.volumes, service.workdir) == ("1000:1000", ("/data",), "/srv")
    assert service.entrypoint == ("/usr/local/bin/api", "serve")
    assert service.args == ("--listen", ":8080")
    assert service.files == (
        ExtraFile(source=PurePosixPath("web/templates"), target=PurePosixPath("/srv/templates")),
        ExtraFile(source=PurePosixPath("config.json"), target=PurePosixPath("/srv/config.json")),
    )


def test_without_from_all_that_is_there_is_joined(tree: Tree) -> None:
    root = tree(BOTH)
    service = only(written(root))
    assert (service.name, service.ports, service.build.tags) == ("shop-api", ("8080", "53/udp"), ("netgo",))
    text = (root / "gobake.yaml").read_text()
    assert "  # built by .goreleaser.yaml:2\n" in text
    assert "    # strategy: alpine  # Dockerfile is FROM alpine:3.22\n" in text
    assert "    # -X main.secret of .goreleaser.yaml:2 has a value that gobake does not know\n" in text
    assert "  # gen (./cmd/gen): is named like a tool: gen\n" in text


NOT_TAKEN: dict[str, tuple[str, Mapping[str, object]]] = {
    "a shell script as entrypoint": ('ENTRYPOINT ["/entrypoint.sh"]\nCMD ["serve"]\n', {"entrypoint": (), "args": ()}),
    "an init system": ('ENTRYPOINT ["/sbin/tini", "--", "/api", "x"]\n', {"entrypoint": (), "args": ()}),
    "CMD alone": ('CMD ["/api", "-x"]\n', {"entrypoint": (), "args": ("-x",)}),
    "a named user": ("USER shop\n", {"user": "65532:65532"}),
    "root": ("USER root\n", {"user": "0"}),
    "a volume of everybody's": ("VOLUME /tmp /data\n", {"tmp": True, "volumes": ("/data",)}),
    "volumes of the system": ("VOLUME /etc /var/run/x /dev\n", {"tmp": False, "volumes": ()}),
    "a range of ports": ("EXPOSE 8000-8010\n", {"ports": ()}),
    "files that are not there": ("COPY gone.txt /etc/\n", {"files": ()}),
    "a working directory without files": ("WORKDIR /srv\n", {"workdir": ""}),
}


@pytest.mark.parametrize("case", NOT_TAKEN)
def test_what_gobake_cannot_hold_to_stays_out(tree: Tree, case: str) -> None:
    lines, expected = NOT_TAKEN[case]
    text = f"FROM golang AS b\nCOPY . .\nRUN go build -o /api ./cmd/api\nFROM scratch\nCOPY --from=b /api /api\n{lines}"
    service = only(written(tree({**MOD, "cmd/api/main.go": MAIN, "Dockerfile": text})))
    assert {key: getattr(service, key) for key in expected} == expected


def test_an_image_of_several_programs_gives_its_ports_to_the_one_that_it_starts(tree: Tree) -> None:
    text = 'FROM scratch\nCOPY bin/api /bin/api\nCOPY bin/ctl /bin/ctl\nEXPOSE 80\nVOLUME /d\nUSER 7\nCMD ["/bin/api", "-x"]\n'
    root = tree({**MOD, "cmd/api/main.go": MAIN, "cmd/ctl/main.go": MAIN, "Dockerfile": text})
    api, ctl = written(root).services
    assert (api.ports, api.args, api.volumes, api.user) == (("80",), ("-x",), ("/d",), "7")
    assert (ctl.ports, ctl.args, ctl.volumes, ctl.user) == ((), (), (), "7")
    assert (
        "# Dockerfile starts /bin/api: its ports and arguments are not this program's"
        in (root / "gobake.yaml").read_text()
    )


def test_arguments_of_a_dockerfile_have_their_defaults(tree: Tree) -> None:
    text = "ARG UID=10001\nFROM scratch\nARG UID\nARG PORT=90\nARG NONE\nCOPY bin/api /\nUSER ${UID}:${UID}\nEXPOSE $PORT $NONE\n"
    service = only(written(tree({**MOD, "cmd/api/main.go": MAIN, "Dockerfile": text})))
    assert (service.user, service.ports) == ("10001:10001", ("90",))


def test_a_release_tool_may_get_its_flags_from_the_makefile(tree: Tree) -> None:
    files = {
        **MOD, "cmd/api/main.go": MAIN,
        ".goreleaser.yaml": "builds:\n- {main: ./cmd/api, ldflags: ['{{ .Env.LDFLAGS }}']}\n- {main: ./cmd/api, tags: [usb]}\n",
        "Makefile": "VERSION ?= main\nVERSION_METADATA = unreleased\nLDFLAGS := -w -s\nifneq ($(VERSION),)\n\tLDFLAGS += -X main.version=$(VERSION)\nendif\n"
                    "LDFLAGS += -X main.commit=$(GIT_SHA) -X main.v=$(VERSION_METADATA)\n"
                    "build:\n\tgo build -ldflags '$(LDFLAGS)' ./cmd/api\n",
    }  # fmt: skip
    root = tree(files)
    service = only(written(root))
    assert {s.variable: s.text for s in service.stamps} == {"main.version": "{version}", "main.commit": "{revision}"}
    assert service.build.tags == ()
    assert "# -X main.v of Makefile:" in (root / "gobake.yaml").read_text()


def test_goreleaser_links_what_it_usually_does_where_a_build_says_nothing(tree: Tree) -> None:
    main = "package main\n\nvar version, date string\n\nfunc main() { println(version, date) }\n"
    service = only(written(tree({**MOD, "main.go": main, ".goreleaser.yaml": "builds: [{env: [CGO_ENABLED=0]}]\n"})))
    assert {s.variable: s.text for s in service.stamps} == {"main.version": "{version}", "main.date": "{date}"}


def test_a_variable_that_the_program_lacks_gets_no_stamp(tree: Tree) -> None:
    text = "builds: [{main: ./cmd/api, ldflags: ['-X main.Version={{.Version}} -X main.v={{.Version}}']}]\n"
    service = only(written(tree({**MOD, "cmd/api/main.go": MAIN, ".goreleaser.yaml": text})))
    assert [s.variable for s in service.stamps] == ["main.v"]


def test_variables_of_a_module_that_the_builder_names_are_found_and_versions_of_others_are_not_its_own(
    tree: Tree,
) -> None:
    flags = (
        "-X ${PKG}/v.Tag=${COMMIT_SHA} -X ${PKG}/v.Shop=$SHOP_VERSION -X ${PKG}/v.Kubectl=$KUBECTL_VERSION -X $X.y=1"
    )
    files = {
        **MOD, "cmd/api/main.go": 'package main\n\nimport "example.com/shop/v"\n\nfunc main() { println(v.Tag) }\n',
        "v/v.go": "package v\n\nvar Tag, Shop, Kubectl string\n", "build.sh": f'go build -ldflags "{flags}" ./cmd/api\n',
    }  # fmt: skip
    root = tree(files)
    assert {s.variable: s.text for s in only(written(root)).stamps} == {
        "example.com/shop/v.Tag": "{revision}", "example.com/shop/v.Shop": "{version}",
    }  # fmt: skip
    text = (root / "gobake.yaml").read_text()
    assert "# -X example.com/shop/v.Kubectl of build.sh:1 has a value that gobake does not know\n" in text
    assert "\x01" not in text


def test_flags_that_nothing_tells_are_noted(tree: Tree) -> None:
    root = tree({**MOD, "cmd/api/main.go": MAIN, "Makefile": "x:\n\tgo build -ldflags '$(LDFLAGS)' ./cmd/api\n"})
    assert only(written(root)).stamps == ()
    text = (root / "gobake.yaml").read_text()
    assert "# ldflags of Makefile:2 come from a variable that gobake does not know\n" in text


def test_from_what_is_not_there_is_refused(tree: Tree) -> None:
    root = tree({**MOD, "cmd/api/main.go": MAIN})
    with pytest.raises(UsageError, match=r"--from ko: \.ko\.yaml builds none of its commands"):
        CliRunner().invoke(gobake, ["init", "-C", str(root), "--from", "ko"], catch_exceptions=False)
    assert not (root / "gobake.yaml").exists()


# ---- whatever a file holds, it is read without an error

TEXT = st.lists(
    st.sampled_from(
        ["go build", "go run", "-o", "./cmd/x", "$(X)", "${X:-$(Y}", "$", "$(", "cd", "(", ")", "'", '"', "\\\n", "\n",
         "\t", "FROM a AS b\n", "COPY", "--from=b", "RUN", "ENTRYPOINT [", "ENV a=", "WORKDIR ..", "X = $(X)", "#", " ",
         "<<EOF\n", "define X\n", "endef", "a: b\n", "- {", "builds:", "{{ .Version }}", "*", "..", "/", "\x01", "é"]
    ),
    max_size=25,
).map(" ".join)  # fmt: skip


@given(TEXT)
def test_no_text_breaks_the_readers(text: str) -> None:
    for make in (False, True):
        scripts.read(Script(path="a/Makefile", text=text, variables=scripts.variables(text, make=make), make=make))
    dockerfiles.read(text, "a/Dockerfile", frozenset(("a",)))
    releases.goreleaser(text, "x.yaml")
    releases.promu(text, "x.yaml")


@given(st.text("ab\\\n#", max_size=20))
def test_joined_lines_lose_nothing_but_comments(text: str) -> None:
    whole = "".join(line for _, line in logical_lines(text)).replace(" ", "")
    kept = "".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    assert whole.replace("\\", "") == kept.replace("\\", "")


def test_variables_are_filled_in_as_deep_as_they_go_and_no_deeper() -> None:
    assert expand("$(A)/${B:-c}/$D", {"A": "$(E)", "E": "x", "D": "y"}) == "x/c/y"
    assert "x" in expand("$(A)", {"A": "x$(A)"})


def test_bases_of_the_command_line_complete_those_of_the_environment(tree: Tree) -> None:
    root = tree({**MOD, "cmd/api/main.go": MAIN})
    words = ["render", "-C", str(root), "-s", "distroless", "--base", "go=golang:1.26-alpine"]
    env = {"GOBAKE_BASE": "go=golang:1.26,distroless=localhost:5000/base:1 alpine=a:1"}
    done = CliRunner(env=env).invoke(gobake, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    rendered = "".join((root / name).read_text() for name in ("gobake.Dockerfile", "docker-bake.json"))
    assert "golang:1.26-alpine" in rendered
    assert "localhost:5000/base:1" in rendered
