//! A circuit that trips for a while, and is closed again by what a probe finds.

use crate::base::measure::Moment;
use crate::base::name::AttemptId;
use crate::engine::why::Barrier;

/// Closed: everybody goes through. Tripped: nobody does before its time; then one does, the probe, and
/// what becomes of it closes the circuit or trips it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    tripped: Option<Tripped>,
}

/// Why and until when a circuit is tripped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripped {
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

impl Circuit {
    /// Trips it until a moment. One that is tripped already stays so since when it was, and its probe is
    /// back.
    pub fn trip(&mut self, why: Barrier, now: Moment, until: Moment) {
        let since = self.tripped.as_ref().map_or(now, |tripped| tripped.since);
        self.tripped = Some(Tripped { why, since, until, probe: None });
    }

    /// A probe may go from now on.
    pub fn hurry(&mut self, now: Moment) {
        if let Some(tripped) = &mut self.tripped {
            tripped.until = tripped.until.min(now);
        }
    }

    /// True where it was tripped.
    pub fn close(&mut self) -> bool {
        self.tripped.take().is_some()
    }

    pub fn tripped(&self) -> Option<&Tripped> {
        self.tripped.as_ref()
    }

    pub fn passage(&self, now: Moment) -> Passage {
        match &self.tripped {
            None => Passage::Free,
            Some(tripped) if tripped.probe.is_none() && tripped.until <= now => Passage::Probe,
            Some(_) => Passage::No,
        }
    }

    /// The attempt goes through as the probe, where one is wanted.
    pub fn send(&mut self, attempt: AttemptId, now: Moment) {
        if self.passage(now) == Passage::Probe
            && let Some(tripped) = &mut self.tripped
        {
            tripped.probe = Some(attempt);
        }
    }

    pub fn is_probe(&self, attempt: AttemptId) -> bool {
        self.tripped.as_ref().is_some_and(|tripped| tripped.probe == Some(attempt))
    }

    /// The probe came back and knows nothing: another may go.
    pub fn recall(&mut self) {
        if let Some(tripped) = &mut self.tripped {
            tripped.probe = None;
        }
    }

    /// When a probe may go, where it may not yet.
    pub fn opening(&self, now: Moment) -> Option<Moment> {
        let tripped = self.tripped.as_ref().filter(|tripped| tripped.probe.is_none())?;
        Some(tripped.until).filter(|until| *until > now)
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
        let mut circuit = Circuit::default();
        assert_eq!(circuit.passage(Moment(0)), Passage::Free);
        circuit.trip(outage(1), Moment(10), Moment(50));
        assert_eq!(
            (circuit.passage(Moment(49)), circuit.opening(Moment(49))),
            (Passage::No, Some(Moment(50)))
        );
        assert_eq!(
            (circuit.passage(Moment(50)), circuit.opening(Moment(50))),
            (Passage::Probe, None)
        );
        circuit.send(AttemptId(7), Moment(50));
        assert_eq!(circuit.passage(Moment(99)), Passage::No);
        assert!(circuit.is_probe(AttemptId(7)) && !circuit.is_probe(AttemptId(8)));
        circuit.recall();
        assert_eq!(circuit.passage(Moment(99)), Passage::Probe, "it brought no news");
        circuit.trip(outage(2), Moment(100), Moment(200));
        assert_eq!(circuit.tripped().unwrap().since, Moment(10));
        assert!(circuit.close() && !circuit.close());
        circuit.send(AttemptId(7), Moment(99));
        assert_eq!(circuit.passage(Moment(99)), Passage::Free);
    }
}
