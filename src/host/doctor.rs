//! What the machine has of the things orch needs.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::Serialize;

use crate::base::measure::Moment;
use crate::engine::outcome::last_words;
use crate::host::git::{Repository, extent};
use crate::host::lock::Lock;
use crate::host::platform;
use crate::host::session::{self, UserSettings};
use crate::spec::sandbox::{Guard, Sandboxing, Way};

/// Programs that do not answer `--version` in this time are called broken.
const PATIENCE: Duration = Duration::from_secs(20);
/// Sessions with worktrees need room; below this a warning is due.
const LITTLE_SPACE: u64 = 2 << 30;
/// No room to work in at all.
const NO_SPACE: u64 = 64 << 20;
/// 2025-01-01: a clock before it was never set.
const PLAUSIBLE: Moment = Moment(1_735_689_600_000);

/// How a thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    Good,
    /// orch works, but not as well as it could.
    Caution,
    /// `orch build` cannot work.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub health: Health,
    pub detail: String,
    pub help: Option<String>,
}

impl Finding {
    pub fn good(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, health: Health::Good, detail: detail.into(), help: None }
    }

    pub fn caution(what: &'static str, detail: impl Into<String>, help: &str) -> Self {
        let help = Some(help.to_owned());
        Self { what, health: Health::Caution, detail: detail.into(), help }
    }

    pub fn bad(what: &'static str, detail: impl Into<String>, help: &str) -> Self {
        let help = Some(help.to_owned());
        Self { what, health: Health::Bad, detail: detail.into(), help }
    }
}

/// Everything that needs no settings; changes nothing on the disk.
pub fn findings(root: &Path, now: Moment) -> Vec<Finding> {
    let mut found = vec![git(), repository(root)];
    found.extend(history(root));
    found.extend(signatures(root));
    found.extend([folder(root), space(root), clock(now), lock(root), platform()]);
    found
}

fn git() -> Finding {
    let help = "install git 2.38 or newer";
    match version_of(&["git".into()], Path::new("/")) {
        Err(problem) => Finding::bad("git", problem, help),
        Ok(text) => match number_of(&text) {
            Some(version) if version < (2, 38) => Finding::caution("git", text, help),
            _ => Finding::good("git", text),
        },
    }
}

/// `2.38` of `git version 2.38.1`.
fn number_of(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split_whitespace().find(|word| word.contains('.'))?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The first line of what a program says to `--version` in a folder.
///
/// # Errors
/// What is wrong with it, in words.
pub fn version_of(command: &[OsString], folder: &Path) -> Result<String, String> {
    let (program, words) = command.split_first().ok_or("no command is set")?;
    let all: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let name = all.join(" ");
    let child = Command::new(program)
        .args(words)
        .arg("--version")
        .current_dir(folder)
        .env_remove("CLAUDECODE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|problem| format!("`{name}` does not start: {problem}"))?;
    let id = child.id();
    let (sender, answer) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = answer.recv_timeout(PATIENCE).map_err(|_| {
        end(id);
        format!("`{name} --version` gave no answer in {} s", PATIENCE.as_secs())
    })?;
    let output = output.map_err(|problem| format!("`{name} --version` failed: {problem}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) if output.status.success() => Ok(line.to_owned()),
        _ => {
            let said = last_words(&String::from_utf8_lossy(&output.stderr));
            let why = said.map_or(String::new(), |said| format!(": {said}"));
            Err(format!("`{name} --version` failed: {}{why}", output.status))
        }
    }
}

/// Leaves no process behind.
#[cfg(unix)]
fn end(id: u32) {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end(_id: u32) {}

fn repository(root: &Path) -> Finding {
    let detail = root.display();
    match Repository::discover(root).and_then(|repo| repo.branch()) {
        Ok(branch) => Finding::good("repository", format!("{detail}, branch {branch}")),
        Err(error) => {
            Finding::bad("repository", error.doing, error.help.as_deref().unwrap_or_default())
        }
    }
}

/// Said only where some of it is missing.
fn history(root: &Path) -> Option<Finding> {
    let repo = Repository::discover(root).ok()?;
    repo.is_shallow().then(|| Finding::caution("history", extent::SHALLOW, extent::UNSHALLOW))
}

/// Said only where they are asked for.
fn signatures(root: &Path) -> Option<Finding> {
    let repo = Repository::discover(root).ok()?;
    let asks = repo.asks_for_signatures();
    asks.then(|| Finding::caution("signing", extent::UNSIGNED, extent::SIGN))
}

/// Whether orch's own folder can be written; tried without leaving anything.
fn folder(root: &Path) -> Finding {
    let own = root.join(crate::host::store::folder::NAME);
    let place = if own.is_dir() { own.as_path() } else { root };
    match tempfile::tempfile_in(place) {
        Ok(_) => Finding::good("folder", format!("{} can be written", place.display())),
        Err(problem) => Finding::bad(
            "folder",
            format!("{} cannot be written: {problem}", place.display()),
            "give yourself the right to write there, or mount it for writing",
        ),
    }
}

#[cfg(unix)]
fn space(root: &Path) -> Finding {
    match rustix::fs::statvfs(root) {
        Err(problem) => Finding::caution(
            "disk",
            format!("free space is not known: {problem}"),
            "look with `df`",
        ),
        Ok(disk) => space_of(disk.f_bavail.saturating_mul(disk.f_frsize)),
    }
}

#[cfg(not(unix))]
fn space(_root: &Path) -> Finding {
    Finding::caution("disk", "free space is not known here", "look yourself")
}

fn space_of(free: u64) -> Finding {
    let detail = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
    match free {
        0..NO_SPACE => Finding::bad("disk", detail, "make room: `orch cache gc` is a start"),
        NO_SPACE..LITTLE_SPACE => {
            Finding::caution("disk", detail, "worktrees and transcripts need room: `orch cache gc`")
        }
        _ => Finding::good("disk", detail),
    }
}

fn clock(now: Moment) -> Finding {
    let zone = jiff::tz::TimeZone::system();
    let name = zone.iana_name().unwrap_or("no name").to_owned();
    if now < PLAUSIBLE {
        let help = "set the clock: waiting for usage limits goes by it";
        return Finding::bad("clock", "it shows a time before 2025", help);
    }
    let shown = i64::try_from(now.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let shown = shown.map(|time| time.to_zoned(zone).strftime("%Y-%m-%d %H:%M %:z").to_string());
    Finding::good("clock", format!("{} ({name})", shown.unwrap_or_default()))
}

fn lock(root: &Path) -> Finding {
    match Lock::holder_of(root) {
        None => Finding::good("lock", "no other orch is at work here"),
        Some(holder) => Finding::caution(
            "lock",
            format!("held by process {}: {}", holder.pid, holder.command),
            "builds wait for it to end; looking is free",
        ),
    }
}

/// What keeps sessions from the checkout; bad only where somebody asks for what is not there.
pub fn guard(asked: &[Sandboxing], root: &Path) -> Finding {
    let guards: Vec<&Guard> = asked.iter().filter_map(Sandboxing::as_guard).collect();
    let Some(first) = guards.first() else {
        let found = match asked.iter().any(|it| matches!(it, Sandboxing::Bwrap(_))) {
            true => "not asked for: `sandbox` of the settings says `bwrap`",
            false => "not asked for: `sandbox` of the settings says `none`",
        };
        return Finding::good("guard", found);
    };
    let Ok(shim) = platform::own_program() else {
        return Finding::bad("guard", "orch's own program is not found", "install it anew");
    };
    let failed = guards.iter().filter(|it| it.is_required);
    let failed =
        failed.filter_map(|it| Some((it, session::guard::way_of(it, &shim).err()?))).next();
    if let Some((_, why)) = failed {
        let detail = format!("`sandbox: guard` is asked for, and cannot be kept: {why}");
        return Finding::bad("guard", detail, NEEDED);
    }
    match session::guard::way_of(first, &shim) {
        Ok(way) => kept(way, first, root),
        Err(why) => Finding::caution(
            "guard",
            format!(
                "none, so sessions can write to your checkout; what changes there is told: {why}"
            ),
            NEEDED,
        ),
    }
}

/// What it takes.
const NEEDED: &str = "a kernel of 6.2 with Landlock, or leave to make user namespaces \
    (`kernel.unprivileged_userns_clone`, `kernel.apparmor_restrict_unprivileged_userns`); or `sandbox: none`";

fn kept(way: Way, guard: &Guard, root: &Path) -> Finding {
    const KEPT: &str =
        "your checkout, its git and `.orch` are read-only for sessions, commands and validators";
    let above = root.parent().unwrap_or(root).display();
    match (way, guard.by) {
        (Way::Namespace, _) => Finding::good("guard", format!("by a mount namespace: {KEPT}")),
        (Way::Landlock, by) => {
            let detail = format!(
                "by Landlock: {KEPT}; neither can they make anything directly in {above} and the folders above"
            );
            match by {
                Some(_) => Finding::good("guard", detail),
                None => Finding::caution("guard", detail, ONLY_LANDLOCK),
            }
        }
    }
}

const ONLY_LANDLOCK: &str = "a mount namespace has no such limit: it takes leave to make user namespaces \
    (`kernel.unprivileged_userns_clone`, `kernel.apparmor_restrict_unprivileged_userns`)";

/// Whether `sandbox: bwrap` can be kept to; bad only where something asks for it.
pub fn sandbox(is_asked_for: bool) -> Finding {
    use crate::host::session::bubble::Network;
    let found = crate::host::session::bubble::probe(Network::Shared);
    let without = crate::host::session::bubble::probe(Network::None);
    match (found, without) {
        (Ok(version), Ok(_)) => {
            Finding::good("sandbox", format!("{version} works, with and without network"))
        }
        (Ok(version), Err(why)) => Finding::caution(
            "sandbox",
            format!("{version} works, but not without network: {why}"),
            "`sandbox: { network: false }` cannot be kept to here",
        ),
        (Err(why), _) if is_asked_for => Finding::bad(
            "sandbox",
            format!("rules or settings ask for `sandbox: bwrap`, and {why}"),
            "install bubblewrap and allow user namespaces, or say `sandbox: none`",
        ),
        (Err(why), _) => Finding::good("sandbox", format!("none: {why}; nothing asks for one")),
    }
}

/// What holds for the processes of attempts where orch and their shims are killed.
pub fn families() -> Finding {
    let probed = super::platform::own_program()
        .map_err(|error| error.to_string())
        .and_then(|shim| crate::host::session::keeping::probe(&shim));
    match probed {
        Ok(()) => Finding::good(
            "families",
            "in process namespaces: the kernel ends them with their shims",
        ),
        Err(why) => Finding::caution(
            "families",
            format!(
                "no process namespaces ({why}): a process ends them, unless that is killed too"
            ),
            "what outlives orch is ended at its next start; allow namespaces (user, process, mount) here",
        ),
    }
}

/// What of the user's own CLI settings reaches sessions; said only where there are some.
pub fn user_settings() -> Option<Finding> {
    let settings = UserSettings::here();
    let path = settings.path.display();
    if let Some(problem) = &settings.problem {
        let detail = format!("{path} is not used: {problem}");
        return Some(Finding::caution(
            "claude settings",
            detail,
            "mend that file, if it is to count",
        ));
    }
    let (handed_on, kept_back) =
        (settings.handed_on().join(", "), settings.kept_back.join(" and "));
    let detail = match (handed_on.as_str(), kept_back.as_str()) {
        ("", "") => return None,
        (handed_on, "") => format!("{path}: sessions are given its {handed_on}"),
        ("", kept_back) => format!("{path}: its {kept_back} have no effect in sessions of orch"),
        (handed_on, kept_back) => format!(
            "{path}: sessions are given its {handed_on}; its {kept_back} have no effect there"
        ),
    };
    Some(Finding::good("claude settings", detail))
}

fn platform() -> Finding {
    let name = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    match cfg!(target_os = "linux") {
        true => Finding::good("platform", name),
        false => Finding::caution(
            "platform",
            format!("{name}: children of a killed orch are ended only at its next start"),
            "Linux has what it takes to end them at once",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(number_of("git version 2.38.1"), Some((2, 38)));
        assert_eq!(number_of("git version 2.9.5 (Apple Git-1)"), Some((2, 9)));
        assert_eq!(number_of("git"), None);
    }

    #[test]
    fn little_space_is_said_and_none_is_bad() {
        let check = |free| space_of(free).health;
        assert_eq!(
            [1 << 20, 1 << 30, 1 << 40].map(check),
            [Health::Bad, Health::Caution, Health::Good]
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let problem = version_of(&["/no/such/program".into()], Path::new("/")).unwrap_err();
        assert!(problem.starts_with("`/no/such/program` does not start: "), "{problem}");
        assert_eq!(version_of(&[], Path::new("/")), Err("no command is set".to_owned()));
    }

    #[test]
    fn a_program_that_fails_says_why() {
        let script = "echo fetching; echo 'node: not found' >&2; echo >&2; exit 3";
        let words = ["sh", "-c", script].map(OsString::from);
        let problem = version_of(&words, Path::new("/")).unwrap_err();
        assert!(problem.ends_with("failed: exit status: 3: node: not found"), "{problem}");
    }

    #[test]
    fn looking_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let found = findings(folder.path(), PLAUSIBLE);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let of = |what| found.iter().find(|finding| finding.what == what).unwrap();
        assert_eq!(of("repository").health, Health::Bad);
        assert_eq!(of("folder").health, Health::Good);
        assert_eq!(of("lock").health, Health::Good);
    }
}
