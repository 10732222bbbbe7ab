# Everything runs in .venv, which these targets create and reuse. PYTHON chooses the interpreter (3.11 to 3.14).
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: demo test check format bench crash fuzz clean

.venv/.ready: requirements.txt setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	# Since 26 pip writes start scripts that do not import re: a tenth of the time of a short `ratcam mux`.
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=26'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt --config-settings editable_mode=compat -e '.[demo,dev]'
	$(BIN)/python -m compileall -q ratcam
	touch $@

demo: .venv/.ready  ## the main job on the embedded camera and chat: make demo ARGS="--seconds 60 --out out"
	$(BIN)/ratcam demo $(ARGS)

test: .venv/.ready  ## all tests, with coverage, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term $(ARGS)

check: .venv/.ready  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: .venv/.ready  ## format and sort imports
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

bench: .venv/.bench  ## the figures in docs/: ratios against peers, from one run
	$(BIN)/python -m benchmarks $(ARGS)

.venv/.bench: .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat -e '.[bench]'
	touch $@

crash: .venv/.ready  ## kills, torn writes, power cuts and full disks, at length; as root, for the loop devices
	RATCAM_TESTS_CRASH=long $(BIN)/python -m pytest tests/crash -s $(ARGS)

fuzz: .venv/.fuzz  ## look for bytes that break a parser, a minute a target: make fuzz ARGS="--seconds 600 recovery"
	$(BIN)/python -m tests.fuzz $(ARGS)

.venv/.fuzz: .venv/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat -e '.[fuzz]'
	touch $@

clean:  ## remove the virtual environment and caches
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info build .coverage .coverage.* \
		tests/validators/node_modules fuzz-findings
