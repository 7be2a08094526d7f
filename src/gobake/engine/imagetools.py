"""`docker buildx imagetools`: images in a registry are looked at, get names, or become one image for all platforms."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from gobake.engine import views
from gobake.engine.builder import buildx_command, not_started, refusal
from gobake.errors import NoBuildx, RegistryRefused
from gobake.paths import scratch_folder
from gobake.proc import command
from gobake.proc.command import Done, Late, NotStarted
from gobake.text.printable import one_line

_SECONDS = 600.0  # layers may be copied to another registry
_MISSING = re.compile(r"(?i)not found|manifest unknown|name unknown|does not exist")
_CERTIFICATES = "/etc/ssl/certs:/etc/pki/tls/certs"  # where Go looks without SSL_CERT_DIR


def inspect_image(reference: str, template: str, seconds: float) -> str | None:
    """Run `docker buildx imagetools inspect`, raw without a template; None if the image does not exist.

    Raises RegistryRefused if the registry refuses or does not respond in ``seconds``.
    """
    form = ["--format", template] if template else ["--raw"]
    try:
        done = _run([*buildx_command(), "imagetools", "inspect", *form, reference], [reference], seconds)
    except Late:
        raise RegistryRefused(f"{reference}: the registry did not answer within {seconds:.0f} s") from None
    if done.code == 0:
        return done.out
    said = done.last.removeprefix("ERROR: ") or "no reason given"
    if _MISSING.search(said):
        return None
    raise RegistryRefused(f"{reference}: {said}")


def name_image(names: Sequence[str], sources: Sequence[str], builder: str, annotations: Mapping[str, str]) -> None:
    """Give names to an image; of several sources an index is made, with their attestations.

    ``names``: references with a tag; layers that another registry lacks are copied there. ``sources``: references with
    a digest, all in one registry. One source stays as it is, byte for byte. ``annotations``: of a new index.

    buildx reaches registries as the builder does: with its certificates, and over http where its configuration says so.
    Source: docker/buildx, util/imagetools/create.go. Raises NoEngine, NoBuildx and RegistryRefused.
    """
    words = [
        *buildx_command(),
        "imagetools",
        "create",
        *views.options(builder),
        *(["--prefer-index=false"] if len(sources) == 1 else []),  # else a manifest becomes an index of one
        *(word for name in names for word in ("--tag", name)),
        *(word for key, value in annotations.items() for word in ("--annotation", f"index:{key}={value}")),
        *sources,
    ]
    try:
        done = _run(words, [*names, *sources], _SECONDS, builder)
    except Late:
        raise RegistryRefused(f"{names[0]}: not tagged within {_SECONDS:g} s") from None
    if done.code == 0:
        return
    if "unknown flag: --prefer-index" in done.err:
        raise NoBuildx("this buildx cannot give an image a name and leave it as it is", remedy="install 0.15 or newer")
    refused = refusal(done.err, ("buildx", "imagetools"))
    if isinstance(refused, NoBuildx):
        raise refused
    said = [line.removeprefix("ERROR: ") for line in done.err.splitlines() if line.startswith("ERROR: ")]
    raise RegistryRefused(f"{names[0]}: {one_line(said[-1] if said else done.last, 300)}")


def _run(words: Sequence[str], references: Sequence[str], seconds: float, builder: str = "") -> Done:
    """Run a command; ``builder``: which its words name, if any. Raises NoEngine and Late."""
    try:
        with _trust(references) as trust:
            return command.run(words, env={**os.environ, **views.settings(builder), **trust}, seconds=seconds)
    except NotStarted as error:
        raise not_started(words[0], error) from None


@contextmanager
def _trust(references: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Let buildx trust the authorities of these images' registries: other than the engine, it ignores certs.d.

    Go splits SSL_CERT_DIR at colons, which the names of those folders contain. Raises Unwritable.
    """
    from gobake.registry import certificates, parts, place_of  # for those who look at images

    hosts = dict.fromkeys(place_of(parts(reference)[0])[0] for reference in references)
    authorities = b"\n".join(map(certificates.authorities_of, hosts)).strip()
    if not authorities:
        yield {}
        return
    with scratch_folder() as folder:
        (folder / "authorities.pem").write_bytes(authorities)
        there = os.environ.get("SSL_CERT_DIR") or _CERTIFICATES
        yield {"SSL_CERT_DIR": f"{there}:{folder}"}
