"""Images side by side: bases, and what a node pulls."""

from __future__ import annotations

from collections.abc import Sequence

from gobake.binary.libc import Libc
from gobake.choosing.account import Base, Built, Seen, choices
from gobake.choosing.facts import Facts, Packages
from gobake.choosing.times import Seconds
from gobake.images.image import Packed
from gobake.model import Platform, Strategy

AMD64, ARM64 = Platform(os="linux", arch="amd64"), Platform(os="linux", arch="arm64")
FACTS = Facts(
    files=3,
    executables=1,
    setid=0,
    world_writable=0,
    packages=Packages(),
    shell="",
    user="65532:65532",
    libc=Libc(kind="static"),
    certificates=True,
    zoneinfo=False,
    passwd=True,
    tmp=False,
)
ACCOUNT = ("account", 10, "COPY /out/ /")
ALPINE = (("base", 1000, "ADD file in /"), ("more", 500, "COPY /out/ / of another"))


def built(
    service: str = "api",
    strategy: Strategy = Strategy.ALPINE,
    *,
    layers: Sequence[tuple[str, int, str]] = (),
    base: str = "alpine:3.22",
    platform: Platform = AMD64,
    packed: bool = True,
) -> Built:
    parts = tuple(Packed(digest=digest, size=size, instruction=text) for digest, size, text in layers)
    stored = sum(part.size for part in parts) + 7 if packed else None  # 7: manifest and configuration
    return Built(
        service=service,
        strategy=strategy,
        platform=platform,
        image=f"{service}:latest-{strategy}",
        base=base,
        compressed=stored,
        unpacked=None,
        seconds=Seconds(),
        seen=Seen(layers=parts, stored=stored, facts=FACTS),
    )


def alpine(service: str, size: int, **more: object) -> Built:
    layers = (*ALPINE, ACCOUNT, (f"{service}-program", size, "COPY /out/musl/api/ /"))
    return built(service, layers=layers, **more)  # type: ignore[arg-type]


def test_the_base_is_what_is_below_the_first_layer_of_the_recipe() -> None:
    (choice,) = choices([alpine("api", 100)])
    (row,) = choice.rows
    assert row.base == Base(name="alpine:3.22", layers=2, bytes=1500)
    assert row.beside_base == 100 + 10 + 7
    assert row.beside_others is None


def test_the_other_services_share_layers_of_the_same_strategy_and_platform() -> None:
    images = [alpine("api", 100), alpine("worker", 40), alpine("far", 1, platform=ARM64)]
    pulls = {(c.service, c.platform): (c.rows[0].beside_base, c.rows[0].beside_others) for c in choices(images)}
    assert pulls == {("api", AMD64): (117, 107), ("worker", AMD64): (57, 47), ("far", ARM64): (18, None)}


def test_an_image_without_a_base_is_pulled_whole() -> None:
    scratch = built(strategy=Strategy.SCRATCH, base="", layers=(ACCOUNT, ("program", 50, "COPY /out/static/api/ /")))
    row = choices([scratch])[0].rows[0]
    assert (row.base, row.beside_base) == (Base(name="", layers=0, bytes=0), 67)


def test_a_single_stage_begins_with_its_folder() -> None:
    layers = (*ALPINE, ("go", 9, "WORKDIR /go"), ("src", 1, "WORKDIR /src"), ("all", 2, "COPY . ."), ACCOUNT)
    row = choices([built(strategy=Strategy.SINGLE_STAGE, base="golang:1.26", layers=layers)])[0].rows[0]
    assert row.base == Base(name="golang:1.26", layers=3, bytes=1509)


def test_what_is_not_stored_packed_or_not_understood_is_unknown() -> None:
    row = choices([alpine("api", 100, packed=False)])[0].rows[0]
    assert (row.base.bytes, row.beside_base) == (None, None)
    strange = choices([built(layers=(("one", 5, "RUN make"),))])[0].rows[0]
    assert (strange.base, strange.beside_base) == (Base(name="alpine:3.22", layers=None, bytes=None), None)


def test_strategies_are_in_their_own_order() -> None:
    images = [built(strategy=strategy, layers=(ACCOUNT,)) for strategy in reversed(Strategy)]
    assert [row.strategy for row in choices(images)[0].rows] == list(Strategy)
