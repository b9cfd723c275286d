//! Top floor: what people type and read.

pub mod args;
pub mod commands;
pub mod console;
pub mod exit;
mod json;
mod judging;
mod notifier;
pub mod project;
pub mod render;
pub mod report;
pub mod shell;
pub mod target;
pub mod text;
pub mod transcript;

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::base::name::TaskRef;
use crate::host::documents;
use crate::host::error::{Doing as _, Error};
use crate::host::git::inherited;
use crate::host::platform;
use crate::host::root::{self, Located};

use args::{Args, Command, Global};
use commands::waiting::Waiting;
use exit::Exit;
use project::{Access, Project};
use shell::{Failure, Ran, Shell};

/// Runs the program.
pub fn main() -> ExitCode {
    // Helpers of running attempts come first: they must be light, and nobody types them.
    let mut words = std::env::args_os().skip(1);
    match words.next().as_deref().and_then(std::ffi::OsStr::to_str) {
        Some(crate::host::shim::ARGUMENT) => crate::host::shim::run(words),
        Some(crate::host::session::SCRIPTED_ARGUMENT) => crate::host::session::play(words),
        _ => run(std::env::args_os()).into(),
    }
}

/// Runs one command line, whose first word is the program's name.
pub fn run(words: impl IntoIterator<Item = OsString>) -> Exit {
    let words: Vec<OsString> = words.into_iter().collect();
    let args = match Args::read(&words) {
        Ok(args) => args,
        Err(answer) => return exit_of_answer(&answer),
    };
    let mut shell =
        Shell::of_process(args.global.color, args.global.quiet).with_format(args.global.format);
    let ran = Here::of(&args.global).and_then(|here| {
        if args.command.effect() == args::Effect::Builds {
            commands::refusal::in_a_hook(&args.command, &here.located.root, here.start.as_deref())?;
        }
        without_local_variables(&words, here.start.as_deref())?;
        let mut ran = dispatch(&args, &here, &mut shell);
        let mut waiting = Waiting::default();
        while waiting.is_for_other(&args.command, &ran, &here.located.root, &mut shell)? {
            ran = dispatch(&args, &here, &mut shell);
        }
        ran
    });
    shell.conclude(ran)
}

/// What git tells its hooks and aliases of one repository counts for nothing here, nor for any child: this
/// process becomes the same program without it.
fn without_local_variables(words: &[OsString], start: Option<&Path>) -> Result<(), Failure> {
    let local = inherited::local_variables();
    let (false, [name, rest @ ..]) = (local.is_empty(), words) else { return Ok(()) };
    let program = platform::own_program().doing("finding orch's own program", ".")?;
    let mut again = std::process::Command::new(program);
    again.arg0(name).args(rest);
    for name in &local {
        again.env_remove(name);
    }
    if let Some(start) = start {
        again.current_dir(start);
    }
    let doing = "starting anew without git's variables of one repository";
    Err(Error::because(doing, again.exec())
        .help("unset GIT_DIR, GIT_INDEX_FILE and the like")
        .into())
}

/// Help and version are answers; everything else clap says is a wrong command line.
fn exit_of_answer(answer: &clap::Error) -> Exit {
    // A closed pipe has no use for it.
    let _ = answer.print();
    if answer.use_stderr() { Exit::BadDocuments } else { Exit::Success }
}

/// Where the command was typed.
struct Here {
    /// The folder it was started in, whatever `-C` says.
    start: Option<PathBuf>,
    located: Located,
}

impl Here {
    /// With `-C` every path on the command line is meant from there.
    fn of(global: &Global) -> Result<Self, Failure> {
        let start = std::env::current_dir().ok();
        if let Some(directory) = &global.directory {
            std::env::set_current_dir(directory).map_err(|problem| {
                Failure::usage(format!("`{}` cannot be entered: {problem}", directory.display()))
            })?;
        }
        Ok(Self { start, located: root::locate(None)? })
    }

    fn looking(&self) -> Result<Box<dyn Project>, Failure> {
        Ok(project::open(&self.located.root, Access::ReadOnly)?)
    }

    /// As `looking`, where all that is asked for may be one task.
    fn seeing(&self, targets: &[String]) -> Result<Box<dyn Project>, Failure> {
        let task = match targets {
            [target] => TaskRef::parse(target),
            _ => None,
        };
        let seen = task.and_then(|task| project::open_to_see(&self.located.root, &task));
        seen.map_or_else(|| self.looking(), Ok)
    }

    fn working(&self) -> Result<Box<dyn Project>, Failure> {
        Ok(project::open(&self.located.root, Access::Exclusive)?)
    }

    fn deciding(&self) -> Result<Box<dyn Project>, Failure> {
        Ok(project::open_to_decide(&self.located.root)?)
    }

    fn opened(&self, is_dry: bool) -> Result<Box<dyn Project>, Failure> {
        if is_dry { self.looking() } else { self.working() }
    }

    /// How to open for a build that goes on: it names what held it.
    fn access_to_resume(&self) -> Access {
        self.access_to_build(false, true)
    }

    /// How to open for a build, whose command line may name what is not there.
    fn access_to_build(&self, is_dry: bool, names_things: bool) -> Access {
        let may_be_refused = names_things && project::is_fresh(&self.located.root);
        if is_dry || may_be_refused { Access::ReadOnly } else { Access::Exclusive }
    }
}

fn dispatch(args: &Args, here: &Here, shell: &mut Shell) -> Ran {
    if args.command.effect() != args::Effect::Looks {
        commands::refusal::of_session(&args.command, &here.located.root, here.start.as_deref())?;
    }
    let Located { root, folder, .. } = &here.located;
    match &args.command {
        Command::Build(args) => {
            if let Some(exit) = commands::build::at_rest(args, root, shell)? {
                return Ok(exit);
            }
            let plans = args.original.plan_below(&here.located.folder);
            let access = here.access_to_build(args.dry_run, args.names_things());
            let mut project = project::open_with(root, access, plans.into_iter().collect())?;
            commands::build::run(args, &mut *project, shell, folder)
        }
        Command::Watch(args) => {
            let access = here.access_to_build(args.dry_run, args.names_things());
            commands::watch::run(args, &mut *project::open(root, access)?, shell, folder)
        }
        Command::Stop(args) => commands::stop::run(args, root, shell),
        Command::Resume(args) => {
            let access = here.access_to_resume();
            commands::resume::run(args, &mut *project::open(root, access)?, shell)
        }
        Command::Check(args) => {
            commands::check::run(args, &mut *project::open_to_check(root), shell)
        }
        Command::Status(args) => commands::status::run(args, &mut *here.looking()?, shell, folder),
        Command::Why(args) => {
            commands::why::run(args, &mut *here.seeing(&args.targets)?, shell, folder)
        }
        Command::Graph(targets) => {
            commands::graph::run(targets, &mut *here.looking()?, shell, folder)
        }
        Command::Log(args) => commands::log::run(args, &mut *here.looking()?, shell, folder),
        Command::Show(args) => commands::show::run(args, &mut *here.looking()?, shell, folder),
        Command::Classify(args) => commands::classify::run(args, shell),
        Command::Cost(args) => commands::cost::run(args, &mut *here.looking()?, shell, folder),
        Command::Cache(args) => commands::cache::run(&args.command, root, shell),
        Command::Retry(args) => commands::retry::run(args, &mut *here.deciding()?, shell, folder),
        Command::Skip(args) => commands::skip::run(args, &mut *here.deciding()?, shell, folder),
        Command::Accept(args) => commands::accept::run(args, &mut *here.deciding()?, shell, folder),
        Command::Reset(args) => commands::reset::run(args, &mut *here.deciding()?, shell, folder),
        Command::Answer(args) => commands::answer::run(args, &mut *here.deciding()?, shell, folder),
        Command::Land(args) => commands::land::run(args, &mut *here.opened(args.dry_run)?, shell),
        Command::Archive(args) => {
            commands::archive::run(args, &mut *here.opened(args.dry_run)?, shell, folder)
        }
        Command::Init(args) => commands::init::run(args, root, shell),
        Command::New(args) => {
            let loaded = documents::read(root, &[])?;
            commands::new::run(args, root, &loaded, shell)
        }
        Command::Doctor => commands::doctor::run(root, shell),
        Command::Trust(args) => commands::trust::run(args, root, shell),
        Command::Demo(args) => commands::demo::run(args, shell),
        Command::Schema(args) => commands::schema::run(args, shell),
        Command::Completions(args) => commands::completions::run(args, shell),
    }
}
