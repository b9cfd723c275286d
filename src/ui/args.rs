//! The command line as it was typed. What it means is settled by whoever runs the command.

mod budget;
mod build;
mod classify;
mod cost;
mod effect;
mod init;
mod land;
mod measure;
mod models;
mod original;

use std::path::PathBuf;

use clap::{Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::base::measure::Millis;
use crate::ui::shell::{ColorChoice, Format};

pub use budget::BudgetArgs;
pub use build::{BuildArgs, ResumeArgs, ShownArgs, StopArgs, WatchArgs};
pub use classify::{ClassifyArgs, moment_of};
pub use cost::CostArgs;
pub use effect::Effect;
pub use init::InitArgs;
pub use land::{ArchiveArgs, LandArgs};
use measure::{size_of, time_of};
pub use models::ModelArgs;
pub use original::OriginalArgs;

const OVERVIEW: &str = "\
{about}

{usage-heading} {usage}

Work:
  build        Bring targets up to date: run what changed, and nothing else
  watch        Stay, work through the backlog, and build whenever something changes
  stop         Ask the orch that runs here to stop; `--now` ends what runs
  resume       Go on with what the last build or watch was asked for
  check        Diagnose plans, rules, agents and config; nothing runs
Look:
  status       Where everything stands
  why          Why a task is up to date, would run, waits or failed
  graph        The graph as text, DOT, Mermaid or JSON
  log          What a session said and did
  show         A task's result: files, verdicts, attempts, cost
  classify     How a recorded session ended, and why
  cost         What was spent, and what failures and validation cost
  cache        Look into the cache and keep it in order
Decide:
  retry        Run a task again, whatever the cache has
  skip         Leave a task out; what depends on it goes on
  accept       Take the files as they are for a task's result
  reset        Forget what is recorded for a task
  answer       Answer what a task's session asks
  land         Take parked work onto the branch
  archive      Put backlog items that are done into the archive
Set up:
  init         Set up a repository
  new          Start a plan, a backlog item, an agent or a rule
  doctor       Is everything there that orch needs
  trust        Let commands run that this repository names for orch itself
  demo         The main job on a sample, in a scratch repository, no account needed
  schema       JSON Schemas for editors
  completions  Completions for a shell

Options:
{options}

A TARGET is a plan (`demo`, `plans/demo.yaml`), a task of it (`demo//1.2`), a task of any plan
(`//1.2`), a backlog item (`item:login`, `item:login//verify`), or a pattern of these (`demo//2.*`).
None means all that is active; items are built where they are named, and by `orch watch`.
Exit codes: 0 all accepted, 1 something failed or is blocked, 2 the documents or the command line
are wrong, 3 stopped, 4 budget reached, 75 usage limit, 101 the machine failed, 130/143 interrupted.
";

/// A build system for agent work.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "orch",
    version,
    about = "A build system for agent work: runs the sessions whose inputs changed, and no others.",
    help_template = OVERVIEW,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Work as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// How to write data
    #[arg(long, value_enum, default_value_t, global = true, hide_possible_values = true)]
    #[arg(help = "How to write data: text or json (graph: also dot, mermaid)")]
    pub format: Format,
    /// When to colour
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    pub color: ColorChoice,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    #[command(about = "Bring targets up to date: run what changed, and nothing else")]
    Build(BuildArgs),
    #[command(about = "Stay, work through the backlog, and build whenever something changes")]
    Watch(WatchArgs),
    #[command(about = "Ask the orch that runs here to stop; `--now` ends what runs")]
    Stop(StopArgs),
    #[command(about = "Go on with what the last build or watch was asked for")]
    Resume(ResumeArgs),
    #[command(about = "Diagnose plans, rules, agents and config; nothing runs")]
    Check(CheckArgs),
    #[command(about = "Where everything stands")]
    Status(TargetsArgs),
    #[command(about = "Why a task is up to date, would run, waits or failed")]
    Why(SomeTargetsArgs),
    #[command(about = "The graph as text, DOT, Mermaid or JSON")]
    Graph(TargetsArgs),
    #[command(about = "What a session said and did")]
    Log(LogArgs),
    #[command(about = "A task's result: files, verdicts, attempts, cost")]
    Show(ShowArgs),
    #[command(about = "How a recorded session ended, and why; one JSON object")]
    Classify(ClassifyArgs),
    #[command(about = "What was spent, and what failures and validation cost")]
    Cost(CostArgs),
    #[command(about = "Look into the cache and keep it in order")]
    Cache(CacheArgs),
    #[command(about = "Run a task again, whatever the cache has")]
    Retry(SomeTargetsArgs),
    #[command(about = "Leave a task out; what depends on it goes on")]
    Skip(SomeTargetsArgs),
    #[command(about = "Take the files as they are for a task's result")]
    Accept(SomeTargetsArgs),
    #[command(about = "Forget what is recorded for a task")]
    Reset(SomeTargetsArgs),
    #[command(about = "Answer what a task's session asks; it goes on with that")]
    Answer(AnswerArgs),
    #[command(about = "Take parked work onto the branch")]
    Land(LandArgs),
    #[command(about = "Put backlog items that are done into the archive; nothing is built")]
    Archive(ArchiveArgs),
    #[command(about = "Set up a repository: writes orch.yaml if there is none, never over a file")]
    Init(InitArgs),
    #[command(about = "Start a plan, a backlog item, an agent or a rule; never overwrites")]
    New(NewArgs),
    #[command(about = "Is everything there that orch needs")]
    Doctor,
    #[command(about = "Let commands run that this repository names for orch itself")]
    Trust(TrustArgs),
    #[command(about = "The main job on a sample, in a scratch repository, no account needed")]
    Demo(DemoArgs),
    #[command(about = "JSON Schemas for editors")]
    Schema(SchemaArgs),
    #[command(about = "Completions for a shell")]
    Completions(CompletionsArgs),
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch check                      every document of the repository
  orch check plans/demo.yaml --format json
")]
pub struct CheckArgs {
    /// Documents to diagnose, or folders of them; none means all there are
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct TargetsArgs {
    /// What to show; none means all that is active
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct SomeTargetsArgs {
    /// Tasks or plans
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch show demo//1.2
  orch show demo//1.2 --prompt               what its newest session was told
  orch show demo//1.2 --prompt --attempt 1
")]
pub struct ShowArgs {
    /// Tasks or plans
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// What the session of an attempt was told
    #[arg(long)]
    pub prompt: bool,
    /// Of which attempt, as `orch show` numbers its logs; the newest if not given
    #[arg(long, value_name = "N", requires = "prompt", value_parser = clap::value_parser!(u32).range(1..))]
    pub attempt: Option<u32>,
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch answer demo//1.2                     what does it ask?
  orch answer demo//1.2 \"Keep the old API\"
  orch answer demo//1.2 2                   the second of the options that it gives
")]
pub struct AnswerArgs {
    /// The task that asks, or a plan of which one task asks
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// The answer, or the number of an option; `-` reads it from stdin; none shows the question
    #[arg(value_name = "TEXT", trailing_var_arg = true)]
    pub text: Vec<String>,
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Examples:
  orch log demo//1.2              the newest attempt
  orch log demo//1.2 --attempt 1
  orch log demo//1.2 -f           follow it while it runs
  orch log demo --smoke           the plan's last smoke test
  orch log item:login             the whole life of a backlog item, in one line of time
")]
pub struct LogArgs {
    /// The task; for `--smoke` the plan
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Follow a running attempt
    #[arg(short, long)]
    pub follow: bool,
    /// Which attempt, as `orch show` numbers its logs; the newest if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub attempt: Option<u32>,
    /// What the last smoke test of a plan said
    #[arg(long, conflicts_with_all = ["follow", "attempt"])]
    pub smoke: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct CacheArgs {
    #[command(subcommand)]
    pub command: CacheCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum CacheCommand {
    #[command(about = "Accepted results, newest first")]
    Ls(TargetsArgs),
    #[command(about = "One accepted result by its key or the start of it")]
    Show {
        #[arg(value_name = "KEY")]
        key: String,
    },
    #[command(about = "Read every blob and check it against its digest")]
    Verify,
    #[command(about = "Drop what nothing needs any more")]
    Gc(GcArgs),
    #[command(about = "How much there is")]
    Stats,
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Example:
  orch cache gc --max-age 30d --max-size 2G
")]
pub struct GcArgs {
    /// Show what would go; change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Drop results that were not used for longer, such as 12h or 30d
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    pub max_age: Option<Millis>,
    /// Drop the least recently used results until the cache is no larger, such as 500M or 2G
    #[arg(long, value_name = "SIZE", value_parser = size_of)]
    pub max_size: Option<u64>,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct NewArgs {
    /// What to start
    #[arg(value_enum)]
    pub kind: NewKind,
    /// Its name, which is also the name of its file
    pub name: String,
    /// Of which kind an item is: defect, feature, analysis, or one of the project's own
    #[arg(long, value_name = "KIND", default_value = "feature")]
    pub of: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NewKind {
    Plan,
    /// A backlog item
    Item,
    Agent,
    Rule,
}

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Commands that orch.yaml names for orch itself (`session.claude`) run outside of builds, as in
`orch doctor`, only where you let them. A build that you start is such a word, too.
")]
pub struct TrustArgs {
    /// Take it back
    #[arg(long)]
    pub forget: bool,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct DemoArgs {
    /// Keep the scratch repository in DIR, which must be empty or absent
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Example, the first line of a plan for the YAML language server:
  # yaml-language-server: $schema=plan.schema.json    (orch schema plan > plan.schema.json)
")]
pub struct SchemaArgs {
    /// Which document; none lists the kinds
    #[arg(value_name = "KIND")]
    pub kind: Option<String>,
}

#[derive(Clone, Debug, ClapArgs)]
#[command(after_help = "\
Example:
  orch completions bash > ~/.local/share/bash-completion/completions/orch
")]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

impl Args {
    /// Reads a command line whose first word is the program's own name.
    ///
    /// # Errors
    /// clap's: wrong usage, or a request for help or the version.
    pub fn read<I, T>(words: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        let matches = Self::command().try_get_matches_from(words)?;
        let args = Self::from_arg_matches(&matches)?;
        args.global.check_format(&args.command)?;
        Ok(args)
    }
}

impl Global {
    /// Only a graph can be drawn.
    fn check_format(&self, command: &Command) -> Result<(), clap::Error> {
        let name = match self.format {
            Format::Text | Format::Json => return Ok(()),
            Format::Dot => "dot",
            Format::Mermaid => "mermaid",
        };
        if matches!(command, Command::Graph(_)) {
            return Ok(());
        }
        let message = format!("`--format {name}` is only for `orch graph`");
        Err(Args::command().error(clap::error::ErrorKind::ArgumentConflict, message))
    }
}

#[cfg(test)]
mod tests;
