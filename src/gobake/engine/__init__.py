"""The only access to docker and buildx.

python-on-whales makes the arguments of bake. The few queries before and after a build use the same docker client, so
that context, DOCKER_HOST and configuration are those of the user's shell. Nothing here decides what is built.
"""

from gobake.engine.answers import Builder, EngineInfo, Node, host_platform, parse_info, parse_inspect
from gobake.engine.bake import (
    Bake,
    BakeCall,
    build_folder,
    ending,
    kill_all,
    nothing_left,
    one_a_line,
    stop_all,
    ticking,
)
from gobake.engine.bake_words import warm_up
from gobake.engine.builder import BuilderQuery, ask, refusal, require_image_store
from gobake.engine.builder_cache import plugin
from gobake.engine.gc_rules import CollectRule, parse_rules
from gobake.engine.images import ImageSize, image_sizes, registry_digest, remote_sizes, save_images
from gobake.engine.imagetools import inspect_image, name_image
from gobake.engine.nodes import node_for
from gobake.engine.usage import (
    CacheMount,
    Usage,
    bootstrap,
    builder_mounts,
    builder_usage,
    cache_mounts,
    delete_mount,
    elapsed,
    parse_du,
    remove_images,
    require_mounts,
)

__all__ = [
    "Bake",
    "BakeCall",
    "Builder",
    "BuilderQuery",
    "CacheMount",
    "CollectRule",
    "EngineInfo",
    "ImageSize",
    "Node",
    "Usage",
    "ask",
    "bootstrap",
    "build_folder",
    "builder_mounts",
    "builder_usage",
    "cache_mounts",
    "delete_mount",
    "elapsed",
    "ending",
    "host_platform",
    "image_sizes",
    "inspect_image",
    "kill_all",
    "name_image",
    "node_for",
    "nothing_left",
    "one_a_line",
    "parse_du",
    "parse_info",
    "parse_inspect",
    "parse_rules",
    "plugin",
    "refusal",
    "registry_digest",
    "remote_sizes",
    "remove_images",
    "require_image_store",
    "require_mounts",
    "save_images",
    "stop_all",
    "ticking",
    "warm_up",
]
