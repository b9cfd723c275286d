//! The two settings files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orch::base::name::RelPath;
use orch::base::source::Source;

fuzz_target!(|input: (&str, &str)| {
    let source = |path: &str, text: &str| Some(Source::new(RelPath::new(path)?, text));
    let claude = source(".claude/orchestrator-config.yaml", input.0);
    let native = source("orch.yaml", input.1);
    let parsed = orch::spec::config::parse(claude.as_ref(), native.as_ref());
    for diagnostic in &parsed.diagnostics {
        let named = [&claude, &native].into_iter().flatten();
        let source = named.into_iter().find(|it| Some(&it.path) == diagnostic.file.as_ref());
        let Some(source) = source else { panic!("a finding without a file: {diagnostic:?}") };
        for label in &diagnostic.labels {
            assert!(source.text.get(label.span.clone()).is_some(), "{label:?}");
        }
    }
});
