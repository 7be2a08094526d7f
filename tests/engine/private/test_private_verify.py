"""`gobake cache verify` where the clean build must download a private module again."""

from __future__ import annotations

import pytest

from tests.conftest import Tree
from tests.engine.private.machine import Machine, netrc, project, through_proxy, zips
from tests.engine.private.modules import library
from tests.engine.private.servers import ModuleServer
from tests.engine.test_faults import one_line_error


@pytest.mark.smoke
def test_a_private_module_is_downloaded_again_for_the_clean_build(
    machine: Machine, tree: Tree, server: ModuleServer
) -> None:
    netrc(server, machine)
    module = library("private.test/verified", "verified")
    server.offer(module)
    root = project(tree, "verified", module)
    machine.good("build", "--platform", "linux/amd64", cwd=root, env=through_proxy(server))
    assert zips(server, module) == 1
    ended = machine.good("cache", "verify", "--format", "json", cwd=root, env=through_proxy(server))
    (service,) = ended.json["services"]
    assert (service["service"], service["agree"]) == ("verified", True)
    assert zips(server, module) == 2, "of the three builds, one has no caches"
    assert server.password not in ended.out + ended.err


def test_without_a_login_it_says_so(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    netrc(server, machine)
    module = library("private.test/verifynologin", "")
    server.offer(module)
    root = project(tree, "verifynologin", module)
    machine.good("build", "--platform", "linux/amd64", cwd=root, env=through_proxy(server))
    netrc(server, machine, password="wrong")
    ended = machine("cache", "verify", cwd=root, env=through_proxy(server))
    assert ended.code == 4
    assert "401 Unauthorized" in one_line_error(ended)


def test_a_password_in_the_address_of_a_proxy_is_not_shown(machine: Machine, tree: Tree, server: ModuleServer) -> None:
    netrc(server, machine)
    module = library("private.test/verifyhidden", "")
    server.offer(module)
    root = project(tree, "verifyhidden", module)
    env = through_proxy(server)
    machine.good("build", "--platform", "linux/amd64", cwd=root, env=env)
    (machine.home / ".netrc").unlink()
    wrong = env["GOPROXY"].replace("https://", "https://someone:not-the-pass-word@")
    ended = machine("cache", "verify", cwd=root, env={**env, "GOPROXY": wrong})
    assert ended.code == 4
    assert "not-the-pass-word" not in ended.out + ended.err
