"""Whether the tests notice small wrong changes: one at a time in a copy of src, with the tests that look at its module.

`python -m bench mutants --room trust --count 40` (`make mutants ARGS="..."`) turns comparisons round, swaps `and` and
`or`, takes a `not` away, changes constants by one and results to None. It runs the unit and security tests that import
the module or are named after it, and, where these notice nothing, all tests of the room. `--seed` draws other changes.
It needs no engine, and leaves the work tree as it is.

What survives is either a change that changes nothing, or a test that is missing: the list is to be read.
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
COPIED = ("src", "bake", "cache")  # what gobake reads of itself
# The rooms that decide, and all tests that look at one of them
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
SECONDS = 240.0  # for the tests of one change: what takes longer is taken for a loop without an end
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
    """What became of a change."""

    DIED = "died"
    ENDLESS = "endless"  # the tests did not come to an end, which is noticed too
    SURVIVED = "survived"
    UNTOLD = "untold"  # the tests could not be run


@dataclass(frozen=True, kw_only=True, order=True)
class Change:
    """One place of one file, and what is to stand there instead."""

    file: str  # below src/gobake
    line: int
    begin: int  # bytes
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
    """All changes of one file. Annotations, decorators, strings and what only type checkers read are left alone."""

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
        """Asserts are for type checkers here."""

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "strict":  # of zip: for what cannot happen
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
        """A word between two operands, beside brackets, line breaks and comments."""
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
    """All changes of a module, in the order of its lines; each of them is a program still."""
    found = []
    for change in _Places(file, source).changes():
        try:
            compile(change.applied(source), file, "exec")
        except SyntaxError:
            continue
        found.append(change)
    return found


def drawn(rooms: Sequence[str], count: int, seed: int, module: str = "") -> dict[str, list[Change]]:
    """So many of each room, the same for the same seed."""
    found = {}
    for room in rooms:
        source = TOP / "src" / "gobake"
        files = sorted((source / room).rglob(f"{module or '*'}.py"))
        every = [c for file in files for c in changes_of(str(file.relative_to(source)), file.read_bytes())]
        found[room] = sorted(random.Random(f"{seed} {room}").sample(every, min(count, len(every))))
    return found


def tests_of(file: str, room: str) -> list[list[str]]:
    """What is run, one after the other until something notices: the module's own tests, then all of its room."""
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
    """Run the tests with one change, in a copy of what gobake consists of."""
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
    # 2: a module that cannot be imported any more stops the collection
    return {0: End.SURVIVED, 1: End.DIED, 2: End.DIED, 4: End.DIED}.get(done.returncode, End.UNTOLD)


# ---- the command


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--room", action="append", choices=sorted(ROOMS), help="of src/gobake; all without it")
    parser.add_argument("--module", default="", help="one module of the room, without .py")
    parser.add_argument("--count", type=int, default=30, help="changes of each room")
    parser.add_argument("--seed", type=int, default=1, help="which of the changes are drawn")
    parser.add_argument("--jobs", type=int, default=2, help="changes that are tried side by side")
    asked = parser.parse_args(words)
    found = drawn(asked.room or list(ROOMS), asked.count, asked.seed, asked.module)
    started = time.monotonic()
    if failing := [room for room in found if not _passes(room)]:
        raise SystemExit(f"tests that fail as it is tell nothing: {', '.join(failing)}")
    for room, ends in _tried(found, asked.jobs):
        died = ends[End.DIED] + ends[End.ENDLESS]
        judged_ones = len(found[room]) - len(ends[End.UNTOLD])
        share = f"{100 * len(died) / judged_ones:.0f} %" if judged_ones else "nothing to judge"
        print(f"{room}: {len(died)} of {judged_ones} changes were noticed ({share})")
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
