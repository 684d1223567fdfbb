# Two commands: `make demo` compares the families on the embedded demo, `make test` runs the tests. Each sets everything up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test slow lint evidence clean

demo: $(READY)
	$(BIN)/seqwise compare demo:docstrings --budget 5m --out runs/demo

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks examples

evidence: $(READY)
	$(BIN)/python benchmarks/evidence.py

$(READY): pyproject.toml constraints.txt setup.sh $(wildcard src/seqwise/kernels/c/*.[ch])
	PYTHON=$(PYTHON) ./setup.sh $(VENV)
	touch $(READY)

clean:
	rm -rf $(VENV)
