# gobake's own image: gobake with the docker client and buildx. The engine is the host's, through its socket.
ARG PYTHON_BASE=python:3.13-slim
FROM ${PYTHON_BASE}
RUN apt-get update && \
    apt-get install -y --no-install-recommends docker-cli docker-buildx git ca-certificates && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /opt/gobake
COPY pyproject.toml README.md ./
COPY src src
COPY bake bake
COPY cache cache
RUN pip install --no-cache-dir .
WORKDIR /src
ENTRYPOINT ["gobake"]
