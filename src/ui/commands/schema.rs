//! `orch schema`: JSON Schemas for editors.

use crate::spec::schema::{self, DocumentKind};
use crate::ui::args::SchemaArgs;
use crate::ui::exit::Exit;
use crate::ui::shell::{Failure, Ran, Shell};

/// Without a kind, the kinds there are.
pub fn run(args: &SchemaArgs, shell: &mut Shell) -> Ran {
    let kinds: Vec<&str> = DocumentKind::all().map(DocumentKind::as_str).collect();
    let Some(wanted) = &args.kind else {
        shell.data(&format!("{}\n", kinds.join("\n")))?;
        shell.note("`orch schema KIND` prints one of these")?;
        return Ok(Exit::Success);
    };
    let kind = DocumentKind::parse(wanted).ok_or_else(|| {
        Failure::usage_with_help(
            format!("there is no schema of `{wanted}`"),
            format!("there is one of each of: {}", kinds.join(", ")),
        )
    })?;
    shell.data(&format!("{:#}\n", schema::schema(kind)))?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample::Buffer;

    fn check(kind: Option<&str>) -> String {
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), out.clone());
        let ran = run(&SchemaArgs { kind: kind.map(str::to_owned) }, &mut shell);
        shell.conclude(ran);
        out.text()
    }

    #[test]
    fn every_kind_has_a_schema_in_json() {
        let listed = check(None);
        for kind in DocumentKind::all().map(DocumentKind::as_str) {
            assert!(listed.lines().any(|line| line == kind));
            let schema: serde_json::Value = serde_json::from_str(&check(Some(kind))).unwrap();
            assert!(schema.get("$schema").is_some(), "{kind}");
        }
    }

    #[test]
    fn an_unknown_kind_is_refused_with_the_known_ones() {
        insta::assert_snapshot!(check(Some("plans")), @r#"
            error: there is no schema of `plans`
              help: there is one of each of: plan, rule, agent, config, kind
            "#);
    }
}
