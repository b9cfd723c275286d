//! Plans so large that they are kept parsed: what is kept changes how long a build takes, and nothing
//! else.

use std::fmt::Write as _;

use crate::support::Space;

/// Tasks that copy a file each, the first of them by an agent of the project where `agent` is given.
fn plan(agent: Option<&str>) -> String {
    let mut text =
        "meta: { name: Large, order: free }\nsections:\n- id: s\n  name: All\n  tasks:\n"
            .to_owned();
    for at in 0..300 {
        let kind = match agent.filter(|_| at == 0) {
            Some(agent) => format!("agent: {agent}\n    description: Say something."),
            None => format!(
                "run: [sh, -c, 'mkdir -p out && cp in/{at} out/{at}']\n    inputs: [in/{at}]"
            ),
        };
        let status = if at == 0 && agent.is_some() { "pending" } else { "completed" };
        let _ =
            write!(text, "  - id: t{at}\n    name: Task {at}\n    status: {status}\n    {kind}\n");
    }
    text
}

fn space(agent: Option<&str>) -> Space {
    let space = Space::new(&[("README", "\n"), ("plans/large.yaml", &plan(agent))]);
    (0..300).for_each(|at| space.write(&format!("in/{at}"), &format!("{at}\n")));
    space.write("agents/helper.md", "---\nname: helper\ntools: [Read, Edit, Write]\n---\nHelp.\n");
    space.write("orch.yaml", "agents_dir: agents\n");
    space.commit("inputs");
    space
}

fn kept(space: &Space) -> usize {
    std::fs::read_dir(space.root().join(".orch/plans-v1")).map_or(0, Iterator::count)
}

#[test]
fn a_kept_plan_builds_as_one_that_is_read_anew() {
    let space = space(None);
    space.build(&[], 0).has(&[("up_to_date", 300), ("ran", 0)]);
    assert_eq!(kept(&space), 1);
    space.write("in/7", "another\n");
    let status = |space: &Space| space.orch(&["status", "--format", "json"]).exits(0).stdout;
    let with = status(&space);
    space.build(&[], 0).has(&[("up_to_date", 299), ("ran", 1)]);
    assert_eq!(space.read("out/7"), "another\n");
    let text = space.read("plans/large.yaml");
    assert_eq!(text.matches("completed_at").count(), 1, "only its own lines were written");
    // The text is another by its status line, and is kept anew by the build that reads it.
    space.build(&[], 0).has(&[("up_to_date", 300), ("ran", 0)]);
    space.replace("plans/large.yaml", "in/9 out/9", "in/9 out/nine");
    space.build(&[], 0).has(&[("up_to_date", 299), ("ran", 1)]);
    assert_eq!(space.read("out/nine"), "9\n");
    assert!(with.contains("\"large//t7\""), "{with}");
}

#[test]
fn damage_to_what_is_kept_only_costs_time() {
    let space = space(None);
    space.build(&[], 0).has(&[("up_to_date", 300)]);
    let folder = space.root().join(".orch/plans-v1");
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(&file, bytes).unwrap();
    }
    space.write("in/7", "another\n");
    space.build(&[], 0).has(&[("up_to_date", 299), ("ran", 1)]);
}

#[test]
fn a_kept_plan_is_checked_again_where_its_agents_are_others() {
    let space = space(Some("helper"));
    space.build(&["large//t1"], 0).has(&[("up_to_date", 1)]);
    assert_eq!(kept(&space), 1, "nothing is wrong with it");
    std::fs::remove_file(space.root().join("agents/helper.md")).unwrap();
    space.orch(&["build"]).exits(2).complains(&["plan::unknown-agent", "helper"]);
}

#[test]
fn the_last_landing_takes_the_lines_of_a_very_large_plan_along() {
    let space = space(None);
    let text = space.read("plans/large.yaml");
    space.write("plans/large.yaml", &format!("{}{text}", "# filling\n".repeat(30_000)));
    space.commit("larger");
    space.build(&[], 0).has(&[("up_to_date", 300)]);
    space.write("in/7", "another\n");
    space.write("in/8", "another\n");
    space.commit("inputs again");
    space.build(&["-j", "1"], 0).has(&[("ran", 2)]);
    let subjects = space.subjects();
    let newest: Vec<&str> = subjects.iter().take(3).map(String::as_str).collect();
    assert_eq!(newest, ["large//t8: Task 8", "large//t7: Task 7", "inputs again"]);
    assert_eq!(space.read("plans/large.yaml").matches("completed_at").count(), 2);
    assert_eq!(space.git(&["status", "--porcelain"]), "");
}
