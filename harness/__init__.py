"""A real Docker Engine for the tests and the demo, on a bare Debian machine, from Debian's own packages.

Standard library only: it must run before anything is installed. `python3 -m harness` is the command line.
Nothing here touches another engine, the user's ~/.docker or a running registry: every instance has its own data-root,
socket, bridge, ports, DOCKER_CONFIG and BUILDX_CONFIG. The import of gobake is never needed.
"""

from harness.instance import Engine, down, up
from harness.places import HarnessError

__all__ = ["Engine", "HarnessError", "down", "up"]
