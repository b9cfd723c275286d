//! The kinds of items: rules of `kind: item`, in the order of their turn.

pub mod keys;

use std::collections::BTreeMap;

use crate::base::diagnostic::{Diagnostic, Parsed, Severity};
use crate::base::name::{RelPath, RuleName};
use crate::base::source::{Source, Span};
use crate::spec::agent::stem;
use crate::spec::plan::{CommandLine, command_line};
use crate::spec::yaml::{self, Codes, Fields, Node, Problems, codes};

use keys::KIND;

/// What `kind` says in a rule that is a kind of items.
pub const ITEM: &str = "item";
/// The stage that makes a plan.
pub const PLAN: &str = "plan";
/// The stage that is one task without a plan.
pub const WORK: &str = "work";
/// The stage in which a person says that a plan may be built.
pub const APPROVE: &str = "approve";
/// The stage that ends an item.
pub const ARCHIVE: &str = "archive";

/// Where items are that are not worked on, below a kind's folder.
pub const ON_HOLD: &str = "on-hold";
/// Where older tools put items that are done, below a kind's folder.
pub const COMPLETED: &str = "completed";

const CODES: Codes = Codes { typo: Severity::Error, ..codes!("rule") };
const TURN: i64 = 50;
const CYCLES: u32 = 3;
const DONE: &str = "Completed";

/// A kind of items.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    pub name: RuleName,
    /// Open items lie right in it; what is below it was laid aside.
    pub folder: RelPath,
    /// Where items go that are done.
    pub archive: RelPath,
    /// The lower, the earlier.
    pub turn: i64,
    pub stages: Vec<Stage>,
    /// The stage whose FAIL opens another cycle.
    pub reopens: Option<String>,
    pub cycles: u32,
    /// Items of at most so many characters are one task.
    pub light: Option<u32>,
    /// The status of one that is archived.
    pub done: String,
}

/// A stage of a kind's items.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    pub name: String,
    pub rule: RuleName,
    pub run: Option<CommandLine>,
}

impl Stage {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), rule: RuleName::new(format!("{name}-item")), run: None }
    }

    /// The one task of an item that goes without a plan.
    pub fn work() -> Self {
        Self { rule: RuleName::new("implement"), ..Self::named(WORK) }
    }
}

/// What one file says of a kind.
#[derive(Clone, Debug, Default)]
struct Draft {
    extends: Option<RuleName>,
    folder: Option<RelPath>,
    archive: Option<RelPath>,
    turn: Option<i64>,
    stages: Option<Vec<Stage>>,
    reopens: Option<String>,
    cycles: Option<u32>,
    light: Option<u32>,
    done: Option<String>,
}

/// True for a rule file that is a kind of items.
pub fn is_kind(source: &Source) -> bool {
    kind_in(&source.text) == Some(ITEM)
}

/// What a rule file says that it is, where it says so.
pub fn kind_in(text: &str) -> Option<&str> {
    let said = text.lines().find_map(|line| line.strip_prefix("kind:"))?;
    Some(said.split('#').next().unwrap_or_default().trim().trim_matches(['\'', '"']))
}

/// The kinds among rule files, by their turn; a later file of a name replaces an earlier one, or changes
/// parts of it with `extends`.
pub fn kinds_of(rules: &[Source]) -> Parsed<Vec<Kind>> {
    let mut known: BTreeMap<RuleName, Draft> = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for source in rules.iter().filter(|it| is_kind(it)) {
        let parsed = draft_in(source);
        diagnostics.extend(parsed.diagnostics);
        if let Some((name, draft)) = parsed.value {
            let base = draft.extends.as_ref().and_then(|it| known.get(it)).cloned();
            known.insert(name, draft.over(base.unwrap_or_default()));
        }
    }
    let mut kinds: Vec<Kind> =
        known.into_iter().filter_map(|(name, draft)| draft.into_kind(name)).collect();
    kinds.sort_by(|one, other| (one.turn, &one.name).cmp(&(other.turn, &other.name)));
    Parsed { value: kinds, diagnostics }
}

fn draft_in(source: &Source) -> Parsed<Option<(RuleName, Draft)>> {
    let problems = Problems::new(&source.path, &CODES);
    let parsed = yaml::parse(source);
    let fields = parsed.value.as_ref().and_then(|it| Fields::of(it, &KIND, &problems));
    let value = fields.map(|it| read(it, source));
    let mut diagnostics = parsed.diagnostics;
    diagnostics.extend(problems.into_found());
    Parsed { value, diagnostics }
}

/// What is wrong with one file of a kind.
#[cfg(test)]
pub(crate) fn found_in(source: &Source) -> Vec<Diagnostic> {
    draft_in(source).diagnostics
}

impl Draft {
    fn over(self, base: Self) -> Self {
        Self {
            extends: None,
            folder: self.folder.or(base.folder),
            archive: self.archive.or(base.archive),
            turn: self.turn.or(base.turn),
            stages: self.stages.or(base.stages),
            reopens: self.reopens.or(base.reopens),
            cycles: self.cycles.or(base.cycles),
            light: self.light.or(base.light),
            done: self.done.or(base.done),
        }
    }

    /// `None` where it names no folder: that is reported.
    fn into_kind(self, name: RuleName) -> Option<Kind> {
        let folder = self.folder?;
        let archive = self.archive.or_else(|| folder.join(COMPLETED))?;
        let stages = self.stages.unwrap_or_else(|| [PLAN, ARCHIVE].map(Stage::named).into());
        Some(Kind {
            name,
            archive,
            folder,
            turn: self.turn.unwrap_or(TURN),
            stages,
            reopens: self.reopens,
            cycles: self.cycles.unwrap_or(CYCLES),
            light: self.light,
            done: self.done.unwrap_or_else(|| DONE.to_owned()),
        })
    }
}

fn read(mut fields: Fields<'_, '_>, source: &Source) -> (RuleName, Draft) {
    let problems = fields.problems();
    let name = fields.text("rule").unwrap_or_else(|| stem(source.path.file_name()));
    let name = RuleName::new(name.trim());
    fields.text("kind");
    fields.text("describe");
    let extends = fields.text("extends").map(RuleName::new);
    let draft = Draft {
        folder: folder(&mut fields, "folder"),
        archive: folder(&mut fields, "archive"),
        turn: fields.integer("turn"),
        stages: fields.node("stages").map(|_| stages(fields.list("stages"), problems)),
        reopens: fields.text("reopens").map(str::to_owned),
        cycles: fields.count("cycles"),
        light: fields.count("light"),
        done: fields.text("done").map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()),
        extends,
    };
    if draft.folder.is_none() && draft.extends.is_none() {
        fields.missing("folder", "the folder that its open items lie in: `folder: docs/ideas`");
    }
    fields.rest();
    (name, draft)
}

fn folder(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<RelPath> {
    let text = fields.text(name)?;
    let path = RelPath::normalize(text);
    if let (None, Some(span)) = (&path, fields.span_of(name)) {
        fields.problems().report(outside(text, span));
    }
    path
}

fn outside(text: &str, span: Span) -> Diagnostic {
    Diagnostic::error("rule::bad-value", format!("`{text}` is no folder below the root"))
        .label(span, "this folder")
        .help("a path relative to the root of the repository, such as `docs/ideas`")
}

fn stages<'n>(nodes: &'n [Node<'_>], problems: &'n Problems<'n>) -> Vec<Stage> {
    let one = |node: &'n Node<'_>| match node.as_text() {
        Some(name) => Some(Stage::named(name.trim())),
        None => {
            let mut fields = Fields::of(node, &keys::STAGE, problems)?;
            let name = fields.required_text("name", "what the stage is called: `name: review`")?;
            let rule = fields.text("rule").map(RuleName::new);
            let run = command_line(&mut fields, "run");
            let by_command = run.as_ref().map(|_| RuleName::new("command"));
            fields.rest();
            let named = Stage::named(name.trim());
            Some(Stage { rule: rule.or(by_command).unwrap_or(named.rule.clone()), run, ..named })
        }
    };
    nodes.iter().filter_map(one).collect()
}

/// True for Markdown that is an item by its name alone: hidden files and what explains a folder are none.
pub fn is_item_name(name: &str) -> bool {
    let is_markdown =
        name.rsplit_once('.').is_some_and(|(stem, ending)| ending == "md" && !stem.is_empty());
    is_markdown && !name.starts_with('.') && !name.eq_ignore_ascii_case("readme.md")
}

/// The kind of an open item.
pub fn kind_of<'k>(kinds: &'k [Kind], path: &RelPath) -> Option<&'k Kind> {
    let is_of = |kind: &&Kind| path.parent() == Some(kind.folder.as_str());
    kinds.iter().find(is_of).filter(|_| is_item_name(path.file_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Vec<Kind> {
        let kinds = kinds_of(&crate::spec::builtin::rules());
        assert_eq!(kinds.diagnostics, []);
        kinds.value
    }

    #[test]
    fn only_what_lies_right_in_a_backlog_is_an_open_item() {
        let kinds = built_in();
        let check = |path: &str| {
            kind_of(&kinds, &RelPath::new(path).unwrap()).map(|it| it.name.as_str().to_owned())
        };
        assert_eq!(check("docs/defect-backlog/1-x.md").as_deref(), Some("defect"));
        assert_eq!(check("docs/feature-backlog/x.y.md").as_deref(), Some("feature"));
        assert_eq!(check("docs/analysis-backlog/x.md").as_deref(), Some("analysis"));
        for none in [
            "docs/defect-backlog/on-hold/1-x.md",
            "docs/defect-backlog/.1-x.md",
            "docs/defect-backlog/README.md",
            "docs/defect-backlog/1-x.txt",
            "docs/completed-backlog/defects/1-x.md",
            "1-x.md",
        ] {
            assert_eq!(check(none), None, "{none}");
        }
    }

    /// The kinds of rule files beside the built-in ones, and what is wrong with them.
    fn check(files: &[(&str, &str)]) -> String {
        let mut rules = crate::spec::builtin::rules();
        rules.extend(files.iter().map(|(name, text)| {
            Source::new(RelPath::new(format!("rules/{name}.yaml")).unwrap(), *text)
        }));
        let Parsed { value, diagnostics } = kinds_of(&rules);
        let shown = value.iter().map(|kind| {
            let stages: Vec<String> =
                kind.stages.iter().map(|it| format!("{}={}", it.name, it.rule)).collect();
            format!("{} {} -> {}: {}", kind.name, kind.folder, kind.archive, stages.join(" "))
        });
        let found = diagnostics.iter().map(|it| format!("{}: {}", it.code, it.message));
        shown.chain(found).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_project_adds_kinds_and_stages() {
        let idea = "kind: item\nrule: idea\nfolder: ./docs/ideas/\nstages:\n- plan\n- { name: review, rule: review }\n- { name: changes, run: [make, log] }\n- archive\n";
        let feature = "kind: item\nextends: feature\nstages: [plan, verify, archive]\n";
        insta::assert_snapshot!(check(&[("idea", idea), ("feature", feature)]), @r"
        defect docs/defect-backlog -> docs/completed-backlog/defects: plan=plan-item verify=verify-item archive=archive-item
        feature docs/feature-backlog -> docs/completed-backlog/features: plan=plan-item verify=verify-item archive=archive-item
        analysis docs/analysis-backlog -> docs/completed-backlog/analyses: analyze=analyze-item archive=archive-item
        idea docs/ideas -> docs/ideas/completed: plan=plan-item review=review changes=command archive=archive-item
        ");
    }

    #[test]
    fn what_is_wrong_with_a_kind_is_reported() {
        let wrong = "kind: item\nfolder: ../x\nstage: [plan]\n";
        insta::assert_snapshot!(check(&[("idea", wrong)]).lines().skip(3).collect::<Vec<_>>().join("\n"), @r"
        rule::bad-value: `../x` is no folder below the root
        rule::missing-key: kind of items without `folder`
        rule::unknown-key: kind of items has no key `stage`
        ");
    }
}
