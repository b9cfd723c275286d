"""Measures how close a parallel build comes to its longest chain; see parallel.sh."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUND = 0.5
ORIGINAL = {"8 tasks of 1 s": "34 s in sequence, 3.1 s in parallel"}

# Speaks as the CLI does, after the seconds that the task's id ends with.
STAND_IN = r"""#!/bin/sh
cat > /dev/null
id=${ORCH_TASK##*//}
sleep "${id##*-}"
echo '{"type":"system","subtype":"init","session_id":"s-'"$id"'","model":"stand-in","tools":["Write"]}'
echo "$id" > "out-$id.txt"
mkdir -p .orch/task
echo '{"task_id":"'"$id"'","status":"completed","message":"done"}' > .orch/task/status.json
echo '{"type":"assistant","message":{"id":"m1","role":"assistant","model":"stand-in","content":[{"type":"text","text":"done"}],"usage":{"input_tokens":10,"output_tokens":5}},"session_id":"s-'"$id"'"}'
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","num_turns":1,"total_cost_usd":0.01,"session_id":"s-'"$id"'","usage":{"input_tokens":10,"output_tokens":5},"modelUsage":{"stand-in":{"inputTokens":10,"outputTokens":5,"costUSD":0.01}}}'
"""


def plan_of(tasks):
    lines = ["meta: { name: P, order: free }", "sections:", "- id: s", "  name: S", "  tasks:"]
    for name, needs in tasks:
        needs = ", ".join(f"'{need}'" for need in needs)
        lines.append(f"  - {{ id: '{name}', name: Make {name}, depends_on: [{needs}], status: pending }}")
    return "\n".join(lines) + "\n"


def longest(tasks):
    ends = {}
    for name, needs in tasks:
        ends[name] = max((ends[need] for need in needs), default=0.0) + float(name.split("-")[-1])
    return max(ends.values())


def build(orch, tasks, scripted):
    with tempfile.TemporaryDirectory() as folder:
        root, home = Path(folder) / "repository", Path(folder) / "home"
        (root / "plans").mkdir(parents=True)
        home.mkdir()
        (root / "plans" / "p.yaml").write_text(plan_of(tasks))
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
        if scripted:
            (root / "orch.yaml").write_text("session: { scripted: s.yaml }\n")
            steps = [f"'{n}': [{{ sleep: {n.split('-')[-1]}s }}, {{ write: {{ path: o-{n}, content: x }} }}]" for n, _ in tasks]
            (root / "s.yaml").write_text("\n".join(steps) + "\n")
        else:
            cli = home / "claude"
            cli.write_text(STAND_IN)
            cli.chmod(0o755)
            env["ORCH_CLAUDE"] = str(cli)
        for words in (["init", "-q", "-b", "main"], ["config", "user.name", "A"],
                      ["config", "user.email", "a@example.org"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run(["git", *words], cwd=root, env=env, check=True)
        begun = time.perf_counter()
        ran = subprocess.run([orch, "build", "-j", "8", "--format", "json"], cwd=root, env=env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        took = time.perf_counter() - begun
        if ran.returncode != 0:
            sys.exit(f"the build failed ({ran.returncode}):\n{ran.stdout}\n{ran.stderr}")
        last = json.loads(ran.stdout.splitlines()[-1])
        assert last["ran"] == len(tasks), last
        return took, last["cost_usd"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--orch", required=True)
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    flat = [(f"{n}-1", []) for n in range(8)]
    lopsided = [("a-1", []), ("b-1", []), ("c-1", []), ("d-1", []), ("e-1", []), ("f-1", []),
                ("g-1", []), ("h-1", []), ("x-1", []), ("y-1", ["x-1"]), ("z-1", ["y-1"])]
    missed = False
    print("| graph | sessions | longest chain | orch -j 8 (median) | over | bound | original |")
    print("|---|---|---|---|---|---|---|")
    for name, tasks in (("8 tasks of 1 s", flat), ("8 alone and a chain of 3", lopsided)):
        for scripted in (True, False):
            runs = [build(args.orch, tasks, scripted) for _ in range(args.times)]
            took, chain = statistics.median(it[0] for it in runs), longest(tasks)
            missed |= took - chain > BOUND
            kind = "scripted" if scripted else "stand-in CLI"
            print(f"| {name} | {kind} | {chain:.1f} s | {took:.2f} s | {took - chain:.2f} s | {BOUND} s "
                  f"| {ORIGINAL.get(name, '')} |", flush=True)
            if not scripted:
                print(f"cost known to orch: ${runs[-1][1]}", file=sys.stderr)
    sys.exit(1 if missed else 0)


main()
