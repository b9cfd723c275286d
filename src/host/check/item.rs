//! Backlog items that plans were made from, that a validator is to read, and that are not there.

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;
use crate::spec::builtin::ITEM_READER;
use crate::spec::plan::{Plan, ValidatorKind};

use super::design::place_of;
use super::tree::{Tree, is_open};

pub(super) fn missing(tree: &Tree<'_>) -> Vec<Diagnostic> {
    tree.plans.iter().filter_map(|(source, plan)| missing_of(tree, source, plan)).collect()
}

fn missing_of(tree: &Tree<'_>, source: &Source, plan: &Plan) -> Option<Diagnostic> {
    let item = plan.meta.source_item.as_deref()?;
    let by_plan = plan.meta.validation.as_ref().filter(|it| it.enabled);
    let by_plan =
        by_plan.is_some_and(|it| it.validators.iter().any(|it| it.as_str() == ITEM_READER));
    let is_read = plan.tasks().filter(|task| is_open(task)).any(|task| {
        let mut own = task.spec.validators.iter().flatten();
        by_plan
            || own.any(
                |it| matches!(&it.kind, ValidatorKind::Agent(it) if it.as_str() == ITEM_READER),
            )
    });
    if !is_read || tree.root.join(item).exists() {
        return None;
    }
    let finding = Diagnostic::warning("plan::no-item", format!("there is no `{item}`"))
        .label(place_of(source, "source_item")?, "no file of this name")
        .help(format!("`{ITEM_READER}` judges by it: correct the path, or let `validator` judge"));
    Some(finding.in_file(&source.path))
}

#[cfg(test)]
mod tests {
    use crate::host::check::tests::codes_of_plan;

    #[test]
    fn an_item_that_is_to_be_read_is_missed() {
        let check = |item: &str, task: &str| {
            codes_of_plan(
                &format!("name: P, source_item: {item}"),
                task,
                &[("docs/there.md", "x\n")],
            )
        };
        let task = "name: N, agent: coder, validators: [issue-verifier]";
        assert_eq!(check("docs/gone.md", task), "plan::no-item");
        assert_eq!(check("docs/there.md", task), "");
        assert_eq!(check("docs/gone.md", &format!("{task}, status: completed")), "");
        assert_eq!(check("docs/gone.md", "name: N, agent: coder"), "");
    }
}
