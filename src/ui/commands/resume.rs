//! `orch resume`: takes back stops that wait, lifts limits where asked to, and goes on with what the
//! last run was asked for.

use crate::engine::record::Record;
use crate::host::stop;
use crate::host::{documents, journal};
use crate::ui::args::{Args, BuildArgs, Command, ResumeArgs, WatchArgs};
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::report::counted;
use crate::ui::shell::{Failure, Ran, Shell};

use super::{build, watch};

/// The project is open for building: nobody else runs whose stop would be taken back.
pub fn run(args: &ResumeArgs, project: &mut dyn Project, shell: &mut Shell) -> Ran {
    let root = project.root().to_owned();
    let config = documents::read(&root, &[])?.documents.config;
    let n = stop::withdraw(&root, &config.plans_dirs)?;
    if n > 0 {
        shell.note(&format!("{} taken back", counted(n, "stop file")))?;
    }
    let lifted = if args.limits { project.lift_limits()? } else { Vec::new() };
    for limit in &lifted {
        shell.note(&format!("the {limit} limit is taken for over"))?;
    }
    let Some(command) = last_asked(&journal::read(&root)?.records) else {
        return nothing_to_go_on_with(n + lifted.len());
    };
    let folder = "";
    match command {
        Asked::Watch(mut last) => {
            last.shown.clone_from(&args.shown);
            watch::run(&last, project, shell, folder)
        }
        Asked::Build(last) => build::run(&going_on(*last, args), project, shell, folder),
    }
}

/// Building costs money: what nobody has asked for is not begun. Stops that were taken back are what
/// was asked for, too.
fn nothing_to_go_on_with(n_taken_back: usize) -> Ran {
    if n_taken_back > 0 {
        return Ok(Exit::Success);
    }
    Err(Failure::usage_with_help(
        "nothing was built here yet, so there is nothing to go on with",
        "`orch build` builds all active plans; `orch build -n` shows first what would run",
    ))
}

/// What the newest run was asked for.
enum Asked {
    Build(Box<BuildArgs>),
    Watch(Box<WatchArgs>),
}

/// What was forced has run, or is shown by `orch why`: going on forces nothing again.
fn going_on(last: BuildArgs, args: &ResumeArgs) -> BuildArgs {
    BuildArgs { force: Vec::new(), dry_run: false, shown: args.shown.clone(), ..last }
}

/// The command line of the newest build or watch.
fn last_asked(records: &[Record]) -> Option<Asked> {
    let lines = records.iter().rev().filter_map(|record| match record {
        Record::RunStarted { args, .. } => Some(args),
        _ => None,
    });
    let commands = lines.filter_map(|line| Some(Args::read(line).ok()?.command));
    let mut asked = commands.filter_map(|command| match command {
        Command::Build(args) => Some(Asked::Build(Box::new(args))),
        Command::Watch(args) => Some(Asked::Watch(Box::new(args))),
        _ => None,
    });
    asked.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::measure::Moment;

    #[test]
    fn it_goes_on_with_the_last_build_and_forces_nothing() {
        let check = |lines: &[&str]| {
            let started = |line: &&str| Record::RunStarted {
                at: Moment(1),
                pid: 1,
                version: "0".into(),
                args: line.split_whitespace().map(str::to_owned).collect(),
            };
            let records: Vec<Record> = lines.iter().map(started).collect();
            match last_asked(&records) {
                Some(Asked::Build(last)) => {
                    let on = going_on(*last, &ResumeArgs::default());
                    format!("build {:?} -j {:?} force {:?}", on.targets, on.jobs, on.force)
                }
                Some(Asked::Watch(last)) => format!("watch {:?}", last.targets),
                None => "nothing".to_owned(),
            }
        };
        assert_eq!(check(&[]), "nothing");
        assert_eq!(check(&["orch resume"]), "nothing");
        let line = "orch build demo --force demo//1 -j 3";
        let expected = r#"build ["demo"] -j Some(3) force []"#;
        assert_eq!(check(&["orch watch", line]), expected);
        assert_eq!(check(&[line, "orch resume", "orch resume -v"]), expected);
        assert_eq!(check(&[line, "orch watch x"]), r#"watch ["x"]"#);
    }
}
