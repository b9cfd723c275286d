//! Diagnostics for programs: one JSON object a document and line. Byte spans; lines and columns
//! from 1, columns in characters.

use serde::Serialize;

use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::source::Source;
use crate::host::surface::CheckedDocument;
use crate::spec::plan::{Plan, Section, Task};

/// One line for each document, each ended by a newline. Nothing is left out.
pub fn json_lines(documents: &[CheckedDocument]) -> String {
    documents
        .iter()
        .map(|document| super::super::json::line_of(&DocumentJson::of(document)))
        .collect()
}

#[derive(Serialize)]
struct DocumentJson<'a> {
    file: &'a str,
    ok: bool,
    diagnostics: Vec<DiagnosticJson<'a>>,
    plan: Option<PlanJson<'a>>,
}

impl<'a> DocumentJson<'a> {
    fn of(document: &'a CheckedDocument) -> Self {
        let lines = Lines::of(&document.source);
        let diagnostics = document
            .diagnostics
            .iter()
            .map(|diagnostic| DiagnosticJson::of(diagnostic, &document.source, &lines))
            .collect();
        let plan = document.plan.as_ref().map(PlanJson::of);
        Self { file: &document.path, ok: document.is_ok(), diagnostics, plan }
    }
}

#[derive(Serialize)]
struct DiagnosticJson<'a> {
    code: &'a str,
    severity: Severity,
    message: &'a str,
    /// The document the labels point into, where it is another one; lines and columns are then 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    labels: Vec<LabelJson<'a>>,
    help: Option<&'a str>,
}

impl<'a> DiagnosticJson<'a> {
    fn of(diagnostic: &'a Diagnostic, source: &Source, lines: &Lines) -> Self {
        let elsewhere = diagnostic.file.as_ref().filter(|file| **file != source.path);
        let labels = diagnostic.labels.iter().map(|label| {
            let (line, column) = match elsewhere {
                Some(_) => (0, 0),
                None => lines.position_of(label.span.start),
            };
            let (start, end) = (label.span.start, label.span.end);
            LabelJson { start, end, line, column, text: &label.text }
        });
        Self {
            code: diagnostic.code,
            severity: diagnostic.severity,
            message: &diagnostic.message,
            file: elsewhere.map(|file| file.as_str()),
            labels: labels.collect(),
            help: diagnostic.help.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct LabelJson<'a> {
    start: usize,
    end: usize,
    line: usize,
    column: usize,
    text: &'a str,
}

/// Where each line of a text starts: thousands of labels in a large document stay cheap.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(source: &'a Source) -> Self {
        let text = &*source.text;
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The same as `Source::position_of`.
    fn position_of(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts[line - 1];
        (line, self.text[start..offset].chars().count() + 1)
    }
}

/// A plan in its normal form.
#[derive(Serialize)]
struct PlanJson<'a> {
    name: &'a str,
    title: Option<&'a str>,
    sections: Vec<SectionJson<'a>>,
}

impl<'a> PlanJson<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            name: plan.name.as_str(),
            title: plan.meta.title.as_deref(),
            sections: plan.sections.iter().map(SectionJson::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct SectionJson<'a> {
    id: &'a str,
    name: &'a str,
    status: &'a str,
    tasks: Vec<TaskJson<'a>>,
}

impl<'a> SectionJson<'a> {
    fn of(section: &'a Section) -> Self {
        Self {
            id: section.id.as_str(),
            name: &section.name,
            status: section.status.as_str(),
            tasks: section.tasks.iter().map(TaskJson::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct TaskJson<'a> {
    id: &'a str,
    name: &'a str,
    status: &'a str,
    description: &'a str,
    agent: Option<&'a str>,
    rule: Option<&'a str>,
    depends_on: Vec<String>,
    parallel_group: Option<&'a str>,
    exclusive_resources: &'a [String],
    attempts: u32,
}

impl<'a> TaskJson<'a> {
    fn of(task: &'a Task) -> Self {
        let spec = &task.spec;
        Self {
            id: task.id.as_str(),
            name: &spec.name,
            status: task.record.status.as_str(),
            description: &spec.description,
            agent: spec.agent.as_ref().map(|agent| agent.as_str()),
            rule: spec.rule.as_ref().map(|rule| rule.as_str()),
            depends_on: spec.depends_on.iter().map(ToString::to_string).collect(),
            parallel_group: spec.parallel_group.as_deref(),
            exclusive_resources: &spec.exclusive_resources,
            attempts: task.record.attempts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_agree_with_the_source(text in "[aé\\r\\n\\t]{0,30}", offset in 0usize..70) {
            let source = Source::new(RelPath::new("p.yaml").unwrap(), text);
            let wanted = source.position_of(offset);
            let found = Lines::of(&source).position_of(offset);
            prop_assert_eq!(found, (wanted.line, wanted.column));
        }
    }
}
