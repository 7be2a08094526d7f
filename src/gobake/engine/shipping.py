"""Images of the engine's own store on their way to a registry: `docker tag` and `docker push`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from gobake.engine.builder import docker_command, not_started, refusal
from gobake.errors import NoEngine, RegistryRefused
from gobake.proc import command
from gobake.proc.command import Done, Late, NotStarted
from gobake.text.printable import one_line

_ASK_SECONDS = 20.0
_PUSH_SECONDS = 1800.0


def image_id(reference: str) -> str:
    """Return the engine's own id of an image; "" if it has none of this name.

    It is the digest of the index or manifest in the containerd store, and that of the configuration in the older one.
    Raises NoEngine.
    """
    done = _docker(_ASK_SECONDS, "image", "inspect", "--format", "{{.Id}}", reference)
    if done.code == 0:
        return done.out.strip()
    if "o such image" in done.err:  # Docker 28 begins with a small letter
        return ""
    raise refusal(done.err, ("image", "inspect"))


def push_image(image: str, name: str) -> None:
    """Push an image under a name: its layers first, and the tag when all platforms are there.

    ``image``: an id. Raises NoEngine, and RegistryRefused with the words of docker.
    """
    with _named(image, name):
        done = _docker(_PUSH_SECONDS, "push", "--quiet", name)
    if done.code:
        raise RegistryRefused(f"{name}: {one_line(done.last.removeprefix('Error response from daemon: '), 300)}")


@contextmanager
def _named(image: str, name: str) -> Iterator[None]:
    """Give an image a name, unless it has that already."""
    before = image_id(name)
    if before == image:
        yield
        return
    _good(_docker(_ASK_SECONDS, "tag", image, name))
    try:
        yield
    finally:
        if before:
            _docker(_ASK_SECONDS, "tag", before, name)
        else:
            _docker(_ASK_SECONDS, "image", "rm", name)


def _good(done: Done) -> None:
    if done.code:
        raise NoEngine(one_line(done.last, 300))


def _docker(seconds: float, *words: str) -> Done:
    try:
        return command.run([docker_command(), *words], env=os.environ, seconds=seconds)
    except NotStarted as error:
        raise not_started("docker", error) from None
    except Late:
        raise NoEngine(f"`docker {words[0]}` did not end within {seconds:g} s") from None
