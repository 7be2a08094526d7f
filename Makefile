# Two commands do everything on a fresh Debian machine, as root, with git, make and Python 3.11 or newer:
#   make demo   builds the example workspace in every strategy for two architectures, on a real engine
#   make test   runs every check: format, lint, types, unit tests, engine tests
# The harness starts a private Docker Engine where none answers, and stops it again. make clean removes all of it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SUITE ?= sid
OTHER_SUITE ?= trixie

.PHONY: image demo test lint unit engine room attacks mutants structure bench clean engine-up engine-down

$(READY): requirements.lock pyproject.toml
	@echo "setting up Python packages in $(VENV)"
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "installing python3-venv"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# gobake's own image, from the base images that their tags mean today, by digest
PYTHON_BASE ?= python:3.13-slim
DOCKER_BASE ?= docker:28-cli
# (a format that begins with {{.Manifest is printed as a table, whatever follows)
digest = $(shell docker buildx imagetools inspect --format '{{print .Manifest.Digest}}' $(1))
image: export PYTHON_DIGEST = $(call digest,$(PYTHON_BASE))
image: export DOCKER_DIGEST = $(call digest,$(DOCKER_BASE))
image: export PYTHON_BASE DOCKER_BASE
image:
	@test -n "$$PYTHON_DIGEST" && test -n "$$DOCKER_DIGEST" || { echo "a registry does not tell the digest of a base image"; exit 1; }
	@echo "gobake:$${TAG:-latest} from $(PYTHON_BASE)@$$PYTHON_DIGEST and $(DOCKER_BASE)@$$DOCKER_DIGEST"
	@docker buildx bake gobake

demo: $(READY)
	@$(BIN)/python -m harness --name demo run -- $(BIN)/python examples/demo.py

test: lint unit engine

lint: $(READY)
	@echo "== format, lint, rooms, types"
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache >$(VENV)/rooms.txt || { cat $(VENV)/rooms.txt; exit 1; }
	@$(BIN)/mypy --no-error-summary

# rooms, arrows, the longest module and function: what a change does to the house
structure: $(READY)
	@$(BIN)/python bench/structure.py

unit: $(READY)
	@echo "== unit tests (no engine), with branch coverage of src/"
	@$(BIN)/pytest tests/unit tests/security --ignore tests/security/builds -q -n 2 --durations=20 --cov --cov-report= --cov-fail-under=75

# What speaks to an engine is covered by these: their coverage is added to that of the unit tests.
# The suite of one engine in full, and the smoke tests on the other: 28.5 and 26.1 both stay supported.
# Two workers run a module each, on an engine of their own: a build waits often enough that both have work.
engine room attacks: export GOBAKE_HARNESS_KEPT = 1
engine: $(READY)
	@echo "== engine tests on $(SUITE)"
	@$(BIN)/python -m harness --suite $(SUITE) --name test-$(SUITE) --force-private --fresh run -- \
	  $(BIN)/pytest tests/engine tests/security/builds -q -n 2 --dist loadfile --no-loadscope-reorder --durations=12 --cov --cov-append --cov-report=term:skip-covered --cov-fail-under=80
	@echo "== smoke tests on $(OTHER_SUITE)"
	@$(BIN)/python -m harness --suite $(OTHER_SUITE) --name test-$(OTHER_SUITE) --force-private --fresh run -- \
	  $(BIN)/pytest tests/engine -q -m smoke -n 2 --dist loadfile --no-loadscope-reorder --durations=8

# The engine tests of one room: make room ROOM=seeds ARGS="-x -k bare"; the rooms are in pyproject.toml
room: $(READY)
	@$(BIN)/python -m harness --suite $(SUITE) --name room --force-private run -- \
	  $(BIN)/pytest tests/engine tests/security/builds -q --no-cov -m "$(ROOM)" $(ARGS)

# Every attack and every fault with a line of its own
attacks: $(READY)
	@$(BIN)/python -m harness --suite $(SUITE) --name attacks --force-private run -- \
	  $(BIN)/pytest tests/security -v --no-cov -n 2 --dist loadfile $(ARGS)

# Whether the unit tests notice small wrong changes: make mutants ARGS="--room trust --count 40"
mutants: $(READY)
	@PYTHONPATH=src nice $(BIN)/python -m bench.mutants $(ARGS)

# The figures of README and docs. ARGS chooses: make bench ARGS="edited bare-twenty --keep"
bench: $(READY)
	@$(BIN)/python -m harness --name bench --force-private run -- $(BIN)/python -m bench $(ARGS)

engine-up: $(READY)
	@$(BIN)/python -m harness --name dev up
	@echo 'eval "$$($(BIN)/python -m harness --name dev env)" makes it yours; make engine-down stops it'

engine-down:
	@$(PYTHON) -m harness --name dev down

clean:
	@$(PYTHON) -m harness clean
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* build dist
