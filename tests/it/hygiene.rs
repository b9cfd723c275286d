//! What must stay true of the project's texts: codes are documented, tests are run, nothing tells
//! of the machine it was made on, and what is built in is in order.

use std::collections::BTreeSet;

use orch::base::diagnostic::Diagnostic;
use orch::base::name::RelPath;
use orch::base::source::Source;

use crate::sources::{files_below, modules, read, root};

/// What each `codes!("document")` stands for.
const FAMILY: [&str; 5] = ["wrong-type", "unknown-key", "missing-key", "bad-value", "bad-glob"];

/// The words before `::` in a diagnostic code.
const DOCUMENTS: [&str; 7] = ["agent", "config", "document", "plan", "rule", "yaml", "item"];

#[test]
fn every_diagnostic_code_is_documented_and_exists() {
    let formats = read("docs/FORMATS.md");
    let headings = formats.lines().filter_map(|line| line.strip_prefix("#### `"));
    let documented: BTreeSet<String> = headings
        .filter_map(|rest| rest.split_once('`'))
        .map(|(code, _)| code.to_owned())
        .filter(|code| code.contains("::"))
        .collect();
    let used = codes_of_sources();
    let lost: Vec<_> = used.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&used).collect();
    assert!(
        lost.is_empty() && stale.is_empty(),
        "without a heading in docs/FORMATS.md: {lost:?}; a heading, but in no source: {stale:?}"
    );
    assert!(used.len() > 50, "codes are found at all: {used:?}");
}

fn codes_of_sources() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for module in modules() {
        codes.extend(quoted(&module.shipped).filter(|text| is_code(text)).map(str::to_owned));
        for part in module.shipped.split("codes!(\"").skip(1) {
            let document = part.split('"').next().unwrap();
            codes.extend(FAMILY.iter().map(|code| format!("{document}::{code}")));
        }
    }
    // The example in the macro's own text.
    codes.retain(|code| DOCUMENTS.contains(&code.split("::").next().unwrap()));
    codes
}

/// Texts between double quotes of one line; good enough for codes, which hold no escapes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

fn is_code(text: &str) -> bool {
    text.split_once("::").is_some_and(|(document, code)| {
        DOCUMENTS.contains(&document)
            && !code.is_empty()
            && code.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    })
}

#[test]
fn every_test_file_is_run() {
    let main = read("tests/it/main.rs");
    let declared: BTreeSet<String> = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        // It is shared with the other test programs, and lies beside them.
        .filter(|name| *name != "left_out")
        .map(str::to_owned)
        .collect();
    let there: BTreeSet<String> = files_below("tests/it")
        .iter()
        .filter_map(|path| path.strip_prefix("tests/it/")?.strip_suffix(".rs"))
        .filter(|name| *name != "main" && !name.contains('/'))
        .map(str::to_owned)
        .collect();
    assert_eq!(declared, there);
}

#[test]
fn no_text_tells_of_the_machine_it_was_made_on() {
    let folders = [
        "src",
        "tests",
        "docs",
        "rules",
        "agents",
        "plans",
        "claude",
        ".claude-plugin",
        "benches",
        ".ci",
    ];
    let single = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.toml",
        "deny.toml",
        "justfile",
        ".clippy.toml",
        ".editorconfig",
        ".gitignore",
    ];
    let mut paths: Vec<String> = folders.iter().flat_map(|folder| files_below(folder)).collect();
    paths.extend(single.iter().map(ToString::to_string).filter(|it| root().join(it).exists()));
    paths.retain(|path| !path.contains("/target/"));
    // Put together here, so that this file does not hold them.
    let printed = ["work/h/", "work/main", "work/shared", "root/.cargo", "root/.cache"];
    let mut printed: Vec<String> = printed.iter().map(|it| format!("/{it}")).collect();
    // Where packages come from is each machine's own to say.
    let registries = [("index", "crates.io"), ("static", "crates.io"), ("registry", "npmjs.org")];
    printed.extend(registries.iter().map(|(name, domain)| format!("{name}.{domain}")));
    let mut found = Vec::new();
    for path in paths {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (at, line) in text.lines().enumerate() {
            if printed.iter().any(|it| line.contains(it.as_str())) {
                found.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "paths of a machine:\n{}", found.join("\n"));
}

#[test]
fn the_recordings_stay_small() {
    let paths = files_below("tests/corpus");
    let sizes = paths.iter().map(|path| std::fs::metadata(root().join(path)).unwrap().len());
    let total: u64 = sizes.sum();
    assert!(total < 200_000, "{total} bytes below tests/corpus: leave out what nothing asserts on");
}

#[test]
fn nothing_is_left_open_or_switched_off() {
    let marks = ["todo!(", "unimplemented!(", "#[ignore", "allow(dead_code", "dbg!("];
    let mut found = Vec::new();
    for module in modules() {
        for (at, line) in module.whole.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{}: {}", module.path, at + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "left open or switched off:\n{}", found.join("\n"));
}

#[test]
fn what_is_built_in_is_in_order() {
    let source = |path: &String| Source::new(RelPath::new(path).unwrap(), read(path));
    let mut found: Vec<Diagnostic> = Vec::new();
    for path in files_below("agents") {
        found.extend(orch::spec::agent::parse(&source(&path)).diagnostics);
    }
    let prompt = |name: &str| std::fs::read_to_string(root().join("rules").join(name)).ok();
    let mut drafts = Vec::new();
    for path in files_below("rules").iter().filter(|path| path.ends_with(".yaml")) {
        if orch::spec::item::kind::is_kind(&source(path)) {
            found.extend(orch::spec::item::kind::kinds_of(&[source(path)]).diagnostics);
            continue;
        }
        let parsed = orch::spec::rule::parse(&source(path), &prompt);
        found.extend(parsed.diagnostics);
        drafts.push(parsed.value);
    }
    assert!(drafts.len() >= 12, "the built-in rules are found");
    found.extend(orch::spec::rule::resolve(drafts).diagnostics);
    for path in files_below("plans") {
        found.extend(orch::spec::plan::parse(&source(&path)).diagnostics);
    }
    assert_eq!(found, Vec::new());
}

#[test]
fn plans_that_the_texts_show_are_right() {
    for path in ["README.md", "docs/FORMATS.md"] {
        let text = read(path);
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let plans: Vec<&str> = blocks.filter(|block| block.starts_with("meta:")).collect();
        assert!(!plans.is_empty(), "{path} shows a plan");
        for plan in plans {
            let source = Source::new(RelPath::new("plans/shown.yaml").unwrap(), plan);
            let parsed = orch::spec::plan::parse(&source);
            let mut found = parsed.diagnostics;
            found.extend(orch::spec::plan_check::check(
                &source,
                &parsed.value,
                &Default::default(),
            ));
            assert_eq!(found, Vec::new(), "{path}");
        }
    }
}
