# Set-up and the few commands. `make repro` in a fresh clone does all of it.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Two processes with one thread each train faster than one with two; libraries must not add threads of their own.
export TOKENIZERS_PARALLELISM := false
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: help install repro profile check test clean

help:
	@echo "make repro            set up and run the whole pipeline"
	@echo "make profile PROFILE=smoke|laptop   write a profile's values into params.yaml"
	@echo "make check | test     fast checks | all tests"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

repro: install
	@python -m stages.params_check
	@dvc repro

profile: install
	@python -m profiles.switch $(PROFILE)

check: install
	ruff format --check .
	ruff check .
	mypy
	pytest -m "not slow" -n 2

test: install
	ruff check .
	mypy
	pytest

clean:
	rm -rf .mypy_cache .pytest_cache .ruff_cache
