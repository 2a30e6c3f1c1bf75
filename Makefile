# The set-up is done here: a machine needs Python 3.11, 3.12 or 3.13, and make.
PYTHON ?= python3
HOME_FOLDER ?= .orchestrator
PORT ?= 3000
FEED ?=
export UV_COMPILE_BYTECODE = 1
# Else every process that a test starts would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := $(UV) run --frozen --quiet

.PHONY: demo test dev check bench reliability clean

demo: .venv/ready
	$(RUN) python -m orchestrator_platform.defs.demo $(if $(FEED),--feed $(FEED))

# The long suites are run by name: make test SUITE=slow. Half of the tests, in order, go to each process, so that what
# a file makes for all its tests is made once.
SUITE ?= not slow
test: .venv/ready
	tests/install_weaviate.sh >/dev/null
	$(RUN) python -m pytest -n 2 --dist worksteal -m "$(SUITE)" $(TESTS)

dev: .venv/ready
	$(RUN) orchestrator dev --port $(PORT)

check: .venv/ready
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy

bench: .venv/ready
	$(RUN) python -m benchmarks $(BENCH)

reliability: .venv/ready
	$(RUN) python -m tests.reliability $(SUITES) $(if $(EVERY),--every $(EVERY))

.venv/ready: pyproject.toml uv.lock $(UV)
	$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"

clean:
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache
