# make run          starts the studio; the first time it makes a virtual environment and installs what is pinned
# make check        lints, checks types and runs the quick tests: no server, no browser; about a minute on two cores
# make test         lints, checks types and runs every test; the first time it installs what they need, the browser included
# make test-online  the same code against the real Hub and a real Docker; with HF_TOKEN, publishing as well

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# In as many processes as tests/conftest.py says, a file's tests in one, in its order.
TESTS := $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Compiled once for all the programs that tests start, also where the surroundings ask for nothing to be kept.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run check lint test test-online format clean

run: $(VENV)/run-ready
	$(PY) app.py

check: lint
	$(TESTS) -m "not browser and not server and not slow"

test: lint
	$(TESTS)

lint: $(VENV)/test-ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pyrefly check

test-online: $(VENV)/test-ready
	$(PY) -m pytest -rs tests/online

format: $(VENV)/test-ready
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf $(VENV)

$(VENV)/run-ready: install.py requirements.txt requirements-cpu.txt
	$(PYTHON) install.py
	touch $@

$(VENV)/test-ready: requirements-dev.txt $(VENV)/run-ready
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	tests/install_chromium.sh
	touch $@
