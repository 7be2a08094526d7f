"""A workspace that changes in every way that fools caches, and what `go build` of a fresh clone makes of it."""
