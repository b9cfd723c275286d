# The few commands of every day; see CONTRIBUTING.md. Each is what it says, so just is not needed.

# what this file has
default:
    @just --list

# the program, for trying out
build:
    cargo build

# tests whose name holds WORD, or all
test WORD="":
    cargo test {{WORD}}

# form and lints, as a change must pass them
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --lib -- --cfg orch_portable -D warnings

# everything that a change must pass
ci:
    .ci/run

# the tests that take minutes
long:
    tests/long.sh

# a thousand kills of orch and its shims, counted
storm:
    tests/storm.sh

# the benchmark, without what takes minutes
bench:
    benches/run.sh --quick
