"""One repository of a registry: list tags, read manifests and small blobs, push small artifacts, delete a manifest.

Credentials go to the registry and to the token server that it names over TLS, and follow no redirect.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from gobake.dataclass import dataclass
from gobake.errors import RegistryRefused
from gobake.registry.credentials import HUB, Credentials, credentials_of

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
_LARGEST = 64 << 20  # bytes of an answer: an index of a large seed has a few
_PAGES = 1000
_SILENT_SECONDS = 10.0
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class DeletionRefused(RegistryRefused):
    """The registry does not delete: many do not by this API, or not for this user."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest or an index, as the registry keeps it."""

    digest: str
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Repository:
    """A repository such as ghcr.io/acme/shop-cache. All its questions together take ``seconds`` at most."""

    def __init__(self, name: str, *, seconds: float = 30.0) -> None:
        first, slash, rest = name.partition("/")
        if slash and (re.search(r"[.:]", first) or first == "localhost"):
            self.host, self.path = first, rest
        else:
            self.host, self.path = HUB, name if slash else f"library/{name}"
        local = _LOOPBACK.fullmatch(self.host)
        address = "registry-1.docker.io" if self.host == HUB else self.host
        self._base = f"{'http' if local else 'https'}://{address}/v2/{self.path}"
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        proxies = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(*proxies)
        self._authorization: dict[str, str] = {}  # by method, and of uploads: a right to read is none to write

    # ---- questions

    def tags(self) -> tuple[str, ...]:
        """All tags. Raises RegistryRefused; a repository that does not exist has none."""
        found: list[str] = []
        url = f"{self._base}/tags/list?n=1000"
        for _ in range(_PAGES):
            answer = self._ask("GET", url)
            if answer.status == 404:
                break
            found += self._json(self._good(answer)).get("tags") or []
            following = re.match(r'\s*<([^>]+)>\s*;.*rel="?next', answer.headers.get("link", ""))
            if not following:
                break
            url = urllib.parse.urljoin(url, following[1])
            if not url.startswith(self._base):
                break
        return tuple(str(tag) for tag in found)

    def manifest(self, reference: str) -> Manifest | None:
        """Of a tag or digest; None where there is none."""
        answer = self._ask("GET", f"{self._base}/manifests/{reference}", accept=_MANIFESTS)
        if answer.status == 404:
            return None
        body = self._good(answer).body
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            raise RegistryRefused(f"{self.host}: the manifest {reference} is damaged")
        return Manifest(digest=digest, content=self._json(answer))

    def blob(self, digest: str) -> bytes:
        """A small blob, checked against its digest."""
        body = self._good(self._ask("GET", f"{self._base}/blobs/{digest}")).body
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise RegistryRefused(f"{self.host}: the blob {digest} is damaged")
        return body

    def delete(self, digest: str) -> None:
        """Delete a manifest, and with it all tags that name it; it may be gone already. Raises DeletionRefused."""
        answer = self._ask("DELETE", f"{self._base}/manifests/{digest}")
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
        """An artifact of one blob of a media type, under a tag; the digest of its manifest. Raises RegistryRefused."""
        layer = self._upload(content, kind)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "artifactType": kind,
            "config": self._upload(b"{}", _EMPTY),
            "layers": [layer],
        }
        body = json.dumps(manifest, separators=(",", ":")).encode()
        answer = self._ask("PUT", f"{self._base}/manifests/{tag}", data=body, kind=_MANIFEST)
        self._good(answer, "write")
        return f"sha256:{hashlib.sha256(body).hexdigest()}"

    def _upload(self, content: bytes, kind: str) -> Mapping[str, Any]:
        """Its descriptor."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = self._good(self._ask("POST", f"{self._base}/blobs/uploads/", data=b""), "write")
        place = urllib.parse.urljoin(f"{self._base}/", begun.headers.get("location", ""))
        if urllib.parse.urlsplit(place)[:2] != urllib.parse.urlsplit(self._base)[:2]:
            raise RegistryRefused(f"{self.host}: it wants uploads elsewhere, where its credentials do not belong")
        place += f"{'&' if '?' in place else '?'}{urllib.parse.urlencode({'digest': digest})}"
        self._good(self._ask("PUT", place, data=content, kind="application/octet-stream"), "write")
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    # ---- asking

    def _ask(self, method: str, url: str, *, accept: str = "", data: bytes | None = None, kind: str = "") -> _Answer:
        """Once, and once more with what the registry's challenge asks for."""
        right = "write" if data is not None else method
        words = {"accept": accept, "kind": kind}
        answer = self._send(method, url, authorization=self._authorization.get(right, ""), data=data, **words)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status != 401 or not challenge:
            return answer
        authorization = self._answer(challenge)
        if not authorization:
            return answer
        self._authorization[right] = authorization
        return self._send(method, url, authorization=authorization, data=data, **words)

    def _answer(self, challenge: str) -> str:
        """The Authorization header that a challenge asks for; "" where docker has nothing to offer."""
        credentials = credentials_of(self.host)
        if challenge.lower().startswith("basic"):
            return credentials.basic if credentials and credentials.user else ""
        words = dict(_CHALLENGE.findall(challenge))
        realm = words.get("realm", "")
        if not challenge.lower().startswith("bearer") or not realm.startswith(("https://", "http://")):
            return ""
        if realm.startswith("http://") and self._base.startswith("https://"):
            raise RegistryRefused(f"{self.host}: its token server {realm} is not reached over TLS")
        asked = {key: words[key] for key in ("service", "scope") if words.get(key)}
        told = self._json(self._good(self._token(realm, asked, credentials)))
        token = told.get("token") or told.get("access_token")
        return f"Bearer {token}" if token else ""

    def _token(self, realm: str, asked: dict[str, str], credentials: Credentials | None) -> _Answer:
        if credentials and credentials.token:
            form = {
                **asked,
                "grant_type": "refresh_token",
                "refresh_token": credentials.token,
                "client_id": "gobake",
            }
            return self._send("POST", realm, data=urllib.parse.urlencode(form).encode())
        query = f"{'&' if '?' in realm else '?'}{urllib.parse.urlencode(asked)}" if asked else ""
        return self._send("GET", realm + query, authorization=credentials.basic if credentials else "")

    def _send(
        self,
        method: str,
        url: str,
        *,
        accept: str = "",
        authorization: str = "",
        data: bytes | None = None,
        kind: str = "",
    ) -> _Answer:
        request = urllib.request.Request(url, method=method, data=data, headers={"User-Agent": "gobake"})
        if accept:
            request.add_header("Accept", accept)
        if kind:
            request.add_header("Content-Type", kind)
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        try:
            with self._opener.open(request, timeout=self._patience()) as reply:
                return _Answer(status=reply.status, headers=_lower(reply.headers), body=self._read(reply))
        except urllib.error.HTTPError as error:
            with error:
                return _Answer(status=error.code, headers=_lower(error.headers), body=self._read(error))
        except TimeoutError:
            raise self._late(_SILENT_SECONDS) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._late(_SILENT_SECONDS) from None
            said = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else _plain(reason)
            raise RegistryRefused(f"{self.host} cannot be reached: {said}") from None

    def _read(self, reply: Any) -> bytes:
        """In pieces: a registry that trickles must not be waited for."""
        gathered = bytearray()
        while piece := reply.read1(1 << 16):
            gathered += piece
            if len(gathered) > _LARGEST:
                raise RegistryRefused(f"{self.host}: an answer has more than {_LARGEST >> 20} MiB")
            self._patience()
        return bytes(gathered)

    def _patience(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self._late(self._seconds)
        return min(left, _SILENT_SECONDS)

    def _late(self, seconds: float) -> RegistryRefused:
        return RegistryRefused(f"{self.host} did not answer within {min(self._seconds, seconds):g} s")

    def _good(self, answer: _Answer, doing: str = "read") -> _Answer:
        if 200 <= answer.status < 300:
            return answer
        if answer.status in (401, 403):
            raise RegistryRefused(
                f"{self.host}/{self.path}: not allowed to {doing} it", remedy=f"`docker login {self.host}`"
            )
        raise RegistryRefused(f"{self.host}/{self.path}: the registry answered {answer.status}{_said(answer.body)}")

    def _json(self, answer: _Answer) -> Mapping[str, Any]:
        try:
            told = json.loads(answer.body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise RegistryRefused(f"{self.host}: its answer is no JSON object; is it a registry?")
        return told


def _plain(reason: Any) -> str:
    return str(getattr(reason, "strerror", None) or reason)


def _lower(headers: Any) -> Mapping[str, str]:
    return {str(key).lower(): str(value) for key, value in headers.items()}


def _said(body: bytes) -> str:
    """The registry's own words, if it has any."""
    try:
        error = json.loads(body)["errors"][0]
        words = str(error.get("message") or error.get("code") or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    return f" ({' '.join(words.split())[:120]})" if words else ""
