# `make` lists the targets. Variables given to make reach the tool: `make up PORT=9000 DATA=/srv/d`.
.DEFAULT_GOAL := help
.PHONY: help install demo up doctor test simulate mutants faults check schemas docs lock clean

BIN := .venv/bin

help: ## List all targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: ## Make .venv with the pinned packages (skipped when it is up to date)
	@deploy/local/bootstrap.sh

demo: install ## Run both jobs once and show them: SITE= FIRST= LAST= COMPANY= LINKEDIN= DEMO_JSON=
	@$(BIN)/dossier demo --with-parent

up: install ## Run the whole stack until Ctrl-C: PORT=8710 DATA=.dossier READY=
	@$(BIN)/dossier up --with-parent

doctor: install ## Check what the stack needs on this machine
	@$(BIN)/dossier doctor

test: install ## Run the tests: T=tests/unit for some, ARGS= for more options of pytest
	@$(BIN)/pytest $(T) $(ARGS)

simulate: install ## Run the sagas through simulated schedules: SEEDS=1000 MODE=both|safety, or SEED=7
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000)) --mode $(or $(MODE),both) $(ARGS)

mutants: install ## Break our own code in known ways, one at a time: each must be caught
	@$(BIN)/python -m tests.mutants $(ARGS)

faults: install ## Kill, pause and cut off processes of a stack in use, then check all: MINUTES=5 SEED=1
	@$(BIN)/python -m tests.faults

check: install ## Lint, format, types, import rules and message schemas
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m libs.contracts.schema_files --check

schemas: install ## Write the JSON Schemas of all messages anew
	@$(BIN)/python -m libs.contracts.schema_files

docs: install ## Write docs/settings.md anew from the settings classes
	@$(BIN)/python -m deploy.local.settings_table > docs/settings.md

lock: ## Pin the newest packages that pyproject.toml allows into requirements.txt (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --upgrade --quiet --output-file requirements.txt

clean: ## Remove the environment and caches, not the data in .dossier
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
