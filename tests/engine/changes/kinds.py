"""The kinds of change: each takes the workspace and gives the changed one. Pure but for the dice that they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.engine.changes.model import BREAKS, FOLDERS, NAMES, VERSIONS, Main, Model

Kind = Callable[[Model, Random], Model]


def _number(dice: Random) -> int:
    return dice.randrange(1, 10_000)


def _some_main(model: Model, dice: Random, **changed: object) -> Model:
    main = dice.choice(model.mains)
    return _with_main(model, main, replace(main, **changed))  # type: ignore[arg-type]


def _with_main(model: Model, old: Main, new: Main) -> Model:
    return replace(model, mains=tuple(new if main is old else main for main in model.mains))


def _free_folder(model: Model, dice: Random) -> str:
    taken = {main.folder for main in model.mains}
    free = [f"cmd/{name}/{version}".rstrip("/") for name in FOLDERS for version in VERSIONS]
    return dice.choice([folder for folder in free if folder not in taken])


# ---- of commands


def edit_a_command(model: Model, dice: Random) -> Model:
    return _some_main(model, dice, number=_number(dice))


def move_a_command(model: Model, dice: Random) -> Model:
    return _some_main(model, dice, folder=_free_folder(model, dice))


def move_a_command_and_edit_it(model: Model, dice: Random) -> Model:
    return _some_main(model, dice, folder=_free_folder(model, dice), number=_number(dice))


def move_a_command_to_a_version(model: Model, dice: Random) -> Model:
    """`git mv cmd/api cmd/api/v1`, and back."""
    main = dice.choice(model.mains)
    parts = main.folder.split("/")
    folder = "/".join(parts[:2]) if len(parts) > 2 else f"{main.folder}/{dice.choice(VERSIONS[1:])}"
    if folder in {other.folder for other in model.mains}:
        folder = _free_folder(model, dice)
    return _with_main(model, main, replace(main, folder=folder, number=_number(dice)))


def swap_two_commands(model: Model, dice: Random) -> Model:
    one, other = dice.sample(model.mains, 2)
    first = _with_main(model, one, replace(one, folder=other.folder))
    return _with_main(first, other, replace(other, folder=one.folder))


def add_a_command(model: Model, dice: Random) -> Model:
    if len(model.mains) > 3:
        return delete_a_command(model, dice)
    imported = (dice.choice(sorted(model.packages)),)
    return replace(
        model, mains=(*model.mains, Main(folder=_free_folder(model, dice), imports=imported, number=_number(dice)))
    )


def delete_a_command(model: Model, dice: Random) -> Model:
    if len(model.mains) < 3:
        return add_a_command(model, dice)
    gone = dice.choice(model.mains)
    return replace(model, mains=tuple(main for main in model.mains if main is not gone))


# ---- of packages


def edit_a_package(model: Model, dice: Random) -> Model:
    return replace(model, packages={**model.packages, dice.choice(sorted(model.packages)): _number(dice)})


def swap_two_packages(model: Model, dice: Random) -> Model:
    """Two files of one size exchange their contents."""
    one, other = dice.sample(sorted(model.packages), 2)
    return replace(model, packages={**model.packages, one: model.packages[other], other: model.packages[one]})


def rename_a_package(model: Model, dice: Random) -> Model:
    """To a name of the same length: importers are as long as before."""
    old = dice.choice(sorted(model.packages))
    new = dice.choice([name for name in NAMES if name not in model.packages])
    packages = {new if name == old else name: number for name, number in model.packages.items()}
    mains = tuple(
        replace(main, imports=tuple(new if name == old else name for name in main.imports)) for main in model.mains
    )
    return replace(model, packages=packages, mains=mains)


def import_another_and_delete_the_first(model: Model, dice: Random) -> Model:
    """An import is exchanged by another of the same length, and the package that was imported is gone."""
    old = dice.choice(sorted(model.packages))
    new = dice.choice([name for name in NAMES if name not in model.packages])
    mains = tuple(
        replace(main, imports=tuple(new if name == old else name for name in main.imports)) for main in model.mains
    )
    packages = {name: number for name, number in model.packages.items() if name != old} | {new: _number(dice)}
    return replace(model, packages=packages, mains=mains)


def import_another(model: Model, dice: Random) -> Model:
    main = dice.choice(model.mains)
    others = [name for name in sorted(model.packages) if name not in main.imports]
    if not others:
        return _with_main(model, main, replace(main, imports=main.imports[:1]))
    return _with_main(model, main, replace(main, imports=(dice.choice(others), *main.imports[1:])))


def edit_the_library(model: Model, dice: Random) -> Model:
    return replace(model, library=_number(dice))


# ---- of what else Go reads


def move_the_symlink(model: Model, dice: Random) -> Model:
    return replace(model, link="two" if model.link == "one" else "one")


def edit_behind_the_symlink(model: Model, dice: Random) -> Model:
    return replace(model, common={**model.common, dice.choice(("one", "two")): _number(dice)})


def edit_the_embedded_file(model: Model, dice: Random) -> Model:
    return replace(model, note=_number(dice))


def embed_another_file(model: Model, dice: Random) -> Model:
    name = "nota.txt" if model.note_file == "note.txt" else "note.txt"
    return replace(model, note_file=name, note=_number(dice))


def edit_the_header(model: Model, dice: Random) -> Model:
    return replace(model, header=_number(dice))


def toggle_the_build_tag(model: Model, dice: Random) -> Model:
    return replace(model, tagged=not model.tagged)


def rename_for_another_platform(model: Model, dice: Random) -> Model:
    names = ("extra.go", "extra_linux.go", "extra_arm64.go", "extra_amd64.go", "extra_test.go", "_extra.go")
    return replace(model, optional=dice.choice([name for name in names if name != model.optional]))


def break_it(model: Model, dice: Random) -> Model:
    return replace(model, broken=dice.choice(BREAKS))


def change_nothing(model: Model, dice: Random) -> Model:
    """But the times of modification, perhaps."""
    return model


KINDS: tuple[Kind, ...] = (
    edit_a_command,
    move_a_command,
    move_a_command_and_edit_it,
    move_a_command_to_a_version,
    swap_two_commands,
    add_a_command,
    delete_a_command,
    edit_a_package,
    swap_two_packages,
    rename_a_package,
    import_another_and_delete_the_first,
    import_another,
    edit_the_library,
    move_the_symlink,
    edit_behind_the_symlink,
    edit_the_embedded_file,
    embed_another_file,
    edit_the_header,
    toggle_the_build_tag,
    rename_for_another_platform,
    break_it,
    change_nothing,
)
