//! `orch check`: diagnoses documents; nothing runs.

use std::path::PathBuf;

use crate::host::surface::CheckedDocument;
use crate::ui::args::CheckArgs;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::report::{self, Look};
use crate::ui::shell::{Failure, Ran, Shell, exit_with};

/// Diagnostics are the data of this command; the count goes to stderr.
pub fn run(args: &CheckArgs, project: &mut dyn Project, shell: &mut Shell) -> Ran {
    let files: Result<Vec<PathBuf>, _> = args.files.iter().map(std::path::absolute).collect();
    let documents = project.check(&files?)?;
    exit_with(exit_of(&documents), tell(&documents, shell))
}

fn tell(documents: &[CheckedDocument], shell: &mut Shell) -> Result<(), Failure> {
    if shell.is_json() {
        return shell.data(&report::json_lines(documents));
    }
    let look = Look { paint: shell.out_paint(), width: shell.width() };
    shell.data(&report::text_of(documents, look))?;
    shell.note(&report::summary_of(documents))
}

/// Only errors make documents wrong.
fn exit_of(documents: &[CheckedDocument]) -> Exit {
    match documents.iter().all(CheckedDocument::is_ok) {
        true => Exit::Success,
        false => Exit::BadDocuments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::diagnostic::Diagnostic;
    use crate::base::name::RelPath;
    use crate::base::source::Source;
    use crate::ui::console::sample::Buffer;
    use crate::ui::project::fake::Fake;
    use crate::ui::shell::Format;

    /// Stdout, stderr and the exit code for a document with one finding.
    fn check(finding: Diagnostic, format: Format) -> (String, String, u8) {
        let document = CheckedDocument {
            path: "orch.yaml".to_owned(),
            source: Source::new(RelPath::new("orch.yaml").unwrap(), "jobs: x\n"),
            diagnostics: vec![finding.label(6..7, "not a number")],
            plan: None,
        };
        let mut fake = Fake { documents: vec![document], ..Fake::default() };
        let (out, err) = (Buffer::default(), Buffer::default());
        let mut shell = Shell::of_writers(out.clone(), err.clone()).with_format(format);
        let ran = run(&CheckArgs::default(), &mut fake, &mut shell);
        let exit = shell.conclude(ran);
        (out.text(), err.text(), exit.code())
    }

    #[test]
    fn only_errors_make_documents_wrong() {
        let (out, err, exit) =
            check(Diagnostic::error("config::bad-value", "bad `jobs`"), Format::Text);
        assert!(out.contains("orch.yaml:1:7"), "{out}");
        assert_eq!((err.as_str(), exit), ("1 error in 1 of 1 file\n", 2));
        let (_, err, exit) =
            check(Diagnostic::warning("config::bad-value", "bad `jobs`"), Format::Text);
        assert_eq!((err.as_str(), exit), ("1 warning in 1 of 1 file\n", 0));
    }

    #[test]
    fn programs_get_one_line_a_document_and_nothing_else() {
        let (out, err, exit) =
            check(Diagnostic::error("config::bad-value", "bad `jobs`"), Format::Json);
        let line: serde_json::Value = serde_json::from_str(out.trim_end()).unwrap();
        assert_eq!((&line["file"], &line["ok"]), (&"orch.yaml".into(), &false.into()));
        assert_eq!((err.as_str(), exit), ("", 2));
    }
}
