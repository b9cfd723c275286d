//! What an attempt left, on its way to the branch, and what comes in its way.

use std::collections::BTreeMap;

use super::kept::Kept;
use super::merge::Cached;
use super::*;
use crate::base::name::{AttemptId, OutputDigest, RelPath, TreeId};
use crate::engine::event::Written;
use crate::engine::record::Decision;
use crate::engine::why::{Obstacle, ParkedCount};
use crate::host::git::scratch::{Scratch, path, request, result};
use crate::host::store::folder::Access;

const PLAN: &str = "meta: { name: demo }\nsections:\n- id: s\n  name: S\n  status: pending\n  tasks:\n  \
                    - id: '1'\n    name: Make\n    status: pending\n    run: 'true'\n";

fn scratch() -> (Scratch, State) {
    let files = [("plans/demo.yaml", PLAN), ("a.txt", "1\n2\n3\n"), (".gitignore", ".orch/\n")];
    let scratch = Scratch::new(&files);
    let state = State::open(&scratch.root(), Access::ReadWrite, Vec::new()).unwrap();
    (scratch, state)
}

/// As an attempt leaves it that wrote these files onto the tip.
fn left(scratch: &Scratch, files: &[(&str, Option<&str>)]) -> Kept {
    let base = scratch.base();
    let tree = scratch.edited(&base.tree, files);
    Kept {
        task: request("1", OutputDigest(crate::base::digest::Digest::of(b""))).task,
        base: base.tree,
        tree,
        tip: base.tip.clone(),
        stands_on: base.tip,
        worktree: None,
        stays: false,
        start: None,
        merged: None,
        users: None,
        left_out: Vec::new(),
    }
}

fn output_of(state: &State, kept: &Kept) -> OutputDigest {
    state.checkout.repo.patch_between(&kept.base, &kept.tree).unwrap().output_digest()
}

/// The merge of what attempt 1 left; the candidate where it is clean.
fn merged(landings: &mut Landings, state: &mut State) -> std::result::Result<TreeId, Vec<RelPath>> {
    match landings.merge(AttemptId(1), state).unwrap() {
        Event::Merged { merged, .. } => Ok(merged.candidate),
        Event::Conflicted { conflict, .. } => Err(conflict.paths),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_an_attempt_left_lands_with_its_status_line() {
    let (scratch, mut state) = scratch();
    let mut landings = Landings::default();
    let kept = left(&scratch, &[("made.txt", Some("made\n"))]);
    let request = request("1", output_of(&state, &kept));
    landings.keep(AttemptId(1), kept);
    merged(&mut landings, &mut state).unwrap();
    let events = landings.land(&request, &mut state).unwrap();
    let is_written = |it: &Event| matches!(it, Event::StatusWritten { written: Written::Kept, .. });
    assert!(events.iter().any(is_written), "{events:?}");
    assert!(matches!(events.last(), Some(Event::Landed { placement: Placement::OnBranch, .. })));
    assert_eq!(scratch.read("made.txt"), "made\n");
    assert!(scratch.read("plans/demo.yaml").contains("status: completed"));
    assert_eq!(scratch.head(), state.checkout.tip);
    assert!(landings.statuses.is_empty() && landings.following.waiting().is_none());
}

#[test]
fn a_landing_waits_where_the_user_has_edited_the_file() {
    let (scratch, mut state) = scratch();
    let mut landings = Landings::default();
    let kept = left(&scratch, &[("a.txt", Some("1\n2\nthree\n"))]);
    let request = request("1", output_of(&state, &kept));
    landings.keep(AttemptId(1), kept);
    merged(&mut landings, &mut state).unwrap();
    scratch.write("a.txt", "one\n2\n3\n");
    let events = landings.land(&request, &mut state).unwrap();
    let last = events.last();
    assert!(matches!(
        last,
        Some(Event::Landed { placement: Placement::Parked(Obstacle::Edited(_)), .. })
    ));
    assert_eq!(scratch.read("a.txt"), "one\n2\n3\n");
    let waiting = landings.following.waiting().unwrap().clone();
    assert_eq!(waiting.count, Some(ParkedCount { commits: 1, landings: 1 }));
    assert_eq!(landings.picture(&state, Extent::Whole).parked, Some(waiting));
    // Nothing stands in the way any more.
    scratch.git(&["checkout", "-q", "a.txt"]);
    landings.following.take(&mut state.checkout).unwrap();
    assert_eq!(scratch.read("a.txt"), "1\n2\nthree\n");
    assert_eq!(landings.following.waiting(), None);
}

#[test]
fn a_conflict_names_its_paths_and_keeps_the_work() {
    let (scratch, mut state) = scratch();
    let mut landings = Landings::default();
    let kept = left(&scratch, &[("a.txt", Some("mine\n2\n3\n"))]);
    scratch.commit("meanwhile", &[("a.txt", "theirs\n2\n3\n")]);
    landings.keep(AttemptId(1), kept);
    assert_eq!(merged(&mut landings, &mut state), Err(vec![path("a.txt")]));
    let kept = scratch.git(&["for-each-ref", "--format=%(refname)", "refs/orch"]);
    let subject = scratch.git(&["log", "--format=%s", "-1", kept.lines().next().unwrap()]);
    assert!(kept.contains("demo"), "{kept}");
    assert_eq!(subject, "orch: attempt 1 that did not merge");
}

#[test]
fn a_cached_result_is_merged_from_the_contents_it_comes_with() {
    let (_scratch, mut state) = scratch();
    let mut landings = Landings::default();
    let result = result("1", "made.txt", "made\n");
    let mut check = |contents: BTreeMap<_, _>| {
        let cached = Cached { result: result.clone(), contents };
        match landings.replay(AttemptId(1), cached, &mut state).unwrap() {
            Event::Merged { merged, .. } => Ok(merged.patch),
            Event::Conflicted { conflict, .. } => Err(conflict.paths),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(check(BTreeMap::new()), Err(vec![path("made.txt")]));
    let content = (crate::base::digest::Digest::of(b"made\n"), b"made\n".to_vec());
    assert_eq!(check([content].into()), Ok(result.patch.clone()));
}

#[test]
fn what_is_not_there_any_more_fails_to_land_and_is_told() {
    let (_scratch, mut state) = scratch();
    let mut landings = Landings::default();
    let lost = landings.merge(AttemptId(7), &mut state).unwrap();
    assert!(matches!(lost, Event::LandingFailed { .. }), "{lost:?}");
    let task = request("1", OutputDigest(crate::base::digest::Digest::of(b""))).task;
    let notice = landings.keep_orphan(AttemptId(7), &task, &state.checkout).unwrap();
    assert!(format!("{notice:?}").contains("what it did is lost"), "{notice:?}");
}

#[test]
fn a_decision_is_committed_into_a_plan_that_is_as_committed_and_written_into_any_other() {
    for (edit, is_committed) in [(None, true), (Some("# mine\n"), false)] {
        let (scratch, mut state) = scratch();
        if let Some(edit) = edit {
            scratch.write("plans/demo.yaml", &format!("{PLAN}{edit}"));
        }
        let before = scratch.head();
        let mut landings = Landings::default();
        let task = request("1", OutputDigest(crate::base::digest::Digest::of(b""))).task;
        let decide = crate::engine::effect::Decide { task, decision: Decision::Skip };
        let edit = decision::decided_status(&state.engine, &decide).unwrap();
        landings.statuses.queue(edit);
        landings.flush_decisions(&mut state).unwrap();
        assert!(scratch.read("plans/demo.yaml").contains("status: skipped"));
        assert_eq!(scratch.head() != before, is_committed);
    }
}
