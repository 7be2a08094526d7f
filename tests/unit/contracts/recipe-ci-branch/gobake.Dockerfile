# Written by gobake for shop; run `gobake render` again rather than editing it.
# It needs nothing of gobake: `docker buildx bake` in this folder builds it.

# The toolchain runs on the machine that builds, whatever the image is for: Go cross-compiles.
FROM --platform=$BUILDPLATFORM golang:1.26 AS go

# What compile stages do with the programs that go build keeps in /cache/golink from build to build.
FROM --platform=$BUILDPLATFORM scratch AS shell
COPY <<'EOF' /programs
# Beside the programs: Go writes a program there and moves it, so that a build that is killed leaves none by halves.
export GOTMPDIR=/cache/golink/tmp

begin() {
  rm -rf "$GOTMPDIR" && mkdir "$GOTMPDIR" && touch "$GOTMPDIR/begun"
}

# before FOLDER: what earlier builds left there. A program that is not as it was left is deleted, because Go looks at no
# more than the first 32 KB of it; and none may have a date of the future, which would pass for one of this build.
before() (
  mkdir -p "$1" && cd "$1" || return
  [ -f "$1.sums" ] || echo none >"$1.sums"
  cksum ./* 2>/dev/null | grep -vxF -f "$1.sums" | while read -r _ _ damaged; do rm -f "$damaged"; done
  find . -type f -newer "$GOTMPDIR/begun" -exec touch -d @0 {} +
)

# after FOLDER: how go build left them.
after() (
  cd "$1" && { echo sums; cksum ./* 2>/dev/null || :; } >"$1.sums"
)

# loading GRAPH: a line every ten seconds until Go has written it, which it does once all packages are loaded and before
# it compiles any. Go waits for a silent proxy for ever and says nothing; so this tells when silence means the network.
loading() {
  while sleep 10 && [ ! -e "$1" ]; do echo "gobake: Go still loads packages" >&2; done &
}

# take PROGRAM FOLDER [NAME]: out of the kept folder, if this go build wrote it, or confirmed it by its build ID: then too, Go
# gives it a new date. What is older is of another build, whatever its name.
take() {
  if [ -z "$(find "$1" -newer "$GOTMPDIR/begun")" ]; then
    echo "gobake: $2: go build has neither written nor confirmed $1 in this run" >&2
    return 1
  fi
  install -D "$1" "/out/any/$2/usr/local/bin/${3:-$2}" && sort_out "$1" "$2" "${3:-$2}"
}

# sort_out PROGRAM FOLDER NAME: the same file once more below /out/LIBC for each libc whose images can start it. Images
# copy from there, so that none is made that could not start. A static program starts anywhere.
sort_out() {
  loader_of "$1"
  case $loader in
  "") set -- "$1" "$2" "$3" static glibc musl ;;
  */ld-musl-*) set -- "$1" "$2" "$3" musl ;;
  */ld-linux* | */ld.so.1 | */ld64.so.[12]) set -- "$1" "$2" "$3" glibc ;;
  *) set -- "$1" "$2" "$3" ;;
  esac
  mkdir -p /trace/loaders && echo "$loader" >"/trace/loaders/$2" && libraries "$1" "$2"
  place=$2/usr/local/bin name=$3 && shift 3
  for libc; do
    mkdir -p "/out/$libc/$place" && ln "/out/any/$place/$name" "/out/$libc/$place/" || return
  done
}

# libraries PROGRAM FOLDER: what the program's own loader finds for it, for distalpine; the loader alone for
# a position-independent program without any. Where they are not here, neither is the folder.
libraries() {
  needed="" folder=/out/libraries/$2
  if [ -n "$loader" ]; then
    listed=$("$loader" --list "$1" 2>&1) || return 0
    case $listed in *"not found"*) return 0 ;; esac
    needed="$loader $(echo "$listed" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p')"
  fi
  mkdir -p "$folder" && for library in $needed; do
    mkdir -p "$folder${library%/*}" && cp -L "$library" "$folder$library" || return
  done
}

# loader_of PROGRAM: sets $loader to the ELF interpreter that the program names (PT_INTERP); to nothing if it is static.
# What is no program, but a library or an archive for others, has the build mode there.
loader_of() {
  program=$1 loader=""
  set -- $(od -An -v -tu1 -N64 "$program")
  class=$5 order=$6
  if [ "$1 $2 $3 $4" != "127 69 76 70" ]; then loader=$(build_mode) && return; fi
  type=$((${17} + ${18}))
  if [ "$class" = 2 ]; then # of 64 bits
    number "${33}" "${34}" "${35}" "${36}" "${37}" "${38}" "${39}" "${40}" && at=$number
    number "${55}" "${56}" && size=$number
    number "${57}" "${58}" && count=$number
  else
    number "${29}" "${30}" "${31}" "${32}" && at=$number
    number "${43}" "${44}" && size=$number
    number "${45}" "${46}" && count=$number
  fi
  set -- $(od -An -v -tu1 -j "$at" -N $((size * count)) "$program")
  while [ $# -ge "$size" ]; do
    case "$1 $2 $3 $4" in
    "3 0 0 0" | "0 0 0 3")
      if [ "$class" = 2 ]; then
        number "$9" "${10}" "${11}" "${12}" "${13}" "${14}" "${15}" "${16}" && at=$number
        number "${33}" "${34}" "${35}" "${36}" "${37}" "${38}" "${39}" "${40}"
      else
        number "$5" "$6" "$7" "$8" && at=$number
        number "${17}" "${18}" "${19}" "${20}"
      fi
      loader=$(dd if="$program" bs=1 skip="$at" count=$((number - 1)) 2>/dev/null)
      return
      ;;
    esac
    shift "$size"
  done
  if [ "$type" = 3 ]; then loader=$(build_mode); fi
}

build_mode() {
  go version -m "$program" 2>/dev/null | sed -n 's/.*\(-buildmode=\(c-\(shared\|archive\)\|plugin\|shared\)\).*/\1/p'
}

# number BYTE...: sets $number; the least byte stands first unless $order is 2.
number() {
  number=0 weight=1
  for byte; do
    if [ "$order" = 2 ]; then
      number=$((number * 256 + byte))
    else
      number=$((number + byte * weight)) weight=$((weight * 256))
    fi
  done
}

# lines FILE: of a go.work.sum, for example, which Go completes in this copy of the tree that is thrown away.
lines() {
  if [ -f "$1" ]; then wc -l <"$1"; else echo 0; fi
}

# Old dates: same bytes on every machine. What no build has named for a week is of use to none.
end() {
  find /out -exec touch -d @0 {} + && rm -rf "$GOTMPDIR" && find /cache/golink -type f -mtime +7 -delete
}
EOF

# One go build for all commands: packages that they share are compiled once.
#   -trimpath        no paths of this machine in the binary: same source, same bytes
#   -buildvcs=false  no commit in the binary: a commit that changes no source changes no binary (labels tell the revision)
#   -ldflags=-s -w   neither symbol table nor DWARF: a third smaller, and stack traces stay complete
#   -gcflags=all=-dwarf=false  no debug information for a linker that drops it: less work, less cache
#   -v               names each package that is compiled, and none that comes from the cache
#   -o FOLDER/       a kept folder (golink): Go links only the commands that changed
FROM go AS compile
# Said outright, so that Go looks where the cache mounts are, whatever HOME the image has. GOENV brings the host's own
# GOPROXY, GOPRIVATE ... as a secret: they are no part of the image or of a cache key.
# So do netrc (logins), ca (certificates), known_hosts, env (proxies, settings of git) and ssh, each where there is one.
ENV GOCACHE=/cache/gobuild GOMODCACHE=/go/pkg/mod GOFLAGS= GOENV=/run/secrets/goenv GOTOOLCHAIN=local CGO_ENABLED=0
ARG TARGETOS TARGETARCH TARGETVARIANT
WORKDIR /src
RUN --mount=type=bind,target=/src,rw \
    --mount=type=bind,from=shell,target=/run/shell \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    --mount=type=cache,id=shop-golink-compile-$TARGETOS-$TARGETARCH$TARGETVARIANT,target=/cache/golink,sharing=private \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    . /run/shell/programs && begin && \
    mkdir -p /out /trace && touch /trace/done && \
    work=$(go env GOWORK) && listed=$(lines "$work.sum") && \
    : compiled here, linked in stamp with what changes from commit to commit && \
    loading /trace/compile-packages.json && \
    go list -export -f . -v -trimpath -buildvcs=false -gcflags=all=-dwarf=false -debug-actiongraph=/trace/compile-packages.json example.com/shop/api/cmd/api example.com/shop/migrate example.com/shop/shopctl example.com/shop/worker >/dev/null && \
    echo $(($(lines "$work.sum") - listed)) >/trace/compile.lacking && \
    end

# Linked in late: another version or commit links again and compiles nothing.
FROM compile AS stamp
ARG VERSION_API
RUN --mount=type=bind,target=/src,rw \
    --mount=type=bind,from=shell,target=/run/shell \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    --mount=type=cache,id=shop-golink-compile-$TARGETOS-$TARGETARCH$TARGETVARIANT,target=/cache/golink,sharing=private \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    . /run/shell/programs && begin && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    before /cache/golink/stamp && \
    loading /trace/stamp.json && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_API}")" -debug-actiongraph=/trace/stamp.json \
      -o /cache/golink/stamp/ example.com/shop/api/cmd/api && \
    after /cache/golink/stamp && \
    take /cache/golink/stamp/api api && \
    end

# What changes more often is linked after what changes seldom.
FROM stamp AS stamp.2
ARG VERSION_MIGRATE
RUN --mount=type=bind,target=/src,rw \
    --mount=type=bind,from=shell,target=/run/shell \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    --mount=type=cache,id=shop-golink-compile-$TARGETOS-$TARGETARCH$TARGETVARIANT,target=/cache/golink,sharing=private \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    . /run/shell/programs && begin && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    before /cache/golink/stamp.2 && \
    loading /trace/stamp.2.json && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_MIGRATE}")" -debug-actiongraph=/trace/stamp.2.json \
      -o /cache/golink/stamp.2/ example.com/shop/migrate && \
    after /cache/golink/stamp.2 && \
    take /cache/golink/stamp.2/migrate migrate && \
    end

# What changes more often is linked after what changes seldom.
FROM stamp.2 AS stamp.3
ARG VERSION_SHOPCTL
RUN --mount=type=bind,target=/src,rw \
    --mount=type=bind,from=shell,target=/run/shell \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    --mount=type=cache,id=shop-golink-compile-$TARGETOS-$TARGETARCH$TARGETVARIANT,target=/cache/golink,sharing=private \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    . /run/shell/programs && begin && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    before /cache/golink/stamp.3 && \
    loading /trace/stamp.3.json && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_SHOPCTL}")" -debug-actiongraph=/trace/stamp.3.json \
      -o /cache/golink/stamp.3/ example.com/shop/shopctl && \
    after /cache/golink/stamp.3 && \
    take /cache/golink/stamp.3/shopctl shopctl && \
    end

# What changes more often is linked after what changes seldom.
FROM stamp.3 AS stamp.4
ARG VERSION_WORKER
RUN --mount=type=bind,target=/src,rw \
    --mount=type=bind,from=shell,target=/run/shell \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    --mount=type=cache,id=shop-golink-compile-$TARGETOS-$TARGETARCH$TARGETVARIANT,target=/cache/golink,sharing=private \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    export GOOS=$TARGETOS GOARCH=$TARGETARCH && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    . /run/shell/programs && begin && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    before /cache/golink/stamp.4 && \
    loading /trace/stamp.4.json && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_WORKER}")" -debug-actiongraph=/trace/stamp.4.json \
      -o /cache/golink/stamp.4/ example.com/shop/worker && \
    after /cache/golink/stamp.4 && \
    take /cache/golink/stamp.4/worker worker && \
    end

# What scratch lacks: the certificates of public authorities, and time zones. Old dates: same bytes on every machine.
FROM go AS certificates
RUN mkdir -p /out/etc/ssl/certs && \
    cp -L /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ && \
    mkdir -p /zones/usr/local/share && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /zones/usr/local/share/ && \
    find /zones -exec touch -d @0 {} + && \
    find /out -exec touch -d @0 {} +

# The user of the image, with a home and an account: added to those of the base where it knows no such number.
FROM golang:1.26 AS account-base
FROM go AS account
RUN --mount=type=bind,from=account-base,target=/base \
    mkdir -p /out/etc /out/home/nonroot && \
    chown 65532:65532 /out/home/nonroot && chmod 700 /out/home/nonroot && \
    { grep . /base/etc/passwd 2>/dev/null || echo root:x:0:0:root:/root:/sbin/nologin; } >/out/etc/passwd && \
    { cut -d: -f3 /out/etc/passwd | grep -qx 65532 || echo nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >>/out/etc/passwd; } && \
    { grep . /base/etc/group 2>/dev/null || echo root:x:0:; } >/out/etc/group && \
    { cut -d: -f3 /out/etc/group | grep -qx 65532 || echo nonroot:x:65532: >>/out/etc/group; } && \
    find /out -exec touch -d @0 {} +

# The user of the image, with a home and an account: added to those of the base where it knows no such number.
FROM alpine:3.22 AS account-2-base
FROM go AS account-2
RUN --mount=type=bind,from=account-2-base,target=/base \
    mkdir -p /out/etc /out/home/nonroot && \
    chown 65532:65532 /out/home/nonroot && chmod 700 /out/home/nonroot && \
    { grep . /base/etc/passwd 2>/dev/null || echo root:x:0:0:root:/root:/sbin/nologin; } >/out/etc/passwd && \
    { cut -d: -f3 /out/etc/passwd | grep -qx 65532 || echo nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >>/out/etc/passwd; } && \
    { grep . /base/etc/group 2>/dev/null || echo root:x:0:; } >/out/etc/group && \
    { cut -d: -f3 /out/etc/group | grep -qx 65532 || echo nonroot:x:65532: >>/out/etc/group; } && \
    find /out -exec touch -d @0 {} +

# The user of the image, with a home and an account: added to those of the base where it knows no such number.
FROM debian:trixie-slim AS account-3-base
FROM certificates AS account-3
RUN --mount=type=bind,from=account-3-base,target=/base \
    mkdir -p /out/etc /out/home/nonroot && \
    chown 65532:65532 /out/home/nonroot && chmod 700 /out/home/nonroot && \
    { grep . /base/etc/passwd 2>/dev/null || echo root:x:0:0:root:/root:/sbin/nologin; } >/out/etc/passwd && \
    { cut -d: -f3 /out/etc/passwd | grep -qx 65532 || echo nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >>/out/etc/passwd; } && \
    { grep . /base/etc/group 2>/dev/null || echo root:x:0:; } >/out/etc/group && \
    { cut -d: -f3 /out/etc/group | grep -qx 65532 || echo nonroot:x:65532: >>/out/etc/group; } && \
    find /out -exec touch -d @0 {} +

# The user of the image, with a home and an account: added to those of the base where it knows no such number.
FROM gcr.io/distroless/static-debian12 AS account-4-base
FROM go AS account-4
RUN --mount=type=bind,from=account-4-base,target=/base \
    mkdir -p /out/etc /out/home/nonroot && \
    chown 65532:65532 /out/home/nonroot && chmod 700 /out/home/nonroot && \
    { grep . /base/etc/passwd 2>/dev/null || echo root:x:0:0:root:/root:/sbin/nologin; } >/out/etc/passwd && \
    { cut -d: -f3 /out/etc/passwd | grep -qx 65532 || echo nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >>/out/etc/passwd; } && \
    { grep . /base/etc/group 2>/dev/null || echo root:x:0:; } >/out/etc/group && \
    { cut -d: -f3 /out/etc/group | grep -qx 65532 || echo nonroot:x:65532: >>/out/etc/group; } && \
    find /out -exec touch -d @0 {} +

# An image without a base has no accounts: the user of the image, with a home, and root.
FROM certificates AS account-5
RUN mkdir -p /out/etc /out/home/nonroot && \
    chown 65532:65532 /out/home/nonroot && chmod 700 /out/home/nonroot && \
    printf '%s\n' root:x:0:0:root:/root:/sbin/nologin nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >/out/etc/passwd && \
    printf '%s\n' root:x:0: nonroot:x:65532: >/out/etc/group && \
    find /out -exec touch -d @0 {} +

FROM --platform=$BUILDPLATFORM alpine:3.22 AS upx-tool
RUN command -v upx || apk add --no-cache upx || { apt-get update && apt-get install -y --no-install-recommends upx-ucl; }

# Conventional on purpose, the baseline of comparisons: sources and toolchain stay in the image, and Go runs on the
# platform that the image is for. The mount from stamp only makes it wait for that stage, so that
# the Go build cache holds the packages already; Go's cache does not depend on the machine that compiled.
FROM golang:1.26 AS api-single-stage
ENV GOCACHE=/cache/gobuild GOMODCACHE=/go/pkg/mod GOFLAGS= GOENV=/run/secrets/goenv GOTOOLCHAIN=local CGO_ENABLED=0
WORKDIR /src
COPY . .
ARG TARGETARCH TARGETVARIANT
ARG VERSION_API
RUN --mount=type=bind,from=stamp,source=/trace/done,target=/run/compiled \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_API}")" \
      -o /usr/local/bin/api example.com/shop/api/cmd/api
COPY --from=account /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

# A binary compiled outside of this build, on alpine.
FROM alpine:3.22 AS api-prebuilt
COPY --from=account-2 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
ARG TARGETOS TARGETARCH TARGETVARIANT
COPY --from=prebuilt --chmod=755 ["api-${TARGETOS}-${TARGETARCH}", "/usr/local/bin/api"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

FROM alpine:3.22 AS api-alpine
COPY --from=account-2 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp ["/out/musl/api/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

FROM debian:trixie-slim AS api-debian-slim
COPY --from=account-3 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp ["/out/glibc/api/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

FROM gcr.io/distroless/static-debian12 AS api-distroless
COPY --from=account-4 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp ["/out/static/api/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

# The program with the loader and the libraries that it names, and nothing else: none of them if it is static.
FROM scratch AS api-distalpine
COPY --from=account-5 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp ["/out/any/api/", "/out/libraries/api/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

FROM scratch AS api-scratch
COPY --from=account-5 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp ["/out/static/api/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

# -1 --lzma is smaller than --best, in a third of its time. The program is unpacked into memory at every start.
FROM upx-tool AS api-upx-pack
COPY --from=stamp ["/out/static/api/", "/out/"]
RUN upx -qq -1 --lzma /out/usr/local/bin/api && find /out -exec touch -d @0 {} +

FROM scratch AS api-upx
COPY --from=account-5 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=api-upx-pack /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/api"]

# Conventional on purpose, the baseline of comparisons: sources and toolchain stay in the image, and Go runs on the
# platform that the image is for. The mount from stamp.2 only makes it wait for that stage, so that
# the Go build cache holds the packages already; Go's cache does not depend on the machine that compiled.
FROM golang:1.26 AS migrate-single-stage
ENV GOCACHE=/cache/gobuild GOMODCACHE=/go/pkg/mod GOFLAGS= GOENV=/run/secrets/goenv GOTOOLCHAIN=local CGO_ENABLED=0
WORKDIR /src
COPY . .
ARG TARGETARCH TARGETVARIANT
ARG VERSION_MIGRATE
RUN --mount=type=bind,from=stamp.2,source=/trace/done,target=/run/compiled \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_MIGRATE}")" \
      -o /usr/local/bin/migrate example.com/shop/migrate
COPY --from=account /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

# A binary compiled outside of this build, on alpine.
FROM alpine:3.22 AS migrate-prebuilt
COPY --from=account-2 /out/ /
ARG TARGETOS TARGETARCH TARGETVARIANT
COPY --from=prebuilt --chmod=755 ["migrate-${TARGETOS}-${TARGETARCH}", "/usr/local/bin/migrate"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

FROM alpine:3.22 AS migrate-alpine
COPY --from=account-2 /out/ /
COPY --from=stamp.2 ["/out/musl/migrate/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

FROM debian:trixie-slim AS migrate-debian-slim
COPY --from=account-3 /out/ /
COPY --from=stamp.2 ["/out/glibc/migrate/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

FROM gcr.io/distroless/static-debian12 AS migrate-distroless
COPY --from=account-4 /out/ /
COPY --from=stamp.2 ["/out/static/migrate/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

# The program with the loader and the libraries that it names, and nothing else: none of them if it is static.
FROM scratch AS migrate-distalpine
COPY --from=account-5 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp.2 ["/out/any/migrate/", "/out/libraries/migrate/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

FROM scratch AS migrate-scratch
COPY --from=account-5 /out/ /
COPY --from=stamp.2 ["/out/static/migrate/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

# -1 --lzma is smaller than --best, in a third of its time. The program is unpacked into memory at every start.
FROM upx-tool AS migrate-upx-pack
COPY --from=stamp.2 ["/out/static/migrate/", "/out/"]
RUN upx -qq -1 --lzma /out/usr/local/bin/migrate && find /out -exec touch -d @0 {} +

FROM scratch AS migrate-upx
COPY --from=account-5 /out/ /
COPY --from=migrate-upx-pack /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/migrate"]

# Conventional on purpose, the baseline of comparisons: sources and toolchain stay in the image, and Go runs on the
# platform that the image is for. The mount from stamp.3 only makes it wait for that stage, so that
# the Go build cache holds the packages already; Go's cache does not depend on the machine that compiled.
FROM golang:1.26 AS shopctl-single-stage
ENV GOCACHE=/cache/gobuild GOMODCACHE=/go/pkg/mod GOFLAGS= GOENV=/run/secrets/goenv GOTOOLCHAIN=local CGO_ENABLED=0
WORKDIR /src
COPY . .
ARG TARGETARCH TARGETVARIANT
ARG VERSION_SHOPCTL
RUN --mount=type=bind,from=stamp.3,source=/trace/done,target=/run/compiled \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_SHOPCTL}")" \
      -o /usr/local/bin/shopctl example.com/shop/shopctl
COPY --from=account /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

# A binary compiled outside of this build, on alpine.
FROM alpine:3.22 AS shopctl-prebuilt
COPY --from=account-2 /out/ /
ARG TARGETOS TARGETARCH TARGETVARIANT
COPY --from=prebuilt --chmod=755 ["shopctl-${TARGETOS}-${TARGETARCH}", "/usr/local/bin/shopctl"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

FROM alpine:3.22 AS shopctl-alpine
COPY --from=account-2 /out/ /
COPY --from=stamp.3 ["/out/musl/shopctl/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

FROM debian:trixie-slim AS shopctl-debian-slim
COPY --from=account-3 /out/ /
COPY --from=stamp.3 ["/out/glibc/shopctl/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

FROM gcr.io/distroless/static-debian12 AS shopctl-distroless
COPY --from=account-4 /out/ /
COPY --from=stamp.3 ["/out/static/shopctl/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

# The program with the loader and the libraries that it names, and nothing else: none of them if it is static.
FROM scratch AS shopctl-distalpine
COPY --from=account-5 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp.3 ["/out/any/shopctl/", "/out/libraries/shopctl/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

FROM scratch AS shopctl-scratch
COPY --from=account-5 /out/ /
COPY --from=stamp.3 ["/out/static/shopctl/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

# -1 --lzma is smaller than --best, in a third of its time. The program is unpacked into memory at every start.
FROM upx-tool AS shopctl-upx-pack
COPY --from=stamp.3 ["/out/static/shopctl/", "/out/"]
RUN upx -qq -1 --lzma /out/usr/local/bin/shopctl && find /out -exec touch -d @0 {} +

FROM scratch AS shopctl-upx
COPY --from=account-5 /out/ /
COPY --from=shopctl-upx-pack /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/shopctl"]

# Conventional on purpose, the baseline of comparisons: sources and toolchain stay in the image, and Go runs on the
# platform that the image is for. The mount from stamp.4 only makes it wait for that stage, so that
# the Go build cache holds the packages already; Go's cache does not depend on the machine that compiled.
FROM golang:1.26 AS worker-single-stage
ENV GOCACHE=/cache/gobuild GOMODCACHE=/go/pkg/mod GOFLAGS= GOENV=/run/secrets/goenv GOTOOLCHAIN=local CGO_ENABLED=0
WORKDIR /src
COPY . .
ARG TARGETARCH TARGETVARIANT
ARG VERSION_WORKER
RUN --mount=type=bind,from=stamp.4,source=/trace/done,target=/run/compiled \
    --mount=type=secret,id=goenv \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/of-the-host.pem \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    --mount=type=secret,id=env \
    --mount=type=ssh \
    --mount=type=cache,id=shop-gomod,target=/go/pkg/mod \
    --mount=type=cache,id=shop-gobuild,target=/cache/gobuild \
    if [ -s /run/secrets/env ]; then . /run/secrets/env; fi && \
    case $TARGETARCH$TARGETVARIANT in armv*) export GOARM=${TARGETVARIANT#v} ;; amd64v*) export GOAMD64=$TARGETVARIANT ;; esac && \
    quoted() { case $1 in *\'*) printf '"%s"' "$1" ;; *) printf "'%s'" "$1" ;; esac; } && \
    go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false '-ldflags=-s -w -X '"$(quoted main.version="${VERSION_WORKER}")" \
      -o /usr/local/bin/worker example.com/shop/worker
COPY --from=account /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

# A binary compiled outside of this build, on alpine.
FROM alpine:3.22 AS worker-prebuilt
COPY --from=account-2 /out/ /
ARG TARGETOS TARGETARCH TARGETVARIANT
COPY --from=prebuilt --chmod=755 ["worker-${TARGETOS}-${TARGETARCH}", "/usr/local/bin/worker"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

FROM alpine:3.22 AS worker-alpine
COPY --from=account-2 /out/ /
COPY --from=stamp.4 ["/out/musl/worker/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

FROM debian:trixie-slim AS worker-debian-slim
COPY --from=account-3 /out/ /
COPY --from=stamp.4 ["/out/glibc/worker/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

FROM gcr.io/distroless/static-debian12 AS worker-distroless
COPY --from=account-4 /out/ /
COPY --from=stamp.4 ["/out/static/worker/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

# The program with the loader and the libraries that it names, and nothing else: none of them if it is static.
FROM scratch AS worker-distalpine
COPY --from=account-5 /out/ /
COPY --from=certificates /zones/ /
ENV ZONEINFO=/usr/local/share/zoneinfo.zip
COPY --from=stamp.4 ["/out/any/worker/", "/out/libraries/worker/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

FROM scratch AS worker-scratch
COPY --from=account-5 /out/ /
COPY --from=stamp.4 ["/out/static/worker/", "/"]
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

# -1 --lzma is smaller than --best, in a third of its time. The program is unpacked into memory at every start.
FROM upx-tool AS worker-upx-pack
COPY --from=stamp.4 ["/out/static/worker/", "/out/"]
RUN upx -qq -1 --lzma /out/usr/local/bin/worker && find /out -exec touch -d @0 {} +

FROM scratch AS worker-upx
COPY --from=account-5 /out/ /
COPY --from=worker-upx-pack /out/ /
ENV USER="nonroot"
ENV HOME="/home/nonroot"
EXPOSE 8081
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/worker"]

# What Go did, package by package; no image depends on it. `docker buildx bake trace` writes it to .gobake/trace.
FROM scratch AS trace
COPY --from=stamp.4 /trace/ /
