"""Draws rows for a width and height: what fits, the most important first. Pure; rich prints the lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from gobake.report.progress.rows import Row, RowState
from gobake.report.progress.wording import packages_text, seconds_left_text, speed_text, transfer_text
from gobake.text.printable import printable

_GAP = 2  # columns between pieces
_BAR = 16
_ROOM_FOR_BARS = 100  # columns; below, a bar would take the place of the package's name in some lines and not in others
_COLUMN = 24  # columns of labels, at least; longer ones stand out where there is room
_LOW = 5  # lines of a terminal, up to which only what works is shown
_LEAST = 8  # columns of a piece that is cut
_NAMED = 2  # targets that a line of waiting ones names

_STYLES = {
    RowState.FAILED: "bold red",
    RowState.WORKING: "cyan",
    RowState.CANCELED: "yellow",
    RowState.WAITING: "dim",
    RowState.DONE: "green",
}
_MARKS = {
    RowState.FAILED: ("✗", "x"),
    RowState.WORKING: ("▸", ">"),
    RowState.CANCELED: ("◦", "-"),
    RowState.WAITING: (" ", " "),
    RowState.DONE: ("✓", "*"),
}


class Screen(Struct, frozen=True, kw_only=True):
    """What a picture is drawn for."""

    width: int
    height: int
    fancy: bool = True  # the terminal has more than ASCII
    now: float = 0.0  # seconds since the epoch
    began: float = 0.0  # when the run began
    speeds: Mapping[str, float] = {}  # bytes per second, by label
    is_over: bool = False  # the build has ended, and its summary follows


class _Piece(Struct, frozen=True, kw_only=True):
    """A part of a line. Those of rank 0 are always shown; the others as long as there is room, in order of rank."""

    text: str
    rank: int
    style: str = ""
    cut: bool = False  # may be shortened


def draw(rows: Sequence[Row], screen: Screen) -> list[Text]:
    """Return the lines of the picture: shared work and working targets, then what is folded, then the totals."""
    targets = [row for row in rows if not row.shared]
    lines = [row for row in rows if _has_line(row)]
    folded = [line for state in (RowState.FAILED, RowState.WAITING) if (line := _folded(targets, state, screen))]
    folded = folded if screen.height > _LOW else []
    room = max(1, screen.height - 2 - len(folded))  # the last line is for the cursor
    done = [row for row in targets if row.state in (RowState.DONE, RowState.CANCELED)]
    if not screen.is_over and len(lines) + len(done) <= room:
        lines = [row for row in rows if _has_line(row) or row in done]
    picked = _picked(lines, room)
    label = min(max((cell_len(printable(row.label)) for row in picked), default=0), max(_COLUMN, screen.width * 2 // 5))
    drawn = [_line(row, label, screen) for row in picked]
    if more := len(lines) - len(picked):
        drawn.append(Text(f"  and {more} more", style="dim"))
    return [*drawn, *folded, *_foot(rows, screen)]


def _has_line(row: Row) -> bool:
    """Whether a row has its own line: what works, what failed itself, and compiles that are done."""
    if row.state in (RowState.FAILED, RowState.WORKING):
        return not row.waits
    return row.shared and (row.state is RowState.CANCELED or bool(row.packages or row.of))


def _picked(lines: Sequence[Row], room: int) -> list[Row]:
    """The lines that fit, in their order; failed and working ones are kept first, shared work before targets, and those
    that only write their result last."""
    if len(lines) <= room:
        return list(lines)
    order = list(RowState)

    def rank(at: int) -> tuple[int, bool, bool, int]:
        row = lines[at]
        return order.index(row.state), not row.shared, bool(row.moved and row.moved.doing), at

    return [lines[at] for at in sorted(sorted(range(len(lines)), key=rank)[: max(1, room - 1)])]


# ---- one line


def _line(row: Row, label: int, screen: Screen) -> Text:
    style = _STYLES[row.state]
    pieces = [piece for piece in _pieces(row, screen) if piece.text]
    needed = sum(cell_len(piece.text) + _GAP for piece in pieces if piece.rank == 0 and not piece.cut)
    name = printable(row.label)
    label = max(min(max(label, cell_len(name)), screen.width - 2 - needed), min(label, _LEAST))
    text = Text(f"{_mark(row.state, screen)} ", style=style, no_wrap=True, overflow="ellipsis")
    text.append(set_cell_size(_cut_within(name, label, screen), label), "bold" * row.shared)
    room = screen.width - 2 - label
    for piece in _fitting(pieces, room, screen):
        text.append(" " * _GAP)
        text.append(piece.text, piece.style)
    text.rstrip()
    return text


def _fitting(pieces: Sequence[_Piece], room: int, screen: Screen) -> list[_Piece]:
    """The pieces for which there is room, in their order."""
    kept: dict[int, _Piece] = {}
    for at, piece in sorted(enumerate(pieces), key=lambda pair: (pair[1].rank, pair[0])):
        width = cell_len(piece.text) + _GAP
        if width <= room:
            kept[at] = piece
        elif piece.cut and room - _GAP >= _LEAST:
            kept[at] = _Piece(text=_cut(piece.text, room - _GAP, screen), rank=piece.rank, style=piece.style)
            width = room
        elif piece.rank == 0:
            kept[at] = piece
        else:
            continue
        room -= width
    return [kept[at] for at in sorted(kept)]


def _pieces(row: Row, screen: Screen) -> list[_Piece]:
    """What a line tells after its label, in the order in which it is read."""
    style = _STYLES[row.state]
    if row.state is RowState.FAILED:
        return [_Piece(text="failed", rank=0, style=style), _Piece(text=row.said, rank=1, cut=True)]
    if row.state is RowState.DONE:
        took = f"{row.ended - row.since:.1f} s" if row.ended and row.since else ""
        compiled = packages_text(row) or "done"
        return [_Piece(text=compiled, rank=0, style=style), _Piece(text=took, rank=1)]
    if row.state is not RowState.WORKING:
        return [_Piece(text=str(row.state), rank=0, style=style)]
    since = f"{max(0.0, screen.now - row.since):.0f} s" if row.since else ""
    left = f"about {seconds_left_text(row.left)} left" if row.left else ""
    moved = transfer_text(row.moved) if row.moved else ""
    speed = speed_text(screen.speeds.get(row.label, 0.0)) if row.moved and not row.moved.unpacking else ""
    if packages := packages_text(row):
        return [
            _Piece(text=_bar(row, screen), rank=5, style="cyan"),
            _Piece(text=packages, rank=0),
            _Piece(text=since, rank=2),
            _Piece(text=left, rank=4),
            _Piece(text=printable(row.package or row.module), rank=3, style="dim", cut=True),
        ]
    return [
        _Piece(text=moved, rank=0),
        _Piece(text=speed, rank=1),
        _Piece(text=printable(row.now), rank=0 if not moved else 2, cut=True),
        _Piece(text=since, rank=2),
        _Piece(text=printable(row.said), rank=3, style="dim", cut=True),
    ]


def _bar(row: Row, screen: Screen) -> str:
    """How much of a compile is done; nothing if that is unknown, or without room for the bars of all lines."""
    if not row.of or screen.width < _ROOM_FOR_BARS:
        return ""
    done = min(_BAR, row.packages * _BAR // row.of)
    full, rest = ("━", "─") if screen.fancy else ("#", "-")
    return full * done + rest * (_BAR - done)


# ---- what is folded, and the totals


def _folded(targets: Sequence[Row], state: RowState, screen: Screen) -> Text | None:
    """`24 targets wait for go build linux/amd64`; or those that failed with it."""
    rows = [row for row in targets if row.state is state and not _has_line(row)]
    if not rows:
        return None
    names = ", ".join(printable(row.label) for row in rows) if len(rows) <= _NAMED else f"{len(rows)} targets"
    for_what = Counter(label for row in rows for label in row.waits)
    ordered = sorted(for_what, key=lambda label: (-for_what[label], label))
    first, *more = [printable(label) for label in ordered] or [""]
    more = [label.removeprefix("go build ") if first.startswith("go build ") else label for label in more]
    verb = "failed with" if state is RowState.FAILED else "waits for" if len(rows) == 1 else "wait for"
    what = f"{verb} {first}" if first else verb.partition(" ")[0]
    what += f" and {more[0]}" if len(more) == 1 else f" and {len(more)} more" if more else ""
    text = _cut(f"  {names} {what}", screen.width, screen)
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")


def _foot(rows: Sequence[Row], screen: Screen) -> list[Text]:
    """`12 of 32 targets, 34 s`."""
    targets = [row for row in rows if not row.shared]
    if not rows or (screen.is_over and not targets):
        return []
    seconds = f"{max(0.0, screen.now - screen.began):.0f} s"
    done = sum(row.state is RowState.DONE for row in targets)
    text = f"{done} of {len(targets)} targets, {seconds}" if targets else seconds
    return [Text(text, style="bold", no_wrap=True, overflow="ellipsis")]


def _mark(state: RowState, screen: Screen) -> str:
    return _MARKS[state][0 if screen.fancy else 1]


def _cut_within(text: str, width: int, screen: Screen) -> str:
    """Shorten a label in the middle: its end, such as a platform, tells it from others."""
    if cell_len(text) <= width or width < 2 * _LEAST:
        return _cut(text, width, screen)
    end = text[-(width // 2) :]
    return _cut(text, width - cell_len(end), screen) + end


def _cut(text: str, width: int, screen: Screen) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)) + ("…" if screen.fancy else ".") if width > 0 else ""


class Speeds:
    """Bytes per second of what moves, over the last seconds."""

    SECONDS = 6.0

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[float, int]]] = {}

    def of(self, rows: Sequence[Row], now: float) -> dict[str, float]:
        """Take what has moved by now; return the speed of each row that moves, by label."""
        moving = {row.label: row.moved.current for row in rows if row.moved}
        self._seen = {label: seen for label, seen in self._seen.items() if label in moving}
        found = {}
        for label, current in moving.items():
            seen = self._seen.setdefault(label, [])
            seen.append((now, current))
            while len(seen) > 2 and seen[1][0] <= now - self.SECONDS:
                seen.pop(0)
            then, before = seen[0]
            if now > then:
                found[label] = max(0.0, (current - before) / (now - then))
        return found
