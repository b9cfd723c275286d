//! Items as people and tools write them, with what is told of each.

use insta::assert_snapshot;

use super::*;
use crate::base::name::RelPath;

fn read(text: &str) -> (Item, String) {
    let source = Source::new(RelPath::new("docs/defect-backlog/03-x.md").unwrap(), text);
    let parsed = parse(&source);
    let told = parsed.diagnostics.iter().map(|it| {
        let at = it.labels.first().map(|label| &text[label.span.clone()]).unwrap_or_default();
        format!("{}: {} [{}]", it.code, it.message, at.trim())
    });
    (parsed.value, told.collect::<Vec<_>>().join("\n"))
}

/// Everything that was understood of a text, a line each.
fn check(text: &str) -> String {
    let (item, told) = read(text);
    let mut lines = vec![format!("{} | {:?} {:?}", item.title, item.standing, item.priority)];
    lines.extend(item.needs.iter().map(|it| format!("needs {}", it.name)));
    lines.extend(item.criteria.iter().map(|it| format!("{}: {}", it.id, it.text)));
    lines.extend(item.verifications.iter().map(|it| {
        format!("verified #{} {} {:?}", it.number, it.at.as_deref().unwrap_or("-"), it.said)
    }));
    lines.extend(item.origin.iter().map(|it| format!("from {it}")));
    lines.extend((!told.is_empty()).then_some(told));
    lines.join("\n")
}

const WHOLE: &str = "\
# Login fails on Mondays

## Status: In Progress

## Priority: High

## Summary

Nobody can log in.

## Acceptance Criteria

- AC-1: Login works on each day
- [ ] A wrong password is
  refused
- Sessions end after an hour

## Dependencies

- 02-calendar.md (completed): it knows weekdays
- None of the others

## Source

Created from Slack message by U1 at 17.3.

## Verification Log

### Verification #1 - 2026-02-17 01:25

**Verdict: FAIL**

- [ ] Login on Monday

### Verification #2 - 2026-02-18 09:00

It said before: `**Verdict: FAIL**`

**Verdict: PASS**
";

#[test]
fn an_item_is_read_whole() {
    assert_snapshot!(check(WHOLE), @"
    Login fails on Mondays | Open High
    needs 02-calendar
    AC-1: Login works on each day
    2: A wrong password is refused
    3: Sessions end after an hour
    verified #1 2026-02-17 01:25 Some(Fail)
    verified #2 2026-02-18 09:00 Some(Pass)
    from Created from Slack message by U1 at 17.3.
    ");
}

#[test]
fn neither_status_nor_log_is_part_of_its_words() {
    let (item, _) = read(WHOLE);
    for gone in ["In Progress", "High", "Verification", "Verdict"] {
        assert!(!item.text.contains(gone), "{}", item.text);
    }
    let fixed = WHOLE.replace("In Progress", "Fixed").replace("High", "Low");
    let fixed = fixed + "\n### Verification #3 - 2026-02-19 09:00\n\n**Verdict: PASS**\n";
    assert_eq!(read(&fixed).0.text, item.text);
    assert_eq!(read(&WHOLE.replace('\n', "\r\n")).0.text, item.text);
    assert_ne!(read(&WHOLE.replace("an hour", "a day")).0.text, item.text);
}

#[test]
fn what_is_quoted_or_code_is_only_text() {
    assert_snapshot!(check("\
# X

The tool wrote this, which is wrong, and is expected not to:

```
## Status: Fixed
## Verification Log
### Verification #1 - 2026-01-01 00:00
**Verdict: PASS**
```

> ## Status: Closed
> - [ ] quoted

    ## Priority: P0

<!--
## Status: Completed
-->

## Expected Behavior

`## Status: Fixed` is only said.
"), @"X | Open Medium");
}

#[test]
fn status_and_priority_stand_where_people_put_them() {
    let check = |text: &str| check(text).lines().next().unwrap_or_default().to_owned();
    assert_eq!(check("# X\n\n## Status\n\nFixed\n\n## Priority\n\nP1\n"), "X | Done High");
    assert_eq!(check("# X\n\n**Status:** On hold\n**Priority:** low\n\nText."), "X | OnHold Low");
    assert_eq!(check("X\n=\n\nStatus: done\n"), "X | Done Medium");
    assert_eq!(
        check("---\ntitle: Y\nstatus: closed\npriority: urgent\n---\n\nText.\n"),
        "Y | Dropped Critical"
    );
    assert_eq!(check("no heading at all"), "03-x | Open Medium");
    assert_eq!(check("\u{feff}# X\n## STATUS: **Completed** ✅\n"), "X | Done Medium");
    assert_eq!(check("# X\n\n### Status: Fixed\n"), "X | Open Medium");
}

#[test]
fn front_matter_says_what_headings_say() {
    let text =
        "---\ndepends_on: [1-a, b]\nplan: light\nbudget: 2.5\nowner: me\n---\n# X\n\nShort.\n";
    let (item, told) = read(text);
    assert_eq!(item.needs.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["1-a", "b"]);
    assert_eq!((item.planning, item.budget), (Planning::Light, Some(Usd::from_dollars(2.5))));
    assert_eq!(item.text, "# X\n\nShort.");
    assert!(told.starts_with("item::vague"), "{told}");
}

#[test]
fn what_is_not_understood_is_told_where_it_stands() {
    assert_snapshot!(check("\
# X

## Status: Opne

## Priority: hihg

## Dependencies

- something that is not there yet

## Expected Behavior

It works.
"), @"
    X | Unclear Medium
    item::unclear-status: the status `Opne` is not understood [## Status: Opne]
    item::unclear-priority: the priority `hihg` is not understood [## Priority: hihg]
    item::unclear-dependency: an entry of the dependencies names no item [- something that is not there yet]
    ");
    assert_snapshot!(check("# It is broken\n\nPlease repair.\n"), @"
    It is broken | Open Medium
    item::vague: it does not say what is expected [# It is broken]
    ");
}

#[test]
fn sentences_of_requirements_are_criteria() {
    assert_snapshot!(check("\
# X

## Requirements

When the user logs in, the system shall show the date. It is nice otherwise.

1. While offline, the app SHALL keep what is typed.
2. Just a remark.
   - deeper: the app shall tell it
"), @"
    X | Open Medium
    1: When the user logs in, the system shall show the date.
    2: While offline, the app SHALL keep what is typed.
    3: deeper: the app shall tell it
    ");
}

#[test]
fn any_text_is_read() {
    use proptest::prelude::*;
    let line = "(#{1,3} |- |\\[ \\] |> |```|---|    |\\*\\*)?(Status|Priority|Verification #1|Acceptance|Dependencies|x-1)?:? ?[a-zé]{0,6}";
    let text = proptest::collection::vec(line, 0..14).prop_map(|lines| lines.join("\n"));
    proptest!(|(text in text)| {
        let (item, _) = read(&text);
        prop_assert!(item.text.len() <= text.len());
        for criterion in &item.criteria {
            prop_assert!(text.get(criterion.span.clone()).is_some());
        }
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "items lie in files")]
fn real_items_are_read_without_a_finding() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let shared = std::env::var("ORCH_SHARED").unwrap_or_else(|_| format!("{root}../shared"));
    let folders = ["defect", "feature"].map(|kind| format!("{shared}/corpus/backlog/{kind}"));
    let collected: Vec<_> = folders.iter().filter_map(|it| std::fs::read_dir(it).ok()).collect();
    if collected.is_empty() {
        crate::left_out::note("larger collection of recordings (ORCH_SHARED names one)");
    }
    let own = std::fs::read_dir(format!("{root}tests/corpus/items")).unwrap();
    for entry in own.chain(collected.into_iter().flatten()) {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (item, told) = read(&text);
        assert!(told.is_empty() || told.starts_with("item::vague"), "{}: {told}", path.display());
        assert!(text.contains(&item.title) && !item.text.is_empty(), "{}", path.display());
        let logged = text.lines().filter(|it| it.starts_with("### Verification #")).count();
        assert_eq!(item.verifications.len(), logged, "{}", path.display());
        assert!(item.verifications.iter().all(|it| it.said.is_some()), "{}", path.display());
        let is_closed = text.contains("\n## Status: Closed");
        assert_eq!(item.standing == Standing::Dropped, is_closed, "{}", path.display());
    }
}
