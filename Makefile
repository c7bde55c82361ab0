# Each target sets up what it needs on a fresh machine; the second time it finds all of it in place.
BIN := node_modules/.bin
TESTS := 'packages/**/*.test.ts' 'tests/**/*.test.ts'

.PHONY: run serve test mutate-walls lint setup bench bench-steady

run: setup
	@./caisson run examples/hello.py --verbose

serve: setup
	@./caisson serve --port 8000 --data-dir data

test: setup
	@scripts/require-sandbox-host.sh
	@$(BIN)/node --test --test-concurrency=2 --test-timeout=180000 $(TESTS)

# Some walls alone, by a part of their names: make mutate-walls ARGS="'limit of' seccomp"
mutate-walls: setup
	@scripts/require-sandbox-host.sh
	@$(BIN)/node tests/isolation/mutation/main.ts $(ARGS)

lint:
	@scripts/setup.sh node
	@$(BIN)/node $(BIN)/tsc --noEmit
	@$(BIN)/node $(BIN)/eslint --max-warnings 0 .
	@$(BIN)/node $(BIN)/prettier --check --log-level warn .
	@$(BIN)/node $(BIN)/depcruise --config .dependency-cruiser.js --output-type err packages tests
	@scripts/check-syntax.sh

# Options in ARGS: make bench ARGS=--quick
bench: setup
	@scripts/setup-bench.sh
	@$(BIN)/node tests/bench/main.ts $(ARGS)

bench-steady: setup
	@scripts/setup-bench.sh
	@$(BIN)/node tests/bench/main.ts --steady

setup:
	@scripts/setup.sh
