//! A repository that the original worked on: it works as it is, and `orch doctor` tells what is otherwise.

use std::fs;

use crate::sources::{read, shared};
use crate::support::Space;

fn plan(statuses: &[&str]) -> String {
    let task = |(at, status): (usize, &&str)| {
        let id = at + 1;
        format!(
            "  - {{ id: '{id}', name: Part {id}, description: Write it., status: {status}, agent: coder }}\n"
        )
    };
    let tasks: String = statuses.iter().enumerate().map(task).collect();
    format!(
        "meta: {{ name: A plan, created: '2026-02-13', max_attempts_default: 3 }}\nsections:\n- id: phase-1\n  name: All\n  tasks:\n{tasks}"
    )
}

/// As the original leaves one, in the middle of its work.
fn space() -> Space {
    let item = |status: &str, log: &str| {
        format!("# A defect\n\n## Status: {status}\n\n## Expected Behavior\n\nIt works.\n{log}")
    };
    let log =
        "\n## Verification Log\n\n### Verification #1 - 2026-02-17 01:25\n\n**Verdict: FAIL**\n";
    let space = Space::new(&[
        (".claude/orchestrator-config.yaml", "build_command: 'true'\ntest_command: 'true'\n"),
        (".claude/plans/1-done.yaml", &plan(&["completed", "completed"])),
        (".claude/plans/2-half.yaml", &plan(&["completed", "in_progress", "pending"])),
        (".claude/plans/3-new.yaml", &plan(&["pending"])),
        (".claude/plans/sample-plan.yaml", &plan(&["pending"])),
        (
            ".claude/agents/coder.md",
            "---\nname: coder\ntools: [Read, Edit, Write, Bash]\n---\nYou write code.\n",
        ),
        (".claude/agents/poet.md", "---\nname: poet\ntools: [Read]\n---\nYou write verse.\n"),
        (".claude/commands/implement.md", "Run `python scripts/plan-orchestrator.py`.\n"),
        ("scripts/plan-orchestrator.py", "print('x')\n"),
        ("docs/defect-backlog/01-x.md", &item("Open", log)),
        ("docs/defect-backlog/02-y.md", &item("Fixed", "")),
        ("docs/feature-backlog/1-z.md", &item("Open", "")),
        ("docs/completed-backlog/defects/00-w.md", &item("Fixed", "")),
        (
            ".gitignore",
            ".claude/plans/logs/\n.claude/plans/.stop\n.claude/agent-claims.json\n.claude/subagent-status/\n.claude/slack.local.yaml\nnode_modules/\n.env\n",
        ),
    ]);
    for (path, text) in [
        (".claude/plans/.stop", ""),
        (".claude/plans/logs/task-20260217-012500.log", "said\n"),
        (".claude/plans/logs/a-plan-usage-report.json", "{}\n"),
        (".claude/agent-claims.json", "{ \"claims\": [] }\n"),
        (".claude/subagent-status/subagent-1.json", "{}\n"),
        (".claude/slack.local.yaml", "slack: { enabled: false }\n"),
        ("node_modules/left/index.js", "\n"),
        (".env", "MODE=test\n"),
    ] {
        space.write(path, text);
    }
    space
}

/// What the doctor says of the original, line by line.
fn printed(space: &Space) -> String {
    let said = space.orch(&["doctor"]).stdout;
    let mut lines = Vec::new();
    let mut is_of_it = false;
    for line in said.lines() {
        if !line.starts_with("      help") {
            is_of_it = line.contains("  original  ") || line.contains("  otherwise  ");
        }
        lines.extend(is_of_it.then_some(line));
    }
    lines.join("\n")
}

#[test]
fn the_doctor_lists_what_it_found_and_what_is_otherwise() {
    let space = space();
    let before = space.picture();
    insta::assert_snapshot!(printed(&space), @r"
        ok    original    settings: .claude/orchestrator-config.yaml, read as written
        ok    original    3 plans, read as written: 1 completed, 1 half-finished, 1 not begun; cut off in the middle, and due again: 1 task
        ok    original    2 agents in .claude/agents, read as written: 1 in place of built-in ones of the same name
        ok    original    backlog: 2 items in docs/defect-backlog (1 open), 1 item in docs/feature-backlog (1 open), 1 of them has a verification log: cycles in it count
        warn  original    stop file .claude/plans/.stop: the next build ends at it before anything runs
              help: remove it, or say `orch resume`
        ok    original    1 log, 1 usage report in .claude/plans/logs: kept, and in no account of orch (Logs)
        ok    original    .claude/slack.local.yaml: nothing reads it yet, and nobody touches it (Slack)
        ok    original    .claude/subagent-status, .claude/agent-claims.json: not needed; what a session writes there never lands (Workers)
        ok    original    scripts/plan-orchestrator.py: usable as before, but never while orch runs (Going back)
        ok    original    .claude/commands/implement.md speaks of the original: move it away, then `orch init --claude` writes one for orch
        warn  original    git ignores node_modules, .env: sessions work in worktrees, which have none of it
              help: name it in orch.yaml: `worktree: { setup: npm ci, link: [node_modules], copy: [.env] }` (Worktrees)
        ok    otherwise   sessions have their agent's `tools` and no others; permissions are never skipped unless an agent says so (Permissions)
        ok    otherwise   each task runs in a worktree of its own and lands as one commit of its own files; yours are never swept in (Worktrees)
        ok    otherwise   what a plan says is `completed` is trusted; what orch built is due again once its text, design or inputs change (What is done)
        ok    otherwise   a task is done by evidence, not by its status file alone; the last FAIL of a validator fails it (What is done)
        ok    otherwise   `skipped` lets go on what depends on it; `in_progress` is due like `pending`; without `depends_on` the order of the file holds (Order)
        ok    otherwise   an agent is never guessed from a word in a description: the task's `agent`, else how its name begins (Agents)
        ok    otherwise   an item whose plan or verification fails is failed and stays where it is: it is never archived (Backlog)
        ok    otherwise   exit 0 means that all is accepted: 1 failed or blocked, 3 stopped, 4 budget, 75 usage limit (Exit codes)
        ");
    assert_eq!(space.picture(), before, "looking changes nothing");
}

#[test]
fn sections_that_the_doctor_names_are_in_the_guide() {
    let guide = read("docs/MIGRATION.md");
    let said = printed(&space());
    let named = said.lines().filter_map(|it| it.strip_suffix(')')?.rsplit_once('(')).map(|it| it.1);
    let named: Vec<&str> = named.collect();
    assert!(named.len() > 10, "{said}");
    for section in named {
        assert!(guide.lines().any(|it| it.trim_start_matches('#').trim() == section), "{section}");
    }
}

#[test]
fn where_the_original_never_was_the_doctor_says_nothing_of_it() {
    let space = Space::new(&[
        ("plans/p.yaml", &plan(&["pending"])),
        ("docs/feature-backlog/1-z.md", "# Z\n"),
    ]);
    assert_eq!(printed(&space), "");
}

#[test]
fn half_finished_plans_go_on_where_they_were() {
    let space = space();
    space.write("orch.yaml", "session: { scripted: sessions.yaml }\n");
    let writes =
        |id: &str| format!("'{id}': [{{ write: {{ path: part-{id}.txt, content: x }} }}]\n");
    space.write("sessions.yaml", &["1", "2", "3"].map(writes).concat());
    space.commit("orch");
    // The stop file of before stops one build, and no other.
    let plans = ["1-done", "2-half", "3-new"];
    space.build(&plans, 3).has(&[("sessions", 0)]);
    space.build(&plans, 0).has(&[("targets", 6), ("ran", 3), ("up_to_date", 3), ("sessions", 3)]);
    space.build(&plans, 0).has(&[("up_to_date", 6), ("sessions", 0)]);
}

#[test]
fn repositories_of_the_original_are_read_as_they_are() {
    let Some(corpus) = shared().map(|it| it.join("corpus")).filter(|it| it.is_dir()) else {
        return;
    };
    let space = Space::new(&[(".claude/orchestrator-config.yaml", "build_command: 'true'\n")]);
    for (from, to) in [
        ("plans", ".claude/plans"),
        ("agents", ".claude/agents"),
        ("backlog/defect", "docs/defect-backlog"),
        ("backlog/feature", "docs/feature-backlog"),
    ] {
        for entry in fs::read_dir(corpus.join(from)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            space.write(&format!("{to}/{name}"), &fs::read_to_string(entry.path()).unwrap());
        }
    }
    space.commit("as the original left it");
    space.orch(&["check"]).exits(0);
    space.orch(&["status"]).exits(0);
    let planned = space.orch(&["build", "-n"]).exits(0);
    let of_plans = planned.stdout.lines().filter_map(|it| it.strip_prefix("would run  "));
    let of_plans = of_plans.filter(|it| !it.starts_with("item:"));
    let is_open =
        |line: &str| ["4-when-", "5-slack-", "7-weve-"].iter().any(|it| line.starts_with(it));
    let wrong: Vec<&str> = of_plans.filter(|it| !is_open(it)).collect();
    assert!(wrong.is_empty(), "completed, and due again: {wrong:?}");
    assert!(
        printed(&space).contains("22 completed, 3 half-finished, 0 not begun"),
        "{}",
        printed(&space)
    );
}

const CLAIMED: &str = "\
meta: { name: Claimed }
sections:
- id: s
  name: All
  tasks:
  - { id: '1', name: One, description: Write one.txt., agent: coder, max_attempts: 1 }
";

/// The only session keeps to the protocol of the original's workers, and does `more`.
fn claimed(tracked: &[(&str, &str)], more: &str) -> Space {
    let sessions = format!(
        "'1':\n- - write: {{ path: .claude/subagent-status/subagent-1.json, content: '{{\"status\": \"working\"}}' }}\n  \
         - write: {{ path: .claude/agent-claims.json, content: '{{\"claims\": [1]}}' }}\n{more}"
    );
    let files = [
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/claimed.yaml", CLAIMED),
        ("sessions.yaml", sessions.as_str()),
    ];
    Space::new(&[&files[..], tracked].concat())
}

/// What is written for `.claude/` and what the CLI denies are no other matter.
const WORK: &str = "\
\x20 - write: { path: .orch/task/claude/subagent-status/subagent-2.json, content: '{}' }
  - deny: { tool: Write, path: .claude/agent-claims.json }
  - write: { path: one.txt, content: x }
";

#[test]
fn what_workers_say_to_one_another_never_lands() {
    for tracked in [&[][..], &[(".claude/agent-claims.json", "{}\n")]] {
        let space = claimed(tracked, WORK);
        let ran = space.orch(&["build"]).exits(0);
        let shown = ran.shown();
        assert!(!["warn", "subagent", "denied"].iter().any(|it| shown.contains(it)), "{shown}");
        let landed = space.git(&["show", "--name-only", "--format=", "HEAD~1..HEAD"]);
        assert!(!landed.contains(".claude"), "{landed}");
        assert_eq!(space.read("one.txt"), "x");
        assert_eq!(space.git(&["status", "--porcelain"]), "");
        space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    }
}

#[test]
fn a_session_that_only_claims_has_changed_nothing() {
    let ran = claimed(&[], "").orch(&["build"]).exits(1);
    assert!(ran.shown().contains("nothing was changed"), "{}", ran.shown());
}

#[test]
fn old_claims_can_be_cleared_away() {
    let space = claimed(&[(".claude/agent-claims.json", "{}\n")], "");
    space.write("sessions.yaml", "'1': [{ delete: .claude/agent-claims.json }]\n");
    space.commit("a session that clears them away");
    space.build(&[], 0).has(&[("accepted", 1)]);
    assert!(!space.exists(".claude/agent-claims.json"));
}
