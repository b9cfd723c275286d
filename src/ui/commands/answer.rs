//! `orch answer`: answers what a task's session asks; it goes on with that.

use std::io::Read as _;

use crate::engine::picture::{QuestionPicture, TaskPicture};
use crate::host::driver::Delivery;
use crate::ui::args::AnswerArgs;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::text::visible;

use super::selection::Selection;

/// Longer answers are a mistake: a file given by accident.
const LONGEST: u64 = 64 * 1024;

pub fn run(args: &AnswerArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let asking = asking(project, &args.target, folder)?;
    let question = asking.question.clone().unwrap_or_default();
    let text = text_of(&args.text)?;
    if text.is_empty() {
        let text = shown(&asking, &question, shell);
        shell.data(&text)?;
        return Ok(Exit::Success);
    }
    let answer = chosen(&text, &question.options)?;
    let delivery = match project.answer(&asking.task, &answer)? {
        Delivery::Refused(why) => return Err(Failure::usage(why)),
        delivery => delivery,
    };
    match shell.is_json() {
        true => shell.data(&crate::ui::json::line_of(
            &serde_json::json!({ "task": asking.task.to_string(), "answer": answer }),
        ))?,
        false => shell.data(&format!("{}  {}\n", asking.task, set_in(&answer)))?,
    }
    shell.note(match delivery {
        Delivery::Journaled => "its session goes on with this answer at the next `orch build`",
        Delivery::ToBuilder | Delivery::Refused(_) => {
            "the orch that builds here goes on with this answer"
        }
    })?;
    Ok(Exit::Success)
}

/// The one task among the targets that asks something.
fn asking(project: &mut dyn Project, target: &str, folder: &str) -> Result<TaskPicture, Failure> {
    let targets = [target.to_owned()];
    let picture = Selection::of(project, &targets, folder)?.narrowed();
    let mut asking: Vec<_> =
        picture.tasks.into_iter().filter(|task| task.question.is_some()).collect();
    match asking.len() {
        1 => Ok(asking.remove(0)),
        0 => Err(Failure::usage(format!("nothing of `{target}` asks anything"))),
        _ => {
            let names: Vec<String> = asking.iter().map(|task| task.task.to_string()).collect();
            let names = names.join(", ");
            Err(Failure::usage(format!("several tasks of `{target}` ask: name one of {names}")))
        }
    }
}

fn text_of(words: &[String]) -> Result<String, Failure> {
    if words != ["-"] {
        return Ok(words.join(" ").trim().to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|problem| Failure::usage(format!("stdin cannot be read: {problem}")))?;
    match text.trim() {
        "" => Err(Failure::usage("the answer on stdin is empty".to_owned())),
        _ if text.len() as u64 > LONGEST => {
            Err(Failure::usage(format!("the answer is longer than {LONGEST} bytes")))
        }
        text => Ok(text.to_owned()),
    }
}

/// A number chooses among the options, where there are any.
fn chosen(text: &str, options: &[String]) -> Result<String, Failure> {
    let Some(number) = text.parse::<usize>().ok().filter(|_| !options.is_empty()) else {
        return Ok(text.to_owned());
    };
    let option = number.checked_sub(1).and_then(|at| options.get(at));
    option.cloned().ok_or_else(|| {
        Failure::usage(format!("there is no option {number}: it has {}", options.len()))
    })
}

fn shown(task: &TaskPicture, question: &QuestionPicture, shell: &Shell) -> String {
    if shell.is_json() {
        return crate::ui::json::line_of(
            &serde_json::json!({ "task": task.task.to_string(), "question": question }),
        );
    }
    let mut text = format!("{}  {}\n", task.task, set_in(&question.text));
    for (at, option) in question.options.iter().enumerate() {
        text.push_str(&format!("  {}. {}\n", at + 1, set_in(option)));
    }
    text
}

/// Further lines stand below the first.
fn set_in(text: &str) -> String {
    visible(text).trim_end().replace('\n', "\n      ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample::Buffer;
    use crate::ui::project::fake::Fake;

    /// What is said, and what the project was told.
    fn check(target: &str, text: &[&str]) -> String {
        let question = QuestionPicture {
            text: "Which API?".to_owned(),
            options: ["the old", "the new"].map(str::to_owned).to_vec(),
            ..QuestionPicture::default()
        };
        let mut fake = Fake { question: Some(question), ..Fake::default() };
        let out = Buffer::default();
        let mut shell = Shell::of_writers(out.clone(), out.clone());
        let text = text.iter().map(ToString::to_string).collect();
        let args = AnswerArgs { target: target.to_owned(), text };
        let ran = run(&args, &mut fake, &mut shell, "");
        let exit = shell.conclude(ran).code();
        format!("{}{:?}\nexit {exit}", out.text(), fake.answers)
    }

    #[test]
    fn an_answer_is_taken_down_and_a_number_chooses() {
        insta::assert_snapshot!(check("other//b", &["the", "third"]), @r#"
        other//b  the third
        its session goes on with this answer at the next `orch build`
        ["other//b the third"]
        exit 0
        "#);
        assert!(check("other", &["2"]).contains("[\"other//b the new\"]"));
        let wrong = check("other//b", &["3"]);
        assert!(wrong.contains("there is no option 3") && wrong.ends_with("[]\nexit 2"), "{wrong}");
    }

    #[test]
    fn without_an_answer_the_question_is_shown() {
        insta::assert_snapshot!(check("other//b", &[]), @r"
        other//b  Which API?
          1. the old
          2. the new
        []
        exit 0
        ");
        let none = check("demo//1.1", &[]);
        assert!(none.contains("nothing of `demo//1.1` asks anything"), "{none}");
    }
}
