"""Tags of images with words that a commit fills in: `{{version}}`, `{{major}}.{{minor}}`, `{{sha}}`, `{{branch}}`.

The words mean what they do in docker/metadata-action: a version of a release without its v; major, minor and patch only
of a release that is no pre-release; the first seven digits of the commit; a branch with - for what no tag may hold.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from gobake.config.patterns import TAG
from gobake.errors import UsageError

_WORD = re.compile(r"\{\{ ?([a-z]+) ?\}\}")
# Of https://semver.org, without build metadata, which no tag may hold. `git describe` puts -N-gCOMMIT after the last
# release for commits beyond it, and -dirty for changes.
_RELEASE = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")
_BEYOND = re.compile(r"-\d+-g[0-9a-f]+$|-dirty$")
_LONGEST = 128
_SHA_DIGITS = 7
NAMES = ("version", "major", "minor", "patch", "sha", "branch", "date")


def is_template(tag: str) -> bool:
    """Whether a tag has words to be filled in."""
    return "{{" in tag


def words(version: str, revision: str, branch: str, *, dirty: bool, now: float) -> dict[str, str]:
    """Return what fills templates; "" for what there is none of. ``now``: seconds since 1970."""
    release = None if _BEYOND.search(version) else _RELEASE.fullmatch(version)
    numbers = release.groups()[:3] if release and not release[4] else ("", "", "")
    sha = revision[:_SHA_DIGITS] if re.fullmatch("[0-9a-f]{40,64}", revision) else ""
    return {
        "version": release[0].removeprefix("v") if release else "",
        **dict(zip(("major", "minor", "patch"), numbers, strict=True)),
        "sha": f"{sha}-dirty" if sha and dirty else sha,
        "branch": re.sub(r"[^A-Za-z0-9_.-]+", "-", branch).strip(".-"),
        "date": time.strftime("%Y%m%d", time.gmtime(now)),
    }


def filled(tag: str, values: Mapping[str, str]) -> str:
    """Fill a tag; "" if there is no value for one of its words. Raises UsageError for what is then no tag."""
    if not is_template(tag):
        return tag
    if not all(values.get(word) for word in _WORD.findall(tag)):
        return ""
    text = _WORD.sub(lambda match: values[match[1]], tag)[:_LONGEST]
    if not re.fullmatch(TAG, text):
        raise UsageError(
            f"--tag {tag} would be {text!r}, which is no image tag", remedy="change the text around {{...}}"
        )
    return text


def all_filled(tags: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    """Fill tags; those without a value for one of their words are left out."""
    return tuple(dict.fromkeys(text for tag in tags if (text := filled(tag, values))))
