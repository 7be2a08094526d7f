"""Processes and waiting: futures, time limits, and no process left behind."""
