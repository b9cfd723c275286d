//! The trailers of landing and receipt commits: written here, and read back here. Pure text.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::base::digest::Digest;
use crate::base::measure::Usd;
use crate::base::name::{
    ActionKey, ModelName, OutputDigest, RecipeDigest, RelPath, SessionId, TaskRef, ValidatorName,
    VerdictKey,
};
use crate::engine::effect::LandingRequest;
use crate::engine::record::lineage::VerdictMark;
use crate::engine::report::{Report, ReportMark};

/// What the trailers of one commit say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers {
    pub landing: Option<LandingTrailers>,
    pub receipts: Vec<ReceiptTrailers>,
    /// It holds what the user had not committed, beneath a result of this task.
    pub beneath: Option<TaskRef>,
    /// A form of keys that only a later version knows.
    pub later_form: Option<String>,
}

/// The form of keys that are written; those without a form are of the one before.
const FORM: u32 = 2;

/// The trailers of a landing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandingTrailers {
    pub task: TaskRef,
    pub action: ActionKey,
    /// `None` where the key is of an earlier form.
    pub recipe: Option<RecipeDigest>,
    pub output: OutputDigest,
    /// The report in the message.
    pub report: Option<ReportMark>,
    pub session: Option<SessionId>,
    pub model: Option<ModelName>,
    pub cost: Usd,
    pub verdicts: Vec<VerdictMark>,
    /// The plan file whose status line rides along.
    pub plan: Option<RelPath>,
}

/// One accepted result that changed no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptTrailers {
    pub task: TaskRef,
    pub action: ActionKey,
    /// As in [`LandingTrailers`].
    pub recipe: Option<RecipeDigest>,
    pub output: OutputDigest,
    /// The report in the message.
    pub report: Option<ReportMark>,
    pub verdicts: Vec<VerdictMark>,
}

/// A receipt with the report that its commit tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingReceipt {
    pub receipt: ReceiptTrailers,
    pub report: Option<Report>,
}

impl OutgoingReceipt {
    /// The receipt of what is to be told.
    pub fn of(request: &LandingRequest) -> Self {
        let report = request.report.clone();
        let receipt = ReceiptTrailers {
            task: request.task.clone(),
            action: request.key,
            recipe: Some(request.recipe),
            output: request.output,
            report: report.as_ref().map(Report::mark),
            verdicts: request.verdicts.clone(),
        };
        Self { receipt, report }
    }
}

/// The message of a landing commit.
pub fn landing_message(
    request: &LandingRequest,
    output: OutputDigest,
    plan: Option<&RelPath>,
) -> String {
    let mut lines = vec![
        format!("Orch-Task: {}", escaped(&request.task.to_string())),
        format!("Orch-Action: {FORM}:{}", request.key),
        format!("Orch-Recipe: {}", request.recipe),
        format!("Orch-Output: {output}"),
    ];
    lines.extend(
        request.report.as_ref().map(|it| format!("Orch-Report: {}", report_text(it.mark()))),
    );
    let session =
        request.session.as_ref().map(|id| format!("Orch-Session: {}", escaped(id.as_str())));
    let model =
        request.model.as_ref().map(|name| format!("Orch-Model: {}", escaped(name.as_str())));
    lines.extend(session);
    lines.extend(model);
    lines.push(format!("Orch-Cost-USD: {}", dollars(request.cost)));
    lines.extend(request.verdicts.iter().map(|mark| format!("Orch-Verdict: {}", mark_text(mark))));
    lines.extend(request.proposals.iter().map(|it| format!("Orch-Proposal: {}", it)));
    lines.extend(plan.map(|path| format!("Orch-Plan: {}", escaped(path.as_str()))));
    let reports: Vec<_> = request.report.iter().map(|it| (&request.task, it)).collect();
    message(&request.subject, &reports, &lines)
}

/// The message of a commit with what the user had not committed, beneath a task's result.
pub fn beneath_message(task: &TaskRef) -> String {
    let line = format!("Orch-Beneath: {}", escaped(&task.to_string()));
    message(&format!("Uncommitted edits beneath {task}"), &[], &[line])
}

/// The message of a receipt commit.
pub fn receipt_message(receipts: &[OutgoingReceipt]) -> String {
    let mut lines = Vec::new();
    for OutgoingReceipt { receipt, .. } in receipts {
        let task = escaped(&receipt.task.to_string());
        let ReceiptTrailers { action, output, recipe, .. } = receipt;
        lines.push(match recipe {
            Some(recipe) => format!("Orch-Receipt: {task} {FORM}:{action} {output} {recipe}"),
            None => format!("Orch-Receipt: {task} {action} {output}"),
        });
        lines.extend(
            receipt.report.map(|it| format!("Orch-Receipt-Report: {task} {}", report_text(it))),
        );
        let marks = receipt.verdicts.iter().map(mark_text);
        lines.extend(marks.map(|mark| format!("Orch-Receipt-Verdict: {task} {mark}")));
    }
    let subject = match receipts {
        [] => ONLY_STATUS_LINES.to_owned(),
        [one] => format!("{}: accepted, no file changed", one.receipt.task),
        many => format!("{} results accepted, no file changed", many.len()),
    };
    let reports = receipts.iter().filter_map(|it| Some((&it.receipt.task, it.report.as_ref()?)));
    message(&subject, &reports.collect::<Vec<_>>(), &lines)
}

/// The message of a commit that carries nothing else.
const ONLY_STATUS_LINES: &str = "Status lines of plans";

/// True for a message as orch writes them.
pub fn is_of_orch(message: &str) -> bool {
    message.contains("\nOrch-") || message.trim_end() == ONLY_STATUS_LINES
}

/// Reads the trailers of a commit message: those of its last paragraph. A landing whose task,
/// action or output is missing or malformed is none.
pub fn read(message: &str) -> Trailers {
    if !message.contains("Orch-") {
        return Trailers::default();
    }
    let message = message.trim_end();
    let last = message.rsplit("\n\n").next().unwrap_or(message);
    let mut reading = Reading::default();
    for (name, value) in last.lines().filter_map(|line| line.split_once(": ")) {
        reading.take(name, value.trim());
    }
    reading.finished()
}

#[derive(Default)]
struct Reading<'a> {
    fields: BTreeMap<&'a str, &'a str>,
    verdicts: Vec<VerdictMark>,
    receipts: Vec<ReceiptTrailers>,
    later_form: Option<String>,
}

impl<'a> Reading<'a> {
    fn take(&mut self, name: &'a str, value: &'a str) {
        match name {
            "Orch-Verdict" => self.verdicts.extend(read_mark(value)),
            "Orch-Receipt" => {
                self.note_form(value.split(' ').nth(1).unwrap_or_default());
                self.receipts.extend(read_receipt(value));
            }
            "Orch-Action" => {
                self.note_form(value);
                self.fields.insert(name, value);
            }
            "Orch-Receipt-Verdict" => self.take_receipt_verdict(value),
            "Orch-Receipt-Report" => self.take_receipt_report(value),
            name => {
                self.fields.insert(name, value);
            }
        }
    }

    fn note_form(&mut self, key: &str) {
        let form = key.split_once(':').map(|(form, _)| form);
        let is_later = form.is_some_and(|it| it.parse::<u32>().is_ok_and(|it| it > FORM));
        self.later_form = form.filter(|_| is_later).map(str::to_owned).or(self.later_form.take());
    }

    fn take_receipt_verdict(&mut self, value: &str) {
        let Some((task, mark)) = value.split_once(' ') else { return };
        let (task, mark) = (unescaped(task), read_mark(mark));
        let owner = self.receipts.iter_mut().rev().find(|r| r.task.to_string() == task);
        if let (Some(receipt), Some(mark)) = (owner, mark) {
            receipt.verdicts.push(mark);
        }
    }

    fn take_receipt_report(&mut self, value: &str) {
        let Some((task, digest)) = value.split_once(' ') else { return };
        let task = unescaped(task);
        let owner = self.receipts.iter_mut().rev().find(|r| r.task.to_string() == task);
        if let Some(receipt) = owner {
            receipt.report = read_report(digest);
        }
    }

    fn finished(self) -> Trailers {
        let landing = self.landing();
        let beneath = self.fields.get("Orch-Beneath").map(|task| unescaped(task));
        let beneath = beneath.and_then(|task| TaskRef::parse(&task));
        let later_form = self.later_form;
        Trailers { landing, receipts: self.receipts, beneath, later_form }
    }

    fn landing(&self) -> Option<LandingTrailers> {
        let text = |name: &str| self.fields.get(name).map(|value| unescaped(value));
        let digest = |name: &str| Digest::parse(self.fields.get(name)?);
        let (action, is_present) = read_key(self.fields.get("Orch-Action")?)?;
        let recipe = digest("Orch-Recipe").map(RecipeDigest).filter(|_| is_present);
        if is_present && recipe.is_none() {
            return None;
        }
        Some(LandingTrailers {
            task: TaskRef::parse(&text("Orch-Task")?)?,
            action,
            recipe,
            output: OutputDigest(digest("Orch-Output")?),
            report: self.fields.get("Orch-Report").and_then(|it| read_report(it)),
            session: text("Orch-Session").map(SessionId::new),
            model: text("Orch-Model").map(ModelName::new),
            cost: self
                .fields
                .get("Orch-Cost-USD")
                .and_then(|t| read_dollars(t))
                .unwrap_or_default(),
            verdicts: self.verdicts.clone(),
            plan: text("Orch-Plan").and_then(RelPath::new),
        })
    }
}

fn read_receipt(value: &str) -> Option<ReceiptTrailers> {
    let mut words = value.split(' ');
    let task = TaskRef::parse(&unescaped(words.next()?))?;
    let (action, is_present) = read_key(words.next()?)?;
    let output = OutputDigest(Digest::parse(words.next()?)?);
    let recipe = match is_present {
        true => Some(RecipeDigest(Digest::parse(words.next()?)?)),
        false => None,
    };
    Some(ReceiptTrailers { task, action, recipe, output, report: None, verdicts: Vec::new() })
}

/// A key, and whether it is of the present form.
fn read_key(text: &str) -> Option<(ActionKey, bool)> {
    match text.split_once(':') {
        None => Some((ActionKey(Digest::parse(text)?), false)),
        Some((form, key)) if form == FORM.to_string() => {
            Some((ActionKey(Digest::parse(key)?), true))
        }
        Some(_) => None,
    }
}

/// `DIGEST`, or `DIGEST FAIL`.
fn report_text(mark: ReportMark) -> String {
    let word = if mark.is_fail { " FAIL" } else { "" };
    format!("{}{word}", mark.digest)
}

fn read_report(text: &str) -> Option<ReportMark> {
    let (digest, is_fail) = match text.strip_suffix(" FAIL") {
        Some(digest) => (digest, true),
        None => (text, false),
    };
    Some(ReportMark { digest: Digest::parse(digest)?, is_fail })
}

fn mark_text(mark: &VerdictMark) -> String {
    let verdict = if mark.warned { "WARN" } else { "PASS" };
    format!("{} {verdict} {}", escaped(mark.validator.as_str()), mark.key)
}

fn read_mark(text: &str) -> Option<VerdictMark> {
    let mut words = text.split(' ');
    let validator = ValidatorName::new(unescaped(words.next()?));
    let warned = match words.next()? {
        "WARN" => true,
        "PASS" => false,
        _ => return None,
    };
    Some(VerdictMark { validator, warned, key: VerdictKey(Digest::parse(words.next()?)?) })
}

/// Of a report, in bytes, in a commit's message.
const REPORT_KEPT: usize = 64 * 1024;

/// What stands before a report.
fn head_of(task: &TaskRef) -> String {
    format!("Report of {}:", escaped(&task.to_string()))
}

/// A report as a paragraph of its own, set in: no line of it can be a trailer.
fn paragraph(task: &TaskRef, report: &Report) -> String {
    let text = report.text();
    let end = (0..=REPORT_KEPT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    let kept = &text[..end.unwrap_or(0)];
    let cut = if kept.len() < text.len() { "\n(cut here)" } else { "" };
    let lines = format!("{kept}{cut}");
    let lines: Vec<String> = lines.lines().map(|it| format!("{SET_IN}{it}")).collect();
    format!("{}\n{}", head_of(task), lines.join("\n"))
}

/// Before each line of a report, empty ones too: they end no paragraph.
const SET_IN: &str = "    ";

/// The report of a task that a commit's message tells.
pub fn report_in(message: &str, task: &TaskRef) -> Option<String> {
    let head = head_of(task);
    let mut lines = message.lines().skip_while(|it| *it != head).skip(1).peekable();
    lines.peek()?;
    // Whoever rewrites a message takes blanks off empty lines.
    let lines =
        lines.map_while(|it| if it.is_empty() { Some(it) } else { it.strip_prefix(SET_IN) });
    let lines = lines.collect::<Vec<_>>();
    Some(lines.join("\n").trim_end().to_owned())
}

/// A subject of one line, reports, the trailers, each with an empty line before it.
fn message(subject: &str, reports: &[(&TaskRef, &Report)], trailers: &[String]) -> String {
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let subject = if subject.is_empty() { "orch" } else { &subject };
    let mut parts = vec![subject.to_owned()];
    parts.extend(reports.iter().map(|(task, report)| paragraph(task, report)));
    parts.push(trailers.join("\n"));
    format!("{}\n", parts.join("\n\n"))
}

/// Blanks, control characters and `%` as `%XX`, so that a value is one word of one line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || c == '%' {
            out.extend(utf8_percent_encode(c.encode_utf8(&mut [0; 4]), NON_ALPHANUMERIC));
        } else {
            out.push(c);
        }
    }
    out
}

fn unescaped(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Exact, without an exponent: `1.25`, `0.0123`, `0`.
fn dollars(cost: Usd) -> String {
    let nanos = cost.nanos().max(0);
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn read_dollars(text: &str) -> Option<Usd> {
    text.parse::<f64>().ok().map(Usd::from_dollars)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::AttemptId;
    use crate::engine::effect::StatusEdit;
    use crate::spec::plan::Status;
    use proptest::prelude::*;

    fn request(task: TaskRef, validator: &str, cost: i64) -> LandingRequest {
        let mark = VerdictMark {
            validator: ValidatorName::new(validator),
            warned: true,
            key: VerdictKey(Digest::of(b"verdict")),
        };
        LandingRequest {
            proposals: None,
            plan_change: None,
            attempt: AttemptId(1),
            task: task.clone(),
            subject: "Add the parser".into(),
            key: ActionKey(Digest::of(b"key")),
            recipe: RecipeDigest(Digest::of(b"recipe")),
            expected: OutputDigest(Digest::of(b"output")),
            output: OutputDigest(Digest::of(b"output")),
            report: None,
            verdicts: vec![mark],
            session: Some(SessionId::new("5f1e")),
            model: Some(ModelName::new("sonnet")),
            cost: Usd::from_nanos(cost),
            status: StatusEdit {
                plan_path: RelPath::new("plans/demo.yaml").unwrap(),
                task,
                status: Status::Completed,
                attempts: None,
                result_message: None,
                last_error: None,
                model_used: None,
                completed_at: None,
                validation_findings: None,
                item: None,
            },
        }
    }

    #[test]
    fn a_landing_message_is_plain_trailers() {
        let request = request(TaskRef::new("demo", "1.10"), "unit tests", 12_300_000);
        let plan = RelPath::new("plans/demo.yaml").unwrap();
        insta::assert_snapshot!(landing_message(&request, request.expected, Some(&plan)), @r"
        Add the parser

        Orch-Task: demo//1.10
        Orch-Action: 2:ff8e2bab3b26e0c127002127905539b47eb421de85d554e15f55a446459b52b4
        Orch-Recipe: 2cd86560b2a6a0a54b6f2767adec4d9fbf74c7b4c39ebca63fef3cdcee0d14f3
        Orch-Output: 96e754fa8b2ab9d1f3f8f2d2bb4ec79a18016b212cf44f8fd2f7441e6e97a48b
        Orch-Session: 5f1e
        Orch-Model: sonnet
        Orch-Cost-USD: 0.0123
        Orch-Verdict: unit%20tests WARN f3870003362772416696ef31e8b7ff49705577595ab013f89cd4e8d5142d7499
        Orch-Plan: plans/demo.yaml
        ");
    }

    #[test]
    fn keys_say_of_which_form_they_are() {
        let [key, output, recipe] = ["k", "o", "r"].map(|it| Digest::of(it.as_bytes()).to_string());
        let check = |lines: &str| {
            let Trailers { landing, receipts, later_form, .. } =
                read(&format!("Done\n\n{lines}\n"));
            let landed = landing.map(|it| it.recipe.is_some());
            let receipts: Vec<bool> = receipts.iter().map(|it| it.recipe.is_some()).collect();
            (landed, receipts, later_form)
        };
        let landing = |action: &str, more: &str| {
            check(&format!("Orch-Task: p//1\nOrch-Action: {action}\nOrch-Output: {output}{more}"))
        };
        let made = format!("\nOrch-Recipe: {recipe}");
        assert_eq!(landing(&key, ""), (Some(false), vec![], None), "an earlier form");
        assert_eq!(landing(&format!("2:{key}"), &made), (Some(true), vec![], None));
        assert_eq!(landing(&format!("2:{key}"), ""), (None, vec![], None), "it lacks its recipe");
        assert_eq!(landing(&format!("3:{key}"), &made), (None, vec![], Some("3".to_owned())));
        let receipt = |text: &str| check(&format!("Orch-Receipt: p//1 {text}"));
        assert_eq!(receipt(&format!("{key} {output}")), (None, vec![false], None));
        assert_eq!(receipt(&format!("2:{key} {output} {recipe}")), (None, vec![true], None));
        assert_eq!(receipt(&format!("7:{key} {output}")), (None, vec![], Some("7".to_owned())));
    }

    #[test]
    fn a_value_is_one_word() {
        let check = |text: &str, written: &str| {
            assert_eq!(escaped(text), written);
            assert_eq!(unescaped(written), text);
        };
        check("größe/a-1.b", "größe/a-1.b");
        check("a b\n50%", "a%20b%0A50%25");
        check("a\u{a0}b\u{3000}c\u{85}", "a%C2%A0b%E3%80%80c%C2%85");
        // What is no escape stands for itself.
        assert_eq!(unescaped("50% %2 %zz %+f"), "50% %2 %zz %+f");
    }

    #[test]
    fn only_the_last_paragraph_speaks() {
        let request = request(TaskRef::new("demo", "1"), "tests", 0);
        let quoted = landing_message(&request, request.expected, None);
        assert!(read(&quoted).landing.is_some());
        assert_eq!(read(&format!("{quoted}\nSigned off.\n")), Trailers::default());
        assert_eq!(read("Orch-Task: demo//1"), Trailers::default());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(plan in "[^/\0]{1,8}", task in "\\PC{1,12}|[ \t\n%]{1,3}", validator in "\\PC{1,9}", said in "[a-z:\n `#-]{0,40}", cost in 0i64..1_000_000_000_000) {
            let request = request(TaskRef::new(plan.trim_matches('/'), &task), &validator, cost);
            let landing = read(&landing_message(&request, request.expected, None)).landing;
            let landing = landing.expect("a landing");
            prop_assert_eq!(&landing.task.to_string(), &request.task.to_string());
            prop_assert_eq!(&landing.verdicts, &request.verdicts);
            prop_assert_eq!(landing.cost, request.cost);
            let report = Report::new(&said, cost % 2 == 0);
            let receipt = ReceiptTrailers { task: landing.task, action: landing.action, recipe: landing.recipe, output: landing.output, report: report.as_ref().map(Report::mark), verdicts: landing.verdicts };
            let plain = ReceiptTrailers { task: TaskRef::new("other", "1"), report: None, ..receipt.clone() };
            let message = receipt_message(&[OutgoingReceipt { receipt: receipt.clone(), report: report.clone() }, OutgoingReceipt { receipt: plain.clone(), report: None }]);
            let said = report_in(&message, &receipt.task);
            let lines = |it: &str| it.lines().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(said.as_deref().map(lines), report.as_ref().map(|it| lines(it.text())));
            prop_assert_eq!(report_in(&message, &plain.task), None);
            prop_assert_eq!(read(&message).receipts, vec![receipt, plain]);
        }
    }
}
