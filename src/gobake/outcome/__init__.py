"""The outcome of a run, read from its events and files."""
