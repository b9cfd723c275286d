//! A plan's text: reading and checking it never panic, and every label lies in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::name::RelPath;
use orch::base::source::Source;
use orch::spec::plan_check::{Known, check};

fuzz_target!(|text: &str| {
    let Some(path) = RelPath::new("plans/fuzz.yaml") else { return };
    let source = Source::new(path, text);
    let parsed = orch::spec::plan::parse(&source);
    let checked = check(&source, &parsed.value, &Known::default());
    for label in parsed.diagnostics.iter().chain(&checked).flat_map(|it| &it.labels) {
        assert!(source.text.get(label.span.clone()).is_some(), "{label:?}");
    }
});
