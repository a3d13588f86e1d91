# Each target does all its own set-up; see firmware/bootstrap/. `make help` lists the targets.

PYTHON ?= python3
SETUP = $(PYTHON) firmware/bootstrap/setup.py
VENV = .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo test model soak bench natmod firmware lint clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %s\t%s\n", $$1, $$2 }' Makefile

demo: ## a broker, three MicroPython nodes and a host talk, in front of your eyes
	@$(SETUP) demo
	@$(VENV)/python -m sealcast_host.demo $(ARGS)

test: ## every test; style and types are among them
	@$(SETUP) test
	@rm -f .pytest_cache/v/cache/lastfailed
	@$(VENV)/pytest -n $$(( $$(nproc 2>/dev/null || echo 1) + 4 )) --dist worksteal \
	  || $(VENV)/python tests/support/again.py $$?

model: ## the formal models with larger bounds (docs/ASSURANCE.md); `make test` runs the small ones
	@$(SETUP) test
	@$(VENV)/python tests/formal/models.py

soak: ## stories of channels and groups for an hour, or ARGS="--minutes M --seed N --jobs N", into build/soak.json
	@$(SETUP) test
	@$(VENV)/python tests/soak.py $(ARGS)

bench: ## sizes, speeds and heap, written to build/bench.json
	@$(SETUP) bench
	@$(VENV)/python tests/bench.py

natmod: ## the native modules for every chip whose compiler is here, into build/natmod
	@$(SETUP) natmod
	@$(VENV)/python firmware/curve25519/build.py

firmware: ## an image with all of it for BOARD=ESP32_GENERIC_C3|RPI_PICO_W|..., into build/firmware
	@$(PYTHON) firmware/bootstrap/firmware.py "$(BOARD)"

lint: ## style and types alone
	@$(SETUP) lint
	@$(VENV)/ruff check
	@$(VENV)/mypy

clean: ## remove all that was made here (the built MicroPython stays in the user's cache)
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
