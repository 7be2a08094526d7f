"""Seeds: Go's cache mounts saved as images after a build and restored before a later one."""
