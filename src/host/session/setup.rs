//! Runs the line that sets up a fresh worktree: under a shim like any attempt, so that it ends with
//! orch, and when it is stopped.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Instant;

use tokio::sync::watch;

use super::guard::Ground;
use super::keeping;
use super::transcript::Transcript;
use super::{AsideEnded, Runner, Stop, millis_since};
use crate::engine::outcome::evidence::Ending;
use crate::host::error::{Doing, Result};
use crate::host::mask::Mask;
use crate::host::process::{Happening, Reading, Spawn, Starting};
use crate::host::shim::confine::Confinement;
use crate::spec::config::Link;
use crate::spec::sandbox::{Guard, Sandboxing};

/// What is said in an attempt's folder before the attempt's own process starts. Where it is there and
/// no transcript of the attempt is, none of its own ran.
pub const SETUP_TRANSCRIPT: &str = "setup";

/// Where a set-up line runs.
pub struct SetupPlace<'a> {
    pub worktree: &'a Path,
    /// The attempt's own folder.
    pub private: &'a Path,
    pub checkout: &'a Path,
    /// What the worktree has links to.
    pub links: &'a [Link],
    pub sandboxing: &'a Sandboxing,
    /// Settings of git that the line sees beside those of the worktree's own git.
    pub git: Vec<(String, String)>,
}

impl Runner {
    /// Runs a shell line in a worktree, with the caller's own environment. `started` is given what a
    /// later orch may have to reap, and lets it begin. A stop of any kind ends it: it is no work that could be finished.
    /// Its transcript is there even where it said nothing.
    pub async fn set_up(
        &self,
        line: &str,
        place: SetupPlace<'_>,
        started: impl AsyncFnOnce(Starting),
        mut stop: watch::Receiver<Stop>,
    ) -> Result<AsideEnded> {
        let begun = Instant::now();
        let guard = match self.guard_of(&place) {
            Ok(guard) => guard,
            Err(why) => return Ok(not_set_up(why, place.private, begun)),
        };
        let SetupPlace { worktree, private, checkout, git, sandboxing, .. } = place;
        fs::create_dir_all(private).doing("making the attempt's folder", private)?;
        let mut environment: Vec<_> = std::env::vars_os().collect();
        let named = environment
            .iter()
            .map(|(name, value)| (name.to_str().unwrap_or_default(), value.as_encoded_bytes()));
        let mask = Mask::of_environment(named);
        add_git_settings(&mut environment, &git);
        let place = private.join(SETUP_TRANSCRIPT);
        let mut transcript = Transcript::new(place.clone(), mask.clone());
        transcript.create()?;
        let spawn = Spawn {
            shim: self.shim.clone(),
            argv: ["sh", "-c", line].map(Into::into).into(),
            guard,
            keeping: keeping::of(sandboxing, &self.shim),
            dir: worktree.to_owned(),
            mask,
            env: environment,
            stdin: None,
            private: private.to_owned(),
            marker: format!("{}-setup", std::process::id()),
            checkout: checkout.to_owned(),
        };
        let mut family = spawn.start()?;
        started(family.starting()).await;
        let mut is_stopped = false;
        loop {
            tokio::select! {
                // Where whoever could stop it is gone, orch ends: so does this.
                _ = stop.wait_for(|it| *it > Stop::No), if !is_stopped => {
                    is_stopped = true;
                    family.kill();
                }
                happening = family.next(Reading::Output) => match happening {
                    Happening::Over => break,
                    words => transcript.hear(&words),
                },
            }
        }
        let ended = family.finish(|words| transcript.hear(&words)).await;
        Ok(AsideEnded {
            ending: if is_stopped { Ending::Cancelled } else { ended.ending },
            stdout_tail: transcript.finish()?,
            stderr_tail: ended.stderr_tail,
            transcript: place,
            duration: millis_since(begun),
        })
    }
}

impl Runner {
    /// It writes its worktree as attempts do, and may run what they wrote; nobody boxes it.
    fn guard_of(&self, place: &SetupPlace<'_>) -> std::result::Result<Option<Confinement>, String> {
        let guard = match place.sandboxing {
            Sandboxing::Guard(guard) => guard.clone(),
            Sandboxing::Bwrap(_) => Guard::default(),
            Sandboxing::Off => return Ok(None),
        };
        let ground = Ground {
            checkout: place.checkout,
            worktree: place.worktree,
            own: Vec::new(),
            links: place.links,
            home: std::env::var_os("HOME").map(Into::into),
            config_folder: None,
        };
        Ok(self.guarded(&guard, &ground)?.ok())
    }
}

fn not_set_up(why: String, private: &Path, begun: Instant) -> AsideEnded {
    AsideEnded {
        ending: Ending::LaunchFailed(why),
        stdout_tail: String::new(),
        stderr_tail: String::new(),
        transcript: private.join(SETUP_TRANSCRIPT),
        duration: millis_since(begun),
    }
}

/// Adds to what the caller himself has set by such variables (`git help config`, `GIT_CONFIG_COUNT`).
fn add_git_settings(environment: &mut Vec<(OsString, OsString)>, settings: &[(String, String)]) {
    const COUNT: &str = "GIT_CONFIG_COUNT";
    let known = environment.iter().find(|(name, _)| name == COUNT);
    let known = known.and_then(|(_, count)| count.to_str()?.parse::<usize>().ok()).unwrap_or(0);
    environment.retain(|(name, _)| name != COUNT);
    for (at, (key, value)) in settings.iter().enumerate() {
        let at = known + at;
        environment.push((format!("GIT_CONFIG_KEY_{at}").into(), key.into()));
        environment.push((format!("GIT_CONFIG_VALUE_{at}").into(), value.into()));
    }
    environment.push((COUNT.into(), (known + settings.len()).to_string().into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_git_stand_behind_those_of_the_caller() {
        let check = |given: &[(&str, &str)]| {
            let mut environment: Vec<(OsString, OsString)> =
                given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            add_git_settings(&mut environment, &[("remote.origin.url".into(), "../o".into())]);
            let shown = environment.iter().map(|(name, value)| {
                format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
            });
            shown.collect::<Vec<_>>().join(" ").replace("GIT_CONFIG_", "")
        };
        assert_eq!(check(&[]), "KEY_0=remote.origin.url VALUE_0=../o COUNT=1");
        assert_eq!(
            check(&[
                ("GIT_CONFIG_COUNT", "1"),
                ("GIT_CONFIG_KEY_0", "a.b"),
                ("GIT_CONFIG_VALUE_0", "c")
            ]),
            "KEY_0=a.b VALUE_0=c KEY_1=remote.origin.url VALUE_1=../o COUNT=2"
        );
    }
}
