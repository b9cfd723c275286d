#!/usr/bin/env bash
# A storm: orch, shims, or both are killed at 1,000 random moments (ORCH_STORM says another number), with
# namespaces of process numbers and without. Tells how many kills left something: with namespaces none
# may. About a second for each kill. ORCH_TEST_SEED chooses the moments.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo test --test it "$@" -- --ignored --nocapture --test-threads 1 storm::
