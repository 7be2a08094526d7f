"""A registry's own API (https://specs.opencontainers.org/distribution-spec/), as far as docker has no command for it:
listing tags and deleting. Reached with the credentials that docker has."""

from gobake.registry.client import DeletionRefused, Repository

__all__ = ["DeletionRefused", "Repository"]
