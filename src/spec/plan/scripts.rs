//! Which files a command line runs: programs of the repository, and what interpreters are given. Told
//! by its words; nothing is looked up.

use crate::base::name::RelPath;

use super::CommandLine;

/// Programs whose first argument is a file that they run.
const INTERPRETERS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "fish", "source", ".", "python", "python3", "node", "deno",
    "bun", "tsx", "ts-node", "ruby", "perl", "php", "lua", "Rscript", "pwsh", "awk",
];

/// Words that stand before the one that is run.
const FRONTS: &[&str] = &["env", "exec", "time", "nice", "nohup", "command", "sudo", "!"];

/// Flags after which an interpreter takes its program from the line, and no file.
const INLINE: &[&str] = &["-c", "-e", "-m", "--eval", "-p", "-s", "-"];

const EXTENSIONS: &[&str] = &[
    "sh", "bash", "zsh", "py", "rb", "pl", "js", "mjs", "cjs", "ts", "mts", "php", "lua", "R",
    "ps1", "awk",
];

/// Paths of the files that a command runs or names as scripts, each once, sorted. Words with
/// variables, patterns or `..` are none, and neither is what output is written to.
pub fn scripts_of(command: &CommandLine) -> Vec<RelPath> {
    let Named { programs, others } = named_by(command);
    sorted(programs.into_iter().chain(others).collect())
}

/// Those that it runs, by themselves or by an interpreter.
pub fn programs_of(command: &CommandLine) -> Vec<RelPath> {
    sorted(named_by(command).programs)
}

#[derive(Default)]
struct Named {
    programs: Vec<RelPath>,
    /// Called like scripts, by an argument.
    others: Vec<RelPath>,
}

fn sorted(mut paths: Vec<RelPath>) -> Vec<RelPath> {
    paths.sort();
    paths.dedup();
    paths
}

fn named_by(command: &CommandLine) -> Named {
    let mut found = Named::default();
    match command {
        CommandLine::Shell(line) => in_line(line, &mut found),
        CommandLine::Argv(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            in_command(&words, &mut found);
            let is_shell = words.first().is_some_and(|it| INTERPRETERS[..6].contains(it));
            let line = words.iter().position(|it| *it == "-c").and_then(|at| words.get(at + 1));
            if let Some(line) = line.filter(|_| is_shell) {
                in_line(line, &mut found);
            }
        }
    }
    found
}

fn in_line(line: &str, found: &mut Named) {
    let line = line.replace("\\\n", " ");
    for command in line.split([';', '|', '&', '\n', '(', ')', '{', '}', '`']) {
        let spaced = command.replace('>', " > ").replace('<', " < ");
        let mut words: Vec<&str> = Vec::new();
        let mut is_target = false;
        for word in spaced.split_whitespace() {
            match word {
                ">" => is_target = true,
                _ if std::mem::take(&mut is_target) => {}
                _ => words.push(word.trim_matches(['"', '\''])),
            }
        }
        in_command(&words, found);
    }
}

/// One program with its arguments.
fn in_command(words: &[&str], found: &mut Named) {
    let is_front = |word: &&&str| FRONTS.contains(*word) || is_assignment(word);
    let words = &words[words.iter().take_while(is_front).count()..];
    let Some((program, arguments)) = words.split_first() else { return };
    if program.contains('/') {
        found.programs.extend(path_of(program));
    }
    if INTERPRETERS.contains(program) && !arguments.iter().any(|it| INLINE.contains(it)) {
        let first = arguments.iter().find(|it| !it.starts_with('-'));
        found.programs.extend(first.and_then(|it| path_of(it)));
    }
    found.others.extend(arguments.iter().filter(|it| is_named_so(it)).filter_map(|it| path_of(it)));
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|it| !it.is_empty() && it.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

fn is_named_so(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.rsplit_once('.').is_some_and(|(stem, it)| !stem.is_empty() && EXTENSIONS.contains(&it))
}

fn path_of(word: &str) -> Option<RelPath> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@');
    let is_path = !word.starts_with(['/', '-']) && word.chars().all(is_plain);
    let path = RelPath::normalize(word).filter(|_| is_path && !word.contains(".."))?;
    (!crate::spec::glob::is_not_work(path.as_str())).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(command: &CommandLine) -> String {
        let paths = scripts_of(command);
        paths.iter().map(RelPath::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scripts_are_what_is_run_and_what_is_named_so() {
        let check = |line: &str| shown(&CommandLine::Shell(line.to_owned()));
        assert_eq!(check("sh tools/gen.sh"), "tools/gen.sh");
        assert_eq!(check("./tools/gen --fast > out/a.py"), "tools/gen");
        assert_eq!(check("bash -eu tools/gen src/a.txt"), "tools/gen");
        assert_eq!(
            check("A=1 env B=2 tools/a && python3 'b.py' x | node c.mjs"),
            "b.py c.mjs tools/a"
        );
        assert_eq!(check("cd x\nsh -c \"tools/d.sh\""), "tools/d.sh");
        assert_eq!(check("python -m pytest tests/test_a.py"), "tests/test_a.py");
        for none in [
            "cargo test",
            "cat src/a.txt",
            "sh $HOME/a.sh",
            "sh ../a.sh",
            "rm *.sh",
            "/bin/a.sh",
            "echo x > made.sh",
            "sh -c true",
            ".orch/a.sh",
            "make",
        ] {
            assert_eq!(check(none), "", "{none}");
        }
    }

    #[test]
    fn words_are_taken_as_they_are() {
        let check = |words: &[&str]| {
            shown(&CommandLine::Argv(words.iter().map(|it| (*it).to_owned()).collect()))
        };
        assert_eq!(check(&["sh", "tools/gen.sh", "x"]), "tools/gen.sh");
        assert_eq!(check(&["sh", "-c", "tools/a.sh; b"]), "tools/a.sh");
        assert_eq!(check(&["tools/run it"]), "");
        assert_eq!(check(&[]), "");
    }
}
