"""Imports and exports of layer caches in recorded events."""

from __future__ import annotations

from gobake.trace.caches import CacheTransfer, cache_transfers
from tests.unit.recorded import read

REF = "registry.test/recorded/shop:cache"


def transfers(name: str) -> list[CacheTransfer]:
    return list(cache_transfers(read(name)))


def test_a_run_without_caches_has_none() -> None:
    assert transfers("cold") == []


def test_an_import_tells_its_reference_and_how_long_it_took() -> None:
    found = transfers("imported")
    assert [(t.exported, t.target, t.place) for t in found] == [(False, "api-alpine", REF), (False, "api-scratch", REF)]
    assert all(t.seconds is not None and 0 < t.seconds < 1 and not t.error for t in found)


def test_an_import_of_what_is_not_there_is_missing_and_no_fault() -> None:
    (found,) = transfers("import-missing")
    assert found.missing
    assert found.place == f"{REF}-that-is-not-there"
    assert found.error


def test_an_export_tells_its_layers() -> None:
    found = transfers("exported")
    assert [(t.exported, t.target, t.place) for t in found] == [
        (True, "api-alpine", "registry"),
        (True, "api-scratch", "registry"),
    ]
    for transfer in found:
        assert transfer.seconds is not None
        assert transfer.layers
        assert all(layer.startswith("sha256:") and len(layer) == 71 for layer in transfer.layers)
        assert not transfer.error
    assert set(found[0].layers) & set(found[1].layers)  # the compile is in both


def test_a_refused_export_is_told_and_is_not_missing() -> None:
    found = transfers("export-refused")
    assert [t.target for t in found] == ["api-alpine", "api-scratch"]
    assert all("connection refused" in t.error and not t.missing for t in found)


def test_a_folder_is_read_and_written_too() -> None:
    (exported,) = transfers("exported-local")
    assert exported.place == "client directory"
    assert exported.layers
    (imported,) = transfers("imported-local")
    assert imported.place.startswith("local:")
    assert not imported.error
