//! Which documents a build that stays may build from: those without errors, and of the others what
//! was last right.

use std::collections::BTreeSet;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::RelPath;
use crate::base::source::Source;
use crate::engine::event::{Documents, Frozen};
use crate::spec::config::Config;

/// What must not be built from because of these errors. A plan stands for itself; anything else may
/// be read by every task.
pub fn frozen_by(errors: &[Diagnostic], config: &Config) -> Frozen {
    let plan_of = |error: &Diagnostic| error.file.clone().filter(|path| is_plan(path, config));
    match errors.iter().find(|error| plan_of(error).is_none()) {
        None if errors.is_empty() => Frozen::Nothing,
        None => Frozen::Plans(errors.iter().filter_map(plan_of).collect()),
        Some(error) => Frozen::Everything(match &error.file {
            Some(path) => format!("{path} has errors"),
            None => error.message.clone(),
        }),
    }
}

/// Puts what was last right in the place of what is frozen.
pub fn mix(read: &mut Documents, before: &Documents) {
    match &read.frozen {
        Frozen::Nothing => {}
        Frozen::Everything(_) => {
            let frozen = std::mem::take(&mut read.frozen);
            *read = Documents { frozen, ..before.clone() };
        }
        Frozen::Plans(paths) => read.plans = plans_without(&read.plans, &before.plans, paths),
    }
}

fn plans_without(read: &[Source], before: &[Source], faulty: &BTreeSet<RelPath>) -> Vec<Source> {
    let right = read.iter().filter(|source| !faulty.contains(&source.path));
    let earlier = before.iter().filter(|source| faulty.contains(&source.path));
    let mut plans: Vec<Source> = right.chain(earlier).cloned().collect();
    plans.sort_by(|one, other| one.path.cmp(&other.path));
    plans
}

fn is_plan(path: &RelPath, config: &Config) -> bool {
    let within = |folder: &String| path.is_within(folder.trim_end_matches('/'));
    config.plans_dirs.iter().any(within)
        && ![&config.agents_dir, &config.rules_dir].into_iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn error_in(file: &str) -> Diagnostic {
        Diagnostic::error("test::wrong", "wrong").in_file(&path(file))
    }

    #[test]
    fn a_wrong_plan_stands_for_itself_and_anything_else_for_all() {
        let check = |files: &[&str]| {
            let errors: Vec<Diagnostic> = files.iter().map(|it| error_in(it)).collect();
            frozen_by(&errors, &Config::default())
        };
        assert_eq!(check(&[]), Frozen::Nothing);
        let plans = ["plans/a.yaml", "plans/b.yaml"];
        assert_eq!(check(&plans), Frozen::Plans(plans.map(path).into()));
        let everything = Frozen::Everything("orch.yaml has errors".to_owned());
        assert_eq!(check(&["plans/a.yaml", "orch.yaml"]), everything);
    }

    #[test]
    fn a_wrong_plan_keeps_its_last_right_text_or_is_left_out() {
        let texts = |of: &[(&str, &str)]| Documents {
            plans: of.iter().map(|(name, text)| Source::new(path(name), *text)).collect(),
            ..Documents::default()
        };
        let before = texts(&[("plans/a.yaml", "old a"), ("plans/b.yaml", "old b")]);
        let mut read =
            texts(&[("plans/a.yaml", "new a"), ("plans/b.yaml", "b"), ("plans/c.yaml", "c")]);
        let wrong: BTreeSet<RelPath> = ["plans/b.yaml", "plans/c.yaml"].map(path).into();
        read.frozen = Frozen::Plans(wrong);
        mix(&mut read, &before);
        assert_eq!(
            read.plans,
            texts(&[("plans/a.yaml", "new a"), ("plans/b.yaml", "old b")]).plans
        );
    }
}
