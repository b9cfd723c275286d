//! What bounds an attempt, made ready before it starts: the words of a container, or a guard.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::guard::{self, Ground};
use super::{Place, Runner, SCRATCH, bubble};
use crate::host::shim::confine::Confinement;
use crate::spec::sandbox::{Guard, Sandbox, Sandboxing};

/// Whom it is for.
pub(super) struct Whom<'a> {
    pub place: &'a Place,
    pub home: Option<PathBuf>,
    /// The CLI's own files; sessions only.
    pub config_folder: Option<PathBuf>,
    pub is_session: bool,
}

/// What starts within its bounds.
pub(super) struct Bound {
    pub argv: Vec<OsString>,
    pub guard: Option<Confinement>,
    /// Why it starts without the guard that it has by default, said for the first of a build.
    pub unguarded: Option<String>,
}

impl Runner {
    /// # Errors
    /// What its rule asks for cannot be had: why.
    pub(super) fn bound(
        &self,
        argv: Vec<OsString>,
        sandboxing: &Sandboxing,
        whom: &Whom<'_>,
    ) -> Result<Bound, String> {
        let free = |argv| Bound { argv, guard: None, unguarded: None };
        match sandboxing {
            Sandboxing::Off => Ok(free(argv)),
            Sandboxing::Bwrap(sandbox) => Ok(free(in_container(argv, sandbox, whom)?)),
            Sandboxing::Guard(guard) => {
                let place = whom.place;
                let ground = Ground {
                    checkout: &place.root,
                    worktree: &place.worktree,
                    own: vec![place.private.join(SCRATCH)],
                    links: &place.links,
                    home: whom.home.clone(),
                    config_folder: whom.config_folder.clone(),
                };
                let (guard, unguarded) = match self.guarded(guard, &ground)? {
                    Ok(confinement) => (Some(confinement), None),
                    Err(why) => (None, self.first_time(why)),
                };
                Ok(Bound { argv, guard, unguarded })
            }
        }
    }

    /// What keeps a guard, or why none that somebody asked for is kept.
    ///
    /// # Errors
    /// It was asked for.
    pub(super) fn guarded(
        &self,
        guard: &Guard,
        ground: &Ground<'_>,
    ) -> Result<Result<Confinement, String>, String> {
        let way = match ground.checkout.parent() {
            Some(_) => guard::way_of(guard, &self.shim),
            None => Err("the checkout is the root of the machine".to_owned()),
        };
        match way {
            Ok(way) => Ok(Ok(ground.confinement(way, guard))),
            Err(why) if guard.is_required => {
                Err(format!("the guard that is asked for cannot be kept: {why}; `orch doctor`"))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    fn first_time(&self, why: String) -> Option<String> {
        (!self.is_unguarded.swap(true, Ordering::Relaxed)).then_some(why)
    }
}

fn in_container(
    argv: Vec<OsString>,
    sandbox: &Sandbox,
    whom: &Whom<'_>,
) -> Result<Vec<OsString>, String> {
    let needs = bubble::Needs {
        worktree: &whom.place.worktree,
        scratch: &whom.place.private.join(SCRATCH),
        home: whom.home.clone(),
        config_folder: whom.config_folder.clone(),
        network: match whom.is_session || sandbox.network != Some(false) {
            true => bubble::Network::Shared,
            false => bubble::Network::None,
        },
    };
    bubble::probe(needs.network)
        .map_err(|why| format!("the sandbox its rule asks for: {why}; `orch doctor`"))?;
    Ok(bubble::wrap(by_real_name(argv), sandbox, &needs))
}

/// In a container `/proc/self/exe` is the container's program: orch has to be named.
fn by_real_name(mut argv: Vec<OsString>) -> Vec<OsString> {
    if let Some(program) = argv.first_mut()
        && let Ok(real) = fs::read_link(&*program)
        && Path::new(&*program).starts_with("/proc")
    {
        *program = real.into();
    }
    argv
}
