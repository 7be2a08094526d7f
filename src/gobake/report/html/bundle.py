"""Vega's JavaScript with its dependencies, from the package vl-convert-python; nothing is downloaded.

Bundling takes a second and 150 MB, so the cache folder keeps the result by version.
"""

from __future__ import annotations

import contextlib
from importlib import metadata

from gobake.errors import UsageError
from gobake.files import atomic
from gobake.paths import cache_folder

PACKAGE = "vl-convert-python"


def bundle() -> str:
    """JavaScript that defines `vegaEmbed`. Raises UsageError if the extra is not installed."""
    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise _missing() from None
    file = cache_folder() / f"vega-{version}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = file.read_text(encoding="utf-8")
        if text:
            return text
    text = _made()
    with contextlib.suppress(OSError):  # if this fails, the next report bundles again
        atomic.make_folder(file.parent)
        atomic.write(file, text)
    return text


def _made() -> str:
    try:
        import vl_convert
    except ImportError:
        raise _missing() from None
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("\r\n", "\n")


def _missing() -> UsageError:
    return UsageError(
        "the HTML report needs Vega, which is not installed",
        remedy="install gobake with its extra `html`, in the folder of its sources: uv tool install '.[html]'",
    )
