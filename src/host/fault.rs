//! Where tests make orch die, as by `kill -9`: `ORCH_FAULT=NAME:N` ends the process when the point
//! NAME is passed for the Nth time, `*` meaning any point. A release knows no such points.

/// Passes a point; the process may be gone afterwards.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    debug::pass(name);
}

/// Passes a point: nothing happens.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_name: &str) {}

/// How much of a write comes before the point in its middle: all of it in a release, so that there
/// it is one write.
pub fn torn(length: usize) -> usize {
    if cfg!(debug_assertions) && std::env::var_os("ORCH_FAULT").is_some() {
        return length / 2;
    }
    length
}

#[cfg(debug_assertions)]
mod debug {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Fault {
        name: String,
        at: u64,
    }

    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub fn pass(name: &str) {
        note(name);
        let Some(fault) = FAULT.get_or_init(wanted) else { return };
        if fault.name != "*" && fault.name != name {
            return;
        }
        if PASSED.fetch_add(1, Ordering::SeqCst) + 1 == fault.at {
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        }
    }

    fn wanted() -> Option<Fault> {
        let text = std::env::var("ORCH_FAULT").ok()?;
        let (name, at) = text.rsplit_once(':')?;
        Some(Fault { name: name.to_owned(), at: at.parse().ok()? })
    }

    /// `ORCH_FAULT_LOG=FILE` gets one line a point, so that a test knows which there are.
    fn note(name: &str) {
        static LOG: OnceLock<Option<std::path::PathBuf>> = OnceLock::new();
        let Some(path) = LOG.get_or_init(|| std::env::var_os("ORCH_FAULT_LOG").map(Into::into))
        else {
            return;
        };
        if let Ok(mut file) = std::fs::File::options().append(true).create(true).open(path) {
            let _ = file.write_all(format!("{name}\n").as_bytes());
        }
    }
}
