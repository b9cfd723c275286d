//! Names and words that would show something else on a terminal than they are: none gets there as it is.

use std::fs;

use crate::support::Space;

/// What is put into every name and text: escape sequences, control characters of one byte and of two, what turns
/// the direction of writing, and what ends a line.
const RAW: &str = "\u{1b}[31mred\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[H\u{1b}[8m\u{9b}31m\u{85}back\u{8}\u{8}\u{202e}txt.exe\u{2066}a\u{2069}\u{200f}\u{2028}b\u{7f}";

/// A line that looks like one of orch's own.
const LINE: &str = "\nSPOOFED line";

fn is_raw(char: char) -> bool {
    let turns = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{2028}\u{2029}";
    char.is_control() && !"\n\t".contains(char) || turns.contains(char)
}

/// Nothing raw, and no line that somebody else made.
#[track_caller]
fn check(space: &Space, part: &str, args: &[&str]) {
    let ran = space.orch(args);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(is_raw), "{part:?}, {args:?}: {text:?}");
        // A session's own words and a command's output are lines of theirs.
        let is_theirs = args[0] == "log" || args.contains(&"--prompt");
        let spoofed = text.lines().find(|it| it.starts_with("SPOOFED") && !is_theirs);
        assert_eq!(spoofed, None, "{part:?}, {args:?}:\n{}", ran.shown());
    }
}

const LOOKS: [&[&str]; 22] = [
    &["build", "-n"],
    &["build", "-n", "-v"],
    &["check"],
    &["check", "--format", "json"],
    &["status"],
    &["status", "--format", "json"],
    &["why", "*"],
    &["why", "*", "--format", "json"],
    &["show", "*"],
    &["show", "*", "--format", "json"],
    &["show", "*", "--prompt"],
    &["log", "//1"],
    &["log", "//1", "--format", "json"],
    &["log", "//3"],
    &["graph"],
    &["graph", "--format", "dot"],
    &["graph", "--format", "mermaid"],
    &["graph", "--format", "json"],
    &["cost", "--by", "agent"],
    &["cost"],
    &["cache", "ls"],
    &["doctor"],
];

/// A repository in which everything has the part in its name or text.
fn space_with(part: &str, plan_name: &str) -> Space {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let named = |text: &str| quoted(&format!("{text}{part}end"));
    // A name of YAML may hold line breaks and anything else.
    let plan = format!(
        "meta: {{ name: {title}, plan_doc: {doc}, order: free }}\nsections:\n- id: s\n  name: {title}\n  tasks:\n  \
         - {{ id: '1', name: {name}, description: {name}, agent: {agent}, validators: [{{ name: {validator}, run: 'false' }}], max_attempts: 1 }}\n  \
         - {{ id: '2', name: {name}, description: {name}, outputs: [{output}] }}\n  \
         - {{ id: '3', name: {name}, run: {run} }}\n  \
         - {{ id: '4', name: {name}, description: asks }}\n",
        title = named("title"),
        doc = named("docs/doc"),
        name = named("name"),
        agent = named("agent"),
        validator = named("validator"),
        output = named("output"),
        run = quoted(&format!("echo 'said {part}'; echo 'complains {part}' >&2; false")),
    );
    let sessions = format!(
        "'*':\n- say: {word}\n- run: {run}\n- write: {{ path: {path}, content: x }}\n- status: {{ status: completed, message: {word} }}\n\
         '4':\n- ask: {{ question: {word}, options: [{word}] }}\n",
        word = named("word"),
        run = quoted(&format!("echo 'does {part}'")),
        path = named("made"),
    );
    let agent = format!(
        "---\nname: {}\ntools: [Read, Edit, Write, Bash, {}]\n---\nRole.\n",
        named("agent"),
        named("Tool")
    );
    let space = Space::new(&[
        ("orch.yaml", "session: { scripted: sessions.yaml }\n"),
        (".claude/agents/a.md", &agent),
        ("sessions.yaml", &sessions),
        (&format!("docs/doc{part}end"), "doc\n"),
    ]);
    space.write(&format!("plans/{plan_name}.yaml"), &plan);
    space.write(
        &format!("plans/bad{part}.yaml"),
        &format!("sections: 3 # {part}\n{}: x\n", named("key")),
    );
    space.commit(&format!("start {part}"));
    space
}

/// All that shows anything, with the name of a plan.
fn look_everywhere(part: &str, plan: &str) {
    let space = space_with(part, plan);
    check(&space, part, &["build", "-v", "-k"]);
    check(&space, part, &["build", "--format", "json"]);
    fs::remove_file(space.root().join(format!("plans/bad{part}.yaml"))).unwrap();
    check(&space, part, &["build", "-v", "-k", "-j", "1"]);
    LOOKS.iter().for_each(|args| check(&space, part, args));
    check(&space, part, &["answer", "//4", &format!("answer {part} end")]);
    for command in ["retry", "skip", "accept"] {
        check(&space, part, &[command, "//1"]);
    }
    check(&space, part, &["build", "-k", "--format", "json"]);
    check(&space, part, &["why", part]);
    check(&space, part, &["new", "plan", part]);
}

#[test]
fn nothing_that_deceives_reaches_a_terminal() {
    look_everywhere(RAW, "plan");
    look_everywhere("\u{202e}\u{2028}", "plan\u{202e}\u{200f}");
}

#[test]
fn nobody_makes_lines_of_orchs_own() {
    look_everywhere(LINE, "plan");
    let space = space_with("", &format!("plan{LINE}"));
    space.orch(&["build"]).exits(2).complains(&["the plan's file name holds a line end"]);
    check(&space, LINE, &["status"]);
}
