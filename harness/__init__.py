"""Starts a real Docker Engine for the tests and the demo on a plain Debian machine, from Debian packages.

It uses only the standard library, because it must run before anything is installed, and does not import gobake.
`python3 -m harness` is the command line. It does not touch other engines, the user's ~/.docker or a running registry:
every instance has its own data-root, socket, bridge, ports, DOCKER_CONFIG and BUILDX_CONFIG.
"""

from harness.instance import Engine, down, up
from harness.places import HarnessError

__all__ = ["Engine", "HarnessError", "down", "up"]
