//! Builds of the few tasks that a change can reach: quicker than builds of everything, and nothing else.

use std::fmt::Write as _;
use std::fs;

use crate::support::{Ran, Space, picture_of};

const N: usize = 24;

/// Tasks that copy a file each; every tenth reads what the one before it made, and by `wc` makes the
/// same of all contents of one length. Task 15 reads its own work, which it does
/// not declare.
fn plan() -> String {
    // Large enough to be kept parsed.
    let mut text = "# filling\n".repeat(4_000)
        + "meta: { name: Many, order: free }\nsections:\n- id: s\n  name: All\n  \
           status: completed\n  tasks:\n";
    for at in 0..N {
        let (run, inputs, needs) = match at {
            15 => (format!("cp in/{at} out/{at}"), format!("in/{at}, out/{at}"), String::new()),
            _ if at % 10 == 1 => (
                format!("cat in/{at} out/{} | wc -c > out/{at}", at - 1),
                format!("in/{at}, out/{}", at - 1),
                format!("    depends_on: [t{}]\n", at - 1),
            ),
            _ if at % 10 == 2 && at > 2 => (
                format!("cp out/{} out/{at}", at - 1),
                format!("out/{}", at - 1),
                format!("    depends_on: [t{}]\n", at - 1),
            ),
            _ => (format!("grep -v bad in/{at} > out/{at}"), format!("in/{at}"), String::new()),
        };
        // Nothing promises that it stays.
        let outputs = if at == 15 { String::new() } else { format!("    outputs: [out/{at}]\n") };
        let _ = write!(
            text,
            "  - id: t{at}\n    name: Task {at}\n    status: pending\n    \
             run: \"mkdir -p out && {run}\"\n    inputs: [{inputs}]\n{outputs}{needs}"
        );
    }
    text
}

/// Everything built, and found up to date by the last build.
fn at_rest() -> Space {
    let space = Space::new(&[("README", "\n"), ("plans/many.yaml", &plan())]);
    (0..N).for_each(|at| space.write(&format!("in/{at}"), &format!("start {at}\n")));
    space.commit("inputs");
    space.orch(&["build", "-q", "-j", "1"]).exits(0);
    rest(&space);
    space
}

fn rest(space: &Space) {
    space.orch(&["build"]).exits(0).says(&["up to date: 24 tasks"]);
    assert!(space.exists(".orch/rest-v4") && space.exists(".orch/charted-v1"));
    // Only a build of everything makes them again.
    let _ = fs::remove_dir_all(space.root().join(".orch/plans-v1"));
}

fn forget_chart(space: &Space) {
    fs::remove_file(space.root().join(".orch/charted-v1")).unwrap();
}

/// True where no build since `rest` looked at everything: that keeps what large plans came to.
fn is_of_slices(space: &Space) -> bool {
    !space.exists(".orch/plans-v1")
}

/// Text without what differs from run to run: times, and ids of commits.
fn timeless(text: &str) -> String {
    let is_time = |word: &str| {
        let word = word.trim_matches(|c: char| "(),;'\"".contains(c));
        word.ends_with('s') && word.trim_end_matches('s').parse::<f64>().is_ok()
    };
    let line = |line: &str| {
        let words = line.split(' ').map(|word| if is_time(word) { "TIME" } else { word });
        let line = words.collect::<Vec<_>>().join(" ");
        line.split_once("completed_at:").map_or(line.clone(), |(before, _)| before.to_owned())
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// What a person sees of a build, and what lies there afterwards.
fn check_same(what: &str, (one, other): (&Space, &Space), (by_one, by_other): (&Ran, &Ran)) {
    assert_eq!(timeless(&by_one.stdout), timeless(&by_other.stdout), "{what}");
    assert_eq!(timeless(&by_one.stderr), timeless(&by_other.stderr), "{what}");
    let plan = |space: &Space| timeless(&space.read("plans/many.yaml"));
    assert_eq!(plan(one), plan(other), "{what}");
    let is_work = |path: &str| path.starts_with("in/") || path.starts_with("out/");
    let files = |space: &Space| picture_of(space.root(), &is_work);
    assert_eq!(files(one), files(other), "{what}");
    // The first builds landed in an order of their own.
    let subjects = |space: &Space| {
        let mut subjects = space.subjects();
        subjects.truncate(subjects.len() - N - 2);
        subjects
    };
    assert_eq!(subjects(one), subjects(other), "{what}");
    let status = |space: &Space| space.git(&["status", "--porcelain"]);
    assert_eq!(status(one), status(other), "{what}");
}

/// The same change is built from a slice and from everything, with the same outcome.
fn check(what: &str, code: i32, change: impl Fn(&Space)) {
    let (part, whole) = (at_rest(), at_rest());
    forget_chart(&whole);
    [&part, &whole].into_iter().for_each(&change);
    let build = |space: &Space| space.orch(&["build", "-k", "-j", "1"]).exits(code);
    let by_part = build(&part);
    assert!(is_of_slices(&part), "{what}: everything was looked at");
    let by_whole = build(&whole);
    assert!(!is_of_slices(&whole), "{what}: not everything was looked at");
    check_same(what, (&part, &whole), (&by_part, &by_whole));
    // What comes next knows of it.
    check_same(what, (&part, &whole), (&build(&part), &build(&whole)));
}

#[test]
fn a_changed_input_is_built_from_a_slice_as_from_everything() {
    check("one task", 0, |space| space.write("in/5", "another\n"));
    check("a task and what needs it", 0, |space| space.write("in/10", "longer than it was\n"));
    check("an equal output", 0, |space| space.write("in/20", "other 20\n"));
    check("a hand edit of what another reads", 0, |space| space.write("out/20", "by hand, long\n"));
}

#[test]
fn a_failure_in_a_slice_is_one_among_all() {
    check("a failure", 1, |space| space.write("in/10", "bad\n"));
    check("committed", 1, |space| space.write("in/10", "bad\nbad\n"));
    let space = at_rest();
    space.write("in/10", "bad\n");
    space.orch(&["build"]).exits(1).says(&["1 failed", "2 blocked"]);
    assert!(space.read("plans/many.yaml").contains("  status: failed\n  tasks:"), "rolled up");
    space.write("in/10", "good\n");
    space.orch(&["build"]).exits(0);
    assert!(space.read("plans/many.yaml").contains("  status: completed\n  tasks:"));
}

#[test]
fn what_changed_for_nobody_is_looked_at_once() {
    let space = at_rest();
    fs::remove_file(space.root().join("out/15")).unwrap();
    space.orch(&["build"]).exits(0).says(&["up to date: 24 tasks"]);
    assert!(is_of_slices(&space) && !space.exists(".orch/rest-v4"), "that state is at rest itself");
    rest(&space);
}

#[test]
fn a_dead_runs_lock_does_not_stop_a_slice() {
    for name in ["seen", "tip"] {
        let space = at_rest();
        let lock = space.root().join(format!(".git/refs/orch/{name}/main.lock"));
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        fs::File::create(&lock).unwrap().set_modified(long_ago).unwrap();
        space.write("in/5", "another\n");
        space.orch(&["build"]).exits(0).says(&["1 ran, 23 up to date"]);
        assert!(is_of_slices(&space) && !lock.exists(), "{name}");
    }
}

#[test]
fn a_damaged_chart_only_costs_time() {
    for at in [3, 40, 2_000, 9_000] {
        let space = at_rest();
        let file = space.root().join(".orch/charted-v1");
        let mut bytes = fs::read(&file).unwrap();
        bytes[at] ^= 0x55;
        fs::write(&file, bytes).unwrap();
        space.write("in/5", "another\n");
        space.orch(&["build"]).exits(0).says(&["1 ran"]);
        assert!(!space.read("out/5").contains("start"));
    }
}

#[test]
fn why_says_of_a_task_by_itself_what_it_says_among_all() {
    let space = at_rest();
    let ask = |what: &str| {
        for target in ["many//t5", "many//t10", "many//t11", "many//t12", "many//t15"] {
            for format in ["text", "json"] {
                let args = ["why", target, "--format", format];
                let by_part = space.orch(&args).exits(0);
                let hidden = space.root().join(".orch/hidden");
                fs::rename(space.root().join(".orch/charted-v1"), &hidden).unwrap();
                let by_whole = space.orch(&args).exits(0);
                fs::rename(&hidden, space.root().join(".orch/charted-v1")).unwrap();
                assert_eq!(by_part.stdout, by_whole.stdout, "{what}: {target}");
            }
        }
    };
    let before = space.picture();
    ask("at rest");
    space.write("in/10", "longer than it was\n");
    ask("what it needs would run");
    space.write("in/5", "another\n");
    space.write("out/10", "by hand\n");
    ask("more of them");
    let after = space.picture();
    let is_touched = |path: &&String| before.get(*path) != after.get(*path);
    let touched: Vec<&String> = after.keys().filter(is_touched).collect();
    assert_eq!(touched, ["in/10", "in/5", "out/10"], "asking changes nothing");
}
