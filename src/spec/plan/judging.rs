//! Which of the files that a command line runs decide how it ends. One whose output another command looks
//! at (`$(sh sum.sh)`, `sh sum.sh | grep 3`) is what is judged, not the judge.

use crate::base::name::RelPath;

use super::CommandLine;
use super::scripts::{INTERPRETERS, path_named, programs_of};

/// Words of the shell that stand before a command.
const KEYWORDS: &[&str] = &["if", "then", "else", "elif", "do", "while", "until", "!", "@"];

/// Flags by which an interpreter only looks at what it is given.
const LOOKS: &[&str] = &["-n", "-l", "--check"];

/// Files that a command runs, each once, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judging {
    pub deciding: Vec<RelPath>,
    /// Their output is looked at.
    pub inspected: Vec<RelPath>,
    /// Whatever else it names that may be a file.
    pub named: Vec<RelPath>,
}

/// By the words of a command; nothing is looked up.
pub fn judging_of(command: &CommandLine) -> Judging {
    let mut found = Judging::default();
    match command {
        CommandLine::Shell(line) => in_line(line, &mut found),
        CommandLine::Argv(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let is_shell = words.first().is_some_and(|it| INTERPRETERS[..6].contains(it));
            let line = words.iter().position(|it| *it == "-c").and_then(|at| words.get(at + 1));
            match line.filter(|_| is_shell) {
                Some(line) => in_line(line, &mut found),
                None => found.deciding.extend(programs_in(&words)),
            }
        }
    }
    let line = command.to_string();
    let words = line.split(|c: char| c.is_whitespace() || "\"'();|&<>`=$".contains(c));
    found.named = words.filter(|it| it.contains(['.', '/'])).filter_map(path_named).collect();
    for paths in [&mut found.deciding, &mut found.inspected, &mut found.named] {
        paths.sort();
        paths.dedup();
    }
    found
}

/// Files that the lines of a script or a build file run so that their end counts; paths start at the root
/// or at the file's own folder.
pub fn run_in(file: &RelPath, text: &str) -> Vec<RelPath> {
    let is_json = file.as_str().ends_with(".json");
    let mut found = Judging::default();
    for line in text.replace("\\\n", " ").lines() {
        let line = if is_json { value_of(line) } else { recipe_of(line) };
        in_line(line, &mut found);
    }
    let folder = file.parent().unwrap_or_default();
    let beside =
        found.deciding.iter().filter_map(|it| RelPath::normalize(&format!("{folder}/{it}")));
    let mut paths: Vec<RelPath> = beside.filter(|_| !folder.is_empty()).collect();
    paths.extend(found.deciding);
    paths.sort();
    paths.dedup();
    paths
}

/// `"test": "sh check.sh",`.
fn value_of(line: &str) -> &str {
    let value = line.split_once(": ").map_or("", |(_, value)| value);
    value.trim().trim_end_matches(',').trim_matches('"')
}

/// A line of a recipe or of a step, without what stands before its command.
fn recipe_of(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') {
        return "";
    }
    let line = line.strip_prefix("- ").unwrap_or(line);
    let line = line.strip_prefix("run:").unwrap_or(line);
    line.trim_start_matches(['@', '-', '+', ' '])
}

fn in_line(line: &str, found: &mut Judging) {
    for (command, is_inspected) in commands_of(line) {
        let words: Vec<&str> =
            command.split_whitespace().map(|it| it.trim_matches(['"', '\''])).collect();
        let kept = words.iter().take_while(|it| KEYWORDS.contains(it)).count();
        let programs = programs_in(&words[kept..]);
        let paths = if is_inspected { &mut found.inspected } else { &mut found.deciding };
        paths.extend(programs);
    }
}

fn programs_in(words: &[&str]) -> Vec<RelPath> {
    if words.iter().any(|it| LOOKS.contains(it)) {
        return Vec::new();
    }
    programs_of(&CommandLine::Argv(words.iter().map(|it| (*it).to_owned()).collect()))
}

/// The commands of a line, and whether another one looks at what each writes.
fn commands_of(line: &str) -> Vec<(String, bool)> {
    let line = line.replace("\\\n", " ").replace("&&", "\n").replace("||", "\n");
    let line = line.replace("2>&1", "").replace(">&2", "").replace("2>/dev/null", "");
    let line = line.replace("> /dev/null", "").replace(">/dev/null", "");
    let mut found = Vec::new();
    let (mut text, mut open, mut is_ticked) = (String::new(), Vec::new(), false);
    let mut before = ' ';
    for c in line.chars().chain(['\n']) {
        let is_within = is_ticked || open.contains(&true);
        if matches!(c, ';' | '|' | '&' | '\n' | '(' | ')' | '{' | '}' | '`') {
            let command = std::mem::take(&mut text);
            let is_inspected = is_within || c == '|' || command.contains('>');
            let command = command.split(['>', '<']).next().unwrap_or_default().to_owned();
            found.push((command, is_inspected));
        } else {
            text.push(c);
        }
        match c {
            '(' => open.push(before == '$'),
            ')' => _ = open.pop(),
            '`' => is_ticked = !is_ticked,
            _ => {}
        }
        before = c;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(paths: &[RelPath]) -> String {
        paths.iter().map(RelPath::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_decides_is_told_from_what_is_looked_at() {
        let check = |line: &str| {
            let found = judging_of(&CommandLine::Shell(line.to_owned()));
            format!("{}|{}", shown(&found.deciding), shown(&found.inspected))
        };
        assert_eq!(check("sh check.sh"), "check.sh|");
        assert_eq!(
            check("set -e; for f in 1; do sh tools/a.sh $f > /dev/null; done"),
            "tools/a.sh|"
        );
        assert_eq!(check("test \"$(sh src/sum.sh 1 2)\" = 3"), "|src/sum.sh");
        assert_eq!(check("test `sh src/sum.sh 1 2` = 3 && ./ci/all"), "ci/all|src/sum.sh");
        assert_eq!(check("sh src/sum.sh 1 2 | grep -q 3 || sh b.sh"), "b.sh|src/sum.sh");
        assert_eq!(check("sh src/sum.sh > out; (sh cmp.sh out)"), "cmp.sh|src/sum.sh");
        assert_eq!(check("bash -n src/sum.sh && node --check a.js"), "|");
        assert_eq!(check("if sh a.sh 2>&1; then sh b.sh; fi"), "a.sh b.sh|");
        let line = "sh src/sum.sh 1 2 | cmp - data/three.txt; x=\"$(< b.txt)\"";
        let named = judging_of(&CommandLine::Shell(line.to_owned())).named;
        assert_eq!(shown(&named), "b.txt data/three.txt src/sum.sh");
    }

    #[test]
    fn lines_of_build_files_and_scripts_are_read_alike() {
        let check = |file: &str, text: &str| shown(&run_in(&RelPath::new(file).unwrap(), text));
        assert_eq!(check("Makefile", "all: a\n\t@sh check.sh\n\t-./x/y # z\n"), "check.sh x/y");
        assert_eq!(check("tools/all.sh", "set -e\n# sh no.sh\nsh one.sh\n"), "one.sh tools/one.sh");
        assert_eq!(check("package.json", "{ \"scripts\": {\n  \"test\": \"node t.js\",\n"), "t.js");
        assert_eq!(
            check(".github/workflows/a.yml", "    - run: sh ci.sh\n"),
            ".github/workflows/ci.sh ci.sh"
        );
        assert_eq!(check("check.sh", "test \"$(sh src/sum.sh 1 2)\" = 3 || exit 1\n"), "");
    }
}
