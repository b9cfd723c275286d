//! Which command lines are taken, and what they mean.

use super::*;

fn read(line: &str) -> Result<Args, clap::Error> {
    Args::read(std::iter::once("orch").chain(line.split_whitespace()))
}

/// The first line of what clap says about a wrong line.
fn refusal_of(line: &str) -> String {
    read(line).unwrap_err().to_string().lines().next().unwrap().to_owned()
}

#[test]
fn clap_finds_the_definition_consistent() {
    Args::command().debug_assert();
}

#[test]
fn the_overview_names_every_command_with_its_own_words() {
    for command in Args::command().get_subcommands() {
        let about = command.get_about().unwrap().to_string();
        let line = OVERVIEW
            .lines()
            .find(|line| line.split_whitespace().next() == Some(command.get_name()))
            .unwrap_or_else(|| panic!("{} is missing", command.get_name()));
        let words = line.trim().trim_start_matches(command.get_name()).trim();
        assert!(about.starts_with(words), "{words:?} is not how {about:?} starts");
    }
}

#[test]
fn flags_of_build_are_read() {
    let args = read("build demo //2.* -j 3 -n -k --force demo//1 --only --events e.jsonl -v");
    let Command::Build(build) = args.unwrap().command else { panic!("not a build") };
    assert_eq!(build.targets, ["demo", "//2.*"]);
    assert_eq!(build.jobs, Some(3));
    assert_eq!(build.force, ["demo//1"]);
    assert!(build.dry_run && build.keep_going && build.only && build.shown.verbose);
    assert_eq!(build.shown.events, Some(PathBuf::from("e.jsonl")));
}

#[test]
fn global_flags_stand_anywhere() {
    for line in ["-C sub --format json status -q", "status -C sub -q --format json"] {
        let global = read(line).unwrap().global;
        assert_eq!(global.directory, Some(PathBuf::from("sub")));
        assert!(global.format == Format::Json && global.quiet);
    }
}

#[test]
fn drawings_are_for_graphs() {
    assert_eq!(read("graph --format dot").unwrap().global.format, Format::Dot);
    assert_eq!(
        refusal_of("status --format mermaid"),
        "error: `--format mermaid` is only for `orch graph`"
    );
}

#[test]
fn wrong_lines_are_refused() {
    assert!(refusal_of("build -j 0").contains("0 is not in 1.."));
    assert!(refusal_of("why").contains("required arguments were not provided"));
    assert!(refusal_of("biuld").contains("unrecognized subcommand 'biuld'"));
    assert!(refusal_of("build --offline --no-cache").contains("cannot be used with"));
}

#[test]
fn sizes_and_times_are_read() {
    assert_eq!(size_of("500"), Ok(500));
    assert_eq!(size_of("2G"), Ok(2 << 30));
    assert_eq!(size_of("10KiB"), Ok(10_240));
    assert_eq!(size_of("1mb"), Ok(1 << 20));
    for wrong in ["", "G", "-1", "1X", "99999999999T"] {
        assert!(size_of(wrong).is_err(), "{wrong}");
    }
    assert!(read("cache gc --max-age 30d --max-size 2G -n").is_ok());
    assert!(refusal_of("cache gc --max-age soon").contains("not a time"));
}

#[test]
fn the_overview_reads_well() {
    insta::assert_snapshot!(Args::command().render_help().to_string(), @r#"
        A build system for agent work: runs the sessions whose inputs changed, and no others.

        Usage: orch [OPTIONS] <COMMAND>

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
          -C <DIR>               Work as if started in DIR
              --format <FORMAT>  How to write data: text or json (graph: also dot, mermaid) [default: text]
              --color <WHEN>     When to colour [default: auto] [possible values: auto, always, never]
          -q, --quiet            Say only what went wrong
          -h, --help             Print help (see more with '--help')
          -V, --version          Print version

        A TARGET is a plan (`demo`, `plans/demo.yaml`), a task of it (`demo//1.2`), a task of any plan
        (`//1.2`), a backlog item (`item:login`, `item:login//verify`), or a pattern of these (`demo//2.*`).
        None means all that is active; items are built where they are named, and by `orch watch`.
        Exit codes: 0 all accepted, 1 something failed or is blocked, 2 the documents or the command line
        are wrong, 3 stopped, 4 budget reached, 75 usage limit, 101 the machine failed, 130/143 interrupted.
        "#);
}
