//! A door that shuts for a while, and is opened again by one who goes through first.

use crate::base::measure::Moment;
use crate::base::name::AttemptId;
use crate::engine::why::Barrier;

/// Shut or not. Shut, nobody goes through before its time; then one does, the probe, and what
/// becomes of it opens the door or shuts it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latch {
    shut: Option<Shut>,
}

/// A shut door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    pub why: Barrier,
    pub since: Moment,
    /// When a probe may go.
    pub until: Moment,
    /// Who is on the way to find out.
    pub probe: Option<AttemptId>,
}

/// Whether somebody may go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passage {
    Free,
    /// As the one who finds out.
    Probe,
    No,
}

impl Latch {
    /// Shuts it until a moment. A door that is shut already stays shut since when it was, and its
    /// probe is back.
    pub fn shut(&mut self, why: Barrier, now: Moment, until: Moment) {
        let since = self.shut.as_ref().map_or(now, |shut| shut.since);
        self.shut = Some(Shut { why, since, until, probe: None });
    }

    /// A probe may go from now on.
    pub fn hurry(&mut self, now: Moment) {
        if let Some(shut) = &mut self.shut {
            shut.until = shut.until.min(now);
        }
    }

    /// True where it was shut.
    pub fn open(&mut self) -> bool {
        self.shut.take().is_some()
    }

    pub fn as_shut(&self) -> Option<&Shut> {
        self.shut.as_ref()
    }

    pub fn passage(&self, now: Moment) -> Passage {
        match &self.shut {
            None => Passage::Free,
            Some(shut) if shut.probe.is_none() && shut.until <= now => Passage::Probe,
            Some(_) => Passage::No,
        }
    }

    /// The attempt goes through as the probe, where one is wanted.
    pub fn send(&mut self, attempt: AttemptId, now: Moment) {
        if self.passage(now) == Passage::Probe
            && let Some(shut) = &mut self.shut
        {
            shut.probe = Some(attempt);
        }
    }

    pub fn is_probe(&self, attempt: AttemptId) -> bool {
        self.shut.as_ref().is_some_and(|shut| shut.probe == Some(attempt))
    }

    /// The probe came back and knows nothing: another may go.
    pub fn recall(&mut self) {
        if let Some(shut) = &mut self.shut {
            shut.probe = None;
        }
    }

    /// When a probe may go, where it may not yet.
    pub fn opening(&self, now: Moment) -> Option<Moment> {
        let shut = self.shut.as_ref().filter(|shut| shut.probe.is_none())?;
        Some(shut.until).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::why::Outage;

    /// The service failed so many times.
    fn outage(n_failures: u32) -> Barrier {
        Barrier::Outage(Outage { n_failures, said: "full".to_owned() })
    }

    #[test]
    fn one_goes_first_and_the_others_wait_for_it() {
        let mut latch = Latch::default();
        assert_eq!(latch.passage(Moment(0)), Passage::Free);
        latch.shut(outage(1), Moment(10), Moment(50));
        assert_eq!(
            (latch.passage(Moment(49)), latch.opening(Moment(49))),
            (Passage::No, Some(Moment(50)))
        );
        assert_eq!((latch.passage(Moment(50)), latch.opening(Moment(50))), (Passage::Probe, None));
        latch.send(AttemptId(7), Moment(50));
        assert_eq!(latch.passage(Moment(99)), Passage::No);
        assert!(latch.is_probe(AttemptId(7)) && !latch.is_probe(AttemptId(8)));
        latch.recall();
        assert_eq!(latch.passage(Moment(99)), Passage::Probe, "it brought no news");
        latch.shut(outage(2), Moment(100), Moment(200));
        assert_eq!(latch.as_shut().unwrap().since, Moment(10));
        assert!(latch.open() && !latch.open());
        latch.send(AttemptId(7), Moment(99));
        assert_eq!(latch.passage(Moment(99)), Passage::Free);
    }
}
