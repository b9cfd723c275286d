//! `orch resume`: takes back stops that wait, and goes on with what the last run was asked for.

use crate::engine::record::Record;
use crate::host::stop;
use crate::host::{documents, journal};
use crate::ui::args::{Args, BuildArgs, Command, ResumeArgs};
use crate::ui::project::Project;
use crate::ui::report::counted;
use crate::ui::shell::{Ran, Shell};

use super::{Place, build, watch};

/// The project is open for building: nobody else runs whose stop would be taken back.
pub fn run(args: &ResumeArgs, project: &mut dyn Project, shell: &mut Shell, place: Place) -> Ran {
    let root = project.root().to_owned();
    let config = documents::read(&root, &[])?.documents.config;
    let n = stop::withdraw(&root, &config.plans_dirs)?;
    if n > 0 {
        shell.note(&format!("{} taken back", counted(n, "stop file")))?;
    }
    let command = last_asked(&journal::read(&root)?.records);
    let place = Place { folder: "", ..place };
    match command {
        Some(Command::Watch(mut last)) => {
            (last.verbose, last.events) = (args.verbose, args.events.clone());
            watch::run(&last, project, shell, place)
        }
        Some(Command::Build(last)) => build::run(&going_on(last, args), project, shell, place),
        _ => build::run(&going_on(BuildArgs::default(), args), project, shell, place),
    }
}

/// What was forced has run, or is shown by `orch why`: going on forces nothing again.
fn going_on(last: BuildArgs, args: &ResumeArgs) -> BuildArgs {
    BuildArgs {
        force: Vec::new(),
        dry_run: false,
        verbose: args.verbose,
        events: args.events.clone(),
        ..last
    }
}

/// The command line of the newest build or watch.
fn last_asked(records: &[Record]) -> Option<Command> {
    let lines = records.iter().rev().filter_map(|record| match record {
        Record::RunStarted { args, .. } => Some(args),
        _ => None,
    });
    let mut commands = lines.filter_map(|line| Some(Args::read(line).ok()?.command));
    commands.find(|it| matches!(it, Command::Build(_) | Command::Watch(_)))
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
                Some(Command::Build(last)) => {
                    let on = going_on(last, &ResumeArgs::default());
                    format!("build {:?} -j {:?} force {:?}", on.targets, on.jobs, on.force)
                }
                Some(Command::Watch(last)) => format!("watch {:?}", last.targets),
                _ => "all".to_owned(),
            }
        };
        assert_eq!(check(&[]), "all");
        let line = "orch build demo --force demo//1 -j 3";
        let told = r#"build ["demo"] -j Some(3) force []"#;
        assert_eq!(check(&["orch watch", line]), told);
        assert_eq!(check(&[line, "orch resume", "orch resume -v"]), told);
        assert_eq!(check(&[line, "orch watch x"]), r#"watch ["x"]"#);
    }
}
