# One door for people and for CI. `make` alone lists what there is; no target asks a question.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
ROOMS := cli core kernel pipelines schemas sidecar
HOURS ?= 1
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

# The first interpreter that fits; `make PYTHON=/path/to/python3.12 ...` chooses another.
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	if $$name -c '$(FITS)' >/dev/null 2>&1; then echo $$name; break; fi; done)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Make .venv with the locked packages and perpkit in it

$(STAMP): requirements.lock pyproject.toml
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { \
	  echo "error: no Python from 3.11 to 3.13 with venv and ensurepip was found" >&2; \
	  echo "  at:   PYTHON='$(PYTHON)'" >&2; \
	  echo "  next: install one (Debian and Ubuntu: python3 and python3-venv)," \
	    "or give its path: make PYTHON=/path/to/python3.12 setup" >&2; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing the locked packages into $(VENV)" >&2
	@$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(STAMP) ## Emulator, sidecar, the main job on what it collected: DATA=candles.parquet SEED=2 EDGE=0
	@PATH="$(CURDIR)/$(BIN):$$PATH" DATA="$(DATA)" EDGE="$(EDGE)" bash pipelines/demo.sh

.PHONY: cluster-demo
cluster-demo: $(STAMP) ## Sweep on a scheduler and two workers of this machine, one killed in the middle
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash pipelines/cluster_demo.sh

.PHONY: demo-venue
demo-venue: $(STAMP) ## Start the emulator, trade on it through the official SDK, inject three faults
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash pipelines/demo_venue.sh

.PHONY: test
test: $(STAMP) ## Run the tests, but for the long proofs
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not proof and not gpu"

.PHONY: check
check: $(STAMP) lint type ## Lint, types, import contracts, generated files, house rules
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pipelines.gen --check
	@$(BIN)/python -m pytest -q tests/house

.PHONY: fmt
fmt: $(STAMP) ## Format the sources
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lint
lint: $(STAMP) ## Check lint rules and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: type
type: $(STAMP) ## Check the types of our rooms
	@$(BIN)/mypy

.PHONY: parity
parity: $(STAMP) ## Plain Python equals compiled; replays equal their snapshots
	@$(BIN)/python -m pytest -q tests/parity tests/snapshot

.PHONY: bench
bench: $(STAMP) ## Measure speed and memory (DATA=candles.parquet DATA_5M=... LONG=1), write bench.json
	@$(BIN)/python -m pipelines.bench $(if $(DATA),--data "$(DATA)") $(if $(DATA_5M),--data-5m "$(DATA_5M)") $(if $(LONG),--long)

.PHONY: bench-search
bench-search: $(STAMP) ## Measure searches against Optuna's TPE (STORE=stores of 1h bars, SHORT=1)
	@$(BIN)/python -m pipelines.bench_search $(if $(STORE),--store "$(STORE)") $(if $(SHORT),--short)

.PHONY: bench-cuda
bench-cuda: $(STAMP) ## Measure the CUDA engine on this machine's GPUs (DATA=folder), equality first
	@$(BIN)/python -m pipelines.bench_cuda $(if $(DATA),--data "$(DATA)")
	@PERPKIT_REQUIRE_SHARED=1 $(BIN)/python -m pytest -q -m gpu

.PHONY: bench-venue
bench-venue: $(STAMP) ## Measure the emulator: actions, signed orders over HTTP, stream messages
	@$(BIN)/python -m sidecar.emulator.measure

.PHONY: bench-sidecar
bench-sidecar: $(STAMP) ## Measure the sidecar under load, 12 minutes (SHORT=1: one)
	@$(BIN)/python -m sidecar.market.measure $(if $(SHORT),--short)

.PHONY: proof
proof: $(STAMP) ## Run the long proofs: kills, long random runs
	@$(BIN)/python -m pytest -q -m proof

.PHONY: soak
soak: $(STAMP) ## Repeat the proofs with fresh seeds for HOURS=n (default 1)
	@end=$$(( $$(date +%s) + $$(awk 'BEGIN { print int($(HOURS) * 3600) }') )); \
	while [ "$$(date +%s)" -lt "$$end" ]; do \
	  seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); \
	  echo "soak: --hypothesis-seed=$$seed, $$(( ($$end - $$(date +%s)) / 60 )) minutes left" >&2; \
	  $(BIN)/python -m pytest -q -m proof --hypothesis-seed="$$seed" || exit 1; \
	done

.PHONY: gen
gen: $(STAMP) ## Write the files that are generated from the schemas
	@$(BIN)/python -m pipelines.gen

# Needs a package index; uv lives in a folder of its own and leaves with it.
.PHONY: lock
lock: ## Resolve the dependencies anew and write requirements.lock
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(PYTHON) -m venv "$$folder/uv" && \
	"$$folder/uv/bin/python" -m pip --disable-pip-version-check install --quiet uv && \
	"$$folder/uv/bin/uv" pip compile pyproject.toml \
	  --extra cluster --extra cuda --extra dev --extra stats --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet --upgrade \
	  --no-emit-index-url --no-emit-find-links --output-file "$$folder/lock" >/dev/null && \
	{ echo "# Made by \`make lock\`. Every package of the program, its tools and its build."; \
	  cat "$$folder/lock"; } > requirements.lock.new && \
	mv requirements.lock.new requirements.lock
