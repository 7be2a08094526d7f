"""The rules of docs/compare.md, each by its evidence."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from gobake.binary.libc import Libc
from gobake.choosing.advice import Advice, Weight, advise
from gobake.model import Strategy
from gobake.needs.evidence import Finding, Kind
from gobake.needs.needs import Need

S = Strategy
STATIC = Libc(kind="static")
PACKED = {S.SINGLE_STAGE: 150, S.ALPINE: 6, S.DEBIAN_SLIM: 26, S.DISTROLESS: 5, S.DISTALPINE: 4.1, S.SCRATCH: 4}
WITH_SHELL = (S.SINGLE_STAGE, S.PREBUILT, S.ALPINE, S.DEBIAN_SLIM)
WITHOUT_SHELL = (S.DISTROLESS, S.DISTALPINE, S.SCRATCH, S.UPX)


def image(strategy: Strategy, *, megabytes: float | None = None, libc: Libc = STATIC) -> Weight:
    size = PACKED.get(strategy, 3.5) if megabytes is None else megabytes
    return Weight(
        strategy=strategy,
        compressed=int(size * 1_000_000),
        unpacked=int(size * (1_000_000 if strategy is S.UPX else 2_500_000)),
        shell=strategy in WITH_SHELL,
        packages=strategy in (*WITH_SHELL, S.DISTROLESS),
        libc=libc,
    )


ALL = [image(strategy) for strategy in Strategy if strategy is not S.PREBUILT]


def need(kind: Kind, what: str, lacking: tuple[Strategy, ...], answer: str = "do this") -> Need:
    found = Finding(kind=kind, file=PurePosixPath("main.go"), line=7, word="exec.Command", value="sh")
    return Need(kind=kind, what=what, found=(found,), lacking=lacking, answer=answer)


SHELL = need(Kind.PROGRAM, "to start sh", WITHOUT_SHELL)
TEMP = need(Kind.TEMP, "temporary files", (S.DISTALPINE, S.SCRATCH, S.UPX), "`tmp: true` brings a /tmp")


@pytest.mark.parametrize(
    ("images", "needs", "strategy"),
    [
        (ALL, [], S.SCRATCH),
        (ALL, [TEMP], S.SCRATCH),
        (ALL, [SHELL], S.ALPINE),
        ([one for one in ALL if one.strategy is not S.ALPINE], [SHELL], S.DEBIAN_SLIM),
        ([image(S.SCRATCH, megabytes=4), image(S.DISTALPINE, megabytes=4)], [], S.SCRATCH),
        ([image(S.SCRATCH, megabytes=4.03), image(S.DISTALPINE, megabytes=4)], [], S.SCRATCH),
        ([image(S.SCRATCH, megabytes=4.1), image(S.DISTALPINE, megabytes=4)], [], S.DISTALPINE),
        ([image(S.DISTROLESS), image(S.ALPINE)], [], S.DISTROLESS),
        ([image(S.DISTALPINE), image(S.DEBIAN_SLIM)], [], S.DISTALPINE),
        ([image(S.UPX)], [], S.UPX),
        ([image(S.SINGLE_STAGE)], [], S.SINGLE_STAGE),
        ([image(S.SINGLE_STAGE), image(S.UPX)], [], None),
        ([image(S.SCRATCH), image(S.DISTROLESS)], [SHELL], None),
        ([Weight(strategy=s, compressed=None, unpacked=None) for s in (S.ALPINE, S.SCRATCH)], [], S.SCRATCH),
    ],
)
def test_the_recommended_strategy(images: list[Weight], needs: list[Need], strategy: Strategy | None) -> None:
    assert advise(images, needs).strategy is strategy


def reasons(advice: Advice) -> list[str]:
    return [reason.text for reason in advice.reasons]


def test_each_reason_names_its_evidence() -> None:
    found = advise(ALL, [SHELL])
    (reason,) = [one for one in found.reasons if "sh" in one.text and one.places]
    assert (reason.text, reason.places) == ("the program seems to need to start sh", ("exec.Command in main.go:7",))
    out = {one.strategy: one.reason for one in found.ruled_out}
    assert set(out) == {*WITHOUT_SHELL, S.SINGLE_STAGE}
    assert out[S.SCRATCH].places == ("exec.Command in main.go:7",)
    assert not out[S.SINGLE_STAGE].places


def test_what_a_key_brings_is_a_setting_and_rules_nothing_out() -> None:
    found = advise(ALL, [TEMP])
    (setting,) = found.settings
    assert setting.text == "temporary files: `tmp: true` brings a /tmp"
    assert not advise([image(S.DISTROLESS)], [TEMP]).settings


def test_what_every_image_has_is_not_told() -> None:
    found = advise(ALL, [need(Kind.HOME, "a home", ()), need(Kind.PROGRAM, "to start sh", ())])
    assert not any(one.places for one in found.reasons)
    assert not found.settings


@pytest.mark.parametrize(
    ("libc", "said"),
    [
        (STATIC, "the program is static: it needs no libc of the image"),
        (Libc(kind="glibc", floor="2.34"), "the program is linked against glibc 2.34 or newer, which the image has"),
        (Libc(kind="musl"), "the program is linked against musl, which the image has"),
    ],
)
def test_the_libc_is_a_reason(libc: Libc, said: str) -> None:
    images = [image(S.DISTALPINE, libc=libc), image(S.DEBIAN_SLIM, libc=libc)]
    assert said in reasons(advise(images, []))


def test_a_program_whose_libc_is_unknown_gives_no_reason() -> None:
    assert reasons(advise([image(S.SCRATCH, libc=Libc(kind=""))], [])) == []


def test_what_other_purposes_would_choose_has_its_price() -> None:
    offered = {one.strategy: one.more for one in advise(ALL, []).instead}
    assert offered == {S.DISTROLESS: 1_000_000, S.ALPINE: 2_000_000, S.UPX: -500_000}


def test_upx_is_offered_only_where_it_saves_disk_and_fits() -> None:
    large = Weight(strategy=S.UPX, compressed=3_900_000, unpacked=9_000_000)
    assert S.UPX not in {one.strategy for one in advise([image(S.SCRATCH), large], []).instead}
    assert S.UPX not in {one.strategy for one in advise(ALL, [SHELL]).instead}


def test_a_single_strategy_has_no_smallest() -> None:
    assert reasons(advise([image(S.ALPINE)], [])) == ["the program is static: it needs no libc of the image"]
