# Two commands matter: `make up` (a cluster on lab hosts of this machine) and `make test` (everything that proves it).
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Chosen so that a cluster of the default lab and one under test can stand beside each other.
INVENTORY ?= inventories/lab
# Tests start many programs: without compiled modules each takes three times as long to begin.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up down test check lint unit servers fuzz lab bench format proto clean

help: ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.run ## three lab hosts, a cluster on them, verified
	@$(BIN)/kprov quickstart --inventory $(INVENTORY)

down: $(VENV)/.run ## remove the lab and everything it left
	@$(BIN)/kprov lab down

test: check servers lab ## all tests: lint, unit, API servers, lab hosts

check: lint unit ## what needs no root and no hosts

lint: $(VENV)/.dev ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev ## unit tests
	$(BIN)/pytest tests/unit

servers: $(VENV)/.dev ## tests of API servers with an etcd, as processes of this machine
	$(BIN)/pytest tests/apiserver -p no:randomly

fuzz: $(VENV)/.dev ## ten thousand requests that no client should send (minutes; KPROV_FUZZ_SEED=n for others)
	KPROV_FUZZ_CASES=10000 $(BIN)/pytest tests/apiserver/fuzz -p no:randomly

lab: $(VENV)/.dev ## tests on real systemd hosts of this machine (root)
	$(BIN)/pytest tests/lab tests/fault -p no:randomly

parity: $(VENV)/.dev ## every playbook of the parity corpus and all roles, against ansible-playbook (root; long)
	KPROV_PARITY=all $(BIN)/pytest tests/lab/test_parity.py -p no:randomly

bench: $(VENV)/.dev ## benchmarks; print ratios
	$(BIN)/python -m tests.bench

format: $(VENV)/.dev ## let ruff put the sources in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: $(VENV)/.dev ## generate the gRPC modules from the .proto files
	@for file in $$(git ls-files '*.proto'); do \
	  $(BIN)/python -m grpc_tools.protoc -I . --python_out=. --mypy_out=. $$file || exit 1; done

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'kprov needs Python 3.11 or newer' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.run
