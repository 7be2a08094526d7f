"""The rival: the Dockerfile and bake file that a skilled person writes by hand for a Go repository of many services.

The toolchain cross-compiles on the builder's platform; a separate step downloads modules before the sources are copied;
all targets share Go's two caches as cache mounts; layers are exported (zstd) to a registry and imported again. It is
measured in three forms:

- `whole`: one target per service, each of which copies the whole repository, as most do
- `narrow`: the same, but someone maintains by hand which folders each service needs, so that an edit of one service
  invalidates no other service's layers (only for workspaces of one module)
- `one`: one compile stage, `go build -o /out/` of all commands, from which every image copies its own

With one target per service, each has its own ref for its layers. With one compile stage only the first target exports,
and all import that: the stage's layer has all programs, so twenty exports would push the same bytes twenty times.

With one target per service Go's cache is `sharing=locked`, so that one compile step runs at a time: otherwise the steps
of all services and platforms start together on an empty cache, and each compiles the shared packages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.workspaces import Workspace

PLATFORMS = ("linux/amd64", "linux/arm64")
GO_IMAGE = "golang:1.26"

MODULES = """FROM --platform=$BUILDPLATFORM {go} AS modules
ENV CGO_ENABLED=0 GOFLAGS= GOTOOLCHAIN=local
WORKDIR /src
ARG GOPROXY
{module_files}
RUN --mount=type=cache,id={ident}-mod,target=/go/pkg/mod go mod download
"""
PER_SERVICE = """
FROM modules AS build
ARG FOLDER TARGETOS TARGETARCH
{sources}
RUN --mount=type=cache,id={ident}-mod,target=/go/pkg/mod \\
    --mount=type=cache,id={ident}-build,target=/root/.cache/go-build,sharing=locked \\
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -v -trimpath -buildvcs=false -ldflags='-s -w' -o /out/app ./$FOLDER

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/app /app
USER 65532:65532
ENTRYPOINT ["/app"]
"""
TOGETHER = """
FROM modules AS build
ARG TARGETOS TARGETARCH
COPY . .
RUN --mount=type=cache,id={ident}-mod,target=/go/pkg/mod \\
    --mount=type=cache,id={ident}-build,target=/root/.cache/go-build \\
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -v -trimpath -buildvcs=false -ldflags='-s -w' -o /out/ {packages}

FROM scratch
ARG PROGRAM
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/$PROGRAM /app
USER 65532:65532
ENTRYPOINT ["/app"]
"""
MOUNTS = """\
FROM {go} AS restored
RUN --mount=type=bind,target=/in --mount=type=cache,id={ident}-mod,target=/kept/mod \\
    --mount=type=cache,id={ident}-build,target=/kept/build tar -xf /in/mounts.tar -C /kept

FROM {go} AS packed
ARG NUMBER
RUN --mount=type=cache,id={ident}-mod,target=/kept/mod --mount=type=cache,id={ident}-build,target=/kept/build \\
    echo $NUMBER && tar -cf /mounts.tar -C /kept mod build

FROM scratch AS saved
COPY --from=packed /mounts.tar /
"""
IGNORE = "*Dockerfile*\ndocker-bake.json\ngobake.yaml\n.git\n.gobake\n**/*_test.go\n**/*.md\n"


@dataclass(frozen=True, kw_only=True)
class Rival:
    """The hand-written files for one workspace. ``ident``: a unique name for its cache mounts."""

    workspace: Workspace
    ident: str
    proxy: str  # GOPROXY of this machine
    form: str = "whole"
    mode: str = "max"  # of exported layers

    def write(self, *, imports: str = "", exports: str = "") -> None:
        """Write the files. ``imports`` and ``exports``: the repositories of the layer caches; "" for none."""
        root = self.workspace.root
        (root / "Dockerfile").write_text(self.dockerfile())
        (root / "Dockerfile.dockerignore").write_text(IGNORE)
        (root / "docker-bake.json").write_text(json.dumps(self.bake(imports, exports), indent=2))

    def dockerfile(self) -> str:
        return (MODULES + (TOGETHER if self.form == "one" else PER_SERVICE)).format(
            go=GO_IMAGE,
            ident=self.ident,
            module_files="\n".join(self._module_files()),
            sources="\n".join(self._sources()),
            packages=" ".join(self.workspace.services.values()),
        )

    def mounts(self) -> str:
        """The Dockerfile with which the cache mounts are carried to a file and back."""
        return MOUNTS.format(go=GO_IMAGE, ident=self.ident)

    def _module_files(self) -> list[str]:
        root = self.workspace.root
        lines = ["COPY go.work* ./"] if (root / "go.work").exists() else []
        for folder in sorted(file.parent for file in root.rglob("go.mod")):
            names = [
                str((folder / name).relative_to(root)) for name in ("go.mod", "go.sum") if (folder / name).exists()
            ]
            lines.append(f"COPY {' '.join(names)} {folder.relative_to(root)}/")
        return lines

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
        own = {"PROGRAM": Path(folder).name} if self.form == "one" else {"FOLDER": folder}
        target: dict[str, Any] = {
            "context": ".",
            "args": {**own, "GOPROXY": self.proxy},
            "tags": [f"hand-{self.workspace.name}/{name}:latest"],
            "platforms": list(PLATFORMS),
            "attest": ["type=provenance,disabled=true"],  # gobake adds none by default
        }
        exporter = next(iter(self.workspace.services)) if self.form == "one" else name
        if imports:
            target["cache-from"] = [f"type=registry,ref={imports}:{exporter}"]
        if exports and name == exporter:
            settings = f"mode={self.mode},compression=zstd,oci-mediatypes=true,image-manifest=true,ignore-error=true"
            target["cache-to"] = [f"type=registry,ref={exports}:{exporter},{settings}"]
        return target

    def command(self) -> tuple[str, ...]:
        return ("docker", "buildx", "bake", "--progress", "rawjson", "--file", "docker-bake.json")
