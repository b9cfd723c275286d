//! `orch stop`: asks the orch that runs here to stop, and says what became of that.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::host::lock::Holder;
use crate::host::stop::{self, Answer, Wish};
use crate::ui::args::StopArgs;
use crate::ui::exit::Exit;
use crate::ui::shell::{Ran, Shell};

/// A run looks several times a second, but not while it lands.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ending what runs takes its grace period.
const PATIENCE_NOW: Duration = Duration::from_secs(60);

pub fn run(args: &StopArgs, root: &Path, shell: &mut Shell) -> Ran {
    let (wish, patience) =
        if args.now { (Wish::Now, PATIENCE_NOW) } else { (Wish::Finish, PATIENCE) };
    let answer = stop::ask(root, wish, patience)?;
    let (text, exit) = reply_to(&answer, wish);
    if shell.is_json() {
        shell.data(&crate::ui::json::line_of(&fields_of(&answer, &text)))?;
    } else {
        shell.data(&format!("{text}\n"))?;
    }
    Ok(exit)
}

/// Nothing running is what was wanted: a success. A run that does not answer is none.
fn reply_to(answer: &Answer, wish: Wish) -> (String, Exit) {
    let name = |holder: &Holder| format!("process {} (`{}`)", holder.pid, holder.command);
    match (answer, wish) {
        (Answer::Nobody, _) => ("nothing runs here".to_owned(), Exit::Success),
        (Answer::Gone(it), _) => (format!("{} has ended", name(it)), Exit::Success),
        (Answer::Heard(it), Wish::Finish) => {
            let text = "starts nothing more; what runs may finish, `orch stop --now` ends it";
            (format!("{} {text}", name(it)), Exit::Success)
        }
        (Answer::Heard(it), Wish::Now) => {
            (format!("{} has heard and has not ended yet", name(it)), Exit::Unfinished)
        }
        (Answer::Silent(it), _) => (
            format!(
                "{} has not answered; it will when it next looks, or `kill {}`",
                name(it),
                it.pid
            ),
            Exit::Unfinished,
        ),
    }
}

fn fields_of(answer: &Answer, text: &str) -> serde_json::Value {
    let (state, holder) = match answer {
        Answer::Nobody => ("nobody", None),
        Answer::Gone(it) => ("gone", Some(it)),
        Answer::Heard(it) => ("heard", Some(it)),
        Answer::Silent(it) => ("silent", Some(it)),
    };
    json!({ "answer": state, "pid": holder.map(|it| it.pid), "told": text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::measure::Moment;

    #[test]
    fn what_became_of_it_is_said_and_no_answer_is_no_success() {
        let holder = Holder { pid: 7, command: "orch build".into(), since: Moment(1) };
        let check = |answer: Answer, wish| {
            let (text, exit) = reply_to(&answer, wish);
            format!("{text}: {}", exit.code())
        };
        assert_eq!(check(Answer::Nobody, Wish::Finish), "nothing runs here: 0");
        insta::assert_snapshot!(check(Answer::Heard(holder.clone()), Wish::Finish), @"process 7 (`orch build`) starts nothing more; what runs may finish, `orch stop --now` ends it: 0");
        insta::assert_snapshot!(check(Answer::Gone(holder.clone()), Wish::Now), @"process 7 (`orch build`) has ended: 0");
        insta::assert_snapshot!(check(Answer::Heard(holder.clone()), Wish::Now), @"process 7 (`orch build`) has heard and has not ended yet: 1");
        insta::assert_snapshot!(check(Answer::Silent(holder), Wish::Now), @"process 7 (`orch build`) has not answered; it will when it next looks, or `kill 7`: 1");
    }
}
