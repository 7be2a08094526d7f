"""gobake builds a Go team's container images with buildx, with caches that stay warm and visible."""

__version__ = "0.1.0"
