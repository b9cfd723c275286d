//! `orch log`: what a session said and did, and what its validators said of it.

mod life;

use std::time::Duration;

use crate::base::name::{PlanName, TaskRef};
use crate::host::clock::now;
use crate::ui::args::LogArgs;
use crate::ui::exit::Exit;
use crate::ui::judging::{heading, judging};
use crate::ui::project::Project;
use crate::ui::render::time::moment_text;
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::target::{self, Known};
use crate::ui::text::one_line;
use crate::ui::transcript::{Form, Reader, Speaker};

/// How often a running attempt is looked at again.
const PAUSE: Duration = Duration::from_millis(200);

/// With `--format json` a session's events as they came, and other lines as objects of the same kind.
pub fn run(args: &LogArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    if let Some(item) = life::item_named(&args.target) {
        return life::run(item, project, shell);
    }
    let picture = project.picture(now())?;
    let tasks = target::tasks_of(&picture);
    let known = Known { plans: &picture.plans, tasks: &tasks, folder };
    let form = match shell.is_json() {
        true => Form::Programs,
        false => Form::People(shell.out_paint()),
    };
    if args.smoke {
        let plan = target::resolve_plan(&args.target, known)?;
        return replay_smoke(&plan, form, project, shell);
    }
    let task = target::resolve_one(&args.target, known)?;
    let Some(mut piece) = project.transcript(&task, args.attempt, 0)? else {
        if args.attempt.is_none() && replay_judging(&task, form, project, shell)? > 0 {
            return Ok(Exit::Success);
        }
        return Err(nothing_recorded(&task, args.attempt));
    };
    let mut reader = Reader::new(form, piece.speaker);
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
    let is_over = args.follow || !piece.is_running;
    if args.attempt.is_none() && is_over && is_of_work(&task, piece.attempt, project)? {
        replay_judging(&task, form, project, shell)?;
    }
    Ok(Exit::Success)
}

/// Prints what a plan's last smoke test said.
fn replay_smoke(plan: &PlanName, form: Form, project: &mut dyn Project, shell: &mut Shell) -> Ran {
    let Some((ended, said)) = project.smoke_of(plan)? else {
        return Err(Failure::usage_with_help(
            format!("no smoke test of `{plan}` is recorded: none has run here"),
            "`orch build` runs it when all tasks of the plan are accepted",
        ));
    };
    let (at, outcome) = (moment_text(ended.at), ended.outcome.as_str());
    shell.note(&format!("{plan}, smoke test {outcome} at {at}: {}", one_line(&ended.message)))?;
    let Some(said) = said else {
        shell.note("no output of it is kept")?;
        return Ok(Exit::Success);
    };
    let mut reader = Reader::new(form, Speaker::Command);
    shell.data(&reader.push(&said))?;
    shell.data(&reader.finish())?;
    Ok(Exit::Success)
}

/// False for a validator's own log.
fn is_of_work(task: &TaskRef, log: u32, project: &mut dyn Project) -> Result<bool, Failure> {
    let attempts = project.attempts_of(task)?;
    Ok(attempts.get(log as usize - 1).is_some_and(|it| it.validator.is_none()))
}

/// Prints what the validators said that judged the newest attempt: how many did.
fn replay_judging(
    task: &TaskRef,
    form: Form,
    project: &mut dyn Project,
    shell: &mut Shell,
) -> Result<usize, Failure> {
    let attempts = project.attempts_of(task)?;
    let logs = judging(&attempts);
    for at in &logs {
        shell.data(&form.of_heading(&heading(&attempts[*at])))?;
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let Some(piece) = project.transcript(task, Some(number), 0)? else { continue };
        let mut reader = Reader::new(form, piece.speaker);
        shell.data(&reader.push(&piece.bytes))?;
        shell.data(&reader.finish())?;
    }
    Ok(logs.len())
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
    use crate::ui::shell::Format;

    fn check(pieces: &[&'static str], target: &str, follow: bool, format: Format) -> String {
        let mut fake = Fake { pieces: pieces.to_vec(), ..Fake::default() };
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), out.clone()).with_format(format);
        let args = LogArgs { target: target.to_owned(), follow, attempt: None, smoke: false };
        let ran = run(&args, &mut fake, &mut shell, "");
        shell.conclude(ran);
        out.text()
    }

    #[test]
    fn a_running_attempt_is_followed_to_its_end() {
        let pieces = ["one\ntw", "o\nthr", "ee"];
        assert_eq!(
            check(&pieces, "demo//1.2", true, Format::Text),
            "demo//1.2, attempt 1\none\ntwo\nthree\n"
        );
        assert_eq!(
            check(&pieces, "demo//1.2", true, Format::Json),
            "demo//1.2, attempt 1\n{\"type\":\"output\",\"stream\":\"stdout\",\"text\":\"one\"}\n{\"type\":\"output\",\"stream\":\"stdout\",\"text\":\"two\"}\n{\"type\":\"output\",\"stream\":\"stdout\",\"text\":\"three\"}\n"
        );
    }

    #[test]
    fn what_never_ran_or_is_ambiguous_is_refused() {
        insta::assert_snapshot!(check(&[], "demo//1.2", false, Format::Text), @r#"
            error: nothing is recorded of `demo//1.2`: it has not run here
              help: `orch why demo//1.2` says where it stands
            "#);
        insta::assert_snapshot!(check(&[], "demo//1.*", false, Format::Text), @r#"
            error: `demo//1.*` names 3 tasks, one is needed
              help: name one of them: demo//1.1, demo//1.2, demo//1.3
            "#);
    }
}
