//! What is asked for makes work stale; how it is asked for does not, and is told beside it. Results of
//! an earlier form of keys stay what they are.

use std::process::Stdio;

use crate::support::Space;

const SETTINGS: &str = "session: { scripted: sessions.yaml }\n";

const PLAN: &str = "\
meta: { name: Demo, plan_doc: docs/design.md, order: free }
sections:
- id: s
  name: All
  tasks:
  - id: '1'
    name: First
    description: Write one.txt.
    inputs: [in.txt]
    validators: [{ name: there, run: test -e one.txt }]
  - id: '2'
    name: Second
    description: Write two.txt.
    depends_on: ['1']
";

const AGENT: &str = "---\nname: coder\ndescription: Writes.\ntools: Read, Write\n---\nYou write what is asked for.\n";

const SESSIONS: &str = "'1':\n- - write: { path: one.txt, content: one }\n'2':\n- - write: { path: two.txt, content: two }\n";

fn space() -> Space {
    Space::new(&[
        ("orch.yaml", SETTINGS),
        (".claude/agents/coder.md", AGENT),
        ("docs/design.md", "All of it.\n"),
        ("in.txt", "in\n"),
        ("plans/demo.yaml", PLAN),
        ("sessions.yaml", SESSIONS),
    ])
}

fn built() -> Space {
    let space = space();
    space.build(&[], 0).has(&[("sessions", 2)]);
    space
}

#[test]
fn how_it_is_asked_for_buys_nothing() {
    let space = built();
    let edits: [(&str, &str, &str); 7] = [
        ("plans/demo.yaml", "name: Demo", "name: Another title"),
        ("plans/demo.yaml", "  name: All", "  name: Everything"),
        ("plans/demo.yaml", "description: Write one.txt.", "description: |\n      Write one.txt."),
        ("plans/demo.yaml", "  - id: '2'", "  # a comment\n\n  - id: '2'"),
        ("orch.yaml", "session:", "test_command: make test\nsession:"),
        (".claude/agents/coder.md", "You write", "You carefully write"),
        (".claude/agents/coder.md", "description: Writes.", "description: Writes.\nmodel: opus"),
    ];
    for (file, old, new) in edits {
        space.replace(file, old, new);
        space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
    }
    space.git(&["add", "-A"]);
    space.git(&["mv", "plans/demo.yaml", "plans/moved.yaml"]);
    space.commit("moved");
    space.build(&[], 0).has(&[("sessions", 0)]);
}

#[test]
fn what_is_asked_for_does() {
    let check = |file: &str, old: &str, new: &str, sessions: u64| {
        let space = built();
        space.replace(file, old, new);
        space.build(&[], 0).has(&[("sessions", sessions)]);
    };
    // The second one's text comes out the same: what depends on it is not asked again.
    check("plans/demo.yaml", "Write one.txt.", "Write one.txt, at once.", 1);
    check("in.txt", "in", "other", 1);
    check("docs/design.md", "All", "Half", 2);
}

#[test]
fn another_recipe_is_told_and_taken_when_asked_for() {
    let space = built();
    space.replace(".claude/agents/coder.md", "what is asked for", "nothing but what is asked for");
    space.commit("another word");
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
    space.orch(&["status"]).exits(0).says(&["2 results made by another recipe"]);
    space.orch(&["why", "demo//1"]).exits(0).says(&["recipe   agent body", "nothing but"]);
    space.build(&["-n", "--recipe", "demo//1"], 0);
    space.build(&["--recipe", "demo//1"], 0).has(&[("ran", 1), ("sessions", 1)]);
    space.orch(&["status"]).exits(0).says(&["1 result made by another recipe"]);
    space.build(&["--recipe"], 0).has(&[("sessions", 1)]);
    space.build(&["--recipe"], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
}

#[test]
fn a_recipe_that_is_put_back_is_taken_from_the_cache() {
    let space = built();
    space.replace(".claude/agents/coder.md", "You write", "You hastily write");
    space.build(&["--recipe"], 0).has(&[("sessions", 2)]);
    space.replace(".claude/agents/coder.md", "You hastily write", "You write");
    space.build(&["--recipe"], 0).has(&[("sessions", 0), ("replayed", 2)]);
}

#[test]
fn where_work_hangs_on_its_recipe_another_one_makes_it_stale() {
    let space = space();
    space.write("orch.yaml", &format!("{SETTINGS}rebuild_on: [recipe]\n"));
    space.commit("hang on it");
    space.build(&[], 0).has(&[("sessions", 2)]);
    space.replace(".claude/agents/coder.md", "You write", "You carefully write");
    space.build(&[], 0).has(&[("sessions", 2)]);
}

/// Makes every commit say what versions with another form of keys wrote, and forgets all else.
fn rewrite(space: &Space, filter: &str) {
    let branch = ["filter-branch", "-f", "--msg-filter", filter, "HEAD"];
    let mut git = space.bare("git");
    git.args(branch).current_dir(space.root()).env("FILTER_BRANCH_SQUELCH_WARNING", "1");
    assert!(git.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    for name in ["refs/orch/tip/main", "refs/orch/seen/main", "refs/original/refs/heads/main"] {
        let _ =
            space.bare("git").args(["update-ref", "-d", name]).current_dir(space.root()).status();
    }
    std::fs::remove_dir_all(space.root().join(".orch")).unwrap();
}

const OLDER: &str = "sed -e 's/^Orch-Action: 2:..../Orch-Action: 0000/' -e '/^Orch-Recipe/d' \
                     -e 's/^\\(Orch-Verdict: .* \\)..../\\10000/'";

#[test]
fn results_of_an_earlier_form_of_keys_stay_valid() {
    let space = built();
    rewrite(&space, OLDER);
    space.orch(&["status"]).exits(0).says(&["2 up to date"]);
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
    // They are known by what was asked for then: an edit since makes them stale.
    space.replace("in.txt", "in", "other");
    space.build(&[], 0).has(&[("sessions", 1)]);
}

#[test]
fn what_was_edited_before_the_form_changed_is_stale_still() {
    let space = built();
    rewrite(&space, OLDER);
    space.replace("in.txt", "in", "other");
    space.commit("edited");
    space.build(&[], 0).has(&[("sessions", 1), ("up_to_date", 1)]);
    space.build(&[], 0).has(&[("sessions", 0), ("up_to_date", 2)]);
}

#[test]
fn a_later_form_of_keys_is_refused_by_name() {
    let space = built();
    rewrite(&space, "sed -e 's/^Orch-Action: 2:/Orch-Action: 3:/'");
    space.orch(&["build"]).exits(2).complains(&["form 3", "update orch"]);
    space.orch(&["status"]).exits(2).complains(&["form 3"]);
}

/// `n` tasks that wait for nobody, each with an input that is in all keys.
fn many(n: usize) -> Space {
    let tasks: String = (1..=n)
        .map(|at| {
            format!(
                "  - id: 't{at}'\n    name: Task {at}\n    description: Write {at}.\n    inputs: [in.txt]\n"
            )
        })
        .collect();
    let plan = format!(
        "meta: {{ name: Many, order: free }}\nsections:\n- id: s\n  name: A\n  tasks:\n{tasks}"
    );
    let sessions: String = (1..=n)
        .map(|at| format!("'t{at}':\n- - write: {{ path: {at}.txt, content: x }}\n"))
        .collect();
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("in.txt", "in\n"),
        ("plans/many.yaml", &plan),
        ("sessions.yaml", &sessions),
    ]);
    space.build(&[], 0).has(&[("sessions", n as u64)]);
    space
}

#[test]
fn much_finished_work_is_not_bought_again_without_a_word() {
    let space = many(7);
    space.write("in.txt", "other\n");
    let text = "\n  - id: 'new'\n    name: New\n    run: touch new.txt\n";
    space.write("plans/many.yaml", &format!("{}{text}", space.read("plans/many.yaml").trim_end()));
    space.commit("edited");
    let built = space.build(&["-k"], 1).has(&[("sessions", 0), ("held", 7), ("ran", 1)]);
    let printed = built.ran.shown();
    let said = "7 finished tasks would run again: inputs `in.txt` changed; about $";
    assert!(printed.contains(said) && printed.contains("`orch build --yes`"), "{printed}");
    space.orch(&["status"]).exits(0).says(&["7 would run"]);
    space.build(&["--yes"], 0).has(&[("sessions", 7)]);
    space.build(&[], 0).has(&[("up_to_date", 8), ("sessions", 0)]);
}

#[test]
fn little_is_bought_again_as_it_ever_was_and_a_persons_word_is_a_word() {
    let space = many(5);
    space.write("in.txt", "other\n");
    space.build(&[], 0).has(&[("sessions", 5)]);
    let space = many(6);
    space.write("in.txt", "other\n");
    space.orch(&["retry", "many//t1", "many//t2"]).exits(0);
    space.build(&["-k"], 0).has(&[("sessions", 6)]);
    let space = many(6);
    space.write("in.txt", "other\n");
    space.write("orch.yaml", &format!("{SETTINGS}rebuild: {{ ask_above: none }}\n"));
    space.build(&[], 0).has(&[("sessions", 6)]);
}

#[test]
fn an_edit_of_the_tasks_themselves_is_a_word() {
    let space = many(7);
    let plan = space.read("plans/many.yaml").replace("description: Write", "description: Do write");
    space.write("plans/many.yaml", &plan);
    space.build(&[], 0).has(&[("sessions", 7)]);
}

#[test]
fn what_is_not_committed_at_the_change_of_forms_is_seen() {
    let space = built();
    rewrite(&space, OLDER);
    space.replace("plans/demo.yaml", "Write one.txt.", "Do write one.txt.");
    space.orch(&["status"]).exits(0).says(&["would run"]);
    space.build(&[], 0).has(&[("sessions", 1), ("up_to_date", 1)]);
}

#[test]
fn what_stands_behind_work_without_a_result_stays_valid() {
    let space = space();
    let plan = "\
meta: { name: Demo, order: free }
sections:
- id: s
  name: All
  tasks:
  - { id: '0', name: Before, status: completed }
  - { id: 's', name: Left out, status: skipped }
  - { id: '1', name: First, description: Write one.txt., depends_on: ['0'] }
  - { id: '2', name: Second, description: Write two.txt., depends_on: ['1', 's'] }
";
    space.write("plans/demo.yaml", plan);
    space.commit("another plan");
    space.build(&[], 0).has(&[("sessions", 2)]);
    rewrite(&space, OLDER);
    space.build(&[], 0).has(&[("up_to_date", 3), ("sessions", 0)]);
}

#[test]
fn the_same_words_in_two_plans_are_two_tasks() {
    let plan = |name: &str| {
        format!(
            "meta: {{ name: {name} }}\nsections:\n- id: s\n  name: A\n  tasks:\n  - {{ id: '1', name: Write the tests, description: For this plan., no_change: allowed }}\n"
        )
    };
    let space = Space::new(&[
        ("orch.yaml", SETTINGS),
        ("plans/alpha.yaml", &plan("Alpha")),
        ("plans/beta.yaml", &plan("Beta")),
        ("sessions.yaml", SESSIONS),
    ]);
    space.build(&["-j1"], 0).has(&[("sessions", 2), ("replayed", 0)]);
}

/// As [`many`], one after the other as in the file.
#[test]
fn the_order_of_a_file_lets_nothing_slip_through() {
    let space = many(9);
    space.replace("plans/many.yaml", ", order: free", "");
    space.write("in.txt", "other\n");
    space.commit("edited");
    space.build(&["-k"], 1).has(&[("sessions", 0), ("held", 9)]);
}

#[test]
fn a_design_that_moves_is_the_same_design() {
    let space = built();
    space.git(&["mv", "docs/design.md", "docs/moved.md"]);
    space.replace("plans/demo.yaml", "docs/design.md", "docs/moved.md");
    space.commit("moved");
    space.build(&[], 0).has(&[("up_to_date", 2), ("sessions", 0)]);
}
