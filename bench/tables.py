"""The tables and sentences about figures in README and docs, as Markdown, from the samples in bench/figures."""

from __future__ import annotations

from collections.abc import Iterator

from bench import choosing, figures
from bench.builds import CARRIED, NARROW, ONE, WHOLE
from bench.figures import Figures
from gobake.report.quantities import size_text

GO, PLAIN = "go build", "plain bake of its files"
COLUMNS = (WHOLE, ONE, "ko")
OTHERS = {NARROW: "narrow copies", CARRIED: "mounts carried as files", GO: "`go build` in one container", PLAIN: PLAIN}
ROWS = (
    ("edited", "one line edited", "four services, one line edited"),
    ("edited-twenty", "one line edited", "twenty services, one line edited"),
    ("unchanged", "nothing changed", "four services, nothing changed"),
    ("cold", "cold", "four services, empty caches"),
    ("cold-twenty", "cold", "twenty services, empty caches"),
    ("bare-twenty", "loopback", "twenty services on a fresh runner, one line edited; registry on the same machine"),
    ("bare-twenty", "100 Mbit/s", "the same; registry behind 100 Mbit/s"),
    ("bare-large", "loopback", "five large services on a fresh runner, one line edited; registry on the same machine"),
    ("bare-large", "100 Mbit/s", "the same; registry behind 100 Mbit/s"),
)
PIPELINES = ("matrix", "shards")


def pipelines() -> str:
    """Two sentences about pipelines, with what each took."""
    edited, cold = figures.read("matrix"), figures.read("shards")
    line, jobs, shards, one = "one line edited", f"{WHOLE}, one job a target", "four shards", "one builder"

    def compiled(found: Figures, at: str, name: str) -> str:
        return f"{found.median(at, name, 'compiled'):,.0f}"

    return (
        "Twenty services for two platforms, one line edited, every job on a runner that has nothing, pushed and "
        f"tagged: the jobs of such a pipeline took {_seconds(edited, line, 'gobake')} together and compiled "
        f"{compiled(edited, line, 'gobake')} packages. A job for each target of a hand-written bake file, with layer "
        f"caches in the registry, took {_seconds(edited, line, jobs)} and {compiled(edited, line, jobs)} packages. "
        "Shards have a price where nothing is cached, because each compiles what its services share: four cold ones "
        f"took {cold.ratio('cold', shards, one, 'cpu'):.1f} times the CPU seconds of one builder, and "
        f"{compiled(cold, 'cold', shards)} packages instead of {compiled(cold, 'cold', one)}. Two of them, one for "
        "each platform, share nothing that counts. "
        f"Measured {edited.date} on a busy machine, once, with `{edited.command}` and `{cold.command}`."
    )


def headline() -> str:
    """The figures at the top of the README."""
    edited, bare, line = figures.read("edited-twenty"), figures.read("bare-twenty"), "one line edited"
    return (
        f"One line edited in one of twenty services, two platforms: **{_seconds(edited, line, 'gobake')}**; "
        f"{_seconds(edited, line, WHOLE)} with a bake file that has one target per service, "
        f"{_seconds(edited, line, ONE)} with one compile step for all, {_seconds(edited, line, 'ko')} with ko. The "
        f"same on a fresh CI runner: **{_seconds(bare, 'loopback', 'gobake')}**; "
        f"{_seconds(bare, 'loopback', ONE)} with one compile step and registry caches, "
        f"{_seconds(bare, 'loopback', CARRIED)} with Go's caches carried along, {_seconds(bare, 'loopback', 'ko')} "
        f"with ko; behind a link of 100 Mbit/s **{_seconds(bare, '100 Mbit/s', 'gobake')}**, "
        f"{_seconds(bare, '100 Mbit/s', ONE)}, {_seconds(bare, '100 Mbit/s', CARRIED)} and "
        f"{_seconds(bare, '100 Mbit/s', 'ko')} ([how it was measured](#figures))."
    )


def builds() -> str:
    """Builds of all contestants: seconds, and how many times gobake's seconds that is."""
    head = ("what is built", "gobake", *COLUMNS, "others")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for case, situation, words in ROWS:
        if not _kept(case):
            continue
        found = figures.read(case)
        if situation in found.results:
            lines.append(f"| {words} | {_row(found, situation)} |")
    return "\n".join(lines)


def _row(found: Figures, situation: str) -> str:
    names = found.results[situation]
    cells = [f"**{_seconds(found, situation, 'gobake')}**"]
    cells += [_beside(found, situation, name) if name in names else "-" for name in COLUMNS]
    others = [f"{OTHERS[name]}: {_beside(found, situation, name)}" for name in OTHERS if name in names]
    return " | ".join((*cells, "; ".join(others) or "-"))


def commands() -> str:
    """Commands without an engine."""
    start, long = figures.read("startup"), figures.read("history")
    rows = [
        ("`gobake --help`", start, "a hundred services", "gobake --help"),
        ("`gobake plan` of 100 services, the first time", start, "never planned before", "gobake plan"),
        ("`gobake plan` of 100 services, again", start, "a hundred services", "gobake plan"),
        ("`gobake runs ls` over 10,000 runs", long, "10000 runs", "runs ls"),
        ("`gobake report` over 10,000 runs", long, "10000 runs", "report"),
        ("`gobake report --format html --last 200`", long, "10000 runs", "report --format html --last 200"),
    ]
    lines = ["| command | seconds |", "|---|---|"]
    found = [f"| {words} | {_seconds(found, at, name)} |" for words, found, at, name in rows]
    return "\n".join((*lines, *found, *_beyond()))


def _beyond() -> Iterator[str]:
    """Commands that build first: the seconds after that."""
    for case, words, ours, other in (
        ("compare", "`gobake compare` of a service in eight strategies", choosing.COMPARE, choosing.ALL),
        ("size", "`gobake size` of a program of 50 MB", choosing.SIZE, choosing.LINK),
    ):
        if _kept(case):
            found = figures.read(case)
            seconds = found.beyond(next(iter(found.results)), ours, other)
            yield f"| {words}, beyond {other if case == 'size' else f'`{other}`'} | {_worded(seconds)} |"


def image() -> str:
    """How small the images of one command are, for docs/strategies.md; nothing before it was measured."""
    if not _kept("image"):
        return ""
    found = figures.read("image")

    def of(name: str, situation: str = "compressed") -> float:
        return found.median(situation, name, "size")

    scratch = of(choosing.SCRATCH, "unpacked") / of(choosing.WITH_CERTIFICATES, "unpacked")
    return (
        f"The images of `migrate` for linux/amd64 as they are pulled: {size_text(int(of(choosing.SMALLEST)))} with "
        f"`upx`, {size_text(int(of(choosing.SCRATCH)))} with `scratch`, {size_text(int(of(choosing.ON_KOS_BASE)))} "
        f"with `distroless`, and {size_text(int(of(choosing.KO)))} from ko on the same base as the latter. The files "
        f"of the `scratch` image are {scratch:.3f} times its program and the certificates."
    )


def _kept(case: str) -> bool:
    return (figures.FOLDER / f"{case}.json").exists()


def measured() -> str:
    """When, where, how often. Pipelines are told of in docs/ci.md."""
    names = sorted(file.stem for file in figures.FOLDER.glob("*.json"))
    found = [figures.read(name) for name in names if name not in PIPELINES]
    days = sorted({one.date for one in found})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    machine = found[0].machine.partition("; load")[0]
    least = min(one.rounds for one in found)
    return (
        f"Measured {when}: {machine}. Medians of at least {least} rounds, in each of which every contestant builds "
        "once, in alternating order; in brackets, how many times gobake's seconds that is."
    )


def packed() -> str:
    """What UPX costs at the start, for docs/strategies.md."""
    found = figures.read("packed")
    plain, upx = (1000 * found.median("from exec to exit", name) for name in ("scratch", "upx"))
    return (
        f"For example, `shopctl --help` takes {plain:.0f} ms from exec to exit, and {upx:.0f} ms if it is packed "
        f"(median of {found.rounds} starts)."
    )


def _beside(found: Figures, situation: str, name: str) -> str:
    return f"{_seconds(found, situation, name)} ({1 / found.ratio(situation, 'gobake', name):.1f})"


def _seconds(found: Figures, situation: str, name: str) -> str:
    """Two digits that say something: 0.34 s, 2.4 s, 24 s."""
    return _worded(found.median(situation, name))


def _worded(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
