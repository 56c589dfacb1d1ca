# `make` alone lists what there is.
PYTHON := .venv/bin/python
TYPED := harness reports scenarios target_api tests/core tests/shell tests/browser tests/bad_cases.py tests/conftest.py tests/failure_table.py tests/made_audit.py tests/made_run.py

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.PHONY: setup
setup:  ## make .venv from requirements.lock, if it is not there
	@./shakedown --setup

.PHONY: test
test: setup  ## run every test, on real parts; a skipped test fails
	@tests/system-parts
	SHAKEDOWN_STRICT=1 $(PYTHON) -m pytest $(PYTEST_ARGS)

.PHONY: lint
lint: setup  ## ruff, mypy, import-linter
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy $(TYPED)
	$(PYTHON) .venv/bin/lint-imports

.PHONY: check
check: lint  ## lint, and the tests that need no real parts
	SHAKEDOWN_STRICT=1 $(PYTHON) -m pytest tests/core

.PHONY: docs
docs: setup  ## write what the pages take from the code
	PYTHONPATH=. $(PYTHON) tests/failure_table.py

# uv alone resolves for every platform at once. It works in an environment of its own that is thrown away.
.PHONY: lock
lock: setup  ## resolve the dependencies anew, keeping versions that fit (LOCK_ARGS=--upgrade: the newest)
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && $(PYTHON) -m venv "$$dir" && "$$dir/bin/python" -m pip -q install uv \
	&& "$$dir/bin/uv" -q pip compile pyproject.toml --extra dev --universal --python-version 3.11 $(LOCK_ARGS) \
		--generate-hashes --no-header --no-annotate -o requirements.lock
	@! grep '://' requirements.lock  # a lock that names a host works behind no mirror

.PHONY: clean
clean:  ## remove what tools leave, but for .venv and runs
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info .venv.setup
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
