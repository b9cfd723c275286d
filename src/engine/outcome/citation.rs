//! What a verification rests on: each of its answers names a call of its own session.

use super::places::{Place, lines_of};
use crate::engine::stream::StreamFacts;

/// The marks by which a line is an answer.
const MARKS: [&str; 7] = ["[x]", "[X]", "[ ]", "[PASS]", "[FAIL]", "[WARN]", "[!]"];

/// Why what a session answered is no verification: an answer that names nothing it did, or a criterion
/// that has none. `None` where each is what it should be.
pub fn uncited(stream: &StreamFacts, criteria: &[String]) -> Option<String> {
    let answers: Vec<&str> = answers_in(&stream.final_text).collect();
    if answers.is_empty() {
        return Some(
            "it answers nothing by itself: a line `- [x] what: how it was seen` for each check"
                .to_owned(),
        );
    }
    let is_answered = |id: &&String| answers.iter().any(|it| has_word(it, id));
    if let Some(missing) = criteria.iter().find(|it| !is_answered(it)) {
        return Some(format!("it does not answer criterion {missing}"));
    }
    let bare = answers.iter().find(|it| !cites(it, stream))?;
    let shown: String = bare.chars().take(80).collect();
    Some(format!(
        "this answer names no command that the session ran and no file that it read: {shown}"
    ))
}

fn answers_in(text: &str) -> impl Iterator<Item = &str> {
    let plain = lines_of(text).filter(|(place, _)| *place == Place::Plain);
    plain.filter_map(|(_, line)| {
        let rest = line.trim_start().strip_prefix(['-', '*'])?.trim_start();
        MARKS.iter().any(|it| rest.starts_with(it)).then_some(rest)
    })
}

/// `AC-1` as a word of its own; a bare number only where it stands first.
fn has_word(answer: &str, id: &str) -> bool {
    let words = answer.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
    let mut words = words.map(|it| it.trim_matches('.')).filter(|it| !it.is_empty());
    let is_number = id.chars().all(|c| c.is_ascii_digit());
    match is_number {
        // The mark of the answer comes before it.
        true => words.take(4).any(|it| it == id),
        false => words.any(|it| it.eq_ignore_ascii_case(id)),
    }
}

/// What stands in backquotes is a command that was run, or a file that was read; a file may stand without.
fn cites(answer: &str, stream: &StreamFacts) -> bool {
    let quoted = answer.split('`').skip(1).step_by(2).map(str::trim);
    let bare = answer.split_whitespace();
    quoted.clone().any(|it| is_run(it, stream) || is_read(it, stream))
        || bare.clone().any(|it| is_read(it.trim_matches(|c: char| "()[],;`".contains(c)), stream))
}

fn is_run(words: &str, stream: &StreamFacts) -> bool {
    let command =
        |call: &String| call.strip_prefix("Bash(").map(|it| it.trim_end_matches(')').to_owned());
    let is_of = |command: String| {
        // Long commands are cut in what is kept of them.
        let head: String = command.chars().take(60).collect();
        !words.is_empty() && (command.contains(words) || words.contains(&head) && !head.is_empty())
    };
    words.len() > 1 && stream.calls.iter().filter_map(command).any(is_of)
}

/// `src/login.rs:41`, as the end of a path that the session read.
fn is_read(word: &str, stream: &StreamFacts) -> bool {
    let path = word.split_once(':').map_or(word, |(path, _)| path).trim_start_matches("./");
    let is_path = path.contains('.') || path.contains('/');
    let ends_in = |it: &String| {
        it.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    is_path && path.len() > 2 && stream.files_read.iter().any(ends_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &str, criteria: &[&str]) -> String {
        let stream = StreamFacts {
            final_text: format!("**Verdict: PASS**\n{answers}\n"),
            calls: vec!["Bash(cargo test login -- --nocapture)".into(), "Read(src/a.rs)".into()],
            files_read: vec!["/tmp/tree/src/login.rs".into()],
            ..StreamFacts::default()
        };
        let criteria: Vec<String> = criteria.iter().map(|it| (*it).to_owned()).collect();
        uncited(&stream, &criteria).unwrap_or_default()
    }

    #[test]
    fn an_answer_names_what_its_session_did() {
        assert_eq!(check("- [x] login: `cargo test login` (exit 0): 3 passed", &[]), "");
        assert_eq!(check("* [FAIL] login works, src/login.rs:41 says no", &[]), "");
        assert!(check("- [x] login: `cargo test logout`", &[]).contains("names no command"));
        assert!(check("- [x] it works", &[]).contains("it works"));
        assert!(check("It all works, `cargo test login` says.", &[]).contains("by itself"));
        let quoted = "```\n- [x] a: `cargo test login`\n```";
        assert!(check(quoted, &[]).contains("by itself"), "only shown");
    }

    #[test]
    fn each_criterion_is_answered() {
        let both = "- [x] AC-1: `cargo test login`\n- [x] AC-10: src/login.rs:3";
        assert_eq!(check(both, &["AC-1", "AC-10"]), "");
        assert_eq!(check(both, &["AC-2"]), "it does not answer criterion AC-2");
        assert_eq!(check("- [x] 2: `cargo test login`", &["2"]), "");
        assert_eq!(
            check("- [x] login in 2 ways, src/login.rs:1", &["1"]),
            "it does not answer criterion 1"
        );
    }
}
