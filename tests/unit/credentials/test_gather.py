"""Where credentials, certificates and keys are found, and what a build is given of them."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gobake.config.loading import parse_config
from gobake.credentials import Access, Folders, gather
from gobake.credentials.gather import proxies_shown
from gobake.credentials.hosts import Hosts
from gobake.credentials.netrc import Login, logins, passwords, with_logins
from gobake.errors import ConfigError

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB{}\n-----END CERTIFICATE-----"
TOKENS = "tokens: {git.example.com: GIT_TOKEN}"


EVERYWHERE = Hosts(modules=frozenset(("github.com",)), settings=("*",), over_ssh=True)  # modules come from any server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A machine whose git knows nothing, with one certificate to trust."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/trusted.pem").write_text(CERTIFICATE.format("host"))
    return tmp_path / "home"


def access(home: Path, private: str = "", goenv: str = "", **environment: str) -> Access:
    scratch = home.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    config = parse_config(f"private: {{{private}}}".encode(), home.parent / "gobake.yaml") if private else None
    machine = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "GIT_CONFIG_NOSYSTEM": "1",
        "SSL_CERT_FILE": str(home / "trusted.pem"),
        **environment,
    }
    return gather(config, home.parent, goenv, Folders(kept=home / "cache", scratch=scratch), machine, EVERYWHERE)


def refusal(home: Path, private: str, **environment: str) -> str:
    with pytest.raises(ConfigError) as raised:
        access(home, private, **environment)
    assert raised.value.where is not None
    assert (raised.value.where.line, bool(raised.value.where.column)) == (1, True)
    assert raised.value.remedy
    assert "\n" not in str(raised.value)
    return str(raised.value)


def exported(found: Access) -> Mapping[str, str]:
    """What a shell makes of the secret `env`."""
    script = found.secrets["GOBAKE_ENV"] + "env -0\n"
    done = subprocess.run(
        ["sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    pairs = (entry.partition("=") for entry in done.stdout.split("\0") if entry)
    return {name: value for name, _, value in pairs if name not in ("PATH", "PWD", "_", "SHLVL", "OLDPWD")}


def git_config(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (environment[f"GIT_CONFIG_KEY_{n}"], environment[f"GIT_CONFIG_VALUE_{n}"])
        for n in range(int(environment.get("GIT_CONFIG_COUNT", "0")))
    ]


@pytest.fixture
def agent(home: Path) -> Iterator[str]:
    """A socket that accepts, as an agent's does."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "agent"))
        listener.listen()
        yield str(home / "agent")


# ---- what is found without a configuration


def test_a_machine_that_has_nothing_gives_nothing_but_its_trust(home: Path) -> None:
    found = access(home, goenv="GOPROXY=off\n")
    assert found.secrets == {
        "GOBAKE_GOENV": "GOPROXY=off\n",
        "GOBAKE_NETRC": "",
        "GOBAKE_ENV": "export GIT_SSL_CAINFO=/etc/ssl/certs/of-the-host.pem\n",
    }
    assert found.variables["GOBAKE_SSH"] == found.variables["GOBAKE_KNOWN_HOSTS"] == ""
    assert Path(found.variables["GOBAKE_CA"]).read_text() == CERTIFICATE.format("host") + "\n"
    assert set(found.host) == {"SSL_CERT_FILE", "GIT_SSL_CAINFO"}  # git does not know the variable that Go knows
    assert not found.redactor


def test_files_of_public_keys_are_shared_by_runs_and_go_when_they_are_old(home: Path) -> None:
    first = access(home).variables["GOBAKE_CA"]
    assert access(home).variables["GOBAKE_CA"] == first
    (home / "trusted.pem").write_text(CERTIFICATE.format("renewed"))
    second = access(home).variables["GOBAKE_CA"]
    assert Path(first).exists()
    os.utime(first, (0, 0))
    assert access(home).variables["GOBAKE_CA"] == second != first
    assert sorted((home / "cache").iterdir()) == [Path(second)]


def test_the_netrc_of_the_home_folder_is_given(home: Path) -> None:
    (home / ".netrc").write_text("machine a.b login me password s3cr3t\n")
    found = access(home)
    assert found.secrets["GOBAKE_NETRC"] == "machine a.b login me password s3cr3t\n"
    assert exported(found)["NETRC"] == "/root/.netrc"
    assert found.redactor.text("s3cr3t") == "***"
    assert found.sources[0] == f"netrc {home / '.netrc'} for a.b"


def test_the_variable_netrc_wins_over_the_home_folder(home: Path) -> None:
    (home / ".netrc").write_text("machine a.b login me password s3cr3t\n")
    (home / "other").write_text("machine c.d login me password other\n")
    assert access(home, NETRC=str(home / "other")).secrets["GOBAKE_NETRC"] == "machine c.d login me password other\n"
    assert access(home, NETRC=str(home / "missing")).secrets["GOBAKE_NETRC"] == ""


def test_proxies_come_in_both_cases_whichever_is_set(home: Path) -> None:
    found = access(
        home, https_proxy="http://me:s3cr3t%21@proxy:3128", NO_PROXY="localhost,.corp", HTTP_PROXY="http://p"
    )
    proxies = {name: value for name, value in exported(found).items() if "proxy" in name.lower()}
    assert proxies == {
        "HTTPS_PROXY": "http://me:s3cr3t%21@proxy:3128",
        "https_proxy": "http://me:s3cr3t%21@proxy:3128",
        "HTTP_PROXY": "http://p",
        "http_proxy": "http://p",
        "NO_PROXY": "localhost,.corp",
        "no_proxy": "localhost,.corp",
    }
    assert found.redactor.text("s3cr3t%21 s3cr3t!") == "*** ***"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:3128", "localhost:3128", "http://[::1]:8080", "socks5://127.9.9.9"]
)
def test_a_proxy_on_the_loopback_is_left_out_because_no_step_reaches_it(home: Path, address: str) -> None:
    assert "HTTPS_PROXY" not in exported(access(home, HTTPS_PROXY=address))


def test_values_that_mean_something_to_a_shell_stay_values(home: Path) -> None:
    hostile = "http://p/$(touch /tmp/x)`id`'\"\\"
    assert exported(access(home, HTTP_PROXY=hostile))["HTTP_PROXY"] == hostile


def test_an_agent_that_answers_is_used_with_the_known_hosts_of_the_machine(home: Path, agent: str) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/known_hosts").write_text("a.b ssh-ed25519 AAAA")
    found = access(home, SSH_AUTH_SOCK=agent)
    assert found.variables["GOBAKE_SSH"] == agent
    assert Path(found.variables["GOBAKE_KNOWN_HOSTS"]).read_text().startswith("a.b ssh-ed25519 AAAA\n")


def test_an_agent_that_is_gone_is_passed_over(home: Path) -> None:
    (home / "stale").touch()
    for path in (home / "stale", home / "missing"):
        assert access(home, SSH_AUTH_SOCK=str(path)).variables["GOBAKE_SSH"] == ""


def test_what_gits_own_settings_say_of_addresses_reaches_the_build(home: Path) -> None:
    (home / "server.pem").write_text(f"text\n{CERTIFICATE.format('git')}\n")
    (home / ".gitconfig").write_text(
        '[user]\n\tname = me\n[url "ssh://git@github.com/"]\n\tinsteadOf = https://github.com/\n'
        '[url "https://oauth2:glpat-s3cr3t@gitlab.com/"]\n\tinsteadOf = https://gitlab.com/\n'
        f'[http "https://c.d"]\n\textraHeader = AUTHORIZATION: basic {base64.b64encode(b"x:hidden1").decode()}\n'
        f"\tsslCAInfo = {home / 'server.pem'}\n\tsslKey = /home/me/key\n[core]\n\tsshCommand = ssh -i x\n"
    )
    found = access(home)
    assert git_config(exported(found)) == [
        ("url.ssh://git@github.com/.insteadof", "https://github.com/"),
        ("url.https://oauth2:glpat-s3cr3t@gitlab.com/.insteadof", "https://gitlab.com/"),
        ("http.https://c.d.extraheader", "AUTHORIZATION: basic eDpoaWRkZW4x"),
    ]
    assert found.redactor.text("glpat-s3cr3t eDpoaWRkZW4x hidden1") == "*** *** ***"
    assert CERTIFICATE.format("git") in Path(found.variables["GOBAKE_CA"]).read_text()


def test_passwords_in_gos_own_settings_are_secret(home: Path) -> None:
    found = access(home, goenv="GOPROXY=https://me:s3cr3t@proxy.corp/go,direct\nGOPRIVATE=a.b\n")
    assert found.redactor.text("https://me:s3cr3t@proxy.corp") == "https://me:***@proxy.corp"


# ---- what gobake.yaml names


def test_tokens_become_logins_for_go_and_git(home: Path) -> None:
    (home / ".netrc").write_text(
        "machine git.example.com login old password older\nmachine a.b login me password s3cr3t\n"
    )
    found = access(home, TOKENS, GIT_TOKEN="t0ken!")
    assert found.secrets["GOBAKE_NETRC"] == (
        "machine git.example.com login oauth2 password t0ken!\nmachine a.b login me password s3cr3t\n"
    )
    assert found.redactor.text("t0ken! s3cr3t older") == "*** *** ***"
    assert "token $GIT_TOKEN for git.example.com" in found.sources
    assert not any("t0ken!" in text for text in (*found.sources, *found.variables.values(), repr(found)))


def test_a_host_with_a_port_is_written_for_go_and_for_git(home: Path) -> None:
    said = "tokens: {'a.b:8443': {variable: T, username: me}}"
    assert access(home, said, T="s3cr3t").secrets["GOBAKE_NETRC"] == (
        "machine a.b:8443 login me password s3cr3t\nmachine a.b login me password s3cr3t\n"
    )


def test_a_go_command_of_this_machine_gets_what_gobake_yaml_alone_names(home: Path) -> None:
    (home / "hosts").write_text("a.b ssh-ed25519 AAAA\n")
    (home / "own.pem").write_text(CERTIFICATE.format("own"))
    key(home / "key")
    said = f"{TOKENS}, ssh: ~/key, known_hosts: ~/hosts, ca_bundle: ~/own.pem, ssh_hosts: [github.com]"
    found = access(home, said, GIT_TOKEN="t0ken!", GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="a.b", GIT_CONFIG_VALUE_0="c")
    environment = {"GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c", **found.host}
    basic = base64.b64encode(b"oauth2:t0ken!").decode()
    assert git_config(environment)[1:] == [
        ("url.ssh://git@github.com/.insteadOf", "https://github.com/"),
        ("http.https://git.example.com/.extraHeader", f"Authorization: Basic {basic}"),
    ]
    assert Path(environment["NETRC"]).read_text() == found.secrets["GOBAKE_NETRC"]
    assert Path(environment["NETRC"]).stat().st_mode & 0o077 == 0
    assert environment["SSL_CERT_FILE"] == found.variables["GOBAKE_CA"]
    assert f"-i {home / 'key'}" in environment["GIT_SSH_COMMAND"]
    assert f"UserKnownHostsFile={found.variables['GOBAKE_KNOWN_HOSTS']}" in environment["GIT_SSH_COMMAND"]


def test_hosts_over_ssh_keep_their_user_and_port(home: Path) -> None:
    found = access(home, "ssh_hosts: [github.com, 'me@git.example.com:2222']")
    assert git_config(exported(found)) == [
        ("url.ssh://git@github.com/.insteadOf", "https://github.com/"),
        ("url.ssh://me@git.example.com:2222/.insteadOf", "https://git.example.com/"),
    ]


def test_a_bundle_completes_what_the_machine_trusts(home: Path) -> None:
    (home.parent / "company.pem").write_text(
        f"# the company\n{CERTIFICATE.format('own')}\n{CERTIFICATE.format('host')}"
    )
    found = access(home, "ca_bundle: company.pem")
    assert Path(found.variables["GOBAKE_CA"]).read_text().count("BEGIN CERTIFICATE") == 2


def test_a_machine_that_trusts_more_than_buildkit_takes_gives_the_projects_own_bundle(home: Path) -> None:
    (home / "trusted.pem").write_text("\n".join(CERTIFICATE.format("x" * 1000 + str(n)) for n in range(600)))
    (home.parent / "company.pem").write_text(CERTIFICATE.format("own"))
    assert access(home).variables["GOBAKE_CA"] == ""
    found = access(home, "ca_bundle: company.pem")
    assert Path(found.variables["GOBAKE_CA"]).read_text() == CERTIFICATE.format("own") + "\n"


def test_each_source_can_be_turned_off(home: Path, agent: str) -> None:
    (home / ".netrc").write_text("machine a.b login me password s3cr3t\n")
    off = "netrc: none, ssh: none, ca_bundle: none, proxy: false"
    found = access(home, off, SSH_AUTH_SOCK=agent, HTTPS_PROXY="http://me:hidden@p")
    assert found.secrets == {"GOBAKE_GOENV": "", "GOBAKE_NETRC": "", "GOBAKE_ENV": ""}
    assert set(found.variables.values()) == {""}
    assert found.sources == ()
    assert found.redactor.text("hidden") == "***"


def key(file: Path, passphrase: str = "", form: str = "RFC4716") -> None:
    if not shutil.which("ssh-keygen"):
        pytest.skip("no ssh-keygen on this machine")
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", form, "-N", passphrase, "-f", str(file)], check=True)


def test_a_key_without_passphrase_is_used(home: Path) -> None:
    key(home / "key")
    assert access(home, "ssh: ~/key").variables["GOBAKE_SSH"] == str(home / "key")


@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_a_key_with_a_passphrase_is_refused_before_the_build(home: Path, form: str) -> None:
    key(home / "key", "a passphrase", form)
    assert "private.ssh: the key in " in refusal(home, "ssh: ~/key")
    key(home / "open", "", form)
    found = access(home, "ssh: ~/open")
    assert found.variables["GOBAKE_SSH"] == str(home / "open")
    text = (home / "open").read_text()
    _, *body, _ = text.splitlines()
    shown = found.redactor.text(text)
    assert not any(line in shown for line in body if len(line) >= 8)  # the last one is as long as the key leaves it


def test_what_is_named_and_not_there_is_an_error_at_its_place(home: Path) -> None:
    (home / "text").write_text("no key, no certificate")
    assert "private.netrc: there is no file " in refusal(home, "netrc: ~/missing")
    assert "private.netrc: " in refusal(home, "netrc: '~/'")
    assert "private.known_hosts: there is no file " in refusal(home, "known_hosts: ~/missing")
    assert "private.ca_bundle: there is no file " in refusal(home, "ca_bundle: ~/missing")
    assert "text contains no PEM certificate; convert it" in refusal(home, "ca_bundle: ~/text")
    assert "private.ssh: there is no file " in refusal(home, "ssh: ~/missing")
    assert "text is not a private key; name the file without .pub" in refusal(home, "ssh: ~/text")
    assert "private.ssh: no SSH agent answers at $SSH_AUTH_SOCK; start one" in refusal(home, "ssh: agent")
    unset = refusal(home, TOKENS)
    assert "private.tokens.git.example.com: the environment variable GIT_TOKEN is not set; set it to the token" in unset


def test_a_token_of_several_lines_is_refused_and_not_repeated(home: Path) -> None:
    said = refusal(home, TOKENS, GIT_TOKEN="s3cr3t\nother")
    assert "GIT_TOKEN contains white space" in said
    assert "s3cr3t" not in said


def test_a_netrc_that_is_too_long_for_the_environment_is_refused(home: Path) -> None:
    (home / ".netrc").write_text("machine a.b login me password s3cr3t\n" * 4000)
    with pytest.raises(ConfigError, match="longer than 120000 bytes"):
        access(home)


# ---- netrc


def test_netrc_is_read_as_go_reads_it() -> None:
    text = (
        "machine a.b login me password one\n"
        "machine c.d\n\tlogin you\n\tpassword two\n"
        "machine no.password login x\nmachine no.login password y\n"
        "macdef init\nmachine in.macro login a password b\n\n"
        "machine e.f login we password three\n"
        "default login any password four\nmachine g.h login late password five\n"
    )
    assert [(entry.host, entry.user, entry.password) for entry in logins(text)] == [
        ("a.b", "me", "one"),
        ("c.d", "you", "two"),
        ("e.f", "we", "three"),
    ]


def test_every_password_of_a_netrc_is_secret_also_those_that_go_passes_over() -> None:
    found = passwords("machine a.b login me password one account two\ndefault login x password three")
    assert {entry.password for entry in found} == {"one", "two", "three"}
    assert {entry.password: entry.user for entry in found}["one"] == "me"


def test_a_netrc_without_further_logins_stays_as_it_was_written() -> None:
    text = "# mine\nmachine a.b login me password one\n"
    assert with_logins(text, ()) == text
    assert with_logins(text, [Login(host="a.b", user="x", password="y")]) == "machine a.b login x password y\n"


@pytest.mark.parametrize(
    ("goproxy", "shown"),
    [
        ("https://proxy.golang.org,direct", "proxy.golang.org, direct"),
        ("https://me:s3cr3t@proxy.corp:8443/go/t0ken|http://10.0.0.1,off", "proxy.corp:8443, 10.0.0.1, off"),
        ("file:///srv/modules", "a folder"),
        ("https://[broken", "a proxy"),
        ("", ""),
    ],
)
def test_of_goproxy_hosts_alone_are_shown(goproxy: str, shown: str) -> None:
    assert proxies_shown(f"GONOSUMDB=x\nGOPROXY={goproxy}\n") == shown
