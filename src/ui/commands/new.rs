//! `orch new`: starts a plan, a backlog item, an agent or a rule; never overwrites.

use std::path::Path;

use crate::host::documents::Loaded;
use crate::host::scaffold::{self, Written};
use crate::spec::config::Config;
use crate::ui::args::{NewArgs, NewKind};
use crate::ui::exit::Exit;
use crate::ui::shell::{Failure, Ran, Shell};

/// Writes the file where the project's settings look for one of its kind.
pub fn run(args: &NewArgs, root: &Path, loaded: &Loaded, shell: &mut Shell) -> Ran {
    check_name(&args.name)?;
    let path = path_of(args, root, loaded)?;
    let text = template_of(args.kind).replace("NAME", &args.name);
    if scaffold::write_new(&root.join(&path), &text)? == Written::Existed {
        let message = format!("`{path}` is there already; it was not touched");
        return Err(Failure::usage_with_help(message, "take another name, or edit that file"));
    }
    shell.data(&format!("created {path}\n"))?;
    shell.note(&format!("next: edit it, then `orch check {path}`"))?;
    Ok(Exit::Success)
}

fn path_of(args: &NewArgs, root: &Path, loaded: &Loaded) -> Result<String, Failure> {
    let (name, config) = (&args.name, &loaded.documents.config);
    Ok(match args.kind {
        NewKind::Item => format!("{}/{name}.md", item_folder(&args.of, loaded)?),
        NewKind::Plan => format!("{}/{name}.yaml", plans_folder(root, config)),
        NewKind::Agent => format!("{}/{name}.md", config.agents_dir),
        NewKind::Rule => format!("{}/{name}.yaml", config.rules_dir),
    })
}

fn item_folder<'a>(kind: &str, loaded: &'a Loaded) -> Result<&'a str, Failure> {
    let found = loaded.kinds.iter().find(|it| it.name.as_str() == kind);
    found.map(|it| it.folder.as_str()).ok_or_else(|| {
        let known: Vec<&str> = loaded.kinds.iter().map(|it| it.name.as_str()).collect();
        Failure::usage_with_help(
            format!("there is no kind of items `{kind}`"),
            format!("there are: {}", known.join(", ")),
        )
    })
}

/// The first plan folder that is there. Where none is, the last one: the CLI asks for no special
/// permission outside `.claude`, which the defaults name first.
fn plans_folder<'a>(root: &Path, config: &'a Config) -> &'a str {
    let folders = &config.plans_dirs;
    let there = folders.iter().find(|folder| root.join(folder).is_dir());
    there.or(folders.last()).map_or("plans", String::as_str)
}

fn template_of(kind: NewKind) -> &'static str {
    match kind {
        NewKind::Plan => include_str!("new/plan.yaml"),
        NewKind::Item => include_str!("new/item.md"),
        NewKind::Agent => include_str!("new/agent.md"),
        NewKind::Rule => include_str!("new/rule.yaml"),
    }
}

/// A name is a file's stem and a word on command lines and in YAML.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '.');
    let starts_well = name.starts_with(char::is_alphanumeric);
    let is_file_name = [".yaml", ".yml", ".md"].iter().any(|end| name.ends_with(end));
    if starts_well && name.chars().all(is_plain) && !is_file_name {
        return Ok(());
    }
    Err(Failure::usage_with_help(
        format!("`{name}` cannot be a name"),
        "letters, digits, `-`, `_` and `.`, without folder and ending, such as `add-login`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use crate::base::source::Source;
    use crate::ui::console::sample::Buffer;

    fn check(kind: NewKind, name: &str, folder: &Path) -> String {
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), out.clone());
        let args = NewArgs { kind, name: name.to_owned(), of: "feature".to_owned() };
        let loaded = crate::host::documents::read(folder, &[]).unwrap();
        let ran = run(&args, folder, &loaded, &mut shell);
        shell.conclude(ran);
        out.text()
    }

    #[test]
    fn each_kind_goes_where_the_settings_say() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert!(check(NewKind::Plan, "a", root).starts_with("created plans/a.yaml\n"));
        assert!(check(NewKind::Agent, "b", root).starts_with("created .claude/agents/b.md\n"));
        assert!(check(NewKind::Rule, "c", root).starts_with("created rules/c.yaml\n"));
        std::fs::create_dir_all(root.join(".claude/plans")).unwrap();
        assert!(check(NewKind::Plan, "a", root).starts_with("created .claude/plans/a.yaml\n"));
        std::fs::write(root.join("rules/c.yaml"), "mine").unwrap();
        assert!(check(NewKind::Rule, "c", root).contains("`rules/c.yaml` is there already"));
        assert_eq!(std::fs::read_to_string(root.join("rules/c.yaml")).unwrap(), "mine");
    }

    #[test]
    fn a_name_is_no_path() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "../x", "a/b", ".hidden", "a b", "a.yaml", "-x"] {
            assert!(
                check(NewKind::Plan, name, folder.path()).contains("cannot be a name"),
                "{name}"
            );
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_agent_is_in_order() {
        let text = template_of(NewKind::Agent).replace("NAME", "tester");
        let source = Source::new(RelPath::new(".claude/agents/tester.md").unwrap(), text);
        let parsed = crate::spec::agent::parse(&source);
        assert_eq!(parsed.diagnostics, []);
        assert_eq!(parsed.value.name.as_str(), "tester");
    }
}
