"""Quotes values for a Dockerfile and a bake file.

Three languages interpret them: the Dockerfile's own expansion of `$`, the shell of RUN steps, and bake's HCL templates
(`${` and `%{` in every JSON string; https://docs.docker.com/build/bake/reference/). gobake.yaml refuses line breaks.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable

# The named context of services' files, which keeps them out of the compile's context.
FILES = "files"


def dockerfile_value(text: str) -> str:
    """Quote a value of ENV or LABEL so that nothing is expanded (Dockerfile reference)."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


def dockerfile_path(text: str) -> str:
    """Quote a path in a Dockerfile if necessary."""
    return text if re.fullmatch(r"[\w./~+@=-]+", text, re.ASCII) else dockerfile_value(text)


def exec_form(words: Iterable[str]) -> str:
    """Return the JSON form of ENTRYPOINT and CMD, in which Docker expands nothing."""
    return json.dumps(list(words), ensure_ascii=False)


def copy_form(*words: str) -> str:
    """Return COPY's JSON form. Docker expands variables and removes quotes there, so they are escaped."""
    return json.dumps([re.sub(r"([\\$'\"])", r"\\\1", word) for word in words], ensure_ascii=False)


def literal(path: str) -> str:
    """Escape wildcards in a source of COPY (Dockerfile reference: filepath.Match)."""
    return re.sub(r"([*?\[])", r"[\1]", path.replace("\\", "\\\\"))


def shell(text: str) -> str:
    """Quote one word of a shell command in a RUN step; only the shell expands it."""
    return shlex.quote(text)


def hcl(text: str) -> str:
    """Escape a string of docker-bake.json: `${` and `%{` begin templates in HCL's JSON syntax."""
    return text.replace("${", "$${").replace("%{", "%%{")


def mount(*fields: str) -> str:
    """Return the value of --mount, escaped for its three parsers: instruction flags, CSV, and expansion of variables.

    See BuildKit, frontend/dockerfile/instructions/parse.go and commands_runmount.go.
    """
    return re.sub(r"([\\\s\"'])", r"\\\1", ",".join(map(_csv, fields)))


def _csv(field: str) -> str:
    text = re.sub(r"([\\$\"'])", r"\\\1", field)
    return '"' + text.replace('"', '""') + '"' if re.search(r'[,"]', text) else text


def mounts_of(instruction: str) -> list[dict[str, str]]:
    """Parse the fields of an instruction's mounts, as written by `mount`."""
    import csv  # a build does not need it

    mounts = []
    for match in re.finditer(r"--mount=((?:\\.|[^\s\\])+)", instruction):
        (fields,) = csv.reader([_unescaped(match[1])])
        pairs = (_unescaped(field).partition("=") for field in fields)
        mounts.append({key: value for key, _, value in pairs})
    return mounts


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def stage_name(text: str) -> str:
    """Return a valid stage name: lower-case and beginning with a letter (instructions/parse.go, validStageName)."""
    name = re.sub(r"[^a-z0-9._-]", "-", text.lower())
    return name if name[:1].isalpha() else f"n.-{name}"  # no service can have such a name
