//! Lines for logs and pipes: one for each event, stable, easy to grep.

use std::io::{self, Write};

use crate::base::measure::Moment;
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Extent, Picture};
use crate::engine::stream::Progress;
use crate::engine::why::Hold;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::render::why::hold_text;
use crate::ui::render::words::Names;
use crate::ui::shell::Paint;
use crate::ui::text::outgoing;

use super::{Detail, Screen, line};

/// Writes a line as soon as something happens.
pub struct Plain {
    writer: Box<dyn Write>,
    paint: Paint,
    detail: Detail,
    names: Names,
    /// Why nothing starts, as it was last said.
    holding: Option<Hold>,
}

impl Plain {
    pub fn new(writer: impl Write + 'static, paint: Paint, detail: Detail) -> Self {
        let (names, holding) = (Names::default(), None);
        Self { writer: Box::new(writer), paint, detail, names, holding }
    }

    /// A log that nobody reads any more is no reason to stop a build.
    fn line(&mut self, text: Option<String>) {
        if let Some(text) = text {
            let _ = writeln!(self.writer, "{}", outgoing(&text, self.paint.colored));
        }
    }
}

impl Surface for Plain {
    fn show(&mut self, picture: &Picture, _now: Moment) {
        self.names.learn(picture);
        if self.holding != picture.holding {
            self.holding.clone_from(&picture.holding);
            self.line(picture.holding.as_ref().map(|why| format!("  hold  {}", hold_text(why))));
        }
    }

    fn extent(&self) -> Extent {
        Extent::Busy
    }

    fn say(&mut self, notice: &Notice, now: Moment) {
        let text = line::notice_text(notice, &self.names, self.detail, self.paint);
        self.line(text.map(|text| self.detail.dated(&text, now, self.paint)));
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], _now: Moment) {
        self.line(Some(line::diagnoses_text(documents, self.paint)));
    }

    fn caution(&mut self, documents: &[CheckedDocument], _now: Moment) {
        self.line(Some(line::cautions_text(documents, self.paint)));
    }

    fn stream(&mut self, task: &TaskRef, progress: &Progress, now: Moment) {
        if self.detail == Detail::Streams {
            let text = line::progress_text(task, progress, self.paint);
            self.line(text.map(|text| self.detail.dated(&text, now, self.paint)));
        }
    }
}

impl Screen for Plain {
    fn close(&mut self, _summary: Option<&Summary>) -> io::Result<()> {
        let _ = self.writer.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample;

    fn check(detail: Detail) -> String {
        let out = sample::Buffer::default();
        let mut plain = Plain::new(out.clone(), Paint::PLAIN, detail);
        sample::play(&mut plain);
        plain.close(None).unwrap();
        out.text()
    }

    #[test]
    fn every_event_is_one_line() {
        insta::assert_snapshot!(check(Detail::Events), @r#"
            run   demo//1.2  Add parser  (attempt 1): input src/a.rs changed
            check demo//1.2  tests: FAIL
                  - parser::empty failed
                  - see the log
            retry demo//1.2  tests said FAIL; again in 5.0s
            check demo//1.2  tests: PASS
            done  demo//1.2  ran in 1m02s, $0.0300, 2 files
            park  demo//1.2  you have changes of your own in `src/a.rs`
            FAIL  demo//2.1  Wire up: left no status file
                  help: look at both sides: `git diff 1a2b3c...refs/orch/x`; then `orch retry demo//2.1`
            block demo//2.2  by demo//2.1
            warn  a blob was lost; its task runs again
            hold  usage limit until 15:00
            "#);
    }

    #[test]
    fn quiet_keeps_what_went_wrong() {
        insta::assert_snapshot!(check(Detail::Problems), @r#"
            check demo//1.2  tests: FAIL
                  - parser::empty failed
                  - see the log
            park  demo//1.2  you have changes of your own in `src/a.rs`
            FAIL  demo//2.1  Wire up: left no status file
                  help: look at both sides: `git diff 1a2b3c...refs/orch/x`; then `orch retry demo//2.1`
            block demo//2.2  by demo//2.1
            warn  a blob was lost; its task runs again
            hold  usage limit until 15:00
            "#);
    }

    #[test]
    fn verbose_adds_the_streams() {
        let text = check(Detail::Streams);
        assert!(text.lines().all(|line| line.is_char_boundary(9)), "{text}");
        // The time of day is the machine's.
        let lines = text.lines().map(|line| &line[9..]);
        let lines: Vec<&str> = lines.filter(|line| line.starts_with("  | ")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
            |     demo//1.2  session 5f0c, model sonnet
            |     demo//1.2  I will read the file.
            |     demo//1.2  Edit src/a.rs
            |     demo//1.2  the CLI tries again in 4.0s (try 2): overloaded
            |     demo//1.2  ok
            "#);
    }
}
