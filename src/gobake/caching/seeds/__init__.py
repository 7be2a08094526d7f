"""Seeds: Go's cache mounts as images, restored before a build and saved after it."""
