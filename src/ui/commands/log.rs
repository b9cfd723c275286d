//! `orch log`: what a session said and did.

use std::time::Duration;

use crate::base::name::TaskRef;
use crate::host::clock::now;
use crate::ui::args::LogArgs;
use crate::ui::exit::Exit;
use crate::ui::project::{Project, Transcript};
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::target::{self, Known};
use crate::ui::transcript::Reader;

use super::Place;

/// How often a running attempt is looked at again.
const PAUSE: Duration = Duration::from_millis(200);

/// With `--format json` the stream's own lines, unchanged.
pub fn run(args: &LogArgs, project: &mut dyn Project, shell: &mut Shell, place: Place) -> Ran {
    let picture = project.picture(now())?;
    let tasks = target::tasks_of(&picture);
    let known = Known { plans: &picture.plans, tasks: &tasks, folder: place.folder };
    let task = target::resolve_one(&args.target, known)?;
    let mut reader = (!place.is_json).then(|| Reader::new(shell.out_paint()));
    let mut piece = project
        .transcript(&task, args.attempt, 0)?
        .ok_or_else(|| nothing_recorded(&task, args.attempt))?;
    shell.note(&format!("{task}, attempt {}", piece.attempt))?;
    let mut from = 0;
    loop {
        from += piece.bytes.len() as u64;
        write(&piece, reader.as_mut(), shell)?;
        if !(args.follow && piece.is_running) {
            break;
        }
        shell.flush()?;
        std::thread::sleep(PAUSE);
        match project.transcript(&task, Some(piece.attempt), from)? {
            Some(next) => piece = next,
            None => break,
        }
    }
    if let Some(reader) = reader {
        shell.data(&reader.finish())?;
    }
    Ok(Exit::Success)
}

fn write(
    piece: &Transcript,
    reader: Option<&mut Reader>,
    shell: &mut Shell,
) -> Result<(), Failure> {
    match reader {
        Some(reader) => shell.data(&reader.push(&piece.bytes)),
        None => shell.bytes(&piece.bytes),
    }
}

fn nothing_recorded(task: &TaskRef, attempt: Option<u32>) -> Failure {
    match attempt {
        Some(number) => Failure::usage_with_help(
            format!("`{task}` has no recorded attempt {number}"),
            format!("`orch show {task}` lists its attempts"),
        ),
        None => Failure::usage_with_help(
            format!("nothing is recorded of `{task}`: it has not run here"),
            format!("`orch why {task}` says where it stands"),
        ),
    }
}
