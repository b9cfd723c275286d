#!/usr/bin/env bash
# Eight tasks of one second: `orch build -j 8` beside the longest chain of its tasks, whose bound is
# 0.5 s more. The original orchestrator needs about 34 s for the same in sequence and 3.1 s in parallel.
# Sessions are those of a stand-in CLI that sleeps a second and says nothing before it; the second
# graph is lopsided, so that starting the long chain late would show. `ORCH=PATH` measures that program
# instead of a release build. Exit 1 where a bound is missed. Needs cargo, git and python3.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${ORCH:-}" ]; then
  cargo build --release --quiet
  ORCH="${CARGO_TARGET_DIR:-$PWD/target}/release/orch"
fi
exec python3 benches/parallel.py --orch "$(realpath "$ORCH")" "$@"
