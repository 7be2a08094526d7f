"""Requirements of go.mod files that no package of any platform needs: `go mod tidy -diff`, on copies of its files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gobake import memo
from gobake.errors import GobakeError
from gobake.gotool import host, list_cache, modfile, settings, words
from gobake.gotool.modules import BuildRoot, Layout, Module, version_key
from gobake.paths import scratch_folder
from gobake.proc import command
from gobake.proc.command import CommandError

_KIND = "go-tidy-1"
_SINCE = "1.23"  # Go's first version with -diff
_SECONDS = 30.0
_FAILED_SECONDS = 3600.0
_LONGEST = 300  # characters of Go's words that are kept


class Unneeded(Struct, frozen=True, kw_only=True):
    """What tidying a module would remove."""

    module: str  # its path
    requirements: tuple[tuple[str, str], ...] = ()  # (module path, version)
    error: str = ""  # why it is unknown; "" if it is known


def unneeded(layout: Layout, roots: Sequence[BuildRoot], go: str, *, fetch: bool) -> tuple[Unneeded, ...]:
    """Ask about the main modules of these roots, within a time limit each. Never raises; the tree stays unchanged."""
    from concurrent.futures import ThreadPoolExecutor

    asked = [(root, module) for root in roots for module in root.mains]
    if version_key(host.version(go)) < version_key(_SINCE):
        return tuple(Unneeded(module=module.path, error=f"this needs Go {_SINCE}") for _, module in asked)
    stamps = tuple(list_cache.stamps_of(layout, go))
    evidence = (stamps, list_cache.environment(), fetch)

    def answer(root: BuildRoot, module: Module) -> Unneeded:
        key = (str(root.directory), str(module.directory), host.version(go))
        known = _known(memo.recall(_KIND, key, evidence))
        if known is not None:
            return known
        found = _asked(root, module, go, fetch=fetch)
        if list_cache.settled(stamps):
            memo.remember(_KIND, key, evidence, {"time": time.time(), "found": msgspec.to_builtins(found)})
        return found

    with ThreadPoolExecutor(4) as pool:
        return tuple(pool.map(lambda one: answer(*one), asked))


def _asked(root: BuildRoot, module: Module, go: str, *, fetch: bool) -> Unneeded:
    file = module.directory / "go.mod"
    try:
        with scratch_folder() as folder:
            copy = folder / "go.mod"
            copy.write_text(file.read_text(encoding="utf-8") + _beside(root, module), encoding="utf-8")
            sums = file.with_name("go.sum")
            copy.with_name("go.sum").write_bytes(sums.read_bytes() if sums.is_file() else b"")
            own = settings.of_host(os.environ, host.own_settings(go))
            limits = {} if fetch else {"GOPROXY": "off"}
            environment = {**own, **limits, "GOWORK": "off", "GOFLAGS": "", "PWD": str(module.directory)}
            asked = [go, "mod", "tidy", "-diff", f"-modfile={copy}"]
            done = command.run(asked, env=environment, cwd=module.directory, seconds=_SECONDS)
    except (OSError, ValueError, CommandError, GobakeError) as error:
        return Unneeded(module=module.path, error=str(error))
    if done.code and not done.out.startswith("diff "):
        said = " ".join(words.whole(done.err).split())[:_LONGEST]
        return Unneeded(module=module.path, error=said or f"go mod tidy ended with exit code {done.code}")
    return Unneeded(module=module.path, requirements=removed(dict(module.requires), done.out))


def _beside(root: BuildRoot, module: Module) -> str:
    """Return replace lines for the other modules of a workspace, which Go would look for at module proxies."""
    if not root.work:
        return ""
    replaced = {path for path, *_ in modfile.replacements((module.directory / "go.mod").read_text(encoding="utf-8"))}
    others = [other for other in (*root.mains, *root.beside) if other.path not in {module.path, *replaced}]
    return "".join(f"\nreplace {json.dumps(one.path)} => {json.dumps(str(one.directory))}" for one in others) + "\n"


def removed(required: Mapping[str, str], diff: str) -> tuple[tuple[str, str], ...]:
    """Return the requirements of a go.mod that a diff of it removes and does not add again in another form."""
    gone: dict[str, str] = {}
    there: set[str] = set()
    for line in _of_gomod(diff):
        parts = line[1:].split("//")[0].split()
        parts = parts[1:] if parts[:1] == ["require"] else parts
        name = modfile.unquoted(parts[0]) if parts else ""
        if name in required and line[0] == "-":
            gone[name] = required[name]
        elif line[0] == "+":
            there.add(name)
    return tuple(sorted((name, version) for name, version in gone.items() if name not in there))


def _of_gomod(diff: str) -> Sequence[str]:
    """Return the changed lines of the first file of a diff, which is go.mod; go.sum follows."""
    lines: list[str] = []
    for line in diff.splitlines():
        if line.startswith("diff ") and "go.sum" in line:
            break
        if line[:1] in ("+", "-") and not line.startswith(("+++", "---")):
            lines.append(line)
    return lines


def _known(value: Any) -> Unneeded | None:
    """Return the remembered answer; one without a result counts for a while, as it may depend on the network."""
    try:
        found = msgspec.convert(value["found"], Unneeded)
        return found if not found.error or 0 <= time.time() - value["time"] < _FAILED_SECONDS else None
    except (TypeError, KeyError, ValueError):
        return None
