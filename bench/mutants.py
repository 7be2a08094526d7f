"""Checks whether the tests detect small wrong changes, made one at a time in a copy of src.

`python -m bench.mutants --room trust --count 40` (`make mutants ARGS="..."`) reverses comparisons, swaps `and` and
`or`, removes a `not`, adds one to constants and replaces results by None. It runs the unit and security tests that
import the module or are named after it, and, if these detect nothing, all tests of the room. `--seed` selects other
changes. It needs no engine, and does not modify the work tree.

A survivor is either a change without effect, or shows a missing test: read the list.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
COPIED = ("src", "bake", "cache")  # gobake's own files
# The rooms with pure decisions, and all tests of each
ROOMS = {
    "trust": ("security/test_trust_*.py", "security/test_host_code.py", "security/test_strangers.py"),
    "caching": (
        *("unit/caching/test_*.py", "unit/run/test_save.py", "unit/cli/test_cache.py", "unit/report/test_plan.py"),
        *("unit/checkout/test_ci.py", "security/test_shared_builder.py", "security/test_*_of_others.py"),
    ),
    "trace": ("unit/trace/test_*.py", "unit/outcome/test_*.py", "unit/report/test_progress.py"),
    "insight": (
        *("unit/insight/test_*.py", "unit/report/test_*.py", "unit/runs/test_summary.py"),
        "unit/caching/test_layers_record.py",
    ),
    "recipe": (
        *("unit/recipe/test_*.py", "unit/versions/test_stamps.py", "unit/caching/test_layers_plan.py"),
        *("unit/cli/test_commands.py", "security/test_shared_builder.py"),
    ),
}
SECONDS = 240.0  # for the tests of one change: anything longer counts as an endless loop
_TURNED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}


class End(StrEnum):
    """The result of a change."""

    DIED = "died"
    ENDLESS = "endless"  # the tests did not end, so the change was detected too
    SURVIVED = "survived"
    UNTOLD = "untold"  # the tests could not be run


@dataclass(frozen=True, kw_only=True, order=True)
class Change:
    """One place of one file, and its replacement."""

    file: str  # below src/gobake
    line: int
    begin: int  # byte offsets
    end: int
    instead: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.begin] + self.instead.encode() + source[self.end :]

    def shown(self, source: bytes) -> str:
        """`caching/refs.py:39: <= → <  in  if len(whole) <= LONGEST:`."""
        was = " ".join(source[self.begin : self.end].decode().split()) or "nothing"
        text = source.splitlines()[self.line - 1].decode().strip()
        return f"{self.file}:{self.line}: {was[:40]} → {self.instead or 'nothing'}  in  {text}"


# ---- changes


class _Places(ast.NodeVisitor):
    """Finds all changes of one file, except in annotations, decorators, strings and code for type checkers."""

    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.found: list[Change] = []
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def changes(self) -> list[Change]:
        self.visit(ast.parse(self.source))
        return sorted(self.found)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.args.defaults, *node.args.kw_defaults, *node.body):
            if part is not None:
                self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in node.body:
            self.visit(part)

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Skip asserts, which are for type checkers here."""

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "strict":  # of zip, for impossible cases
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, sign, right in zip(sides, node.ops, sides[1:], strict=False):
            self._word(left, right, *_TURNED[type(sign)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        self._word(node.values[0], node.values[1], *words)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            begin = self._begin(node)
            self._add(node.lineno, begin, begin + len("not "), "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace(node, str(not node.value))
        elif isinstance(node.value, int | float):
            self._replace(node, repr(node.value + 1))

    def visit_Return(self, node: ast.Return) -> None:
        if node.value and not isinstance(node.value, ast.Constant):
            self._replace(node.value, "None")
        self.generic_visit(node)

    # ---- places

    def _begin(self, node: ast.expr) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr) -> int:
        return self._starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)

    def _word(self, left: ast.expr, right: ast.expr, was: str, instead: str) -> None:
        """Add a change of the operator between two operands, ignoring brackets, line breaks and comments."""
        begin, end = self._end(left), self._begin(right)
        between = re.sub(rb"#[^\n]*", lambda comment: b" " * len(comment[0]), self.source[begin:end])
        at = between.find(was.encode())
        if at >= 0:
            line = left.end_lineno or left.lineno
            self._add(line + between[:at].count(b"\n"), begin + at, begin + at + len(was), instead)

    def _replace(self, node: ast.expr, instead: str) -> None:
        self._add(node.lineno, self._begin(node), self._end(node), instead)

    def _add(self, line: int, begin: int, end: int, instead: str) -> None:
        self.found.append(Change(file=self.file, line=line, begin=begin, end=end, instead=instead))


def changes_of(file: str, source: bytes) -> list[Change]:
    """Return all changes of a module in the order of its lines; each leaves valid syntax."""
    valid = []
    for change in _Places(file, source).changes():
        try:
            compile(change.applied(source), file, "exec")
        except SyntaxError:
            continue
        valid.append(change)
    return valid


def drawn(rooms: Sequence[str], count: int, seed: int, module: str = "") -> dict[str, list[Change]]:
    """Return ``count`` random changes of each room, the same for the same seed."""
    by_room = {}
    for room in rooms:
        source = TOP / "src" / "gobake"
        files = sorted((source / room).rglob(f"{module or '*'}.py"))
        every = [c for file in files for c in changes_of(str(file.relative_to(source)), file.read_bytes())]
        by_room[room] = sorted(random.Random(f"{seed} {room}").sample(every, min(count, len(every))))
    return by_room


def tests_of(file: str, room: str) -> list[list[str]]:
    """Return the lists of tests to run in order until one detects the change: the module's own, then the room's."""
    wide = sorted(str(one.relative_to(TOP)) for pattern in ROOMS[room] for one in (TOP / "tests").glob(pattern))
    own = [test for test in wide if file and _looks_at(TOP / test, Path(file))]
    rest = [test for test in wide if test not in own]
    return [tests for tests in (own, rest) if tests]


def _looks_at(test: Path, file: Path) -> bool:
    room, module = ".".join(file.parent.parts), file.stem
    imported = rf"gobake\.{room}\.{module}\b|from gobake\.{room} import [^\n]*\b{module}\b"
    return test.stem == f"test_{module}" or bool(re.search(imported, test.read_text()))


def _passes(room: str) -> bool:
    """Whether the tests of a room pass without a change."""
    with tempfile.TemporaryDirectory(prefix="gobake-mutants-") as place:
        _copy(Path(place))
        return all(_run(tests, Path(place)) is End.SURVIVED for tests in tests_of("", room))


def judged(room: str, change: Change) -> tuple[Change, End]:
    """Run the tests with one change, in a copy of gobake's files."""
    with tempfile.TemporaryDirectory(prefix="gobake-mutants-") as place:
        folder = Path(place)
        _copy(folder)
        changed = folder / "src" / "gobake" / change.file
        changed.write_bytes(change.applied(changed.read_bytes()))
        for tests in tests_of(change.file, room):
            end = _run(tests, folder)
            if end is not End.SURVIVED:
                return change, end
    return change, End.SURVIVED


def _copy(to: Path) -> None:
    for name in COPIED:
        shutil.copytree(TOP / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))


def _run(tests: Sequence[str], copy: Path) -> End:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests]
    env = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(copy)}
    try:
        done = subprocess.run(command, cwd=TOP, env=env, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return End.ENDLESS
    # 2: a module that can no longer be imported stops the collection
    return {0: End.SURVIVED, 1: End.DIED, 2: End.DIED, 4: End.DIED}.get(done.returncode, End.UNTOLD)


# ---- the command


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--room", action="append", choices=sorted(ROOMS), help="of src/gobake; default: all")
    parser.add_argument("--module", default="", help="one module of the room, without .py")
    parser.add_argument("--count", type=int, default=30, help="changes of each room")
    parser.add_argument("--seed", type=int, default=1, help="seed for the selection of changes")
    parser.add_argument("--jobs", type=int, default=2, help="changes that are tried in parallel")
    options = parser.parse_args()
    found = drawn(options.room or list(ROOMS), options.count, options.seed, options.module)
    started = time.monotonic()
    if failing := [room for room in found if not _passes(room)]:
        raise SystemExit(f"tests fail without any change: {', '.join(failing)}")
    for room, ends in _tried(found, options.jobs):
        died = ends[End.DIED] + ends[End.ENDLESS]
        judged_ones = len(found[room]) - len(ends[End.UNTOLD])
        share = f"{100 * len(died) / judged_ones:.0f} %" if judged_ones else "nothing to judge"
        print(f"{room}: {len(died)} of {judged_ones} changes were detected ({share})")
        for end in (End.ENDLESS, End.UNTOLD, End.SURVIVED):
            for change in sorted(ends[end]):
                source = (TOP / "src" / "gobake" / change.file).read_bytes()
                print(f"  {end}  {change.shown(source)}")
    print(f"{time.monotonic() - started:.0f} s")
    return 0


def _tried(found: dict[str, list[Change]], jobs: int) -> Iterator[tuple[str, dict[End, list[Change]]]]:
    with ThreadPoolExecutor(jobs) as pool:
        for room, changes in found.items():
            ends: dict[End, list[Change]] = defaultdict(list)
            for change, end in pool.map(partial(judged, room), changes):
                ends[end].append(change)
            yield room, ends


if __name__ == "__main__":
    sys.exit(main())
