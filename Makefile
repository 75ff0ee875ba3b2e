# Each target sets up what it needs by itself: a virtual environment with pinned, hashed dependencies, and the Debian
# packages of the servers when they are not on the PATH.
PYTHON ?= python3
BIN := .venv/bin
# Test files at a time: most of a test is waiting for a server, so two more than there are cores, and 8 at most.
TESTERS ?= $(shell n=$$(nproc); echo $$(( n < 6 ? n + 2 : 8 )))

.PHONY: help demo test check bench lock clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' Makefile

demo: .venv/runtime.ok ## the whole stack on loopback, with traffic; Ctrl-C ends it
	@sh sandbox/install-debian.sh
	@$(BIN)/cachewatch demo

test: .venv/dev.ok ## all tests, on real servers, several files at a time, then, two at a time, those that time something
	@sh sandbox/install-debian.sh browser victoria
	$(BIN)/pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/pytest -n 2 --dist loadfile -m alone

check: .venv/dev.ok ## lint, types, import contracts, house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/house

bench: .venv/dev.ok ## the figures that the documentation quotes
	@sh sandbox/install-debian.sh
	$(BIN)/python -m bench

lock: .venv/dev.ok ## pin the newest dependencies that pyproject.toml allows
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --upgrade -o requirements.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --upgrade -c requirements.txt -o requirements-dev.txt
	echo "setuptools" | $(BIN)/uv pip compile -q - --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --upgrade -o requirements-build.txt

clean: ## remove what the targets above made
	rm -rf .venv .demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info

# pip itself refuses a package whose hash is not in the lock. The checkout is installed without its dependencies and
# without a build environment of its own, which pip would download unpinned.
.venv/runtime.ok: requirements.txt requirements-build.txt pyproject.toml | .venv/bin/python
	@echo "installing the pinned dependencies into .venv"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-build.txt -r requirements.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.ok: requirements-dev.txt .venv/runtime.ok
	@echo "installing the pinned tools for development into .venv"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || sh sandbox/install-debian.sh python3-venv
	@$(PYTHON) -m venv .venv
