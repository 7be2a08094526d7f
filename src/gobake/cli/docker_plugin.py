"""`docker gobake`: gobake as a plugin of the docker command.

Docker's protocol (docs/extend/cli_plugins.md in docker/cli): the plugin is called `docker-NAME`, prints what it is when
called with `docker-cli-plugin-metadata`, and is otherwise called with docker's own options, its name, and its words.
"""

from __future__ import annotations

import json
import os
import sys

from gobake import __version__
from gobake.cli import main
from gobake.errors import ExitCode
from gobake.text.say import say, show

NAME = "gobake"
_METADATA = "docker-cli-plugin-metadata"
# docker's own options with a value that gobake's docker calls take from the environment
_VARIABLES = {
    "--config": "DOCKER_CONFIG",
    "-c": "DOCKER_CONTEXT",
    "--context": "DOCKER_CONTEXT",
    "-H": "DOCKER_HOST",
    "--host": "DOCKER_HOST",
}


def plugin() -> None:
    """The entry point of `docker-gobake`."""
    words = sys.argv[1:]
    if words[:1] == [_METADATA]:
        about = {
            "SchemaVersion": "0.1.0",
            "Vendor": "gobake",
            "Version": __version__,
            "ShortDescription": "Build container images of Go programs with warm caches",
        }
        show(json.dumps(about))
        return
    sys.argv = [f"docker {NAME}", *_settled(words)]
    main()


def _settled(words: list[str]) -> list[str]:
    """Return gobake's own words, after docker's options have been passed on to the docker commands of this run."""
    rest = list(words)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).partition("=")
        if name not in _VARIABLES:
            say(f"error: docker {name} {NAME}: of docker's own options, only --context, --host and --config", err=True)
            sys.exit(ExitCode.USAGE)
        os.environ[_VARIABLES[name]] = value if equals or not rest else rest.pop(0)
    return rest[1:] if rest[:1] == [NAME] else rest
