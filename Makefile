# Set-up and the main commands. `make repro` in a fresh clone does everything.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Two processes with one thread each train faster than one with two; libraries must not add their own threads.
export TOKENIZERS_PARALLELISM := false
# BLAS detects the processor; a shell that selects other kernels can halve training speed.
unexport OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
export HF_HUB_DISABLE_TELEMETRY := 1
# Whatever the locale: torch cannot be imported from a folder whose name it cannot write.
export PYTHONUTF8 := 1

.PHONY: help install repro paper swarm ablations smoke smoke-ablations profile plan check types fast all test test-slurm test-remotes test-browser test-python bench campaign sbom lock docs clean

help:
	@echo "make repro            set up and run the whole pipeline"
	@echo "make paper [REMOTE=DIR]   replay the papers on their published data, from a DVC remote if one is named"
	@echo "make swarm            train the first proxies ahead of the pipeline, on a cluster in one job array"
	@echo "make ablations        vary what the papers vary, on our own runs, and audit the choice; resumable"
	@echo "make ablations ONLY=exposure   one audit of ablations/params.yaml; make plan AUDITS=1 says what each costs"
	@echo "make profile PROFILE=smoke|laptop|scarce|campus|paper   write a profile's values into params.yaml"
	@echo "make plan [PROFILE=...]   what a run will cost, before it starts: FLOPs, hours, memory, disk"
	@echo "make smoke            the smallest pipeline, in its own copy in .smoke"
	@echo "make smoke-ablations  the smallest ablations, in that copy"
	@echo "make check | test     fast checks | all tests"
	@echo "make test-slurm       the swarm as a job array, on a one-node Slurm that it installs and starts; run as root"
	@echo "make test-remotes | test-browser | test-python PYTHON=python3.13   remotes by SSH and S3 | the page in Chromium | fast tests and smoke on another Python"
	@echo "make campaign         malformed inputs, damaged files and kills: what happens, as in docs/reliability.md"
	@echo "make sbom             a bill of materials of what is installed, in sbom.json, and its known vulnerabilities"
	@echo "make bench [PART=...]   measure the speeds in docs/speed.md, into benchmarks/results.json"
	@echo "make docs             the documentation as a site, in site/"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# torch by its version alone: the builds for CPUs and for GPUs are on different indexes, and bring other libraries.
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@echo "compiling the engine's kernels for this processor: half a minute"
	$(VENV)/bin/python -c 'from regmix.engine.compute.compiled import prepare; prepare()'
	touch $@

repro: install
	@python -m stages.common.repair
	@python -m stages.params_check
	@python -m profiles.repro
	@python -m reports.headline

paper: install
	@python -m stages.common.repair
	@python -m stages.published.paper $(if $(REMOTE),--remote "$(REMOTE)")

# `dvc repro` trains shard by shard; after this it only collects.
swarm: install
	@python -m stages.common.repair
	@python -m stages.params_check
	@dvc repro swarm_sample
	@python -m stages.swarm.swarm_ahead --shards data/swarm_sample/shards --corpus data/corpus_tokenize --store .runs

# Ablations need the corpus and the tasks of the root's pipeline, audits its mixtures and targets. ONLY is an audit's name.
ablations: install
	@python -m stages.common.repair
	@python -m stages.params_check
	@python -m stages.ablations.ablations_check
	@dvc repro corpus/dvc.yaml tasks_build
	@dvc repro target/dvc.yaml:target_evaluate
	@dvc --cd ablations repro $(if $(ONLY),code_digest audit@$(ONLY))
	@$(if $(ONLY),python -m reports.verdicts ablations/data/audit/$(ONLY),echo "pages: reports/audits.html and reports/ablations.html")

smoke: install
	@python -m profiles.tryout smoke .smoke

smoke-ablations: install
	@python -m profiles.tryout smoke .smoke ablations

profile: install
	@python -m profiles.switch $(PROFILE)

plan: install
	@python -m profiles.plan $(PROFILE) $(if $(AUDITS),--audits) $(if $(DEVICE),--device $(DEVICE)) $(if $(JSON),--json "$(JSON)")

# Types and tests at the same time: each leaves processors idle.
check: install
	ruff format --check .
	ruff check .
	lint-imports --no-logo
	@$(MAKE) --no-print-directory -j 2 types fast

test: install
	ruff check .
	lint-imports --no-logo
	@$(MAKE) --no-print-directory -j 2 types all

types:
	mypy

fast: install
	pytest -m "not slow" -n 2

# The tests of one file stay in one process, since the steps of a pipeline run in order.
all:
	pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10

# A one-node Slurm, installed from Debian's packages; run as root.
test-slurm: install
	@bash tests/slurm/cluster.sh pytest tests/slurm

# Remotes by SSH and S3, against servers on this machine; sshd is from Debian's openssh-server.
test-remotes: install
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[remotes]'
	pytest tests/remotes -rs

# The page in Chromium, from Debian's package, or in Chrome.
test-browser: install
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	pytest tests/browser -rs

# Fast tests and the smoke pipeline on another Python: make test-python PYTHON=python3.13
test-python:
	@$(MAKE) --no-print-directory VENV=.venv-$(notdir $(PYTHON)) PYTHON=$(PYTHON) fast smoke

bench: install
	@python -m benchmarks.bench $(PART)

# Malformed inputs, damaged files and kills, on copies of the smoke pipeline; resumable. See docs/reliability.md.
campaign: install
	@python -m tests.campaign

# The tools are in an environment of their own, so that they are not part of the bill.
sbom: install
	$(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0 pip-audit==2.10.1
	.venv-sbom/bin/cyclonedx-py environment $(VENV)/bin/python --output-file sbom.json
	.venv-sbom/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

# The reference pages from the code, then the site, links and anchors checked. Needs no network once installed.
docs: install
	@python -m docs.generate
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "open site/index.html"

# After a change of constraints.txt: the hashes of everything but torch and what CUDA's torch brings, by uv.
UNHASHED := torch cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc \
  nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse \
  nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx triton

lock:
	uv pip compile pyproject.toml --quiet --extra dev --constraint constraints.txt --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-header $(UNHASHED:%=--no-emit-package %) --output-file requirements.lock

clean:
	rm -rf .mypy_cache .pytest_cache .ruff_cache
