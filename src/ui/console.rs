//! What a build looks like while it runs: plain lines, a live display, or events for programs.

mod events;
mod line;
mod live;
mod plain;

use std::io;

use crate::base::measure::Moment;
use crate::base::name::TaskRef;
use crate::engine::effect::Notice;
use crate::engine::picture::{Extent, Picture};
use crate::engine::stream::Progress;
use crate::host::surface::{CheckedDocument, Summary, Surface};
use crate::ui::render::summary::Leftover;

pub use events::Events;
pub use live::Live;
pub use plain::Plain;

/// How much people are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// What went wrong.
    Problems,
    /// One line an event.
    #[default]
    Events,
    /// And what every session says and does.
    Streams,
}

/// A surface that is closed when the build is over.
pub trait Screen: Surface {
    /// Ends it; `None` where the build failed before it had a summary.
    ///
    /// # Errors
    /// The first write that failed since the start.
    fn close(&mut self, summary: Option<&Summary>) -> io::Result<()>;
}

/// Several screens that are told the same, and what the end of the build left open.
#[derive(Default)]
pub struct Console {
    screens: Vec<Box<dyn Screen>>,
    leftover: Leftover,
}

impl Console {
    pub fn add(&mut self, screen: impl Screen + 'static) {
        self.screens.push(Box::new(screen));
    }

    /// As the last picture of a finished build had it.
    pub fn leftover(&self) -> &Leftover {
        &self.leftover
    }
}

impl Surface for Console {
    fn show(&mut self, picture: &Picture, now: Moment) {
        if picture.is_finished {
            self.leftover = Leftover::of(picture);
        }
        for screen in &mut self.screens {
            screen.show(picture, now);
        }
    }

    fn extent(&self) -> Extent {
        self.screens.iter().map(|screen| screen.extent()).max().unwrap_or(Extent::Busy)
    }

    fn say(&mut self, notice: &Notice, now: Moment) {
        for screen in &mut self.screens {
            screen.say(notice, now);
        }
    }

    fn diagnose(&mut self, documents: &[CheckedDocument], now: Moment) {
        for screen in &mut self.screens {
            screen.diagnose(documents, now);
        }
    }

    fn caution(&mut self, documents: &[CheckedDocument], now: Moment) {
        for screen in &mut self.screens {
            screen.caution(documents, now);
        }
    }

    fn stream(&mut self, task: &TaskRef, progress: &Progress, now: Moment) {
        for screen in &mut self.screens {
            screen.stream(task, progress, now);
        }
    }
}

impl Screen for Console {
    fn close(&mut self, summary: Option<&Summary>) -> io::Result<()> {
        let closed: Vec<_> = self.screens.iter_mut().map(|screen| screen.close(summary)).collect();
        closed.into_iter().collect()
    }
}

#[cfg(test)]
pub(crate) mod sample;
