"""Measures orch against ninja, turbo and moon on the same generated graphs; see run.sh.

Whole processes, no daemon, warm page cache. Every number is the median of runs that alternate with
those of what it is compared with; CPU and memory come from `wait4`, children included.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = []
LEFT_OUT = []
MS = 1000.0
NULL = os.open(os.devnull, os.O_RDWR)


class Run:
    """One finished process: wall and CPU in ms, peak memory in MB."""

    def __init__(self, wall, usage, status):
        self.wall = wall * MS
        self.cpu = (usage.ru_utime + usage.ru_stime) * MS
        self.peak = usage.ru_maxrss / 1024
        self.status = os.waitstatus_to_exitcode(status)


def run(argv, cwd, want=0, env=None):
    """Runs without output; fails loudly where the exit code is not the wanted one."""
    start = time.perf_counter()
    # The child's peak is never below this program's own size, about 12 MB.
    pid = os.fork()
    if pid == 0:
        os.chdir(cwd)
        for fd in (0, 1, 2):
            os.dup2(NULL, fd)
        try:
            os.execvpe(argv[0], argv, env or os.environ)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    done = Run(time.perf_counter() - start, usage, status)
    if done.status != want:
        sys.exit(f"{' '.join(map(str, argv))} in {cwd} ended with {done.status}, not {want}")
    return done


def sh(argv, cwd):
    subprocess.run(argv, cwd=cwd, check=True, stdin=NULL, stdout=NULL, stderr=NULL)


def median(runs, what="wall"):
    return statistics.median(getattr(it, what) for it in runs)


def alternately(times, *commands):
    """Each command is a function that runs once; the first round warms up and does not count."""
    rounds = [[command() for command in commands] for _ in range(times + 1)][1:]
    return [list(column) for column in zip(*rounds)]


def say(text):
    print(text, file=sys.stderr, flush=True)


def leave_out(what, why):
    LEFT_OUT.append(f"{what}: {why}")
    say(f"!!! LEFT OUT: {what}: {why}")


def row(what, measured, target, verdict=None):
    """`verdict` is whether the target is reached; None where there is none."""
    mark = {True: "yes", False: "**no**", None: ""}[verdict]
    ROWS.append((what, measured, target, mark))
    say(f"  {what}: {measured}  (target {target or '-'}: {mark or '-'})")


# ---------------------------------------------------------------- generated repositories


def deps_of(i):
    """Up to three dependencies among the 32 before: the graph of the ninja generator."""
    return [] if i < 32 else sorted({i - 32 + (i * 7 + k * 11) % 32 for k in range(3)})


def write_sources(root, n):
    (root / "src").mkdir(parents=True, exist_ok=True)
    for i in range(n):
        (root / f"src/{i}.md").write_text(f"prompt {i}\n" * 20)


def commit(root):
    sh(["git", "init", "-q", "-b", "main", "."], root)
    for key, value in [("user.name", "bench"), ("user.email", "bench@localhost"), ("gc.auto", "0")]:
        sh(["git", "config", key, value], root)
    sh(["git", "add", "-A"], root)
    sh(["git", "commit", "-q", "-m", "start"], root)


def task_yaml(i, status, run_line, extra):
    lines = [f"      - id: t{i}", f"        name: Copy file {i}", f"        status: {status}",
             f"        run: {run_line}"]
    lines += [f"        {line}" for line in extra]
    return "\n".join(lines) + "\n"


def plan_yaml(tasks):
    head = "meta:\n  name: Bench\n  order: free\nsections:\n  - id: all\n    name: All\n"
    return head + "    status: pending\n    tasks:\n" + "".join(tasks)


def copy_plan(n, status, only=None):
    def task(i):
        extra = [f"inputs: [src/{i}.md]", f"outputs: [out/{i}]"]
        needs = ", ".join(f"t{d}" for d in deps_of(i))
        if needs and only is None:
            extra.append(f"depends_on: [{needs}]")
        # A command starts in a worktree that has no empty folders.
        line = f"[sh, -c, 'mkdir -p out && cp src/{i}.md out/{i}']"
        return task_yaml(i, status, line, extra)

    return plan_yaml([task(i) for i in (range(n) if only is None else [only])])


def copy_repo(root, n, status, only=None):
    root.mkdir()
    write_sources(root, n)
    (root / "plans").mkdir()
    (root / "plans/big.yaml").write_text(copy_plan(n, status, only))
    commit(root)
    return root


def ninja_folder(root, n):
    write_sources(root, n)
    (root / "out").mkdir()
    with open(root / "build.ninja", "w") as out:
        out.write("rule r\n  command = cp $in $out\n")
        for i in range(n):
            needs = " ".join(f"out/{d}" for d in deps_of(i))
            out.write(f"build out/{i}: r src/{i}.md | {needs}\n")
    return root


# ---------------------------------------------------------------- the parts


class Bench:
    def __init__(self, args, scratch):
        self.orch = str(Path(args.orch).resolve())
        self.args = args
        self.scratch = scratch
        self.noop = {}

    def build(self, root, *flags):
        return run([self.orch, "build", *flags], root)

    def times(self, n):
        return 5 if self.args.quick else n

    def part_noop(self):
        """A build of a plan in which everything is done, against ninja."""
        limits = {100: 25, 1000: 60, 10000: None}
        has_ninja = shutil.which("ninja") is not None
        if not has_ninja:
            leave_out("ninja", "not installed (Debian: ninja-build)")
        for n in (100, 1000, 10000):
            root = copy_repo(self.scratch / f"adopted{n}", n, "completed")
            self.build(root)
            commands = [lambda: self.build(root)]
            if has_ninja:
                folder = ninja_folder(self.scratch / f"ninja{n}", n)
                run(["ninja"], folder)
                commands.append(lambda: run(["ninja"], folder))
            ours, *theirs = alternately(self.times(20), *commands)
            self.noop[n] = median(ours)
            text, ratio = f"{median(ours):.1f} ms, {median(ours, 'peak'):.0f} MB", None
            if theirs:
                ratio = median(ours) / median(theirs[0])
                text += (f"; ninja {median(theirs[0]):.1f} ms, "
                         f"{median(theirs[0], 'peak'):.0f} MB: {ratio:.2f}x")
            if limits[n]:
                row(f"no-op, {n:,} tasks (adopted)", text, f"<= {limits[n]} ms",
                    median(ours) <= limits[n])
            else:
                row(f"no-op, {n:,} tasks (adopted)", text, "<= 2x ninja",
                    None if ratio is None else ratio <= 2)
                peak = median(ours, "peak")
                row("peak memory of that no-op", f"{peak:.0f} MB", "<= 64 MB", peak <= 64)

    def part_built(self):
        """As the no-op, after orch has really run and landed each of 1,000 tasks."""
        root = copy_repo(self.scratch / "built1000", 1000, "pending")
        first = self.build(root, "-j", "2")
        row("1,000 `cp` tasks, built and landed one commit each, -j 2",
            f"{first.wall / MS:.1f} s, {first.cpu / 1000:.1f} ms CPU a task", "")
        self.build(root)
        ours, = alternately(self.times(20), lambda: self.build(root))
        row("no-op, 1,000 tasks (really built: 1,000 landings)",
            f"{median(ours):.1f} ms, {median(ours, 'peak'):.0f} MB", "<= 60 ms",
            median(ours) <= 60)

    def part_changed(self):
        """The input of one task among 10,000 changes; nothing depends on that task."""
        root, alone = self.scratch / "adopted10000", self.scratch / "alone10000"
        if not root.exists():
            copy_repo(root, 10000, "completed")
            self.build(root)
        # The same files, and a plan of that task only: what its action costs by itself.
        if not alone.exists():
            copy_repo(alone, 10000, "completed", only=9999)
            self.build(alone)
        ninja = self.scratch / "ninja10000"
        noops, builds, actions, theirs = [], [], [], []
        for number in range(self.times(10) + 2):
            text = f"edit {number}\n"
            noop, build = self.at_rest_and_changed(root, text)
            noops.append(noop)
            builds.append(build)
            rest, changed = self.at_rest_and_changed(alone, text)
            actions.append(changed.wall - rest.wall)
            if ninja.exists():
                (ninja / "src/9999.md").write_text(text)
                theirs.append(run(["ninja"], ninja))
        action, noop, build = statistics.median(actions[2:]), median(noops[2:]), median(builds[2:])
        limit = 1.5 * noop + action
        row("one changed input in 10,000", f"{build:.1f} ms; no-op {noop:.1f} ms, the action "
            f"{action:.1f} ms: {(build - action) / noop:.2f}x", f"<= {limit:.0f} ms (1.5x + action)",
            build <= limit)
        bare = statistics.median(run(["sh", "-c", "mkdir -p src && cp src/0.md /dev/null"], root).wall
                                 for _ in range(20))
        limit = 1.5 * noop + bare
        row("the same, with the bare command taken for the action", f"{build:.1f} ms; command "
            f"{bare:.1f} ms", f"({limit:.0f} ms)")
        if theirs:
            other = median(theirs[2:])
            row("the same against ninja, which has no worktree and lands nothing",
                f"{build:.1f} ms; ninja {other:.1f} ms: {build / other:.2f}x", "")

    def at_rest_and_changed(self, root, text):
        """A build that has nothing to do, and one after an edit."""
        # The first build after a landing still decides everything; the one measured is at rest.
        self.build(root)
        noop = self.build(root)
        (root / "src/9999.md").write_text(text)
        return noop, self.build(root)

    def part_true(self):
        """CPU of 1,000 `true` tasks beyond 1,000 bare spawns of `true`."""
        n = 1000
        root = self.scratch / "true"
        root.mkdir()
        (root / "plans").mkdir()
        (root / "README.md").write_text("bench\n")
        # Each has words of its own: equal commands have one key, and run once.
        tasks = [task_yaml(i, "pending", f"['true', '{i}']", []) for i in range(n)]
        (root / "plans/true.yaml").write_text(plan_yaml(tasks))
        commit(root)
        built = self.build(root, "-j", "2")
        bare = run(["sh", "-c", "i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i+1)); done"], root)
        each = (built.cpu - bare.cpu) / n
        row("CPU per executed `true` task, beyond the bare `true`",
            f"{each:.2f} ms ({built.wall / n:.2f} ms wall at -j 2)", "<= 5 ms", each <= 5)

    def part_session(self):
        """Sessions in a repository of 20,000 files, against the stand-in's process alone."""
        root, n = self.scratch / "sessions", 20
        root.mkdir()
        for i in range(20000):
            folder = root / f"lib/{i // 200}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{i}.txt").write_text(f"file {i}\n" * 10)
        script = "\n".join(f'"s{i}":\n  - - write: {{ path: lib/0/new{i}.txt, content: "x{i}\\n" }}'
                           for i in range(n + 1))
        (root / "script.yaml").write_text(script + "\n")
        (root / "orch.yaml").write_text("session:\n  scripted: script.yaml\n")
        (root / ".gitignore").write_text("/.orch/\n")
        (root / "plans").mkdir()
        tasks = [f"      - id: s{i}\n        name: Write {i}\n        description: Write a file.\n"
                 f"        status: pending\n" for i in range(n + 1)]
        (root / "plans/s.yaml").write_text(plan_yaml(tasks))
        commit(root)
        # The first session makes the worktree: a checkout of 20,000 files.
        first = self.build(root, "-j", "1", "s//s0", "--only")
        built = self.build(root, "-j", "1")
        noops = [self.build(root) for _ in range(5)]
        env = {**os.environ, "ORCH_TASK": "s//s0", "ORCH_ATTEMPT_NUMBER": "1"}
        alone = self.scratch / "alone"
        alone.mkdir()
        (alone / ".orch/task").mkdir(parents=True)
        bare = [run([self.orch, "__scripted", "--script", str(root / "script.yaml")], alone, env=env)
                for _ in range(10)]
        each = (built.wall - median(noops)) / n - median(bare)
        row("overhead of a session beyond the bare CLI, 20,000 files (worktree reused)",
            f"{each:.1f} ms wall", "<= 100 ms", each <= 100)
        row("the first session there (checks out the worktree)", f"{first.wall:.0f} ms", "")
        row("no-op in that repository", f"{median(noops):.1f} ms", "")

    def part_parse(self):
        """`orch check` of one plan of 1 MB; `orch why`; `orch check` of 2,000 plans."""
        root = self.scratch / "parse"
        (root / "plans").mkdir(parents=True)
        (root / "README.md").write_text("bench\n")
        text = "Change the module so that the tests pass, and say what was done. " * 6
        tasks, size, i = [], 0, 0
        while size < 1 << 20:
            needs = ", ".join(f"t{d}" for d in deps_of(i))
            tasks.append(f"      - id: t{i}\n        name: Task number {i}\n        description: |\n"
                         f"          {text}\n          {text}\n        status: pending\n"
                         f"        depends_on: [{needs}]\n")
            size, i = size + len(tasks[-1]), i + 1
        (root / "plans/large.yaml").write_text(plan_yaml(tasks))
        commit(root)
        runs, = alternately(self.times(20), lambda: run([self.orch, "check", "plans/large.yaml"], root))
        row(f"`orch check` of a plan of 1 MB ({i:,} tasks)", f"{median(runs):.1f} ms", "< 50 ms",
            median(runs) < 50)
        small = self.scratch / "adopted1000"
        if not small.exists():
            copy_repo(small, 1000, "completed")
            self.build(small)
        for name, folder, target in [("1,000", small, "big//t999"),
                                     ("10,000", self.scratch / "adopted10000", "big//t9998")]:
            if folder.exists():
                # A build that ran something leaves a plan with new status lines: one not read yet.
                self.build(folder)
                runs, = alternately(self.times(20), lambda: run([self.orch, "why", target], folder))
                row(f"`orch why`, {name} tasks", f"{median(runs):.1f} ms", "< 50 ms",
                    median(runs) < 50)
        many = self.scratch / "many"
        (many / "plans").mkdir(parents=True)
        for plan in range(2000):
            tasks = [task_yaml(i, "pending", "['true']", [f"inputs: [src/{i}.md]"]) for i in range(10)]
            (many / f"plans/p{plan}.yaml").write_text(plan_yaml(tasks))
        commit(many)
        runs, = alternately(3, lambda: run([self.orch, "check"], many))
        row("`orch check` of 2,000 plans of 10 tasks", f"{median(runs):.0f} ms", "a second or two",
            median(runs) < 2000)

    def part_js(self):
        """The same graph as turbo and moon workspaces, everything cached."""
        if not shutil.which("npm") or not shutil.which("node"):
            return leave_out("turbo and moon", "node or npm is not installed")
        tools = self.install_tools()
        if not tools:
            return leave_out("turbo and moon", "npm could not install them")
        for n in (100, 1000):
            root = js_workspace(self.scratch / f"js{n}", n)
            ours = self.scratch / f"adopted{n}"
            if not ours.exists():
                copy_repo(ours, n, "completed")
            self.build(ours)
            for name, argv in tools.items():
                self.compare(name, argv, root, (ours, n))

    def compare(self, name, argv, root, against):
        ours, n = against
        env = {**os.environ, "TURBO_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1", "CI": "1",
               "MOON_TOOLCHAIN_FORCE_GLOBALS": "true", "NO_COLOR": "1"}
        try:
            run(argv, root, env=env)
            run(argv, root, env=env)
        except SystemExit as why:
            return leave_out(f"{name} at {n:,}", why)
        mine, other = alternately(5, lambda: self.build(ours), lambda: run(argv, root, env=env))
        ratio = median(other) / median(mine)
        row(f"no-op, {n:,} tasks, against {name}",
            f"{median(mine):.1f} ms; {name} {median(other):.0f} ms: {ratio:.0f}x ahead",
            ">= 10x" if n == 1000 else "", ratio >= 10 if n == 1000 else None)

    def install_tools(self):
        cache = Path(__file__).resolve().parent.parent / ".cache/bench-tools"
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "package.json").write_text('{"private":true}\n')
        found = {}
        for name, package in [("turbo", "turbo@2"), ("moon", "@moonrepo/cli@1")]:
            program = cache / f"node_modules/.bin/{name}"
            if not program.exists():
                told = subprocess.run(["npm", "install", "--no-audit", "--no-fund", package],
                                      cwd=cache, stdin=NULL, capture_output=True, text=True)
                if told.returncode != 0 or not program.exists():
                    leave_out(name, f"npm cannot install {package}")
                    continue
            found[name] = native(cache, name) or [str(program)]
        commands = {"turbo": ["run", "build"], "moon": ["run", ":build"]}
        return {name: argv + commands[name] for name, argv in found.items()}


def native(cache, name):
    """The program itself, without node in front of it: the fairer comparison."""
    for pattern in (f"node_modules/{name}-linux-*/bin/{name}", f"node_modules/@turbo/linux-*/bin/{name}",
                    f"node_modules/@moonrepo/core-linux-*/{name}"):
        for path in cache.glob(pattern):
            if os.access(path, os.X_OK):
                return [str(path)]
    return None


def js_workspace(root, n):
    root.mkdir()
    write = lambda path, value: path.write_text(value if isinstance(value, str) else json.dumps(value))
    write(root / "package.json", {"name": "root", "private": True, "packageManager": "npm@10.0.0",
                                  "workspaces": ["p/*"]})
    write(root / "turbo.json", {"tasks": {"build": {"dependsOn": ["^build"], "outputs": ["out/**"]}}})
    (root / ".moon").mkdir()
    write(root / ".moon/workspace.yml",
          "projects:\n  - 'p/*'\nvcs:\n  defaultBranch: main\ntelemetry: false\n")
    packages = {"": {"name": "root", "workspaces": ["p/*"]}}
    for i in range(n):
        folder = root / f"p/t{i}"
        folder.mkdir(parents=True)
        needs = [f"t{d}" for d in deps_of(i)]
        package = {"name": f"t{i}", "version": "1.0.0", "dependencies": {it: "*" for it in needs}}
        packages[f"p/t{i}"] = package
        packages[f"node_modules/t{i}"] = {"resolved": f"p/t{i}", "link": True}
        write(folder / "package.json",
              {**package, "scripts": {"build": "mkdir -p out && cp prompt.md out/r.md"}})
        write(folder / "prompt.md", f"prompt {i}\n" * 20)
        write(folder / "moon.yml",
              f"id: t{i}\nlanguage: unknown\ndependsOn: [{', '.join(needs)}]\ntasks:\n  build:\n"
              "    command: cp prompt.md r.md\n    inputs: ['prompt.md']\n    outputs: ['r.md']\n"
              "    deps: ['^:build']\n")
    write(root / "package-lock.json", {"name": "root", "lockfileVersion": 3, "requires": True,
                                       "packages": packages})
    write(root / ".gitignore", "node_modules\nout\nr.md\n.turbo\n.moon/cache\n")
    commit(root)
    # moon compares with the commit before.
    sh(["git", "commit", "-q", "--allow-empty", "-m", "second"], root)
    return root


# ---------------------------------------------------------------- the table


def table():
    lines = ["| what | measured | target | reached |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(cells)} |" for cells in ROWS]
    lines += [f"\nLeft out: {it}." for it in LEFT_OUT]
    return "\n".join(lines) + "\n"


def write_document(text):
    path = Path(__file__).resolve().parent.parent / "docs/PERFORMANCE.md"
    document = path.read_text()
    pattern = r"(?s)(<!-- table -->\n).*(<!-- end of table -->)"
    path.write_text(re.sub(pattern, lambda it: it[1] + text + it[2], document))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orch", required=True)
    parser.add_argument("--quick", action="store_true", help="fewer runs, and no JavaScript tools")
    parser.add_argument("--only", default="", help="parts whose name holds this word")
    parser.add_argument("--write", action="store_true", help="put the table into docs/PERFORMANCE.md")
    parser.add_argument("--keep", type=Path, help="use this folder, and leave the repositories there")
    args = parser.parse_args()
    parts = ["noop", "changed", "built", "true", "session", "parse"] + ([] if args.quick else ["js"])
    with tempfile.TemporaryDirectory(prefix="orch-bench-") as scratch:
        scratch = args.keep or Path(scratch)
        scratch.mkdir(parents=True, exist_ok=True)
        bench = Bench(args, scratch)
        for name in parts:
            if args.only in name:
                say(f"== {name}")
                getattr(bench, f"part_{name}")()
    print(table(), end="")
    if args.write:
        write_document(table())


if __name__ == "__main__":
    main()
