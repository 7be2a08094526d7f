# The example workspace by hand, in the shape that gobake generates: one go build for all services, scratch images.
ARG GO_BASE=golang:1.26
FROM --platform=$BUILDPLATFORM ${GO_BASE} AS compile
ENV GOCACHE=/cache/gobuild GOMODCACHE=/go/pkg/mod CGO_ENABLED=0
ARG TARGETOS TARGETARCH
WORKDIR /src
RUN --mount=type=bind,target=/src \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -ldflags='-s -w' -o /out/ \
      ./api/cmd/api ./migrate ./shopctl ./worker

FROM scratch AS base
COPY --from=compile /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65532:65532

FROM base AS api
COPY --from=compile /out/api /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/api"]

FROM base AS migrate
COPY --from=compile /out/migrate /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/migrate"]

FROM base AS shopctl
COPY --from=compile /out/shopctl /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/shopctl"]

FROM base AS worker
COPY --from=compile /out/worker /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/worker"]
