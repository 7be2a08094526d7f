# gobake's own image: gobake with the docker client and buildx. The engine is the host's, through its socket.
ARG PYTHON_BASE=python:3.13-slim
ARG DOCKER_BASE=docker:28-cli
FROM ${DOCKER_BASE} AS docker

FROM ${PYTHON_BASE}
# git tells the revision and the branch, of a folder that belongs to whoever started the container.
RUN command -v git >/dev/null || \
    { apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*; } && \
    git config --system --add safe.directory '*'
COPY --from=docker /usr/local/bin/docker /usr/local/bin/
COPY --from=docker /usr/local/libexec/docker/cli-plugins/docker-buildx /usr/local/libexec/docker/cli-plugins/
# The sources come by a bind mount, and the configuration of pip as a secret: no layer holds them.
RUN --mount=type=bind,target=/opt/gobake,rw \
    --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m pip install --no-cache-dir --root-user-action=ignore /opt/gobake
WORKDIR /src
ENTRYPOINT ["gobake"]
