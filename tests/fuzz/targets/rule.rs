//! A rule's text with its prompt, and applying `extends`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::name::RelPath;
use orch::base::source::Source;

fuzz_target!(|input: (&str, &str)| {
    let (text, prompt) = input;
    let Some(path) = RelPath::new("rules/fuzz.yaml") else { return };
    let source = Source::new(path, text);
    let parsed = orch::spec::rule::parse(&source, &|_| Some(prompt.to_owned()));
    for label in parsed.diagnostics.iter().flat_map(|it| &it.labels) {
        assert!(source.text.get(label.span.clone()).is_some(), "{label:?}");
    }
    orch::spec::rule::resolve(vec![parsed.value.clone(), parsed.value]);
});
