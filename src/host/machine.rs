//! What the machine has to give: cores and free memory; and waiting for a moment.

use std::path::Path;
use std::time::Duration;

use crate::base::measure::Moment;
use crate::engine::event::Machine;

use super::clock;

/// Cores, and memory that can be had without swapping.
pub fn present() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let of_machine = read("/proc/meminfo").and_then(|text| available_mb(&text));
    let of_group = free_of_group(Path::new("/sys/fs/cgroup"));
    Machine {
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        free_mb: of_machine.into_iter().chain(of_group).min(),
    }
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// `MemAvailable` of `/proc/meminfo`, which is in kibibytes.
fn available_mb(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024)
}

/// What is left of the limit of this process's control group; `None` where there is no limit. The
/// page cache is counted as used by the kernel and given back on demand.
fn free_of_group(folder: &Path) -> Option<u64> {
    let number = |name: &str| read(folder.join(name))?.trim().parse::<u64>().ok();
    let (limit, used) = (number("memory.max")?, number("memory.current")?);
    let cached = read(folder.join("memory.stat")).and_then(|stat| {
        stat.lines().find_map(|line| line.strip_prefix("inactive_file "))?.trim().parse().ok()
    });
    let used = used.saturating_sub(cached.unwrap_or(0));
    Some(limit.saturating_sub(used) / (1024 * 1024))
}

/// Sleeps until the moment; for ever where there is none.
pub async fn until(moment: Option<Moment>) {
    match moment {
        Some(moment) => tokio::time::sleep(Duration::from_millis((moment - clock::now()).0)).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read_from_the_kernels_words() {
        let text = "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:    2048000 kB\n";
        assert_eq!(available_mb(text), Some(2000));
        assert_eq!(available_mb("MemTotal: 1 kB\n"), None);
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert_eq!(free_of_group(folder.path()), None);
        write("memory.max", "max\n");
        write("memory.current", "104857600\n");
        assert_eq!(free_of_group(folder.path()), None);
        write("memory.max", "209715200\n");
        assert_eq!(free_of_group(folder.path()), Some(100));
        write("memory.stat", "anon 1\ninactive_file 52428800\n");
        assert_eq!(free_of_group(folder.path()), Some(150));
    }
}
