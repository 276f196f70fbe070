# gmi-video-mcp: what there is to do here. `make` alone lists it. All that is needed is Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Old enough to install ourselves with, new enough to know dependency groups.
PIP := "pip>=25.1"

.DEFAULT_GOAL := help
.PHONY: help demo live test check format pytest tables bench conformance constraints dist clean

help: ## List what there is to do
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
	    printf '  make %-12s %s\n' "$$name" "$$what"; done

# -- the environment: made once, made again when what it is made from changes ----------------------------------------

$(VENV)/.made:
	@echo "Making $(VENV) (once)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade $(PIP)
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the server and what the demo needs (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "Installing what the checks and tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev
	@touch $@

# -- using it --------------------------------------------------------------------------------------------------------

PROMPT ?=
demo: $(VENV)/.demo ## Make a video on a pretend GMI Cloud; no key needed (PROMPT="..." for your own)
	@$(BIN)/gmi-video-mcp demo $(if $(PROMPT),"$$PROMPT") $(OPTIONS)

demo: export PROMPT := $(PROMPT)

# -- working on it ---------------------------------------------------------------------------------------------------

test: check pytest ## Everything a change must pass: format, lint, types, tests

check: $(VENV)/.dev ## Format, lint and types only
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/pyright

pytest: $(VENV)/.dev ## The tests only (ARGS="-k name" to choose)
	$(BIN)/pytest -n 2 $(ARGS)

format: $(VENV)/.dev ## Mend format and lint where that can be done by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

tables: $(VENV)/.dev ## Write what is generated from the code: the tables of README and docs, and schemas/tools
	$(BIN)/gmi-video-mcp schemas
	$(BIN)/python -m tests.tables
	$(BIN)/python -m tests.reliability.matrix

live: $(VENV)/.dev ## Compare the real queue with what is believed of it; needs GMI_API_KEY, costs nothing
	$(BIN)/python -m gmi_video.live

bench: $(VENV)/.dev ## Measure polling and a thousand waits, as docs/performance.md has them (some minutes)
	$(BIN)/python -m bench.polling
	$(BIN)/python -m bench.waits

conformance: $(VENV)/.dev ## The official MCP scenarios for tasks (needs npm)
	$(BIN)/python -m tests.conformance.run

constraints: ## Pin in constraints.txt the newest versions that fit, from an environment made afresh
	rm -rf $(VENV)/.fresh
	$(PYTHON) -m venv $(VENV)/.fresh
	$(VENV)/.fresh/bin/python -m pip install --quiet --disable-pip-version-check --upgrade $(PIP)
	$(VENV)/.fresh/bin/python -m pip install --quiet --disable-pip-version-check -e '.[demo]' --group dev
	{ sed -n '/^#/p' constraints.txt; \
	  $(VENV)/.fresh/bin/python -m pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf $(VENV)/.fresh

dist: $(VENV)/.dev ## Build the wheel and the source distribution into dist/
	$(BIN)/hatchling build

clean: ## Remove what was made here, the environment and the demo's films too
	rm -rf $(VENV) dist build gmi-video-output .pytest_cache .ruff_cache .hypothesis
	find server tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
