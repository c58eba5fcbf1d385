# make run: serve with demo data. make test: everything CI checks. make bench: the performance table.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
PORT ?= 8000
export LUNGTREND_HOME ?= $(CURDIR)/var

.PHONY: help run test bench soak audit messages install install-test frontend lint unit e2e

help:
	@echo "make run    install, build, fill in the demo and serve on http://127.0.0.1:$(PORT)"
	@echo "make test   lint, types, import rules, tests, browser tests, production check"
	@echo "make soak   the long tests: jobs and uploads under fire, growth, damaged files by the thousand"
	@echo "make audit  known weaknesses of the dependencies (asks the internet)"
	@echo "make messages  collect what is to be translated into portal/locale (needs gettext)"
	@echo "make bench  time the pipelines on a synthetic scan of 300 slices"

run: install frontend
	@$(PY) manage.py migrate --verbosity 0
	@$(PY) manage.py collectstatic --noinput --verbosity 0
	@$(PY) manage.py seed_demo
	@echo "LungTrend is at http://127.0.0.1:$(PORT) (stop with Ctrl-C). For research use; not a medical device."
	@exec $(PY) manage.py serve --port $(PORT) --demo

install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock scripts/install.sh
	@scripts/install.sh runtime
	@touch $@

install-test: $(VENV)/.installed-test

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.lock
	@scripts/install.sh test
	@touch $@

FRONTEND_SOURCES := $(shell find frontend/src -type f) frontend/package.json frontend/vite.config.ts frontend/tsconfig.json

frontend: frontend/dist/manifest.json

frontend/node_modules/.installed: frontend/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is missing; install it and try again."; exit 1; }
	@cd frontend && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

frontend/dist/manifest.json: frontend/node_modules/.installed $(FRONTEND_SOURCES)
	@cd frontend && npm run build --loglevel=error

test: install-test frontend
	@scripts/test.sh

bench: install
	@$(PY) -m inference bench --slices 300 --size 512

MESSAGES := --no-location --no-wrap --ignore node_modules --ignore .venv --ignore "tests/*" --ignore "*.test.ts"

messages: install-test
	@$(PY) scripts/collect_sentences.py
	@$(PY) manage.py makemessages --all $(MESSAGES) --ignore "frontend/*"
	@$(PY) manage.py makemessages --all $(MESSAGES) --domain djangojs --extension ts
	@$(PY) manage.py compilemessages --ignore .venv --ignore node_modules

audit: install-test frontend
	@$(PY) -m pip install --quiet pip-audit && $(PY) -m pip_audit --disable-pip --no-deps -r requirements.lock
	@cd frontend && npm audit --omit=dev

soak: install-test
	@$(PY) -m tests.soak.jobs_survive --jobs 400 --workers 3
	@$(PY) -m tests.soak.jobs_survive --jobs 150 --embedded
	@$(PY) -m tests.soak.uploads_survive --series 150
	@$(PY) -m tests.soak.uploads_survive --series 60 --embedded
	@$(PY) -m tests.soak.growth --jobs 60 --sockets 200
	@$(PY) -m tests.soak.fuzz_ingest --files 20000
