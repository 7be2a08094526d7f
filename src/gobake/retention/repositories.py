"""Looks at repositories and deletes from them, with the records and deployments that name what stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gobake.registry import Repository
from gobake.retention import delete
from gobake.retention.choose import Held, Wanted, decide
from gobake.retention.delete import Look, Pruned
from gobake.retention.graph import Contents
from gobake.retention.held import Push, candidates, held
from gobake.retention.look import look

_LOOK_SECONDS = 600.0  # for all requests of one look
_DELETE_SECONDS = 3600.0


class Known(Struct, frozen=True, kw_only=True):
    """What is known outside of registries."""

    projects: tuple[str, ...]  # the project, and its namespaces
    pushes: Sequence[Push]
    deployments: Mapping[str, str]  # text by the name of its file
    since: float  # runs of this moment or later hold what they pushed
    now: float

    def held(self, repository: str) -> Held:
        return held(repository, self.pushes, self.since, self.deployments)


def contents(name: str, known: Known) -> Contents:
    """Return what is in a repository. Raises RegistryRefused."""
    repository = Repository(name, seconds=_LOOK_SECONDS)
    return look(repository, name, candidates(name, known.pushes, known.deployments))


def look_at(name: str, wanted: Wanted, known: Known) -> Look:
    """Look at a repository and decide what goes. Raises RegistryRefused."""
    found = contents(name, known)
    return Look(contents=found, decision=decide(found, wanted, known.held(name), known.projects, known.now))


def prune(seen: Look, wanted: Wanted, known: Known) -> Pruned:
    """Delete what was decided."""
    name = seen.contents.name
    return delete.prune(Repository(name, seconds=_DELETE_SECONDS), seen, lambda: look_at(name, wanted, known))
