//! What only the operating system can tell of processes. Linux knows families exactly (/proc,
//! child subreaper); elsewhere a process group is the best there is. `--cfg orch_portable` takes the
//! latter on Linux, too: that is how `.ci/run` checks it.

#[cfg(all(target_os = "linux", not(orch_portable)))]
pub use linux::*;
#[cfg(not(all(target_os = "linux", not(orch_portable))))]
pub use other::*;

/// A process with what tells it from a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessInfo {
    pub pid: u32,
    /// Clock ticks between boot and the process' start; 0 where the system does not say.
    pub start_ticks: u64,
}

/// The variable that marks every process of an attempt; the shim appends its own identity.
pub const MARKER: &str = "ORCH_ATTEMPT";

/// The variable that tells every process of an attempt whose build it belongs to: the root of the
/// checkout.
pub const CHECKOUT: &str = "ORCH_CHECKOUT";

#[cfg(all(target_os = "linux", not(orch_portable)))]
mod linux {
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::OsString;
    use std::fs;
    use std::io;
    use std::os::unix::ffi::OsStringExt;
    use std::time::{Duration, Instant};

    use rustix::process::{
        Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getpid, getrlimit, kill_process,
        set_child_subreaper, setrlimit, setsid, waitid,
    };

    use super::{MARKER, ProcessInfo};

    /// Whether a process can be asked where it comes from.
    pub const KNOWS_LINEAGE: bool = true;

    /// More generations than any process has: numbers that are given out anew meanwhile make no ring.
    const GENERATIONS: usize = 1000;

    /// How long a killed family may take to vanish before it is given up (uninterruptible sleep).
    const KILL_DEADLINE: Duration = Duration::from_secs(10);

    /// The program a process can start itself again by, even after its file was replaced.
    pub fn own_program() -> io::Result<std::path::PathBuf> {
        Ok("/proc/self/exe".into())
    }

    /// Leaves the caller's session and terminal, and becomes the parent of orphaned descendants.
    pub fn become_family_head() -> io::Result<()> {
        // Fails where this process already leads a group: then it has its own session anyway.
        let _ = setsid();
        Ok(set_child_subreaper(Some(getpid()))?)
    }

    /// Marks this process and all that come from it, whatever they do to their environment: by a limit
    /// that binds nobody, on the time that a process of real-time priority runs. Where the system sets
    /// that limit lower itself, nothing is marked.
    pub fn mark_family() {
        let limit = Rlimit { current: Some(mark_of(this_process())), maximum: None };
        if getrlimit(Resource::Rttime).maximum.is_none() {
            let _ = setrlimit(Resource::Rttime, limit);
        }
    }

    /// Microseconds, tens of thousands of years of them. Process numbers have 22 bits at most.
    fn mark_of(shim: ProcessInfo) -> u64 {
        1 << 62 | u64::from(shim.pid) << 40 | shim.start_ticks & ((1 << 40) - 1)
    }

    fn has_mark(pid: u32, mark: &str) -> bool {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max realtime timeout"));
        limit.and_then(|it| it.split_ascii_whitespace().next()) == Some(mark)
    }

    /// This process.
    pub fn this_process() -> ProcessInfo {
        let pid = std::process::id();
        ProcessInfo { pid, start_ticks: start_ticks_of(pid).unwrap_or(0) }
    }

    /// When the process started; `None` where it is gone.
    pub fn start_ticks_of(pid: u32) -> Option<u64> {
        stat_of(pid)?.2
    }

    /// State, parent and start of a process.
    fn stat_of(pid: u32) -> Option<(char, u32, Option<u64>)> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything, a parenthesis too.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        Some((state, parent, fields.nth(17).and_then(|ticks| ticks.parse().ok())))
    }

    /// A living process and those it comes from, itself first; nothing where it is gone.
    pub fn lineage_of(pid: u32) -> Vec<u32> {
        let parent = |pid: &u32| {
            let (state, parent, _) = stat_of(*pid)?;
            (parent != 0 && !matches!(state, 'Z' | 'X')).then_some(parent)
        };
        let is_alive = stat_of(pid).is_some_and(|(state, ..)| !matches!(state, 'Z' | 'X'));
        let first = is_alive.then_some(pid);
        std::iter::successors(first, parent).take(GENERATIONS).collect()
    }

    /// From now on orphans of this process' descendants are its children, so that they can be told
    /// from strangers.
    pub fn adopt_orphans() -> io::Result<()> {
        Ok(set_child_subreaper(Some(getpid()))?)
    }

    /// The words that a process was started with, joined by blanks.
    pub fn command_of(pid: u32) -> Option<String> {
        let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = words.strip_suffix(b"\0").unwrap_or(&words);
        Some(String::from_utf8_lossy(words).replace('\0', " "))
    }

    /// The folder that a process is in.
    pub fn folder_of(pid: u32) -> Option<std::path::PathBuf> {
        fs::read_link(format!("/proc/{pid}/cwd")).ok()
    }

    /// What a process' environment said when its program was started.
    pub fn variable_of(pid: u32, name: &str) -> Option<OsString> {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut entries = environment.split(|&byte| byte == 0);
        let value = entries
            .find_map(|it| it.strip_prefix(name.as_bytes()).and_then(|it| it.strip_prefix(b"=")))?;
        Some(OsString::from_vec(value.to_vec()))
    }

    /// CPU time that a process, its descendants and their dead children have used, in milliseconds.
    pub fn cpu_of_family(head: u32) -> u64 {
        let mut members = descendants_of(head);
        members.push(head);
        members.into_iter().filter_map(cpu_of).sum()
    }

    /// The kernel tells times to programs in hundredths of a second on every common machine.
    fn cpu_of(pid: u32) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        // Own time in user and kernel mode, then that of children that were waited for.
        let ticks = fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok());
        Some(ticks.sum::<u64>() * 10)
    }

    fn pids() -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// Living processes below `root`, without it.
    pub fn descendants_of(root: u32) -> Vec<u32> {
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut dead = BTreeSet::new();
        for pid in pids() {
            let Some((state, parent, _)) = stat_of(pid) else { continue };
            children.entry(parent).or_default().push(pid);
            if matches!(state, 'Z' | 'X') {
                dead.insert(pid);
            }
        }
        let mut found = Vec::new();
        let mut open = vec![root];
        while let Some(pid) = open.pop() {
            for child in children.remove(&pid).unwrap_or_default() {
                open.push(child);
                found.push(child);
            }
        }
        found.retain(|pid| !dead.contains(pid));
        found
    }

    /// Ends every descendant of this process: first all are stopped, so that none can fork away.
    /// False where some would not die.
    pub fn kill_descendants() -> bool {
        if has_no_children() {
            return true;
        }
        let own = std::process::id();
        kill_until_none(|| descendants_of(own))
    }

    /// The head of a family gets every orphan of it: without a child it has no descendant either.
    /// Takes no dead child's status away.
    fn has_no_children() -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD))
    }

    /// Whether this process was started with SIGHUP ignored.
    pub fn ignores_hangup() -> bool {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).is_some_and(|it| it & 1 == 1)
    }

    /// Asks every descendant of this process to end, those of one program apart.
    pub fn terminate_descendants_beside(program: &str) {
        for pid in descendants_of(std::process::id()) {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if name.trim_end() != program {
                send(pid, Signal::TERM);
            }
        }
    }

    /// Ends what a dead orch or shim left of an attempt: the family of `shim`, wherever its
    /// processes went, known by their marker or their mark. A process of the same number that is not
    /// ours is left alone. Answers how many were found.
    pub fn reap(shim: ProcessInfo) -> usize {
        let marker = format!(".{}.{}", shim.pid, shim.start_ticks);
        let mark = mark_of(shim).to_string();
        let mut first: Option<usize> = None;
        kill_until_none(|| {
            let mut found: Vec<u32> = pids();
            found.retain(|&pid| {
                let is_shim = pid == shim.pid
                    && start_ticks_of(pid) == Some(shim.start_ticks)
                    && marker_of(pid).is_some();
                let is_marked = marker_of(pid).is_some_and(|it| it.ends_with(&marker));
                is_shim || is_marked || has_mark(pid, &mark)
            });
            found.retain(|&pid| !matches!(stat_of(pid), None | Some(('Z' | 'X', ..))));
            first.get_or_insert(found.len());
            found
        });
        first.unwrap_or(0)
    }

    fn marker_of(pid: u32) -> Option<String> {
        Some(variable_of(pid, MARKER)?.to_string_lossy().into_owned())
    }

    fn kill_until_none(mut family: impl FnMut() -> Vec<u32>) -> bool {
        let deadline = Instant::now() + KILL_DEADLINE;
        loop {
            let members = family();
            if members.is_empty() {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            members.iter().for_each(|&pid| send(pid, Signal::STOP));
            members.iter().for_each(|&pid| send(pid, Signal::KILL));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn send(pid: u32, signal: Signal) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // Gone already: what was wanted.
            let _ = kill_process(pid, signal);
        }
    }
}

#[cfg(not(all(target_os = "linux", not(orch_portable))))]
mod other {
    use std::ffi::OsString;
    use std::io;

    use rustix::process::setsid;

    use super::ProcessInfo;

    /// Whether a process can be asked where it comes from.
    pub const KNOWS_LINEAGE: bool = false;

    /// The program a process can start itself again by.
    pub fn own_program() -> io::Result<std::path::PathBuf> {
        std::env::current_exe()
    }

    /// Leaves the caller's session and terminal.
    pub fn become_family_head() -> io::Result<()> {
        let _ = setsid();
        Ok(())
    }

    /// Nothing can be marked here.
    pub fn mark_family() {}

    /// This process; when it started is not known here.
    pub fn this_process() -> ProcessInfo {
        ProcessInfo { pid: std::process::id(), start_ticks: 0 }
    }

    /// Not known here.
    pub fn start_ticks_of(_pid: u32) -> Option<u64> {
        None
    }

    /// The process alone: where it comes from is not known here.
    pub fn lineage_of(pid: u32) -> Vec<u32> {
        vec![pid]
    }

    /// Not known here.
    pub fn adopt_orphans() -> io::Result<()> {
        Ok(())
    }

    /// Not known here.
    pub fn command_of(_pid: u32) -> Option<String> {
        None
    }

    /// Not known here.
    pub fn folder_of(_pid: u32) -> Option<std::path::PathBuf> {
        None
    }

    /// Known of this process alone.
    pub fn variable_of(pid: u32, name: &str) -> Option<OsString> {
        (pid == std::process::id()).then(|| std::env::var_os(name)).flatten()
    }

    /// Not known here.
    pub fn descendants_of(_root: u32) -> Vec<u32> {
        Vec::new()
    }

    /// Not known here: no sign of life.
    pub fn cpu_of_family(_head: u32) -> u64 {
        0
    }

    /// Descendants are not known here; the caller kills the child's process group.
    pub fn kill_descendants() -> bool {
        true
    }

    /// Not known here.
    pub fn terminate_descendants_beside(_program: &str) {}

    /// Taken for not: it is then met as SIGTERM is.
    pub fn ignores_hangup() -> bool {
        false
    }

    /// Without start times a left process cannot be told from a stranger's: nothing is killed.
    pub fn reap(_shim: ProcessInfo) -> usize {
        0
    }
}
