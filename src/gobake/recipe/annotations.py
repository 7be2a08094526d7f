"""Labels of images, and annotations of their manifests and indexes.

Words: https://docs.docker.com/build/metadata/annotations/ and https://specs.opencontainers.org/image-spec/annotations/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gobake.model import Platform, Project, Service, Strategy, Target
from gobake.recipe.words import hcl

_STANDARD = "org.opencontainers."
_DESCRIPTOR = "manifest-descriptor"
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)\}")


def labels(project: Project, service: Service, strategy: Strategy) -> dict[str, str]:
    """Return the labels with the bake file's variables. The user's own come last and win."""
    found = _standard(project, service)
    found["dev.gobake.project"] = project.name
    found["dev.gobake.strategy"] = str(strategy)
    if service.health:
        found["dev.gobake.health"] = hcl(service.health)
    return found | {hcl(key): hcl(value) for key, value in service.labels}


def annotate(project: Project, target: Target, *, attested: bool) -> list[str]:
    """Return the annotations in the words of `--annotation`, with the bake file's variables.

    Those without a place are on every manifest, and on the index if BuildKit makes one: for several platforms, or
    beside an attestation (``attested``). It refuses what is for an index that it does not make.
    """
    indexed = len(target.platforms) > 1 or (attested and project.provenance != "false")
    found: dict[tuple[str, str], list[str]] = {}
    for (name, place), value in _all(project, target).items():
        if indexed or not place.startswith("index"):
            found.setdefault((name, value), []).append(place)
    return [f"{','.join(places)}:{name}={value}" for (name, value), places in found.items()]


def of_index(project: Project, target: Target, values: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations of the index of a target's platforms, for one that is made of parts.

    ``values``: of the bake file's variables.
    """
    found = _all(project, target).items()
    return {name: _filled(value, values) for (name, place), value in found if place == "index"}


def of_descriptor(project: Project, target: Target, platform: Platform, values: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations that the index of a target's platforms has beside the digest of one of them."""
    said = [(name, place, _filled(value, values)) for (name, place), value in _all(project, target).items()]
    every = {name: value for name, place, value in said if place == _DESCRIPTOR}
    return every | {name: value for name, place, value in said if place == f"{_DESCRIPTOR}[{platform}]"}


def _all(project: Project, target: Target) -> dict[tuple[str, str], str]:
    """Return the values by (name, place)."""
    said = _standard(project, target.service)
    said |= {hcl(key): hcl(value) for key, value in target.service.labels if key.startswith(_STANDARD)}
    said |= {hcl(key): hcl(value) for key, value in target.service.annotations}
    found: dict[tuple[str, str], str] = {}
    for key, value in said.items():
        places, _, name = key.rpartition(":")
        found |= {(name, place): value for place in (places or "index,manifest").split(",")}
    return found


def _standard(project: Project, service: Service) -> dict[str, str]:
    found = {
        f"{_STANDARD}image.title": hcl(service.name),
        f"{_STANDARD}image.version": f"${{{service.version_variable}}}",
        f"{_STANDARD}image.revision": "${REVISION}",
        f"{_STANDARD}image.created": "${CREATED}",
    }
    return found | ({f"{_STANDARD}image.source": hcl(project.source_url)} if project.source_url else {})


def _filled(value: str, values: Mapping[str, str]) -> str:
    filled = _VARIABLE.sub(lambda match: values.get(match[1], ""), value)
    return filled.replace("$${", "${").replace("%%{", "%{")
