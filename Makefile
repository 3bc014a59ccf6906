# Everything here sets up what it needs under .tools/, which git ignores.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules

# A name on PATH may be a shim that only prints an error: run it before believing it.
PYTHON := $(shell for p in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)

DEV    := .tools/dev/bin
PYTEST := $(DEV)/python -m pytest
SYSTEM ?= ttl-monitor
KEEP   ?=
TARGET ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing. Install it and put it on PATH, or name it: make PYTHON=..." >&2; exit 1; }

.PHONY: setup
setup: python ## Make the environments under .tools/, and find Terraform and its provider
	@$(PYTHON) tools/setup_env.py dev cloud lambda-runtime postgres-servers
	@$(PYTHON) tools/terraform.py config >/dev/null

.PHONY: demo
demo: setup ## Apply an example into the embedded cloud, run it, show what it says (KEEP=1 keeps it up)
	@$(DEV)/python -m tools.demo $(SYSTEM) $(if $(KEEP),--keep)

.PHONY: test
test: test-unit test-e2e ## Run every test

.PHONY: test-unit
test-unit: setup ## Run the quick tests: engine, handlers, build
	$(PYTEST) -n 2 --dist loadfile tests/unit

.PHONY: test-e2e
test-e2e: setup ## Run the tests that plan, apply into the embedded cloud, race, or kill
	$(PYTEST) -n 4 --dist loadscope tests/modules tests/cloud tests/e2e tests/safety tests/postgres tests/actingweb

.PHONY: conformance
conformance: setup ## Ask DynamoDB Local too what safety rests on (Java, Maven); TARGET=aws asks your own account
	TARGET=$(TARGET) $(PYTEST) $(if $(filter aws,$(TARGET)),tests/aws,tests/conformance)

.PHONY: check
check: setup ## Format, lint, types, Terraform, docs, artifacts
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/mypy lambda_src tests tools build.py
	$(DEV)/python -m tools.check_terraform
	$(DEV)/python -m tools.module_tables --check
	$(PYTHON) build.py --check

.PHONY: format
format: setup ## Format Python and Terraform
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .
	terraform fmt -recursive

.PHONY: docs
docs: setup ## Write the input and output tables into the modules' READMEs
	$(DEV)/python -m tools.module_tables

.PHONY: build
build: python ## Pack the handlers into artifacts/
	$(PYTHON) build.py

.PHONY: bench
bench: setup ## Measure, as ratios side by side
	$(DEV)/python -m tests.bench

.PHONY: clean
clean: ## Remove .tools/ and every cache
	rm -rf .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name .terraform -prune -exec rm -rf {} + -o -name __pycache__ -prune -exec rm -rf {} +
