"""Writing values into a Dockerfile and a bake file so that they stay values.

Three languages meet there: the Dockerfile's own expansion of `$`, the shell of RUN steps, and the HCL templates of bake
(`${` and `%{` in every JSON string; https://docs.docker.com/build/bake/reference/). Line breaks were refused before.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable

# The named context that services' files are copied from: so they are no part of what the compile reads.
FILES = "files"


def dockerfile_value(text: str) -> str:
    """A value of ENV or LABEL in double quotes, in which nothing is expanded (Dockerfile reference)."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


def dockerfile_path(text: str) -> str:
    """A path in a Dockerfile, in quotes where it needs them."""
    return text if re.fullmatch(r"[\w./~+@=-]+", text, re.ASCII) else dockerfile_value(text)


def exec_form(words: Iterable[str]) -> str:
    """ENTRYPOINT and CMD as JSON arrays, in which Docker expands nothing."""
    return json.dumps(list(words), ensure_ascii=False)


def copy_form(*words: str) -> str:
    """COPY's JSON form. Docker does expand variables there and takes quotes off, so they are escaped."""
    return json.dumps([re.sub(r"([\\$'\"])", r"\\\1", word) for word in words], ensure_ascii=False)


def literal(path: str) -> str:
    """A source of COPY that is no pattern (Dockerfile reference: filepath.Match)."""
    return re.sub(r"([*?\[])", r"[\1]", path.replace("\\", "\\\\"))


def shell(text: str) -> str:
    """One word of a shell command in a RUN step (RUN is expanded by the shell only)."""
    return shlex.quote(text)


def hcl(text: str) -> str:
    """A string of docker-bake.json that is no template: `${` and `%{` begin one in HCL's JSON syntax."""
    return text.replace("${", "$${").replace("%{", "%%{")


def mount(*fields: str) -> str:
    """The value of --mount. Three readers take it apart: the one that finds an instruction's flags, one of CSV, and the
    expansion of variables (BuildKit, frontend/dockerfile/instructions/parse.go and commands_runmount.go)."""
    return re.sub(r"([\\\s\"'])", r"\\\1", ",".join(map(_csv, fields)))


def _csv(field: str) -> str:
    text = re.sub(r"([\\$\"'])", r"\\\1", field)
    return '"' + text.replace('"', '""') + '"' if re.search(r'[,"]', text) else text


def mounts_of(instruction: str) -> list[dict[str, str]]:
    """The fields of an instruction's mounts, as `mount` wrote them."""
    import csv  # no build needs it

    found = []
    for match in re.finditer(r"--mount=((?:\\.|[^\s\\])+)", instruction):
        (fields,) = csv.reader([_unescaped(match[1])])
        pairs = (_unescaped(field).partition("=") for field in fields)
        found.append({key: value for key, _, value in pairs})
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def stage_name(text: str) -> str:
    """Stage names begin with a letter and are lower-case (BuildKit instructions/parse.go, validStageName)."""
    name = re.sub(r"[^a-z0-9._-]", "-", text.lower())
    return name if name[:1].isalpha() else f"n.-{name}"  # no service can be called that itself
