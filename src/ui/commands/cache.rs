//! `orch cache`: what the cache holds, and how it is kept in order.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::base::digest::Digest;
use crate::base::name::TaskRef;
use crate::engine::record::Record;
use crate::host::clock::now;
use crate::host::common;
use crate::host::journal;
use crate::host::store::Store;
use crate::host::store::folder::Access;
use crate::host::store::upkeep::{CachedResult, GcPolicy, GcReport, Stats, Verification};
use crate::ui::args::{CacheCommand, GcArgs};
use crate::ui::exit::Exit;
use crate::ui::json::line_of;
use crate::ui::render::time::moment_text;
use crate::ui::report::counted;
use crate::ui::shell::{Failure, Ran, Shell};
use crate::ui::target::{self, Known};
use crate::ui::text::path_text;

/// How many hexadecimal digits of a key are shown in lists.
const SHORT: usize = 12;

/// Only a collection that removes locks others out.
pub fn run(command: &CacheCommand, root: &Path, shell: &mut Shell) -> Ran {
    let store = common::store_of(root, Access::ReadOnly);
    match command {
        CacheCommand::Ls(args) => ls(&store, &args.targets, shell),
        CacheCommand::Show { key } => show(&store, key, shell),
        CacheCommand::Verify => verify(&store, shell),
        CacheCommand::Stats => stats(&store, shell),
        CacheCommand::Gc(args) if args.dry_run => gc(args, &store, &protected(root)?, shell),
        CacheCommand::Gc(args) => {
            let _locks = common::lock_all(root)?;
            gc(args, &common::store_of(root, Access::ReadWrite), &protected(root)?, shell)
        }
    }
}

/// What the journals still name, of every checkout that uses the store: transcripts, prompts, manifests and
/// the keys of accepted results.
fn protected(root: &Path) -> Result<BTreeSet<Digest>, Failure> {
    let mut all = BTreeSet::new();
    for root in common::users_of(root) {
        let records = journal::read(&root)?.records;
        let named = records.into_iter().flat_map(|record| match record {
            Record::AttemptEnded(ended) => vec![ended.transcript, ended.prompt],
            Record::SmokeEnded(ended) => vec![ended.transcript],
            Record::Accepted(accepted) => vec![accepted.manifest, Some(accepted.key.0)],
            _ => Vec::new(),
        });
        all.extend(named.flatten());
    }
    Ok(all)
}

/// Accepted results, most recently used first. Targets are those of other commands, but looked up
/// in the cache itself, which may know tasks that no plan has any more.
fn ls(store: &Store, targets: &[String], shell: &mut Shell) -> Ran {
    let mut entries = store.entries()?;
    entries.retain(|entry| !entry.result.is_refused);
    let tasks: BTreeSet<TaskRef> = entries.iter().map(|entry| entry.result.task.clone()).collect();
    let tasks: Vec<TaskRef> = tasks.into_iter().collect();
    let wanted = target::resolve(targets, Known { plans: &[], tasks: &tasks, folder: "" })?;
    let is_wanted = |entry: &&CachedResult| {
        wanted.as_ref().is_none_or(|wanted| wanted.contains(&entry.result.task))
    };
    let mut count = 0;
    for entry in entries.iter().filter(is_wanted) {
        count += 1;
        let text = if shell.is_json() { line_of(&entry_json(entry)) } else { entry_text(entry) };
        shell.data(&text)?;
    }
    shell.note(&counted(count, "accepted result"))?;
    Ok(Exit::Success)
}

fn entry_text(entry: &CachedResult) -> String {
    let result = &entry.result;
    let key = &result.key.to_string()[..SHORT];
    let files = counted(result.patch.changes().len(), "file");
    let model = result.model.as_ref().map_or("-", |model| model.as_str());
    let (used, task) = (moment_text(entry.used), &result.task);
    format!("{key}  {used}  {task}  {files}  {}  {model}\n", result.cost)
}

fn entry_json(entry: &CachedResult) -> serde_json::Value {
    let result = &entry.result;
    json!({
        "key": result.key, "task": result.task.to_string(), "output": result.output,
        "at_ms": result.at, "used_ms": entry.used, "files": result.patch.changes().len(),
        "cost_usd": result.cost, "model": result.model, "session": result.session,
        "bytes": entry.bytes,
    })
}

/// One result by its key or the start of it, with the manifest that its key is the hash of.
fn show(store: &Store, key: &str, shell: &mut Shell) -> Ran {
    let entries = store.entries()?;
    let wanted = key.to_ascii_lowercase();
    let found: Vec<&CachedResult> =
        entries.iter().filter(|entry| entry.result.key.to_string().starts_with(&wanted)).collect();
    let keys: BTreeSet<_> = found.iter().map(|entry| entry.result.key).collect();
    if keys.len() != 1 {
        let message = match keys.len() {
            0 => format!("no accepted result has a key that starts with `{key}`"),
            n => format!("`{key}` is the start of {n} keys"),
        };
        return Err(Failure::usage_with_help(message, "`orch cache ls` lists all keys"));
    }
    for entry in found {
        let text = match shell.is_json() {
            true => line_of(&entry.result),
            false => result_text(entry),
        };
        shell.data(&text)?;
    }
    Ok(Exit::Success)
}

fn result_text(entry: &CachedResult) -> String {
    let result = &entry.result;
    let mut text = entry_text(entry);
    for change in result.patch.changes() {
        let after = change.after.as_ref().map_or("gone".to_owned(), |state| state.digest.short());
        let _ = writeln!(text, "  file     {}  {after}", path_text(&change.path));
    }
    for (path, state) in &result.read_set {
        let state = state.as_ref().map_or("absent".to_owned(), |state| state.digest.short());
        let _ = writeln!(text, "  read     {}  {state}", path_text(path));
    }
    for (section, name, value) in result.manifest.values() {
        let value = crate::ui::text::cut(&crate::ui::text::one_line(value), 60);
        let _ = writeln!(text, "  key has  {section} {}: {}", path_text(name), value);
    }
    text
}

/// Exit 1 where something is damaged or lost: a miss later on, never a wrong result.
fn verify(store: &Store, shell: &mut Shell) -> Ran {
    let found = store.verify()?;
    let is_whole = found.damaged.is_empty() && found.lost.is_empty();
    let text = if shell.is_json() {
        line_of(&verification_json(&found))
    } else {
        verification_text(&found)
    };
    shell.data(&text)?;
    Ok(if is_whole { Exit::Success } else { Exit::Unfinished })
}

fn verification_text(found: &Verification) -> String {
    let mut text = String::new();
    for path in &found.damaged {
        let _ = writeln!(text, "damaged  {}", path.display());
    }
    for (key, blob) in &found.lost {
        let _ = writeln!(text, "lost     blob {} of result {}", blob.short(), key.0.short());
    }
    let (blobs, results) = (found.blobs as usize, found.results as usize);
    let sound = format!("{} and {} read", counted(blobs, "blob"), counted(results, "result"));
    let problems = found.damaged.len() + found.lost.len();
    let _ = match problems {
        0 => writeln!(text, "{sound}: all are whole"),
        _ => writeln!(text, "{sound}; {}: their tasks run again", counted(problems, "problem")),
    };
    text
}

fn verification_json(found: &Verification) -> serde_json::Value {
    let lost = found.lost.iter().map(|(key, blob)| json!({"key": key, "blob": blob}));
    json!({
        "blobs": found.blobs, "results": found.results,
        "damaged": found.damaged.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        "lost": lost.collect::<Vec<_>>(),
    })
}

/// `protected` stay whatever their age: what the journal still names. For `-n` the store is open
/// for reading only, and removes nothing.
fn gc(args: &GcArgs, store: &Store, protected: &BTreeSet<Digest>, shell: &mut Shell) -> Ran {
    let policy = GcPolicy { now: now(), max_age: args.max_age, max_bytes: args.max_size };
    let report = store.gc(&policy, protected)?;
    let text =
        if shell.is_json() { line_of(&gc_json(&report)) } else { gc_text(&report, args.dry_run) };
    shell.data(&text)?;
    Ok(Exit::Success)
}

fn gc_text(report: &GcReport, dry_run: bool) -> String {
    let verb = if dry_run { "would remove" } else { "removed" };
    let blobs = counted(report.blobs as usize, "blob");
    let results = counted(report.results as usize, "result");
    let (bytes, left) = (size_text(report.bytes), size_text(report.bytes_left));
    format!("{verb} {blobs} and {results}, {bytes}; {left} left\n")
}

fn gc_json(report: &GcReport) -> serde_json::Value {
    json!({
        "blobs": report.blobs, "results": report.results,
        "bytes": report.bytes, "bytes_left": report.bytes_left,
    })
}

fn stats(store: &Store, shell: &mut Shell) -> Ran {
    let Stats { blobs, blob_bytes, results, result_bytes } = store.stats()?;
    let text = match shell.is_json() {
        true => line_of(&json!({
            "blobs": blobs, "blob_bytes": blob_bytes,
            "results": results, "result_bytes": result_bytes,
        })),
        false => format!(
            "{}, {}\n{}, {}\n",
            counted(results as usize, "accepted result"),
            size_text(result_bytes),
            counted(blobs as usize, "blob"),
            size_text(blob_bytes),
        ),
    };
    shell.data(&text)?;
    Ok(Exit::Success)
}

/// `512 B`, `1.5 MiB`.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::measure::Millis;
    use crate::ui::console::sample::Buffer;

    #[test]
    fn sizes_read_well() {
        let shown = [0, 512, 1536, 3 << 20, 5 << 40].map(size_text);
        assert_eq!(shown, ["0 B", "512 B", "1.5 KiB", "3.0 MiB", "5.0 TiB"]);
    }

    #[test]
    fn a_dry_collection_removes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Store::open(folder.path()).put(b"content").unwrap();
        let check = |store: Store, dry_run| {
            let out = Buffer::default();
            let mut shell = Shell::of_writers(out.clone(), std::io::sink());
            let args = GcArgs { dry_run, max_age: Some(Millis(0)), max_size: None };
            let ran = gc(&args, &store, &BTreeSet::new(), &mut shell);
            assert_eq!(shell.conclude(ran), Exit::Success);
            out.text()
        };
        let text = check(Store::open_read_only(folder.path()), true);
        assert!(text.starts_with("would remove 1 blob and 0 results, "), "{text}");
        assert!(Store::open(folder.path()).contains(&digest));
        assert!(check(Store::open(folder.path()), false).starts_with("removed 1 blob"));
        assert!(!Store::open(folder.path()).contains(&digest));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let out = Buffer::default();
        let mut shell = Shell::of_writers(std::io::sink(), out.clone());
        let ran = show(&Store::open_read_only(folder.path()), "abc", &mut shell);
        assert_eq!(shell.conclude(ran), Exit::BadDocuments);
        insta::assert_snapshot!(out.text(), @r#"
            error: no accepted result has a key that starts with `abc`
              help: `orch cache ls` lists all keys
            "#);
    }
}
