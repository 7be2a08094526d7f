"""The arguments of `docker buildx imagetools create`, and what its errors become."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.engine import builder_cache, imagetools
from gobake.errors import NoBuildx, RegistryRefused

SOURCE = f"ghcr.io/acme/api@sha256:{'1' * 64}"


@pytest.fixture
def buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in its place; it keeps its words and environment, and says what the file `says` says."""
    program = tmp_path / "buildx"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\necho "$BUILDX_CONFIG" > {tmp_path}/config\n'
        f"[ ! -f {tmp_path}/says ] || {{ cat {tmp_path}/says >&2; exit 1; }}\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(builder_cache, "plugin", lambda: str(program))
    monkeypatch.setenv("BUILDX_CONFIG", "/mine")
    return tmp_path


def test_names_and_annotations_are_words_and_one_source_stays_what_it_is(buildx: Path) -> None:
    imagetools.name_image(["ghcr.io/acme/api:v1", "r.example/api:v1"], [SOURCE], "", {"com.acme": "a b"})
    assert (buildx / "words").read_text().splitlines() == [
        *("imagetools", "create", "--prefer-index=false", "--tag", "ghcr.io/acme/api:v1", "--tag", "r.example/api:v1"),
        *("--annotation", "index:com.acme=a b", SOURCE),
    ]
    assert (buildx / "config").read_text() == "/mine\n"


def test_a_builder_is_named_and_some_of_its_nodes_have_a_configuration_of_their_own(buildx: Path) -> None:
    imagetools.name_image(["a.b/c:d"], [SOURCE], "/cache/builders/0123/nodes", {})
    assert (buildx / "words").read_text().splitlines()[2:4] == ["--builder", "nodes"]
    assert (buildx / "config").read_text() == "/cache/builders/0123\n"


def test_its_last_error_is_told_in_one_line(buildx: Path) -> None:
    (buildx / "says").write_text("#1 pushing\nERROR: failed to push: 401 \x1b[31mUnauthorized\n")
    with pytest.raises(RegistryRefused) as caught:
        imagetools.name_image(["a.b/c:d"], [SOURCE], "", {})
    assert str(caught.value).startswith("a.b/c:d: failed to push: 401 ")
    assert "\x1b" not in str(caught.value)


def test_an_old_one_joins_images_and_copies_none(buildx: Path) -> None:
    imagetools.name_image(["a.b/c:d"], [SOURCE, SOURCE], "", {})
    assert "--prefer-index=false" not in (buildx / "words").read_text()
    (buildx / "says").write_text("unknown flag: --prefer-index\nSee 'docker buildx imagetools create --help'.\n")
    with pytest.raises(NoBuildx, match=r"leave it as it is; install 0\.15 or newer"):
        imagetools.name_image(["a.b/c:d"], [SOURCE], "", {})


def test_a_client_without_buildx_is_an_error_of_its_own(buildx: Path) -> None:
    (buildx / "says").write_text("docker: 'buildx' is not a docker command.\n")
    with pytest.raises(NoBuildx):
        imagetools.name_image(["a.b/c:d"], [SOURCE], "", {})
