//! Behaviour of agent files.

use super::*;
use crate::base::name::RelPath;

fn source(text: &str) -> Source {
    Source::new(RelPath::new("agents/tester.md").unwrap(), text)
}

fn check(text: &str) -> (Agent, Vec<String>) {
    let source = source(text);
    let parsed = parse(&source);
    let shown = parsed.diagnostics.iter().map(|found| {
        let label = found.labels.first().map_or("", |label| &source.text[label.span.clone()]);
        format!("{} {}: {}", found.severity, found.code, label.trim_end())
    });
    (parsed.value, shown.collect())
}

#[test]
fn front_matter_and_body_are_read() {
    let (agent, found) = check(
        "---\nname: critic\ndescription: >\n  Reads\n  code.\ntools: [Read, 'Bash(git *)']\nmodel: opus\npermission: bypass\n---\n\n\n# Role\n---\nmore\n",
    );
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(agent.name.as_str(), "critic");
    assert_eq!(agent.description, "Reads code.");
    assert_eq!(agent.tools, ["Read", "Bash(git *)"]);
    assert_eq!(agent.model, Some(ModelName::new("opus")));
    assert_eq!(agent.permission, Permission::Bypass);
    assert_eq!(agent.body, "# Role\n---\nmore\n");
}

#[test]
fn tools_may_be_one_text_with_commas() {
    let (agent, found) = check("---\ntools: Read, Grep,Bash(git log, git diff)\n---\nx");
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(agent.tools, ["Read", "Grep", "Bash(git log, git diff)"]);
    assert_eq!(agent.name.as_str(), "tester");
}

#[test]
fn only_a_line_of_its_own_closes_front_matter() {
    let (agent, found) = check("---\r\ndescription: a --- b\r\n---\r\nbody\r\n");
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(agent.description, "a --- b");
    assert_eq!(agent.body, "body\r\n");
}

#[test]
fn without_front_matter_the_whole_file_is_body() {
    for text in ["# Role\n---\nname: x\n---\n", "", "text --- text"] {
        let (agent, found) = check(text);
        assert_eq!(found, [] as [&str; 0]);
        assert_eq!(agent.body, text);
        assert_eq!(agent.name.as_str(), "tester");
    }
    let (agent, found) = check("---\n---\nbody");
    assert_eq!((agent.body.as_str(), found.len()), ("body", 0));
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    let check = |text: &str| check(text).1;
    assert_eq!(check("---\nname: x\nbody"), ["warning agent::unclosed-front-matter: ---"]);
    assert_eq!(check("---\nmodle: opus\n---\n"), ["warning agent::unknown-key: modle"]);
    assert_eq!(check("---\ncolor: blue\n---\n"), [] as [&str; 0]);
    assert_eq!(check("---\npermission: none\n---\n"), ["error agent::bad-value: none"]);
    assert_eq!(check("---\nmodel: {a: b}\n---\n"), ["error agent::wrong-type: {a: b}"]);
    assert_eq!(check("---\n- a\n---\n"), ["error agent::wrong-type: - a"]);
    let broken = check("---\nname: \"x\n---\nbody\n");
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].starts_with("error yaml::"), "{broken:?}");
}

#[test]
fn every_listed_key_is_read() {
    for key in KEYS {
        let (_, found) = check(&format!("---\n{key}: {{odd: value}}\n---\n"));
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert!(found[0].starts_with("error agent::wrong-type"), "{key}: {found:?}");
    }
}

#[test]
fn a_tool_that_writes_is_known() {
    let can_write = |tools: &str| check(&format!("---\ntools: {tools}\n---\n")).0.can_write();
    assert!(can_write("Read, Write"));
    assert!(can_write("Bash(git *)"));
    assert!(!can_write("Read, Grep, Glob"));
    assert!(can_write("[]"), "the default tools");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "real agents lie outside of the repository")]
fn real_agents_are_read_without_a_finding() {
    let shared = std::env::var("ORCH_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let Ok(folder) = std::fs::read_dir(format!("{shared}/corpus/agents")) else {
        eprintln!("SKIPPED: no corpus of real agents; set ORCH_SHARED");
        return;
    };
    for entry in folder {
        let path = entry.unwrap().path();
        let (agent, found) = check(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(found, [] as [&str; 0], "{}", path.display());
        assert_eq!(agent.name.as_str(), path.file_stem().unwrap().to_str().unwrap());
        assert!(!agent.tools.is_empty() && agent.model.is_some() && agent.body.starts_with("# "));
    }
}
