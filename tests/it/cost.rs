//! What was spent: the ledger equals what the stand-in for the CLI counted of itself, and no bound of a
//! budget is passed by what starts.

use std::fs;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{ORCH, Ran, Space, wait_until};

const SETTINGS: &str =
    "session: { scripted: sessions.yaml, env: [ORCH_SCRIPTED_LOG, ORCH_SCRIPTED_ACCOUNT] }\n";

/// What a call of the stand-in costs by list price, where no result told it: 100 tokens in, 10 out.
const CALL: f64 = 100.0 * 5e-6 + 10.0 * 25e-6;

/// A plan of tasks that wait for none but those they name, its stand-in's script, and more settings.
fn space(tasks: &str, sessions: &str, settings: &str) -> Space {
    let plan = format!(
        "meta: {{ name: Some Costs, order: free, backoff_base: 10ms }}\n\
         sections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
    );
    let space = Space::new(&[
        ("orch.yaml", &format!("{SETTINGS}{settings}")),
        ("plans/c.yaml", &plan),
        ("sessions.yaml", sessions),
        ("README", "Nothing yet.\n"),
    ]);
    let log = space.home().join("spent.jsonl");
    space.env("ORCH_SCRIPTED_LOG", log.to_str().unwrap())
}

/// What the stand-in counted of itself: dollars and calls. A session that told no result costs its calls.
fn counted(space: &Space) -> (f64, u64) {
    let text = fs::read_to_string(space.home().join("spent.jsonl")).unwrap_or_default();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut sum = 0.0;
    let mut open: std::collections::BTreeMap<String, f64> = Default::default();
    for line in &lines {
        let call = open.entry(line["session"].to_string()).or_default();
        match (line["cost"].as_f64(), line["call"].as_u64()) {
            (Some(cost), _) => {
                sum += cost;
                *call = 0.0;
            }
            (_, Some(1)) => {
                // Another process goes on with the session, and the one before told nothing.
                sum += *call;
                *call = CALL;
            }
            _ => *call += CALL,
        }
    }
    let calls = lines.iter().filter(|line| line["call"].is_u64()).count();
    (sum + open.values().sum::<f64>(), calls as u64)
}

fn cost(space: &Space, args: &[&str]) -> Value {
    let all = [&["cost", "--format", "json"], args].concat();
    serde_json::from_str(space.orch(&all).exits(0).stdout.trim()).unwrap()
}

/// The ledger equals the stand-in's count, by whatever it is summed up.
#[track_caller]
fn assert_counts_agree(space: &Space) {
    let (dollars, calls) = counted(space);
    for by in ["task", "section", "plan", "model", "agent", "attempt", "run", "day"] {
        let printed = cost(space, &["--by", by]);
        let near = |value: f64| (value - dollars).abs() < 1e-7;
        let groups = printed["groups"].as_array().unwrap();
        let sum: f64 = groups.iter().map(|it| it["cost_usd"].as_f64().unwrap()).sum();
        assert!(
            near(printed["total"]["cost_usd"].as_f64().unwrap()),
            "{by}: {dollars} {printed:#}"
        );
        assert!(near(sum), "{by}: {dollars} {printed:#}");
        assert_eq!(printed["total"]["output_tokens"].as_u64().unwrap(), 10 * calls, "{by}");
    }
}

const EVERYTHING: &str = "  - { id: plain, name: Plain, description: It just works. }
  - { id: resumed, name: Resumed, description: It forgets its status file. }
  - { id: retried, name: Retried, description: It fails once. }
  - { id: killed, name: Killed, description: It is killed once. }
  - { id: rejected, name: Rejected, description: It is bad once., validators: [validator] }
  - { id: mute, name: Mute, description: Its validator is mute once., validators: [validator] }
  - { id: command, name: Command, description: It costs nothing., run: echo made > made.txt }
";

const EVERY_SESSION: &str = "\
plain:
- [ { write: { path: plain.txt, content: x } }, { cost: 0.25 } ]
resumed:
- [ { write: { path: resumed.txt, content: x } }, { cost: 0.5 }, { status: none } ]
- [ { say: Sorry. }, { cost: 0.125 }, { status: none } ]
- [ { write: { path: resumed.txt, content: x } }, { cost: 0.0625 } ]
retried:
- [ { say: No. }, { cost: 0.03 }, { fail: { class: unknown } } ]
- [ { write: { path: retried.txt, content: x } }, { cost: 0.04 } ]
killed:
- [ { say: One. }, { say: Two. }, { fail: { class: killed } } ]
- [ { write: { path: killed.txt, content: x } }, { cost: 0.07 } ]
rejected:
- [ { write: { path: rejected.txt, content: bad } }, { cost: 0.11 } ]
- [ { write: { path: rejected.txt, content: good } }, { cost: 0.12 } ]
'validate:validator:rejected':
- [ { read: README }, { cost: 0.013 }, { verdict: FAIL } ]
- [ { read: README }, { cost: 0.014 }, { verdict: PASS } ]
mute:
- [ { write: { path: mute.txt, content: x } }, { cost: 0.17 } ]
'validate:validator:mute':
- [ { say: I have no idea. }, { cost: 0.015 } ]
";

#[test]
fn every_attempt_resume_retry_validator_and_kill_is_booked_once() {
    let space = space(EVERYTHING, EVERY_SESSION, "");
    let built = space.build(&["-j", "3", "-k"], 1);
    let (dollars, _) = counted(&space);
    let summary = built.value["cost_usd"].as_f64().unwrap();
    assert!((summary - dollars).abs() < 1e-7, "{summary} {dollars}");
    let built = built.has(&[("accepted", 6), ("failed", 1)]);
    assert_counts_agree(&space);

    let printed = cost(&space, &["--by", "task"]);
    let of = |task: &str, key: &str| {
        let groups = printed["groups"].as_array().unwrap();
        let group = groups.iter().find(|it| it["name"] == format!("c//{task}"));
        let group = group.unwrap_or_else(|| panic!("{task} in {printed:#}"));
        group[key].as_f64().unwrap_or_else(|| panic!("{key} in {group}"))
    };
    assert_eq!(of("resumed", "cost_usd"), 0.6875, "each turn of the session once");
    assert_eq!(of("resumed", "failed_usd"), 0.625);
    assert_eq!((of("retried", "sessions"), of("retried", "failed_usd")), (2.0, 0.03));
    assert_eq!((of("killed", "estimated"), of("killed", "failed_usd")), (1.0, 2.0 * CALL));
    assert_eq!(of("rejected", "failed_usd"), 0.11, "a result that was rejected bought nothing");
    assert_eq!(of("rejected", "validation_usd"), 0.027);
    assert_eq!(of("mute", "validation_usd"), 0.03, "asked twice");
    assert_eq!(of("mute", "failed_usd"), 0.17);
    assert!(printed["groups"].as_array().unwrap().iter().all(|it| it["name"] != "c//command"));

    // What the next build spends comes to it, whatever the first one did.
    drop(built);
    space.replace(
        "sessions.yaml",
        "{ say: I have no idea. }, { cost: 0.015 }",
        "{ read: README }, { cost: 0.016 }, { verdict: PASS }",
    );
    space.build(&["-k", "--force", "c//plain", "--force", "c//mute"], 0);
    assert_counts_agree(&space);
    assert_eq!(cost(&space, &["--by", "run"])["groups"].as_array().unwrap().len(), 2);
    assert_eq!(cost(&space, &["c//plain"])["total"]["cost_usd"], 0.5);
}

/// Starts a build that runs until it is killed.
fn start(space: &Space) -> Child {
    let mut build = space.bare(ORCH);
    build.arg("build").current_dir(space.root()).stdout(Stdio::null()).stderr(Stdio::null());
    build.spawn().unwrap()
}

#[test]
fn sessions_that_died_with_orch_are_booked_by_the_next_build() {
    let tasks = "  - { id: a, name: A, description: It hangs. }\n  - { id: b, name: B, description: It hangs, too. }\n";
    let hanging = "'*':\n- [ { say: One. }, { say: Two. }, hang ]\n";
    let space = space(tasks, hanging, "");
    let mut build = start(&space);
    wait_until(|| counted(&space).1 == 4);
    let run = space.root().join(".orch/run");
    let transcripts = || {
        let folders = fs::read_dir(&run).into_iter().flatten().flatten();
        let files = folders.map(|folder| folder.path().join("transcript"));
        files.filter(|it| it.is_file()).collect::<Vec<_>>()
    };
    let is_whole = |text: String| text.contains("Two.") && text.ends_with('\n');
    wait_until(|| {
        let all = transcripts();
        all.len() == 2 && all.iter().all(|it| is_whole(fs::read_to_string(it).unwrap()))
    });
    build.kill().unwrap();
    build.wait().unwrap();
    let said = space.orch(&["cost"]).exits(0);
    said.says(&["for 2 sessions", "2 sessions cut short: estimated by list price"]);

    // Of one nothing is left.
    fs::remove_file(&transcripts()[0]).unwrap();
    space.write(
        "sessions.yaml",
        "'*':\n- [ { say: Done. }, { write: { path: x.txt, content: x } }, { cost: 0.5 } ]\n",
    );
    let task = |name: &str| {
        format!(
            "'{name}':\n- [ {{ write: {{ path: {name}.txt, content: x }} }}, {{ cost: 0.5 }} ]\n"
        )
    };
    space.write("sessions.yaml", &format!("{}{}", task("a"), task("b")));
    let built = space.orch(&["build", "-v"]).exits(0);
    built.complains(&[
        "orch was killed while sessions ran: booked $0.0015 for c//",
        "is not known: orch was killed",
    ]);
    let printed = cost(&space, &["--by", "attempt"]);
    let total = &printed["total"];
    assert_eq!((&total["estimated"], &total["unknown"]), (&1.into(), &1.into()), "{printed:#}");
    let (dollars, _) = counted(&space);
    let booked = total["cost_usd"].as_f64().unwrap();
    assert!((dollars - booked - 2.0 * CALL).abs() < 1e-7, "all but the lost one: {printed:#}");
    assert_eq!(printed["n_open"], 0);
    let text = space.orch(&["cost"]).exits(0);
    text.says(&["+?", "of unknown cost, counted as nothing", "estimated by list price"]);
    space.build(&[], 0).has(&[("sessions", 0)]);
    assert_eq!(cost(&space, &["--by", "attempt"]), printed, "and only once");
}

#[test]
fn orch_that_died_in_a_set_up_line_had_no_session_to_book() {
    let tasks = "  - { id: a, name: A, description: It never starts. }\n";
    let sessions = "'*':\n- [ { write: { path: x.txt, content: x } }, { cost: 0.5 } ]\n";
    let waits = "echo it came so far; touch $HOME/at; sleep 600";
    let space = space(tasks, sessions, &format!("worktree: {{ setup: '{waits}' }}\n"));
    let mut build = start(&space);
    wait_until(|| space.home().join("at").exists());
    build.kill().unwrap();
    build.wait().unwrap();
    space.replace("orch.yaml", waits, "true");
    let built = space.orch(&["build"]).exits(0).shown();
    assert!(!built.contains("is not known"), "{built}");
    let total = &cost(&space, &[])["total"];
    assert_eq!((&total["cost_usd"], &total["sessions"]), (&0.5.into(), &1.into()), "{total:#}");
    space.orch(&["log", "c//a", "--attempt", "1"]).exits(0).says(&["it came so far"]);
}

fn tasks(names: &[&str]) -> String {
    let task =
        |name: &&str| format!("  - {{ id: {name}, name: {name}, description: It is {name}. }}\n");
    names.iter().map(task).collect()
}

fn paid(names: &[&str], dollars: f64) -> String {
    let session = |name: &&str| {
        format!(
            "{name}:\n- [ {{ write: {{ path: {name}.txt, content: x }} }}, {{ cost: {dollars} }} ]\n"
        )
    };
    names.iter().map(session).collect()
}

fn four(settings: &str) -> Space {
    let names = ["a", "b", "c", "d"];
    space(&tasks(&names), &paid(&names, 0.4), settings)
}

#[test]
fn at_the_budget_nothing_new_starts_and_a_larger_one_goes_on() {
    for jobs in ["1", "4"] {
        let space = four("budget: { run: 1.0 }\n");
        let built = space.build(&["-j", jobs], 4).has(&[("ran", 2), ("held", 2), ("failed", 0)]);
        assert_eq!(built.value["cost_usd"], 0.8, "the third would cost more than is left");
        built.ran.says(&[
            "budget of this build: $0.80 of $1.00 spent, and this is likely to cost $0.40",
        ]);
        space.build(&["-j", jobs], 0).has(&[("accepted", 4), ("ran", 2)]);
        assert_counts_agree(&space);
    }
}

#[test]
fn flags_win_over_settings_in_both_spellings_and_zero_is_not_given() {
    let check = |flags: &[&str], code: i32, ran: u64| {
        let space = four("budget: { run: 1.0 }\n");
        space.build(&[&["-j", "1"], flags].concat(), code).has(&[("ran", ran)]);
    };
    check(&["--quota-ceiling", "5"], 0, 4);
    check(&["--quota-ceiling-usd", "5", "--max-quota-percent", "10"], 4, 1);
    check(&["--max-budget-pct", "50"], 4, 1);
    check(&["--quota-ceiling", "5", "--reserved-budget", "3.75"], 4, 3);
    check(&["--reserved-budget-usd", "0.15"], 4, 2);
    check(&["--quota-ceiling", "0"], 4, 2);
}

#[test]
fn a_plans_and_a_days_budget_are_those_of_all_builds() {
    let space = four("");
    let meta = "meta: { budget: { quota_ceiling_usd: 1.0 },";
    space.replace("plans/c.yaml", "meta: {", meta);
    space.build(&["-j", "1"], 4).has(&[("ran", 2)]);
    let again = space.build(&["-j", "1"], 4).has(&[("ran", 0), ("sessions", 0)]);
    again.ran.says(&["budget of plan c: $0.80 of $1.00 spent"]);
    space.build(&["-j", "1", "--quota-ceiling", "1.25"], 4).has(&[("ran", 1)]);
    space.replace("plans/c.yaml", meta, "meta: {");
    space.build(&["-j", "1"], 0).has(&[("ran", 1)]);

    let space = four("budget: { day: 1.0 }\n");
    space.build(&["-j", "1"], 4).has(&[("ran", 2)]);
    space.build(&["-j", "1"], 4).has(&[("ran", 0)]).ran.says(&["budget of today (UTC)"]);
}

#[test]
fn a_session_cut_by_the_budget_is_held_and_one_cut_by_its_rule_has_failed() {
    let expensive = space(&tasks(&["a"]), &paid(&["a"], 2.0), "");
    let built = expensive.build(&["--quota-ceiling", "1"], 4);
    let built = built.has(&[("held", 1), ("failed", 0), ("sessions", 1)]);
    assert_eq!(built.value["cost_usd"], 2.0, "a session ends with the call that passed its cap");
    assert!(!expensive.read("plans/c.yaml").contains("failed"));
    expensive.orch(&["show", "c//a"]).exits(0);
    let status = expensive.orch(&["status", "--format", "json"]).exits(0).stdout;
    assert!(status.contains("\"attempts\":0"), "{status}");
    expensive.build(&[], 0).has(&[("ran", 1)]);
    assert_counts_agree(&expensive);

    let bounded = space(&tasks(&["a"]), &paid(&["a"], 2.0), "");
    bounded
        .write("rules/implement.yaml", "rule: implement\nextends: implement\nlimits: { usd: 1 }\n");
    let built = bounded.build(&["--quota-ceiling", "100"], 1);
    built.has(&[("failed", 1), ("held", 0), ("sessions", 3)]);
    assert_counts_agree(&bounded);
}

#[test]
fn work_that_was_paid_is_validated_whatever_is_left() {
    let tasks = "  - { id: a, name: A, description: It is done., validators: [validator] }\n";
    let sessions = format!(
        "{}'validate:*':\n- [ {{ read: README }}, {{ cost: 0.5 }}, {{ verdict: PASS }} ]\n",
        paid(&["a"], 0.35)
    );
    let space = space(tasks, &sessions, "budget: { run: 0.6, guess: 0.2 }\n");
    space.build(&[], 0).has(&[("accepted", 1), ("sessions", 2)]);
}

#[test]
fn a_preview_says_what_it_is_likely_to_cost_and_what_may_be_spent() {
    let space = four("budget: { run: 1.0 }\n");
    space.build(&["-j", "1"], 4);
    let preview = space.orch(&["build", "-n"]).exits(0);
    preview.says(&["(about $0.40)", "at most about $0.80", "; $1.00 may be spent"]);
    let preview = space.orch(&["build", "-n", "--quota-ceiling", "0.5"]).exits(0);
    preview.says(&["; $0.50 may be spent"]);
}

fn report_of(space: &Space, place: &str) -> Value {
    serde_json::from_str(&space.read(place)).unwrap()
}

#[test]
fn plans_of_one_title_have_a_usage_report_each() {
    let plan = |task: &str| {
        format!(
            "meta: {{ name: Same }}\nsections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: {task}, name: N, description: D }}\n"
        )
    };
    let task = |name: &str| {
        format!(
            "'{name}':\n- [ {{ write: {{ path: {name}.txt, content: x }} }}, {{ cost: 0.5 }} ]\n"
        )
    };
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/north.yaml", &plan("n")),
        ("plans/south.yaml", &plan("s")),
        ("sessions.yaml", &(task("n") + &task("s"))),
    ]);
    for arguments in [&[][..], &["--force", "north", "--force", "south"]] {
        space.build(arguments, 0).has(&[("sessions", 2)]);
        let mut names: Vec<_> = std::fs::read_dir(space.root().join(".orch/reports"))
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name.ends_with("-usage-report.json"));
        names.sort();
        assert_eq!(names, ["same-south-usage-report.json", "same-usage-report.json"]);
        let of =
            |name: &str| report_of(&space, &format!(".orch/reports/{name}"))["plan_path"].clone();
        assert_eq!(
            (of(&names[1]), of(&names[0])),
            ("plans/north.yaml".into(), "plans/south.yaml".into())
        );
    }
}

#[test]
fn the_usage_report_is_the_originals_and_no_change_of_the_checkout() {
    let (ignored, own) = (
        ".claude/plans/logs/some-costs-usage-report.json",
        ".orch/reports/some-costs-usage-report.json",
    );
    let space = four("");
    space.build(&[], 0);
    let report = report_of(&space, own);
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    let mut expected =
        ["plan_name", "plan_path", "completed_at", "total", "running_total", "sections", "tasks"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(
        (&report["plan_name"], &report["plan_path"]),
        (&"Some Costs".into(), &"plans/c.yaml".into())
    );
    assert_eq!(report["total"]["cost_usd"], 1.6);
    assert_eq!(report["total"]["cache_hit_rate"], 0.0);
    assert_eq!(report["sections"][0]["task_count"], 4);
    assert_eq!(report["tasks"][3]["id"], "d");
    assert_eq!(report["tasks"][3]["cost_usd"], 0.4);
    assert_eq!(space.git(&["status", "--porcelain"]), "");

    // Where git ignores the original's folder it is there; a build that spends nothing leaves it.
    space.write(".gitignore", ".claude/plans/logs/\n");
    space.commit("ignored");
    space.build(&[], 0).has(&[("sessions", 0)]);
    assert!(!space.exists(ignored));
    space.build(&["--force", "c//a"], 0);
    assert_eq!(report_of(&space, ignored)["total"]["cost_usd"], 0.4, "of this run");
    assert_eq!(report_of(&space, ignored)["running_total"]["cost_usd"], 2.0, "of all runs");
    assert_eq!(report_of(&space, own)["total"]["cost_usd"], 1.6);
    assert_eq!(space.git(&["status", "--porcelain"]), "");
}

/// The reports of builds in a folder, oldest first.
fn sessions_in(space: &Space, folder: &str) -> Vec<Value> {
    let Ok(listed) = std::fs::read_dir(space.root().join(folder)) else { return Vec::new() };
    let names = listed.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|it| it.starts_with("pipeline-session-")).collect();
    // The second of one moment has a number behind the stamp.
    names.sort_by_key(|name| name.replace(".json", ""));
    names.iter().map(|name| report_of(space, &format!("{folder}/{name}"))).collect()
}

#[test]
fn each_build_that_spent_something_leaves_a_report_of_its_own() {
    let plan = |meta: &str, task: &str| {
        format!(
            "meta: {{ name: A / B{meta} }}\nsections:\n- id: s\n  name: S\n  tasks:\n  - {{ id: {task}, name: N, description: D }}\n"
        )
    };
    let task = |name: &str| {
        format!(
            "'{name}':\n- [ {{ write: {{ path: {name}.txt, content: x }} }}, {{ cost: 0.5 }} ]\n"
        )
    };
    let item = ", source_item: docs/defect-backlog/7-login-fails.md";
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        ("plans/north.yaml", &plan(item, "n")),
        ("plans/south.yaml", &plan("", "s")),
        ("sessions.yaml", &(task("n") + &task("s"))),
        ("docs/defect-backlog/7-login-fails.md", "# Login fails\n\nIt should not, and does.\n"),
        (".gitignore", ".orch/\n.claude/plans/logs/\n"),
    ]);
    let logs = ".claude/plans/logs";
    space.build(&[], 0).has(&[("sessions", 2)]);
    let first = sessions_in(&space, logs).remove(0);
    assert_eq!((&first["total_cost_usd"], &first["sessions"]), (&1.0.into(), &2.into()));
    let items = first["work_items"].as_array().unwrap().iter();
    let mut items: Vec<_> = items.map(|it| (it["name"].clone(), it["cost_usd"].clone())).collect();
    items.sort_by_key(|(name, _)| name.to_string());
    let expected =
        ["defect: 7 Login Fails", "resumed: south.yaml"].map(|it| (it.into(), 0.5.into()));
    assert_eq!(items, expected);

    space.build(&[], 0).has(&[("sessions", 0)]);
    assert_eq!(sessions_in(&space, logs).len(), 1, "nothing was spent");
    space.build(&["--force", "south"], 0).has(&[("sessions", 1)]);
    assert_eq!(sessions_in(&space, logs).len(), 2, "the first one stays");
    assert_eq!(space.git(&["status", "--porcelain"]), "");

    // A folder that is none is said, and changes nothing about the build.
    std::fs::remove_dir_all(space.root().join(logs)).unwrap();
    space.write(logs, "a file\n");
    let ran = space.orch(&["build", "--force", "south"]).exits(0);
    ran.complains(&["a usage report was not written"]);
}

#[test]
fn dollars_that_nobody_was_billed_are_said_to_be_an_estimate() {
    let check = |account: &str| -> Ran {
        let space = four("").env("ORCH_SCRIPTED_ACCOUNT", account);
        let built = space.orch(&["build"]).exits(0);
        assert_eq!(built.stdout.contains("~$1.60"), account == "none", "{}", built.shown());
        space.orch(&["cost", "c//a", "c//b"]).exits(0)
    };
    check("none").says(&["~$0.80 for 2 sessions", "API-equivalent estimate"]);
    let billed = check("ANTHROPIC_API_KEY");
    assert!(
        !billed.stdout.contains('~') && !billed.stdout.contains("estimate"),
        "{}",
        billed.stdout
    );
}

#[test]
fn on_a_subscription_no_amount_is_told_as_if_it_were_billed() {
    let check = |account: &str, mark: &str| {
        let space = four("budget: { run: 1.0 }\n").env("ORCH_SCRIPTED_ACCOUNT", account);
        let mut printed = space.orch(&["build", "-v", "-j", "1"]).exits(4).shown();
        for args in [
            &["status"][..],
            &["show", "c//a"],
            &["why", "c//d"],
            &["log", "c//a"],
            &["cost"],
            &["build", "-n", "--force", "c//a", "--quota-ceiling", "9"],
            &["build", "c//d", "--format", "json"],
        ] {
            printed.push_str(&space.orch(args).shown());
        }
        // A cap of the CLI's is an argument, and no amount that is told.
        let amounts: Vec<&str> =
            printed.match_indices('$').map(|(at, _)| &printed[at - 1..at + 4]).collect();
        assert!(amounts.len() > 20, "{printed}");
        for amount in amounts {
            assert_eq!(amount.starts_with('~'), mark == "~", "{amount} in\n{printed}");
        }
    };
    check("none", "~");
    check("ANTHROPIC_API_KEY", "");
}
