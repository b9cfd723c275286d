//! Any text is an item that can be read, and what is told of it points into it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::name::RelPath;
use orch::base::source::Source;
use orch::spec::item::parse;

fuzz_target!(|text: &str| {
    let Some(path) = RelPath::new("docs/defect-backlog/1-x.md") else { return };
    let parsed = parse(&Source::new(path, text));
    let spans = parsed.value.criteria.iter().map(|it| it.span.clone());
    let told = parsed.diagnostics.iter().flat_map(|it| &it.labels).map(|it| it.span.clone());
    for span in spans.chain(told) {
        assert!(text.get(span).is_some());
    }
});
