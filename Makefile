# Everything a person or CI does with this checkout; `make` alone says what.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test setup format format-check lint types imports pytest unit e2e snapshots \
	screenshot bench wheel wheel-check lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### Use

run: $(VENV)/.run ## Set up .venv and open the explorer; arguments through ARGS="…"
	@$(BIN)/python -m app $(ARGS)

##### Checks

test: setup format-check lint types imports pytest ## Set up everything and run all checks

setup: $(VENV)/.dev ## Set up .venv with everything the checks need

format: setup ## Format the code
	$(BIN)/ruff format

format-check: setup ## Check the format
	$(BIN)/ruff format --check

lint: setup ## Lint (ruff)
	$(BIN)/ruff check

types: setup ## Check the types (mypy --strict)
	$(BIN)/mypy

imports: setup ## Check that imports go only downwards (import-linter)
	$(BIN)/lint-imports

pytest: setup ## Run all tests (pytest); arguments through ARGS="…"
	$(BIN)/python -m pytest $(ARGS)

unit: setup ## Run the tests that need no terminal
	$(BIN)/python -m pytest -m "not e2e" $(ARGS)

e2e: setup ## Run the tests that drive the installed command in a pseudo-terminal
	$(BIN)/python -m pytest -m e2e $(ARGS)

snapshots: setup ## Accept the screens as they are now as the snapshots to compare with
	$(BIN)/python -m pytest -k snapshot --snapshot-update $(ARGS)

##### Products

screenshot: setup ## Make the README's picture from the running explorer
	$(BIN)/python -m tools.screenshot $(ARGS)

bench: setup ## Measure: system calls, latency and start, as ratios
	$(BIN)/python -m benchmarks $(ARGS)

wheel: setup ## Build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -t wheel -d dist

wheel-check: wheel ## Install the wheel in a clean environment and use it from another folder
	$(BIN)/python -m tools.wheel_check dist/pagelens-*.whl

##### Upkeep

lock: setup ## Write requirements/*.txt from pyproject.toml; UPGRADE=1 takes the newest versions
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt

clean: ## Remove .venv and everything made (needed to change PYTHON)
	rm -rf $(VENV) dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache snapshot_report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

##### The environment: a stamp a step, so that a step that is done costs nothing and one cut off is done again

define need_python
	@[ "$$(uname -s)" = Linux ] || { echo "pagelens needs Linux: it reads /proc/PID/pagemap." >&2; exit 1; }
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "No $(PYTHON) here: install Python 3.11 or later, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11: name a later one: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv module: install it (on Debian: apt install python3-venv)." >&2; exit 1; }
endef

$(VENV)/.created:
	$(need_python)
	@echo "Setting up $(VENV) (once)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.created
	@$(PIP) install -qq --require-hashes -r requirements/run.txt
	@touch $@

# The locked development set holds the run set, so this makes both stamps. The project comes last,
# without dependencies or isolation: nothing outside the lock is fetched.
$(VENV)/.dev: requirements/dev.txt pyproject.toml $(VENV)/.created
	@$(PIP) install -qq --require-hashes -r requirements/dev.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $(VENV)/.run $@
