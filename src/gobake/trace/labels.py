"""The names of steps for people: `go build linux/arm64`, `worker scratch: copy binary`.

Everything that is printed takes them from here. Records and JSON identify steps by target, platform, stage, number and
word as well.
"""

from __future__ import annotations

import re

from gobake.text.printable import one_line

_WIDTH = 60  # characters of an instruction
_GO = {"compile": "go build", "stamp": "go link"}
_SHARED = re.compile(
    r"(?P<go>compile|stamp)(?P<number>[-.0-9]*)|account(?:-\d+)?(?:-base)?|certificates|shell|linker|namespace|go|"
    r"go-native|upx-tool|trace"
)
_NAMED = {  # what stages that all services share are for
    "certificates": "certificates",
    "shell": "build scripts",
    "linker": "build scripts",
    "namespace": "namespace of the caches",
    "trace": "Go's build records",
}
_COPIED = (  # from which stage: what it brings
    (r"(compile|stamp)[-.0-9]*|prebuilt", "binary"),
    (r"account(-\d+)?", "user account"),
    (r".*-pack", "packed binary"),
    (r"files|.*-files", "files"),
    (r"namespace", "namespace of the caches"),
)


def step_label(stage: str, platform: str, instruction: str, owner: str) -> str:
    """The name of a step. ``owner``: the service and strategy that it is for; "" for none in particular."""
    verb = instruction.partition(" ")[0]
    shared = _SHARED.fullmatch(stage)
    if not verb.isupper():  # BuildKit's housekeeping
        return one_line(f"{owner}: {instruction}" if owner else instruction, _WIDTH)
    if verb == "FROM":
        what = "Go image" if stage in ("go", "go-native") else "base image"
        return one_line(" ".join(filter(None, (what, image_of(instruction), platform))))
    if shared:
        return one_line(_shared(shared, stage, platform, verb))
    where = " ".join(filter(None, (owner, platform)))
    does = _does(verb, instruction)
    return one_line(f"{where}: {does}" if where else does)


def stage_label(stage: str, platform: str) -> str:
    """The name of a stage that several targets share."""
    found = _SHARED.fullmatch(stage)
    return one_line(_shared(found, stage, platform, "") if found else " ".join(filter(None, (stage, platform))))


def is_shared(stage: str) -> bool:
    """Whether a stage serves all targets, so that none of them is to blame for it."""
    return bool(_SHARED.fullmatch(stage))


def compiles(stage: str) -> bool:
    """Whether it is a compile for all services, whose platform is always worth saying."""
    return bool((found := _SHARED.fullmatch(stage)) and found["go"])


def _shared(found: re.Match[str], stage: str, platform: str, verb: str) -> str:
    if found["go"]:
        number = found["number"].strip("-.")
        words = [_GO[found["go"]], f"({number})" if number else "", platform]
        return " ".join(filter(None, words)) + (": working folder" if verb == "WORKDIR" else "")
    what = _NAMED.get(stage, "UPX" if stage == "upx-tool" else "user account" if stage.startswith("account") else stage)
    return " ".join(filter(None, (what, platform)))


def _does(verb: str, instruction: str) -> str:
    text = " ".join(instruction.split())
    if verb in ("COPY", "ADD"):
        return f"copy {_copied(text)}"
    if verb == "WORKDIR":
        return "working folder"
    if verb != "RUN":
        return one_line(text, _WIDTH)
    if found := re.search(r"\bgo (?:build|list|test|install|generate|mod download)\b", text):
        return "go build" if found[0] == "go list" else found[0]
    text = re.sub(r"^RUN(?: --\w+=\S+)*", "run", text)
    return "pack with UPX" if text.startswith("run upx ") else one_line(text, _WIDTH)


def _copied(text: str) -> str:
    source = re.search(r"--from=(\S+)", text)
    paths = re.sub(r"^(?:COPY|ADD)(?: --\S+)*", "", text).strip()
    if source is None:
        return "sources" if paths.startswith(". ") else one_line(paths, _WIDTH)
    if source[1] == "certificates":
        return "time zones" if paths.startswith("/zones") else "certificates"
    known = next((what for pattern, what in _COPIED if re.fullmatch(pattern, source[1])), "")
    return known or f"from {one_line(source[1], _WIDTH)}"


def image_of(instruction: str) -> str:
    """The image of a FROM, without its digest and what Docker adds by itself."""
    name = instruction.split()[-1].partition("@")[0].removeprefix("docker-image://")
    return name.removeprefix("docker.io/").removeprefix("library/")
