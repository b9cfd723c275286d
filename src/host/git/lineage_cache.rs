//! The lineage on disk: interned paths and raw digests in postcard behind a checksum.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::file::{FileChange, FileKind, FileState};
use crate::base::measure::Usd;
use crate::base::name::{
    ActionKey, CommitId, ModelName, OutputDigest, RecipeDigest, RelPath, SessionId, TaskRef,
    ValidatorName, VerdictKey,
};
use crate::engine::record::lineage::{Landing, Lineage, Receipt, VerdictMark};
use crate::engine::report::ReportMark;
use crate::host::error::{Doing, Result};
use crate::host::store::aside;

const MAGIC: &[u8] = b"orch lineage v4\n";

/// Everything refers to the tables by position: a text or digest is stored once.
#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    tip: Option<u32>,
    #[serde(borrow)]
    texts: Vec<&'a str>,
    /// 32 bytes each.
    #[serde(borrow)]
    digests: &'a [u8],
    landings: Vec<PackedLanding>,
    receipts: Vec<PackedReceipt>,
}

#[derive(Serialize, Deserialize)]
struct PackedLanding {
    result: PackedReceipt,
    session: Option<u32>,
    model: Option<u32>,
    cost: i64,
    changes: Vec<(u32, State, State)>,
}

#[derive(Serialize, Deserialize)]
struct PackedReceipt {
    order: u32,
    commit: u32,
    plan: u32,
    task: u32,
    action: u32,
    recipe: Option<u32>,
    output: u32,
    report: Option<(u32, bool)>,
    verdicts: Vec<(u32, bool, u32)>,
}

type State = Option<(u32, FileKind)>;

/// The cached lineage; `None` where there is none or it is damaged.
pub(super) fn load(file: &Path) -> Option<Lineage> {
    let bytes = std::fs::read(file).ok()?;
    let rest = bytes.strip_prefix(MAGIC)?;
    let (sum, payload) = rest.split_at_checked(32)?;
    if Digest::of(payload).as_bytes() != sum {
        return None;
    }
    unpack(&postcard::from_bytes(payload).ok()?)
}

/// Replaces the cache file in one step.
pub(super) fn save(file: &Path, lineage: &Lineage) -> Result<()> {
    let doing = "writing the lineage cache";
    let payload = pack(lineage).doing(doing, file)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(Digest::of(&payload).as_bytes());
    bytes.extend_from_slice(&payload);
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).doing(doing, file)?;
    let root = folder.parent().unwrap_or(folder);
    aside::replace(root, file, &bytes).doing(doing, file)
}

#[derive(Default)]
struct Tables<'a> {
    texts: Vec<&'a str>,
    text_at: HashMap<&'a str, u32>,
    digests: Vec<u8>,
    digest_at: HashMap<Digest, u32>,
}

impl<'a> Tables<'a> {
    fn text(&mut self, text: &'a str) -> u32 {
        let next = self.texts.len() as u32;
        let at = *self.text_at.entry(text).or_insert(next);
        if at == next {
            self.texts.push(text);
        }
        at
    }

    fn digest(&mut self, digest: Digest) -> u32 {
        let next = (self.digests.len() / 32) as u32;
        let at = *self.digest_at.entry(digest).or_insert(next);
        if at == next {
            self.digests.extend_from_slice(digest.as_bytes());
        }
        at
    }

    fn state(&mut self, state: Option<FileState>) -> State {
        state.map(|state| (self.digest(state.digest), state.kind))
    }

    fn result(&mut self, common: Common<'a>) -> PackedReceipt {
        let verdicts = common.verdicts.iter();
        let verdicts = verdicts
            .map(|mark| (self.text(mark.validator.as_str()), mark.warned, self.digest(mark.key.0)));
        let verdicts = verdicts.collect();
        PackedReceipt {
            order: common.order,
            commit: self.text(common.commit.as_str()),
            plan: self.text(common.task.plan.as_str()),
            task: self.text(common.task.task.as_str()),
            action: self.digest(common.action.0),
            recipe: common.recipe.map(|it| self.digest(it.0)),
            output: self.digest(common.output.0),
            report: common.report.map(|it| (self.digest(it.digest), it.is_fail)),
            verdicts,
        }
    }

    fn landing(&mut self, landing: &'a Landing) -> PackedLanding {
        let Landing { order, commit, task, action, recipe, output, report, verdicts, .. } = landing;
        let (order, action, recipe, output) = (*order, *action, *recipe, *output);
        let report = *report;
        let common = Common { order, commit, task, action, recipe, output, report, verdicts };
        let changes = landing.changes.iter();
        PackedLanding {
            result: self.result(common),
            session: landing.session.as_ref().map(|id| self.text(id.as_str())),
            model: landing.model.as_ref().map(|name| self.text(name.as_str())),
            cost: landing.cost.nanos(),
            changes: changes
                .map(|c| (self.text(c.path.as_str()), self.state(c.before), self.state(c.after)))
                .collect(),
        }
    }
}

/// What landings and receipts have in common.
struct Common<'a> {
    order: u32,
    commit: &'a CommitId,
    task: &'a TaskRef,
    action: ActionKey,
    recipe: Option<RecipeDigest>,
    output: OutputDigest,
    report: Option<ReportMark>,
    verdicts: &'a [VerdictMark],
}

fn pack(lineage: &Lineage) -> postcard::Result<Vec<u8>> {
    let mut tables = Tables::default();
    let tip = lineage.tip.as_ref().map(|tip| tables.text(tip.as_str()));
    let landings = lineage.landings.iter().map(|landing| tables.landing(landing)).collect();
    let receipts = lineage.receipts.iter();
    let receipts = receipts.map(|receipt| {
        let Receipt { order, commit, task, action, recipe, output, report, verdicts } = receipt;
        let (order, action, recipe, output) = (*order, *action, *recipe, *output);
        let report = *report;
        tables.result(Common { order, commit, task, action, recipe, output, report, verdicts })
    });
    let receipts = receipts.collect();
    let digests = tables.digests.as_slice();
    postcard::to_stdvec(&Packed { tip, texts: tables.texts, digests, landings, receipts })
}

/// The tables of a file that is being read; texts become names once.
struct Unpacking<'a> {
    packed: &'a Packed<'a>,
    paths: Vec<Option<RelPath>>,
}

fn unpack(packed: &Packed<'_>) -> Option<Lineage> {
    let paths = vec![None; packed.texts.len()];
    let mut from = Unpacking { packed, paths };
    let tip = match packed.tip {
        Some(at) => Some(CommitId::new(from.text(at)?)),
        None => None,
    };
    let landings =
        packed.landings.iter().map(|landing| from.landing(landing)).collect::<Option<_>>()?;
    let receipts =
        packed.receipts.iter().map(|receipt| from.receipt(receipt)).collect::<Option<_>>()?;
    Some(Lineage { tip, landings, receipts })
}

impl Unpacking<'_> {
    fn text(&self, at: u32) -> Option<&str> {
        self.packed.texts.get(at as usize).copied()
    }

    fn digest(&self, at: u32) -> Option<Digest> {
        let from = (at as usize).checked_mul(32)?;
        let bytes = self.packed.digests.get(from..from + 32)?;
        Some(Digest::from_bytes(bytes.try_into().ok()?))
    }

    fn path(&mut self, at: u32) -> Option<RelPath> {
        if let Some(Some(path)) = self.paths.get(at as usize) {
            return Some(path.clone());
        }
        let path = RelPath::new(self.text(at)?)?;
        self.paths[at as usize] = Some(path.clone());
        Some(path)
    }

    fn state(&self, state: State) -> Option<Option<FileState>> {
        match state {
            Some((at, kind)) => Some(Some(FileState { digest: self.digest(at)?, kind })),
            None => Some(None),
        }
    }

    fn receipt(&self, packed: &PackedReceipt) -> Option<Receipt> {
        let verdicts = packed.verdicts.iter().map(|(validator, warned, key)| {
            Some(VerdictMark {
                validator: ValidatorName::new(self.text(*validator)?),
                warned: *warned,
                key: VerdictKey(self.digest(*key)?),
            })
        });
        let recipe = packed.recipe.map(|at| self.digest(at).map(RecipeDigest));
        let report = packed
            .report
            .map(|(at, is_fail)| self.digest(at).map(|digest| ReportMark { digest, is_fail }));
        Some(Receipt {
            order: packed.order,
            commit: CommitId::new(self.text(packed.commit)?),
            task: TaskRef::new(self.text(packed.plan)?, self.text(packed.task)?),
            action: ActionKey(self.digest(packed.action)?),
            recipe: recipe.map_or(Some(None), |found| found.map(Some))?,
            output: OutputDigest(self.digest(packed.output)?),
            report: report.map_or(Some(None), |found| found.map(Some))?,
            verdicts: verdicts.collect::<Option<_>>()?,
        })
    }

    fn landing(&mut self, packed: &PackedLanding) -> Option<Landing> {
        let Receipt { order, commit, task, action, recipe, output, report, verdicts } =
            self.receipt(&packed.result)?;
        let session = packed.session.map(|at| self.text(at).map(SessionId::new));
        let model = packed.model.map(|at| self.text(at).map(ModelName::new));
        let mut changes = Vec::with_capacity(packed.changes.len());
        for (path, before, after) in &packed.changes {
            let (before, after) = (self.state(*before)?, self.state(*after)?);
            changes.push(FileChange { path: self.path(*path)?, before, after });
        }
        Some(Landing {
            order,
            commit,
            task,
            action,
            recipe,
            output,
            report,
            session: session.map_or(Some(None), |found| found.map(Some))?,
            model: model.map_or(Some(None), |found| found.map(Some))?,
            cost: Usd::from_nanos(packed.cost),
            verdicts,
            changes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(count: u32) -> Lineage {
        let landing = |n: u32| Landing {
            order: n,
            commit: CommitId::new(format!("{n:040x}")),
            task: TaskRef::new("demo", n.to_string()),
            action: ActionKey(Digest::of(&n.to_le_bytes())),
            recipe: n.is_multiple_of(3).then(|| RecipeDigest(Digest::of(b"recipe"))),
            output: OutputDigest(Digest::of(b"output")),
            report: Some(ReportMark { digest: Digest::of(b"report"), is_fail: true }),
            session: n.is_multiple_of(2).then(|| SessionId::new(format!("session {n}"))),
            model: Some(ModelName::new("sonnet")),
            cost: Usd::from_nanos(i64::from(n)),
            verdicts: Vec::new(),
            changes: (0..3)
                .map(|k| FileChange {
                    path: RelPath::new(format!("src/{}/{k}.rs", n % 500)).unwrap(),
                    before: (!n.is_multiple_of(3)).then(|| FileState::regular(&n.to_be_bytes())),
                    after: Some(FileState::regular(format!("{n} {k}").as_bytes())),
                })
                .collect(),
        };
        let receipt = Receipt {
            order: 7,
            commit: CommitId::new("00ff"),
            task: TaskRef::new("demo", "r"),
            action: ActionKey(Digest::of(b"r")),
            recipe: None,
            output: OutputDigest(Digest::of(b"none")),
            report: None,
            verdicts: vec![VerdictMark {
                validator: ValidatorName::new("tests"),
                warned: true,
                key: VerdictKey(Digest::of(b"v")),
            }],
        };
        let landings = (0..count).map(landing).collect();
        Lineage { tip: Some(CommitId::new("beef")), landings, receipts: vec![receipt] }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".orch/lineage-v1");
        save(&file, &lineage(50)).unwrap();
        assert_eq!(load(&file), Some(lineage(50)));
    }

    #[test]
    fn a_damaged_file_is_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lineage-v1");
        save(&file, &lineage(5)).unwrap();
        let whole = std::fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(load(&file), None, "byte {at}");
            std::fs::write(&file, &whole[..at]).unwrap();
            assert_eq!(load(&file), None, "cut at {at}");
        }
    }
}
