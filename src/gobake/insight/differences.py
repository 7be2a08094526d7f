"""Finds what changed in a step since an earlier run: base, arguments, text, files. Names only, never values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from msgspec import Struct

from gobake.config import stamps
from gobake.insight import files
from gobake.insight.causes import Cause, Change
from gobake.insight.identity import FILES, GO_STAGES, Place
from gobake.insight.past import Found, Look
from gobake.runs.record import RunRecord

ENVIRONMENT = "env:"  # prefix of the names of arguments that are environment variables
_FLAG = re.compile(r"(?<!\S)(--?[A-Za-z][\w-]*)")


class Difference(Struct, frozen=True, kw_only=True):
    """One reason why a step could not reuse the result of the earlier run."""

    cause: Cause
    says: str
    changes: tuple[Change, ...] = ()


def of_step(look: Look, at: int, targets: Iterable[str], earlier: Found) -> tuple[Difference, ...]:
    """The differences of the step itself, the most important first. ``targets``: all that share the step."""
    place, before = look.places[at], earlier.look.places[earlier.at]
    if place.verb == "FROM":
        return _base(look, place, earlier.look, before)
    found = []
    if place.compiles:
        found += _arguments(look, place, targets, earlier.look, before)
    if not found and place.text != before.text:
        found.append(_instruction(look, place, earlier.look, before))
    return (*found, *_files(look, place, earlier.look))


def lacks_evidence(look: Look, at: int, earlier: Found) -> bool:
    """Whether a record lacks what would have to be compared."""
    place = look.places[at]
    now, then = look.run.inputs, earlier.look.run.inputs
    if place.verb == "FROM":
        return not (now.bases and then.bases)
    if "--from=prebuilt" in place.text:
        return not (now.prebuilt and then.prebuilt)
    if FILES in place.text:
        return not (look.copied and earlier.look.copied)
    if place.reads_context:
        return not (now.files and then.files)
    same_engine = look.run.engine == earlier.look.run.engine and look.run.buildx == earlier.look.run.buildx
    digests = look.run.steps[at].digest, earlier.look.run.steps[earlier.at].digest
    depends = any(look.places[need].reads_context for need in look.ancestors(at))
    return same_engine and not depends and digests[0] != digests[1]


# ---- bases


def _base(look: Look, place: Place, then: Look, before: Place) -> tuple[Difference, ...]:
    now, old = reference(place), reference(before)
    if now != old:
        change = Change(kind="changed", what=now, before=old, after=now)
        if _is_go(place) and (look.run.go_version != then.run.go_version or _tags_alone_differ(now, old)):
            said = go_says(look.run, then.run) or f"Go's image is {now} and was {old}"
            return (Difference(cause=Cause.GO_VERSION, says=said, changes=(change,)),)
        return (Difference(cause=Cause.BASE, says=f"the base image is {now} and was {old}", changes=(change,)),)
    digests = _digests(look.run, now), _digests(then.run, now)
    if not all(digests) or digests[0] & digests[1]:
        return ()
    after, was = sorted(digests[0])[0], sorted(digests[1])[0]
    change = Change(kind="changed", what=now, before=was, after=after)
    said = f"{now} stands for another image: {short(was)} → {short(after)}"
    return (Difference(cause=Cause.BASE, says=said, changes=(change,)),)


def reference(place: Place) -> str:
    return place.text.partition(" ")[2].strip()


def short(digest: str) -> str:
    return digest[:19]


def go_says(now: RunRecord, then: RunRecord) -> str:
    if now.go_version == then.go_version or not (now.go_version and then.go_version):
        return ""
    return f"Go {then.go_version} → {now.go_version}"


def _is_go(place: Place) -> bool:
    return place.stage in GO_STAGES or "golang:" in place.text


def _tags_alone_differ(one: str, other: str) -> bool:
    repositories = {re.sub(r":[\w][\w.-]*$", "", name) for name in (one, other)}
    return len(repositories) == 1 and all(":" in name.rpartition("/")[2] for name in (one, other))


def _digests(record: RunRecord, name: str) -> set[str]:
    return {digest for known, digest in record.inputs.bases if known == name}


# ---- arguments and text


def _arguments(look: Look, place: Place, targets: Iterable[str], then: Look, before: Place) -> list[Difference]:
    other_text = place.text != before.text
    # a step's text contains the flags but not the environment, so only a changed text has changed flags
    names = argument_names(look, targets, then, lambda key: other_text or key.startswith(ENVIRONMENT))
    if place.kind == "stamp" or (other_text and " -X " in place.text):
        for name in linked_in(place.text):
            now, old = look.variables.get(name), then.variables.get(name)
            if now and old and now != old:
                names.append(name)
    if not names:
        return []
    changes = tuple(Change(kind="changed", what=name) for name in names)
    return [Difference(cause=Cause.ARGUMENT, says=f"{said_together(names)} changed", changes=changes)]


def linked_in(text: str) -> tuple[str, ...]:
    """The build arguments that a step links into binaries; older versions of gobake only had VERSION."""
    found = re.findall(r"\$\{([A-Z_]+[A-Z0-9_]*)\}", text)
    known = (name for name in found if name in stamps.ARGUMENTS.values() or name.startswith(("VERSION_", "VCS")))
    return tuple(dict.fromkeys(known)) or ("VERSION",)


def argument_names(look: Look, targets: Iterable[str], then: Look, matters: Callable[[str], bool]) -> list[str]:
    """The changed arguments of the targets that both runs built, if ``matters`` accepts them."""
    names: dict[str, None] = {}
    for name in targets:
        if name not in look.targets or name not in then.targets:
            continue
        now, old = dict(look.targets[name].arguments), dict(then.targets[name].arguments)
        for key in sorted({*now, *old}):
            if now.get(key) != old.get(key) and matters(key):
                names[key] = None
    return [
        f"environment variable {key.removeprefix(ENVIRONMENT)}" if key.startswith(ENVIRONMENT) else key for key in names
    ]


def _instruction(look: Look, place: Place, then: Look, before: Place) -> Difference:
    changes: list[Change] = []
    if place.compiles:
        now = {target.service for target in look.run.targets if target.strategy != "prebuilt"}
        old = {target.service for target in then.run.targets if target.strategy != "prebuilt"}
        changes += [Change(kind="added", what=f"service {name}") for name in sorted(now - old)]
        changes += [Change(kind="removed", what=f"service {name}") for name in sorted(old - now)]
    if changes:
        names = ", ".join(f"{'+' if c.kind == 'added' else '-'} {c.what.removeprefix('service ')}" for c in changes)
        said = f"the services that are compiled together are others: {names}"
        return Difference(cause=Cause.INSTRUCTION, says=said, changes=tuple(changes))
    flags, old_flags = set(_FLAG.findall(place.text)), set(_FLAG.findall(before.text))
    changes += [Change(kind="added", what=flag) for flag in sorted(flags - old_flags)]
    changes += [Change(kind="removed", what=flag) for flag in sorted(old_flags - flags)]
    written = f", written by gobake {look.run.gobake}" if look.run.gobake != then.run.gobake else ""
    said = f"the {place.verb} instruction is another{written}"
    return Difference(cause=Cause.INSTRUCTION, says=said, changes=tuple(changes))


# ---- files


def _files(look: Look, place: Place, then: Look) -> tuple[Difference, ...]:
    if "--from=prebuilt" in place.text:
        name = sources(place.text)
        now = {path: digest for path, digest in look.run.inputs.prebuilt if _below(path, name)}
        old = {path: digest for path, digest in then.run.inputs.prebuilt if _below(path, name)}
    elif place.reads_context:
        name = sources(place.text)
        both = (look.copied, then.copied) if FILES in place.text else (look.files, then.files)
        now, old = ({path: digest for path, digest in side.items() if _below(path, name)} for side in both)
    else:
        return ()
    if not (look.run.inputs.files or now) or not (then.run.inputs.files or old):
        return ()
    changes = files.ordered(files.changes(now, old), look.run, compiles=place.compiles)
    return (Difference(cause=Cause.FILES, says=files.says(changes), changes=changes),) if changes else ()


def sources(text: str) -> tuple[str, ...]:
    """Paths and patterns in the context that an instruction reads; () means all of it."""
    if text.startswith("RUN "):
        from gobake.recipe import words  # other reports do not need the recipe's modules

        binds = [m for m in words.mounts_of(text) if m.get("type") == "bind" and "from" not in m]
        named = [bind.get("source") or bind.get("src") or "" for bind in binds]
        return tuple(named) if all(named) else ()
    copied = text.split()[1:]
    while copied and copied[0].startswith("--"):
        copied = copied[1:]
    listed = " ".join(copied)
    if listed.startswith("["):
        copied = _listed(listed)
    found = tuple(word.removeprefix("./").strip("/") for word in copied[:-1])
    return () if any(word in ("", ".") for word in found) else found


def _listed(text: str) -> list[str]:
    """Sources and target of the JSON form as BuildKit prints it, without quotes: `[config/a, b.toml, /out/etc/b.toml]`.
    A backslash escapes a `$` (recipe/words.py)."""
    source, _, target = text[1:-1].rpartition(", ")
    return [re.sub(r"\\([\\$])", r"\1", word.strip('"')) for word in (source, target)]


def _below(path: str, named: tuple[str, ...]) -> bool:
    return not named or any(path == name or path.startswith(f"{name}/") or fnmatchcase(path, name) for name in named)


def said_together(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
