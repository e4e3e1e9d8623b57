# Everything a person does with a checkout. `make` alone tells what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.SUFFIXES:
# The caller's own venv and Python paths must not reach into this one.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

PY := .venv/bin/python
PARTS := schemas runtime ingest processors query deploy tests bench
present = $(wildcard $(PARTS))
# The first of these that runs, is 3.11 or newer and can make a venv.
find_python = for p in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done
install = @p=$$($(find_python)); \
	if [ -z "$$p" ]; then echo "Waybill needs Python 3.11 or newer with venv; none found. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; fi; \
	exec "$$p" deploy/install.py

.PHONY: help
help: ## Tell what there is
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@printf '\nSettings are environment variables: .venv/bin/python -m deploy.local --help\n'

##@ Run it
.PHONY: run demo
run: install-run ## Start everything on this machine; Ctrl-C stops it (the first start fetches what it needs)
	@exec $(PY) -m deploy.local

demo: install-run ## Post a realistic stream of signed callbacks to what `make run` started
	@exec $(PY) -m deploy.local.demo

##@ Change it
.PHONY: test check format bench
test: install-dev ## Run all tests, on real servers (T="tests/unit -k name" for some)
	@exec $(PY) -m pytest $(if $(T),$(T),-n 2 --no-loadscope-reorder)

check: install-dev ## Check format, lint, types and the import rule; changes nothing
	$(PY) -m ruff format --check $(present)
	$(PY) -m ruff check $(present)
	$(PY) -m mypy $(addprefix -p ,$(present))
	$(PY) -m pytest -q tests/unit/test_import_rule.py

format: install-dev ## Format the code and mend what lint can mend
	$(PY) -m ruff format $(present)
	$(PY) -m ruff check --fix $(present)

bench: install-dev ## Measure every stage against its baseline
	@exec $(PY) -m bench

##@ Keep it
.PHONY: lock clean install-run install-dev
lock: install-dev ## Resolve requirements/*.in and Kafka's jars anew, with hashes
	$(PY) -m deploy.lock
	$(PY) -m deploy.local.jars lock

clean: ## Remove what was installed and fetched (never the data of a run)
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-run:
	$(install) run

install-dev:
	$(install) dev
