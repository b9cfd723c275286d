//! Ends that a rule does not hold against its tasks.

use crate::support::Space;

#[test]
fn what_a_rule_does_not_count_counts_nowhere() {
    let rule = "rule: mine\nextends: command\nretry: { attempts: 1, waits: 2, uncounted: [command-failed], backoff: { base: 1ms, cap: 1ms }, on: { command-failed: now } }\n";
    let plan = "sections:\n- id: s\n  name: S\n  tasks:\n  - { id: '1', name: A, rule: mine, run: 'echo x >> $HOME/runs; exit 3' }\n";
    let space = Space::new(&[("plans/p.yaml", plan), ("rules/mine.yaml", rule)]);
    space.orch(&["build"]).exits(1);
    let runs = std::fs::read_to_string(space.home().join("runs")).unwrap();
    assert_eq!(runs.lines().count(), 3, "an attempt and two waits");
    assert!(!space.read("plans/p.yaml").contains("attempts"), "{}", space.read("plans/p.yaml"));
    let status = space.orch(&["status", "--format", "json"]).shown();
    assert!(status.contains("\"attempts\":0"), "{status}");
}
