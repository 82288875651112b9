PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
RUNS ?= runs
# What `make docs` does with the notebooks: run (those that changed), kept (show what earlier runs gave), off.
DOCS_NOTEBOOKS ?= run

# Small matrices on many threads are slower than on one, and far slower on a busy machine.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export NUMBA_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help env browser explore examples screens notebooks docs tables check format lint test bench

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(STAMP) ## make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "daexplore needs Python 3.11 or later, but '$(PYTHON)' is: $$($(PYTHON) --version 2>&1). Name another one: make env PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing daexplore and what it needs into .venv: some minutes the first time."
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[tests,notebooks]"
	@touch $@

browser: env ## make sure that the browser tests have a Chromium
	@if command -v chromium chromium-browser google-chrome >/dev/null || ls -d "$${PLAYWRIGHT_BROWSERS_PATH:-$$HOME/.cache/ms-playwright}"/chromium-* >/dev/null 2>&1; then \
	  :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q && apt-get install -q -y --no-install-recommends chromium; then \
	  :; \
	else \
	  $(BIN)/python -m playwright install chromium; \
	fi

explore: env ## open the explorer on RUNS (runs)
	$(BIN)/daexplore explore $(RUNS)

examples: env ## train noDA, MMD and DANN in three seeds, and make of them the runs that the explorer opens with
	$(BIN)/daexplore sweep --data distant --methods noda,mmd,dann --seeds 0..2 --runs runs/distant
	$(BIN)/python benchmarks/examples.py runs/distant

screens: browser ## take the pictures of docs/screens.md and of README.md, the moving one too
	$(BIN)/python benchmarks/screens.py
	$(BIN)/python benchmarks/first_screens.py
	$(BIN)/python benchmarks/animation.py

notebooks: env ## open the tutorial notebooks
	$(BIN)/jupyter lab notebooks

docs: env ## build the documentation into docs/_build/html; DOCS_NOTEBOOKS=kept or off to leave the notebooks unexecuted
	DOCS_NOTEBOOKS=$(DOCS_NOTEBOOKS) $(BIN)/python -m sphinx -E -W --keep-going -b html docs/site docs/_build/html

tables: env ## write the tables of methods in README.md and docs/commands.md
	$(BIN)/python docs/tables.py

format: env ## put the code in order
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: env ## style, imports and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint ## style, imports, types and the fast tests
	$(BIN)/python -m pytest -q -n auto --no-loadscope-reorder -m "not slow and not browser"

test: lint browser ## everything: style, imports, types, every test and every notebook
	$(BIN)/python -m pytest -n auto --no-loadscope-reorder --durations=15 tests/repository/test_notebooks.py tests/browser tests daexplore

bench: env ## measure: training steps, the explorer, the MMD test (the others ask for runs: see their first lines)
	@for script in benchmarks/train.py benchmarks/explorer benchmarks/two_sample.py; do echo "$$script"; $(BIN)/python "$$script" || exit 1; done
