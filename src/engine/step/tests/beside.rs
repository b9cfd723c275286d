//! Results from before scripts and what links lead to were in keys.

use super::*;

const PLAN: &str = "\
sections:
- id: s
  name: S
  tasks:
  - { id: 'a', status: pending, name: A, description: first, inputs: ['linked/**'] }
";

#[test]
fn a_result_that_knew_of_no_links_stands_until_what_they_lead_to_changes() {
    let mut space = Space::new(PLAN);
    write(&mut space.files, "linked", "to real");
    write(&mut space.files, "real/a.txt", "one");
    space.play = Box::new(|_, files| {
        let text = files[&RelPath::new("real/a.txt").unwrap()].clone();
        write(files, "out/a.txt", &text);
        Ended::Done
    });
    space.build();
    assert_eq!(space.ran(), ["a"]);
    let path = |it: &str| RelPath::new(it).unwrap();
    space.links = vec![(path("linked"), path("real"))];
    space.build();
    assert_eq!(space.ran(), [""; 0], "what was paid for is not bought again");
    write(&mut space.files, "real/a.txt", "two");
    space.build();
    assert_eq!(space.ran(), ["a"], "from then on it counts");
    write(&mut space.files, "real/a.txt", "one");
    space.build();
    assert_eq!(space.ran(), ["a"], "and the key from before counts no more");
}
