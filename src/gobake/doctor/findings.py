"""The findings of `gobake doctor`, as values."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """How something is."""

    FINE = "ok"
    NOTE = "note"  # it works, but slower or with less than it could
    PROBLEM = "problem"  # builds fail, or will
    UNKNOWN = "unknown"


class Fix(StrEnum):
    """What --fix does: nothing that costs an image or a record."""

    START_NODES = "start-nodes"  # of the builder
    PRUNE_OLD = "prune-old"  # the project's cache mounts that nobody uses


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the answer."""

    topic: str  # engine, buildx, disk ...
    state: State
    text: str
    remedy: str = ""
    fix: Fix | None = None


def fine(topic: str, text: str) -> Finding:
    return Finding(topic=topic, state=State.FINE, text=text)


def note(topic: str, text: str, remedy: str = "", fix: Fix | None = None) -> Finding:
    return Finding(topic=topic, state=State.NOTE, text=text, remedy=remedy, fix=fix)


def problem(topic: str, text: str, remedy: str) -> Finding:
    return Finding(topic=topic, state=State.PROBLEM, text=text, remedy=remedy)


def unknown(topic: str, text: str) -> Finding:
    return Finding(topic=topic, state=State.UNKNOWN, text=text)
