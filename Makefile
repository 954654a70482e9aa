# Everything sets itself up: Python 3.11 or newer with venv is all that is needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
export DAGSTER_HOME := $(CURDIR)/.dagster_home

.PHONY: demo test ui lint graph clean help

help:
	@echo "make demo   install, build the three sample recordings, ask three questions, make a training set"
	@echo "make test   install, run the whole test suite"
	@echo "make ui     the Dagster web UI with this project's instance, on http://127.0.0.1:3000"
	@echo "make lint   ruff"
	@echo "make graph  draw docs/asset-graph.svg again from the code"
	@echo "make clean  remove what was built: results, index, runs; never your sources or records"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up .venv (a few minutes, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[sim,dev]'
	@touch $(READY)

demo: $(READY)
	$(BIN)/gvlm add data_lake/samples --game freedoom --licence BSD-3-Clause
	$(BIN)/gvlm build
	@echo
	$(BIN)/gvlm ask "How many times did I die, and when?"
	@echo
	$(BIN)/gvlm ask "Which weapons did I pick up?"
	@echo
	$(BIN)/gvlm ask "Why did I die the first time?"
	@echo
	$(BIN)/gvlm find "low health, shotgun in hand" --limit 3
	@echo
	@# One of an earlier version of this project is made of other examples, and would be in the way.
	@if $(BIN)/gvlm release list | grep -q '^demo '; then $(BIN)/gvlm release delete demo --yes; fi
	$(BIN)/gvlm release create demo --train 0.34 --validation 0.33 --test 0.33
	@echo
	@echo "The runs, with previews and checks of every asset: make ui, then http://127.0.0.1:3000"
	@echo "Your own footage: .venv/bin/gvlm add FOLDER, then .venv/bin/gvlm build"

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

ui: $(READY)
	$(BIN)/dagster dev -w workspace.yaml

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

graph: $(READY)
	$(BIN)/python -m gvlm_assets.graph docs/asset-graph.svg

clean:
	rm -rf data_lake/results data_lake/timeline data_lake/cache data_lake/downloads
	find .dagster_home -mindepth 1 ! -name dagster.yaml -delete
