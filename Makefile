# Every target makes the environment it needs in .venv; only Python 3.11+ and make are asked for.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,$(if $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo yes),$(name),)))
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO_OUT ?= demo_results

.PHONY: demo test notebooks check real bench accuracy docs pictures batch-proof fuzz sample-data clean

demo: $(VENV)/installed
	$(BIN)/calcinosis compare sample_data/baseline sample_data/followup --case sample_data/case.yaml -o $(DEMO_OUT) --overwrite

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n auto -q

notebooks: $(VENV)/installed-test
	$(BIN)/python -m tests.notebook.execute

check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.docstrings

real: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -m real -s

bench: $(VENV)/installed-test
	$(BIN)/python -m tests.bench.run

accuracy: $(VENV)/installed-test
	$(BIN)/python -m tests.accuracy.volumes_report --write
	$(BIN)/python -m tests.accuracy.shapes_report --write
	$(BIN)/python -m tests.accuracy.following --write
	$(BIN)/python -m tests.accuracy.run --write
	$(BIN)/python -m docs.made.summary --write
	$(BIN)/python -m docs.made.summary

batch-proof: $(VENV)/installed-test
	$(BIN)/python -m tests.batch.proof

docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx --quiet -W --keep-going --fresh-env docs docs/_build/html

pictures: $(VENV)/installed-test demo
	$(BIN)/python -m docs.pictures $(DEMO_OUT)

N ?= 20000
fuzz: $(VENV)/installed-test
	$(BIN)/python -m tests.fuzz.run $(N)

sample-data: $(VENV)/installed
	rm -rf sample_data/baseline sample_data/followup sample_data/truth.json
	$(BIN)/calcinosis phantom .sample_data.new
	mv .sample_data.new/* sample_data/
	rmdir .sample_data.new

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) -e '.[test]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO_OUT) build dist docs/_build docs/notebooks .pytest_cache .mypy_cache .ruff_cache .hypothesis
