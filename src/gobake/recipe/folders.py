"""The folders of a service's image, and whose they are: data, the working folder, /tmp.

COPY keeps the owners, modes and dates of what it copies, and gives them to folders that are there already. So a folder
of a base that only lies on the way to a file must get here what the base gave it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gobake.model import Service, is_system_folder
from gobake.recipe.words import shell

_STICKY = ("/tmp", "/var/tmp")


def has_files(service: Service) -> bool:
    """Whether anything goes into the image beside the program and what all images get."""
    return bool(service.files or service.workdir or service.data or service.volumes or service.tmp)


def writable(service: Service) -> tuple[str, ...]:
    """The folders that the user owns with all that is in them, each once."""
    return tuple(dict.fromkeys((*service.data, *service.volumes)))


def script(service: Service) -> tuple[str, ...]:
    """Shell commands that complete /out, in which the service's files lie already."""
    return tuple(_script(service))


def _script(service: Service) -> Iterator[str]:
    owner = f"{service.uid}:{service.gid}"
    owned = writable(service)
    wanted = [*owned, *([service.workdir] if service.workdir else []), *(["/tmp"] if service.tmp else [])]
    if wanted:
        yield f"mkdir -p {_inside(*wanted)}"
    paths = [*wanted, *(str(file.target) for file in service.files)]
    for folder in _STICKY:
        if any(path == folder or path.startswith(f"{folder}/") for path in paths):
            yield f"chmod 1777 {_inside(folder)}"
    if any(path.startswith(f"{service.home}/") for path in paths):
        yield f"chmod 700 {_inside(service.home)}"
        yield f"chown -R {owner} {_inside(service.home)}"
    if owned:
        yield f"chmod 755 {_inside(*owned)}"
        yield f"chown -R {owner} {_inside(*owned)}"
    if service.workdir and service.workdir not in owned and not is_system_folder(service.workdir):
        yield f"chown {owner} {_inside(service.workdir)}"


def _inside(*folders: str) -> str:
    return " ".join(shell(f"/out{folder}") for folder in folders)
