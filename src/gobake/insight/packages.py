"""Explains why Go compiled packages: finds the edited package, module or flag, by the import graph.

Go's ActionID is the key of a package in its build cache. If it is unchanged, the entry was lost; if it changed, so did
an input of the package: its files, its flags, the toolchain or its imports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gobake.insight import files
from gobake.insight.absent import same_builder
from gobake.insight.causes import Cause, Change, PackageCause
from gobake.insight.differences import ENVIRONMENT, argument_names, go_says, said_together, short
from gobake.insight.modules import module_of
from gobake.insight.past import Look
from gobake.runs import window
from gobake.runs.record import GoRecord, MountRecord, RunRecord
from gobake.text.printable import one_line


def package_causes(record: RunRecord, earlier: Sequence[RunRecord]) -> tuple[PackageCause, ...]:
    """The causes of all compiled packages. ``earlier``: newest first."""
    found = [cause for work in record.go if work.compiled for cause in _Compile(record, work, earlier).causes()]
    return tuple(sorted(found, key=lambda cause: (-len(cause.packages), cause.root, cause.platform)))


def lost(record: RunRecord, work: GoRecord, earlier: Sequence[RunRecord]) -> set[str]:
    """The packages that were compiled although no input had changed."""
    return _Compile(record, work, earlier).lost


@dataclass(kw_only=True)
class _Group:
    """Packages compiled for one reason."""

    cause: Cause
    says: str
    root: str = ""
    changes: tuple[Change, ...] = ()
    packages: list[str] = field(default_factory=list)


class _Compile:
    """The compile of one platform."""

    def __init__(self, record: RunRecord, work: GoRecord, earlier: Sequence[RunRecord]) -> None:
        self.record = record
        self.seconds = dict(work.compiled)
        self.names = [path for path, _ in work.compiled]
        self.actions = dict(work.actions)
        self.imports = {
            name: [self.names[at] for at in positions if 0 <= at < len(self.names)]
            for name, positions in zip(self.names, work.imports, strict=False)
        }
        self.platform = work.platform
        self.earlier = earlier
        self.known: dict[str, set[str]] = {}  # keys of earlier runs, by package
        self._compared: dict[str, tuple[Change, ...]] = {}  # changed files, by the run compared with
        self.last: dict[str, RunRecord] = {}  # the last run with the package, by package
        for run in earlier[: window.WHOLE]:
            for before in run.go:
                if before.platform == work.platform:
                    for name, key in before.actions:
                        self.known.setdefault(name, set()).add(key)
                        self.last.setdefault(name, run)

    def causes(self) -> list[PackageCause]:
        groups: dict[tuple[object, ...], _Group] = {}
        for name, group in self._grouped().items():
            kept = groups.setdefault((group.cause, group.root, group.says), group)
            kept.packages.append(name)
        return [self._cause(group) for group in groups.values()]

    def _cause(self, group: _Group) -> PackageCause:
        packages = sorted(group.packages, key=lambda name: (name != group.root, name))
        return PackageCause(
            platform=self.platform,
            cause=group.cause,
            says=one_line(group.says),
            root=group.root,
            packages=tuple(packages),
            seconds=sum(self.seconds[name] for name in packages),
            changes=group.changes,
        )

    @cached_property
    def lost(self) -> set[str]:
        return {
            name for name in self.names if self.actions.get(name) and self.actions[name] in self.known.get(name, ())
        }

    # ---- packages by cause

    def _grouped(self) -> dict[str, _Group]:
        if self.record.no_cache:
            whole = _Group(cause=Cause.NO_CACHE, says="--no-cache starts every cache mount empty")
            return dict.fromkeys(self.names, whole)
        if not self.known:
            whole = _Group(cause=Cause.FIRST_RUN, says="no run on record compiled for this platform")
            return dict.fromkeys(self.names, whole)
        found: dict[str, _Group] = {}
        if self.lost:
            found |= dict.fromkeys(sorted(self.lost), self._lost())
        changed = [name for name in self.names if name not in found]
        new = {name for name in changed if name not in self.known and not self._own_reason(name)}
        for name in _imports_first([n for n in changed if n not in new], self.imports):
            below = [found[i] for i in self.imports.get(name, ()) if i in found and i not in self.lost]
            whole_toolchain = next((group for group in below if not group.root), None)
            own = self._own_reason(name)
            if own and not whole_toolchain:
                found[name] = own
            elif below:
                found[name] = whole_toolchain or below[0]
            else:
                found[name] = self._anything(name)
        for name in sorted(new):
            found[name] = self._newcomer(name, found)
        return found

    def _newcomer(self, name: str, found: dict[str, _Group]) -> _Group:
        """The cause of a package that no earlier run had: the changed package that imports it now."""
        above, seen = [name], {name}
        for one in above:
            for user in self._users.get(one, ()):
                if user in found and found[user].root:
                    return found[user]
                if user not in seen:
                    seen.add(user)
                    above.append(user)
        return self._anything(name)

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {}
        for name, needs in self.imports.items():
            for need in needs:
                users.setdefault(need, []).append(name)
        return users

    # ---- reasons

    def _lost(self) -> _Group:
        mounts = [mount for mount in self.record.mounts if mount.name == "gobuild"]
        empty = any(mount.before == 0 for mount in mounts)
        filled = [run for run in self.earlier if any(_left(run, mount) for mount in mounts)]
        here = [run for run in filled if same_builder(run, self.record)]
        if emptied := self._emptied():
            says = f"--no-cache in run {emptied.id} emptied the cache mounts"
            return _Group(cause=Cause.NO_CACHE, says=says)
        if empty and here:
            says = (
                f"the cache mount gobuild was filled in run {here[0].id} and is gone: pruned, or collected as garbage"
            )
            return _Group(cause=Cause.PRUNED, says=says)
        if not any(same_builder(run, self.record) for run in self.earlier):
            return _Group(cause=Cause.OTHER_BUILDER, says="this builder had never compiled them: its Go cache was cold")
        if empty:
            return _Group(cause=Cause.PRUNED, says="the cache mount gobuild was empty")
        return _Group(cause=Cause.PRUNED, says="Go's cache had lost them: what is not used for days is removed from it")

    def _emptied(self) -> RunRecord | None:
        """The last run with --no-cache on this builder, if no run since then had the lost packages."""
        for run in self.earlier[: window.WHOLE]:
            if not same_builder(run, self.record):
                continue
            keys = {key for work in run.go if work.platform == self.platform for _, key in work.actions}
            if any(self.actions[name] in keys for name in self.lost):
                return None
            if run.no_cache:
                return run
        return None

    def _own_reason(self, name: str) -> _Group | None:
        """The change of the package itself: its files, or the version of its module; None if it did not change."""
        before = self._before(name)
        if before is None:
            return None
        changes = self._files(before).get(name, ())
        if not changes and name not in self._folders.values():
            vendored = f"vendor/{name}"
            changes = tuple(
                c for c in self._changed(before) if f"/{c.what}".rpartition("/")[0].endswith(f"/{vendored}")
            )
        if changes:
            changes = files.ordered(changes, self.record, compiles=True)
            return _Group(cause=Cause.FILES, says=files.says(changes), root=name, changes=changes)
        module = self._module(name, before)
        if module:
            words = {"added": "is new", "removed": "is gone"}.get(module.kind, f"{module.before} → {module.after}")
            return _Group(cause=Cause.FILES, says=f"module {module.what} {words}", root=name, changes=(module,))
        return None

    def _anything(self, name: str) -> _Group:
        """The change outside the package that concerns it: toolchain, base image, flags, go.mod."""
        before = self._before(name)
        if before is None:
            return _Group(cause=Cause.UNKNOWN, says="the records do not hold what would tell")
        if version := go_says(self.record, before):
            return _Group(cause=Cause.GO_VERSION, says=version)
        look, then = Look(self.record), Look(before)
        if group := _other_base(self.record, before):
            return group
        if arguments := _other_arguments(look, then):
            return _Group(
                cause=Cause.ARGUMENT,
                says=f"{said_together(arguments)} changed",
                changes=tuple(Change(kind="changed", what=name) for name in arguments),
            )
        found = self._changed(before)
        modules = tuple(change for change in found if change.what.rpartition("/")[2] in files.MODULE_FILES)
        if modules and name in self._folders.values():
            return _Group(cause=Cause.FILES, says=files.says(modules), root=name, changes=modules)
        texts = [{place.text for place in side.places if place.compiles} for side in (look, then)]
        if all(texts) and not texts[0] & texts[1]:
            return _Group(cause=Cause.INSTRUCTION, says="the go command of the compile step is another")
        if len(found) == 1 or modules:
            changes = modules or found
            return _Group(cause=Cause.FILES, says=files.says(changes), root=name, changes=changes)
        return _Group(cause=Cause.UNKNOWN, says="nothing on record tells why")

    def _before(self, name: str) -> RunRecord | None:
        """The run to compare with: the last with the package, else the last that compiled for the platform."""
        return self.last.get(name) or next(iter(self.last.values()), None)

    @cached_property
    def _folders(self) -> dict[str, str]:
        return {folder: path for path, folder in self.record.inputs.packages}

    def _changed(self, before: RunRecord) -> tuple[Change, ...]:
        if before.id not in self._compared:
            now, then = dict(self.record.inputs.files), dict(before.inputs.files)
            self._compared[before.id] = files.changes(now, then) if now and then else ()
        return self._compared[before.id]

    def _files(self, before: RunRecord) -> dict[str, tuple[Change, ...]]:
        """Changed files by package; module files such as go.mod belong to none."""
        found: dict[str, tuple[Change, ...]] = {}
        for change in self._changed(before):
            if change.what.rpartition("/")[2] not in files.MODULE_FILES:
                name = files.owner(change.what, self._folders)
                found[name] = (*found.get(name, ()), change)
        return found

    def _module(self, name: str, before: RunRecord) -> Change | None:
        """The change of the package's module; None if it did not change."""
        now, then = self.record.inputs.modules, before.inputs.modules
        path = module_of(name, {path for path, _ in (*now, *then)})
        if not path or name in self._folders.values():
            return None
        versions = [sorted(version for known, version in side if known == path) for side in (now, then)]
        if versions[0] == versions[1]:
            return None
        kind = "changed" if all(versions) else "added" if versions[0] else "removed"
        return Change(kind=kind, what=path, before=", ".join(versions[1]), after=", ".join(versions[0]))


def _imports_first(names: Iterable[str], imports: dict[str, list[str]]) -> list[str]:
    order: dict[str, None] = {}
    wanted = set(names)
    for start in sorted(wanted):
        waiting = [start]
        entered: set[str] = set()
        while waiting:
            name = waiting[-1]
            entered.add(name)
            needs = [i for i in imports.get(name, ()) if i in wanted and i not in order and i not in entered]
            if needs:
                waiting.append(needs[0])
            else:
                order[waiting.pop()] = None
    return list(order)


def _left(run: RunRecord, mount: MountRecord) -> bool:
    return any(one.id == mount.id and (one.after or 0) > 0 for one in run.mounts)


def _other_base(record: RunRecord, before: RunRecord) -> _Group | None:
    """The cause if Go's image is another one."""
    sides = []
    for run in (record, before):
        look = Look(run)
        named = {place.text.partition(" ")[2] for place in look.places if place.verb == "FROM" and place.stage == "go"}
        sides.append({(name, digest) for name, digest in run.inputs.bases if name in named})
    now, then = sides
    if not now or not then or now & then:
        return None
    (name, digest), (old, was) = min(now), min(then)
    change = Change(kind="changed", what=name, before=was, after=digest)
    said = f"Go's image {name} was {old}" if name != old else f"{name} stands for another image"
    return _Group(cause=Cause.BASE, says=f"{said}: {short(was)} → {short(digest)}", changes=(change,))


def _other_arguments(look: Look, then: Look) -> list[str]:
    """The changed arguments that affect a compile; ldflags only affect a link."""
    return sorted(argument_names(look, look.targets, then, lambda key: key == "tags" or key.startswith(ENVIRONMENT)))
