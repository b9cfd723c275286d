//! `orch log`: what a session said and did.

use std::time::Duration;

use crate::base::name::TaskRef;
use crate::host::clock::now;
use crate::ui::args::LogArgs;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::target::{self, Known};
use crate::ui::transcript::{Form, Reader};

use super::Place;

/// How often a running attempt is looked at again.
const PAUSE: Duration = Duration::from_millis(200);

/// With `--format json` a session's events as they came, and other lines as objects of the same kind.
pub fn run(args: &LogArgs, project: &mut dyn Project, shell: &mut Shell, place: Place) -> Ran {
    let picture = project.picture(now())?;
    let tasks = target::tasks_of(&picture);
    let known = Known { plans: &picture.plans, tasks: &tasks, folder: place.folder };
    let task = target::resolve_one(&args.target, known)?;
    let mut reader = Reader::new(match place.is_json {
        true => Form::Programs,
        false => Form::People(shell.out_paint()),
    });
    let mut piece = project
        .transcript(&task, args.attempt, 0)?
        .ok_or_else(|| nothing_recorded(&task, args.attempt))?;
    shell.note(&format!("{task}, attempt {}", piece.attempt))?;
    let mut from = 0;
    loop {
        from += piece.bytes.len() as u64;
        shell.data(&reader.push(&piece.bytes))?;
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
    shell.data(&reader.finish())?;
    Ok(Exit::Success)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample::Buffer;
    use crate::ui::project::fake::Fake;

    fn check(pieces: &[&'static str], target: &str, follow: bool, is_json: bool) -> String {
        let mut fake = Fake { pieces: pieces.to_vec(), ..Fake::default() };
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), out.clone());
        let args = LogArgs { target: target.to_owned(), follow, attempt: None };
        let ran = run(&args, &mut fake, &mut shell, Place { folder: "", is_json });
        shell.conclude(ran);
        out.text()
    }

    #[test]
    fn a_running_attempt_is_followed_to_its_end() {
        let pieces = ["one\ntw", "o\nthr", "ee"];
        assert_eq!(
            check(&pieces, "demo//1.2", true, false),
            "demo//1.2, attempt 1\none\ntwo\nthree\n"
        );
        assert_eq!(
            check(&pieces, "demo//1.2", true, true),
            "demo//1.2, attempt 1\n{\"type\":\"output\",\"stream\":\"stdout\",\"text\":\"one\"}\n{\"type\":\"output\",\"stream\":\"stdout\",\"text\":\"two\"}\n{\"type\":\"output\",\"stream\":\"stdout\",\"text\":\"three\"}\n"
        );
    }

    #[test]
    fn what_never_ran_or_is_ambiguous_is_refused() {
        insta::assert_snapshot!(check(&[], "demo//1.2", false, false), @r#"
            error: nothing is recorded of `demo//1.2`: it has not run here
              help: `orch why demo//1.2` says where it stands
            "#);
        insta::assert_snapshot!(check(&[], "demo//1.*", false, false), @r#"
            error: `demo//1.*` names 3 tasks, one is needed
              help: name one of them: demo//1.1, demo//1.2, demo//1.3
            "#);
    }
}
