"""The arguments of `docker buildx bake`, made by python-on-whales and remembered.

Importing it takes 0.15 s, which a build without changes cannot hide. Its output depends only on which options are
present. So it is called once with placeholders for names, and again when the library changes.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gobake import memo

_KIND = "bake-words"
_BUILDER, _METADATA, _TARGETS = "<builder>", "<metadata>", "<targets>"


def bake_words(
    *, files: Sequence[str], targets: Sequence[str], builder: str, no_cache: bool, metadata_file: str
) -> list[str]:
    """Return the arguments after `docker buildx` or the plugin's name."""
    form = _form(len(files), bool(builder), no_cache, bool(metadata_file))
    names = {_BUILDER: [builder], _METADATA: [metadata_file], _TARGETS: targets}
    names |= {_file(number): [name] for number, name in enumerate(files)}
    return [name for word in form for name in names.get(word, [word])]


def warm_up() -> None:
    """Make sure that the arguments of a build are remembered, while something else runs."""
    _form(1, True, False, True)


def _form(files: int, builder: bool, no_cache: bool, metadata: bool) -> list[str]:
    """Return the arguments with placeholders."""
    shape, evidence = (files, builder, no_cache, metadata), _library()
    known = memo.recall(_KIND, shape, evidence) if evidence else None
    if isinstance(known, list) and all(isinstance(word, str) for word in known):
        return known
    made = _made(*shape)
    if evidence:
        memo.remember(_KIND, shape, evidence, made)
    return made


def _made(files: int, builder: bool, no_cache: bool, metadata: bool) -> list[str]:
    """Make the arguments with the library.

    It would start the command when the first line is requested. They are taken from its generator before that, and run
    by `proc`, which can stop a build and report its exit code.
    """
    from python_on_whales import DockerClient

    progress: Any = "rawjson"  # its type hints lag behind buildx
    lines: Any = DockerClient(client_call=[sys.executable]).buildx.bake(  # any existing program: it is not started
        [_TARGETS],
        builder=_BUILDER if builder else None,
        files=[_file(number) for number in range(files)],
        cache=not no_cache,
        progress=progress,
        metadata_file=_METADATA if metadata else None,
        stream_logs=True,
    )
    _program, _buildx, *words = inspect.getgeneratorlocals(lines)["full_cmd"]
    return list(map(str, words))


def _file(number: int) -> str:
    return f"<file {number}>"


def _library() -> object:
    """Return the state of the file that makes the arguments, without importing it; None if it is not found."""
    found = importlib.util.find_spec("python_on_whales")
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / "components" / "buildx" / "cli_wrapper.py"
    try:
        state = file.stat()
    except OSError:
        return None
    return str(file), state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino
