"""The rival: the Dockerfile and bake file that a skilled person writes by hand for a Go repository of many services.

It has one target per service; the toolchain cross-compiles on the builder's platform; a separate step downloads modules
before the sources are copied; all targets share Go's two caches as cache mounts; every target exports all its layers
(`mode=max`, zstd) to its own ref and imports them again. It is measured in two forms: `whole`, where each service
copies the whole repository, as most do, and `narrow`, where someone maintains by hand which folders each service needs,
so that an edit of one service invalidates no other service's layers.

Go's cache is `sharing=locked`, so that one compile step runs at a time: otherwise the steps of all services and
platforms start together on an empty cache, and each compiles the shared packages. `--sharing shared` measures that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.workspaces import Workspace

PLATFORMS = ("linux/amd64", "linux/arm64")
GO_IMAGE = "golang:1.26"
FORMS = ("whole", "narrow")
SHARINGS = ("locked", "shared")

DOCKERFILE = """FROM --platform=$BUILDPLATFORM {go} AS modules
ENV CGO_ENABLED=0 GOFLAGS= GOTOOLCHAIN=local
WORKDIR /src
ARG GOPROXY
{module_files}
RUN --mount=type=cache,id={ident}-mod,target=/go/pkg/mod go mod download

FROM modules AS build
ARG FOLDER TARGETOS TARGETARCH
{sources}
RUN --mount=type=cache,id={ident}-mod,target=/go/pkg/mod \\
    --mount=type=cache,id={ident}-build,target=/root/.cache/go-build,sharing={sharing} \\
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -v -trimpath -buildvcs=false -ldflags='-s -w' -o /out/app ./$FOLDER

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/app /app
USER 65532:65532
ENTRYPOINT ["/app"]
"""
IGNORE = "Dockerfile\nDockerfile.dockerignore\ndocker-bake.json\ngobake.yaml\n.git\n.gobake\n**/*_test.go\n**/*.md\n"


@dataclass(frozen=True, kw_only=True)
class Rival:
    """The hand-written files for one workspace. ``ident``: a unique name for its cache mounts."""

    workspace: Workspace
    ident: str
    proxy: str  # GOPROXY of this machine
    form: str = "whole"
    sharing: str = "locked"

    def write(self, *, imports: str = "", exports: str = "") -> None:
        """Write the files. ``imports`` and ``exports``: the repositories of the layer caches; "" for none."""
        root = self.workspace.root
        (root / "Dockerfile").write_text(self.dockerfile())
        (root / "Dockerfile.dockerignore").write_text(IGNORE)
        (root / "docker-bake.json").write_text(json.dumps(self.bake(imports, exports), indent=2))

    def dockerfile(self) -> str:
        modules = sorted(file.parent.relative_to(self.workspace.root) for file in self.workspace.root.rglob("go.mod"))
        copies = [f"COPY {m / 'go.mod'} {m / 'go.sum'} {m}/" for m in modules]
        return DOCKERFILE.format(
            go=GO_IMAGE,
            ident=self.ident,
            sharing=self.sharing,
            module_files="\n".join(copies),
            sources="\n".join(self._sources()),
        )

    def _sources(self) -> list[str]:
        if self.form == "whole":
            return ["COPY . ."]
        shared = [name for name in ("internal", "kit") if (self.workspace.root / name).is_dir()]
        return [f"COPY {name} {name}" for name in shared] + ["COPY $FOLDER $FOLDER"]

    def bake(self, imports: str = "", exports: str = "") -> dict[str, Any]:
        targets = {name: self._target(name, imports, exports) for name in self.workspace.services}
        return {"group": {"default": {"targets": list(targets)}}, "target": targets}

    def _target(self, name: str, imports: str, exports: str) -> dict[str, Any]:
        folder = self.workspace.services[name].removeprefix("./")
        target: dict[str, Any] = {
            "context": ".",
            "args": {"FOLDER": folder, "GOPROXY": self.proxy},
            "tags": [f"hand-{self.workspace.name}/{name}:latest"],
            "platforms": list(PLATFORMS),
            "attest": ["type=provenance,disabled=true"],  # gobake adds none by default
        }
        if imports:
            target["cache-from"] = [f"type=registry,ref={imports}:{name}"]
        if exports:
            settings = "mode=max,compression=zstd,oci-mediatypes=true,image-manifest=true,ignore-error=true"
            target["cache-to"] = [f"type=registry,ref={exports}:{name},{settings}"]
        return target

    def command(self) -> tuple[str, ...]:
        return ("docker", "buildx", "bake", "--progress", "rawjson", "--file", "docker-bake.json")

    @property
    def root(self) -> Path:
        return self.workspace.root
