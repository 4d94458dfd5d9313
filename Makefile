PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed
TOOLS := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
# Two processes of one thread each: what tests compute is too small for more threads. The programs that they start find
# this package compiled, whatever the environment says.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses=2 --dist=worksteal
SOURCES := src tests $(wildcard scripts)
PAPER = $(BIN)/python scripts/paper.py $(if $(CELEBA),--celeba "$(CELEBA)") $(if $(CARTOONS),--cartoons "$(CARTOONS)") \
	$(if $(EMOJI),--emoji "$(EMOJI)")

BENCH := engine threads recovery training phases memory scaling

.DEFAULT_GOAL := help
.PHONY: help install run paper paper-quick compare test test-fast test-gpu bench chaos lint docs browser format wheel clean

help: ## Show this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(TOOLS) ## Make .venv with the tested versions, for running and for development

run: $(RUNTIME) ## Train and evaluate on drawn faces; needs no data
	$(BIN)/favae-run experiment=avatars_condition

paper: $(RUNTIME) ## Make the paper's figures and tables; with its data: CELEBA=DIR CARTOONS=DIR, or EMOJI=DIR
	$(PAPER)

paper-quick: $(RUNTIME) ## The same in small, to fit 20 minutes on two cores
	$(PAPER) --quick

compare: $(TOOLS) ## Train every model on the same pairs of drawn faces, or of EMOJI=DIR, and print one table
	$(BIN)/python scripts/compare_models.py $(if $(EMOJI),emoji_adapt "data.root=$(EMOJI)",avatars_adapt)

test: $(TOOLS) ## Run the whole test suite
	$(PYTEST)

test-fast: $(TOOLS) ## Run the tests without the whole runs
	$(PYTEST) -m "not slow"

test-gpu: $(TOOLS) ## Run the tests that need a GPU; skipped where there is none
	$(BIN)/python -m pytest -m gpu -rs

lint: $(TOOLS) ## Check style, types and layers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TOOLS) ## Measure speed, memory and recovery beside other packages, into docs/benchmarks.md
	$(PIP) -e ".[bench]"
	for topic in $(BENCH); do $(BIN)/python scripts/bench/$$topic.py || exit; done
	$(BIN)/python scripts/bench/imputation.py
	$(BIN)/python scripts/bench/explore.py

chaos: $(TOOLS) ## Attack the program at random for SECONDS= or MINUTES=, else until Ctrl-C; SEED= begins at that attempt
	OMP_NUM_THREADS=1 $(BIN)/python scripts/chaos/chaos.py $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT)) $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(SECONDS)$(MINUTES),--seconds $(or $(SECONDS),$$((60 * $(MINUTES)))))

docs: $(TOOLS) ## Build the documentation, with the reference of all keys, into site/
	$(PIP) -e ".[docs]"
	$(BIN)/python scripts/docs/reference.py
	$(BIN)/mkdocs build --strict

browser: ## Install Chromium from the packages of Debian or Ubuntu, for the tests of the page
	timeout 120 apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -qy -o DPkg::Lock::Timeout=60 --no-install-recommends chromium

format: $(TOOLS) ## Bring the code into the house style
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

wheel: $(TOOLS) ## Build dist/*.whl
	$(BIN)/python -m build --wheel

clean: ## Remove what was built and cached; runs and .venv stay
	rm -rf dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The stamps hold back a second install until the requirements change.
$(RUNTIME): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e .
	@touch $@

$(TOOLS): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e ".[dev]"
	@touch $(RUNTIME) $@
