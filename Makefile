# Two commands set everything up: `make demo` shows what attnclf does, `make test` proves that it works here.
PYTHON ?= python3
BIN = .venv/bin

# Parts of the speed benchmark, all by default, and the folder of its datasets: make bench PARTS="limit predict"
PARTS ?=
DATA ?=
FASTTEXT = 0.9.3

.PHONY: demo test test-long test-gpu check bench accuracy explanations install clean

demo: .venv/installed
	rm -rf demo
	$(BIN)/attnclf train examples/tickets/tickets.csv --out demo
	cat examples/tickets/new_tickets.txt | $(BIN)/attnclf predict --model demo --format table
	head -3 examples/tickets/new_tickets.txt | $(BIN)/attnclf explain --model demo --format terminal

test: .venv/developer
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# What takes minutes and states more of the same.
test-long: .venv/proxies
	$(BIN)/python -m pytest -m long --numprocesses 2 --dist loadfile

test-gpu: .venv/developer
	$(BIN)/python -m pytest -m gpu tests/gpu tests/serve

check: .venv/developer
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/docs/test_prose.py tests/docs/test_tables.py

bench: .venv/bench
	$(BIN)/python -m benchmarks.speed $(PARTS) $(if $(DATA),--data $(DATA))

# Hours, most of them training; what is finished is kept in explanations/ and not done again.
explanations: .venv/installed
	$(BIN)/python -m benchmarks.explanations $(DATA) --out benchmarks/RESULTS.md

accuracy: .venv/bench
	$(BIN)/python -m benchmarks.accuracy $(if $(DATA),--data $(DATA)) --out benchmarks/RESULTS.md

install: .venv/installed

clean:
	rm -rf .venv demo

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/developer: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	touch $@

.venv/proxies: .venv/developer
	-$(BIN)/python -m pip install --quiet --constraint constraints.txt --group proxies
	touch $@

# fastText's own program comes with the sources of its module. Without a compiler only the module is measured.
.venv/bench: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench
	-$(BIN)/python -m pip download --quiet --no-deps --no-binary fasttext --dest .venv/sources fasttext==$(FASTTEXT) && \
		tar -xzf .venv/sources/fasttext-$(FASTTEXT).tar.gz -C .venv/sources && \
		c++ -O3 -march=native -funroll-loops -DNDEBUG -std=c++17 -pthread .venv/sources/fasttext-$(FASTTEXT)/src/*.cc -o $(BIN)/fasttext
	touch $@
