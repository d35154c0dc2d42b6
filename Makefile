# Everything starts here: `make demo` and `make test` need nothing but Python 3.11+, a C++17 compiler and make.
#
# Targets: demo, test, check, bench, format, clean. Each creates .venv and installs what it needs.
# `make demo RECIPE=airstriker-neat` trains on another game: any name from recipes/, or a file.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
SOURCES := pyproject.toml CMakeLists.txt $(wildcard native/*.cpp native/*.hpp native/*.h)
RECIPE ?= wickling-neat
WORKERS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

.PHONY: demo test check bench format clean

demo: .made/demo
	$(BIN)/playthrough train --recipe $(RECIPE) --out runs/demo --fresh --judge 30

test: check
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: .made/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: .made/dev
	$(BIN)/python -m benchmarks speed_table
	$(BIN)/python -m benchmarks neat_networks --short

format: .made/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .made build dist

.made/venv:
	@test -n "$(PYTHON)" || { echo "Playthrough needs Python 3.11 or newer (none found on PATH)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@mkdir -p .made && touch $@

# What the package needs to be built, then the package itself, in place: a change in Python counts at once, a change in
# C++ builds it anew.
.made/demo: .made/venv $(SOURCES)
	$(BIN)/python -m pip install --quiet 'scikit-build-core>=1.0' 'nanobind>=2.9' 'cmake>=3.24' 'ninja>=1.11'
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[atari,neat,runs,play]'
	@touch $@

.made/dev: .made/demo
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
