"""The modules of `gobake deps` as a graph: DOT for Graphviz, and Mermaid.

Nodes have numbers; names are only in labels, and no character of a name can end one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gobake.deps.account import Account, Module
from gobake.report.deps_words import cost_text
from gobake.text.printable import one_line

_PLAIN = re.compile(r"[^A-Za-z0-9 ./_@+~-]")  # not in a label of Mermaid

Edge = tuple[str, str]


def as_dot(found: Account) -> str:
    lines = ["digraph deps {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [f"  {node} [label={_quoted(name)}, shape=ellipse];" for node, name in _services(found)]
    lines += [f"  {node} [label={_quoted(_label(module))}];" for node, module in _modules(found)]
    lines += [f"  {one} -> {other};" for one, other in _edges(found)]
    return "\n".join([*lines, "}"])


def as_mermaid(found: Account) -> str:
    lines = ["graph LR"]
    lines += [f'  {node}(["{_coded(name)}"])' for node, name in _services(found)]
    lines += [f'  {node}["{_coded(_label(module))}"]' for node, module in _modules(found)]
    lines += [f"  {one} --> {other}" for one, other in _edges(found)]
    return "\n".join(lines)


def _services(found: Account) -> Iterator[tuple[str, str]]:
    return ((f"s{at}", name) for at, name in enumerate(found.services))


def _modules(found: Account) -> Iterator[tuple[str, Module]]:
    return ((f"m{at}", module) for at, module in enumerate(found.modules))


def _edges(found: Account) -> Iterator[Edge]:
    """Yield what services import directly, then what modules import of each other."""
    nodes: dict[str, list[str]] = {}
    for node, module in _modules(found):
        nodes.setdefault(module.path, []).append(node)  # workspaces apart may link several versions
    for node, service in _services(found):
        yield from ((node, other) for path in found.imports.get(service, ()) for other in nodes.get(path, ()))
    for node, module in _modules(found):
        yield from ((node, other) for path in module.imports for other in nodes.get(path, ()))


def _label(module: Module) -> str:
    cost = f" {cost_text(module.cost)}" if module.cost.seconds is not None else ""
    return f"{module.path} {module.version or 'local'}{cost}"


def _quoted(text: str) -> str:
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _coded(text: str) -> str:
    return _PLAIN.sub(lambda match: f"#{ord(match[0])};", one_line(text))
