//! `orch check`: diagnoses documents; nothing runs.

use std::path::PathBuf;

use crate::host::surface::CheckedDocument;
use crate::ui::args::CheckArgs;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::report::{self, Look};
use crate::ui::shell::{Ran, Shell};

/// Diagnostics are the data of this command; the count goes to stderr.
pub fn run(args: &CheckArgs, project: &mut dyn Project, shell: &mut Shell, is_json: bool) -> Ran {
    let files: Result<Vec<PathBuf>, _> = args.files.iter().map(std::path::absolute).collect();
    let documents = project.check(&files?)?;
    if is_json {
        shell.data(&report::json_lines(&documents))?;
    } else {
        let look = Look { paint: shell.out_paint(), width: shell.width() };
        shell.data(&report::text_of(&documents, look))?;
        shell.note(&report::summary_of(&documents))?;
    }
    Ok(exit_of(&documents))
}

/// Only errors make documents wrong.
pub fn exit_of(documents: &[CheckedDocument]) -> Exit {
    match documents.iter().all(CheckedDocument::is_ok) {
        true => Exit::Success,
        false => Exit::BadDocuments,
    }
}
