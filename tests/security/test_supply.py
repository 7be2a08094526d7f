"""What gobake itself is made from: packages by hash, base images by digest, one folder that git may trust."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

LOCKS = ("requirements.lock", "requirements-image.lock")
DOCKERFILE = (REPOSITORY / "bake" / "gobake.Dockerfile").read_text(encoding="utf-8")


def requirements(name: str) -> dict[str, list[str]]:
    """Hashes by pinned package. Whatever is neither is refused."""
    found: dict[str, list[str]] = {}
    text = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        pinned, *hashes = line.split()
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pinned), line
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), line
        found[pinned] = hashes
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_no_package_is_taken_that_is_not_the_one_that_was_looked_at(name: str) -> None:
    found = requirements(name)
    assert len(found) > 10
    assert all(found.values())


def test_each_machine_finds_a_file_of_its_own_among_the_hashes() -> None:
    """Packages with compiled code have a file for each platform and Python, and one of sources."""
    found = requirements("requirements.lock")
    for name in ("pydantic-core", "markupsafe", "rpds-py", "pyyaml", "coverage"):
        (hashes,) = [hashes for pinned, hashes in found.items() if pinned.startswith(f"{name}==")]
        assert len(hashes) > 20, name


def test_the_image_has_what_the_tests_ran_with() -> None:
    assert requirements("requirements-image.lock").items() <= requirements("requirements.lock").items()


@pytest.mark.parametrize("file", ["Makefile", "bake/gobake.Dockerfile"])
def test_nothing_is_installed_without_its_hash_but_gobake_itself(file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8").replace("\\\n", " ")
    text = text.replace('pip="python3 -m pip install', "").replace("$pip ", "pip install ")
    installs = re.findall(r"pip install ([^\n&]*)", text)
    assert len(installs) >= 2
    for words in installs:
        assert "--require-hashes" in words or "--no-deps --no-build-isolation" in words, words


def test_base_images_can_be_given_by_digest() -> None:
    bases = re.findall(r"(?m)^FROM (\S+)", DOCKERFILE)
    assert len(bases) == 2
    for base in bases:
        assert re.fullmatch(r"\$\{(\w+)_BASE\}\$\{\1_DIGEST:\+@\$\1_DIGEST\}", base), base
    assert "_DIGEST" in (REPOSITORY / "docker-bake.hcl").read_text(encoding="utf-8")


def test_git_in_the_image_trusts_the_one_folder_that_it_works_in() -> None:
    assert re.findall(r"safe\.directory (\S+)", DOCKERFILE) == ["/src"]
    assert "WORKDIR /src" in DOCKERFILE


def test_lock_files_name_no_index() -> None:
    for file in (*LOCKS, "Makefile"):
        text = Path(REPOSITORY / file).read_text(encoding="utf-8")
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", text), file
