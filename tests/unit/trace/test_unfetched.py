"""Modules that could not be read: the words of Go 1.26, git and ssh as real servers provoked them, and the remedies."""

from __future__ import annotations

import pytest

from gobake.errors import ExitCode, ModulesUnavailable
from gobake.trace.unfetched import UNFETCHED
from tests.unit.trace.test_failure import run

LS_REMOTE = (
    "main.go:6:2: reading git.test/team/lib/go.mod at revision v1.0.0: git ls-remote -q --end-of-options origin in "
    "/go/pkg/mod/cache/vcs/2879bc28: exit status 128:\n"
)
NO_RIGHTS = (
    "\tfatal: Could not read from remote repository.\n\t\n"
    "\tPlease make sure you have the correct access rights\n\tand the repository exists.\n"
)
PROXY = "main.go:6:2: private.test/lib@v1.0.0: "
ZIP = "https://proxy.test/private.test/lib/@v/v1.0.0.zip"

# (id, what the step wrote, a part of what is said, a part of the remedy)
CASES = [
    ("no login", f"{PROXY}reading {ZIP}: 401 Unauthorized\n\tserver response: who are you?\n", "401 Unauthorized", "`private.tokens`"),
    ("no right", f"{PROXY}reading {ZIP}: 403 Forbidden\n", "403 Forbidden", "~/.netrc"),
    ("no login for a path", 'main.go:6:2: unrecognized import path "git.test/team/lib": reading https://git.test/team/lib?go-get=1: 401 Unauthorized\n', "unrecognized import path", "`private.tokens`"),
    ("no login for git", f"{LS_REMOTE}\tfatal: could not read Username for 'https://git.test': terminal prompts disabled\n", "terminal prompts disabled", "`private.tokens`"),
    ("unknown authority", f'{PROXY}Get "{ZIP}": tls: failed to verify certificate: x509: certificate signed by unknown authority\n', "unknown authority", "`private.ca_bundle`"),
    ("unknown authority for git", f"{LS_REMOTE}\tfatal: unable to access 'https://git.test/lib.git/': server certificate verification failed. CAfile: none CRLfile: none\n", "certificate verification failed", "SSL_CERT_FILE"),
    ("unknown host key", f"{LS_REMOTE}\tHost key verification failed.\n{NO_RIGHTS}", "exit status 128: Host key verification failed.", "`private.known_hosts`"),
    ("no key", f"{LS_REMOTE}\tgit@git.test: Permission denied (publickey,password).\n{NO_RIGHTS}", "git@git.test: Permission denied (publickey", "`private.ssh`"),
    ("no ssh", f"{LS_REMOTE}\terror: cannot run ssh: No such file or directory\n\tfatal: unable to fork\n", "cannot run ssh", "`bases.go`"),
    ("no git", 'main.go:6:2: reading git.test/lib/go.mod at revision v1: exec: "git": executable file not found in $PATH\n', "executable file not found", "`bases.go`"),
    ("no login for the proxy", f'{PROXY}Get "{ZIP}": Proxy Authentication Required\n', "Proxy Authentication Required", "HTTPS_PROXY"),
    ("no login for the proxy with git", f"{LS_REMOTE}\tfatal: unable to access 'https://git.test/': Received HTTP code 407 from proxy after CONNECT\n", "HTTP code 407", "HTTPS_PROXY"),
    ("something of git's own", f"{LS_REMOTE}\tfatal: unable to find remote helper for 'svn'\n", "exit status 128: fatal: unable to find remote helper", "GOPRIVATE"),
    ("hidden by the server", f"{PROXY}reading {ZIP}: 404 Not Found\n", "404 Not Found", "GOPRIVATE"),
]  # fmt: skip


@pytest.mark.parametrize(("output", "said", "remedy"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_each_reason_has_its_own_remedy(output: str, said: str, remedy: str) -> None:
    error = run(f"go: downloading private.test/lib v1.0.0\n{output}").error
    assert isinstance(error, ModulesUnavailable)
    assert error.exit_code is ExitCode.BUILD_FAILED
    assert said in error.what
    assert remedy in error.remedy
    assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["main.go:407:2: undefined: x", "main.go:6:401: undefined: y", "# example.com/app"])
def test_an_error_of_the_code_is_none_of_modules(text: str) -> None:
    assert not UNFETCHED.search(text)
