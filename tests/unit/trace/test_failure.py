"""Why a build stopped. The texts are those of a real engine (28.5, buildx 0.29) and of Go 1.26."""

from __future__ import annotations

import base64
import json
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gobake.errors import (
    BaseImageMissing,
    BuildFailed,
    CompileFailed,
    DiskFull,
    EmulationMissing,
    ExitCode,
    GobakeError,
    GoVersionMissing,
    Interrupted,
    ModulesUnavailable,
    NoBuilder,
    NoEngine,
    RegistryRefused,
    Where,
)
from gobake.trace.events import EventLog
from gobake.trace.failure import Failure, Tree, explain_failure
from gobake.trace.steps import Trace, steps
from tests.unit.recorded import read

TREE = Tree(
    source="/src", build_root=PurePosixPath("."), context=Path("/home/me/shop"), shown_from=Path("/home/me/shop")
)
PROCESS = 'process "/bin/sh -c go build" did not complete successfully: exit code: 1'


def explained(name: str, *, interrupted: bool = False) -> Failure:
    log = read(name)
    return explain_failure(steps(log), log.plain, tree=TREE, interrupted=interrupted)


def run(
    output: str = "",
    error: str = PROCESS,
    said: str = "",
    name: str = "[compile 2/2] RUN go build",
    tree: Tree = TREE,
) -> Failure:
    """A step that fails with this output, and what buildx says of it."""
    log = EventLog()
    times = {"started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:00:01Z"}
    vertex = {"digest": "sha256:a", "name": name, "inputs": ["sha256:b"], "error": error, **times}
    piece = {
        "vertex": "sha256:a",
        "stream": 2,
        "data": base64.b64encode(output.encode()).decode(),
        "timestamp": times["started"],
    }
    log.feed(json.dumps({"vertexes": [vertex] if error else [], "logs": [piece] if output else []}) + "\n")
    log.feed((said or f"ERROR: failed to solve: {error}") + "\n")
    log.close()
    return explain_failure(steps(log), log.plain, tree=tree)


# ---- recorded


def test_what_was_left_out_is_named_before_all_that_follows_from_it() -> None:
    log = read("failed")
    found = explain_failure(steps(log), log.plain, tree=replace(TREE, missed=lambda log: "asm/x.h" if log else ""))
    assert str(found.error) == (
        "the build needs asm/x.h, which gobake left out of the build context; add it to `include` in gobake.yaml"
    )
    assert isinstance(found.error, CompileFailed)


def test_a_compile_error_is_told_with_its_place_in_the_user_s_tree() -> None:
    failure = explained("failed")
    assert type(failure.error) is CompileFailed
    assert failure.error.exit_code is ExitCode.BUILD_FAILED
    assert failure.error.where == Where(file=Path("worker/main.go"), line=5, column=23)
    assert str(failure.error).startswith("worker/main.go:5:23: Go refused the code: invalid operation: 3 + ")
    assert failure.step
    assert failure.step.name.stage == "compile"
    assert [e.file for e in failure.go_errors] == ["worker/main.go"]
    assert failure.tail[0] == "# example.test/shop/worker"


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("no-go-version", GoVersionMissing, "there is no image golang:1.99 for the Go version that the project requires"),
        ("no-such-file", BuildFailed, 'copy nothing-like-this /x failed: failed to compute cache key: failed to calculate checksum of ref '),
        ("push-refused", RegistryRefused, "localhost:1/shop/api:latest could not be pushed, its registry does not answer: "),
        ("escapes", BuildFailed, 'failed: process "/bin/sh -c printf'),
        ("canceled", Interrupted, "interrupted; the build was stopped"),
    ],
)  # fmt: skip
def test_recorded_failures(name: str, kind: type[GobakeError], text: str) -> None:
    failure = explained(name)
    assert type(failure.error) is kind
    assert text in failure.error.what
    assert "\n" not in str(failure.error)


def test_ctrl_c_explains_whatever_else_was_canceled() -> None:
    failure = explained("failed", interrupted=True)
    assert type(failure.error) is Interrupted
    assert failure.error.exit_code is ExitCode.INTERRUPTED


def test_no_terminal_escape_comes_through() -> None:
    failure = explained("escapes")
    assert failure.tail == (" end",)  # the carriage return had overwritten the rest
    assert "\x1b" not in str(failure.error)


def test_a_cache_that_could_not_be_read_is_not_to_blame() -> None:
    log = read("import-missing")
    failure = explain_failure(steps(log), ["ERROR: failed to solve: something else"])
    assert failure.step is None
    assert failure.error.what == "the build failed: something else"


# ---- texts


MISSING_NET = 'main.go:2:8: rsc.io/quote@v1.5.2: Get "http://127.0.0.1:1/rsc.io/quote/@v/v1.5.2.zip": dial tcp 127.0.0.1:1: connect: connection refused\n'
BASE = "[internal] load metadata for docker.io/nosuch/image:1"


@pytest.mark.parametrize(
    ("output", "kind", "text"),
    [
        ("go: downloading rsc.io/quote v1.5.2\n" + MISSING_NET, ModulesUnavailable, "connection refused"),
        ("main.go:2:8: module lookup disabled by GOPROXY=off\n", ModulesUnavailable, "module lookup disabled"),
        ("go: github.com/a/b@v1.0.0: reading https://proxy.test/github.com/a/b/@v/v1.0.0.info: 404 Not Found\n", ModulesUnavailable, "404 Not Found"),
        ("go: a.test/b@v0.0.0-1: invalid version: unknown revision abc\n", ModulesUnavailable, "unknown revision"),
        ("go: a.test/b@v1: git ls-remote -q origin:\n\tfatal: could not read Username for 'https://a.test': terminal prompts disabled\n"
         "go: a.test/b: fatal: could not read Username for 'https://a.test': terminal prompts disabled\n", ModulesUnavailable, "terminal prompts disabled"),
        ("main.go:2:8: no required module provides package rsc.io/quote; to add it:\n\tgo get rsc.io/quote\n", ModulesUnavailable, "go mod tidy"),
        ("main.go:3:8: missing go.sum entry for module providing package x.test/y; to add:\n\tgo get x.test/y\n", ModulesUnavailable, "go mod tidy"),
        ("go: inconsistent vendoring in /src:\n\tx@v1: is explicitly required\n", ModulesUnavailable, "go mod vendor"),
        ("go: go.mod requires go >= 1.99 (running go 1.26.6; GOTOOLCHAIN=local)\n", GoVersionMissing, "requires Go 1.99, but the image has Go 1.26.6"),
        ("dd: error writing '/t/x': No space left on device\n", DiskFull, "disk is full"),
        ("go: writing stat cache: write /go/pkg/mod/x: no space left on device\n" + MISSING_NET, DiskFull, "disk is full"),
        ("exec /bin/sh: exec format error\n", EmulationMissing, "another architecture"),
        ("# p\nx.go:1:2: undefined: y\nx.go:2:2: undefined: z\n", CompileFailed, "x.go:1:2: Go refused the code: undefined: y (and 1 more)"),
        ("# p\nmain.main: relocation target p.nothere not defined\n", CompileFailed, "Go refused the code in p: relocation target"),
        ("x.go:1:2: undefined: y\nmain.go:2:8: no required module provides package a.b/c\n", CompileFailed, "undefined: y"),
        ("upx: no luck\n", BuildFailed, "go build failed: process"),
    ],
)  # fmt: skip
def test_what_a_step_wrote(output: str, kind: type[GobakeError], text: str) -> None:
    failure = run(output)
    assert type(failure.error) is kind
    assert text in str(failure.error)
    assert failure.step


def test_advice_that_follows_on_another_line_is_not_cut_in_the_middle() -> None:
    failure = run(
        "main.go:3:8: missing go.sum entry for module providing package x.test/y; to add:\n\tgo get x.test/y\n"
    )
    assert str(failure.error).endswith("package x.test/y; run `go get x.test/y`, or `go mod tidy`")


@pytest.mark.parametrize(
    ("name", "error", "said", "kind", "text"),
    [
        (BASE, "docker.io/nosuch/image:1: not found",
         "ERROR: failed to build: failed to solve: nosuch/image:1: failed to resolve source metadata for docker.io/nosuch/image:1: docker.io/nosuch/image:1: not found",
         BaseImageMissing, "the base image nosuch/image:1 does not exist"),
        (BASE, "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", "",
         BaseImageMissing, "does not exist, or you may not read it"),
        (BASE, 'failed to do request: Head "https://registry.test/v2/x/manifests/1": dial tcp 127.0.0.1:1: connect: connection refused', "",
         BaseImageMissing, "cannot be fetched, its registry does not answer"),
        ("[linux/s390x internal] load metadata for docker.io/library/golang:1.26", "no match for platform in manifest: not found", "",
         BaseImageMissing, "docker.io/library/golang:1.26 does not exist for linux/s390x"),
        ("[go 1/1] FROM docker.io/library/golang:1.26@sha256:" + "a" * 64, "failed to copy: httpReadSeeker: failed open: unexpected EOF", "",
         BaseImageMissing, "the base image docker.io/library/golang:1.26 cannot be fetched: "),
        ("exporting to image", "failed to push registry.test/x:1: push access denied, repository does not exist", "",
         RegistryRefused, "registry.test/x:1 could not be pushed"),
        ("exporting to image", "unexpected status from POST request to https://registry.test/v2/x/blobs/uploads/: 401 Unauthorized", "",
         RegistryRefused, "401 Unauthorized"),
        ("exporting cache to registry", "", "ERROR: failed to solve: error writing layer blob: failed to do request: Head \"https://registry.test/v2/x\": dial tcp 127.0.0.1:1: connect: connection refused",
         RegistryRefused, "the layer cache could not be written"),
        ("exporting to image", "failed to copy to tar: write /x: no space left on device", "", DiskFull, "disk is full"),
        ("", "", "ERROR: Cannot connect to the Docker daemon at unix:///nosuch.sock. Is the docker daemon running?", NoEngine, "does not answer"),
        ("", "", "ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF", NoEngine, "error reading from server"),
        ("", "", 'ERROR: no builder "nob" found', NoBuilder, 'no builder "nob" found'),
        ("", "", "ERROR: target b: failed to solve: Canceled: context canceled", Interrupted, "interrupted"),
        ("", "", "ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: RUUN (did you mean RUN?)",
         BuildFailed, "the build failed: dockerfile parse error on line 2"),
        ("", "", "   ", BuildFailed, "no reason was given"),
        ("", "", "something without a prefix", BuildFailed, "something without a prefix"),
    ],
)  # fmt: skip
def test_what_buildkit_says(name: str, error: str, said: str, kind: type[GobakeError], text: str) -> None:
    failure = run(error=error, said=said, name=name)
    assert type(failure.error) is kind
    assert text in str(failure.error)


_HEAD = 'failed to push registry.test:5000/x:1: failed to do request: Head "https://registry.test:5000/v2/x/blobs/sha256:1": '


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-30T07:44:12Z is after 2026-11-29T07:38:50Z",
         "registry.test:5000/x:1 could not be pushed: the certificate of registry.test:5000 has expired or is not valid yet; renew it, or check the builder's clock"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority",
         "registry.test:5000/x:1 could not be pushed: the builder does not trust the certificate of registry.test:5000; put its authority's into /etc/docker/certs.d/registry.test:5000/ca.crt, or into the builder's buildkitd.toml"),
        ("tls: failed to verify certificate: x509: certificate is valid for other.test, not registry.test",
         "registry.test:5000/x:1 could not be pushed: the certificate of registry.test:5000 is for another name; use that name, or issue one for this host"),
    ],
)  # fmt: skip
def test_a_certificate_that_a_builder_refuses_is_told_with_the_remedy(reason: str, text: str) -> None:
    error = run(error=_HEAD + reason, name="exporting to image").error
    assert type(error) is RegistryRefused
    assert str(error) == text


def test_a_login_that_is_refused_is_told_without_the_request() -> None:
    reason = "failed to push registry.test/x:1: unexpected status from HEAD request to https://registry.test/v2/x/blobs/sha256:1: 401 Unauthorized"
    error = run(error=reason, name="exporting to image").error
    assert (
        str(error)
        == "registry.test/x:1 could not be pushed: registry.test answers: 401 Unauthorized; `docker login registry.test`"
    )


def test_a_network_failure_of_a_push_is_the_registry_s() -> None:
    error = run(
        error="failed to push registry.test/x:1: dial tcp: lookup registry.test: no such host",
        name="exporting to image",
    ).error
    assert error.exit_code is ExitCode.REGISTRY
    assert "does not answer" in str(error)


def test_the_tail_is_the_end_of_the_log_without_the_names_of_compiled_packages() -> None:
    failure = run("fmt\nerrors\n" + "".join(f"# line {n}\n" for n in range(40)) + "os\n")
    assert failure.tail == tuple(f"# line {n}" for n in range(25, 40))
    assert run("fmt\nos\n").tail == ("fmt", "os")


def test_without_a_tree_paths_stay_as_go_wrote_them() -> None:
    log = read("failed")
    assert [e.file for e in explain_failure(steps(log), log.plain).go_errors] == ["worker/main.go"]


def test_a_failure_is_explained_without_any_event() -> None:
    assert type(explain_failure(Trace(steps=()), []).error) is BuildFailed


@given(said=st.lists(st.text(max_size=60), max_size=5), output=st.text(max_size=200), error=st.text(max_size=60))
def test_any_text_is_explained_on_one_line(said: list[str], output: str, error: str) -> None:
    failure = run(output, error, "\n".join(said))
    assert "\n" not in str(failure.error)
    assert "\x1b" not in str(failure.error) + "".join(failure.tail)


@pytest.mark.parametrize(
    ("output", "name", "asked"),
    [("upx: no luck\n", "[compile 2/2] RUN go build", True), ("upx: no luck\n", "[compile 2/2] COPY a b", False)],
)
def test_only_a_command_can_miss_what_was_left_out(output: str, name: str, asked: bool) -> None:
    found = run(output, name=name, tree=replace(TREE, missed=lambda _: "asm/x.h"))
    assert ("asm/x.h" in str(found.error)) is asked


def test_a_full_disk_is_told_before_what_was_left_out() -> None:
    found = run("dd: no space left on device\n", tree=replace(TREE, missed=lambda _: "asm/x.h"))
    assert type(found.error) is DiskFull


def test_what_go_could_not_read_is_told_before_anything_else() -> None:
    unread = CompileFailed("go.work is not valid")
    tree = replace(TREE, missed=lambda _: "asm/x.h", unread=lambda log: unread if "luck" in log else None)
    assert run("upx: no luck\n", tree=tree).error is unread
    assert run("other\n", tree=tree).error is not unread


def test_one_error_of_go_has_no_others() -> None:
    assert str(run("# p\nx.go:1:2: undefined: y\n").error) == "x.go:1:2: Go refused the code: undefined: y"


def test_what_go_advises_is_the_remedy() -> None:
    output = "main.go:2:8: no required module provides package rsc.io/quote; to add it:\n\tgo get rsc.io/quote\n"
    assert run(output).error.remedy == "run `go get rsc.io/quote`, or `go mod tidy`"
    assert run("main.go:2:8: cannot find module providing package a.b/c\n").error.remedy == "run `go mod tidy`"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cache export: b", "cache export: b"),
        ("cache export: b: c", "cache export: b: c"),
        ("cache export: b: c: d", "b: c: d"),
        ("cache export: b: c: d: e", "c: d: e"),
    ],
)
def test_of_a_long_chain_of_reasons_the_last_three_are_told(said: str, told: str) -> None:
    failure = run(error="", said=f"ERROR: failed to solve: {said}")
    assert failure.error.what == f"the layer cache could not be written: {told}"


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("golang:1.99", GoVersionMissing),
        ("registry.test/mirror/golang:1.99", GoVersionMissing),
        ("registry.test/notgolang:1.99", BaseImageMissing),
        ("registry.test/golang/tools:1", BaseImageMissing),
    ],
)
def test_a_missing_image_of_go_is_a_missing_version(reference: str, kind: type[GobakeError]) -> None:
    said = f"ERROR: failed to solve: {reference}: failed to resolve source metadata for {reference}: {reference}: not found"
    failure = run(error="not found", said=said, name=f"[internal] load metadata for {reference}")
    assert type(failure.error) is kind
    assert reference in str(failure.error)


def test_a_base_without_a_step_is_named_by_what_buildkit_says() -> None:
    said = "ERROR: failed to solve: x.test/a:1: failed to resolve source metadata for x.test/a:1: no match for platform in manifest"
    assert run(error="", said=said).error.what == "the base image x.test/a:1 does not exist for this platform"


def test_the_step_that_buildx_names_is_to_blame() -> None:
    log = EventLog()
    times = {"started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:00:01Z"}
    steps_of = [
        {
            "digest": f"sha256:{name}",
            "name": f"[{name} 2/2] RUN {name}",
            "inputs": ["sha256:0"],
            "error": error,
            **times,
        }
        for name, error in (("a", "exit code: 1"), ("b", "exit code: 2"))
    ]
    log.feed(json.dumps({"vertexes": steps_of}) + "\n")
    log.close()
    found = explain_failure(steps(log), ["ERROR: failed to solve: exit code: 2"])
    assert found.step
    assert found.step.name.stage == "b"
    first = explain_failure(steps(log), ["ERROR: something else"])
    assert first.step
    assert first.step.name.stage == "a"


def test_of_several_errors_of_buildx_the_last_one_and_what_follows_counts() -> None:
    lines = ["ERROR: first", "of it", "error: target a: failed to solve: second", "", "and more"]
    assert explain_failure(Trace(steps=()), lines).error.what == "the build failed: second and more"
    assert explain_failure(Trace(steps=()), ["one", "two"]).error.what == "the build failed: two"


# ---- programs that are not taken


@pytest.mark.parametrize("name", ["[pie-scratch 2/2] COPY x", "[pie-upx-pack 2/3] COPY x"])
def test_a_program_that_an_image_could_not_start_is_told_with_its_loader(name: str) -> None:
    error = 'failed to calculate checksum of ref n5n3ns::vtk9db: "/out/static/pie": not found'
    log = EventLog()
    times = {"started": "2026-01-01T00:00:00Z", "completed": "2026-01-01T00:00:01Z"}
    vertex = {"digest": "sha256:a", "name": name, "inputs": ["sha256:b"], "error": error, **times}
    log.feed(json.dumps({"vertexes": [vertex]}) + "\n")
    log.feed(f"ERROR: failed to build: failed to solve: failed to compute cache key: {error}\n")
    log.close()
    asked: list[tuple[str, str]] = []

    def loader_of(service: str, platform: str) -> str:
        asked.append((service, platform))
        return "/lib64/ld-linux-x86-64.so.2"

    told = explain_failure(steps(log), log.plain, tree=TREE, loader_of=loader_of).error
    strategy = "upx" if "upx" in name else "scratch"
    assert type(told) is BuildFailed
    assert str(told).startswith(
        f"pie is linked dynamically (its ELF interpreter is /lib64/ld-linux-x86-64.so.2) and {strategy} has no loader; "
    )
    assert asked == [("pie", "")]


def test_a_program_that_go_build_did_not_write_is_told_with_its_file() -> None:
    told = run("gobake: api: go build has neither written nor confirmed /cache/golink/compile/api in this run\n").error
    assert str(told).startswith(
        "the program of api is missing: go build has neither written nor confirmed /cache/golink/compile/api in this run; "
    )
