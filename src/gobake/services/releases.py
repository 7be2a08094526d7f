"""Reads the files of release tools (GoReleaser, ko, promu) for the packages that they build. Pure.

https://goreleaser.com/customization/builds/go/, https://ko.build/configuration/, https://github.com/prometheus/promu
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from gobake.services.values import Build, Source

# GoReleaser's default ldflags: https://goreleaser.com/customization/builds/go/
_LDFLAGS = "-s -w" + "".join(
    f" -X main.{name}={value}"
    for name, value in (
        ("version", "{{.Version}}"), ("commit", "{{.Commit}}"), ("date", "{{.Date}}"), ("builtBy", "goreleaser"),
    )
)  # fmt: skip
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_IMPORT = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+/")


def goreleaser(text: str, path: str) -> tuple[Build, ...]:
    """Return the builds of a .goreleaser.yaml; none if it is not valid YAML, such as a template."""
    return _builds(text, path, Source.GORELEASER)


def ko(text: str, path: str) -> tuple[Build, ...]:
    """Return the builds of a .ko.yaml."""
    return _builds(text, path, Source.KO)


def promu(text: str, path: str) -> tuple[Build, ...]:
    """Return the binaries of a .promu.yml; flags and tags are the same for all."""
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
    """Yield the build of an entry, unless it excludes Linux or does not compile Go (`builder: prebuilt`, rust).

    GoReleaser's `main` may be a file, a folder or an import path, relative to `dir`.
    """
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
    """Return a binary's name without a platform suffix; "" if it is not a plain name."""
    text = _TEMPLATE.sub("*", str(name or ""))
    text = re.sub(r"(?:[-_.]?(?:\*|linux|amd64|arm64))+$", "", posixpath.basename(text))
    return text if re.fullmatch(r"[A-Za-z0-9][\w.-]*", text) else ""


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _document(text: str) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """Return the first document and the line numbers of list items by their keys; both empty if it is not YAML."""
    import yaml  # slow to import, and few projects need it

    class Loader(yaml.SafeLoader):
        """Keeps timestamps and the like as text."""

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
    """Record the lines of two levels of keys and of the items of their lists."""
    lines[key] = node.start_mark.line + 1
    if len(key) >= 3:
        return
    if node.id == "mapping":
        for name, value in node.value:
            _note_lines(value, (*key, str(name.value)), lines)
    elif node.id == "sequence":
        for at, item in enumerate(node.value):
            _note_lines(item, (*key, at), lines)
