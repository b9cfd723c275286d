//! Items among each other: names that mean none or several, circles, and what can never be waited for.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;

use super::agent::stem;
use super::item::name::{meant_by, parts_of};
use super::item::{Item, Need, Standing};
use super::text::nearest;

/// An item that is looked at, with its file.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    pub source: &'a Source,
    pub item: &'a Item,
}

/// All items there are.
#[derive(Clone, Copy, Debug)]
pub struct Backlog<'a> {
    pub active: &'a [Listed<'a>],
    /// Stems of those that are done: in an archive.
    pub archived: &'a BTreeSet<String>,
    /// Stems of those that were laid aside: in `on-hold/`.
    pub on_hold: &'a BTreeSet<String>,
}

impl<'a> Listed<'a> {
    pub fn stem(&self) -> &'a str {
        stem(self.source.path.file_name())
    }
}

/// What an entry of the dependencies means.
#[derive(Clone, Debug)]
pub enum Meaning<'a> {
    /// Of the active ones, by its place.
    Active(usize),
    Archived,
    OnHold,
    Several(Vec<&'a str>),
    Nothing,
}

/// Everything that is wrong between items; each finding names its file.
pub fn check(backlog: &Backlog<'_>) -> Vec<Diagnostic> {
    let mut found = same_names(backlog);
    for listed in backlog.active {
        for need in &listed.item.needs {
            let problem = backlog.problem_of(need, &backlog.meaning_of(&need.name));
            found.extend(problem.map(|it| it.in_file(&listed.source.path)));
        }
    }
    for group in backlog.circles() {
        found.extend(backlog.circle(&group));
    }
    found
}

impl<'a> Backlog<'a> {
    /// Active items that wait for each other, by their places.
    pub fn circles(&self) -> Vec<Vec<usize>> {
        let mut waits: DiGraph<(), (), usize> = DiGraph::default();
        for _ in self.active {
            waits.add_node(());
        }
        for (at, listed) in self.active.iter().enumerate() {
            for need in &listed.item.needs {
                if let Meaning::Active(to) = self.meaning_of(&need.name) {
                    waits.update_edge(NodeIndex::new(at), NodeIndex::new(to), ());
                }
            }
        }
        let is_circle = |group: &Vec<NodeIndex<usize>>| {
            group.len() > 1 || waits.contains_edge(group[0], group[0])
        };
        let groups = kosaraju_scc(&waits).into_iter().filter(is_circle);
        let places = |group: Vec<NodeIndex<usize>>| {
            let mut places: Vec<usize> = group.into_iter().map(NodeIndex::index).collect();
            places.sort_unstable();
            places
        };
        groups.map(places).collect()
    }

    /// What a written name means.
    pub fn meaning_of(&self, name: &str) -> Meaning<'a> {
        let active = meant_by(name, self.active.iter().map(Listed::stem));
        match active[..] {
            [one] => {
                let place = self.active.iter().position(|it| it.stem() == one);
                return place.map_or(Meaning::Nothing, Meaning::Active);
            }
            [_, _, ..] => return Meaning::Several(active),
            [] => {}
        }
        if !meant_by(name, self.archived.iter().map(String::as_str)).is_empty() {
            return Meaning::Archived;
        }
        match meant_by(name, self.on_hold.iter().map(String::as_str)).first() {
            Some(_) => Meaning::OnHold,
            None => Meaning::Nothing,
        }
    }

    fn problem_of(&self, need: &Need, meaning: &Meaning<'_>) -> Option<Diagnostic> {
        let name = &need.name;
        let never = |why: &str| {
            Diagnostic::warning("item::never-done", format!("it waits for `{name}`, which {why}"))
                .label(need.span.clone(), "nothing is started before that is done")
                .help("take the dependency out, or open that item again")
        };
        match meaning {
            Meaning::Archived => None,
            Meaning::OnHold => Some(never("is on hold")),
            Meaning::Active(at) => match self.active[*at].item.standing {
                Standing::OnHold => Some(never("is on hold")),
                Standing::Failed => Some(never("has failed")),
                Standing::Dropped => Some(never("is closed without being done")),
                Standing::Open | Standing::Done | Standing::Unclear => None,
            },
            Meaning::Several(stems) => Some(several(need, stems)),
            Meaning::Nothing => Some(self.unknown(need)),
        }
    }

    fn unknown(&self, need: &Need) -> Diagnostic {
        let stems =
            || self.active.iter().map(Listed::stem).chain(self.archived.iter().map(String::as_str));
        let slugs: BTreeMap<&str, &str> = stems().map(|stem| (parts_of(stem).slug, stem)).collect();
        let by_slug = nearest(parts_of(&need.name).slug, slugs.keys().copied());
        let guess = nearest(&need.name, stems()).or_else(|| slugs.get(by_slug?).copied());
        let help = match guess {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => "correct the name, or take the entry out".to_owned(),
        };
        Diagnostic::warning("item::unknown-dependency", format!("there is no item `{}`", need.name))
            .label(need.span.clone(), "nothing is started before it is there and done")
            .help(help)
    }

    /// Each of them is told, with the entry that closes the circle there.
    fn circle(&self, group: &[usize]) -> Vec<Diagnostic> {
        let names: Vec<String> =
            group.iter().take(8).map(|at| format!("`{}`", self.active[*at].stem())).collect();
        let message = match group {
            [one] => format!("`{}` waits for itself", self.active[*one].stem()),
            _ => format!("items wait for each other: {}", names.join(", ")),
        };
        let one = |at: &usize| {
            let listed = self.active[*at];
            let closes = |need: &&Need| matches!(self.meaning_of(&need.name), Meaning::Active(to) if group.contains(&to));
            let need = listed.item.needs.iter().find(closes)?;
            let finding = Diagnostic::error("item::cycle", message.clone())
                .label(need.span.clone(), "this closes the circle")
                .help("none of them can ever start: take one of these dependencies out");
            Some(finding.in_file(&listed.source.path))
        };
        group.iter().filter_map(one).collect()
    }
}

fn several(need: &Need, stems: &[&str]) -> Diagnostic {
    let named: Vec<String> = stems.iter().map(|stem| format!("`{stem}`")).collect();
    Diagnostic::warning(
        "item::ambiguous-dependency",
        format!("`{}` may be one of several items", need.name),
    )
    .label(need.span.clone(), format!("{} are called so", named.join(", ")))
    .help("write the whole name of the file")
}

/// Two files of one stem, in folders of two kinds: nobody can name one of them.
fn same_names(backlog: &Backlog<'_>) -> Vec<Diagnostic> {
    let mut by_stem: BTreeMap<&str, Listed<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for listed in backlog.active {
        if let Some(first) = by_stem.insert(listed.stem(), *listed) {
            let message =
                format!("`{}` is called as `{}` is", listed.source.path, first.source.path);
            let finding = Diagnostic::error("item::same-name", message)
                .label(0..0, "the name of a file is the item's, whatever its folder")
                .help("rename one of them");
            found.push(finding.in_file(&listed.source.path));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::RelPath;
    use crate::spec::item::parse;
    use insta::assert_snapshot;

    /// Findings on items `folder/stem: dependency, ...`; a status may stand in brackets.
    fn check(items: &[&str]) -> String {
        let texts: Vec<(Source, Item)> = items
            .iter()
            .map(|line| {
                let (name, needs) = line.split_once(':').unwrap_or((line, ""));
                let (name, status) = name.split_once('[').unwrap_or((name, "Open]"));
                let entries: String = needs.split(',').map(|it| format!("- {}\n", it.trim())).collect();
                let text = format!("# X\n\n## Status: {}\n\n## Expected Behavior\n\nWorks.\n\n## Dependencies\n\n{entries}", status.trim_end_matches(']'));
                let path = RelPath::new(format!("docs/{}.md", name.trim())).unwrap();
                let source = Source::new(path, text);
                let item = parse(&source).value;
                (source, item)
            })
            .collect();
        let active: Vec<Listed<'_>> =
            texts.iter().map(|(source, item)| Listed { source, item }).collect();
        let backlog = Backlog {
            active: &active,
            archived: &["00-old".to_owned()].into(),
            on_hold: &["7-later".to_owned()].into(),
        };
        let told = super::check(&backlog).into_iter().map(|it| {
            let file = it.file.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{file}: {} {}; {}", it.code, it.message, it.help.unwrap_or_default())
        });
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_there_or_archived_can_be_waited_for() {
        assert_eq!(check(&["d/1-a", "d/02-b: 01-a.md (completed), old", "f/c: b, #2"]), "");
    }

    #[test]
    fn names_that_mean_nothing_come_with_a_guess() {
        assert_snapshot!(check(&["d/1-login", "d/2-b: 1-logni", "d/3-c: something-else"]), @"
        docs/d/2-b.md: item::unknown-dependency there is no item `1-logni`; did you mean `1-login`?
        docs/d/3-c.md: item::unknown-dependency there is no item `something-else`; correct the name, or take the entry out
        ");
    }

    #[test]
    fn what_never_gets_done_is_told() {
        assert_snapshot!(check(&["d/1-a[On hold]", "d/2-b[Failed]", "d/3-c[Closed]", "f/4-d: 1-a, 2-b, 3-c, 7-later"]), @"
        docs/f/4-d.md: item::never-done it waits for `1-a`, which is on hold; take the dependency out, or open that item again
        docs/f/4-d.md: item::never-done it waits for `2-b`, which has failed; take the dependency out, or open that item again
        docs/f/4-d.md: item::never-done it waits for `3-c`, which is closed without being done; take the dependency out, or open that item again
        docs/f/4-d.md: item::never-done it waits for `7-later`, which is on hold; take the dependency out, or open that item again
        ");
    }

    #[test]
    fn circles_and_double_names_are_errors() {
        assert_snapshot!(check(&["d/1-a: 2-b", "d/2-b: 1-a", "f/3-c: 3-c", "f/1-a"]), @"
        docs/f/1-a.md: item::same-name `docs/f/1-a.md` is called as `docs/d/1-a.md` is; rename one of them
        docs/d/2-b.md: item::ambiguous-dependency `1-a` may be one of several items; write the whole name of the file
        docs/f/3-c.md: item::cycle `3-c` waits for itself; none of them can ever start: take one of these dependencies out
        ");
        assert_snapshot!(check(&["d/1-a: 2-b", "d/2-b: 1-a", "d/3-c: 1-a"]), @"
        docs/d/1-a.md: item::cycle items wait for each other: `1-a`, `2-b`; none of them can ever start: take one of these dependencies out
        docs/d/2-b.md: item::cycle items wait for each other: `1-a`, `2-b`; none of them can ever start: take one of these dependencies out
        ");
        assert_snapshot!(check(&["d/1-x", "d/2-x", "d/3-c: x"]), @"docs/d/3-c.md: item::ambiguous-dependency `x` may be one of several items; write the whole name of the file");
    }
}
