"""Pushes blobs and manifests to a registry on loopback."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from http.client import HTTPResponse

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


class Pusher:
    """Pushes blobs and manifests to a registry on loopback (OCI distribution spec, pushing)."""

    def __init__(self, registry: str) -> None:
        self.base = f"http://{registry}/v2"

    def blob(self, repository: str, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        with self._request("POST", f"{self.base}/{repository}/blobs/uploads/") as answer:
            location = answer.headers["Location"]
        joint = "&" if "?" in location else "?"
        self._request("PUT", f"{location}{joint}digest={digest}", data, "application/octet-stream").close()
        return digest

    def manifest(
        self, repository: str, reference: str, content: dict[str, object], media_type: str
    ) -> dict[str, object]:
        data = json.dumps(content, separators=(",", ":")).encode()
        self._request("PUT", f"{self.base}/{repository}/manifests/{reference}", data, media_type).close()
        return {"mediaType": media_type, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}

    @staticmethod
    def _request(method: str, url: str, data: bytes | None = None, kind: str = "") -> HTTPResponse:
        request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": kind} if kind else {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        answer: HTTPResponse = opener.open(request, timeout=120)
        return answer


def digest_of(manifest: dict[str, object]) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(manifest, separators=(",", ":")).encode()).hexdigest()
