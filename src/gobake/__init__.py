"""gobake builds a Go team's container images through buildx, with caches that stay warm and can be seen."""

__version__ = "0.1.0"
