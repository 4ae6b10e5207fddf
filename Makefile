# Every recipe is one line that calls the lab or a tool. `make help` lists the targets.
# Variables reach the program through the environment, never through a shell.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON := .venv/bin/python
LAB := @$(PYTHON) -m lab

KNOWN := ARGS PROFILE STACKS SCENARIOS LOADS WINDOW BLOCKS RUNTIME RUN SEED WORKERS SLOTS DB_POOL STACK QUICK UPGRADE A B FAIL_IF ACROSS_MACHINES PYTHON LAB_PYTHON LAB_SERVER_CPUS LAB_OTHER_CPUS LAB_BASE_IMAGE LAB_CA_BUNDLE
GIVEN := $(foreach v,$(.VARIABLES),$(if $(filter command%,$(origin $v)),$v))
ifneq ($(filter-out $(KNOWN) MAKEFLAGS MAKEOVERRIDES GNUMAKEFLAGS MFLAGS -*-command-variables-*-,$(GIVEN)),)
$(error Unknown variable $(firstword $(filter-out $(KNOWN),$(GIVEN))): choose from $(KNOWN))
endif

.PHONY: help bench test test-full check verify up down micro report compare reproduce pack history advise doctor calibrate site base-image lock clean
help: .venv/stamp ## list the targets
	$(LAB) help
bench: .venv/stamp ## measure and report: [PROFILE=quick] [STACKS=a,a+slots=200] [SCENARIOS=a,b] [LOADS=closed:64] [WINDOW=2] [BLOCKS=8] [RUNTIME=auto] [RUN=name] [WORKERS=1] [SLOTS=40] [DB_POOL=20]
	$(LAB) bench
test: .venv/stamp ## run the tests that are not slow: [ARGS="-k histogram"] [ARGS=--cov]
	@$(PYTHON) -m pytest -m "not slow" $(ARGS)
test-full: .venv/stamp ## run all tests, with staged faults, every stack and simulations: [ARGS="-m slow"]
	@$(PYTHON) -m pytest $(ARGS)
check: .venv/stamp ## check lint, format, types, layers, words
	@.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy && .venv/bin/lint-imports && $(PYTHON) -m pytest tests/test_words_of_the_project.py
verify: .venv/stamp ## compare every stack with the HTTP contract: [STACKS=a,b] [RUNTIME=auto]
	$(LAB) verify
up: .venv/stamp ## start stacks with their services and leave them running: STACKS=a,b [RUNTIME=auto]
	$(LAB) up
down: .venv/stamp ## stop what the lab started
	$(LAB) down
micro: .venv/stamp ## measure what a call, an await, a task, a thread cost, in two minutes: [RUNTIME=auto] [RUN=name]
	$(LAB) micro
report: .venv/stamp ## derive summary and report again from a run: [RUN=latest] [RUN=path/to/name.lab.zip]
	$(LAB) report
compare: .venv/stamp ## say what changed from one run to another: A=name [B=latest] [FAIL_IF='rps < -5%'] [ACROSS_MACHINES=1]
	$(LAB) compare
reproduce: .venv/stamp ## re-run a recorded run and say whether it agrees: RUN=name [ACROSS_MACHINES=1]
	$(LAB) reproduce
pack: .venv/stamp ## write a run with its report into one file that others can read: [RUN=latest]
	$(LAB) pack
history: .venv/stamp ## list all runs with the ratio that the most of them share, and write results/index.html
	$(LAB) history
advise: .venv/stamp ## async def or def? asks for the figures that are not given: [WAIT_MS=8] [CPU_MS=2] [IN_FLIGHT=64] [THREADS=40] [TARGET=p99=100ms]
	$(LAB) advise
doctor: .venv/stamp ## print what this machine lacks, and how to fix it
	$(LAB) doctor
calibrate: .venv/stamp ## measure what this machine and its generator can resolve, with servers of known delays
	$(LAB) calibrate
site: .venv/stamp ## make the documentation site in .lab/site
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
base-image: .venv/stamp ## make debian:trixie-slim with debootstrap, without a registry
	$(LAB) base-image
lock: .venv/stamp ## compile locks/ from pyproject.toml, keep locked versions: [UPGRADE=1]
	$(LAB) lock
clean: .venv/stamp ## remove containers, images and caches of this checkout; results stay
	$(LAB) clean

.venv/stamp: $(wildcard locks/*.txt stacks/*/package-lock.json)
	@./environment
