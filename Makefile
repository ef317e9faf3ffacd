# `make` alone lists what there is. Needs Python 3.11 or newer, git and make; the rest comes by itself.
# Written for GNU make 3.81 as well, which macOS has.

# The first Python on the path that is new enough; `make PYTHON=/path/to/python3.13 run` names one.
PYTHON = $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV_PYTHON = .venv/bin/python
PIP_INSTALL = $(VENV_PYTHON) -m pip install -qq --disable-pip-version-check
BENCH = PYTHONPATH=.:localstack:localstack/wsgate/src $(VENV_PYTHON) -m bench
TYPED = handlers sql infra bench tests localstack/wsgate/src localstack/wsgate/tests localstack/postgres localstack/run.py localstack/dump_tables.py
# Requirements are the same on every platform and for every Python from 3.11 on, with hashes.
UV = uv
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links pyproject.toml

GATEWAY_BENCHES = bench-idle bench-echo bench-call bench-handshakes

.PHONY: help run test check bench bench-broadcast bench-claims bench-imports $(GATEWAY_BENCHES) bench-push bench-crowd bench-presence bench-soak bench-sweep lock schema migrate clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{ printf "  make %-17s %s\n", $$1, $$2 }'

run: .venv/run.stamp ## everything on this machine: http://127.0.0.1:8080 (PORT=, DATABASE_URL=)
	@exec $(VENV_PYTHON) localstack/run.py

test: .venv/dev.stamp ## all tests
	@sh .ci/browser
	$(VENV_PYTHON) -m pytest
	cd localstack/wsgate && $(CURDIR)/$(VENV_PYTHON) -m pytest

check: .venv/dev.stamp ## style, types, and the template
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy $(TYPED)
	$(VENV_PYTHON) -m infra.check

bench: bench-imports $(GATEWAY_BENCHES) bench-push ## every benchmark that takes less than a minute

bench-imports: .venv/dev.stamp ## cold import time of each handler; the WebSocket ones may take 250 ms
	$(BENCH).bench_imports

# The local gateway, and what it must hold and carry; each ends with 1 when it is below its bar.
bench-idle: ## memory of an idle connection (bar: 5 KB)
bench-echo: ## messages/s that the gateway answers by itself (bar: 30,000)
bench-call: ## messages/s that a Python function answers (bar: 2,000)
bench-handshakes: ## handshakes/s with authorizer and $connect (bar: 1,000)
bench-crowd: ## 150,000 connections over ten nodes; some minutes
$(GATEWAY_BENCHES) bench-crowd: .venv/dev.stamp
	$(BENCH).bench_gateway $(@:bench-%=%)

bench-claims: .venv/dev.stamp ## 50,000 claims on a stock of 1,000, against a counter row (bar: 3 times); some minutes (OPTIONS=--quick)
	$(BENCH).bench_claims $(OPTIONS)

bench-broadcast: .venv/dev.stamp ## from the button to the screen, one user and 15,000; a minute (OPTIONS=--faults)
	$(BENCH).bench_broadcast $(OPTIONS)

bench-push: .venv/dev.stamp ## pushes through the gateway by the handlers' pusher and by boto3 (bar: 5 times as many of a CPU second)
	$(BENCH).bench_push

bench-presence: .venv/dev.stamp ## what presence costs, with 800,000 online; some minutes (OPTIONS=--quick)
	$(BENCH).bench_presence $(OPTIONS)

bench-soak: .venv/dev.stamp ## ten minutes of churn: memory flat, nothing left (MINUTES=)
	$(BENCH).bench_soak --minutes $(or $(MINUTES),10)

bench-sweep: .venv/dev.stamp ## lost $$disconnects and dead nodes under 9,000 connections: all closed in time; four minutes
	$(BENCH).bench_sweep

lock: ## pin every requirement again, as pyproject.toml allows; needs uv
	$(LOCK) --extra functions --extra web --extra local -o requirements.txt
	$(LOCK) --extra functions --extra web --extra local --group dev -c requirements.txt -o requirements-dev.txt
	$(LOCK) --extra functions -c requirements.txt -o handlers/requirements.txt
	$(LOCK) --extra functions --extra web -c requirements.txt -o handlers/requirements-web.txt

schema: .venv/dev.stamp ## write sql/tables.sql from the migrations
	$(VENV_PYTHON) localstack/dump_tables.py

migrate: .venv/run.stamp ## bring the database in DATABASE_URL up to date
	@$(VENV_PYTHON) -m sql.migrate

clean: ## forget all that was made here, the local database too; stop `make run` first
	rm -rf .venv .headcount .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

include infra/build.mk # what `sam build` calls

# The virtual environment. The development one holds the other, in the same versions.

.venv/run.stamp: .venv/bin/python requirements.txt localstack/wsgate/pyproject.toml
	@echo "Installing requirements.txt into .venv"
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e localstack/wsgate
	@touch $@

.venv/dev.stamp: .venv/bin/python requirements-dev.txt localstack/wsgate/pyproject.toml
	@echo "Installing requirements-dev.txt into .venv"
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e localstack/wsgate
	@touch $@ .venv/run.stamp

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Headcount needs Python 3.11 or newer, and none is on the path; name one: make PYTHON=/path/to/python3 run" >&2; exit 1; }
	@rm -rf .venv
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
