"""Prints figures about the code: `make structure`. Rooms and their order come from the contract in pyproject.toml."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "gobake"
MODULE_LINES, FUNCTION_LINES = 400, 50
ARGUMENTS = 6


def rooms() -> list[set[str]]:
    """Return the levels from the top down, each with its rooms."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["id"] == "rooms")
    return [{room.strip() for room in layer.split("|")} for layer in layers]


def room_of(module: str, known: set[str]) -> str:
    """Return the room of a module; the package itself and its entry points belong to none."""
    parts = module.split(".")
    return next((m for n in range(len(parts), 1, -1) if (m := ".".join(parts[:n])) in known), module)


def functions(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """Yield (name, lines, arguments) of each function, without self and cls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            words = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield node.name, lines, len([word for word in words if word not in ("self", "cls")])


def main() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    every_function = [(f, *one) for f in files for one in functions(ast.parse(f.read_text(encoding="utf-8")))]
    levels = rooms()
    level = {room: n for n, layer in enumerate(levels) for room in layer}
    graph = grimp.build_graph("gobake", exclude_type_checking_imports=False, cache_dir=None)
    arrows = {
        (room_of(a, set(level)), room_of(b, set(level)))
        for a in graph.modules
        for b in graph.find_modules_directly_imported_by(a)
    }
    arrows = {(a, b) for a, b in arrows if a != b}
    up = sorted((a, b) for a, b in arrows if a in level and b in level and level[a] >= level[b])
    longest = max(files, key=lambda file: lines[file])
    function = max(every_function, key=lambda one: one[2])
    many = [one for one in every_function if one[3] > ARGUMENTS]
    at_root = [f.name for f in files if f.parent == SOURCE and not f.name.startswith("__")]
    rows: list[tuple[str, object]] = [
        ("rooms", len(level)),
        ("modules", len(files)),
        ("lines", sum(lines.values())),
        ("arrows between rooms", len(arrows)),
        ("arrows up or sideways", f"{len(up)} {up}" if up else 0),
        ("modules at the root", f"{len(at_root)}: {', '.join(at_root)}"),
        ("longest module", f"{lines[longest]} lines, {longest.relative_to(SOURCE)}"),
        (f"modules over {MODULE_LINES} lines", sum(n > MODULE_LINES for n in lines.values())),
        ("functions", len(every_function)),
        ("longest function", f"{function[2]} lines, {function[1]} in {function[0].relative_to(SOURCE)}"),
        (f"functions over {FUNCTION_LINES} lines", sum(one[2] > FUNCTION_LINES for one in every_function)),
        (f"functions with more than {ARGUMENTS} arguments", len(many)),
    ]
    for name, figure in rows:
        print(f"{name:<40} {figure}")


if __name__ == "__main__":
    main()
