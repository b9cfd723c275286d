//! Design documents that plans name and that are not there.

use std::path::Path;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::{Source, Span};
use crate::spec::plan::Plan;
use crate::spec::yaml;

/// A warning where the plan's document is not there, and no task of the plan is to write it.
pub(super) fn missing(root: &Path, plan: &Plan, source: &Source) -> Option<Diagnostic> {
    let written = plan.meta.plan_doc.as_deref()?;
    let path = RelPath::normalize(written);
    if path.as_ref().is_some_and(|path| root.join(path.as_str()).exists() || is_made(plan, path)) {
        return None;
    }
    let finding = Diagnostic::warning("plan::missing-doc", format!("there is no `{written}`"))
        .in_file(&source.path)
        .label(place_of(source, "plan_doc")?, "no file of this name")
        .help(
            "`plan_doc` is a path from the repository's root; without the file no session reads it",
        );
    Some(finding)
}

/// Whether a task declares it as an output, or speaks of it.
fn is_made(plan: &Plan, path: &RelPath) -> bool {
    plan.sections.iter().flat_map(|section| &section.tasks).any(|task| {
        let outputs = task.spec.outputs.compile();
        let speaks_of_it = [&task.spec.name, &task.spec.description]
            .iter()
            .any(|text| text.contains(path.as_str()));
        speaks_of_it || outputs.is_ok_and(|outputs| outputs.is_match(path))
    })
}

/// The value of a key of the plan's `meta`.
pub(super) fn place_of(source: &Source, key: &str) -> Option<Span> {
    let parsed = yaml::parse(source).value?;
    let meta = parsed.as_mapping()?.get("meta")?;
    Some(meta.as_mapping()?.get(key)?.span.clone())
}

#[cfg(test)]
mod tests {
    use crate::host::check::check;

    #[test]
    fn a_design_document_is_missed_where_no_task_writes_it() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("plans")).unwrap();
        std::fs::write(scratch.path().join("there.md"), "").unwrap();
        let found = |doc: &str, task: &str| {
            let plan = format!(
                "meta: {{ name: P, plan_doc: {doc} }}\nsections:\n- id: s\n  name: S\n  tasks:\n  \
                 - {{ id: a, name: A, {task} }}\n"
            );
            std::fs::write(scratch.path().join("plans/p.yaml"), &plan).unwrap();
            let documents = check(scratch.path(), &[scratch.path().join("plans/p.yaml")]);
            let documents = documents.unwrap_or_default();
            let found = documents.iter().flat_map(|it| &it.diagnostics);
            let found = found.map(|it| format!("{} {}", it.code, &plan[it.labels[0].span.clone()]));
            found.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(found("docs/no.md", "description: x"), "plan::missing-doc docs/no.md");
        assert_eq!(found("../no.md", "description: x"), "plan::missing-doc ../no.md");
        assert_eq!(found("docs/no.md", "description: Write docs/no.md"), "");
        assert_eq!(found("docs/no.md", "description: x, outputs: [docs]"), "");
        assert_eq!(found("there.md", "description: x"), "");
    }
}
