//! `sandbox: bwrap`: a family in a bubblewrap container of its own. It may read everything and
//! write its worktree, and what else its rule lists; its processes have a number space of their
//! own, so that none outlives the first.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::host::shim::CONTAINER;
use crate::spec::sandbox::Sandbox;

use super::cli::program_on_path;
use super::guard;

/// What a family needs of the disk.
#[derive(Debug)]
pub struct Needs<'a> {
    pub worktree: &'a Path,
    /// Scratch of the attempt's own.
    pub scratch: &'a Path,
    pub home: Option<PathBuf>,
    /// The CLI's own files; sessions only.
    pub config_folder: Option<PathBuf>,
    pub network: Network,
}

/// What of the network is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// That of the machine.
    Shared,
    None,
}

/// Whether bubblewrap works here; asked once for each kind of network.
///
/// # Errors
/// Why it does not, in words.
pub fn probe(network: Network) -> Result<String, String> {
    static WITH: OnceLock<Result<String, String>> = OnceLock::new();
    static WITHOUT: OnceLock<Result<String, String>> = OnceLock::new();
    let known = match network {
        Network::Shared => &WITH,
        Network::None => &WITHOUT,
    };
    known.get_or_init(|| try_it(network)).clone()
}

fn try_it(network: Network) -> Result<String, String> {
    let program = program_on_path(CONTAINER).ok_or("`bwrap` is not installed")?;
    let mut command = Command::new(&program);
    command.args(frame(network)).args(["--", "true"]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("`bwrap` does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it said nothing").to_owned();
        return Err(format!("`bwrap` does not work here: {last}"));
    }
    let version = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
    let version = version.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    Ok(version.unwrap_or_default())
}

/// The whole disk for reading, and nothing else of the machine.
fn frame(network: Network) -> Vec<OsString> {
    let mut words: Vec<OsString> = [
        "--die-with-parent",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        // Root in the container is not to mount things anew.
        "--cap-drop",
        "ALL",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    ]
    .map(OsString::from)
    .into();
    if network == Network::None {
        words.push("--unshare-net".into());
    }
    words
}

/// The command in its container.
pub fn wrap(argv: Vec<OsString>, sandbox: &Sandbox, needs: &Needs<'_>) -> Vec<OsString> {
    let mut words = vec![OsString::from(CONTAINER)];
    words.extend(frame(needs.network));
    if !is_needed_below_tmp(sandbox, needs) {
        words.extend(["--tmpfs", "/tmp"].map(OsString::from));
    }
    for place in writable(sandbox, needs) {
        words.extend(["--bind-try".into(), place.clone().into(), place.into()]);
    }
    words.extend(["--chdir".into(), needs.worktree.into(), "--".into()]);
    words.extend(argv);
    words
}

/// The places that may be written, links resolved: what is mounted is mounted there.
fn writable(sandbox: &Sandbox, needs: &Needs<'_>) -> Vec<PathBuf> {
    let mut places = vec![needs.worktree.to_owned(), needs.scratch.to_owned()];
    places.extend(guard::git_folder_of(needs.worktree));
    if let Some(folder) = &needs.config_folder {
        places.push(folder.clone());
        places.extend(needs.home.as_ref().map(|home| home.join(".claude.json")));
    }
    places.extend(guard::named(&sandbox.write, needs.home.as_deref()));
    places.into_iter().map(|place| place.canonicalize().unwrap_or(place)).collect()
}

/// A `/tmp` of its own would hide what lies there.
fn is_needed_below_tmp(sandbox: &Sandbox, needs: &Needs<'_>) -> bool {
    let home = needs.home.clone();
    writable(sandbox, needs).iter().chain(&home).any(|place| place.starts_with("/tmp"))
}
