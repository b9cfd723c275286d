//! Status edits: an edit either refuses, or gives a plan in which exactly that field is another; the
//! same by the task's own lines alone as by the whole text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::name::RelPath;
use orch::base::source::Source;
use orch::spec::edit::{FieldChange, FieldValue, Target, apply, apply_in};
use orch::spec::plan::{Status, parse};

fuzz_target!(|input: (&str, &str)| {
    let (text, message) = input;
    let Some(path) = RelPath::new("plans/fuzz.yaml") else { return };
    let source = Source::new(path.clone(), text);
    let plan = parse(&source).value;
    let Some(task) = plan.tasks().next() else { return };
    let fields = [
        ("status", FieldValue::from(Status::Completed)),
        ("result_message", FieldValue::Text(message)),
    ];
    let target = Target::Task(task.id.clone());
    let changes = fields.map(|(key, value)| FieldChange { target: target.clone(), key, value });
    let Ok(edited) = apply(&source, &changes) else { return };
    assert_eq!(apply_in(&source, &plan, &changes).as_ref(), Ok(&edited));
    let edited = parse(&Source::new(path, edited)).value;
    let same = edited.tasks().find(|it| it.id == task.id);
    let Some(same) = same else { panic!("the task is gone") };
    assert_eq!(same.record.status, Status::Completed);
    assert_eq!(same.spec, task.spec);
    assert_eq!(edited.tasks().count(), plan.tasks().count());
});
