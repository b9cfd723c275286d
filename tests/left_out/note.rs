//! Notes of what a run of tests leaves out for want of something that this machine does not have:
//! tests say it, whatever program they are in, and the last one reads it aloud.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

/// Says that the running test asserts nothing, or less than it could, since there is no `what`.
pub fn note(what: &str) {
    let what = what.replace(['\n', '\t'], " ");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED: {test}: no {what}");
    let place = place();
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let mut file = fs::OpenOptions::new().create(true).append(true).open(place).unwrap();
    // One write, so that lines of programs that run at the same time stay whole.
    file.write_all(format!("{what}\t{test}\n").as_bytes()).unwrap();
}

/// The notes of this run, which are one file for each `cargo test`.
pub fn place() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.with_file_name("left-out").join(run())
}

/// Tells runs apart: all test programs of one are children of one process. A later process may get
/// its number, but not its start, too.
#[cfg(unix)]
fn run() -> String {
    let parent = std::os::unix::process::parent_id();
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    // Behind the program's name in brackets, which may hold anything: the 22nd field of all.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    format!("{parent}-{}", fields.split(' ').nth(19).unwrap_or("0"))
}

#[cfg(not(unix))]
fn run() -> String {
    "run".to_owned()
}
