//! How a build is stopped: stop files, `orch stop`, Ctrl-C, SIGTERM, SIGHUP.

use std::path::Path;

use crate::engine::effect::Notice;
use crate::host::stop::{Ears, Wish};
use crate::spec::config::Config;

/// Why a build ended before everything was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A stop file, or `orch stop`.
    Asked,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

/// What a stop comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heeded {
    /// What is said of it.
    pub notice: Option<Notice>,
    pub order: Order,
}

/// What becomes of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// What runs may finish.
    StartNothing,
    /// What runs is ended politely, so that what it did and cost is known.
    End,
    /// What runs is ended by force.
    EndAtOnce,
}

/// Who asked for a stop, and how often.
pub struct Halt {
    ears: Ears,
    reason: Option<StopReason>,
}

impl Halt {
    pub fn of_run(root: &Path, config: &Config) -> Self {
        Self { ears: Ears::of_run(root, &config.plans_dirs), reason: None }
    }

    /// Why the build is to end; `None` where it is not.
    pub fn reason(&self) -> Option<StopReason> {
        self.reason
    }

    /// Ctrl-C: the first lets what runs finish, the second ends it at once.
    pub fn interrupt(&mut self, n_running: usize) -> Heeded {
        let is_first = matches!(self.reason, None | Some(StopReason::Asked));
        self.reason = Some(StopReason::Interrupted);
        if is_first {
            let or = "press Ctrl-C again to end them now";
            return Heeded::finishing("stopping", n_running, or);
        }
        Heeded { notice: None, order: Order::EndAtOnce }
    }

    /// SIGTERM: who sends it does not wait for sessions. They are ended politely; a second one ends
    /// them at once.
    pub fn terminate(&mut self, n_running: usize) -> Heeded {
        let before = self.reason.replace(StopReason::Terminated);
        if before == Some(StopReason::Terminated) {
            return Heeded { notice: None, order: Order::EndAtOnce };
        }
        Heeded::ending("terminated", n_running)
    }

    /// Whether a stop file or another orch asks for a stop.
    pub fn listen(&mut self, n_running: usize) -> Option<Heeded> {
        let (wish, from) = self.ears.listen()?;
        self.reason.get_or_insert(StopReason::Asked);
        let what = format!("stopping, as {from} asks");
        Some(match wish {
            Wish::Finish => Heeded::finishing(&what, n_running, "`orch stop --now` ends them"),
            Wish::Now => Heeded::ending(&what, n_running),
        })
    }

    /// A stop that was asked for before the run began: nothing starts at all.
    pub fn heed_waiting(&mut self) -> Option<Heeded> {
        let (_, from) = self.ears.listen()?;
        self.reason = Some(StopReason::Asked);
        let said = format!("{from} was there before the start: nothing starts, and it is used up");
        Some(Heeded { notice: Some(Notice::warning(said)), order: Order::StartNothing })
    }

    /// The run is over: the stop files that it heard are used up.
    pub fn consume(&mut self) {
        self.ears.consume();
    }
}

impl Heeded {
    /// `or` says how a person ends what runs all the same.
    fn finishing(what: &str, n_running: usize, or: &str) -> Self {
        let fate = |(tasks, _)| format!("{what}: {n_running} running {tasks} may finish; {or}");
        Self { notice: notice(n_running, fate), order: Order::StartNothing }
    }

    fn ending(what: &str, n_running: usize) -> Self {
        let fate = |(tasks, are)| format!("{what}: {n_running} running {tasks} {are} ended");
        Self { notice: notice(n_running, fate), order: Order::End }
    }
}

/// Nothing is said where nothing runs.
fn notice(
    n_running: usize,
    fate: impl FnOnce((&'static str, &'static str)) -> String,
) -> Option<Notice> {
    let words = if n_running == 1 { ("task", "is") } else { ("tasks", "are") };
    (n_running > 0).then(|| Notice::warning(fate(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halt(root: &Path) -> Halt {
        Halt::of_run(root, &Config::default())
    }

    fn stop_file(root: &Path) -> std::path::PathBuf {
        let file = crate::host::stop::stop_files(root, &Config::default().plans_dirs).remove(0);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        file
    }

    fn check(heeded: &Heeded, order: Order, said: Option<&str>) {
        let said = said.map(Notice::warning);
        assert_eq!((&heeded.notice, heeded.order), (&said, order));
    }

    #[test]
    fn the_first_ctrl_c_lets_what_runs_finish_and_the_second_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut halt = halt(folder.path());
        let first = "stopping: 2 running tasks may finish; press Ctrl-C again to end them now";
        check(&halt.interrupt(2), Order::StartNothing, Some(first));
        check(&halt.interrupt(1), Order::EndAtOnce, None);
        assert_eq!(halt.reason(), Some(StopReason::Interrupted));
    }

    #[test]
    fn sigterm_ends_what_runs_politely_and_the_second_time_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let mut halt = halt(folder.path());
        halt.interrupt(1);
        let first = "terminated: 1 running task is ended";
        check(&halt.terminate(1), Order::End, Some(first));
        check(&halt.terminate(1), Order::EndAtOnce, None);
        assert_eq!(halt.reason(), Some(StopReason::Terminated));
        check(&Halt::of_run(folder.path(), &Config::default()).terminate(0), Order::End, None);
    }

    #[test]
    fn a_stop_file_is_heard_once_and_used_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = stop_file(folder.path());
        let mut halt = halt(folder.path());
        assert_eq!(halt.listen(1), None);
        std::fs::write(&file, "").unwrap();
        let heeded = halt.listen(1).unwrap();
        assert_eq!((heeded.order, halt.reason()), (Order::StartNothing, Some(StopReason::Asked)));
        assert_eq!(halt.listen(1), None);
        // Who pressed Ctrl-C first stays the reason.
        let mut late = Halt::of_run(folder.path(), &Config::default());
        late.interrupt(0);
        assert!(late.listen(0).is_some());
        assert_eq!(late.reason(), Some(StopReason::Interrupted));
        halt.consume();
        assert!(!file.exists());
    }

    #[test]
    fn a_stop_that_waits_starts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(stop_file(folder.path()), "").unwrap();
        let mut halt = halt(folder.path());
        assert_eq!(halt.heed_waiting().map(|it| it.order), Some(Order::StartNothing));
        assert_eq!(halt.heed_waiting(), None);
    }
}
