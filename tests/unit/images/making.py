"""Images for tests, made byte by byte: layers, layouts and archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Files = Mapping[str, bytes | str | None]  # content; the target of a link; None for a folder


def layer(files: Files, *, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A layer's tar stream."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
            else:
                entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content) if isinstance(content, bytes) else None)
    return stream.getvalue()


def zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(data)


def packed(data: bytes, how: str) -> bytes:
    return {"gzip": lambda: gzip.compress(data, mtime=0), "zstd": lambda: zstd(data), "": lambda: data}[how]()


class Layout:
    """The blobs and the index of a layout, which tests may spoil."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.roots: list[dict[str, Any]] = []

    def blob(self, data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data), **more}

    def image(
        self, layers: Sequence[bytes], steps: Sequence[str], *, arch: str = "amd64", how: str = "gzip"
    ) -> dict[str, Any]:
        history = [{"created_by": "ENV PATH=/bin", "empty_layer": True}, *({"created_by": step} for step in steps)]
        config = {"os": "linux", "architecture": arch, "history": history, "config": {"Entrypoint": ["/app"]}}
        manifest = {
            "schemaVersion": 2,
            "config": self.blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [self.blob(packed(one, how), "application/vnd.oci.image.layer.v1.tar") for one in layers],
        }
        return self.blob(
            json.dumps(manifest).encode(),
            "application/vnd.oci.image.manifest.v1+json",
            platform={"os": "linux", "architecture": arch},
        )

    def index(self, *manifests: dict[str, Any]) -> dict[str, Any]:
        data = json.dumps({"schemaVersion": 2, "manifests": list(manifests)}).encode()
        return self.blob(data, "application/vnd.oci.image.index.v1+json")

    def files(self) -> dict[str, bytes]:
        index = json.dumps({"schemaVersion": 2, "manifests": self.roots}).encode()
        blobs = {f"blobs/sha256/{name}": data for name, data in self.blobs.items()}
        return {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index, **blobs}

    def in_folder(self, folder: Path) -> Path:
        for name, data in self.files().items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return folder

    def in_archive(self, file: Path) -> Path:
        file.write_bytes(layer(self.files()))
        return file


BASE = layer({"etc": None, "etc/passwd": b"root", "usr/lib/old.so": b"x" * 3000, "bin/sh": "busybox"})
OVER = layer({"app": b"p" * 5000, "usr/lib/old.so": b"y" * 10, "etc/.wh.passwd": b"", "usr/share": None})
STEPS = ("/bin/sh -c #(nop) ADD file:1 in / ", "COPY /out/ / # buildkit")


def example(how: str = "gzip") -> Layout:
    """An index of two platforms and an attestation."""
    made = Layout()
    attestation = made.blob(
        b'{"config": null, "layers": []}',
        "application/vnd.oci.image.manifest.v1+json",
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
        platform={"os": "unknown", "architecture": "unknown"},
    )
    two = (made.image((BASE, OVER), STEPS, how=how), made.image((BASE,), STEPS[:1], arch="arm64", how=how))
    made.roots = [made.index(*two, attestation)]
    return made


def legacy(file: Path) -> Path:
    """What `docker save` wrote before Docker 25."""
    config = {"os": "linux", "architecture": "amd64", "history": [{"created_by": step} for step in STEPS]}
    listed = [{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["one/layer.tar", "two/layer.tar"]}]
    files: dict[str, bytes | str | None] = {
        "c.json": json.dumps(config).encode(),
        "three/layer.tar": BASE,
        "one/layer.tar": "../three/layer.tar",
        "two/layer.tar": OVER,
        "manifest.json": json.dumps(listed).encode(),
    }
    file.write_bytes(layer(files))
    return file
