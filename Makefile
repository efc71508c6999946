# Two commands do everything on a machine with Python 3.11+ and a package index: `make demo` and `make test`.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Compiled modules are kept, whatever the environment says: tests and demo start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
STAMP := .venv/.complete
# The demo takes neither Ray, nor trackers, nor the developer's tools: where nothing is installed yet, it leaves them out.
DEMO := $(if $(wildcard $(STAMP)),$(STAMP),.venv/.demo)

.PHONY: demo test check bench format clean

demo: $(DEMO)
	$(BIN)/python examples/home-assistant/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m pytest -m slow
	$(BIN)/python benchmarks/all.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv marketfit-workspace examples/*/marketfit-workspace benchmarks/*/marketfit-workspace

$(STAMP): EXTRAS := all,dev
.venv/.demo: EXTRAS := train,serve

$(STAMP) .venv/.demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "marketfit needs Python 3.11 or newer; found $$($(PYTHON) --version). Call: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS)]'
	touch $@
