"""Registries in memory, and a generator of them: everything that a repository of a Go team may hold."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

from gobake.errors import RegistryRefused
from gobake.foreign.oci import Descriptor
from gobake.retention.held import Push, push_of
from tests.unit.scoring import run, target

NOW = 1_800_000_000.0
DAY = 86_400.0
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
CACHE = "application/vnd.buildkit.cacheconfig.v0"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
NAME = "registry.example.com/acme/shop"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def moment(seconds: float) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Registry:
    """A repository: it deletes manifests, and all tags of one with it, as the distribution specification has it."""

    def __init__(self, *, referrers_api: bool = False) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.named: dict[str, str] = {}
        self.api = referrers_api
        self.deleted: list[str] = []
        self.broken: set[str] = set()  # tags and digests that are answered with an error
        self.before: Callable[[str, str], None] = lambda _method, _name: None

    # ---- what the client asks

    def tags(self) -> tuple[str, ...]:
        return tuple(sorted(self.named))

    def manifest_bytes(self, reference: str) -> bytes | None:
        if reference in self.broken:
            raise RegistryRefused("registry.example.com: the registry answered 500")
        return self.manifests.get(self.named.get(reference, reference))

    def blob(self, digest: str) -> bytes:
        if digest not in self.blobs:
            raise RegistryRefused("no such blob")
        return self.blobs[digest]

    def referrers(self, digest: str) -> tuple[Descriptor, ...] | None:
        if not self.api:
            return None
        return tuple(Descriptor(digest=one) for one in self.about(digest))

    def current(self, reference: str) -> str:
        self.before("HEAD", reference)
        return self.named.get(reference, "")

    def delete(self, digest: str) -> None:
        self.before("DELETE", digest)
        if digest in self.manifests:
            del self.manifests[digest]
            self.deleted.append(digest)
            self.named = {tag: one for tag, one in self.named.items() if one != digest}

    # ---- what is in it

    def about(self, digest: str) -> list[str]:
        return [one for one, text in self.manifests.items() if f'"subject":{{"digest":"{digest}"' in text.decode()]

    def put(self, content: dict[str, Any], *tags: str) -> str:
        data = json.dumps({"schemaVersion": 2, **content}, separators=(",", ":")).encode()
        digest = digest_of(data)
        self.manifests[digest] = data
        self.named |= dict.fromkeys(tags, digest)
        return digest

    def config(self, **content: Any) -> dict[str, Any]:
        data = json.dumps({"rootfs": {"diff_ids": []}, **content}, separators=(",", ":")).encode()
        self.blobs[digest_of(data)] = data
        return {"mediaType": CONFIG, "digest": digest_of(data), "size": len(data)}

    def image(self, *tags: str, layers: tuple[str, ...] = ("base",), made: float | None = None, **more: Any) -> str:
        labels = {"org.opencontainers.image.created": moment(made)} if made else {}
        config = self.config(created="1970-01-01T00:00:00Z", config={"Labels": {**labels, **more.pop("labels", {})}})
        return self.put(
            {"mediaType": MANIFEST, "config": config, "layers": [layer(one) for one in layers], **more}, *tags
        )

    def index(self, *tags: str, of: list[str], attested: list[str] | None = None) -> str:
        """An index of manifests; ``attested``: BuildKit's attestations among them."""
        listed = [self.descriptor(one) for one in of]
        for digest in attested or ():
            about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of[0]}
            listed.append(self.descriptor(digest) | {"annotations": about})
        return self.put({"mediaType": INDEX, "manifests": listed}, *tags)

    def descriptor(self, digest: str) -> dict[str, Any]:
        kind = json.loads(self.manifests[digest])["mediaType"]
        return {"mediaType": kind, "digest": digest, "size": len(self.manifests[digest])}

    def artifact(self, kind: str, content: str, *tags: str, subject: str = "") -> str:
        about = {"subject": {"digest": subject, "mediaType": MANIFEST, "size": 1}} if subject else {}
        empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
        body = {"mediaType": MANIFEST, "artifactType": kind, "config": empty, "layers": [layer(content)], **about}
        return self.put(body, *tags)

    def cache(self, tag: str, made: float, *, as_index: bool) -> str:
        parts = [layer(f"{tag} {at}") | {"annotations": {"buildkit/createdat": moment(made)}} for at in range(2)]
        config = {"mediaType": CACHE, "digest": digest_of(tag.encode()), "size": 10}
        if as_index:
            return self.put({"mediaType": INDEX, "manifests": [*parts, config]}, tag)
        return self.put({"mediaType": MANIFEST, "config": config, "layers": parts}, tag)

    def seed(self, branch: str, made: float, *, project: str = "shop", parts: str = "") -> str:
        """A seed with its index and its other half; ``parts``: what they are, as seeds may share them."""
        mark = parts or f"{branch} {made}"
        index = hashlib.sha256(mark.encode()).hexdigest()
        half = f"half-{hashlib.sha256(f'half {mark}'.encode()).hexdigest()[:24]}"
        self.image(f"index-{index[:24]}", layers=(f"index {mark}",), made=made)
        self.image(half, layers=("restore", f"half {mark}"), made=made)
        labels = {
            "dev.gobake.seed": "3",
            "dev.gobake.seed.project": project,
            "dev.gobake.seed.index": index,
            "dev.gobake.seed.half": half,
            "dev.gobake.seed.saved": moment(made),
        }
        return self.image(f"seed-{project}-go1.26-amd64-{branch}", layers=("restore", mark), made=made, labels=labels)


def layer(content: str) -> dict[str, Any]:
    return {"mediaType": LAYER, "digest": digest_of(content.encode()), "size": 1000 + len(content)}


def pushed(*digests: str, at: float, name: str = NAME) -> Push:
    """The record of a run that pushed these."""
    targets = tuple(target(f"api{n}", images=(f"{name}:latest",), digest=one) for n, one in enumerate(digests))
    return push_of(run(id=f"20261124-201500-{int(at) % 1_000_000_007:x}", started=at, targets=targets))


class World:
    """A generated registry, with the records and deployments that name some of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.registry = Registry(referrers_api=self.chance.random() < 0.4)
        self.records: list[Push] = []
        self.deployments: dict[str, str] = {}
        self._platforms: list[str] = []
        self._tops: list[str] = []
        for at in range(self.chance.randint(2, 9)):
            self._release(at)
        for at in range(self.chance.randint(0, 3)):
            self._caches(at)
        if self._tops and self.chance.random() < 0.5:
            self.deployments["compose.yaml"] = f"image: {NAME}@{self.chance.choice(self._tops + self._platforms)}\n"
        if self.chance.random() < 0.3:
            self.deployments["old.yaml"] = f"image: {NAME}:v{self.chance.randint(0, 8)}\n"

    def _age(self) -> float:
        return NOW - self.chance.choice((0.1, 2, 10, 40, 90, 400)) * DAY

    def _release(self, at: int) -> None:
        chance, registry, made = self.chance, self.registry, self._age()
        known = made if chance.random() < 0.8 else None
        platforms = [
            registry.image(layers=("base", f"program {chance.randint(0, 5)} {arch}"), made=known)
            for arch in ("amd64", "arm64", "riscv64")[: chance.randint(1, 3)]
        ]
        if self._platforms and chance.random() < 0.4:
            platforms[0] = chance.choice(self._platforms)  # one platform did not change
        self._platforms += platforms
        attested = [
            registry.artifact("", f"provenance {at} {n}") for n in range(len(platforms)) if chance.random() < 0.5
        ]
        tags = [f"v{at}"] if chance.random() < 0.7 else []
        tags += ["latest"] if chance.random() < 0.4 else []
        tags += [f"pr-{at}"] if chance.random() < 0.3 else []
        if len(platforms) == 1 and chance.random() < 0.3:
            top = platforms[0]
            registry.named |= dict.fromkeys(tags, top)
        else:
            top = registry.index(*([] if chance.random() < 0.2 else tags), of=platforms, attested=attested)
            if chance.random() < 0.2:
                top = registry.index(*tags, of=[top, *platforms[:1]])
        self._tops.append(top)
        for subject in (top, *platforms):
            if chance.random() < 0.4:
                self._referrers(subject, at)
        if chance.random() < 0.6:
            self.records.append(pushed(top, at=made))

    def _referrers(self, subject: str, at: int) -> None:
        chance, registry = self.chance, self.registry
        tag = subject.replace("sha256:", "sha256-")
        way = chance.choice(("referrer", "cosign", "both"))
        if way != "cosign":
            sbom = registry.artifact("application/spdx+json", f"sbom {at}", subject=subject)
            signed = registry.artifact("application/vnd.dev.sigstore.bundle", "of it", subject=sbom)
            if not registry.api:
                registry.index(tag, of=[sbom])
                registry.index(sbom.replace("sha256:", "sha256-"), of=[signed])
        if way != "referrer":
            registry.artifact("", f"signature {at}", f"{tag}.sig")
            if chance.random() < 0.3:
                registry.artifact("", "the same attestation", f"{tag}.att")

    def _caches(self, at: int) -> None:
        chance, registry = self.chance, self.registry
        branch, project = f"b{at}", chance.choice(("shop", "shop", "other"))
        registry.seed(branch, self._age(), project=project, parts=chance.choice(("", "shared")))
        made = self._age()
        registry.cache(f"layers-{project}.api-scratch.all.{branch}", made, as_index=chance.random() < 0.5)
        registry.artifact(
            "application/vnd.gobake.run.v1+json+gzip",
            f"run {at}",
            f"history-{project}.20261124-20150{at}-3fa9c1.{branch}",
        )


def whole(registry: Registry, reference: str) -> set[str]:
    """All manifests of a reference that a careful user has after pulling it, by any way there is; themselves too.

    Written without the room under test: what it finds before a prune must be there after it.
    """
    found: set[str] = set()
    waiting = [registry.named.get(reference, reference)]
    while waiting:
        digest = waiting.pop()
        if digest in found or digest not in registry.manifests:
            continue
        found.add(digest)
        content = json.loads(registry.manifests[digest])
        waiting += [one["digest"] for one in content.get("manifests", ())]
        waiting += registry.about(digest)
        hexa = digest.removeprefix("sha256:")
        waiting += [one for tag, one in registry.named.items() if tag.startswith(f"sha256-{hexa}")]
        config = registry.blobs.get(content.get("config", {}).get("digest", ""))
        labels = json.loads(config).get("config", {}).get("Labels", {}) if config else {}
        if labels.get("dev.gobake.seed"):
            parts = (f"index-{labels['dev.gobake.seed.index'][:24]}", labels["dev.gobake.seed.half"])
            waiting += [registry.named[part] for part in parts]
    return found
