"""The files of tools that make releases (GoReleaser, ko, promu) -> the packages that they build. Pure.

https://goreleaser.com/customization/builds/go/, https://ko.build/configuration/, https://github.com/prometheus/promu
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from gobake.services.values import Build, Source

# What GoReleaser links where a build says nothing: https://goreleaser.com/customization/builds/go/
_LDFLAGS = "-s -w" + "".join(
    f" -X main.{name}={value}"
    for name, value in (
        ("version", "{{.Version}}"), ("commit", "{{.Commit}}"), ("date", "{{.Date}}"), ("builtBy", "goreleaser"),
    )
)  # fmt: skip
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_IMPORT = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+/")


def goreleaser(text: str, path: str) -> tuple[Build, ...]:
    """The builds of a .goreleaser.yaml. What is no YAML (a template of one) says nothing."""
    return _builds(text, path, Source.GORELEASER)


def ko(text: str, path: str) -> tuple[Build, ...]:
    return _builds(text, path, Source.KO)


def promu(text: str, path: str) -> tuple[Build, ...]:
    """The binaries of a .promu.yml; flags and tags are the same for all."""
    document, lines = _document(text)
    build = _table(document.get("build"))
    ldflags = " ".join(str(build.get("ldflags", "")).split())
    tags = build.get("tags")
    named = tuple(str(tag) for tag in (_table(tags).get("all", ()) if isinstance(tags, dict) else tags or ()))
    return tuple(
        Build(
            source=Source.PROMU, where=f"{path}:{lines.get(('build', 'binaries', at), 1)}",
            folders=(_folder(".", str(entry.get("path", "."))),), binary=_plain(entry.get("name")), ldflags=ldflags,
            tags=named,
        )
        for at, entry in enumerate(map(_table, build.get("binaries") or ()))
    )  # fmt: skip


def _builds(text: str, path: str, source: Source) -> tuple[Build, ...]:
    document, lines = _document(text)
    return tuple(
        build
        for at, entry in enumerate(map(_table, document.get("builds") or ()))
        for build in _build(entry, f"{path}:{lines.get(('builds', at), 1)}", source)
    )


def _build(entry: dict[str, Any], where: str, source: Source) -> Iterator[Build]:
    """GoReleaser's `main` may be a file, a folder or an import path, seen from `dir`. One build may skip what is not
    linux, or be made elsewhere (`builder: prebuilt`, rust)."""
    systems = [str(system) for system in _list(entry.get("goos"))]
    if systems and not any(s == "linux" or "{" in s for s in systems):
        return
    if str(entry.get("builder", "go")) not in ("go", "") or str(entry.get("skip", "")).lower() == "true":
        return
    if str(entry.get("buildmode", "")) in ("c-shared", "c-archive"):
        return
    main, folder = str(entry.get("main") or "."), str(entry.get("dir") or ".")
    if _TEMPLATE.search(folder) or (_TEMPLATE.search(main)):
        main, folder = _TEMPLATE.sub("*", main), _TEMPLATE.sub("*", folder)
    main = posixpath.dirname(main) or "." if main.endswith(".go") else main
    path = main if _IMPORT.match(main) else ""
    flags = tuple(str(flag) for flag in _list(entry.get("flags")))
    binary = entry.get("binary")
    usual = _LDFLAGS if source is Source.GORELEASER else ""
    yield Build(
        source=source, where=where, folders=() if path else (_folder(folder, main),), import_path=path,
        binary=_plain(binary), exact="{{" not in str(binary), flags=flags,
        ldflags=" ".join(str(flag) for flag in _list(entry.get("ldflags", usual))),
        tags=tuple(str(tag) for tag in _list(entry.get("tags"))) or _tags(flags),
        env=tuple((k, v) for k, _, v in (str(item).partition("=") for item in _list(entry.get("env")))),
    )  # fmt: skip


def _tags(flags: tuple[str, ...]) -> tuple[str, ...]:
    for at, flag in enumerate(flags):
        name, equals, value = flag.lstrip("-").partition("=")
        if name == "tags":
            value = value if equals else (flags[at + 1] if at + 1 < len(flags) else "")
            return tuple(tag for tag in re.split(r"[,\s]+", value) if tag and "{" not in tag)
    return ()


def _folder(start: str, main: str) -> str:
    return posixpath.normpath(posixpath.join(start, main))


def _plain(name: object) -> str:
    """A binary's name; what a template puts behind it names the platform."""
    text = _TEMPLATE.sub("*", str(name or ""))
    text = re.sub(r"(?:[-_.]?(?:\*|linux|amd64|arm64))+$", "", posixpath.basename(text))
    return text if re.fullmatch(r"[A-Za-z0-9][\w.-]*", text) else ""


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _document(text: str) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """The first document as plain values, and the lines of lists' items by their keys. What is no YAML is empty."""
    import yaml  # here, because its import takes long and few projects need it

    class Loader(yaml.SafeLoader):
        """Timestamps and the like stay text."""

    Loader.yaml_implicit_resolvers = {}
    try:
        node = next(iter(yaml.compose_all(text, Loader=Loader)), None)
        if not isinstance(node, yaml.MappingNode):
            return {}, {}
        lines: dict[tuple[str | int, ...], int] = {}
        _note_lines(node, (), lines)
        loader = Loader("")
        value = loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, {}
    return _table(value), lines


def _note_lines(node: Any, key: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]) -> None:
    """Two levels of keys and the items of their lists."""
    lines[key] = node.start_mark.line + 1
    if len(key) >= 3:
        return
    if node.id == "mapping":
        for name, value in node.value:
            _note_lines(value, (*key, str(name.value)), lines)
    elif node.id == "sequence":
        for at, item in enumerate(node.value):
            _note_lines(item, (*key, at), lines)
