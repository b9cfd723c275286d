//! An agent's file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::name::RelPath;
use orch::base::source::Source;

fuzz_target!(|text: &str| {
    let Some(path) = RelPath::new(".claude/agents/fuzz.md") else { return };
    let source = Source::new(path, text);
    let parsed = orch::spec::agent::parse(&source);
    for label in parsed.diagnostics.iter().flat_map(|it| &it.labels) {
        assert!(source.text.get(label.span.clone()).is_some(), "{label:?}");
    }
});
