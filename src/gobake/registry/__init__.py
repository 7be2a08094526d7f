"""A registry's own API (https://specs.opencontainers.org/distribution-spec/), as far as docker has no command for it:
listing tags and deleting. Reached with the credentials that docker has."""

from gobake.registry.client import DeletionRefused, Manifest, Repository

__all__ = ["DeletionRefused", "Manifest", "Repository"]
