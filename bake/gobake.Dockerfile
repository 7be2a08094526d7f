# gobake's own image: gobake with the docker client and buildx. The engine is the host's, through its socket.
#
# A tag may move, a digest does not. `make image` asks for the digests of today and builds from those; whoever builds by
# other means gives them as PYTHON_DIGEST and DOCKER_DIGEST, such as sha256:0123...
ARG PYTHON_BASE=python:3.13-slim
ARG PYTHON_DIGEST
ARG DOCKER_BASE=docker:28-cli
ARG DOCKER_DIGEST
FROM ${DOCKER_BASE}${DOCKER_DIGEST:+@$DOCKER_DIGEST} AS docker

FROM ${PYTHON_BASE}${PYTHON_DIGEST:+@$PYTHON_DIGEST}
# git tells the revision and the branch, of a folder that belongs to whoever started the container: of this one alone.
RUN command -v git >/dev/null || \
    { apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*; } && \
    git config --system --add safe.directory /src
COPY --from=docker /usr/local/bin/docker /usr/local/bin/
COPY --from=docker /usr/local/libexec/docker/cli-plugins/docker-buildx /usr/local/libexec/docker/cli-plugins/
# The sources come by a bind mount, and the configuration of pip as a secret: no layer holds them. Packages are those of
# the lock file, byte for byte, whatever the base brings; with them comes what gobake itself is packed with.
RUN --mount=type=bind,target=/opt/gobake,rw \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip="python3 -m pip install --no-cache-dir --root-user-action=ignore" && \
    $pip --no-deps --ignore-installed --require-hashes --requirement /opt/gobake/requirements-image.lock && \
    $pip --no-deps --no-build-isolation /opt/gobake
WORKDIR /src
ENTRYPOINT ["gobake"]
