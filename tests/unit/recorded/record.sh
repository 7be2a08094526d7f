#!/usr/bin/env bash
# Records the BuildKit events that the unit tests read: what buildx really writes, and not what one would think.
#
#   python3 -m harness --name dev up && python3 -m harness --name dev exec -- tests/unit/recorded/record.sh
#
# Runs on the engine of the environment; `imported` and `siblings` need an empty one, which it starts and stops itself.
# Every cold build has a mount and files of its own, so that no cache of the engine is touched. Nothing of this machine
# stays in the files: the registry's address becomes registry.test, the random id of the run becomes `recorded`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
bare=recorder-$$
trap 'rm -rf "$work"; (cd "$root" && python3 -m harness --name "$bare" --fresh down) || true' EXIT
export RUN_ID=r$RANDOM$RANDOM BUILDX_BAKE_ENTITLEMENTS_FS=0
registry=$GOBAKE_TEST_REGISTRY

# keep NAME FILE: clean a recording, check it, compress it without a time stamp
keep() {
  sed -e "s/${RUN_ID}/recorded/g" -e "s/${registry//./\\.}/registry.test/g" "$2" >"$work/clean"
  if grep -n -e "$work" -e "$HOME" -e "$(hostname)" "$work/clean"; then echo "$1 names this machine" >&2; exit 1; fi
  gzip -9n <"$work/clean" >"$here/$1.jsonl.gz"
  echo "$1: $(wc -l <"$work/clean") lines, $(stat -c %s "$here/$1.jsonl.gz") bytes"
}
bake() { docker buildx bake --progress rawjson "$@" 2>"$work/events" >/dev/null; }

# ---- a Go module of two services, one compile stage for both, each packaged twice, for two platforms
mkdir -p "$work/shop/"{api,worker,greet}
cd "$work/shop"
printf 'module example.test/shop\n\ngo 1.26\n' >go.mod
printf 'package greet\n\nimport "fmt"\n\nfunc Greet(name string) string { return fmt.Sprintf("hello %s %%s", name) }\n' "$RUN_ID" >greet/greet.go
for service in api worker; do
  printf 'package main\n\nimport "example.test/shop/greet"\n\nfunc main() { println(greet.Greet("%s")) }\n' $service >$service/main.go
done
cat >Dockerfile <<'DOCKERFILE'
FROM --platform=$BUILDPLATFORM golang:1.26 AS go

FROM go AS compile
ARG TARGETOS TARGETARCH
ARG RUN_ID
ENV GOCACHE=/cache/gobuild GOFLAGS= GOTOOLCHAIN=local CGO_ENABLED=0
WORKDIR /src
RUN --mount=type=bind,target=/src --mount=type=cache,id=shop-$RUN_ID,target=/cache/gobuild \
    export GOOS=$TARGETOS GOARCH=$TARGETARCH && mkdir -p /out && \
    go build -v -trimpath -o /out/ ./api ./worker && find /out -exec touch -d @0 {} +

FROM scratch AS api-scratch
COPY --from=compile /out/api /api

FROM alpine:3.22 AS api-alpine
COPY --from=compile /out/api /api

FROM scratch AS worker-scratch
COPY --from=compile /out/worker /worker

FROM debian:trixie-slim AS worker-debian-slim
COPY --from=compile /out/worker /worker
DOCKERFILE
cat >docker-bake.hcl <<'BAKE'
variable "RUN_ID" { default = "" }
group "default" { targets = ["api-scratch", "api-alpine", "worker-scratch", "worker-debian-slim"] }
target "_base" {
  args      = { RUN_ID = RUN_ID }
  platforms = ["linux/amd64", "linux/arm64"]
  attest    = ["type=provenance,disabled=true"]
}
target "api-scratch" {
  inherits = ["_base"]
  target   = "api-scratch"
}
target "api-alpine" {
  inherits = ["_base"]
  target   = "api-alpine"
}
target "worker-scratch" {
  inherits = ["_base"]
  target   = "worker-scratch"
}
target "worker-debian-slim" {
  inherits = ["_base"]
  target   = "worker-debian-slim"
}
BAKE

bake && keep cold "$work/events"
bake && keep warm "$work/events"
sed -i 's/Greet("api")/Greet("the api")/' api/main.go
bake && keep edit "$work/events"
bake api-scratch --set '*.platform=linux/amd64' && keep single "$work/events"
sed -i 's/println(/println(3 + /' worker/main.go
if bake; then echo "this was to fail" >&2; exit 1; fi
keep failed "$work/events"
sed -i 's/println(3 + /println(/' worker/main.go

# Ctrl-C in the middle of a cold compile
kept=$RUN_ID
export RUN_ID=c$RANDOM$RANDOM
docker buildx bake --progress rawjson 2>"$work/events" >/dev/null &
running=$!
sleep 4
kill -INT $running
wait $running || true
keep canceled "$work/events"
export RUN_ID=$kept

# ---- what stops a build, and what only warns
stopped() {
  if docker buildx build --progress rawjson -f - "${@:2}" . 2>"$work/events" >/dev/null; then echo "this was to fail" >&2; exit 1; fi
  keep "$1" "$work/events"
}
printf 'FROM golang:1.99\nRUN true\n' | stopped no-go-version
printf 'FROM alpine:3.22\nCOPY nothing-like-this /x\n' | stopped no-such-file
printf 'FROM alpine:3.22\nRUN echo full >/x\n' | stopped push-refused -t localhost:1/shop/api --push
printf 'FROM alpine:3.22\nRUN printf "\\033[31mred\\033[0m\\r\\033]0;title\\007 end\\n" && false\n' | stopped escapes
printf 'FROM alpine:3.22 as x\nfrom x\nRUN true\n' | docker buildx build --progress rawjson -f - . 2>"$work/events" >/dev/null
keep warned "$work/events"

# ---- an empty builder that imports the layer cache, and once more, when it has all of it
cache=type=registry,ref=$registry/recorded/shop:cache
options=mode=max,compression=zstd,oci-mediatypes=true,image-manifest=true,ignore-error=true
bake api-scratch api-alpine --set "api-*.cache-to=$cache-exported,$options" && keep exported "$work/events"
bake api-scratch api-alpine --set "api-*.cache-to=type=registry,ref=localhost:1/shop:cache,$options" && keep export-refused "$work/events"
bake api-scratch --set "api-scratch.cache-to=type=local,dest=$work/layers,$options" && keep exported-local "$work/events"
bake api-scratch --set "api-scratch.cache-from=type=local,src=$work/layers" && keep imported-local "$work/events"
bake api-alpine --set "*.cache-to=$cache,mode=max"
(cd "$root" && python3 -m harness --name "$bare" --fresh --force-private up)
eval "$(cd "$root" && python3 -m harness --name "$bare" env)"
bake api-scratch api-alpine --set "*.cache-from=$cache" && keep imported "$work/events"
bake api-scratch api-alpine --set "*.cache-from=$cache" && keep imported-again "$work/events"
bake api-scratch --set '*.platform=linux/amd64' --set "*.cache-from=$cache-that-is-not-there" && keep import-missing "$work/events"

# ---- equal steps of two targets with contexts of their own: BuildKit merges them while they run, and now and then
# reports a step that went well as canceled under the digest that it gave up
mkdir -p "$work/twins"
cd "$work/twins"
printf '{"group":{"default":{"targets":["a","b","c"]}},"target":{"a":{"context":"a"},"b":{"context":"b"},"c":{"context":"a","target":"base"}}}' >docker-bake.json
for attempt in $(seq 30); do
  for twin in a b; do
    mkdir -p $twin
    echo "$RUN_ID $attempt" >$twin/f
    cat >$twin/Dockerfile <<DOCKERFILE
FROM debian:trixie-slim AS base
RUN echo $RUN_ID $attempt
FROM base AS out
COPY f /f
RUN sleep 1 && cat /f
COPY --link f /g
ADD --chmod=644 f /h
DOCKERFILE
  done
  bake
  [ "$attempt" = 1 ] && keep siblings "$work/events" # this one pulls the base image
  if grep -q 'context canceled' "$work/events"; then keep merged "$work/events" && break; fi
done

# ---- two projects with equal steps: while one runs them anew (--no-cache) and has not ended, BuildKit runs what copies
# from them again in the other, which has nothing new
mkdir -p "$work/beside/"{one,two}
cd "$work/beside"
for project in one two; do
  cat >$project/Dockerfile <<DOCKERFILE
FROM alpine:3.22 AS account
RUN mkdir /out && echo $RUN_ID >/out/id
FROM alpine:3.22 AS compile
RUN --mount=type=bind,target=/src mkdir /out && cp /src/f /out/$project
FROM alpine:3.22 AS slow
RUN sleep 6 && touch /slow
FROM scratch AS $project
COPY --from=account /out/ /
COPY --from=compile /out/$project /
COPY --from=slow /slow /
DOCKERFILE
  sed -i "$([ $project = one ] && echo '/slow/d')" $project/Dockerfile
  echo "$RUN_ID $project" >$project/f
done
printf '{"target":{"one":{"context":"one"},"other":{"context":"one"},"two":{"context":"two"}},"group":{"default":{"targets":["one","other"]}}}' >docker-bake.json
bake
bake two
docker buildx bake two --no-cache --progress rawjson >/dev/null 2>&1 &
sleep 2.5
bake && keep beside "$work/events"
echo changed >one/f
bake && keep beside-edit "$work/events"
wait
