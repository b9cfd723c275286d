//! How the words of a build stand on lines: a head in colour, and the text beside it.

use crate::base::measure::Moment;
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::stream::Progress;
use crate::host::surface::CheckedDocument;
use crate::ui::render::time::clock_text;
use crate::ui::render::words::{
    Names, Words, cautions_words, diagnoses_words, notice_words, progress_words,
};
use crate::ui::report::{self, Look};
use crate::ui::shell::{Paint, Tone};
use crate::ui::text::visible;

use super::Detail;

/// Columns of a diagnostic among a build's lines.
const WIDTH: usize = 100;

/// The notice as lines; `None` where so little detail is wanted that it is left out.
pub fn notice_text(notice: &Notice, names: &Names, detail: Detail, paint: Paint) -> Option<String> {
    let words = notice_words(notice, names);
    (detail > Detail::Problems || words.is_problem).then(|| line(&words, paint))
}

impl Detail {
    /// Lines of a build that shows its streams begin with the time of day.
    pub fn dated(self, text: &str, now: Moment, paint: Paint) -> String {
        if self != Self::Streams {
            return text.to_owned();
        }
        let time = clock_text(now);
        let below = format!("\n{} ", " ".repeat(time.len()));
        format!("{} {}", paint.paint(Tone::Faint, time), text.replace('\n', &below))
    }
}

/// Everything wrong with the documents, or that nothing is any more.
pub fn diagnoses_text(documents: &[CheckedDocument], paint: Paint) -> String {
    below_diagnostics(documents, &diagnoses_words(documents), paint)
}

/// Warnings of documents.
pub fn cautions_text(documents: &[CheckedDocument], paint: Paint) -> String {
    below_diagnostics(documents, &cautions_words(documents), paint)
}

/// A step of a session as one line; `None` where there is nothing to read.
pub fn progress_text(task: &TaskRef, progress: &Progress, paint: Paint) -> Option<String> {
    let words = progress_words(progress)?;
    let head = paint.paint(Tone::Faint, format!("  |     {task}"));
    Some(format!("{head}  {words}"))
}

fn below_diagnostics(documents: &[CheckedDocument], words: &Words, paint: Paint) -> String {
    let text = report::text_of(documents, Look { paint, width: WIDTH });
    format!("{text}{}", line(words, paint))
}

/// Further lines of the text stand below its first.
fn line(words: &Words, paint: Paint) -> String {
    let head = paint.paint(words.tone, format!("{:6}", words.label));
    format!("  {head}{}", visible(&words.text).trim_end().replace('\n', "\n        "))
}
