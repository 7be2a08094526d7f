# The project's own bake file, for plain buildx:
#   docker buildx bake            builds gobake's own image
#   docker buildx bake example    builds the example workspace, each service in its chosen strategy
#
# gobake's image speaks to the host's engine:
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock -v "$PWD:/src" -w /src gobake all

variable "TAG" { default = "latest" }
variable "GO_BASE" { default = "golang:1.26" }
variable "PYTHON_BASE" { default = "python:3.13-slim" }
variable "DOCKER_BASE" { default = "docker:28-cli" }
# Of these tags, once they are resolved: `make image` does it
variable "PYTHON_DIGEST" { default = "" }
variable "DOCKER_DIGEST" { default = "" }
# pip's own variable: a configuration that names another index, for the build alone
variable "PIP_CONFIG_FILE" { default = "" }

group "default" { targets = ["gobake"] }

# The image holds gobake, the docker client with buildx, and git.
target "gobake" {
  context    = "."
  dockerfile = "bake/gobake.Dockerfile"
  args = {
    PYTHON_BASE   = PYTHON_BASE
    PYTHON_DIGEST = PYTHON_DIGEST
    DOCKER_BASE   = DOCKER_BASE
    DOCKER_DIGEST = DOCKER_DIGEST
  }
  secret     = PIP_CONFIG_FILE == "" ? [] : ["id=pip,src=${PIP_CONFIG_FILE}"]
  tags       = ["gobake:${TAG}"]
}

# The files of `gobake render -C examples/shop`, written out: what gobake makes of the example.
group "example" { targets = ["api", "migrate", "shopctl", "worker"] }

target "service" {
  name       = service
  matrix     = { service = ["api", "migrate", "shopctl", "worker"] }
  context    = "examples/shop"
  dockerfile = "../../bake/example.Dockerfile"
  target     = service
  args       = { GO_BASE = GO_BASE }
  tags       = ["${service}:${TAG}"]
}
