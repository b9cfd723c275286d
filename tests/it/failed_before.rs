//! What failed is not bought again unasked; a plan that fails task by task stops; outputs that were
//! deleted are seen; and tasks that met on a file are kept apart.

use crate::support::Space;

const SETTINGS: &str = "session: { scripted: sessions.yaml }\nschedule: { warm_up: 0 }\n";

fn space(tasks: &str, sessions: &str) -> Space {
    let plan = format!(
        "meta: {{ name: P, order: free }}\nsections:\n- id: s\n  name: All\n  tasks:\n{tasks}"
    );
    Space::new(&[("orch.yaml", SETTINGS), ("plans/p.yaml", &plan), ("sessions.yaml", sessions)])
}

const ONE: &str = "  - { id: '1', name: Write it, description: Write one.txt., max_attempts: 1 }\n";
const FAILS: &str = "'1': [{ status: failed }, { cost: 0.1 }]\n";
const DOES: &str = "'1': [{ write: { path: one.txt, content: x } }]\n";

#[test]
fn a_session_that_failed_is_bought_again_only_where_somebody_asks() {
    let check = |flags: &[&str], ask: &dyn Fn(&Space)| {
        let space = space(&ONE.replace("id: '1'", "id: '1', status: pending"), FAILS);
        space.build(&[], 1).has(&[("failed", 1), ("sessions", 1)]);
        space.write("sessions.yaml", DOES);
        let again = space.build(&[], 1).has(&[("failed", 1), ("sessions", 0)]);
        assert!(again.ran.stdout.contains("failed before"), "{}", again.ran.shown());
        space.orch(&["build", "-n"]).exits(0).says(&[
            "failed     p//1",
            "0 would run",
            ", 1 failed",
        ]);
        space.orch(&["status"]).exits(0).says(&["failed"]);
        ask(&space);
        space.build(flags, 0).has(&[("ran", 1), ("sessions", 1)]);
    };
    check(&["--force", "p//1"], &|_| {});
    check(&[], &|space| drop(space.orch(&["retry", "p//1"]).exits(0)));
    check(&[], &|space| {
        space.write(".claude/agents/coder.md", "---\nname: coder\n---\nYou code well.\n");
    });
    check(&[], &|space| {
        space.replace("plans/p.yaml", "status: failed, attempts", "status: pending, attempts");
    });
}

#[test]
fn a_text_that_failed_before_is_not_bought_again_when_it_comes_back() {
    let space = space(ONE, FAILS);
    let edit = |from: &str, to: &str| space.replace("plans/p.yaml", from, to);
    let fails = |sessions: u64| {
        space.build(&[], 1).has(&[("failed", 1), ("sessions", sessions)]);
    };
    fails(1);
    edit("Write one.txt.", "Write another.txt.");
    fails(1);
    edit("Write another.txt.", "Write one.txt.");
    fails(0);
    edit("Write one.txt.", "Write another.txt.");
    fails(0);
    space.orch(&["retry", "p//1"]).exits(0);
    fails(1);
    fails(0);
}

#[test]
fn a_command_that_failed_runs_in_each_build() {
    let space = space("  - { id: '1', name: Make it, run: 'test -e $HOME/there' }\n", "{}\n");
    space.build(&[], 1).has(&[("failed", 1)]);
    std::fs::write(space.home().join("there"), "").unwrap();
    space.build(&[], 0).has(&[("ran", 1)]);
}

#[test]
fn so_many_failed_tasks_in_a_row_stop_their_plan_and_no_other() {
    let names = ["Ant", "Bee", "Cat", "Dog", "Eel"];
    let tasks: String = (1..=5)
        .map(|n| {
            let name = names[n - 1];
            format!(
                "  - {{ id: '{n}', name: {name}, description: About {name}., max_attempts: 1 }}\n"
            )
        })
        .collect();
    let fails: String = (1..=5).map(|n| format!("'{n}': [{{ status: failed }}]\n")).collect();
    let check = |meta: &str, ran: u64| {
        let space = space(
            &tasks,
            &format!("{fails}'other': [{{ write: {{ path: o.txt, content: x }} }}]\n"),
        );
        space.replace("plans/p.yaml", "order: free", &format!("order: free{meta}"));
        let other = "meta: { name: Q }\nsections:\n- id: s\n  name: All\n  tasks:\n  - { id: other, name: Other, description: Write o.txt. }\n";
        space.write("plans/q.yaml", other);
        let built = space.build(&["-k", "-j", "1"], 1);
        assert!(ran == 5 || built.ran.stdout.contains("failed in a row"), "{}", built.ran.shown());
        built.has(&[("failed", ran), ("held", 5 - ran), ("ran", 1)]);
    };
    check("", 3);
    check(", circuit_breaker_threshold: 2", 2);
    check(", circuit_breaker_threshold: 0", 5);
}

const CHAIN: &str = "  - { id: '1', name: Make a, run: 'echo x > a.txt', outputs: [a.txt] }
  - { id: '2', name: Read a, run: 'cat a.txt > b.txt', depends_on: ['1'], inputs: [a.txt], outputs: [b.txt] }
";

#[test]
fn a_deleted_output_of_a_command_comes_back() {
    let space = space(CHAIN, "{}\n");
    space.build(&[], 0).has(&[("accepted", 2)]);
    std::fs::remove_file(space.root().join("a.txt")).unwrap();
    let printed = "its output `a.txt` was deleted, and its command makes it again";
    space.orch(&["build", "-n"]).exits(0).says(&[printed]);
    let built = space.build(&[], 0).has(&[("up_to_date", 2)]);
    assert!(built.ran.stdout.contains("put back `a.txt`"), "{}", built.ran.shown());
    assert_eq!(
        (space.read("a.txt").as_str(), space.git(&["status", "--porcelain"]).as_str()),
        ("x\n", "")
    );

    space.git(&["rm", "-q", "a.txt"]);
    space.commit("gone");
    space.build(&[], 0).has(&[("accepted", 2), ("failed", 0)]);
    assert_eq!(space.read("a.txt"), "x\n");
}

#[test]
fn a_deleted_output_of_a_session_is_told_and_never_bought_again_unasked() {
    let check = |word: &str, ran: u64| {
        let task = "  - { id: '1', name: Write it, description: Write it., outputs: [one.txt] }\n";
        let space = space(task, DOES);
        space.build(&[], 0).has(&[("accepted", 1)]);
        space.git(&["rm", "-q", "one.txt"]);
        space.commit("gone");
        let held = space.build(&[], 1).has(&[("held", 1), ("sessions", 0)]);
        assert!(
            held.ran.stdout.contains("its output `one.txt` was deleted"),
            "{}",
            held.ran.shown()
        );
        space.orch(&[word, "p//1"]).exits(0);
        space.build(&[], 0).has(&[("accepted", 1), ("sessions", ran)]);
        assert_eq!(space.exists("one.txt"), ran == 1);
    };
    check("retry", 1);
    check("accept", 0);
}

#[test]
fn tasks_that_met_on_a_file_are_kept_apart_with_those_like_them() {
    let tasks: String = (1..=8)
        .map(|n| {
            format!("  - {{ id: '{n}', name: Register part {n}, description: Do part {n}. }}\n")
        })
        .collect();
    let sessions: String = (1..=8)
        .map(|n| {
            format!("'{n}':\n- - run: 'touch $HOME/at{n}; for i in 1 2 3 4 5 6 7 8; do sleep 0.05; done; {{ echo {n}; cat list.txt; }} > new && mv new list.txt'\n")
        })
        .collect();
    let space = space(&tasks, &sessions);
    space.write("list.txt", "head\n");
    space.commit("list");
    let built = space.build(&["-j", "8", "-k"], 0).has(&[("accepted", 8), ("failed", 0)]);
    assert!(built.number("sessions") <= 10, "{}", built.ran.shown());
    assert_eq!(space.read("list.txt").lines().count(), 9);
}

#[test]
fn what_was_done_before_proves_nothing_of_those_that_run_beside_each_other() {
    let tasks = |n: u32| -> String {
        (1..=n)
            .map(|n| {
                format!("  - {{ id: '{n}', name: Register part {n}, description: Do part {n}. }}\n")
            })
            .collect()
    };
    let sessions: String = (1..=6)
        .map(|n| {
            format!("'{n}':\n- - run: 'for i in 1 2 3 4 5 6 7 8; do sleep 0.05; done; {{ echo {n}; cat list.txt; }} > new && mv new list.txt'\n")
        })
        .collect();
    let space = space(&tasks(2), &sessions);
    space.write("list.txt", "head\n");
    space.commit("list");
    space.build(&["-j", "1"], 0).has(&[("accepted", 2), ("sessions", 2)]);
    let plan = space.read("plans/p.yaml");
    let more = tasks(6);
    let more = more.split_once("  - { id: '3'").unwrap().1;
    space.write("plans/p.yaml", &format!("{plan}  - {{ id: '3'{more}"));
    let built = space.build(&["-j", "6", "-k"], 0).has(&[("accepted", 6), ("failed", 0)]);
    assert!(built.number("sessions") <= 6, "{}", built.ran.shown());
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_not_deleted() {
    let space = space(
        "  - { id: '1', name: Make it, run: 'mkdir -p d && echo x > d/a.txt', outputs: [d/a.txt] }\n  - { id: '2', name: Write it, description: Write it., outputs: [d/one.txt] }\n",
        "'2': [{ write: { path: d/one.txt, content: x } }]\n",
    );
    space.build(&[], 0).has(&[("accepted", 2)]);
    // What git has not looked at since it stays in the checkout.
    space.git(&["status"]);
    space.git(&["sparse-checkout", "set", "--cone", "plans"]);
    assert!(!space.exists("d/a.txt"));
    space.build(&[], 0).has(&[("up_to_date", 2)]);
    assert!(!space.exists("d/a.txt"));
}
