"""Processes and waiting: answers that take a moment, limits of patience, no process left behind."""
