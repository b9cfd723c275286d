//! `.orch/plans-v1/`: what reading large plans came to, one file for each, so that an unchanged text
//! is not parsed again. Only ever a short cut: where anything about a file is off, it is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::digest::{Digest, Fingerprint, Manifest};
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::spec::plan::Compiled;

use super::error::{Doing, Result};
use super::store::folder::{self, Access, OrchFolder};

const FOLDER: &str = "plans-v1";

/// A text of fewer bytes is parsed as quickly as it is looked up.
pub const FROM_BYTES: usize = 32 * 1024;

/// What is kept of these plans.
pub fn read(root: &Path, plans: &[Source]) -> BTreeMap<RelPath, Compiled> {
    let folder = OrchFolder::below(root, Access::ReadOnly);
    let large = plans.iter().filter(|plan| plan.text.len() >= FROM_BYTES);
    large.filter_map(|plan| Some((plan.path.clone(), read_one(&folder, plan)?))).collect()
}

fn read_one(folder: &OrchFolder, plan: &Source) -> Option<Compiled> {
    let bytes = folder::read_if_there(&place_of(folder, &plan.path)).ok()??;
    let (origin, bytes) = bytes.split_at_checked(32)?;
    let (digest, bytes) = bytes.split_at_checked(32)?;
    let is_it = origin == origin_of(plan)?.as_bytes() && digest == Digest::of(bytes).as_bytes();
    is_it.then(|| postcard::from_bytes(bytes).ok()).flatten()
}

/// Keeps what reading these plans came to, and drops what is kept of plans that are not among
/// `present` any more.
///
/// # Errors
/// The disk fails: the next run has to parse them.
pub fn keep(root: &Path, plans: &[(&Source, Compiled)], present: &[Source]) -> Result<()> {
    let folder = OrchFolder::below(root, Access::ReadWrite);
    if !plans.is_empty() {
        drop_all_but(&folder, present)?;
    }
    for (plan, compiled) in plans {
        let Some(origin) = origin_of(plan) else { continue };
        let place = place_of(&folder, &plan.path);
        let bytes = postcard::to_stdvec(compiled).doing("keeping a parsed plan", &place)?;
        let digest = Digest::of(&bytes);
        folder.write_whole(&place, &[origin.as_bytes(), digest.as_bytes(), &bytes])?;
    }
    Ok(())
}

fn drop_all_but(folder: &OrchFolder, present: &[Source]) -> Result<()> {
    let present: BTreeSet<PathBuf> =
        present.iter().map(|plan| place_of(folder, &plan.path)).collect();
    for name in folder::names_in(&folder.join(FOLDER))? {
        let place = folder.join(FOLDER).join(name);
        if !present.contains(&place) {
            fs::remove_file(&place).doing("dropping what was kept of a plan", &place)?;
        }
    }
    Ok(())
}

fn place_of(folder: &OrchFolder, path: &RelPath) -> PathBuf {
    folder.join(FOLDER).join(Digest::of(path.as_str().as_bytes()).short())
}

/// Of what the kept bytes were made: the text by name, and the program, which decides what they mean.
fn origin_of(plan: &Source) -> Option<Digest> {
    let mut print = Fingerprint::new("orch compiled plan v1");
    print.section("plan");
    print.entry(plan.path.as_str(), plan.text.as_bytes());
    print.section("orch");
    print.entry("program", &this_program()?);
    Some(print.finish())
}

/// Tells one build of orch from another: what is built in decides, too.
pub fn this_program() -> Option<Vec<u8>> {
    let meta = fs::metadata(std::env::current_exe().ok()?).ok()?;
    let parts = [meta.ino() as i64, meta.size() as i64, meta.mtime(), meta.mtime_nsec()];
    Some(parts.iter().flat_map(|part| part.to_le_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn plan(text: &str) -> Source {
        let filling = format!("# {}\n", "x".repeat(FROM_BYTES));
        Source::new(RelPath::new("plans/p.yaml").unwrap(), format!("{filling}{text}"))
    }

    fn compiled(source: &Source) -> Compiled {
        let parsed = crate::spec::plan::parse(source);
        assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
        Compiled { plan: Arc::new(parsed.value), clean_for: Digest::of(b"known") }
    }

    const EVERYTHING: &str = "\
meta:
  name: P
  plan_doc: docs/p.md
  budget: { quota_ceiling_usd: 12.5, max_quota_percent: 33.3 }
  model_escalation: { enabled: true }
  validation: { enabled: true, run_after: [coder], validators: [validator] }
  smoke: { run: [make, smoke], timeout: 5m }
  mystery: [1, two]
sections:
- id: s
  name: S
  tasks:
  - id: '1.10'
    name: A
    status: completed
    completed_at: 2026-01-02
    attempts: 3
    run: cargo test
    inputs: ['src/**', '!src/old']
    outputs: [out]
    validators: [{ run: [cargo, test], name: tests }, { agent: validator }]
    proposals: { count: 3 }
    timeout: 90s
    odd: { a: b }
  - { id: b, name: B, run: ['true', x], depends_on: ['1.10'], parallel_group: g }
";

    #[test]
    fn every_kind_of_value_comes_back_for_the_same_text_only() {
        let root = tempfile::tempdir().unwrap();
        let source = plan(EVERYTHING);
        let kept = compiled(&source);
        keep(root.path(), &[(&source, kept.clone())], std::slice::from_ref(&source)).unwrap();
        let found = read(root.path(), std::slice::from_ref(&source));
        assert_eq!(found.into_values().collect::<Vec<_>>(), [kept]);
        let edited = plan(&EVERYTHING.replace("name: B", "name: C"));
        assert!(read(root.path(), &[edited]).is_empty());
    }

    #[test]
    fn nothing_is_kept_of_plans_that_are_gone() {
        let root = tempfile::tempdir().unwrap();
        let source = plan(EVERYTHING);
        let other = Source::new(RelPath::new("plans/q.yaml").unwrap(), source.text.clone());
        keep(root.path(), &[(&other, compiled(&other))], std::slice::from_ref(&other)).unwrap();
        keep(root.path(), &[], std::slice::from_ref(&source)).unwrap();
        assert_eq!(read(root.path(), std::slice::from_ref(&other)).len(), 1, "nothing was new");
        keep(root.path(), &[(&source, compiled(&source))], std::slice::from_ref(&source)).unwrap();
        assert!(read(root.path(), &[other]).is_empty());
        assert_eq!(read(root.path(), &[source]).len(), 1);
    }

    #[test]
    fn damage_is_as_if_nothing_were_kept() {
        let root = tempfile::tempdir().unwrap();
        let source = plan(EVERYTHING);
        keep(root.path(), &[(&source, compiled(&source))], &[]).unwrap();
        let file = place_of(&OrchFolder::below(root.path(), Access::ReadOnly), &source.path);
        let whole = std::fs::read(&file).unwrap();
        for at in [0, 40, 64, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, damaged).unwrap();
            assert!(read(root.path(), std::slice::from_ref(&source)).is_empty(), "byte {at}");
        }
        std::fs::write(&file, &whole[..20]).unwrap();
        assert!(read(root.path(), &[source]).is_empty());
    }
}
