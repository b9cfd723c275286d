#!/usr/bin/env bash
# The tests that take minutes: orch is killed at every fault point and at 200 random moments, and a
# session says 200 MB. Fault points are in debug builds only: no `--release`. ORCH_TEST_SEED chooses
# the moments.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --test it "$@" -- --ignored --nocapture --test-threads 1 kill:: big::
