//! The graph as a tree: each task once in full below the first task it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::base::name::{PlanName, TaskRef};
use crate::engine::picture::{Picture, TaskPicture};
use crate::ui::commands::status;
use crate::ui::shell::{Paint, Tone};
use crate::ui::text::{columns_of, one_line, path_text};

/// Columns of indentation at most: what is deeper stays there, so that a chain of ten thousand tasks
/// does not become a triangle of a hundred megabytes.
const DEEPEST: usize = 80;

/// Starts with the tasks that need nothing of what is shown; what needs a task hangs below it, be it of
/// another plan. A
/// task that was drawn already is named again with `(above)`.
pub fn tree_of(picture: &Picture, paint: Paint) -> String {
    let mut tree = Tree::of(picture, paint);
    for plan in &picture.plans {
        let _ = writeln!(tree.text, "{}", paint.paint(Tone::Strong, path_text(&plan.name)));
        tree.plan = Some(&plan.name);
        let roots: Vec<&TaskPicture> = picture
            .tasks
            .iter()
            .filter(|task| task.task.plan == plan.name && tree.is_root(task))
            .collect();
        tree.draw_all(&roots);
    }
    tree.text
}

struct Tree<'a> {
    /// What needs a task, in the picture's order.
    dependents: BTreeMap<&'a TaskRef, Vec<&'a TaskPicture>>,
    shown: BTreeSet<&'a TaskRef>,
    drawn: BTreeSet<&'a TaskRef>,
    /// The plan below which tasks are drawn: others' are named in full.
    plan: Option<&'a PlanName>,
    paint: Paint,
    text: String,
}

impl<'a> Tree<'a> {
    fn of(picture: &'a Picture, paint: Paint) -> Self {
        let mut dependents: BTreeMap<&TaskRef, Vec<&TaskPicture>> = BTreeMap::new();
        for task in &picture.tasks {
            for needed in &task.depends_on {
                dependents.entry(needed).or_default().push(task);
            }
        }
        let shown = picture.tasks.iter().map(|task| &task.task).collect();
        Self { dependents, shown, drawn: BTreeSet::new(), plan: None, paint, text: String::new() }
    }

    fn is_root(&self, task: &TaskPicture) -> bool {
        !task.depends_on.iter().any(|needed| self.shown.contains(needed))
    }

    /// Without recursion: a chain of ten thousand tasks must not overflow the stack.
    fn draw_all(&mut self, roots: &[&'a TaskPicture]) {
        let mut open: Vec<(&TaskPicture, String, bool)> = Vec::new();
        push_children(&mut open, roots, "");
        while let Some((task, indent, is_last)) = open.pop() {
            let branch = if is_last { "└─" } else { "├─" };
            let is_new = self.drawn.insert(&task.task);
            self.draw(task, &format!("{indent}{branch}"), is_new);
            if is_new {
                let below = match columns_of(&indent) < DEEPEST {
                    true => format!("{indent}{}", if is_last { "  " } else { "│ " }),
                    false => indent,
                };
                let children = self.dependents.get(&task.task).cloned().unwrap_or_default();
                push_children(&mut open, &children, &below);
            }
        }
    }

    fn draw(&mut self, task: &TaskPicture, branch: &str, is_new: bool) {
        let glyph = status::glyph_of(task.state, self.paint);
        let again = if is_new { "" } else { "  (above)" };
        let name = if is_new { one_line(&task.name) } else { String::new() };
        let id = match self.plan == Some(&task.task.plan) {
            true => task.task.task.to_string(),
            false => path_text(&task.task),
        };
        let line = format!("{branch} {glyph} {id}  {name}");
        let _ = writeln!(self.text, "{}{again}", line.trim_end());
    }
}

/// The last child first, so that the first one is popped next.
fn push_children<'a>(
    open: &mut Vec<(&'a TaskPicture, String, bool)>,
    children: &[&'a TaskPicture],
    indent: &str,
) {
    for (at, child) in children.iter().enumerate().rev() {
        open.push((child, indent.to_owned(), at + 1 == children.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    #[test]
    fn a_task_hangs_below_what_it_needs() {
        insta::assert_snapshot!(tree_of(&sample::picture(), Paint::PLAIN), @r#"
            demo
            └─ ✓ 1.1  Set up
              ├─ ▶ 1.2  Add parser
              │ └─ ⊘ 2.2  Document
              └─ ✓ 1.3  Größe prüfen
                └─ ✗ 2.1  Wire up
                  └─ ⊘ 2.2  (above)
            other
            ├─ – a
            └─ ○ b  Tidy
            "#);
    }
}
