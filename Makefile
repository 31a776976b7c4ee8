# Two commands do everything: `make demo` and `make test`; set-up is part of both.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
KAFKA_TESTS ?= tests/streaming
TEST_WORKERS ?= 2

.PHONY: setup demo demo-stream kafka test test-nojit test-kafka check bench docs fuzz nightly sizes clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/python samples/demo.py

demo-stream: setup
	$(BIN)/python samples/demo_stream.py

# Two processes, a file of tests to one of them: TEST_WORKERS=0 runs all in this one.
test: setup
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

# The same rules as plain Python: what numpy would let wrap is a warning, and a warning is an error.
test-nojit: setup
	NUMBA_DISABLE_JIT=1 TOLL_ORACLE_PAIRS=5000 $(BIN)/python -m pytest tests/rating tests/mediation tests/ber tests/tariffs

# A real Apache Kafka for tests: needs Java 17, Maven, openssl.
kafka: .kafka/.fetched

.kafka/.fetched: samples/kafka/pom.xml
	mvn --batch-mode --quiet --file $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/.kafka/libs
	touch $@

test-kafka: setup kafka
	$(BIN)/python samples/apache_kafka.py $(BIN)/python -m pytest $(KAFKA_TESTS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_structure.py
	$(BIN)/python tests/sizes.py

bench: setup
	$(BIN)/python -m benchmarks

docs: setup
	$(BIN)/python -m mediation.dictionary

fuzz: setup
	$(BIN)/python -m tests.ber.fuzz

nightly: setup
	TOLL_ORACLE_PAIRS=1000000 $(BIN)/python -m pytest tests/rating/test_oracle.py

sizes: setup
	$(BIN)/python tests/sizes.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
