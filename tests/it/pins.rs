//! `pin`: the one cached result that a task takes, and what is told where there is none.

use crate::support::Space;

const PLAN: &str = "\
meta: { name: Pinned }
sections:
- id: s
  name: All
  tasks:
  - id: '1'
    name: Make it
    run: 'cp $HOME/word made.txt; echo x >> $HOME/ran'
";

/// A repository whose cache has what the words came to, in order, and their output digests. None
/// of the landings is on the branch any more.
fn made(words: &[&str]) -> (Space, Vec<String>) {
    let space = Space::new(&[("plans/p.yaml", PLAN)]);
    let first = space.git(&["rev-parse", "HEAD"]);
    let mut outputs = Vec::new();
    for (number, word) in words.iter().enumerate() {
        std::fs::write(space.home().join("word"), word).unwrap();
        let flags: &[&str] = if number > 0 { &["--force", "p//1"] } else { &[] };
        space.build(flags, 0).has(&[("accepted", 1), ("ran", 1)]);
        outputs.push(shown(&space, "output"));
        space.git(&["reset", "-q", "--hard", first.trim()]);
    }
    (space, outputs)
}

/// What `orch show` has behind a word.
fn shown(space: &Space, word: &str) -> String {
    let shown = space.orch(&["show", "p//1"]).exits(0).stdout;
    let line = shown.lines().find_map(|line| line.trim().strip_prefix(word));
    line.unwrap_or_else(|| panic!("{word} in {shown}")).trim().to_owned()
}

/// Pins the task, which is the last of its plan, and leaves its status alone.
fn pin(space: &Space, pin: &str) {
    let plan = space.read("plans/p.yaml");
    let kept = plan.lines().filter(|line| !line.trim().starts_with("pin:"));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    space.write("plans/p.yaml", &format!("{kept}    pin: '{pin}'\n"));
    space.commit("a pin");
}

fn n_ran(space: &Space) -> usize {
    std::fs::read_to_string(space.home().join("ran")).unwrap().lines().count()
}

/// The task is held with these words, and nothing is made, however it is asked for.
fn check_held(space: &Space, said: &[&str]) {
    let before = n_ran(space);
    for flags in [&[][..], &["--no-cache"], &["--force", "p//1"]] {
        let built = space.build(flags, 1).has(&[("held", 1), ("accepted", 0)]);
        for word in said.iter().chain(&["take `pin` out"]) {
            assert!(built.ran.shown().contains(word), "{word}: {}", built.ran.shown());
        }
    }
    space.orch(&["why", "p//1"]).says(&said[..1]);
    assert_eq!(n_ran(space), before, "nothing is made anew");
}

#[test]
fn the_result_that_a_pin_names_is_taken() {
    let check = |pin_of: fn(&str) -> &str| {
        let (space, outputs) = made(&["one", "two"]);
        pin(&space, pin_of(&outputs[0]));
        space.build(&[], 0).has(&[("accepted", 1), ("replayed", 1)]);
        assert_eq!((space.read("made.txt").as_str(), n_ran(&space)), ("one", 2));
        space.build(&[], 0).has(&[("up_to_date", 1)]);
        assert_eq!(shown(&space, "output"), outputs[0]);
    };
    check(|whole| whole);
    check(|whole| &whole[..12]);
}

#[test]
fn a_key_will_do_where_it_has_one_result() {
    let (space, _) = made(&["one"]);
    let listed = space.orch(&["cache", "ls"]).exits(0).stdout;
    let key = listed.split_whitespace().next().unwrap().to_owned();
    pin(&space, &key);
    space.build(&[], 0).has(&[("accepted", 1), ("replayed", 1)]);
    assert!(shown(&space, "key").starts_with(&key));
    space.build(&[], 0).has(&[("up_to_date", 1)]);
    pin(&space, &shown(&space, "key"));
    space.build(&[], 0).has(&[("up_to_date", 1)]);
    assert_eq!(n_ran(&space), 1);
}

#[test]
fn a_pin_that_fits_several_is_told_with_what_would_do() {
    let (space, outputs) = made(&["one", "two"]);
    let listed = space.orch(&["cache", "ls"]).exits(0).stdout;
    pin(&space, listed.split_whitespace().next().unwrap());
    check_held(&space, &["fits several cached results", &outputs[0][..12], &outputs[1][..12]]);
}

#[test]
fn a_pin_that_fits_nothing_is_told_and_nothing_is_made() {
    let (space, outputs) = made(&["one"]);
    pin(&space, &"0".repeat(64));
    check_held(&space, &["fits no cached result", &outputs[0][..12]]);
    space.write("plans/p.yaml", PLAN);
    space.build(&[], 0).has(&[("accepted", 1), ("replayed", 1)]);
}

#[test]
fn a_pin_takes_the_place_of_another_result_that_stands() {
    let (space, outputs) = made(&["one", "two"]);
    space.build(&[], 0).has(&[("accepted", 1), ("replayed", 1)]);
    assert_eq!(space.read("made.txt"), "two");
    pin(&space, &outputs[0]);
    space.build(&[], 0).has(&[("accepted", 1), ("replayed", 1)]);
    assert_eq!((space.read("made.txt").as_str(), n_ran(&space)), ("one", 2));
    space.build(&[], 0).has(&[("up_to_date", 1)]);
}
