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
    """COPY's JSON form. Docker does expand variables there, so `$` is escaped."""
    return json.dumps([re.sub(r"([\\$])", r"\\\1", word) for word in words], ensure_ascii=False)


def literal(path: str) -> str:
    """A source of COPY that is no pattern (Dockerfile reference: filepath.Match)."""
    return re.sub(r"([*?\[])", r"[\1]", path.replace("\\", "\\\\"))


def shell(text: str) -> str:
    """One word of a shell command in a RUN step (RUN is expanded by the shell only)."""
    return shlex.quote(text)


def hcl(text: str) -> str:
    """A string of docker-bake.json that is no template: `${` and `%{` begin one in HCL's JSON syntax."""
    return text.replace("${", "$${").replace("%{", "%%{")


def stage_name(text: str) -> str:
    """Stage names begin with a letter and are lower-case (BuildKit instructions/parse.go, validStageName)."""
    name = re.sub(r"[^a-z0-9._-]", "-", text.lower())
    return name if name[:1].isalpha() else f"n.-{name}"  # no service can be called that itself
