//! What is merged without looking at contents is what merging contents gives.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::host::git::scratch::Scratch;

/// Few, so that sides often meet: as one path, and as a file in the place of a folder.
const PATHS: [&str; 7] = ["a", "b/c", "b/d", "b/e/f", "g", "g/h", "i"];

type Files = BTreeMap<usize, u8>;

fn files() -> impl Strategy<Value = Files> {
    proptest::collection::btree_map(0..PATHS.len(), 0u8..3, 1..PATHS.len())
}

/// A side: what it sets (to a content) or removes.
fn side() -> impl Strategy<Value = BTreeMap<usize, Option<u8>>> {
    let content = proptest::option::of(0u8..5);
    proptest::collection::btree_map(0..PATHS.len(), content, 0..3)
}

fn tree_of(scratch: &Scratch, files: &Files) -> ObjectId {
    let empty = TreeId::new("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    let line = |content: &u8| format!("{content}\n").repeat(8);
    // `g` is a file or a folder.
    let is_file = files.contains_key(&4);
    let contents: Vec<(&str, String)> = files
        .iter()
        .filter(|(path, _)| !(is_file && **path == 5))
        .map(|(path, content)| (PATHS[*path], line(content)))
        .collect();
    let edits: Vec<(&str, Option<&str>)> =
        contents.iter().map(|(path, content)| (*path, Some(content.as_str()))).collect();
    object_id(scratch.edited(&empty, &edits).as_str()).unwrap()
}

fn with(files: &Files, changes: &BTreeMap<usize, Option<u8>>) -> Files {
    let mut files = files.clone();
    for (path, content) in changes {
        match content {
            Some(content) => files.insert(*path, *content),
            None => files.remove(path),
        };
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn sides_that_never_met_merge_as_their_contents_would(
        start in files(), one in side(), other in side(),
    ) {
        thread_local!(static SCRATCH: Scratch = Scratch::new(&[("start", "")]));
        SCRATCH.with(|scratch| {
            scratch.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
            let git = scratch.repo().local();
            let sides = Sides {
                base: tree_of(scratch, &start),
                ours: tree_of(scratch, &with(&start, &one)),
                theirs: tree_of(scratch, &with(&start, &other)),
            };
            let Some(apart) = merge_apart(&git, sides).unwrap() else { return Ok(()) };
            match merge_contents(&git, sides).unwrap() {
                TreeMerge::Clean(tree) => prop_assert_eq!(tree, apart),
                TreeMerge::Conflict { conflicts, .. } => {
                    prop_assert!(false, "a conflict at {:?}", conflict_paths(&conflicts));
                }
            }
            Ok(())
        })?;
    }
}
