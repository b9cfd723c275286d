//! Which files a command line runs: programs of the repository, and what interpreters are given. Told
//! by its words; nothing is looked up.

mod words;

use crate::base::name::RelPath;

use super::CommandLine;
use words::{Piece, Word, pieces_of};

/// Programs whose first argument is a file that they run.
pub(super) const INTERPRETERS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "fish", "source", ".", "python", "python3", "node", "deno",
    "bun", "tsx", "ts-node", "ruby", "perl", "php", "lua", "Rscript", "pwsh", "awk",
];

/// Flags of these after which an argument of theirs stands, and no file.
const VALUED: &[&str] = &["-o", "+o", "-O", "+O", "-W", "-X", "-r", "--require", "-I"];

/// Words that stand before the one that is run: with the flags of each that take a value, and how many
/// words of its own follow.
const FRONTS: &[(&str, &[&str], usize)] = &[
    ("env", &["-u", "-C"], 0),
    ("exec", &["-a"], 0),
    ("time", &["-f", "-o"], 0),
    ("nice", &["-n"], 0),
    ("ionice", &["-c", "-n"], 0),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("command", &[], 0),
    ("sudo", &["-u", "-g"], 0),
    ("timeout", &["-s", "-k", "--signal", "--kill-after"], 1),
    ("!", &[], 0),
    ("if", &[], 0),
    ("elif", &[], 0),
    ("then", &[], 0),
    ("else", &[], 0),
    ("while", &[], 0),
    ("until", &[], 0),
    ("do", &[], 0),
];

/// Commands that go to another folder.
const MOVERS: &[&str] = &["cd", "pushd", "popd"];

/// Programs that read what they do from a file which a flag names.
const MAKERS: &[&str] = &["make", "gmake", "just"];
const MAKEFILES: &[&str] = &["-f", "--file", "--makefile", "--justfile"];

/// Flags after which an interpreter takes its program from the line, and no file.
const INLINE: &[&str] = &["-c", "-e", "-m", "--eval", "-p", "-s", "-"];

const EXTENSIONS: &[&str] = &[
    "sh", "bash", "zsh", "py", "rb", "pl", "js", "mjs", "cjs", "ts", "mts", "php", "lua", "R",
    "ps1", "awk",
];

/// Paths of the files that a command runs or names as scripts, each once, sorted. Words with variables or
/// patterns are none, and neither is what output is written to.
pub fn scripts_of(command: &CommandLine) -> Vec<RelPath> {
    let Named { programs, tried, others } = named_by(command);
    sorted(programs.into_iter().chain(tried).chain(others).collect())
}

/// Those that it runs, by themselves or by an interpreter, and that it cannot do without.
pub fn programs_of(command: &CommandLine) -> Vec<RelPath> {
    sorted(named_by(command).programs)
}

#[derive(Default)]
struct Named {
    programs: Vec<RelPath>,
    /// Run where they are there: what comes else is said beside them.
    tried: Vec<RelPath>,
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
        CommandLine::Shell(line) => in_line(line, Some(""), &mut found),
        CommandLine::Argv(words) => {
            let words: Vec<Word> = words.iter().map(|it| Word::quoted(it)).collect();
            in_command(&words, Some(""), &mut found);
        }
    }
    found
}

/// `folder` is where the line begins, below the root; `None` where nobody knows.
fn in_line(line: &str, folder: Option<&str>, found: &mut Named) {
    let mut folder = folder.map(str::to_owned);
    let mut around = Vec::new();
    for Piece { words, opens, closes, is_tried } in pieces_of(line) {
        (0..opens).for_each(|_| around.push(folder.clone()));
        if words.first().is_some_and(|it| MOVERS.contains(&it.text.as_str())) {
            folder = folder_after(&words, folder.as_deref());
        } else {
            let mut named = Named::default();
            in_command(&words, folder.as_deref(), &mut named);
            let Named { programs, tried, others } = named;
            if is_tried { &mut found.tried } else { &mut found.programs }.extend(programs);
            found.tried.extend(tried);
            found.others.extend(others);
        }
        for _ in 0..closes {
            folder = around.pop().unwrap_or(folder);
        }
    }
}

/// Where the commands behind one that changes the folder run; `None` where nobody knows.
fn folder_after(words: &[Word], folder: Option<&str>) -> Option<String> {
    let (name, arguments) = words.split_first()?;
    let to = arguments.iter().find(|it| !it.text.starts_with('-') || it.text == "-");
    let is_known = |to: &&Word| to.is_plain && to.text != "-" && !to.text.starts_with(['/', '~']);
    let to = to.filter(|_| name.text != "popd").filter(is_known)?;
    let joined = format!("{}/{}", folder?, to.text);
    let joined = joined.trim_start_matches('/');
    match RelPath::normalize(joined) {
        Some(path) => Some(path.to_string()),
        None => words::is_root(joined).then(String::new),
    }
}

/// One program with its arguments.
fn in_command(words: &[Word], folder: Option<&str>, found: &mut Named) {
    let Some((program, arguments)) = without_fronts(words).split_first() else { return };
    let path = |word: &Word| path_of(word, folder);
    if program.text.contains('/') {
        found.programs.extend(path(program));
    }
    let name = program.text.as_str();
    if INTERPRETERS.contains(&name) {
        let rest = without_flags(arguments, VALUED);
        let flags = &arguments[..arguments.len() - rest.len()];
        let first = rest.first();
        if INTERPRETERS[..6].contains(&name) && flags.iter().any(|it| is_line_next(&it.text)) {
            let line = first.filter(|it| it.is_plain);
            line.into_iter().for_each(|it| in_line(&it.text, folder, found));
        } else if !flags.iter().any(|it| INLINE.contains(&it.text.as_str())) {
            found.programs.extend(first.and_then(path));
        }
    } else if MAKERS.contains(&name) {
        found.programs.extend(makefile_of(arguments, folder));
    }
    found.others.extend(arguments.iter().filter(|it| is_named_so(&it.text)).filter_map(path));
}

/// From the program on that is really run.
fn without_fronts(words: &[Word]) -> &[Word] {
    let mut words = words;
    loop {
        let n_assigned = words.iter().take_while(|it| is_assignment(&it.text)).count();
        words = &words[n_assigned..];
        let Some((first, rest)) = words.split_first() else { return words };
        let front = FRONTS.iter().find(|(name, ..)| *name == first.text);
        let Some((_, valued, n_own)) = front else { return words };
        let rest = without_flags(rest, valued);
        words = &rest[(*n_own).min(rest.len())..];
    }
}

/// From the first word on that is neither a flag nor its value.
fn without_flags<'w>(words: &'w [Word], valued: &[&str]) -> &'w [Word] {
    let mut words = words;
    while let Some((first, rest)) = words.split_first() {
        if !first.text.starts_with(['-', '+']) {
            break;
        }
        let takes_next = valued.contains(&first.text.as_str());
        words = &rest[usize::from(takes_next).min(rest.len())..];
    }
    words
}

/// The file that `make -f FILE` reads, in the folder that it goes to.
fn makefile_of(arguments: &[Word], folder: Option<&str>) -> Option<RelPath> {
    let value = |names: &[&str]| {
        let at = arguments.iter().position(|it| names.contains(&it.text.as_str()));
        let next = at.and_then(|at| arguments.get(at + 1)).cloned();
        next.or_else(|| {
            let of = |it: &Word| {
                let (name, value) = it.text.split_once('=')?;
                let is_it = names.contains(&name);
                is_it.then(|| Word { text: value.to_owned(), is_plain: it.is_plain })
            };
            arguments.iter().find_map(of)
        })
    };
    let folder = match value(&["-C", "--directory"]) {
        Some(to) => folder.filter(|_| to.is_plain).map(|it| format!("{it}/{}", to.text)),
        None => folder.map(str::to_owned),
    };
    path_of(&value(MAKEFILES)?, folder.as_deref().map(|it| it.trim_start_matches('/')))
}

/// `-c`, `-euc`
fn is_line_next(flag: &str) -> bool {
    flag.strip_prefix('-').is_some_and(|it| it.ends_with('c') && !it.starts_with('-'))
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|it| !it.is_empty() && it.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

fn is_named_so(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    name.rsplit_once('.').is_some_and(|(stem, it)| !stem.is_empty() && EXTENSIONS.contains(&it))
}

/// The path that a word of a command at the root is, where it can be one.
pub(super) fn path_named(word: &str) -> Option<RelPath> {
    path_of(&Word::quoted(word), Some(""))
}

fn path_of(word: &Word, folder: Option<&str>) -> Option<RelPath> {
    let text = word.text.as_str();
    let is_plain =
        |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | ' ' | ',');
    let is_path = word.is_plain
        && !text.starts_with(['/', '-', ' '])
        && !text.ends_with(' ')
        && text.chars().all(is_plain);
    let folder = folder.filter(|_| is_path)?;
    let joined = if folder.is_empty() { text.to_owned() } else { format!("{folder}/{text}") };
    let path = RelPath::normalize(&joined)?;
    (!crate::spec::glob::is_not_work(path.as_str())).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(paths: Vec<RelPath>) -> String {
        paths.iter().map(RelPath::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scripts_are_what_is_run_and_what_is_named_so() {
        let check = |line: &str| shown(scripts_of(&CommandLine::Shell(line.to_owned())));
        assert_eq!(check("sh tools/gen.sh"), "tools/gen.sh");
        assert_eq!(check("./tools/gen --fast > out/a.py"), "tools/gen");
        assert_eq!(check("bash -eu tools/gen src/a.txt"), "tools/gen");
        assert_eq!(
            check("A=1 env B=2 tools/a && python3 'b.py' x | node c.mjs"),
            "b.py c.mjs tools/a"
        );
        assert_eq!(check("cd x\nsh -c \"tools/d.sh\""), "x/tools/d.sh");
        assert_eq!(check("python -m pytest tests/test_a.py"), "tests/test_a.py");
        assert_eq!(check("cd sub && sh x.sh; sh ../y.sh"), "sub/x.sh y.sh");
        assert_eq!(check("(cd sub; ./gen.sh) && ./a.sh"), "a.sh sub/gen.sh");
        assert_eq!(check("cd a && cd .. && sh b.sh"), "b.sh");
        assert_eq!(check("sh 'sp ace.sh' \"b c.sh\" d\\ e.sh"), "b c.sh d e.sh sp ace.sh");
        assert_eq!(check(". ./env.sh 2>/dev/null || true"), "env.sh");
        assert_eq!(check("timeout -k 1 5 nice -n 3 sh a.sh"), "a.sh");
        assert_eq!(check("make -f no.mk all && make -C sub --file=b.mk"), "no.mk sub/b.mk");
        assert_eq!(check("bash -o pipefail a; if test -e b; then sh c; fi"), "a c");
        assert_eq!(check("echo 'sh a; sh b.sh' # sh c.sh"), "");
        for none in [
            "cargo test",
            "cat src/a.txt",
            "sh $HOME/a.sh",
            "sh \"$HOME/a.sh\"",
            "sh ../a.sh",
            "rm *.sh",
            "/bin/a.sh",
            "echo x > made.sh",
            "sh -c true",
            ".orch/a.sh",
            "make",
            "cd $X && sh a.sh",
            "cd /tmp && sh a.sh",
        ] {
            assert_eq!(check(none), "", "{none}");
        }
    }

    #[test]
    fn what_is_only_tried_is_no_need() {
        let check = |line: &str| shown(programs_of(&CommandLine::Shell(line.to_owned())));
        assert_eq!(check(". ./env.sh 2>/dev/null || true"), "");
        assert_eq!(check("sh a.sh || sh b.sh"), "b.sh");
        assert_eq!(check("sh a.sh 2>&1 | tee x && sh b.sh"), "a.sh b.sh");
        assert_eq!(check("timeout 5 sh gone.sh"), "gone.sh");
    }

    #[test]
    fn words_are_taken_as_they_are() {
        let check = |words: &[&str]| {
            shown(scripts_of(&CommandLine::Argv(words.iter().map(|it| (*it).to_owned()).collect())))
        };
        assert_eq!(check(&["sh", "tools/gen.sh", "x"]), "tools/gen.sh");
        assert_eq!(check(&["sh", "-c", "tools/a.sh; b"]), "tools/a.sh");
        assert_eq!(check(&["tools/run it"]), "tools/run it");
        assert_eq!(check(&["sh", "a$b.sh"]), "");
        assert_eq!(check(&[]), "");
    }
}
