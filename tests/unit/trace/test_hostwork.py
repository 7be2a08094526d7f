"""What this machine's Go compiles is counted by platform, while several go commands run."""

from __future__ import annotations

import json

from gobake.trace.hostwork import HostWatch, HostWork


def graph(command: str, *packages: str, compiled: tuple[str, ...] = ()) -> str:
    actions = [
        {"ID": at, "Mode": "build", "Package": name, **({"Cmd": ["x"], "CmdReal": 10**9} if name in compiled else {})}
        for at, name in enumerate((command, *packages))
    ]
    link = {"ID": 99, "Mode": "link", "Package": command, "Deps": [0], "Cmd": ["link"], "CmdReal": 2 * 10**9}
    return json.dumps([*actions, link])


def test_packages_of_two_commands_count_once_and_the_total_is_known_when_both_have_loaded() -> None:
    told: list[HostWork] = []
    watch = HostWatch({"linux/arm64": ["api", "web"]}, told.append)
    watch.begins("linux/arm64")
    watch.begins("linux/arm64")
    watch.hears("linux/arm64", "api", ["runtime\n", "fmt\n"], graph("api", "runtime", "fmt"))
    watch.hears("linux/arm64", "web", ["runtime\n", "net/http\n"], graph("web", "runtime", "net/http"))
    watch.ends("linux/arm64", "api")
    watch.ends("linux/arm64", "web")
    assert [(w.packages, w.total, w.package, w.ended is None) for w in told] == [
        (0, 0, "", True),
        (2, 0, "fmt", True),
        (3, 5, "net/http", True),
        (3, 5, "net/http", False),
    ]


def test_until_all_have_loaded_the_total_is_what_go_listed() -> None:
    told: list[HostWork] = []
    watch = HostWatch({"linux/arm64": ["api", "web"]}, told.append)
    watch.begins("linux/arm64")
    watch.counts("linux/arm64", 265)
    watch.hears("linux/arm64", "api", ["fmt\n"], graph("api", "fmt"))
    assert (told[-1].packages, told[-1].total) == (1, 265)


def test_the_end_tells_what_was_compiled_and_linked() -> None:
    watch = HostWatch({"linux/arm64": ["api"], "linux/amd64": ["api"]}, lambda _: None)
    watch.begins("linux/arm64")
    watch.hears("linux/arm64", "api", [], graph("api", "fmt", compiled=("fmt",)))
    watch.ends("linux/arm64", "api")
    ((platform, (work, go)),) = watch.work().items()
    assert (platform, work.services, go.packages_total) == ("linux/arm64", ("api",), 2)
    assert [(p.import_path, p.seconds) for p in go.compiled] == [("fmt", 1.0)]
    assert [(p.import_path, p.seconds) for p in go.linked] == [("api", 2.0)]


def test_a_failure_ends_the_platform() -> None:
    told: list[HostWork] = []
    watch = HostWatch({"linux/arm64": ["api", "web"]}, told.append)
    watch.begins("linux/arm64")
    watch.ends("linux/arm64", "api", failed=True)
    assert told[-1].failed
    assert told[-1].ended is not None
