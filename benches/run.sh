#!/usr/bin/env bash
# The benchmark: builds orch in release form, generates repositories in a scratch folder, and prints
# the table of docs/PERFORMANCE.md. `--quick` leaves out what takes minutes; `--only WORD` runs the
# parts whose name holds the word; `--write` puts the table into docs/PERFORMANCE.md. Needs cargo,
# git and python3; says loudly what it leaves out where ninja, node or npm are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet
exec python3 benches/bench.py --orch "${CARGO_TARGET_DIR:-target}/release/orch" "$@"
