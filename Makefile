# The virtual environment is made again whenever pyproject.toml changes.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo inspector test test-webgpu check format lint types clean

demo: $(READY)
	$(BIN)/camexport build --model inspector --good good --out build/demo/inspector --force
	$(BIN)/camruntime explain build/demo/inspector exported_models/inspector/samples/*.png \
		--method score-cam,recipro-cam --out build/demo

# What exported_models/inspector holds, made again from the trained weights.
inspector: $(READY)
	$(BIN)/camexport build --model inspector --good good --force
	$(BIN)/python -m camexport.inspector.samples

# A file's tests share what they build, so a worker gets whole files, in their own order: short ones
# come last. Each worker needs 2 to 3 GB.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

# On a device whose memory is not the host's: a GPU, or a software device that this unpacks.
test-webgpu: $(READY)
	.ci/webgpu

check: format lint types test

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy
	for part in tests/devices tests/runtime tests/export tests/parity tests/weather benchmarks examples; do $(BIN)/mypy $$part || exit 1; done

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "camexport needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --editable '.[cpu,export,dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) build dist
