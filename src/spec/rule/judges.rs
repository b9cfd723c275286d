//! What a verdict rests on beside the result: files that count as they were before the task.

use strum::{EnumIter, EnumMessage};

use crate::base::diagnostic::Diagnostic;
use crate::spec::glob::GlobSet;
use crate::spec::yaml::Fields;

/// Files that decide what a validator's command says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Judges {
    /// Build files and settings of tests: they are judged by as they were before the task.
    pub files: GlobSet,
    /// Of structured files only what commands run.
    pub parts: Vec<JudgingPart>,
    /// Modules that tests load: a new file of such a name may stand in their way.
    pub modules: Vec<String>,
    /// Tests and what belongs to them: judged as they were, too.
    pub tests: GlobSet,
    pub frozen: Tests,
}

/// A key or a section of a structured file: `**/package.json#scripts`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JudgingPart {
    pub files: GlobSet,
    pub key: String,
}

/// What becomes of a result that only passes since it changed a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, EnumIter, EnumMessage)]
#[strum(serialize_all = "lowercase")]
pub enum Tests {
    /// It is WARN, and says which.
    #[default]
    Open,
    /// It is FAIL.
    Frozen,
}

/// What one file says; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JudgeParts {
    files: Option<GlobSet>,
    parts: Option<Vec<JudgingPart>>,
    modules: Option<Vec<String>>,
    tests: Option<GlobSet>,
    frozen: Option<Tests>,
}

impl JudgeParts {
    pub fn read(fields: &mut Fields<'_, '_>) -> Self {
        let frozen = fields.choice("tests");
        let Some(mut inner) = fields.fields("judges") else {
            return Self { frozen, ..Self::default() };
        };
        let read = Self {
            files: globs_of(&mut inner, "files"),
            parts: inner.node("parts").is_some().then(|| parts_of(&mut inner)),
            modules: inner.node("modules").is_some().then(|| texts_of(&mut inner, "modules")),
            tests: globs_of(&mut inner, "tests"),
            frozen,
        };
        inner.rest();
        read
    }

    pub fn over(self, parent: Self) -> Self {
        Self {
            files: self.files.or(parent.files),
            parts: self.parts.or(parent.parts),
            modules: self.modules.or(parent.modules),
            tests: self.tests.or(parent.tests),
            frozen: self.frozen.or(parent.frozen),
        }
    }

    pub fn into_judges(self) -> Judges {
        Judges {
            files: self.files.unwrap_or_default(),
            parts: self.parts.unwrap_or_default(),
            modules: self.modules.unwrap_or_default(),
            tests: self.tests.unwrap_or_default(),
            frozen: self.frozen.unwrap_or_default(),
        }
    }
}

/// `None` where the key is not written: an empty list is something else.
pub(super) fn globs_of(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<GlobSet> {
    fields.node(name)?;
    Some(fields.globs(name))
}

fn texts_of(fields: &mut Fields<'_, '_>, name: &'static str) -> Vec<String> {
    fields.texts(name).into_iter().map(|(text, _)| text.to_owned()).collect()
}

fn parts_of(fields: &mut Fields<'_, '_>) -> Vec<JudgingPart> {
    let mut parts = Vec::new();
    for (text, span) in fields.texts("parts") {
        let part = text
            .split_once('#')
            .filter(|(pattern, key)| !key.is_empty() && GlobSet::check_pattern(pattern).is_ok());
        match part {
            Some((pattern, key)) => {
                let (files, key) = (GlobSet::new([pattern]), key.to_owned());
                parts.push(JudgingPart { files, key });
            }
            None => fields.problems().report(
                Diagnostic::error("rule::bad-value", format!("`{text}` names no part of a file"))
                    .label(span, "a pattern, `#`, a key or section")
                    .help("such as `**/package.json#scripts`"),
            ),
        }
    }
    parts
}
