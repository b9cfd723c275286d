//! Competitions of proposals, by the built program.

use serde_json::Value;

use crate::support::{Space, wait_until};

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";

const PLAN: &str = "\
meta: { name: Pick }
sections:
- id: s
  name: S
  status: pending
  tasks:
  - id: '1'
    name: Design competition for a store
    description: Write docs/d.md.
    status: pending
    max_attempts: 1
    outputs: [docs/d.md]
";

/// Each proposal waits for all others, so that fewer than three at once would never end.
const TOGETHER: &str = "touch HOME/at-$ORCH_ATTEMPT_NUMBER; n=0; while [ $(ls HOME | grep -c ^at-) -lt 3 ] && [ $n -lt 600 ]; do sleep 0.05; n=$((n+1)); done; ls HOME | grep -c ^at- >> HOME/together";

const WRITES: &str = "write: { path: docs/d.md, content: \"by NUMBER\\n\" }";
const LOOKS: &str = "  - run: \"find .orch/task/proposals -type f | sort > HOME/seen; cat .orch/task/proposals/B/docs/d.md > HOME/b; git status --porcelain >> HOME/seen; ls docs >> HOME/seen\"\n";
const PICKS_B: &str = "  - structured: { winner: B, scores: { A: 6, B: 9, C: 4.5 }, reasons: It grows. }\n  - cost: 0.5\n";

/// A script of three proposals that cost 0.1, 0.2 and 0.3, each with further steps, and of a judge.
fn script(steps: [&str; 3], judge: &str) -> String {
    let proposal = |(n, step): (usize, &&str)| {
        let writes = WRITES.replace("NUMBER", &n.to_string());
        format!("- - {writes}\n  - cost: 0.{n}\n{step}")
    };
    let proposals: String = (1..).zip(&steps).map(proposal).collect();
    format!("'1':\n{proposals}'validate:design-judge':\n{judge}")
}

fn space(script: &str) -> Space {
    let files = [("orch.yaml", SETTINGS), ("plans/pick.yaml", PLAN), (".gitignore", "/.orch/\n")];
    let space = Space::new(&files);
    let home = space.home().display().to_string();
    space.write("sessions.yaml", &script.replace("HOME", &home));
    space.commit("sessions");
    space
}

fn judge(steps: &str) -> String {
    format!("- {}{steps}", LOOKS.trim_start())
}

fn refs(space: &Space) -> String {
    space.git(&["for-each-ref", "--format=%(refname)", "refs/orch/proposals"])
}

fn home(space: &Space, file: &str) -> String {
    std::fs::read_to_string(space.home().join(file)).unwrap_or_default()
}

#[test]
fn three_at_once_are_judged_blind_the_winner_lands_and_the_others_are_kept() {
    let together = format!("  - run: {}\n", serde_json::to_string(TOGETHER).unwrap());
    let space = space(&script([&together, &together, &together], &judge(PICKS_B)));
    let built = space.build(&["-j", "3"], 0);
    assert!((built.value["cost_usd"].as_f64().unwrap() - 1.1).abs() < 1e-9, "{}", built.value);
    built.has(&[("accepted", 1), ("ran", 1), ("sessions", 4)]);
    assert_eq!(home(&space, "together"), "3\n3\n3\n");
    let exhibits = "A/docs/d.md\nB/docs/d.md\nC/docs/d.md\n"
        .split_inclusive('\n')
        .map(|it| format!(".orch/task/proposals/{it}"));
    assert_eq!(home(&space, "seen"), exhibits.collect::<String>(), "a clean worktree without any");
    assert_eq!(space.landed(), ["pick//1: Design competition for a store", "sessions", "start"]);
    assert_eq!(space.read("docs/d.md"), home(&space, "b"), "what the judge saw as B landed");
    assert_eq!(refs(&space), "refs/orch/proposals/pick/1/A\nrefs/orch/proposals/pick/1/C");
    let shown = space.git(&["show", "refs/orch/proposals/pick/1/A:docs/d.md"]);
    assert!(shown.starts_with("by ") && shown != space.read("docs/d.md").trim(), "{shown}");
    let message = space.git(&["log", "--grep", "Orch-Task: pick//1", "--format=%B", "-1"]);
    assert!(message.contains("\nOrch-Proposal: B of A 6, B 9, C 4.5\n"), "{message}");
    assert!(message.contains("\nOrch-Cost-USD: 1.1"), "{message}");
    space.build(&[], 0).has(&[("up_to_date", 1), ("sessions", 0)]);
    assert_eq!(space.git(&["status", "--porcelain"]), "");
    printed(&space);
}

/// `show` tells who was behind the labels, as text and as JSON.
fn printed(space: &Space) {
    let kept = "refs/orch/proposals/pick/1/C";
    space.orch(&["show", "pick//1"]).exits(0).says(&[
        "judged    proposal B by its judge",
        "prop. A   6, model",
        kept,
        "It grows.",
        "proposal C",
        "design-judge on attempt 1",
    ]);
    let shown = space.orch(&["show", "pick//1", "--format", "json"]).exits(0);
    let shown: Value = serde_json::from_str(shown.stdout.lines().next().unwrap()).unwrap();
    let entrants = shown["judged"]["entrants"].as_array().unwrap();
    let scores: Vec<f64> = entrants.iter().map(|it| it["score"].as_f64().unwrap()).collect();
    assert_eq!(scores, [6.0, 9.0, 4.5]);
    assert!(
        entrants.iter().all(|it| it["session"].is_string() && it["cost_usd"].as_f64() > Some(0.0))
    );
}

#[test]
fn proposals_count_against_the_slots() {
    let counts = "n=$(ls HOME | grep -c ^now-); touch HOME/now-$ORCH_ATTEMPT_NUMBER; sleep 0.1; ls HOME | grep -c ^now- >> HOME/most; rm HOME/now-$ORCH_ATTEMPT_NUMBER";
    let counts = format!("  - run: {}\n", serde_json::to_string(counts).unwrap());
    let space = space(&script([&counts, &counts, &counts], &judge(PICKS_B)));
    space.build(&["-j", "1"], 0).has(&[("accepted", 1), ("sessions", 4)]);
    assert_eq!(home(&space, "most"), "1\n1\n1\n");
}

#[test]
fn a_failed_proposal_is_not_judged_and_one_alone_goes_on_loudly() {
    let fails = "  - status: failed\n";
    let space = space(&script([fails, "", fails], &judge(PICKS_B)));
    let built = space.build(&["-j", "3", "--events", "events.jsonl"], 0);
    built.has(&[("accepted", 1), ("sessions", 3)]);
    assert_eq!(space.read("docs/d.md"), "by 2\n");
    let events = space.read("events.jsonl");
    assert!(events.contains("2 of 3 proposals are out"), "{events}");
    space.orch(&["show", "pick//1"]).exits(0).says(&["unopposed", "out: proposal"]);
}

#[test]
fn a_judge_that_lies_lands_nothing_and_the_next_build_pays_for_no_proposal_again() {
    let check = |lie: &str| {
        let space = space(&script(["", "", ""], &judge(lie)));
        let built = space.build(&["-j", "3"], 1);
        built.has(&[("accepted", 0), ("sessions", 5)]);
        assert_eq!(space.landed(), ["sessions", "start"]);
        assert!(!space.exists("docs/d.md"));
        assert_eq!(refs(&space).lines().count(), 3);
        let plan = space.read("plans/pick.yaml");
        assert!(plan.contains("reached no verdict"), "{plan}");
        space.replace("sessions.yaml", lie, PICKS_B);
        space.orch(&["retry", "pick//1"]).exits(0);
        space.build(&["-j", "3"], 0).has(&[("accepted", 1), ("sessions", 1)]);
        assert_eq!(space.read("docs/d.md"), home(&space, "b"));
        assert_eq!(refs(&space).lines().count(), 2);
    };
    check("  - structured: { winner: D, scores: { A: 6, B: 9, C: 4 }, reasons: x }\n");
    check("  - structured: { winner: A, scores: { A: 6, B: 9, C: 4 }, reasons: x }\n");
    check("  - say: B is the best.\n");
}

#[test]
fn a_judge_that_looked_at_nothing_has_chosen_nobody() {
    let lie = format!("- - {}", PICKS_B.trim_start().trim_start_matches("- "));
    let space = space(&script(["", "", ""], &lie));
    space.build(&["-j", "3"], 1).has(&[("accepted", 0), ("sessions", 5)]);
    assert_eq!(space.landed(), ["sessions", "start"]);
}

#[test]
fn a_killed_orch_has_lost_no_proposal_that_was_done() {
    let hang = "  - run: touch HOME/hangs\n  - hang\n";
    let space = space(&script(["", "", hang], &judge(PICKS_B)));
    let mut command = space.bare(crate::support::ORCH);
    command.args(["build", "-j", "3"]).current_dir(space.root());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut orch = command.spawn().unwrap();
    let is_there = || space.home().join("hangs").exists() && refs(&space).lines().count() == 2;
    wait_until(|| is_there() && journal(&space).matches("\"record\":\"proposed\"").count() == 2);
    orch.kill().unwrap();
    orch.wait().unwrap();
    let text = space.read("sessions.yaml");
    space.write("sessions.yaml", &text.replace("  - hang\n", ""));
    space.build(&["-j", "3"], 0).has(&[("accepted", 1), ("sessions", 2)]);
    assert_eq!(refs(&space).lines().count(), 2);
}

#[test]
fn a_stop_lets_what_runs_finish_and_starts_no_further_proposal() {
    let waits = "  - run: touch HOME/runs; while [ ! -e HOME/go ]; do sleep 0.05; done\n";
    let space = space(&script([waits, "", ""], &judge(PICKS_B)));
    let said = space.home().join("said");
    let mut command = space.bare(crate::support::ORCH);
    command.args(["build", "-j", "1"]).current_dir(space.root());
    command.stdout(std::fs::File::create(&said).unwrap());
    command.stderr(std::fs::File::create(space.home().join("err")).unwrap());
    let mut orch = command.spawn().unwrap();
    wait_until(|| space.home().join("runs").exists());
    space.bare("kill").args(["-INT", &orch.id().to_string()]).status().unwrap();
    wait_until(|| (home(&space, "said") + &home(&space, "err")).contains("may finish"));
    std::fs::write(space.home().join("go"), "").unwrap();
    assert_eq!(orch.wait().unwrap().code(), Some(130));
    assert_eq!(refs(&space).lines().count(), 1);
    assert_eq!(space.landed(), ["sessions", "start"]);
    space.build(&["-j", "3"], 0).has(&[("accepted", 1), ("sessions", 3)]);
}

#[test]
fn a_kept_proposal_that_somebody_took_away_or_changed_is_made_again() {
    let lie = "  - say: B is the best.\n";
    let space = space(&script(["", "", ""], &judge(lie)));
    space.build(&["-j", "3"], 1).has(&[("sessions", 5)]);
    space.git(&["update-ref", "-d", "refs/orch/proposals/pick/1/A"]);
    space.git(&["update-ref", "refs/orch/proposals/pick/1/B", "main"]);
    space.replace("sessions.yaml", lie, PICKS_B);
    space.orch(&["retry", "pick//1"]).exits(0);
    space.build(&["-j", "3"], 0).has(&[("accepted", 1), ("sessions", 3)]);
    assert_eq!(space.read("docs/d.md"), home(&space, "b"));
    assert_eq!(refs(&space), "refs/orch/proposals/pick/1/A\nrefs/orch/proposals/pick/1/C");
}

#[test]
fn a_winner_of_an_earlier_build_lands_onto_what_came_since_and_replays_from_the_cache() {
    let lie = "  - say: B is the best.\n";
    let space = space(&script(["", "", ""], &judge(lie)));
    space.write("docs/other.md", "before\n");
    space.commit("other");
    space.build(&["-j", "3"], 1).has(&[("sessions", 5)]);
    space.write("docs/other.md", "after\n");
    space.commit("a person's");
    space.replace("sessions.yaml", lie, PICKS_B);
    space.orch(&["retry", "pick//1"]).exits(0);
    space.build(&["-j", "3"], 0).has(&[("accepted", 1), ("sessions", 1)]);
    assert_eq!(space.read("docs/other.md"), "after\n");
    let winner = space.read("docs/d.md");
    assert_eq!(winner, home(&space, "b"));
    space.orch(&["cache", "verify"]).exits(0);
    // The result is whole in the cache: after a reset it comes from there.
    space.git(&["stash", "--quiet"]);
    space.git(&["reset", "--quiet", "--hard", ":/a person's"]);
    space.build(&[], 0).has(&[("accepted", 1), ("replayed", 1), ("sessions", 0)]);
    assert_eq!(space.read("docs/d.md"), winner);
}

fn journal(space: &Space) -> String {
    std::fs::read_to_string(space.root().join(".orch/journal-v1")).unwrap_or_default()
}

#[test]
fn the_users_uncommitted_files_are_in_no_proposal() {
    let space = space(&script(["", "", ""], &judge(PICKS_B)));
    space.write("notes.txt", "mine");
    space.replace("sessions.yaml", "It grows.", "It really grows.");
    let before = space.git(&["status", "--porcelain"]);
    space.build(&["-j", "3"], 0).has(&[("accepted", 1)]);
    assert_eq!(space.git(&["status", "--porcelain"]), before);
    let files = space.git(&["show", "--format=", "--name-only", "refs/orch/proposals/pick/1/A"]);
    assert_eq!(files, "docs/d.md");
}

#[test]
fn the_sample_is_designed_judged_planned_and_built() {
    let sample = "docs/samples/design-competition-sessions.yaml";
    let space = Space::new(&[
        ("orch.yaml", &format!("session: {{ scripted: {sample} }}\n")),
        ("plans/design-competition.yaml", include_str!("../../plans/design-competition.yaml")),
        (sample, include_str!("../../docs/samples/design-competition-sessions.yaml")),
    ]);
    space.build(&["-j", "3"], 0).has(&[("accepted", 4), ("sessions", 6)]);
    assert!(space.exists("lib/settings.sh"));
    let plan = space.read("plans/design-competition.yaml");
    assert!(plan.contains("id: phase-1") && plan.starts_with("# Three designs"), "{plan}");
    assert_eq!(
        refs(&space),
        "refs/orch/proposals/design-competition/0.1/A\nrefs/orch/proposals/design-competition/0.1/C"
    );
    space.build(&["-j", "3"], 0).has(&[("up_to_date", 4), ("sessions", 0)]);
}
