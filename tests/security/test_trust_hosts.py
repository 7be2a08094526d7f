"""Logins and keys go only where the project's modules come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from gobake.credentials import Folders, gather, offered
from gobake.credentials.hosts import Hosts, of_project
from gobake.credentials.logins import without_logins
from gobake.gotool import modules
from tests.conftest import Tree

NETRC = (
    "machine git.acme.example login me password acme-secret\n"
    "machine github.com login me password github-secret\n"
    "machine bank.example login me password bank-secret\n"
    "default login me password default-secret\n"
)
MOD = "module example.com/x\n\ngo 1.26\n\nrequire git.acme.example/lib v1.0.0\n"


@pytest.mark.parametrize(
    ("host", "needed"),
    [
        ("git.acme.example", True),
        ("git.acme.example:8443", True),
        ("proxy.acme.example", True),  # go.acme.example may lead to git.acme.example
        ("acme.example.evil.com", False),
        ("evilacme.example", False),
        ("github.com", False),
        ("example", False),
        ("", False),
    ],
)
def test_a_host_is_needed_by_a_module_of_its_own_organisation(host: str, needed: bool) -> None:
    assert Hosts(modules=frozenset(("git.acme.example",))).need(host) is needed


def test_modules_of_a_hosting_service_need_no_other_one() -> None:
    hosts = Hosts(modules=frozenset(("github.com",)))
    assert hosts.need("github.com")
    assert not hosts.need("gitlab.com")
    assert not hosts.need("notgithub.com")


def test_hosts_come_from_go_mod_from_replacements_and_from_this_machines_settings(tree: Tree) -> None:
    text = f"{MOD}\nreplace example.com/old => git.fork.example/new v1.2.3\n\nreplace example.com/b => ./b\n"
    layout = modules.layout(tree({"go.mod": text}))
    goenv = "GOPROXY=https://me:pw@proxy.corp.example/go,direct\nGOPRIVATE=*.corp.example/team,private.example\n"
    hosts = of_project(layout, goenv)
    assert hosts.modules == {"git.acme.example", "git.fork.example"}
    assert hosts.need("proxy.corp.example")
    assert hosts.need("git.corp.example")
    assert hosts.need("private.example")
    assert not hosts.need("github.com")


def given(home: Path, root: Path, *, trusted: bool, goenv: str = "", **environment: str) -> str:
    """All that the build would be told, as one text."""
    scratch = home / "scratch"
    scratch.mkdir(exist_ok=True)
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1", **environment}
    hosts = of_project(modules.layout(root), goenv) if trusted else None
    access = gather(None, root, goenv, Folders(kept=home / "kept", scratch=scratch), environ, hosts)
    return repr((dict(access.secrets), dict(access.variables), dict(access.host)))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / ".netrc").write_text(NETRC)
    (folder / ".gitconfig").write_text(
        '[url "https://token-in-url@git.acme.example/"]\n\tinsteadOf = https://git.acme.example/\n'
        '[http "https://bank.example"]\n\textraHeader = Authorization: Bearer bank-header\n'
        '[http "https://git.acme.example"]\n\textraHeader = Authorization: Bearer acme-header\n'
        '[url "https://mirror.example/"]\n\tinsteadOf = https://slow.example/\n'
    )
    return folder


def test_a_project_is_given_the_logins_of_its_modules_alone(home: Path, tree: Tree) -> None:
    told = given(home, tree({"go.mod": MOD}), trusted=True)
    assert "acme-secret" in told
    assert "acme-header" in told
    for other in ("github-secret", "bank-secret", "default-secret", "bank-header"):
        assert other not in told


def test_a_stranger_is_given_no_secret_of_this_machine(home: Path, tree: Tree) -> None:
    goenv = "GOPROXY=https://me:proxy-secret@proxy.example/go,direct\n"
    told = given(
        home,
        tree({"go.mod": MOD}),
        trusted=False,
        goenv=goenv,
        HTTPS_PROXY="http://me:web-secret@web.example:3128",
        SSH_AUTH_SOCK=str(home / "agent"),
    )
    for secret in ("-secret", "-header", "token-in-url", "agent"):
        assert secret not in told
    for public in ("https://proxy.example/go", "http://web.example:3128", "https://mirror.example/"):
        assert public in told


def test_what_would_be_given_can_be_told_without_giving_it(home: Path, tree: Tree) -> None:
    root = tree({"go.mod": MOD})
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    (told,) = offered(root, environ, of_project(modules.layout(root), ""))
    assert told == f"netrc {home / '.netrc'} for git.acme.example"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("https://me:pw@host/x", "https://host/x"),
        ("https://token@host/x,direct", "https://host/x,direct"),
        ("ssh://git@host/x", "ssh://host/x"),
        ("https://host/a@b", "https://host/a@b"),
        ("GOPROXY=off", "GOPROXY=off"),
    ],
)
def test_logins_leave_addresses(text: str, bare: str) -> None:
    assert without_logins(text) == bare
