//! Changes of plans: what is taken, what is refused, and what becomes of the user's text.

use insta::assert_snapshot;

use super::*;
use crate::base::name::RelPath;

const PLAN: &str = "\
# By hand.
meta: { name: P, budget: { usd: 5 } }
sections:
- id: s   # the only one
  name: S
  tasks:
  - id: '1'
    name: One   # done
    status: completed
  - id: '2'
    name: Two
    description: |
      own
  # about three
  - id: '3'
    name: Three
    status: pending
    depends_on: ['2']
    validators: [validator]
  - {id: '4', name: Four, status: pending, description: 'a, b'}
";

fn source(text: &str) -> Source {
    Source::new(RelPath::new("plans/p.yaml").unwrap(), text)
}

fn bounds() -> Bounds {
    let id = TaskId::new;
    Bounds {
        own: id("2"),
        finished: [id("1")].into(),
        running: [].into(),
        guarded: [].into(),
        may_run: false,
    }
}

fn known() -> Known {
    let agents = [("coder", Default::default()), ("validator", Default::default())];
    Known { agents: agents.map(|(name, it)| (name.into(), it)).into(), ..Known::default() }
}

/// The change from `from` to `to`, each once in the plan, made to `present`; the lines that differ.
fn check_on(present: &str, edits: &[(&str, &str)]) -> String {
    let mut left = PLAN.to_owned();
    for (from, to) in edits {
        assert_eq!(left.matches(from).count(), 1, "{from}");
        left = left.replace(from, to);
    }
    let (bounds, known) = (bounds(), known());
    let change = match PlanChange::between(&source(PLAN), &source(&left), &bounds, &known) {
        Ok(None) => return "no change of meaning".to_owned(),
        Ok(Some(change)) => change,
        Err(refusals) => return format!("refused: {}", refusals.join("\n")),
    };
    let json = serde_json::to_string(&change).unwrap();
    assert_eq!(serde_json::from_str::<PlanChange>(&json).unwrap(), change);
    match change.apply(&source(present), &bounds, &known) {
        Err(refusals) => format!("{}\nrefused: {}", change.summary(), refusals.join("\n")),
        Ok(text) => {
            let again = change.apply(&source(&text), &bounds, &known);
            assert_eq!(again.as_deref(), Ok(text.as_str()), "made twice it is the same");
            format!("{}\n{}", change.summary(), changed_lines(present, &text))
        }
    }
}

fn check(edits: &[(&str, &str)]) -> String {
    check_on(PLAN, edits)
}

fn changed_lines(old: &str, new: &str) -> String {
    let (mut old, mut shown) = (old.lines().peekable(), String::new());
    for line in new.lines() {
        if old.peek() == Some(&line) {
            old.next();
        } else if let Some(at) = old.clone().position(|it| it == line).filter(|at| *at < 6) {
            old.by_ref().take(at).for_each(|it| shown.push_str(&format!("-{it}\n")));
            old.next();
        } else {
            shown.push_str(&format!("+{line}\n"));
        }
    }
    old.for_each(|it| shown.push_str(&format!("-{it}\n")));
    shown
}

const NEW: &str = "  # about three\n  - id: '2.1'\n    name: Two, later\n    description: |\n      first\n        deeper\n\n      last\n    depends_on:\n    - '2'\n";

#[test]
fn tasks_are_added_where_they_were_put_and_nothing_else_moves() {
    assert_snapshot!(check(&[("  # about three\n", NEW)]), @r#"
    adds 2.1
    +  - id: '2.1'
    +    name: Two, later
    +    description: |
    +      first
    +        deeper
    +
    +      last
    +    depends_on:
    +    - '2'
    "#);
    assert_snapshot!(check(&[("  - {id: '4'", "  - {id: '3.5', name: New}\n  - {id: '4'")]), @r#"
    adds 3.5
    +  - {id: '3.5', name: New}
    "#);
    let section =
        "'a, b'}\n- id: t\n  name: T\n  tasks:\n  - id: '5'\n    name: Five\n    agent: coder\n";
    assert_snapshot!(check(&[("'a, b'}\n", section)]), @r#"
    adds 5
    +- id: t
    +  name: T
    +  tasks:
    +  - id: '5'
    +    name: Five
    +    agent: coder
    "#);
    // The user indents otherwise and has taken out what the new task stands behind.
    let other = "sections:\n    - id: s\n      name: S\n      tasks:\n          - id: '3'\n            name: Three\n            status: pending\n";
    assert_snapshot!(check_on(other, &[("  # about three\n", "  - id: '2.1'\n    name: Between\n    description: >\n      folded\n  # about three\n")]), @r#"
    adds 2.1
    +          - id: '2.1'
    +            name: Between
    +            description: >
    +              folded
    "#);
}

#[test]
fn tasks_that_nobody_began_are_reworded_set_aside_and_taken_out() {
    assert_snapshot!(check(&[("name: Three\n    status: pending", "name: Three, reworded\n    status: skipped\n    result_message: not needed")]), @r#"
    sets aside 3
    +    name: Three, reworded
    +    status: skipped
    -    name: Three
    -    status: pending
    +    result_message: not needed
    "#);
    assert_snapshot!(check(&[("depends_on: ['2']", "depends_on:\n    - '2'\n    - '1'")]), @r#"
    edits 3
    +    depends_on:
    +    - '2'
    +    - '1'
    -    depends_on: ['2']
    "#);
    assert_snapshot!(check(&[("'a, b'", "'c, d', depends_on: ['3']")]), @r#"
    edits 4
    +  - {id: '4', name: Four, status: pending, description: 'c, d', depends_on: ['3']}
    -  - {id: '4', name: Four, status: pending, description: 'a, b'}
    "#);
    assert_snapshot!(check(&[("    depends_on: ['2']\n", "")]), @r#"
    edits 3
    -    depends_on: ['2']
    "#);
    assert_snapshot!(check(&[("  - {id: '4', name: Four, status: pending, description: 'a, b'}\n", "")]), @r#"
    removes 4
    -  - {id: '4', name: Four, status: pending, description: 'a, b'}
    "#);
    assert_snapshot!(check(&[("name: One   # done", "name: One\n    notes: it was easy")]), @r#"
    edits 1
    +    notes: it was easy
    "#);
    assert_snapshot!(check(&[("- id: '3'", "- id: \"3\""), ("# By hand.", "# By me.")]), @"no change of meaning");
}

#[test]
fn what_is_not_a_sessions_to_change_is_refused_with_its_place() {
    assert_snapshot!(check(&[("usd: 5", "usd: 500")]), @r#"refused: `meta.budget` is not a session's to change: put it back"#);
    assert_snapshot!(check(&[("name: One", "name: Eins")]), @r#"refused: task 1 is finished: put `name` back"#);
    assert_snapshot!(check(&[("name: Two", "name: Two\n    status: completed")]), @r#"refused: task 2 is your own and runs: put `status` back"#);
    assert_snapshot!(check(&[("status: pending\n    depends_on", "status: completed\n    depends_on")]), @r#"refused: `status` of task 3: a session may only set a pending one to `skipped` or `suspended`"#);
    assert_snapshot!(check(&[("[validator]", "[]")]), @r#"refused: `validators` of task 3 is not a session's to change"#);
    assert_snapshot!(check(&[("depends_on: ['2']", "depends_on: ['9']")]), @r#"refused: line 18: no task has the id `9` (plan::unknown-dependency); correct the id, or take the dependency out"#);
    assert_snapshot!(check(&[("id: '3'", "id: '1'")]), @r#"refused: line 15: two tasks have the id `1` (plan::duplicate-id); give one of them another id, and look at who depends on it"#);
    assert_snapshot!(check(&[("depends_on: ['2']", "depends_on: ['4']"), ("'a, b'", "x, depends_on: ['3']")]), @r#"refused: line 18: tasks wait for each other: `3`, `4` (plan::cycle); none of them can ever start: take one of these dependencies out"#);
    assert_snapshot!(check(&[("'a, b'", "'a, b', agent: nobody")]), @r#"refused: line 20: there is no agent `nobody` (plan::unknown-agent); `orch new agent nobody` starts one"#);
    assert_snapshot!(check(&[("'a, b'}\n", "'a, b'}\n  - {id: '5', name: Five, status: completed, run: 'rm -rf x', env: [TOKEN]}\n")]), @r#"
    refused: task 5 is new, so its status is `pending` and it has no record
    task 5 asks for environment variables: leave out `env`
    task 5 runs a command, and you have no tool that may: leave it to a session
    "#);
    assert_snapshot!(check(&[("sections:", "sections: [")]), @r#"refused: line 4: not YAML: "-" is only valid inside a block (yaml::syntax)"#);
}

#[test]
fn what_the_user_changed_meanwhile_is_kept_or_the_change_is_refused() {
    let edits = [("name: Three", "name: Drei")];
    let commented = PLAN.replace("name: Three", "name: Three  # mine");
    assert_snapshot!(check_on(&commented, &edits), @r#"
    edits 3
    +    name: Drei  # mine
    -    name: Three  # mine
    "#);
    assert_snapshot!(check_on(&PLAN.replace("name: Three", "name: Trois"), &edits), @r#"
    edits 3
    refused: `name` of task 3 was changed by somebody else meanwhile
    "#);
    assert_snapshot!(check_on(&PLAN.replace("id: '3'", "id: '3a'"), &edits), @r#"
    edits 3
    refused: task 3 is not in the plan any more
    "#);
    let taken = PLAN.replace("- {id: '4', name: Four", "- {id: '2.1', name: Four");
    assert_snapshot!(check_on(&taken, &[("  # about three\n", NEW)]), @r#"
    adds 2.1
    refused: the plan has another task 2.1 by now
    "#);
    let crlf = PLAN.replace('\n', "\r\n");
    let left = check_on(&crlf, &[("  # about three\n", NEW)]);
    assert!(!left.contains("refused"), "{left}");
}
