"""Turns BuildKit's events and Go's reports into values: outcomes of steps, causes of failures, what Go did.

It is pure, works on recorded and on live events, and does not access Docker.
"""
