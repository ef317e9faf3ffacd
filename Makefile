# `make` lists the targets. You need Python 3.11 or newer, git and make; the rest is installed into .venv.
# Works with GNU make 3.81, which macOS ships.

# The first Python on the path that is new enough. `make PYTHON=/path/to/python3.13 run` chooses another.
PYTHON = $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
# Lambda's version; a command of this name may be there and not run, as pyenv's does.
PYTHON_313 = $(shell for name in python3.13 "$$HOME"/.pyenv/versions/3.13.*/bin/python3.13 \
	"$$HOME"/.local/share/uv/python/cpython-3.13*/bin/python3.13; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo "$$name" && break; done)
VENV_PYTHON = .venv/bin/python
PIP_INSTALL = $(VENV_PYTHON) -m pip install -qq --disable-pip-version-check
BENCH = PYTHONPATH=.:client/python/src:localstack:localstack/wsgate/src $(VENV_PYTHON) -m bench
TYPED = handlers sql infra bench tests client/python/src client/command/src localstack/wsgate/src localstack/wsgate/tests localstack/postgres localstack/run.py localstack/dump_tables.py
# The same requirements on every platform and for every Python from 3.11 on, with hashes.
UV = uv
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links pyproject.toml

# One process more than there are cores, for some tests wait. Each has a PostgreSQL and, where a test
# asks for it, a system of its own.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST = -m pytest -p no:schemathesis --ignore tests/fuzz --ignore tests/deploy -n $(WORKERS) --maxprocesses 8 --dist worksteal --durations 10
# `make test OPTIONS="-k sweep"`
OPTIONS =
# The functions alone, and the whole system with them.
ON_LAMBDA = tests/core tests/handlers tests/flow/test_main_path.py
# `make plan` and `make doctor`: connections. Of the first, the account's quotas, and template parameters.
CONNECTIONS = 150000
REQUESTS = 10000
CONCURRENCY = 1000
SET =
# `make migrate`: a stack on AWS, in place of a database in DATABASE_URL.
STACK =
# HTTP requests of `make fuzz`, and what makes them the same again.
CASES = 10000
SEED =
# Tests start hundreds of Python processes. Without bytecode each would compile all of our code again.
unexport PYTHONDONTWRITEBYTECODE

BENCHES = imports idle echo call handshakes push claims campaigns draws webhooks answers rush reads reports visible broadcast hostile sweep retention presence growth crowd soak peers

# What `make load` is told; `make load OPTIONS=--help` lists the rest.
USERS =
STAGES =
QUOTA =
SCALE =
TARGET =
API =
LOAD = $(USERS:%=--users %) $(STAGES:%=--stages %) $(QUOTA:%=--quota %) $(SCALE:%=--scale %) \
	$(TARGET:%=--target %) $(API:%=--api %)

.PHONY: help run doctor load test test-long test-all test-headcount test-wsgate test-sql test-lambda test-on-313 deploy-test deploy-on-313 league fuzz audit check lint types template plan docs bench $(BENCHES:%=bench-%) migrate restored schema lock clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: .venv/run.stamp ## start everything on this machine: http://127.0.0.1:8080 (PORT=, NODES=, DATABASE_URL=)
	@exec $(VENV_PYTHON) localstack/run.py

doctor: .venv/run.stamp ## what would stop so many connections on this machine (CONNECTIONS=150000)
	@exec $(VENV_PYTHON) -m wsgate doctor --connections $(CONNECTIONS) --memory 1500 --disk .=1100 $(OPTIONS)

test: .venv/dev.stamp ## run the tests; 5 minutes on two cores (OPTIONS="-k sweep")
	@sh .ci/browser
	$(VENV_PYTHON) $(PYTEST) -m "not slow" $(OPTIONS)
	cd localstack/wsgate && $(CURDIR)/$(VENV_PYTHON) $(PYTEST) -m "not slow" $(OPTIONS)

test-long: .venv/dev.stamp ## run the tests that are marked slow: load, packages, killed processes
	@sh .ci/browser
	$(VENV_PYTHON) $(PYTEST) -m slow $(OPTIONS)
	@# Exit code 5: wsgate has none that is selected.
	cd localstack/wsgate && { $(CURDIR)/$(VENV_PYTHON) $(PYTEST) -m slow $(OPTIONS) || test $$? = 5; }

test-all: test-headcount test-wsgate ## run all tests

test-headcount: .venv/dev.stamp ## run all tests but those of the local gateway
	@sh .ci/browser
	$(VENV_PYTHON) $(PYTEST) -m "not part" $(OPTIONS)

test-wsgate: .venv/dev.stamp ## run all tests of the local gateway
	@sh .ci/browser
	cd localstack/wsgate && $(CURDIR)/$(VENV_PYTHON) $(PYTEST) $(OPTIONS)

test-sql: .venv/dev.stamp ## run the tests of the SQL, on another PostgreSQL if you name its programs (POSTGRES_BIN=)
	$(VENV_PYTHON) $(PYTEST) -m "not slow" tests/sql $(OPTIONS)

test-lambda: ## run what Lambda runs under its Python 3.13, where that is installed
	@if test -n "$(PYTHON_313)"; then $(MAKE) --no-print-directory test-on-313; else \
		echo "Skipped: no Python 3.13 is found. Name one: make test-lambda PYTHON_313=/path/to/python3.13"; fi

test-on-313: build/python3.13/stamp
	build/python3.13/bin/python $(PYTEST) -m "not slow" $(ON_LAMBDA) $(OPTIONS)

deploy-test: ## deploy to an emulator of AWS, play, update, roll back, delete, where Python 3.13 is installed
	@if test -n "$(PYTHON_313)"; then $(MAKE) --no-print-directory deploy-on-313; else \
		echo "Skipped: no Python 3.13 is found. Name one: make deploy-test PYTHON_313=/path/to/python3.13"; fi

deploy-on-313: .venv/dev.stamp build/deploy-test/stamp
	$(VENV_PYTHON) -m pytest -x --durations 10 tests/deploy $(OPTIONS)

league: .venv/dev.stamp build/league/stamp ## the local gateway beside other emulators, case by case; minutes (OPTIONS="--only wsgate moto")
	@if test -n "$(PYTHON_313)"; then $(MAKE) --no-print-directory build/deploy-test/stamp; fi
	@$(BENCH).league $(OPTIONS)

fuzz: .venv/dev.stamp ## attack the whole system with generated input; minutes (CASES=10000 SEED=)
	FUZZ_CASES=$(CASES) FUZZ_SEED=$(SEED) $(VENV_PYTHON) -m pytest -s --durations 5 tests/fuzz $(OPTIONS)

check: lint types template ## check style, types and the AWS template

lint: .venv/dev.stamp
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	.venv/bin/squawk sql/migrations/*.sql
	@! git grep -nE '^(<{7}|>{7}) ' # a merge that was not finished

types: .venv/dev.stamp
	$(VENV_PYTHON) -m mypy $(TYPED)

template: .venv/dev.stamp
	$(VENV_PYTHON) -m infra.check

plan: .venv/dev.stamp ## show what follows from the template's parameters, and what it costs (CONNECTIONS=150000 SET="PingSeconds=480")
	@$(VENV_PYTHON) -m infra.plan --connections $(CONNECTIONS) --requests $(REQUESTS) --concurrency $(CONCURRENCY) $(OPTIONS) $(SET)

docs: .venv/dev.stamp ## build the documentation: build/docs/index.html
	$(VENV_PYTHON) -m sphinx -W --keep-going -q -b html docs build/docs

load: .venv/dev.stamp ## load the whole system, and check that it tells the truth (USERS=2000 STAGES= QUOTA= TARGET=)
	@$(BENCH).load $(LOAD) $(OPTIONS)

audit: .venv/dev.stamp build/audit/stamp ## known vulnerabilities and licences of all requirements; needs the internet
	$(VENV_PYTHON) -m infra.audit $(OPTIONS)

migrate: .venv/run.stamp ## apply the migrations to the database in DATABASE_URL, or of a stack on AWS (STACK=)
	@$(VENV_PYTHON) -m $(if $(STACK),infra.migrate $(STACK),sql.migrate)

restored: .venv/run.stamp ## after a restore: migrate, and let clients and readers begin again (OPTIONS=--yes)
	@$(VENV_PYTHON) -m sql.migrate
	@$(VENV_PYTHON) -m sql.restored $(OPTIONS)

bench: ## run a benchmark: `make bench NAME=claims`; without NAME, list them
ifdef NAME
	@$(MAKE) --no-print-directory bench-$(NAME)
else
	@grep -hE '^bench-[a-z]+:.*# ' Makefile | sed -E 's/^bench-([a-z]+):[^#]*# /\1|/' | awk -F'|' '{ printf "  make bench NAME=%-10s %s\n", $$1, $$2 }'
	@echo; echo 'Options: `make bench NAME=claims OPTIONS="--write"` writes the numbers into docs/; `--help` lists the others.'
endif

# A benchmark ends with exit code 1 when it misses its bar.
bench-imports: # cold import time of each handler (bar: 250 ms for the WebSocket ones); 20 s
bench-idle: # the gateway: memory of an idle connection (bar: 5 KB); 30 s
bench-echo: # the gateway: messages per second that it answers by itself (bar: 30,000); 15 s
bench-call: # the gateway: messages per second that a Python function answers (bar: 2,000); 15 s
bench-handshakes: # the gateway: handshakes per second with authorizer and $connect (bar: 1,000); 15 s
bench-push: # messages to connections, by our client and boto3 (bar: 5 times per CPU second); 50 s
bench-claims: # 50,000 claims on a stock of 1,000, against a counter row (bar: 3 times); minutes (--quick)
bench-campaigns: # 150,000 viewers judged for twelve milestones (bar: 5 s of processor, equal to a brute force); 3 minutes (--viewers)
bench-draws: # a draw among 150,000 claims, its export, and checking it (bar: 10 s each); 1 minute (--claims)
bench-webhooks: # events to a webhook, from the log to the receiver's answer (bar: each once); 1 minute (--events)
bench-answers: # answers to a question, and its tally (bar: exact, 1 s after the end); 1 minute (--seconds, --counted)
bench-rush: # 5,000 users claim at the same moment, stock 100: each has an answer; 1 minute (--users, --quotas)
bench-reads: # what a user's messages cost with full tables, against empty ones (bar: 1.5 times); 2 minutes
bench-pages: # the operator's page with 150,000 viewers (bar: 1 s, 300 ms a tab), and what it asks for; 12 minutes (--seconds)
bench-reports: # sums over all users and audiences, of a day, a week, a month (bar: 1 s, equal to the sessions); an hour (--sessions, --online)
bench-visible: # 150,000 viewers who are hidden and shown twice a minute (bar: 5,000 changes/s); 3 minutes
bench-broadcast: # from the button to the screen, for one user and for 15,000; 1 minute (--faults)
bench-hostile: # 1,000 users beside a hostile one with 50 connections (bar: p99 2 times); 9 minutes (--seconds)
bench-sweep: # lost $disconnects and dead nodes under 9,000 connections; 4 minutes
bench-retention: # the tables of a year at 150,000 viewers, and pruning (bar: a quarter of a run's minute); 4 minutes (--minutes)
bench-presence: # what presence costs with 800,000 online; 10 minutes (--quick)
bench-growth: # the load at 10,000 to 800,000 users: memory, latency, broadcast, reports; hours (--sizes, --from)
bench-crowd: # the gateway: 150,000 connections over ten nodes; minutes
bench-soak: # the gateway: ten minutes of churn, memory stays flat (--minutes)
bench-peers: # the gateway beside ws, Socket.IO, websockets, FastAPI, gorilla; 5 minutes (--install, --quick)
bench-idle bench-echo bench-call bench-handshakes bench-crowd: .venv/dev.stamp
	$(BENCH).bench_gateway $(@:bench-%=%) $(OPTIONS)
bench-imports bench-push bench-claims bench-campaigns bench-draws bench-webhooks bench-answers bench-rush bench-reads bench-pages bench-reports bench-visible bench-broadcast bench-hostile bench-sweep bench-retention bench-presence bench-growth bench-soak bench-peers: .venv/dev.stamp
	$(BENCH).$(subst -,_,$@) $(OPTIONS)

lock: ## pin all requirements again from pyproject.toml; needs uv
	$(LOCK) --extra functions --extra web --extra issuer --extra local -o requirements.txt
	$(LOCK) --extra functions --extra web --extra issuer --extra local --group dev -c requirements.txt -o requirements-dev.txt
	$(LOCK) --group audit -o requirements-audit.txt
	$(LOCK) --group deploy-test -o requirements-deploy-test.txt
	$(LOCK) --extra functions -c requirements.txt -o handlers/requirements.txt
	$(LOCK) --extra functions --extra issuer -c requirements.txt -o handlers/requirements-issuer.txt
	$(LOCK) --extra functions --extra web -c requirements.txt -o handlers/requirements-web.txt

schema: .venv/dev.stamp ## write sql/tables.sql from the migrations
	$(VENV_PYTHON) localstack/dump_tables.py

clean: ## remove all that was made here, the local database too; stop `make run` first
	rm -rf .venv .headcount .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf client/dist client/node_modules examples/react/dist examples/react/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

include infra/build.mk # what `sam build` calls

# The virtual environment. dev.stamp includes run.stamp, in the same versions.

.venv/run.stamp: .venv/bin/python requirements.txt localstack/wsgate/pyproject.toml client/command/pyproject.toml
	@echo "Installing requirements.txt into .venv"
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e localstack/wsgate -e client/command
	@touch $@

# Without bytecode: to compile all of it takes longer than to install it, and most is never imported.
.venv/dev.stamp: .venv/bin/python requirements-dev.txt localstack/wsgate/pyproject.toml client/command/pyproject.toml
	@echo "Installing requirements-dev.txt into .venv"
	@$(PIP_INSTALL) --no-compile --require-hashes -r requirements-dev.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e localstack/wsgate -e client/command
	@touch $@ .venv/run.stamp

build/python3.13/stamp: requirements-dev.txt localstack/wsgate/pyproject.toml
	@echo "Installing requirements-dev.txt into build/python3.13"
	@rm -rf build/python3.13 && "$(PYTHON_313)" -m venv build/python3.13
	@build/python3.13/bin/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@build/python3.13/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e localstack/wsgate
	@touch $@

# Apart: only `make audit` needs these.
build/audit/stamp: requirements-audit.txt | .venv/bin/python
	@echo "Installing requirements-audit.txt into build/audit"
	@rm -rf build/audit && $(VENV_PYTHON) -m venv build/audit
	@build/audit/bin/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements-audit.txt
	@touch $@

# Apart: only `make deploy-test` needs these.
build/deploy-test/stamp: requirements-deploy-test.txt
	@echo "Installing requirements-deploy-test.txt into build/deploy-test"
	@rm -rf build/deploy-test && "$(PYTHON_313)" -m venv build/deploy-test
	@build/deploy-test/bin/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements-deploy-test.txt
	@touch $@

# Apart: only `make league` needs these. Without npm it leaves them out, and says so.
build/league/stamp: bench/league/package.json | .venv/bin/python
	@rm -rf build/league && mkdir -p build/league && cp bench/league/package.json build/league
	@if command -v npm > /dev/null; then echo "Installing bench/league/package.json into build/league"; \
		cd build/league && npm install --ignore-scripts --legacy-peer-deps --no-audit --no-fund --no-package-lock --loglevel=error; fi
	@echo "Installing moto into build/league/moto"
	@$(VENV_PYTHON) -m venv build/league/moto
	@build/league/moto/bin/python -m pip install -qq --no-compile --disable-pip-version-check 'moto[server]'
	@touch $@

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Headcount needs Python 3.11 or newer, and finds none on the path. Name one: make PYTHON=/path/to/python3 run" >&2; exit 1; }
	@rm -rf .venv
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
