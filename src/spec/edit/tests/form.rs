//! Any sequence of status edits over any form of a plan: what a parser would have made of it.
use super::*;

/// What is written of one entry: which key, in which form its value is, and comments around it.
#[derive(Clone, Debug)]
struct Written {
    key: &'static str,
    form: usize,
    above: bool,
    beside: bool,
    between: bool,
}

#[derive(Clone, Debug)]
struct Form {
    tasks: Vec<(Vec<Written>, usize)>,
    section: (Vec<Written>, bool),
    indent: (usize, usize),
    eol: &'static str,
    is_closed: bool,
}

/// One edit: which task, and the fields it sets.
type Step = (usize, Vec<(&'static str, Option<String>)>);

const OPTIONAL: &[&str] = &[
    "status",
    "attempts",
    "result_message",
    "last_error",
    "validation_findings",
    "completed_at",
    "description",
    "note",
    "depends_on",
];

/// Numbers each comment, so that it can be found again.
#[derive(Default)]
struct Comments(usize);

impl Comments {
    fn next(&mut self, is_there: bool) -> String {
        if !is_there {
            return String::new();
        }
        self.0 += 1;
        format!("# ü: 'c{}, {{", self.0)
    }
}

/// The value of an entry; texts in brackets stand on one line.
fn value(written: &Written, (deep, is_flow): (&str, bool), comment: &str) -> String {
    let is_list = written.key == "depends_on";
    let is_text = matches!(written.key, "last_error" | "result_message" | "description" | "note");
    match (written.key, written.form) {
        ("depends_on", form) if is_flow || form % 2 == 0 => "[]".into(),
        ("depends_on", _) => "[\n".to_owned() + deep + "  ]",
        ("status", form) => {
            ["pending", "'failed'", "\"in_progress\"", "", "~", "completed"][form % 6].into()
        }
        ("attempts", form) => ["2", "'3'", "", "0x1"][form % 4].into(),
        ("validation_findings", 6) if !is_flow => {
            format!("{comment}\n{deep}  - a\n{deep}  - 'b # c'")
        }
        (_, 7) if !is_flow => format!("|+ {comment}\n{deep}  a: b\n{deep}  # no comment\n\n"),
        (_, 8) if !is_flow => format!("> {comment}\n{deep}  a: b\n\n{deep}  c\n"),
        (_, 9) if !is_flow => format!("|-\n{deep}  last_error: x\n{deep}    - id: 1\n"),
        (_, 5) if !is_flow => format!("two\n{deep}   lines"),
        (_, 4) => format!("\"a # b\\n\\\n{deep}   c\""),
        (_, 3) => "'it''s: [odd], {}'".into(),
        (_, 2) if is_text && !is_list => String::new(),
        (_, 1) => "\"two\\nlines\"".into(),
        _ => "plain text".into(),
    }
}

/// The lines of one mapping's entries; `lead` is before the first.
fn block(entries: &[Written], (lead, deep): (&str, &str), comments: &mut Comments) -> String {
    let mut text = String::new();
    for (at, written) in entries.iter().enumerate() {
        if written.above && at > 0 {
            text += &format!("{deep}{}\n\n", comments.next(true));
        }
        let is_own = |form: &[usize]| form.contains(&written.form);
        let takes_header = (is_own(&[7, 8])
            || written.key == "validation_findings" && is_own(&[6]))
            && !matches!(written.key, "status" | "attempts" | "depends_on" | "id" | "name");
        let header = comments.next(takes_header && written.beside);
        let value = match written.key {
            "id" | "name" => "'ID'".to_owned(),
            _ => value(written, (deep, false), &header),
        };
        let lead = if at == 0 { lead } else { deep };
        let is_lines = value.ends_with('\n') || value.starts_with('\n') || takes_header;
        let between = written.between && !is_lines && !value.is_empty();
        let between = match comments.next(between) {
            comment if comment.is_empty() => " ".to_owned(),
            comment => format!(" {comment}\n{deep}    "),
        };
        let beside = comments.next(written.beside && !is_lines);
        let pad = if value.is_empty() || beside.is_empty() { "" } else { "  " };
        text += &format!("{lead}{}:{between}{value}{pad}{beside}", written.key);
        text += if text.ends_with('\n') { "" } else { "\n" };
    }
    text
}

/// The same in brackets, on one line or several.
fn flow(entries: &[Written], (deep, style): (&str, usize), comments: &mut Comments) -> String {
    let mut text = "{".to_owned();
    for (at, written) in entries.iter().enumerate() {
        let value = match written.key {
            "id" | "name" => "'ID'".to_owned(),
            _ => value(written, (deep, true), ""),
        };
        let is_last = at + 1 == entries.len();
        let comma = if !is_last || style == 6 { "," } else { "" };
        let colon = if value.is_empty() && style == 6 { "" } else { ": " };
        text += &format!("{}{colon}{value}{comma}", written.key);
        let beside = comments.next(written.beside && style != 5);
        match style {
            5 => text += if is_last { "" } else { " " },
            _ if beside.is_empty() => text += &format!("\n{deep}  "),
            _ => text += &format!(" {beside}\n{deep}  "),
        }
    }
    text + "}"
}

impl Form {
    /// The text, and how many comments are in it.
    fn written(&self) -> (String, usize) {
        let mut comments = Comments::default();
        let outer = " ".repeat(self.indent.0);
        let mut text = format!("meta: {{name: é}}\nsections:\n{outer}- id: s\n");
        let (entries, is_before) = &self.section;
        let own = |comments: &mut Comments| {
            let deep = format!("{outer}  ");
            block(entries, (&deep, &deep), comments)
        };
        if *is_before {
            text += &own(&mut comments);
        }
        text += &format!("{outer}  tasks:\n");
        let list = format!("{outer}  {}", " ".repeat(self.indent.1));
        for (at, (entries, style)) in self.tasks.iter().enumerate() {
            let deep = format!("{list}  ");
            let task = match style {
                0..=2 => block(entries, (&format!("{list}- "), &deep), &mut comments),
                3 => format!("{list}-\n{}", block(entries, (&deep, &deep), &mut comments)),
                4 => {
                    format!("{list}- &t{at} # c\n{}", block(entries, (&deep, &deep), &mut comments))
                }
                _ => format!("{list}- {}\n", flow(entries, (&deep, *style), &mut comments)),
            };
            text += &task.replace("'ID'", &format!("'t{at}'"));
        }
        if !is_before {
            text += &own(&mut comments);
        }
        let text = if self.is_closed { text } else { text.trim_end().to_owned() };
        (text.replace('\n', self.eol), comments.0)
    }
}

fn any_entries(
    keys: &'static [&'static str],
    always: &'static [&'static str],
) -> impl Strategy<Value = Vec<Written>> {
    let chosen = proptest::sample::subsequence(keys, 0..=keys.len());
    let shuffled = chosen.prop_map(move |keys| [always, &keys].concat()).prop_shuffle();
    shuffled.prop_flat_map(|keys| {
        let one = |key: &&'static str| {
            let key = *key;
            let often = proptest::bool::weighted(0.25);
            (0usize..10, often, often, proptest::bool::weighted(0.1)).prop_map(
                move |(form, above, beside, between)| Written { key, form, above, beside, between },
            )
        };
        keys.iter().map(one).collect::<Vec<_>>()
    })
}

fn any_form() -> impl Strategy<Value = Form> {
    let task = (any_entries(OPTIONAL, &["id", "name"]), 0usize..8);
    let section = (any_entries(&["status", "name"], &[]), any::<bool>());
    let eol = prop_oneof![Just("\n"), Just("\r\n")];
    let indent = (0usize..3, 0usize..3);
    (proptest::collection::vec(task, 1..4), section, indent, eol, any::<bool>()).prop_map(
        |(tasks, section, indent, eol, is_closed)| Form { tasks, section, indent, eol, is_closed },
    )
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let text = prop_oneof![
        Just("- a: b\n# c".to_owned()),
        Just("'\"{[%@`&*!|>".to_owned()),
        "\\PC{0,12}|[ -~\n\t\r\u{85}\u{2028}]{1,12}",
    ];
    let field = |key: &'static str, text: BoxedStrategy<String>| {
        proptest::option::of(proptest::option::weighted(0.6, text))
            .prop_map(move |value| value.map(|value| (key, value)))
            .boxed()
    };
    let status = prop_oneof![Just("completed"), Just("failed"), Just("pending"), Just("skipped")];
    let status = status.prop_map(|status| Some(("status", Some(status.to_owned())))).boxed();
    let keys = ["attempts", "result_message", "last_error", "validation_findings", "completed_at"];
    let rest = keys.map(|key| match key {
        "attempts" => field(key, (0..9).prop_map(|it: i32| it.to_string()).boxed()),
        _ => field(key, text.clone().boxed()),
    });
    let fields = std::iter::once(status).chain(rest).collect::<Vec<_>>();
    let fields = fields.prop_map(|fields| fields.into_iter().flatten().collect());
    proptest::collection::vec((0usize..4, fields), 1..5)
}

/// A value as [`Outline`] tells it.
fn meaning(key: &str, value: &str) -> String {
    if key == "attempts" { value.to_owned() } else { format!("{value:?}") }
}

/// The same changes made to the text and to what it means.
fn stepped(text: &str, outline: &mut Outline, (task, fields): &Step) -> Result<String, EditError> {
    let n_tasks = outline.sections[0].tasks.len();
    let found = &mut outline.sections[0].tasks[task % n_tasks];
    let id = found.id.clone();
    for (key, value) in fields {
        match value {
            Some(value) => found.keys.insert((*key).to_owned(), meaning(key, value)),
            None => found.keys.remove(*key),
        };
    }
    let mut changes: Vec<FieldChange<'_>> = Vec::new();
    for (key, value) in fields {
        let value = match value {
            Some(value) if *key == "attempts" => FieldValue::Number(value.parse().unwrap()),
            Some(value) => FieldValue::Text(value),
            None => FieldValue::Absent,
        };
        changes.push(FieldChange { target: Target::Task(id.clone()), key, value });
    }
    let status = if task % 2 == 0 { "completed" } else { "failed" };
    outline.sections[0].keys.insert("status".into(), meaning("status", status));
    let (target, value) = (Target::Section(SectionId::new("s")), FieldValue::Text(status));
    changes.push(FieldChange { target, key: "status", value });
    let edited = apply(&source(text), &changes);
    let known = apply_in(&source(text), &plan::parse(&source(text)).value, &changes);
    assert_eq!(known, edited, "by the lines of the tasks alone");
    edited
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_edits_of_any_form_are_what_a_parser_would_have_made(form in any_form(), steps in any_steps()) {
        let (mut text, n_comments) = form.written();
        let Some(mut outline) = Outline::of(&source(&text)) else {
            panic!("no plan:\n{text}");
        };
        prop_assert_eq!(outline.sections[0].tasks.len(), form.tasks.len(), "{}", text);
        for step in &steps {
            let edited = stepped(&text, &mut outline, step);
            prop_assert!(edited.is_ok(), "{:?} {:?}\n{}", edited, step, text);
            text = edited.unwrap();
            let found = Outline::of(&source(&text));
            prop_assert_eq!(found.as_ref(), Some(&outline), "{}", text);
        }
        for comment in 1..=n_comments {
            let comment = format!("# ü: 'c{comment}, {{");
            prop_assert_eq!(text.matches(&comment).count(), 1, "{} {}", comment, text);
        }
        let breaks = |one: &str| text.matches(one).count();
        prop_assert!(form.eol == "\n" || breaks("\r\n") == breaks("\n"), "{:?}", text);
    }
}
