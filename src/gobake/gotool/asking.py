"""The questions to Go about a tree: one per module or workspace, platform and set of settings.

Pure: local.py asks them on this machine, plan/go_container.py in a container.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from gobake.gotool import settings
from gobake.gotool.modules import BuildRoot, Layout, Module
from gobake.model import BuildOptions, Platform

# go list's fields for the files of a package that a build reads (cmd/go/internal/list)
SOURCES = ("GoFiles", "CgoFiles")
COMPILED = (
    *SOURCES,
    *("CFiles", "CXXFiles", "MFiles", "HFiles", "FFiles", "SFiles", "SwigFiles", "SwigCXXFiles", "SysoFiles"),
)
_FIELDS = ("Dir", "ImportPath", "Name", "Target", *COMPILED, "EmbedPatterns", "EmbedFiles", "Imports", "Error")
WHY = ("IgnoredGoFiles", "TestGoFiles", "XTestGoFiles")  # a folder with only these rightly has no package


class Query(Struct, frozen=True, kw_only=True, order=True):
    """The settings of one question to Go, which are those of the compile."""

    platform: Platform
    tags: tuple[str, ...] = ()
    variables: settings.Variables = ()  # those of build_env that influence what Go finds

    @property
    def goflags(self) -> str:
        """The value of GOFLAGS; "" if unset."""
        return dict(self.variables).get("GOFLAGS", "")

    @property
    def env(self) -> dict[str, str]:
        """The environment of the question."""
        return {
            **settings.of_build(self.platform, self.variables),
            "GOENV": "off",
            "GO111MODULE": "on",
            "GOBIN": "",  # if set, go list does not report a program's name for another platform
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            # Go's package index takes files of the same name, size and date for the same file (golang/go#69179)
            "GODEBUG": ",".join(filter(None, (dict(self.variables).get("GODEBUG", ""), "goindex=0"))),
        }


class Question(Struct, frozen=True, kw_only=True):
    """A query to one module or workspace of the user's tree.

    A local module that replaces another is queried in its own folder. From outside, Go would load the whole module
    graph, which needs the go.mod files of modules that may not be on this machine.
    """

    root: BuildRoot
    query: Query
    replaced: Module | None = None  # None: the main modules of the root

    @property
    def folder(self) -> Path:
        """Where the question is asked."""
        return self.replaced.directory if self.replaced else self.root.directory

    @property
    def work(self) -> Path | None:
        """The go.work in use."""
        return None if self.replaced else self.root.work

    @property
    def vendored(self) -> bool:
        """Whether Go reads the vendor folder."""
        return not self.replaced and self.root.vendored_with(self.query.goflags)

    @property
    def writes(self) -> bool:
        """Whether Go would update go.work.sum or go.mod in the folder."""
        if self.work:
            return not self.vendored
        return not self.replaced and settings.mod_of(self.query.goflags) == "mod"

    def env(self, seen: Callable[[Path], str] = str) -> dict[str, str]:
        """Return the environment. ``seen`` maps a path to the one where Go runs."""
        environment = {**self.query.env, "GOWORK": seen(self.work) if self.work else "off"}
        if self.replaced:
            environment["GOFLAGS"] = settings.without_mod(self.query.goflags)
        return environment

    @property
    def command(self) -> list[str]:
        """The `go list` command, to be run in the folder."""
        words = ["go", "list", "-e", f"-json={','.join((*_FIELDS, *WHY))}"]
        if self.query.tags:
            words.append("-tags=" + ",".join(self.query.tags))
        if not self.work:
            return [*words, "./..."]
        listed = (*self.root.mains, *self.root.beside)
        folders = (os.path.relpath(module.directory, self.folder).replace(os.sep, "/") for module in listed)
        return words + [f"./{folder}/...".replace("/./", "/") for folder in folders]

    @property
    def asked(self) -> tuple[object, ...]:
        """A key that is equal for questions with the same answer."""
        return self.folder, self.work, tuple(sorted(self.env().items())), tuple(self.command)


class Answer(Struct, frozen=True, kw_only=True):
    """Go's output for a question."""

    question: Question
    listed: str  # stdout: JSON objects, one after another; "" if it read nothing
    said: str = ""  # stderr


def queries(platforms: Iterable[Platform], options: Iterable[BuildOptions]) -> tuple[Query, ...]:
    """Return the distinct settings of these platforms and build options."""
    wanted = list(options) or [BuildOptions()]
    return tuple(
        sorted(
            {
                Query(platform=p, tags=o.tags, variables=settings.deciding(dict(o.env)))
                for p in platforms
                for o in wanted
            }
        )
    )


def questions(layout: Layout, asked: Iterable[Query]) -> tuple[Question, ...]:
    """Return all questions needed to know the tree. Modules read from a vendor folder are not queried."""
    wanted = tuple(asked)
    return tuple(
        Question(root=root, query=query, replaced=module)
        for root in layout.builds
        for query in wanted
        for module in (None, *(() if root.vendored_with(query.goflags) else root.replaced))
    )
