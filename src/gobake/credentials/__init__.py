"""How the go command of a build reaches modules: what the machine and gobake.yaml name becomes BuildKit secrets.

Nothing of it enters the recipe, a build argument or a cache key; and what comes back is redacted.
"""

from gobake.credentials.gather import Access, gather, offered
from gobake.credentials.redact import EventRedactor, Redactor, Secret

__all__ = ["Access", "EventRedactor", "Redactor", "Secret", "gather", "offered"]
