"""BuildKit's events and Go's own reports, as typed values: what happened to each step, why a build failed, what Go did.

Everything here is pure and works on recorded events as well as on live ones; nothing here speaks to Docker.
"""
