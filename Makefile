# Everything here works in this clone alone: the virtualenv .venv, the demo's data .demo.
# No target installs a system package.

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

.PHONY: help venv train demo test test-long lint format bench lock wheel clean
.DELETE_ON_ERROR:

help:
	@echo "make demo              a site with real data, and one private query (ARGS=--once: then stop)"
	@echo "make test              all tests but the long ones, on services they start themselves"
	@echo "make test-long         fault and load runs of many minutes"
	@echo "make lint              ruff, mypy --strict, import contracts"
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

# exec, and --die-with-parent: the demo is make's own child, and goes when make is killed.
demo: $(VENV)/.demo
	@exec $(RUN) carrel_site.cli demo --data-dir .demo --die-with-parent $(ARGS)

test: $(VENV)/.dev
	$(RUN) pytest -n $(JOBS) --dist loadfile -m "not long" $(ARGS)

test-long: $(VENV)/.dev
	$(RUN) pytest -m long -rP $(ARGS)

lint: $(VENV)/.dev
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.dev
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: $(VENV)/.dev
	@status=0; for script in bench/[a-z]*.py; do \
		echo "== $$script"; $(VENV)/bin/python "$$script" $(ARGS) || status=1; done; exit $$status

lock: $(VENV)/.dev
	$(RUN) uv pip compile --quiet --universal --python-version 3.11 --all-extras \
		--no-emit-index-url --no-annotate pyproject.toml -o constraints.txt

wheel: $(VENV)/.dev
	$(RUN) uv build --quiet --out-dir dist

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
