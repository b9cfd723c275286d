#!/bin/sh
# From save to start: how long `orch watch` takes to start the right task after an input is saved, in
# a repository of 20,000 files that another task declares as its inputs, and after its plan is saved.
# Prints milliseconds.
#
#   benches/watch-latency.sh [PROGRAM] [FILES] [ROUNDS]
#
# PROGRAM defaults to target/release/orch. The settle time of 50 ms is part of what is measured.
set -eu
program=$(realpath "${1:-target/release/orch}")
files=${2:-20000}
rounds=${3:-11}
folder=$(mktemp -d)
watch=
trap '[ -z "$watch" ] || { kill "$watch" && wait "$watch"; } 2>/dev/null; rm -rf "$folder"' EXIT
mkdir "$folder/repository" && cd "$folder/repository"
git init --quiet --initial-branch=main
git config user.name bench && git config user.email bench@example.org

i=0
while [ "$i" -lt "$files" ]; do
    [ $((i % 100)) -ne 0 ] || mkdir -p "src/$((i / 100))"
    echo "content $i" >"src/$((i / 100))/$i.txt"
    i=$((i + 1))
done
mkdir plans in && echo 0 >in/edited.txt
cat >plans/bench.yaml <<'PLAN'
meta: { name: Bench, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: edited, name: Edited, run: "true", inputs: [in/edited.txt] }
  - { id: large, name: Large, run: "true", inputs: ["src/**"] }
PLAN
git add --all && git commit --quiet --message start

# Waits for the event number $2 of kind $1 and prints when it happened.
moment_of() {
    n=0
    while [ "$n" -lt 3000 ]; do
        line=$(grep -e "\"event\":\"$1\"" "$folder/events" 2>/dev/null | sed -n "$2p")
        [ -z "$line" ] || { echo "$line" | sed 's/.*"at_ms":\([0-9]*\).*/\1/'; return; }
        sleep 0.02
        n=$((n + 1))
    done
    echo "no $1 came" >&2
    cat "$folder/log" >&2
    exit 1
}

"$program" watch --events "$folder/events" 2>"$folder/log" &
watch=$!
moment_of rested 1 >/dev/null
round=1
while [ "$round" -le $((2 * rounds)) ]; do
    kind=input
    sed "s/run: \"true.*\", inputs: .in/run: \"true $round\", inputs: [in/" plans/bench.yaml >plans/.aside
    saved=$(date +%s%3N)
    if [ "$round" -le "$rounds" ]; then
        echo "$round" >in/edited.txt
    else
        kind=plan
        mv plans/.aside plans/bench.yaml
    fi
    # The first two starts are the first build's.
    begun=$(moment_of task-started $((round + 2)))
    echo $((begun - saved)) >>"$folder/$kind"
    moment_of rested $((round + 1)) >/dev/null
    round=$((round + 1))
done
grep -q '"task":"bench//large"' "$folder/events"
started=$(grep -c '"event":"task-started".*"task":"bench//large"' "$folder/events")
[ "$started" -eq 1 ] || { echo "the other task ran $started times" >&2; exit 1; }
for kind in input plan; do
    sort -n "$folder/$kind" | awk -v kind="$kind" '
        { all[NR] = $1 }
        END { printf "%s saved: median %d ms to the start, worst %d ms of %d rounds\n", kind, all[int((NR + 1) / 2)], all[NR], NR }'
done
