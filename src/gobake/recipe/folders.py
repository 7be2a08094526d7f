"""The folders of a service's image and their owners: data, the working folder, /tmp.

COPY keeps the owners, modes and dates of what it copies, and applies them to existing folders too. So a folder of the
base on the path to a file must get the same owner and mode here.
"""

from __future__ import annotations

from collections.abc import Iterator

from gobake.model import Service, is_system_folder
from gobake.recipe.words import shell

_STICKY = ("/tmp", "/var/tmp")


def has_files(service: Service) -> bool:
    """Whether the image gets files or folders beside the program and the account."""
    return bool(service.files or service.workdir or service.data or service.volumes or service.tmp)


def writable(service: Service) -> tuple[str, ...]:
    """Return the folders that the user owns with their content, each once."""
    return tuple(dict.fromkeys((*service.data, *service.volumes)))


def script(service: Service) -> tuple[str, ...]:
    """Return shell commands that complete /out, which already has the service's files."""
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
