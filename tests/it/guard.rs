//! The guard: what sessions, commands and validators cannot change of the machine.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use orch::host::shim::namespace::{self, Namespace};

use crate::left_out;

/// Runs it in a thread with namespaces of its own; `None`, and said so, where only another user may have
/// them in a thread.
fn in_namespaces<T: Send + 'static>(
    wanted: &'static [Namespace],
    run: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let thread = std::thread::spawn(|| namespace::enter(wanted).map(|()| run()));
    match thread.join().unwrap() {
        Ok(value) => Some(value),
        Err(why) => {
            left_out::note(&format!("right to namespaces ({why})"));
            None
        }
    }
}

#[test]
fn what_is_mounted_in_a_namespace_is_mounted_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
    for it in [&from, &to] {
        fs::create_dir(it).unwrap();
    }
    fs::write(from.join("file"), "").unwrap();
    let place = to.clone();
    let seen = in_namespaces(&[Namespace::Mounts], move || {
        rustix::mount::mount_bind(&from, &place).unwrap();
        place.join("file").exists()
    });
    assert!(seen.is_none_or(|seen| seen));
    assert!(!to.join("file").exists());
}

#[test]
fn the_next_child_is_the_first_process_of_its_namespace() {
    let said = in_namespaces(&[Namespace::Mounts, Namespace::Processes], || {
        Command::new("sh").args(["-c", "echo $$"]).output().unwrap().stdout
    });
    assert!(said.is_none_or(|said| said == b"1\n"));
}
