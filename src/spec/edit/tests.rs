//! Behaviour of edits.
use insta::assert_snapshot;
use proptest::prelude::*;

use std::collections::BTreeMap;

use super::*;
use crate::base::name::RelPath;
use crate::spec::plan;
use crate::spec::plan::read::tests::corpus;

mod form;

fn source(text: &str) -> Source {
    Source::new(RelPath::new("plans/p.yaml").unwrap(), text)
}

const BLOCK: &str = "# top
meta: # m
  name: Demo
sections:
- id: a
  name: A
  status: pending # by hand
  tasks:
  # first
  - id: '1'
    name: One
    status: 'pending'   # why

    description: |
      text

  - {id: '2', name: Two, status: pending, depends_on: ['1']}  # two
  - name: Three
    id: '3'
    description: >
      last
";

/// The lines that an edit takes away and adds.
fn check(text: &str, target: &str, fields: &[(&str, FieldValue<'_>)]) -> String {
    let target = match target.split_once(' ') {
        Some(("section", id)) => Target::Section(SectionId::new(id)),
        Some((_, id)) => Target::Task(TaskId::new(id)),
        None => Target::Meta,
    };
    match set_fields(&source(text), &target, fields) {
        Ok(edited) => changed_lines(text, &edited),
        Err(error) => format!("refused: {error}"),
    }
}

fn changed_lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let longest = old.len().min(new.len()) - same;
    let tail =
        old.iter().rev().zip(new.iter().rev()).take(longest).take_while(|(a, b)| a == b).count();
    let signed = |sign: &str, lines: &[&str]| -> String {
        lines.iter().map(|line| format!("{sign}{}\n", line.replace('\r', "␍"))).collect()
    };
    signed("-", &old[same..old.len() - tail]) + &signed("+", &new[same..new.len() - tail])
}

#[test]
fn a_value_is_replaced_where_it_stands() {
    let check = |target: &str| check(BLOCK, target, &[("status", Status::Completed.into())]);
    assert_snapshot!(check("task 1"), @r#"
    -    status: 'pending'   # why
    +    status: 'completed'   # why
    "#);
    assert_snapshot!(check("task 2"), @r#"
    -  - {id: '2', name: Two, status: pending, depends_on: ['1']}  # two
    +  - {id: '2', name: Two, status: completed, depends_on: ['1']}  # two
    "#);
    assert_snapshot!(check("task 3"), @r#"+    status: completed"#);
    assert_snapshot!(check("section a"), @r#"
    -  status: pending # by hand
    +  status: completed # by hand
    "#);
    assert_snapshot!(check("meta"), @r#"+  status: completed"#);
    assert_snapshot!(check("task 9"), @r#"refused: the plan has no task `9`"#);
}

#[test]
fn new_keys_follow_the_status_in_the_order_given() {
    let fields = [
        ("status", Status::Failed.into()),
        ("attempts", FieldValue::Number(2)),
        ("last_error", FieldValue::Text("it's: broken\n\tat line 3")),
        ("result_message", FieldValue::Text("yes")),
    ];
    assert_snapshot!(check(BLOCK, "task 1", &fields), @r#"
    -    status: 'pending'   # why
    +    status: 'failed'   # why
    +    attempts: 2
    +    last_error: "it's: broken\n\tat line 3"
    +    result_message: 'yes'
    "#);
    assert_snapshot!(check(BLOCK, "task 2", &fields), @r#"
    -  - {id: '2', name: Two, status: pending, depends_on: ['1']}  # two
    +  - {id: '2', name: Two, status: failed, attempts: 2, last_error: "it's: broken\n\tat line 3", result_message: 'yes', depends_on: ['1']}  # two
    "#);
    assert_snapshot!(check(BLOCK, "task 3", &fields), @r#"
    +    status: failed
    +    attempts: 2
    +    last_error: "it's: broken\n\tat line 3"
    +    result_message: 'yes'
    "#);
}

#[test]
fn a_field_is_taken_out_with_its_line() {
    let check = |target: &str, key: &str| check(BLOCK, target, &[(key, FieldValue::Absent)]);
    assert_snapshot!(check("task 1", "status"), @r#"
    -    status: 'pending'   # why
    +    # why
    "#);
    assert_snapshot!(check("task 1", "description"), @r#"
    -    description: |
    -      text
    "#);
    assert_snapshot!(check("task 2", "status"), @r#"
    -  - {id: '2', name: Two, status: pending, depends_on: ['1']}  # two
    +  - {id: '2', name: Two, depends_on: ['1']}  # two
    "#);
    assert_snapshot!(check("task 2", "depends_on"), @r#"
    -  - {id: '2', name: Two, status: pending, depends_on: ['1']}  # two
    +  - {id: '2', name: Two, status: pending}  # two
    "#);
    assert_snapshot!(check("task 3", "name"), @r#"
    -  - name: Three
    -    id: '3'
    +  - id: '3'
    "#);
    assert_snapshot!(check("task 3", "nothing"), @r#""#);
}

#[test]
fn a_text_that_keeps_blank_lines_gets_none_of_those_taken_out_below_it() {
    let text = "sections:\n- id: a\n  tasks:\n  - id: '1'\n    note: |+\n      kept\n\n    attempts: 2\n    last_error: |+\n      gone\n\n    status: failed\n";
    let fields = [("attempts", FieldValue::Absent), ("last_error", FieldValue::Absent)];
    assert_snapshot!(check(text, "task 1", &fields), @r#"
    -    attempts: 2
    -    last_error: |+
    -      gone
    -
    "#);
}

#[test]
fn a_success_replaces_what_was_told_of_a_failure() {
    let text = "sections:
- id: a
  tasks:
  - id: '1'
    status: failed
    attempts: 1
    last_error: exit code 1 # odd
    depends_on: []
  - last_error: |
      one
    id: '2'
  - {id: '3', status: failed, last_error: one} # three
";
    let fields = [
        ("status", Status::Completed.into()),
        ("completed_at", FieldValue::Text("now")),
        ("last_error", FieldValue::Absent),
    ];
    assert_snapshot!(check(text, "task 1", &fields), @r#"
    -    status: failed
    -    attempts: 1
    -    last_error: exit code 1 # odd
    +    status: completed
    +    attempts: 1
    +    completed_at: now
    +    # odd
    "#);
    assert_snapshot!(check(text, "task 2", &fields), @r#"
    -  - last_error: |
    -      one
    -    id: '2'
    +  - id: '2'
    +    status: completed
    +    completed_at: now
    "#);
    assert_snapshot!(check(text, "task 3", &fields), @r#"
    -  - {id: '3', status: failed, last_error: one} # three
    +  - {id: '3', status: completed, completed_at: now} # three
    "#);
}

#[test]
fn line_breaks_stay_what_they_are() {
    let text = "sections:\r\n- id: a\r\n  name: A\r\n  tasks:\r\n  - id: '1'\r\n    name: x\r\n    status:";
    let fields = [("status", Status::Verified.into()), ("attempts", FieldValue::Number(1))];
    assert_snapshot!(check(text, "task 1", &fields), @r#"
    -    status:
    +    status: verified␍
    +    attempts: 1
    "#);
    assert_snapshot!(check(text, "section a", &fields[1..]), @r#"+  attempts: 1␍"#);
}

#[test]
fn what_cannot_be_edited_alone_is_refused() {
    let aliased = "sections:
- id: a
  name: A
  tasks:
  - {id: '1', name: &n x, status: &s pending}
  - {id: '2', name: *n, status: *s}
  - &t {id: '3', name: x}
  - {<<: *t, id: '4', status: pending}
  - {id: '5', name: x}
  - {id: '5', name: y}
";
    let check = |target: &str, key: &str| check(aliased, target, &[(key, FieldValue::Text("new"))]);
    assert_snapshot!(check("task 1", "status"), @r#"refused: the edit would change more of the plan than task `1`"#);
    assert_snapshot!(check("task 2", "status"), @r#"
    -  - {id: '2', name: *n, status: *s}
    +  - {id: '2', name: *n, status: new}
    "#);
    assert_snapshot!(check("task 3", "name"), @r#"refused: the edit would change more of the plan than task `3`"#);
    assert_snapshot!(check("task 4", "name"), @r#"
    -  - {<<: *t, id: '4', status: pending}
    +  - {<<: *t, id: '4', status: pending, name: new}
    "#);
    assert_snapshot!(check("task 5", "name"), @r#"refused: the plan has more than one task `5`"#);
    assert_snapshot!(check("section a", "tasks"), @r#"refused: `tasks` of section `a` is not a plain value that can be replaced"#);
}

#[test]
fn a_task_and_its_section_change_together() {
    let target = |target| FieldChange { target, key: "status", value: Status::Completed.into() };
    let changes = [
        target(Target::Task(TaskId::new("1"))),
        target(Target::Section(SectionId::new("a"))),
        target(Target::Task(TaskId::new("3"))),
    ];
    let edited = apply(&source(BLOCK), &changes).unwrap();
    let plan = plan::parse(&source(&edited)).value;
    let statuses: Vec<Status> = plan.tasks().map(|task| task.record.status).collect();
    assert_eq!(statuses, [Status::Completed, Status::Pending, Status::Completed]);
    assert_eq!(plan.sections[0].status, Status::Completed);
}

#[test]
fn a_section_follows_its_tasks() {
    let check = |statuses: &[Status]| {
        let text = format!("sections: [{{id: a, name: A, status: failed, tasks: [{}]}}]", {
            let task = |(at, status): (usize, &Status)| {
                format!("{{id: 't{at}', name: n, status: {}}}", status.as_str())
            };
            statuses.iter().enumerate().map(task).collect::<Vec<_>>().join(", ")
        });
        let plan = plan::parse(&source(&text)).value;
        let rolled = roll_up(&plan.sections[0]);
        let changes = roll_up_changes(&plan, &BTreeMap::new());
        assert_eq!(changes.len(), usize::from(rolled != Status::Failed));
        let edited = apply(&source(&text), &changes).unwrap();
        assert_eq!(plan::parse(&source(&edited)).value.sections[0].status, rolled);
        rolled
    };
    use Status::*;
    assert_eq!(check(&[]), Failed);
    assert_eq!(check(&[Completed, Verified, Skipped]), Completed);
    assert_eq!(check(&[Completed, Failed, InProgress]), InProgress);
    assert_eq!(check(&[Completed, Failed, Pending]), Failed);
    assert_eq!(check(&[Pending, Suspended]), Pending);
    assert_eq!(check(&[Pending, Completed]), InProgress);
}

#[test]
fn in_every_real_plan_a_status_is_one_line() {
    for source in &corpus() {
        let plan = plan::parse(source).value;
        for task in plan.tasks() {
            let edited = set_task_fields(source, &task.id, &[("status", Status::Verified.into())]);
            let edited = edited.unwrap();
            let changed = changed_lines(&source.text, &edited);
            assert_eq!(changed.lines().count(), 2, "{} {}: {changed}", source.path, task.id);
            let known = in_known_plan(source, &task.id, &[("status", Status::Verified.into())]);
            assert!(known.is_none_or(|it| it == edited), "{} {}", source.path, task.id);
            let error = [("last_error", FieldValue::Text("# a: 'b' \"c\"\n- d\n\u{e9}"))];
            set_task_fields(source, &task.id, &error).unwrap();
        }
        for section in &plan.sections {
            let edited = set_section_status(source, &section.id, Status::Failed).unwrap();
            assert_eq!(changed_lines(&source.text, &edited).lines().count(), 2);
        }
        let edited = set_meta_fields(source, &[("status", FieldValue::Text("paused_quota"))]);
        let changed = changed_lines(&source.text, &edited.unwrap());
        assert_eq!(changed, "+  status: paused_quota\n");
    }
}

/// The edit by the task's own lines alone, where that is possible.
fn in_known_plan(
    source: &Source,
    task: &TaskId,
    fields: &[(&'static str, FieldValue<'_>)],
) -> Option<String> {
    let target = Target::Task(task.clone());
    let change = |&(key, value)| FieldChange { target: target.clone(), key, value };
    let changes: Vec<FieldChange<'_>> = fields.iter().map(change).collect();
    local::apply(source, &plan::parse(source).value, &changes)
}

#[test]
fn a_task_with_lines_of_its_own_is_edited_by_them_alone() {
    let is_local = |text: &str, task: &str| {
        let fields = [("status", Status::Completed.into()), ("attempts", FieldValue::Number(2))];
        let found = in_known_plan(&source(text), &TaskId::new(task), &fields);
        let whole = set_task_fields(&source(text), &TaskId::new(task), &fields);
        found.inspect(|text| assert_eq!(Some(text), whole.as_ref().ok())).is_some()
    };
    assert!(is_local(BLOCK, "1") && is_local(BLOCK, "3"));
    assert!(!is_local(BLOCK, "2"), "a task in brackets");
    assert!(!is_local(&BLOCK.replace("name: A", "name: &n A").replace("Three", "*n"), "1"));
    assert!(!is_local(&BLOCK.replace("id: '3'", "id: '1'"), "1"), "two of one id");
    assert!(!is_local(BLOCK, "4"), "nowhere");
    assert!(is_local(&BLOCK.replace("Demo", "see src/** and * this"), "1"), "no aliases");
}

/// A plan of random shape, with the ids of its tasks.
fn any_plan() -> impl Strategy<Value = (String, Vec<String>)> {
    let comment = prop_oneof![Just(""), Just("  # ü"), Just(" # status: x")];
    let eol = prop_oneof![Just("\n"), Just("\r\n")];
    let task = (0usize..5, comment, 0usize..4);
    (proptest::collection::vec(task, 1..6), eol, 0usize..3, any::<bool>()).prop_map(|(tasks, eol, pad, deep)| {
        let mut text = format!("meta: {{name: é}}\n\nsections:\n{0}- id: s\n{0}  name: S\n{0}  tasks:\n", " ".repeat(pad));
        for (at, (shape, comment, after)) in tasks.iter().enumerate() {
            let lead = " ".repeat(pad + 2 + 2 * usize::from(deep));
            text.push_str(&match shape {
                0 => format!("{lead}- {{id: 't{at}', status: pending, name: 'a, b'}}{comment}\n"),
                1 => format!("{lead}- id: 't{at}'\n{lead}  name: n{comment}\n"),
                2 => format!("{lead}- status: \"pending\"{comment}\n{lead}  id: t{at}\n{lead}  name: n\n"),
                3 => format!("{lead}-\n{lead}  id: t{at}\n{lead}  status:{comment}\n{lead}  name: n\n"),
                _ => format!("{lead}- name: |\n{lead}    status: no\n\n{lead}  id: t{at} \n{lead}  status: in_progress{comment}\n"),
            });
            text.push_str(&"\n".repeat(*after / 2));
            if *after == 3 {
                text.push_str(&format!("{lead}# between\n"));
            }
        }
        let ids = (0..tasks.len()).map(|at| format!("t{at}")).collect();
        (text.replace('\n', eol), ids)
    })
}

proptest! {
    #[test]
    fn in_any_plan_a_status_is_one_line((text, ids) in any_plan()) {
        for id in ids {
            let fields = [("status", Status::Completed.into())];
            let edited = set_task_fields(&source(&text), &TaskId::new(&id), &fields).unwrap();
            let known = in_known_plan(&source(&text), &TaskId::new(&id), &fields);
            prop_assert!(known.is_none_or(|known| known == edited));
            let changed = changed_lines(&text, &edited);
            let added = changed.lines().filter(|line| line.starts_with('+')).count();
            let removed = changed.lines().filter(|line| line.starts_with('-')).count();
            prop_assert!(added == 1 && removed <= 1, "{changed}");
            let (old, new) = (plan::parse(&source(&text)).value, plan::parse(&source(&edited)).value);
            for (old, new) in old.tasks().zip(new.tasks()) {
                prop_assert_eq!(&old.spec, &new.spec);
                let wanted = if new.id.as_str() == id { Status::Completed } else { old.record.status };
                prop_assert_eq!(new.record.status, wanted);
            }
        }
    }

    #[test]
    fn any_text_is_kept((text, ids) in any_plan(), value in "\\PC{0,20}|[ -~\n\t\r\u{85}\u{2028}]{0,20}") {
        let fields = [("last_error", FieldValue::Text(&value)), ("status", FieldValue::Text(&value))];
        let edited = set_task_fields(&source(&text), &TaskId::new(&ids[0]), &fields).unwrap();
        let known = in_known_plan(&source(&text), &TaskId::new(&ids[0]), &fields);
        prop_assert!(known.is_none_or(|known| known == edited));
        let again = [("last_error", FieldValue::Absent)];
        let plan = plan::parse(&source(&edited)).value;
        if !value.is_empty() {
            let task = plan.tasks().find(|task| task.id.as_str() == ids[0]).unwrap();
            prop_assert_eq!(task.record.last_error.as_deref(), Some(value.as_str()));
        }
        let removed = set_task_fields(&source(&edited), &TaskId::new(&ids[0]), &again).unwrap();
        prop_assert_eq!(plan::parse(&source(&removed)).value.tasks().count(), ids.len());
    }
}
