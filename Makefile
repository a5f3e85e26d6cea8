# What a person does with this repository. Everything lands in .venv, built from the lock files in requirements/.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CATALOGUE := src/paquebot/locale/fr/LC_MESSAGES/django

# program:Debian package:what needs it
RUNTIME_PROGRAMS := "gpg:gnupg:OpenPGP encryption"
TEST_PROGRAMS := $(RUNTIME_PROGRAMS) "sshd:openssh-server:deliveries to a real SFTP server" "proftpd:proftpd-core:deliveries to a real FTP server" \
	"/usr/lib/proftpd/mod_tls.so:proftpd-mod-crypto:deliveries to a real FTPS server" "zstd:zstd:reading zstd files back" \
	"chromium:chromium:the pages in a real browser" "bzip2:bzip2:reading bzip2 files back" "xz:xz-utils:reading xz files back" \
	"/usr/lib/postgresql/15/bin/postgres:postgresql-15:a PostgreSQL of somebody else" \
	"/usr/sbin/mariadbd:mariadb-server:a MariaDB of somebody else" \
	"unzip:unzip:reading ZIP files back" "7z:p7zip-full:reading ZIP files back" "xmllint:libxml2-utils:reading XML files back" \
	"sq:sq:OpenPGP keys of other software" "rnp:rnp:OpenPGP keys of other software" \
	"age:age:opening age files" "soffice:libreoffice-calc:reading Excel and CSV files back" \
	"node:nodejs:deliveries to an Azure Blob Storage" "npm:npm:deliveries to an Azure Blob Storage"

.PHONY: help screenshots looks demo test check bench bench-pages soak lock messages runtime-environment test-environment clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: runtime-environment ## one real export, end to end; ONCE=1 stops after the delivery
	@exec $(BIN)/python demo/run.py $(if $(ONCE),--once)

test: test-environment ## every test but the long ones; ARGS="-k word" passes on to pytest
	@exec $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not soak" $(ARGS)

check: test-environment ## the house rules alone: style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: test-environment ## the tests too long for every push
	@exec $(BIN)/python -m pytest -q -m soak $(ARGS)

bench: test-environment ## speed and memory, measured; results in bench/results
	@exec $(BIN)/python bench/run.py $(ARGS)

bench-pages: test-environment ## the server's time for every page, with 200 exports and 100,000 runs
	@exec $(BIN)/python bench/pages.py $(ARGS)

screenshots: test-environment ## the pictures of the README and of the guide, from the demonstration; ARGS="--languages fr"
	@test -d .demo/home || $(BIN)/python demo/run.py --once
	@$(BIN)/python scripts/screenshots.py docs/pictures --set readme $(ARGS)
	@exec $(BIN)/python scripts/screenshots.py src/paquebot/web/static/guide --set guide $(ARGS)

looks: test-environment ## every look of the pages of the demonstration, in build/screenshots; ARGS="--paths exports/ …"
	@exec $(BIN)/python scripts/screenshots.py build/screenshots $(ARGS)

lock: ## new lock files from pyproject.toml
	@PYTHON=$(PYTHON) scripts/lock

messages: test-environment ## the French catalogue brought up to date; PRUNE=1 drops what nothing says any more
	@$(BIN)/python scripts/catalogue.py $(if $(PRUNE),--prune); status=$$?; $(BIN)/python hatch_build.py; exit $$status

runtime-environment:
	@PYTHON=$(PYTHON) scripts/environment runtime
	@scripts/programs required $(RUNTIME_PROGRAMS)
	@$(MAKE) -s $(CATALOGUE).mo

test-environment:
	@PYTHON=$(PYTHON) scripts/environment test
	@scripts/programs $(if $(filter true,$(CI)),required,optional) $(TEST_PROGRAMS)
	@scripts/bigquery-emulator build
	@scripts/apart other-readers readers
	@scripts/azurite build
	@$(MAKE) -s $(CATALOGUE).mo

$(CATALOGUE).mo: $(CATALOGUE).po
	@$(BIN)/python hatch_build.py

clean: ## back to a fresh checkout, but for the demonstration's data in .demo
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find src -name '*.mo' -delete
