#!/usr/bin/env bash
# The tests that take minutes: orch is killed at every fault point and at 200 random moments (a quarter of
# an hour each at most; what did not come to its turn is said), and a session says 200 MB (half a minute).
# Fault points are in debug builds only: no `--release`. ORCH_TEST_SEED chooses the moments. What kills
# leave of processes is counted by tests/storm.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --test it "$@" -- --ignored --nocapture --test-threads 1 kill:: big::
