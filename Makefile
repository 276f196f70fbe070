# gmi-video-mcp: `make` alone lists what there is. Only Python 3.11+ and make are needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# One more than the processors of a small machine: some tests wait for real time.
PYTEST := $(BIN)/pytest -n 3 --dist worksteal
INSTALL := -m pip install --quiet --disable-pip-version-check
# 25.1 is the first pip with dependency groups.
PIP := "pip>=25.1"

.DEFAULT_GOAL := help
.PHONY: help demo live fast test full fuzz check pytest player pictures packaging bundle release sdist wheel newest \
    format tables kills bench peers hosts suites conformance agents constraints dist clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
	    printf '  make %-12s %s\n' "$$name" "$$what"; done

# -- the environment: made once, and again when pyproject.toml or constraints.txt change -----------------------------

$(VENV)/.made:
	@echo "Making $(VENV) (once)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(INSTALL) --upgrade $(PIP)
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the server and what the demo needs (once)"
	@$(BIN)/python $(INSTALL) -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "Installing what the checks and tests need (once)"
	@$(BIN)/python $(INSTALL) -c constraints.txt --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@echo "Installing what the benches draw with (once)"
	@$(BIN)/python $(INSTALL) -c constraints.txt --group bench
	@touch $@

# -- using it --------------------------------------------------------------------------------------------------------

PROMPT ?=
demo: $(VENV)/.demo ## Make a video on a pretend GMI Cloud; no key needed (PROMPT="..."; OPTIONS="--shots 3" for a story)
	@$(BIN)/gmi-video-mcp demo $(if $(PROMPT),"$$PROMPT") $(OPTIONS)

demo: export PROMPT := $(PROMPT)

# -- working on it ---------------------------------------------------------------------------------------------------

fast: $(VENV)/.dev ## The tests that are not slow, while you work (ARGS="-k name" to choose)
	$(PYTEST) -m 'not slow' $(ARGS)

test: check pytest ## What a change must pass: format, lint, types, all tests

full: $(VENV)/.bench ## Many more random inputs, every kill, and all rounds of eight copies (some minutes)
	FULL=1 $(PYTEST) \
	    tests/reliability/test_lives.py tests/reliability/test_hostile_answers.py tests/reliability/test_bombs.py \
	    tests/reliability/test_difficult_lists.py tests/test_words_of_others.py tests/test_cancellation.py \
	    tests/test_process.py tests/test_process_end.py tests/test_proxies.py tests/test_saved_processes.py \
	    tests/test_continue.py tests/test_film_frames.py tests/test_frames.py tests/test_storyboard.py \
	    tests/test_bench_peers.py tests/test_deadlines.py tests/test_listings.py tests/test_long_lists.py \
	    tests/test_bench.py tests/test_demo.py tests/test_pictures.py tests/doctor/test_doctor_command.py \
	    tests/player tests/over_http/test_http_attacks.py
	FULL=1 $(BIN)/pytest tests/over_http/test_http_load.py tests/over_http/test_http_keys.py \
	    tests/over_http/test_http_process.py tests/over_http/test_http_copies.py
	FULL=1 $(BIN)/pytest tests/test_copies.py tests/reliability/test_kill_matrix.py

MINUTES ?= 10
fuzz: $(VENV)/.dev ## Random input for the parsers of foreign bytes (MINUTES=10; TARGETS="image ids" to choose)
	$(BIN)/python -m tests.fuzz --seconds $$(($(MINUTES) * 60)) $(TARGETS)

check: $(VENV)/.dev ## Format, lint and types only
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/pyright

pytest: $(VENV)/.dev ## All tests, and nothing else (ARGS="-k name" to choose)
	$(PYTEST) $(ARGS)

player: $(VENV)/.dev ## Try the player in Chromium, and put pictures of it into build/player
	FULL=1 PICTURES=build/player $(BIN)/pytest tests/player $(ARGS)

pictures: $(VENV)/.dev ## Make the pictures of README.md anew (OPTIONS="..." for the demo on the terminal's)
	$(BIN)/python -m tests.pictures $(OPTIONS)

format: $(VENV)/.dev ## Fix format and lint where a tool can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

tables: $(VENV)/.dev ## Write what is generated from the code: the tables of README and docs, schemas/tools, mcp/answers.json, and the manifest
	$(BIN)/gmi-video-mcp schemas
	$(BIN)/python -m tests.start_answers
	$(BIN)/python -m tests.tables
	$(BIN)/python -m tests.reliability.matrix
	$(BIN)/python -m bundles.manifest

kills: $(VENV)/.dev ## Kill the server at every point of a call and write docs/kill-matrix.md (some minutes)
	$(BIN)/python -m tests.reliability.kills

live: $(VENV)/.dev ## Compare the real queue with what this project expects of it; needs GMI_API_KEY, costs nothing
	$(BIN)/python -m gmi_video.live

NAMES ?=
bench: $(VENV)/.bench ## Measure on an idle machine, and write bench/results.md (25 min; NAMES="waits growth" for some)
	$(BIN)/python -m bench $(NAMES)
	$(BIN)/python -m tests.tables

peers: $(VENV)/.dev ## Measure four other servers beside this one (needs PyPI and npm; 600 MB in build/peers, once)
	$(BIN)/python -m bench.peers

agents: $(VENV)/.dev ## Make a video with each agent framework of docs/agents.md, and write its table (needs PyPI)
	$(BIN)/python -m tests.agents.run --write
	$(BIN)/python -m tests.agents.portability --write
	$(BIN)/python -m tests.tables

hosts: $(VENV)/.dev ## Set the server up in Claude Code, Codex and Gemini CLI, and write docs/hosts.md (needs npm, 900 MB)
	$(BIN)/python -m tests.hosts.run --write
	$(BIN)/python -m tests.tables

suites: $(VENV)/.dev ## The official Inspector and TypeScript clients, over stdio and HTTP (needs npm)
	$(BIN)/python -m tests.suites.run
	$(BIN)/python -m tests.suites.run --http

conformance: $(VENV)/.dev ## The official MCP scenarios (needs npm)
	$(BIN)/python -m tests.conformance.run

# -- what is shipped -------------------------------------------------------------------------------------------------

# The wheel and the source distribution are built once, and each target here takes the same two files: those in dist/,
# built again only after a change, or those in another folder (DIST=folder), which are never built.
DIST ?= dist
BUILT := $(if $(filter dist,$(DIST)),dist/.made)
SHIPPED := .ci .github bench bundles deploy docs examples schemas server tests $(wildcard *.md *.json *.txt) LICENSE Makefile \
    pyproject.toml .gitignore

dist/.made: $(VENV)/.dev $(shell find $(SHIPPED) -type f ! -path '*/__pycache__/*')
	rm -rf dist
	$(BIN)/hatchling build
	@touch $@

dist: $(BUILT) ## Build the wheel and the source distribution into dist/

packaging: $(BUILT) $(VENV)/.dev ## Check what is built, make a video with the lowest versions, and one from the bundle
	BUILT_DIST=$(abspath $(DIST)) $(BIN)/pytest -m 'packaging or not packaging' tests/packaging

REPOSITORY ?=
bundle: $(BUILT) $(VENV)/.dev ## Pack the wheel into the one-click bundle dist/*.mcpb (needs npm; REPOSITORY=owner/name for its links)
	$(BIN)/python -m bundles.pack $(DIST) --repository "$(REPOSITORY)"

# .github/workflows/release.yml runs it. The repository's name is written into README.md, because the MCP registry looks
# for it there; the repository has no address of its own that could stand there before.
TAG ?=
release: $(VENV)/.dev ## Build into dist/ all that a release publishes (TAG=v1.2.3 REPOSITORY=owner/name)
	$(BIN)/python -m bundles.tag "$(TAG)" --notes build/notes.md
	$(BIN)/python -m bundles.registry --repository "$(REPOSITORY)" --mark README.md
	$(MAKE) bundle REPOSITORY="$(REPOSITORY)"
	$(BIN)/python -m bundles.registry dist --repository "$(REPOSITORY)"
	cp build/notes.md dist/

# The next two unpack the sdist in a temporary folder, so that nothing of this folder can help.

sdist: $(BUILT) ## Run the fast tests from the unpacked source distribution
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && tar -xzf $(DIST)/*.tar.gz -C "$$folder" --strip-components 1 && \
	$(MAKE) -C "$$folder" fast DIST=dist PYTHON="$(PYTHON)"

# The versions that were tested, the lowest that pyproject.toml allows, or the newest.
DEPENDENCIES ?= tested
CONSTRAINTS_tested := -c constraints.txt
CONSTRAINTS_lowest := -c "$$folder/lowest.txt"
CONSTRAINTS_newest :=

# The two ignored files compare with the source, and there is none.
wheel: $(BUILT) ## Install the wheel, delete the source, and run the fast tests (DEPENDENCIES=lowest or newest)
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && tar -xzf $(DIST)/*.tar.gz -C "$$folder" --strip-components 1 && \
	rm -r "$$folder/server" && $(PYTHON) -m venv "$$folder/.venv" && python="$$folder/$(BIN)/python" && \
	(cd "$$folder" && "$$python" -m tests.packaging.floors) > "$$folder/lowest.txt" && \
	"$$python" $(INSTALL) --upgrade $(PIP) && \
	"$$python" $(INSTALL) $(CONSTRAINTS_$(DEPENDENCIES)) "$$(ls $(DIST)/*.whl)[demo]" --group dev && \
	cd "$$folder" && "$$python" -m pytest -n 2 --dist worksteal -m 'not slow' --ignore tests/test_structure.py --ignore tests/test_readme.py \
	    $(ARGS)

# Not part of .ci/run: what it finds was published by others, and must not stop an unrelated change.
# Run it before a release, and when the SDK has a new version.
newest: ## Run all tests with the newest versions allowed, then with the newest MCP SDK whether allowed or not
	rm -rf $(VENV)/.newest
	$(PYTHON) -m venv $(VENV)/.newest
	$(VENV)/.newest/bin/python $(INSTALL) --upgrade $(PIP)
	$(VENV)/.newest/bin/python $(INSTALL) -e '.[demo]' --group dev
	$(VENV)/.newest/bin/python -m pytest -n 2 --dist worksteal
	$(VENV)/.newest/bin/python $(INSTALL) --upgrade mcp mcp-types
	$(VENV)/.newest/bin/python -m pip list | grep '^mcp'
	$(VENV)/.newest/bin/python -m pytest -n 2 --dist worksteal
	rm -rf $(VENV)/.newest

constraints: ## Pin in constraints.txt the newest versions that fit, from an environment made afresh
	rm -rf $(VENV)/.fresh
	$(PYTHON) -m venv $(VENV)/.fresh
	$(VENV)/.fresh/bin/python $(INSTALL) --upgrade $(PIP)
	$(VENV)/.fresh/bin/python $(INSTALL) -e '.[demo]' --group dev --group bench
	{ sed -n '/^#/p' constraints.txt; \
	  $(VENV)/.fresh/bin/python -m pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf $(VENV)/.fresh

clean: ## Remove what was made here, the environment and the demo's films too
	rm -rf $(VENV) dist build gmi-video-output .pytest_cache .ruff_cache .hypothesis
	find server tests bench bundles -name __pycache__ -type d -prune -exec rm -rf {} +
