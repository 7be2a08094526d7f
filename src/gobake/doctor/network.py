"""Registries and module proxies: whether they answer, how fast, and what docker's credentials may do there."""

from __future__ import annotations

import base64
import re
import time
import urllib.parse
from collections.abc import Iterator

from gobake import engine, http
from gobake.doctor.engine_checks import of_clock
from gobake.doctor.findings import Finding, fine, note, problem
from gobake.errors import RegistryRefused
from gobake.http import HttpError
from gobake.model import Bases, is_dockerfile
from gobake.registry import Repository, parts
from gobake.registry.credentials import credentials_of

_SECONDS = 15.0
_SLOW_SECONDS = 2.0  # for one small answer
_LARGEST = 1 << 20


def of_repository(topic: str, name: str) -> Iterator[Finding]:
    """Judge a repository that images or caches are pushed to."""
    repository, began = Repository(name, seconds=_SECONDS), time.monotonic()
    try:
        date = repository.date()
        seconds = time.monotonic() - began
        pushes = repository.may_push()
    except RegistryRefused as error:
        yield problem(topic, error.what, error.remedy or "check its name, the network and `docker login`")
        return
    if not pushes and not repository.may_read():
        remedy = f"`docker login {repository.host}`"
        if credentials_of(repository.host):
            yield problem(topic, f"{name}: the login that docker has for {repository.host} is refused", remedy)
        else:
            yield note(topic, f"{name}: {repository.host} wants a login, and docker has none for it", remedy)
    elif not pushes:
        yield note(topic, f"{name}: may be read, and not written", f"`docker login {repository.host}` to push")
    elif seconds > _SLOW_SECONDS:
        yield note(topic, f"{name} takes {seconds:.1f} s for an answer", "a registry nearby makes caches worth more")
    else:
        yield fine(topic, f"{name}: may be written; it answers in {seconds:.2f} s")
    yield from of_clock(repository.host, date)


def of_bases(bases: Bases, *, in_engine: bool = False) -> Iterator[Finding]:
    """Judge whether the base images are there, for this machine's credentials.

    ``in_engine``: ask the engine on the docker client's socket first, which may know mirrors.
    """
    found = {str(getattr(bases, name)) for name in bases.__struct_fields__}
    missing = False
    for reference in sorted(one for one in found if one and not is_dockerfile(one) and "$" not in one):
        if in_engine and engine.registry_digest(reference):
            continue
        name, digest, tag = parts(reference)
        try:
            if Repository(name, seconds=_SECONDS).manifest_bytes(digest or tag) is None:
                yield problem("bases", f"there is no image {reference}", "correct it in `bases` of gobake.yaml")
                missing = True
        except RegistryRefused as error:
            yield note("bases", f"{reference}: {error.what}", "an engine that has it builds; others cannot pull it")
            missing = True
    if not missing:
        yield fine("bases", "their registries have all of them")


def of_proxy(setting: str, *, needed: bool) -> Iterator[Finding]:
    """Judge GOPROXY. ``needed``: whether the project has modules from elsewhere."""
    urls = [url for url in re.split(r"[,|]", setting) if url.startswith(("http://", "https://"))]
    if not needed or not urls:
        what = "not needed: no modules from elsewhere" if not needed else f"no proxy: {setting or 'unset'}"
        yield fine("modules", what)
        return
    shown, began = _host(urls[0]), time.monotonic()
    try:
        request = _asking(f"{urls[0].rstrip('/')}/golang.org/x/text/@v/list")
        answer = http.Client(seconds=_SECONDS, follow=lambda _, __: None).send(request, largest=_LARGEST)
    except HttpError as error:
        yield problem("modules", f"the module proxy {shown} does not answer: {error}", "check GOPROXY and the network")
        return
    seconds = time.monotonic() - began
    if answer.status >= 500:
        yield problem("modules", f"the module proxy {shown} answers {answer.status}", "try again, or another GOPROXY")
    elif answer.status in (401, 403):
        yield note("modules", f"the module proxy {shown} wants a login", "builds use the one of this machine's netrc")
    else:
        yield fine("modules", f"the module proxy {shown} answers in {seconds:.2f} s")


def _asking(url: str) -> http.Request:
    """Return the request for an address that may contain a login."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    login, _, host = place.rpartition("@")
    basic = f"Basic {base64.b64encode(urllib.parse.unquote(login).encode()).decode()}" if login else ""
    return http.Request(method="GET", url=f"{scheme}://{host}{slash}{path}", authorization=basic)


def _host(url: str) -> str:
    """Return the host of an address, without credentials."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]
