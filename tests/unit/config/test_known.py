"""gobake.yaml is composed once: until its text changes, or what reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gobake.config import document as documents
from gobake.config import known
from gobake.config.loading import parse_config
from gobake.config.nodes import Node, from_json, to_json
from gobake.errors import ConfigError
from gobake.files import whole

TEXT = b"name: shop  # a comment\nservices:\n  api: {package: ./cmd/api, args: ['--port', \"1\", ~]}\n"


class Composer:
    """Counts what is composed."""

    def __init__(self, compose: Callable[[bytes, Path], Node | None]) -> None:
        self.compose, self.count = compose, 0

    def __call__(self, text: bytes, file: Path) -> Node | None:
        self.count += 1
        return self.compose(text, file)


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gobake" / "memory"


@pytest.fixture
def composer(memory: Path, monkeypatch: pytest.MonkeyPatch) -> Composer:
    counting = Composer(documents.compose)
    monkeypatch.setattr(documents, "compose", counting)
    return counting


def test_the_same_text_is_composed_once_and_means_the_same(composer: Composer, tmp_path: Path) -> None:
    file = tmp_path / "gobake.yaml"
    text = TEXT.replace(b", ~", b"")
    assert parse_config(text, file) == parse_config(text, file)
    assert composer.count == 1
    parse_config(text, tmp_path / "other.yaml")
    assert composer.count == 2


def test_another_text_is_composed_anew(composer: Composer, tmp_path: Path) -> None:
    file = tmp_path / "gobake.yaml"
    first = known.document(TEXT, file)
    assert known.document(TEXT.replace(b"shop", b"ship"), file) != first
    assert known.document(TEXT, file) == first
    assert composer.count == 3


def test_so_it_is_for_another_parser(composer: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known.document(TEXT, tmp_path)
    monkeypatch.setattr(known, "_parser", lambda: ("another",))
    known.document(TEXT, tmp_path)
    assert composer.count == 2


def test_a_mistake_is_told_each_time(composer: Composer, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ConfigError, match="given twice"):
            known.document(b"a: 1\na: 2\n", tmp_path)
    assert composer.count == 2


@pytest.mark.parametrize(
    "value",
    [
        3,
        "text",
        [],
        ["scalar", 1, 1, "text"],
        ["scalar", 1, 1, "text", "yes"],
        ["items", 1, 1, [3]],
        ["table", 1, 1, [[["items", 1, 1, []], ["items", 1, 1, []]]]],
        ["table", 1, 1, [["scalar"]]],
    ],
)
def test_what_is_no_document_is_composed_anew(composer: Composer, memory: Path, tmp_path: Path, value: object) -> None:
    first = known.document(TEXT, tmp_path)
    (file,) = memory.iterdir()
    file.write_bytes(whole.sealed(json.dumps(json.loads(whole.unsealed(file.read_bytes())) | {"value": value})))
    assert known.document(TEXT, tmp_path) == first
    assert composer.count == 2


@pytest.mark.parametrize(
    "text",
    [TEXT, b"", b"- a\n- - b\n  - {c: [d]}\n", b"a: &x {b: 'c\\ud'}\nd: {<<: *x}\n", b'"\\ud800": "\\n"\n', b"a:\n"],
)
def test_a_document_comes_back_from_json_as_it_was(text: bytes, tmp_path: Path) -> None:
    node = documents.compose(text, tmp_path)
    assert from_json(json.loads(json.dumps(to_json(node)))) == node
