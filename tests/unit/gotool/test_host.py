"""The go command of this host: its version, remembered where that is certain, and its settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gobake.gotool import host
from gobake.gotool.host import MODULE_SETTINGS, module_settings, version


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    version.cache_clear()


def test_a_program_is_asked_once_for_its_version_and_again_when_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def version_of(go: str) -> str:
        asked.append(go)
        return "go1.99.0"

    real = shutil.which("go")
    assert real
    monkeypatch.setattr(host, "_version", version_of)
    link = tmp_path / "go"
    link.symlink_to(Path(real).resolve())
    for _ in range(2):
        version.cache_clear()
        assert version(str(link)) == "go1.99.0"
    assert len(asked) == 1
    other = tmp_path / "other"
    shutil.copyfile(Path(real).resolve(), other)
    link.unlink()
    link.symlink_to(other)
    version.cache_clear()
    version(str(link))
    assert len(asked) == 2


def test_a_script_is_asked_each_time_as_it_may_start_another_go(tmp_path: Path) -> None:
    script = tmp_path / "go"
    for number in (1, 2):
        script.write_text(f"#!/bin/sh\ncat {tmp_path}/version\n")
        script.chmod(0o755)
        (tmp_path / "version").write_text(f"go1.2{number}.0\n")
        version.cache_clear()
        assert version(str(script)) == f"go1.2{number}.0"


def test_module_settings_come_in_the_format_of_a_goenv_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPRIVATE", "example.com/*")
    monkeypatch.setenv("GOPROXY", "https://proxy.example.com,direct")
    assert "GOPROXY=https://proxy.example.com,direct\nGOPRIVATE=example.com/*\n" in module_settings()


@pytest.mark.parametrize("go", ["none", "broken"])
def test_without_a_go_that_runs_the_goenv_file_tells_them_and_the_environment_wins(
    go: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if go == "broken":
        (tmp_path / "go").write_text("#!/bin/sh\nexit 2\n")
        (tmp_path / "go").chmod(0o755)
    (tmp_path / "env").write_text(
        "# of `go env -w`\nGOPROXY=https://proxy.example.com\nGOFLAGS=-mod=mod\nGOVCS=off\nno pair\n"
    )
    for name in (*MODULE_SETTINGS, "GOENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GOENV", str(tmp_path / "env"))
    monkeypatch.setenv("GOVCS", "*:git")
    assert module_settings() == "GOPROXY=https://proxy.example.com\nGOVCS=*:git\n"
    monkeypatch.setenv("GOENV", "off")
    assert module_settings() == "GOVCS=*:git\n"


def test_a_go_too_old_for_a_project_still_tells_the_module_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "go").write_text('#!/bin/sh\necho \'{"GOPROXY": "https://proxy.example.com", "GOVCS": ""}\'\n')
    (tmp_path / "go").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert module_settings() == "GOPROXY=https://proxy.example.com\n"


def test_what_a_distribution_has_set_is_known_even_if_its_go_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else modules would be asked for elsewhere, by their names, than where the host's Go asks for them."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/go").write_text("#!/bin/sh\nexit 2\n")
    (tmp_path / "bin/go").chmod(0o755)
    (tmp_path / "go.env").write_text("# of the distribution\nGOPROXY=https://theirs.example.com\nGOSUMDB=off\n")
    (tmp_path / "env").write_text("GOSUMDB=sum.example.com\n")
    for name in (*MODULE_SETTINGS, "GOROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("GOENV", str(tmp_path / "env"))
    assert module_settings() == "GOPROXY=https://theirs.example.com\nGOSUMDB=sum.example.com\n"
