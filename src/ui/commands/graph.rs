//! `orch graph`: tasks and what they need, drawn.

mod json;
mod text;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::base::name::TaskRef;
use crate::engine::picture::{Picture, TaskPicture, TaskState};
use crate::ui::args::TargetsArgs;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::shell::{Format, Ran, Shell};
use crate::ui::text::one_line;

use super::selection::Selection;

pub fn run(args: &TargetsArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let picture = Selection::of(project, &args.targets, folder)?.narrowed().with_failures();
    let drawn = match shell.format() {
        Format::Text => text::tree_of(&picture, shell.out_paint()),
        Format::Json => json::graph_of(&picture),
        Format::Dot => dot_of(&picture),
        Format::Mermaid => mermaid_of(&picture),
    };
    shell.data(&drawn)?;
    Ok(Exit::Success)
}

/// Where a task stands, as far as a drawing shows it.
fn class_of(state: TaskState) -> &'static str {
    match state {
        TaskState::UpToDate | TaskState::Done(_) => "done",
        TaskState::Running | TaskState::BackingOff => "running",
        TaskState::Ready | TaskState::Waiting => "open",
        TaskState::Failed(_) => "failed",
        TaskState::Held | TaskState::Blocked | TaskState::Suspended => "blocked",
        TaskState::Skipped => "skipped",
    }
}

/// Classes with the colour that fills them, readable with black text.
const FILLS: [(&str, &str); 6] = [
    ("done", "#c8e6c9"),
    ("running", "#b3e5fc"),
    ("open", "#ffffff"),
    ("failed", "#ffcdd2"),
    ("blocked", "#ffe0b2"),
    ("skipped", "#eeeeee"),
];

fn fill_of(state: TaskState) -> &'static str {
    let class = class_of(state);
    FILLS.iter().find(|(name, _)| *name == class).map_or("#ffffff", |(_, fill)| fill)
}

/// Graphviz: `orch graph --format dot | dot -Tsvg`.
fn dot_of(picture: &Picture) -> String {
    let mut text = String::from("digraph orch {\n  rankdir=LR;\n");
    text.push_str("  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n");
    for (number, plan) in picture.plans.iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{number} {{");
        let _ = writeln!(text, "    label={};", quoted(plan.name.as_str()));
        for task in picture.tasks.iter().filter(|task| task.task.plan == plan.name) {
            let name = quoted(&task.task.to_string());
            let label = quoted(&label_of(task, "\n"));
            let fill = fill_of(task.state);
            let _ = writeln!(text, "    {name} [label={label}, fillcolor=\"{fill}\"];");
        }
        text.push_str("  }\n");
    }
    for task in &picture.tasks {
        for needed in &task.depends_on {
            let (from, to) = (quoted(&needed.to_string()), quoted(&task.task.to_string()));
            let _ = writeln!(text, "  {from} -> {to};");
        }
    }
    text + "}\n"
}

/// A quoted id of DOT: only `"` and `\` are special, and a line break is `\n`.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// The id, and the name below it.
fn label_of(task: &TaskPicture, line_break: &str) -> String {
    match one_line(&task.name) {
        name if name.is_empty() => task.task.task.to_string(),
        name => format!("{}{line_break}{name}", task.task.task),
    }
}

/// Mermaid: for Markdown that draws it.
fn mermaid_of(picture: &Picture) -> String {
    let mut text = String::from("flowchart LR\n");
    let numbers: BTreeMap<&TaskRef, usize> =
        picture.tasks.iter().enumerate().map(|(number, task)| (&task.task, number)).collect();
    for (plan_number, plan) in picture.plans.iter().enumerate() {
        let title = escaped(plan.name.as_str());
        let _ = writeln!(text, "  subgraph p{plan_number}[\"{title}\"]");
        for (number, task) in picture.tasks.iter().enumerate() {
            if task.task.plan == plan.name {
                let label = escaped(&label_of(task, "\n")).replace('\n', "<br/>");
                let class = class_of(task.state);
                let _ = writeln!(text, "    t{number}[\"{label}\"]:::{class}");
            }
        }
        text.push_str("  end\n");
    }
    for (number, task) in picture.tasks.iter().enumerate() {
        for needed in task.depends_on.iter().filter_map(|needed| numbers.get(needed)) {
            let _ = writeln!(text, "  t{needed} --> t{number}");
        }
    }
    for (class, fill) in FILLS {
        let _ = writeln!(text, "  classDef {class} fill:{fill},color:#000000,stroke:#888888");
    }
    text
}

/// Text inside Mermaid's quotes: entities for what would end it or be read as markup.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "#amp;").replace('"', "#quot;");
    text.replace('<', "#lt;").replace('>', "#gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    #[test]
    fn dot_draws_a_box_for_each_task_and_an_arrow_for_each_need() {
        let mut picture = sample::picture();
        picture.tasks[0].name = "Say \"hi\" \\ bye".to_owned();
        insta::assert_snapshot!(dot_of(&picture), @r##"
            digraph orch {
              rankdir=LR;
              node [shape=box, style="rounded,filled", fontname="sans-serif"];
              subgraph cluster_0 {
                label="demo";
                "demo//1.1" [label="1.1\nSay \"hi\" \\ bye", fillcolor="#c8e6c9"];
                "demo//1.2" [label="1.2\nAdd parser", fillcolor="#b3e5fc"];
                "demo//1.3" [label="1.3\nGröße prüfen", fillcolor="#c8e6c9"];
                "demo//2.1" [label="2.1\nWire up", fillcolor="#ffcdd2"];
                "demo//2.2" [label="2.2\nDocument", fillcolor="#ffe0b2"];
              }
              subgraph cluster_1 {
                label="other";
                "other//a" [label="a", fillcolor="#eeeeee"];
                "other//b" [label="b\nTidy", fillcolor="#ffffff"];
              }
              "demo//1.1" -> "demo//1.2";
              "demo//1.1" -> "demo//1.3";
              "demo//1.3" -> "demo//2.1";
              "demo//2.1" -> "demo//2.2";
              "demo//1.2" -> "demo//2.2";
            }
            "##);
    }

    #[test]
    fn mermaid_draws_the_same() {
        let mut picture = sample::picture();
        picture.tasks[0].name = "Say \"hi\" <b> & bye".to_owned();
        insta::assert_snapshot!(mermaid_of(&picture), @r#"
            flowchart LR
              subgraph p0["demo"]
                t0["1.1<br/>Say #quot;hi#quot; #lt;b#gt; #amp; bye"]:::done
                t1["1.2<br/>Add parser"]:::running
                t2["1.3<br/>Größe prüfen"]:::done
                t3["2.1<br/>Wire up"]:::failed
                t4["2.2<br/>Document"]:::blocked
              end
              subgraph p1["other"]
                t5["a"]:::skipped
                t6["b<br/>Tidy"]:::open
              end
              t0 --> t1
              t0 --> t2
              t2 --> t3
              t3 --> t4
              t1 --> t4
              classDef done fill:#c8e6c9,color:#000000,stroke:#888888
              classDef running fill:#b3e5fc,color:#000000,stroke:#888888
              classDef open fill:#ffffff,color:#000000,stroke:#888888
              classDef failed fill:#ffcdd2,color:#000000,stroke:#888888
              classDef blocked fill:#ffe0b2,color:#000000,stroke:#888888
              classDef skipped fill:#eeeeee,color:#000000,stroke:#888888
            "#);
    }
}
