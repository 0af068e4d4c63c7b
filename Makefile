# Everything a developer does daily is one command here; `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Set by some images, it would have every start of Python compile this code anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
# Each stamp is as new as what was installed from the file that it depends on.
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
# What `make bench` compares with is installed apart, so that nothing else can come to need it.
BENCH_VENV := .venv-bench
BENCH_LOCKED := $(BENCH_VENV)/.locked
# Clients of Walmart's APIs that others wrote, which are tried on the sandbox.
CLIENTS_VENV := .venv-clients
CLIENTS_LOCKED := $(CLIENTS_VENV)/.locked
# And so is what looks for vulnerabilities, with dependencies of its own.
AUDIT_VENV := .venv-audit
AUDIT_LOCKED := $(AUDIT_VENV)/.locked
# Arguments for the command behind a target.
ARGS ?=

# The first interpreter that really runs and that pyproject.toml allows. Version managers leave
# shims on PATH that only print an error, hence the trial run.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	2>/dev/null && echo $$python && break; done)

.PHONY: help
help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: run
# Make itself dies of an interrupt, whatever its child makes of it. So on a terminal the program
# gets a process group of its own (set -m): Ctrl-C reaches it alone, and its exit code is make's.
run: $(INSTALLED)  ## run the whole pipeline on this machine until Ctrl-C; ARGS="--workers 2 …"
	@if ! $(BIN)/python -c 'import os; raise SystemExit(os.tcgetpgrp(0) != os.getpgrp())' \
		2>/dev/null; then exec $(BIN)/walmart-stream local $(ARGS); fi; \
	set -m; $(BIN)/walmart-stream local $(ARGS); exit  # not last: bash would exec it, ungrouped

# Processes and order: tests/order.py. ARGS come last, so that they win: "-n 0" for one process.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder

.PHONY: test
test: $(INSTALLED)  ## run the test suite; ARGS="-k name -x …"
	@$(PYTEST) -m "not long" $(ARGS)

.PHONY: test-long
test-long: $(INSTALLED)  ## run the long tests: campaigns, clusters, secrets under attack; CI does, too
	@$(PYTEST) -m long $(ARGS)

.PHONY: test-fast
test-fast: $(INSTALLED)  ## run the unit tests only: no broker, no database
	@$(PYTEST) -m "not integration and not real_kafka and not slow and not long" $(ARGS)

.PHONY: fuzz
fuzz: $(INSTALLED)  ## ask the web views 10,000 generated cases, others each time; FUZZ_SEED=N repeats a run
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-800} FUZZ_LEAST=$${FUZZ_LEAST:-10000} \
		FUZZ_PHASES=coverage,fuzzing,stateful FUZZ_SEED=$${FUZZ_SEED:-$$RANDOM} TEST_LIMIT=7200 \
		$(BIN)/python -m pytest -s tests/web/test_fuzz.py $(ARGS)

.PHONY: soak
soak: $(INSTALLED)  ## send a worker at work 100,000 hostile requests, and see what stays; ARGS="--requests N"
	@$(BIN)/python -m tests.soak $(ARGS)

.PHONY: chaos
chaos: $(INSTALLED)  ## attack a running pipeline, then judge it; ARGS="--broker kafka --kills 100 …"
	@$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: recovery
recovery: $(INSTALLED)  ## measure a start on 1,000,000 items; ARGS="--broker kafka --items N …"
	@$(BIN)/python -m tests.chaos.recovery $(ARGS)

.PHONY: bench
bench: $(INSTALLED) $(BENCH_LOCKED)  ## measure this program and its peers; ARGS="--rounds 3 --broker both …"
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: bench-web
bench-web: $(INSTALLED)  ## measure lists and pages of many items; ARGS="--sizes 1000,1000000 --json FILE"
	@$(BIN)/python -m tests.bench_web $(ARGS)

.PHONY: bench-scale
bench-scale: $(INSTALLED)  ## measure what grows with items and history; ARGS="--sizes 1000,1000000 --json FILE"
	@$(BIN)/python -m tests.bench_scale $(ARGS)

.PHONY: schedule-bench
schedule-bench: $(INSTALLED)  ## measure schedules of polls in generated worlds; ARGS="--json FILE …"
	@$(BIN)/python -m tests.schedule_bench $(ARGS)

.PHONY: clients
clients: $(INSTALLED) $(CLIENTS_LOCKED)  ## try clients that others wrote on the sandbox; make test does, too, from then on
	@$(BIN)/python -m pytest -n 0 tests/clients $(ARGS)

.PHONY: audit
# Of what is wrong the script says more than make, which ends with 2 whatever the script's code is.
audit: $(AUDIT_LOCKED)  ## look for known vulnerabilities in all locks, and for faults of the locks
	@$(AUDIT_VENV)/bin/python requirements/audit.py $(ARGS)

.PHONY: lint
lint: $(INSTALLED)  ## check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m tests.project.language

.PHONY: types
types: $(INSTALLED)  ## check the types, strictly
	@$(BIN)/mypy

.PHONY: format
format: $(INSTALLED)  ## format the code and mend what can be mended by machine
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: install
install: $(INSTALLED)  ## make or renew .venv without running anything

# Renewed from nothing, so that what has left the lock leaves the environment too.
$(LOCKED): requirements/all.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found" >&2; exit 1; }
	@echo "installing the locked packages into $(VENV) …"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements/all.lock
	@touch $@

$(BENCH_LOCKED): requirements/bench.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found" >&2; exit 1; }
	@echo "installing the locked packages into $(BENCH_VENV) …"
	@$(PYTHON) -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements/bench.lock
	@touch $@

# One of them comes as source: setuptools, which builds it, is in the lock and goes first.
$(CLIENTS_LOCKED): requirements/clients.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found" >&2; exit 1; }
	@echo "installing the locked packages into $(CLIENTS_VENV) …"
	@$(PYTHON) -m venv --clear $(CLIENTS_VENV)
	@$(CLIENTS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement <(sed -n '/^setuptools==/,/[^\\]$$/p' requirements/clients.lock)
	@$(CLIENTS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--no-build-isolation --requirement requirements/clients.lock
	@touch $@

$(AUDIT_LOCKED): requirements/audit.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found" >&2; exit 1; }
	@echo "installing the locked packages into $(AUDIT_VENV) …"
	@$(PYTHON) -m venv --clear $(AUDIT_VENV)
	@$(AUDIT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements/audit.lock
	@touch $@

# hatchling and editables are in the lock: without build isolation nothing unpinned is fetched.
$(INSTALLED): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@

# The locks hold no index address, so each machine installs from the index that it is set up for.
# The small ones repeat pins of all.lock: what is tested is what is shipped.
UV ?= uv
UPGRADE ?=
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)

.PHONY: lock
lock:  ## renew requirements/*.lock with uv, keeping pins; UPGRADE=--upgrade renews them all
	@command -v $(UV) >/dev/null || { echo "uv is needed: pip install uv" >&2; exit 1; }
	@$(COMPILE) pyproject.toml --all-extras --group build --output-file requirements/all.lock
	@$(COMPILE) pyproject.toml --extra rocksdb --no-annotate --constraint requirements/all.lock \
		--output-file requirements/runtime.lock
	@$(COMPILE) --group build --no-annotate --constraint requirements/all.lock \
		--output-file requirements/build.lock
	@$(COMPILE) requirements/bench.in --no-annotate \
		--constraint <(grep -oE '^(orjson|msgspec|xxhash)==[^ ]+' requirements/all.lock) \
		--output-file requirements/bench.lock
	@$(COMPILE) requirements/clients.in --no-annotate --output-file requirements/clients.lock
	@$(COMPILE) requirements/audit.in --no-annotate --output-file requirements/audit.lock
