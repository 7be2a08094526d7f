"""Credentials for modules: those of the machine and of gobake.yaml become BuildKit secrets for the go command.

They never enter the recipe, a build argument or a cache key, and all output is redacted.
"""

from gobake.credentials.gather import Access, Folders, gather, offered
from gobake.credentials.redact import EventRedactor, Redactor, Secret

__all__ = ["Access", "EventRedactor", "Folders", "Redactor", "Secret", "gather", "offered"]
