"""The registry API, for what docker has no command for, such as listing tags and deleting.

Specification: https://specs.opencontainers.org/distribution-spec/. The credentials are docker's.
"""

from gobake.registry.client import DeletionRefused, Repository, parts, place_of

__all__ = ["DeletionRefused", "Repository", "parts", "place_of"]
