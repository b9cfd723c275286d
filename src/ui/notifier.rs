//! One more listener beside the console: tells people outside of orch what rules and settings name.

mod stages;

use std::io::Write as _;
use std::path::Path;

use crate::base::measure::{Billing, Millis, Moment};
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Extent, Picture};
use crate::engine::stream::Progress;
use crate::host::clock;
use crate::host::outbox::{Letter, Notifying, Outbox};
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::spec::rule::Occasion;
use crate::ui::console::Console;
use crate::ui::render::letter::{Writer, unsent};
use crate::ui::render::words::Names;

use stages::Stages;

/// Who wants mail of a plan is told of these.
const MAILED: [Occasion; 6] = [
    Occasion::PlanEnded,
    Occasion::SectionDone,
    Occasion::TaskFailed,
    Occasion::ItemFailed,
    Occasion::Question,
    Occasion::Breaker,
];

/// A console, and those who are told beside it.
pub struct Notifier<'a> {
    console: &'a mut Console,
    notifying: Notifying,
    outbox: Outbox,
    stages: Stages,
    names: Names,
    billing: Billing,
    writer: Writer,
    /// Somebody sits at the terminal.
    can_ring: bool,
}

/// What is still on its way when a build is over.
pub struct Outgoing {
    outbox: Outbox,
    wait: Millis,
}

impl Outgoing {
    /// Waits for it, as long as the settings let it; answers with what could not be told.
    pub fn close(self) -> Vec<String> {
        self.outbox.close(self.wait)
    }
}

impl<'a> Notifier<'a> {
    /// For a build of the checkout at `root`. `can_ring`: stderr is a terminal.
    pub fn new(console: &'a mut Console, root: &Path, can_ring: bool) -> Self {
        Self {
            console,
            notifying: Notifying::default(),
            outbox: Outbox::new(root.to_owned()),
            stages: Stages::default(),
            names: Names::default(),
            billing: Billing::default(),
            writer: Writer::of(root),
            can_ring,
        }
    }

    /// Tells of the end; `None` where the build failed before it had a summary.
    pub fn ended(mut self, summary: Option<&Summary>) -> Outgoing {
        let now = clock::now();
        if !self.notifying.is_empty() {
            for stage in self.stages.rest() {
                let letter = self.writer.of_stage(&stage, now);
                self.tell(&letter);
            }
        }
        if let Some(summary) = summary.filter(|it| is_news(it)) {
            let letter = self.writer.of_end(summary, self.console.leftover(), now);
            self.tell(&letter);
        }
        Outgoing { outbox: self.outbox, wait: self.notifying.wait }
    }

    fn tell(&mut self, letter: &Letter) {
        let Self { notifying, outbox, can_ring, .. } = self;
        let mut rings = false;
        for rule in &notifying.rules {
            let Some(notify) = &rule.notify else { continue };
            if notify.on.contains(&letter.occasion) {
                rings |= notify.bell;
                outbox.send(rule, letter);
            }
        }
        let address = letter.plan.as_ref().and_then(|plan| notifying.addresses.get(plan));
        if let (Some(line), Some(address)) = (&notifying.mail, address)
            && MAILED.contains(&letter.occasion)
        {
            outbox.mail(line, address, letter);
        }
        if rings && *can_ring {
            // A terminal that is gone rings for nobody.
            let _ = std::io::stderr().write_all(b"\x07");
        }
    }

    fn warn_of_failures(&mut self, now: Moment) {
        for line in self.outbox.failures() {
            self.console.say(&unsent(line), now);
        }
    }
}

/// A build that found nothing to do and nothing wrong is none.
fn is_news(summary: &Summary) -> bool {
    summary.exit != 0 || summary.ran + summary.replayed + summary.failed + summary.sessions > 0
}

impl Surface for Notifier<'_> {
    fn show(&mut self, picture: &Picture, now: Moment) {
        self.console.show(picture, now);
        if self.notifying.is_empty() {
            return;
        }
        self.billing = picture.billing;
        self.names.learn(picture);
        for stage in self.stages.see(picture) {
            let letter = self.writer.of_stage(&stage, now);
            self.tell(&letter);
        }
        self.warn_of_failures(now);
    }

    fn extent(&self) -> Extent {
        self.console.extent()
    }

    fn say(&mut self, notice: &Notice, now: Moment) {
        self.console.say(notice, now);
        if self.notifying.is_empty() {
            return;
        }
        if let Some(stage) = self.stages.hear(notice) {
            let letter = self.writer.of_stage(&stage, now);
            self.tell(&letter);
        }
        let letter = self.writer.of_notice(notice, &self.names, self.billing, now);
        letter.iter().for_each(|letter| self.tell(letter));
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], now: Moment) {
        self.console.diagnose(documents, now);
    }

    fn caution(&mut self, documents: &[CheckedDocument], now: Moment) {
        self.console.caution(documents, now);
    }

    fn notify_by(&mut self, notifying: Notifying) {
        self.notifying = notifying;
    }

    fn stream(&mut self, task: &TaskRef, progress: &Progress, now: Moment) {
        self.console.stream(task, progress, now);
    }
}
