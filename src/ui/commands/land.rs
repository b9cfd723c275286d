//! `orch land`: takes parked work onto the branch.

use crate::ui::args::LandArgs;
use crate::ui::exit::Exit;
use crate::ui::project::{Landed, Landing, Project};
use crate::ui::report::counted;
use crate::ui::shell::{Ran, Shell};
use crate::ui::text::{one_line, path_text};

pub fn run(args: &LandArgs, project: &mut dyn Project, shell: &mut Shell) -> Ran {
    let how = if args.dry_run { Landing::DryRun } else { Landing::Now };
    let landed = project.land(how)?;
    let text = match shell.is_json() {
        true => crate::ui::json::line_of(&landed),
        false => landed.tasks.iter().map(|task| format!("{task}\n")).collect(),
    };
    shell.data(&text)?;
    shell.urgent(&summary_of(&landed, how))?;
    Ok(if landed.refused.is_some() { Exit::Unfinished } else { Exit::Success })
}

fn summary_of(landed: &Landed, how: Landing) -> String {
    let mut count = counted(landed.tasks.len(), "landing");
    let with: Vec<String> =
        landed.with.iter().map(|path| format!("`{}`", path_text(path))).collect();
    if !with.is_empty() {
        count += &format!(" with your edits of {}", with.join(", "));
    }
    match (&landed.refused, how) {
        (Some(why), _) => format!("not landed: {}", one_line(why)),
        (None, _) if landed.tasks.is_empty() => "nothing is parked".to_owned(),
        (None, Landing::DryRun) => format!("{count} would go onto the branch"),
        (None, Landing::Now) => format!("{count} taken onto the branch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::TaskRef;

    #[test]
    fn a_refusal_is_never_read_as_success() {
        let check = |tasks: &[&str], refused: Option<&str>, how| {
            let tasks = tasks.iter().filter_map(|task| TaskRef::parse(task)).collect();
            let refused = refused.map(str::to_owned);
            summary_of(&Landed { tasks, with: Vec::new(), refused }, how)
        };
        assert_eq!(check(&[], None, Landing::Now), "nothing is parked");
        assert_eq!(check(&["a//1"], None, Landing::Now), "1 landing taken onto the branch");
        assert_eq!(check(&["a//1"], None, Landing::DryRun), "1 landing would go onto the branch");
        let refused = Some("a rebase is under way: finish it first");
        assert_eq!(
            check(&["a//1"], refused, Landing::Now),
            "not landed: a rebase is under way: finish it first"
        );
    }
}
