"""Which questions must be put to Go so that a tree is known: one for every module or workspace, platform and set of
settings. Pure: local.py asks them on this machine, plan/go_container.py in a container."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from gobake.gotool import settings
from gobake.gotool.modules import BuildRoot, Layout, Module
from gobake.model import BuildOptions, Platform

# Files that a build reads of a package, by go list's names for their kinds (cmd/go/internal/list)
SOURCES = ("GoFiles", "CgoFiles")
COMPILED = (
    *SOURCES,
    *("CFiles", "CXXFiles", "MFiles", "HFiles", "FFiles", "SFiles", "SwigFiles", "SwigCXXFiles", "SysoFiles"),
)
_FIELDS = ("Dir", "ImportPath", "Name", "Target", *COMPILED, "EmbedPatterns", "EmbedFiles", "Imports", "Error")
WHY = ("IgnoredGoFiles", "TestGoFiles", "XTestGoFiles")  # a folder with these alone has no package here, and may


@dataclass(frozen=True, kw_only=True, order=True)
class Query:
    """The settings of one question to Go: those under which the compile runs."""

    platform: Platform
    tags: tuple[str, ...] = ()
    variables: settings.Variables = ()  # of build_env, what decides what Go finds

    @property
    def goflags(self) -> str:
        return dict(self.variables).get("GOFLAGS", "")

    @property
    def env(self) -> dict[str, str]:
        return {
            **settings.of_build(self.platform, self.variables),
            "GOENV": "off",
            "GO111MODULE": "on",
            "GOBIN": "",  # set, it hides where a program for another platform would be installed, and so its name
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
            # Go's index of a package takes a file of the same name, size and date for the same file (golang/go#69179)
            "GODEBUG": ",".join(filter(None, (dict(self.variables).get("GODEBUG", ""), "goindex=0"))),
        }


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query to one module or workspace of the user's tree.

    A module that another replaces by a folder is asked in that folder: from outside, Go finds it by way of the whole
    module graph, which needs the go.mod of modules that may not be on this machine.
    """

    root: BuildRoot
    query: Query
    replaced: Module | None = None  # None: the main modules of the root

    @property
    def folder(self) -> Path:
        return self.replaced.directory if self.replaced else self.root.directory

    @property
    def work(self) -> Path | None:
        """The go.work that counts for it."""
        return None if self.replaced else self.root.work

    @property
    def vendored(self) -> bool:
        return not self.replaced and self.root.vendored_with(self.query.goflags)

    @property
    def writes(self) -> bool:
        """Whether Go would complete go.work.sum, or go.mod, in its folder."""
        if self.work:
            return not self.vendored
        return not self.replaced and settings.mod_of(self.query.goflags) == "mod"

    def env(self, seen: Callable[[Path], str] = str) -> dict[str, str]:
        """``seen``: how a path is called where Go runs."""
        found = {**self.query.env, "GOWORK": seen(self.work) if self.work else "off"}
        if self.replaced:
            found["GOFLAGS"] = settings.without_mod(self.query.goflags)
        return found

    @property
    def command(self) -> list[str]:
        """The `go list`; it runs in the folder."""
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
        """Equal for two questions with the same answer."""
        return self.folder, self.work, tuple(sorted(self.env().items())), tuple(self.command)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Go said to a question."""

    question: Question
    listed: str  # JSON objects, one after another; "" where it read nothing
    said: str = ""  # on its error output


def queries(platforms: Iterable[Platform], options: Iterable[BuildOptions]) -> tuple[Query, ...]:
    """The distinct settings of these platforms and build options."""
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
    """All that must be asked to know the tree. What is vendored lies in a vendor folder, and is not looked for."""
    wanted = tuple(asked)
    return tuple(
        Question(root=root, query=query, replaced=module)
        for root in layout.builds
        for query in wanted
        for module in (None, *(() if root.vendored_with(query.goflags) else root.replaced))
    )
