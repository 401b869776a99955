# Trunkline: what a developer types. Needs Python 3.11 to 3.14, make and a shell; all else is set up.
#
#   make demo     hear a call, then open http://localhost:8080 (ONCE=1: end after the call)
#   make test     every test (ARGS="-k barge" for some; WORKERS=4 where there are more cores)
#   make lint     style, format and types
#   make bench    what calls cost, into docs/performance.md (BENCH=webrtc: another of tests/bench)
#   make soak     many calls for long, with faults (CALLS=50 MINUTES=10 SEED=1)
#   make lock     pin what pyproject.toml asks for (UPGRADE=1: the newest of each)
#   make clean    throw away what these have made

SHELL := /bin/sh
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --no-annotate --no-header \
	--quiet $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help setup system demo test lint bench soak lock clean
# The targets share one environment and two cores: never two of them at once.
.NOTPARALLEL:

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@requirements/setup

system:
	@requirements/system

demo: setup
	@$(BIN)/trunkline prepare
	@$(BIN)/trunkline demo $(if $(filter-out 0,$(ONCE)),--once)

test: setup system
	@$(BIN)/trunkline prepare
	@requirements/test $(ARGS)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: setup
	@$(BIN)/python -m tests.bench.$(or $(BENCH),performance)

soak: setup
	@$(BIN)/python -m tests.soak.soak --calls $(or $(CALLS),50) --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1)

lock: setup
	$(LOCK) --all-extras -o requirements/dev.txt
	$(LOCK) --extra assistant --extra webrtc -c requirements/dev.txt -o requirements/assistant.txt
	$(LOCK) -c requirements/dev.txt -o requirements/run.txt

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist test-output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
