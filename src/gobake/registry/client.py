"""One repository of a registry: list tags, read manifests and small blobs, push small artifacts, delete a manifest.

Credentials go only to the registry and, over TLS, to the token server that it names. They follow no redirect. All
responses are checked by the room `foreign` before use.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from gobake.errors import RegistryRefused
from gobake.foreign import checks, oci
from gobake.foreign.checks import Unfit
from gobake.foreign.oci import Descriptor, Manifest
from gobake.http import Answer
from gobake.registry import answers, certificates
from gobake.registry.credentials import HUB, Credentials, credentials_of
from gobake.registry.transport import Body, Transport, is_loopback, is_private, origin

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_MANIFESTS = ", ".join(
    (
        _MANIFEST,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_NOT_YET = (404,)  # what was written a moment ago is not everywhere yet
_MOST_TAGS = 100_000
_MOST_REFERRERS = 10_000  # of one manifest
_NO_SUCH_API = (400, 404, 405, 501)
_PAGES = 1000
_Read = TypeVar("_Read")


class DeletionRefused(RegistryRefused):
    """The registry does not delete: many do not offer it in this API, or not to this user."""


def parts(reference: str) -> tuple[str, str, str]:
    """Return (repository, digest, tag) of an image's reference; the digest is "" if it names none."""
    name, _, digest = reference.partition("@")
    match = re.fullmatch(r"(.+?)(?::([\w.-]+))?", name)
    assert match
    return match[1], digest, match[2] or "latest"


def place_of(name: str) -> tuple[str, str]:
    """Return (host, path) of a repository: acme/shop is docker.io's."""
    first, slash, rest = name.partition("/")
    if slash and (re.search(r"[.:]", first) or first == "localhost"):
        return first, rest
    return HUB, name if slash else f"library/{name}"


class Repository:
    """A repository such as ghcr.io/acme/shop-cache. All requests together take at most ``seconds``."""

    def __init__(self, name: str, *, seconds: float = 30.0) -> None:
        self.host, self.path = place_of(name)
        local = is_loopback(self.host)
        plain = local and not certificates.named(self.host)
        address = "registry-1.docker.io" if self.host == HUB else self.host
        self._base = f"{'http' if plain else 'https'}://{address}/v2/{self.path}"
        self._transport = Transport(self.host, seconds=seconds, proxies=not local)
        self._authorization: dict[str, str] = {}  # by method, and for uploads: a right to read is no right to write

    # ---- questions

    def tags(self) -> tuple[str, ...]:
        """Return all tags; none if the repository does not exist. Raises RegistryRefused."""
        found: dict[str, None] = {}
        url = f"{self._base}/tags/list?n=1000"
        for _ in range(_PAGES):
            answer = self._ask("GET", url)
            if answer.status == 404:
                return tuple(found)
            found |= dict.fromkeys(self._read(answers.tags, self._good(answer).body))
            url = self._read(partial(answers.next_page, page=url), answer.headers.get("link", ""))
            if not url:
                return tuple(found)
            if len(found) > _MOST_TAGS:
                break
        raise RegistryRefused(f"{self.host}/{self.path}: its list of tags has no end")

    def manifest(self, reference: str) -> Manifest | None:
        """Return the manifest of a tag or digest, or None if it does not exist."""
        body = self.manifest_bytes(reference)
        return None if body is None else self._read(oci.manifest, body)

    def manifest_bytes(self, reference: str) -> bytes | None:
        """Return the text of the manifest of a tag or digest, or None if it does not exist."""
        by_digest = reference.startswith("sha256:")
        reference = self._named(checks.digest if by_digest else checks.tag, reference)
        answer = self._ask("GET", f"{self._base}/manifests/{reference}", accept=_MANIFESTS)
        if answer.status == 404:
            return None
        body = self._good(answer).body
        if by_digest and reference != oci.digest_of(body):
            raise RegistryRefused(f"{self.host}: the manifest {reference} is damaged")
        return body

    def blob(self, digest: str, largest: int = checks.LONGEST_JSON) -> bytes:
        """Return a small blob, after checking its digest."""
        answer = self._ask("GET", f"{self._base}/blobs/{self._named(checks.digest, digest)}", largest=largest)
        body = self._good(answer).body
        if oci.digest_of(body) != digest:
            raise RegistryRefused(f"{self.host}: the blob {digest} is damaged")
        return body

    def current(self, reference: str) -> str:
        """Return the digest of the manifest that a tag or digest names now; "" if there is none."""
        name = self._named(checks.digest if reference.startswith("sha256:") else checks.tag, reference)
        answer = self._ask("HEAD", f"{self._base}/manifests/{name}", accept=_MANIFESTS)
        if answer.status == 404:
            return ""
        told = self._good(answer).headers.get("docker-content-digest", "")
        try:
            return checks.digest(told)
        except Unfit:  # the specification does not require the header
            body = self.manifest_bytes(reference)
            return "" if body is None else oci.digest_of(body)

    def referrers(self, digest: str) -> tuple[Descriptor, ...] | None:
        """Return the manifests whose subject is this one; None if the registry does not tell.

        Then they may be in the index with the tag `sha256-HEX`, as the specification has it.
        """
        found: dict[str, Descriptor] = {}
        url = f"{self._base}/referrers/{self._named(checks.digest, digest)}"
        for _ in range(_PAGES):
            answer = self._ask("GET", url)
            if answer.status in _NO_SUCH_API:
                return None
            found |= {one.digest: one for one in self._read(oci.index, self._good(answer).body)}
            url = self._read(partial(answers.next_page, page=url), answer.headers.get("link", ""))
            if not url:
                return tuple(found.values())
            if len(found) > _MOST_REFERRERS:
                break
        raise RegistryRefused(f"{self.host}/{self.path}: its list of referrers has no end")

    def delete(self, digest: str) -> None:
        """Delete a manifest and all tags that name it; it may be gone already. Raises DeletionRefused."""
        answer = self._ask("DELETE", f"{self._base}/manifests/{self._named(checks.digest, digest)}")
        if answer.status in (401, 403):
            raise DeletionRefused(
                f"{self.host}/{self.path}: these credentials may not delete",
                remedy=f"`docker login {self.host}` with a user who may, or delete in the registry's own pages",
            )
        if answer.status in (400, 405, 501):
            raise DeletionRefused(
                f"{self.host} does not delete by its API", remedy="use the registry's own pages or retention rules"
            )
        if answer.status != 404:
            self._good(answer)

    def push(self, tag: str, content: bytes, kind: str) -> str:
        """Push one blob as an artifact with a tag; return the digest of its manifest. Raises RegistryRefused."""
        layer = self._upload(content, kind)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "artifactType": kind,
            "config": self._upload(b"{}", _EMPTY),
            "layers": [layer],
        }
        body = json.dumps(manifest, separators=(",", ":")).encode()
        url = f"{self._base}/manifests/{self._named(checks.tag, tag)}"
        answer = self._ask("PUT", url, body=Body(data=body, kind=_MANIFEST), also=_NOT_YET)
        self._good(answer, "write")
        return oci.digest_of(body)

    def put_manifest(self, body: bytes, kind: str) -> str:
        """Write a manifest or an index, without a tag; return its digest. Raises RegistryRefused."""
        digest = oci.digest_of(body)
        url = f"{self._base}/manifests/{digest}"
        self._good(self._ask("PUT", url, body=Body(data=body, kind=kind)), "write")
        return digest

    def tag(self, digest: str, tags: Sequence[str]) -> None:
        """Give an image that is there, or an index, further tags; what they named before stays under its digest.

        Raises RegistryRefused, also if there is no such image.
        """
        url = f"{self._base}/manifests/{self._named(checks.digest, digest)}"
        answer = self._ask("GET", url, accept=_MANIFESTS, also=_NOT_YET)
        body = self._good(answer).body
        if oci.digest_of(body) != digest:
            raise RegistryRefused(f"{self.host}: the manifest {digest} is damaged")
        kind = answer.headers.get("content-type", "").partition(";")[0]
        for tag in tags:
            url = f"{self._base}/manifests/{self._named(checks.tag, tag)}"
            self._good(self._ask("PUT", url, body=Body(data=body, kind=kind), also=_NOT_YET), "write")

    def may_push(self) -> bool:
        """Whether the credentials may write: an upload is begun and given up. Raises RegistryRefused."""
        answer = self._ask("POST", f"{self._base}/blobs/uploads/", body=Body(data=b""))
        if answer.status in (401, 403, 404):
            return False
        place = self._place(self._good(answer, "write"))
        self._ask("DELETE", place, body=Body(data=b""))  # an answer that refuses it: the registry clears it by itself
        return True

    def may_read(self) -> bool:
        """Whether the credentials may read; a repository that does not exist may be. Raises RegistryRefused."""
        return self._ask("GET", f"{self._base}/tags/list?n=1").status not in (401, 403)

    def date(self) -> str:
        """Return the registry's own time, in the words of HTTP; "" if it tells none. Raises RegistryRefused."""
        return self._ask("GET", f"{self._base}/tags/list?n=1").headers.get("date", "")

    def _upload(self, content: bytes, kind: str) -> Mapping[str, Any]:
        """Upload a blob; return its descriptor."""
        digest = oci.digest_of(content)

        def upload() -> Answer:  # from its beginning: one that failed cannot be gone on with
            begun = self._good(self._ask("POST", f"{self._base}/blobs/uploads/", body=Body(data=b"")), "write")
            place = self._place(begun)
            place += f"{'&' if '?' in place else '?'}{urllib.parse.urlencode({'digest': digest})}"
            return self._ask("PUT", place, body=Body(data=content, kind="application/octet-stream"), once=True)

        self._good(self._transport.patiently(upload, checks.LONGEST_JSON), "write")
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    def _place(self, begun: Answer) -> str:
        """Return where an upload goes. Raises RegistryRefused for another server."""
        try:
            place = urllib.parse.urljoin(f"{self._base}/", begun.headers.get("location", ""))
        except ValueError:
            place = ""
        if origin(place) != origin(self._base):
            raise RegistryRefused(f"{self.host}: it wants uploads elsewhere, where its credentials do not belong")
        return place

    # ---- asking

    def _ask(
        self,
        method: str,
        url: str,
        *,
        accept: str = "",
        body: Body | None = None,
        largest: int = checks.LONGEST_JSON,
        also: Collection[int] = (),
        once: bool = False,
    ) -> Answer:
        """Send a request, and again with authorization if the registry asks for it."""
        right = "write" if body else method

        def send(authorization: str) -> Answer:
            return self._transport.send(
                method,
                url,
                largest=largest,
                accept=accept,
                authorization=authorization,
                body=body,
                also=also,
                once=once,
            )

        answer = send(self._authorization.get(right, ""))
        asked = answer.headers.get("www-authenticate", "")
        if answer.status != 401 or not asked:
            return answer
        authorization = self._answer(asked)
        if not authorization:
            return answer
        self._authorization[right] = authorization
        return send(authorization)

    def _answer(self, header: str) -> str:
        """Return the Authorization header for a challenge; "" if docker has no credentials for it."""
        scheme, words = answers.challenge(header)
        credentials = credentials_of(self.host)
        if scheme == "basic":
            return credentials.basic if credentials and credentials.user else ""
        realm = words.get("realm", "")
        if scheme != "bearer" or not realm.startswith(("https://", "http://")):
            return ""
        if not is_private(realm) or (realm.startswith("http://") and self._base.startswith("https://")):
            server = "://".join(origin(realm))
            raise RegistryRefused(f"{self.host}: its token server {server} is not reached over TLS")
        asked = {key: words[key] for key in ("service", "scope") if words.get(key)}
        token = self._read(answers.token, self._good(self._token(realm, asked, credentials)).body)
        return f"Bearer {token}" if token else ""

    def _token(self, realm: str, asked: dict[str, str], credentials: Credentials | None) -> Answer:
        largest = checks.LONGEST_JSON
        if credentials and credentials.token:
            form = {
                **asked,
                "grant_type": "refresh_token",
                "refresh_token": credentials.token,
                "client_id": "gobake",
            }
            return self._transport.send(
                "POST", realm, body=Body(data=urllib.parse.urlencode(form).encode()), largest=largest
            )
        query = f"{'&' if '?' in realm else '?'}{urllib.parse.urlencode(asked)}" if asked else ""
        authorization = credentials.basic if credentials else ""
        return self._transport.send("GET", realm + query, authorization=authorization, largest=largest)

    def _good(self, answer: Answer, doing: str = "read") -> Answer:
        if 200 <= answer.status < 300:
            return answer
        if answer.status in (401, 403):
            raise RegistryRefused(
                f"{self.host}/{self.path}: not allowed to {doing} it", remedy=f"`docker login {self.host}`"
            )
        words = answers.said(answer.body)
        raise RegistryRefused(f"{self.host}/{self.path}: the registry answered {answer.status}{words}")

    def _named(self, check: Callable[[object], str], name: str) -> str:
        """Check a name that becomes part of a request: it may come from what others wrote."""
        try:
            return check(name)
        except Unfit as error:
            raise RegistryRefused(f"{self.host}/{self.path}: {error}") from None

    def _read(self, reading: Callable[[Any], _Read], told: bytes | str) -> _Read:
        try:
            return reading(told)
        except Unfit as error:
            raise RegistryRefused(f"{self.host}: its answer {error}; is it a registry?") from None
