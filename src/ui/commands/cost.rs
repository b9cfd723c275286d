//! `orch cost`: what was spent, by whatever one wants to know it by.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::base::measure::{Billing, Usd};
use crate::base::name::TaskRef;
use crate::engine::past::ledger::{Group, LedgerEntry, OpenAttempts, Sum, entries, group, sum_of};
use crate::engine::stream::PRICES_VERSION;
use crate::ui::args::CostArgs;
use crate::ui::exit::Exit;
use crate::ui::project::Project;
use crate::ui::report::counted;
use crate::ui::shell::{Paint, Ran, Shell, Tone};
use crate::ui::text::{columns_of, fill, one_line};

use super::selection::Selection;

pub fn run(args: &CostArgs, project: &mut dyn Project, shell: &mut Shell, folder: &str) -> Ran {
    let selection = Selection::of(project, &args.targets, folder)?;
    let records = project.journal()?;
    let mut entries = entries(&records);
    if let Some(wanted) = &selection.wanted {
        entries.retain(|entry| wanted.contains(&entry.task));
    }
    let sections: BTreeMap<&TaskRef, &str> =
        selection.picture.tasks.iter().map(|task| (&task.task, task.section.as_str())).collect();
    let section_of = |task: &TaskRef| sections.get(task).map(|name| (*name).to_owned());
    let statement = Statement {
        format: 1,
        by: args.by.into(),
        groups: group(&entries, args.by, &section_of),
        total: sum_of(&entries),
        is_api_equivalent: entries.iter().any(|entry| entry.spend.is_subscription),
        n_open: OpenAttempts::of(&records).len(),
    };
    let text = match shell.is_json() {
        true => crate::ui::json::line_of(&statement),
        false => statement.text(&entries, shell.out_paint()),
    };
    shell.data(&text)?;
    Ok(Exit::Success)
}

/// The whole answer, which is also the JSON document.
#[derive(Debug, Serialize)]
struct Statement {
    format: u32,
    by: &'static str,
    /// Some of it ran on a subscription: those dollars are what the API would have asked for.
    is_api_equivalent: bool,
    total: Sum,
    groups: Vec<Group>,
    /// Sessions without an end on record.
    n_open: usize,
}

/// A part that is estimated makes an estimate of the whole.
fn billing_of(sum: &Sum) -> Billing {
    Billing::of(sum.subscription > 0 || sum.estimated > 0)
}

impl Statement {
    fn text(&self, entries: &[LedgerEntry], paint: Paint) -> String {
        if entries.is_empty() {
            return format!("nothing was spent{}\n", self.open_words());
        }
        let mut text = self.table(paint);
        text.push('\n');
        let total = &self.total;
        let _ =
            write!(text, "{} for {}", self.usd(total), counted(total.sessions as usize, "session"));
        let waste = [("failed attempts", total.failed_usd), ("validation", total.validation_usd)];
        for (what, cost) in waste.into_iter().filter(|(_, cost)| *cost != Usd::ZERO) {
            let _ = write!(text, ", of which {} for {what}", billing_of(total).text(cost));
        }
        text.push('\n');
        text.push_str(&self.notes(paint));
        text
    }

    fn table(&self, paint: Paint) -> String {
        let cells: Vec<[String; 8]> = self.groups.iter().map(|group| self.cells(group)).collect();
        let heads =
            [self.by, "cost", "sessions", "failed", "validation", "input", "cached", "output"];
        let heads = heads.map(str::to_owned);
        let width = |column: usize| {
            let all = cells.iter().chain([&heads]).map(|row| columns_of(&row[column]));
            all.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let line = |row: &[String; 8]| {
            let mut line = fill(&row[0], widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                let _ = write!(line, "  {cell:>width$}");
            }
            line
        };
        let mut text = paint.paint(Tone::Faint, line(&heads)) + "\n";
        for row in &cells {
            text.push_str(&line(row));
            text.push('\n');
        }
        text
    }

    fn cells(&self, group: &Group) -> [String; 8] {
        let sum = &group.sum;
        let part = |cost: Usd| match cost {
            Usd::ZERO => "-".to_owned(),
            cost => billing_of(sum).text(cost),
        };
        [
            one_line(&group.name),
            self.usd(sum),
            sum.sessions.to_string(),
            part(sum.failed_usd),
            part(sum.validation_usd),
            tokens(sum.input_tokens + sum.cache_creation_tokens + sum.cache_read_tokens),
            sum.cache_share().map_or("-".to_owned(), |share| format!("{:.0}%", share * 100.0)),
            tokens(sum.output_tokens),
        ]
    }

    /// `$1.20`; `~$1.20` where nobody was billed for it; with `+?` where a part is not known.
    fn usd(&self, sum: &Sum) -> String {
        let unknown = if sum.unknown > 0 { "+?" } else { "" };
        format!("{}{unknown}", billing_of(sum).text(sum.cost_usd))
    }

    fn notes(&self, paint: Paint) -> String {
        let Sum { estimated, unknown, .. } = self.total;
        let mut notes = Vec::new();
        if self.is_api_equivalent {
            notes.push(
                "API-equivalent estimate: what the API would have asked for; on a subscription it is \
                 not billed"
                    .to_owned(),
            );
        }
        if estimated > 0 {
            let what = counted(estimated as usize, "session");
            notes.push(format!("{what} cut short: estimated by list price ({PRICES_VERSION})"));
        }
        if unknown > 0 {
            let what = counted(unknown as usize, "session");
            notes.push(format!(
                "{what} of unknown cost, counted as nothing: orch was killed beside"
            ));
        }
        if self.n_open > 0 {
            notes.push(self.open_words().trim_start_matches("; ").to_owned());
        }
        notes.iter().map(|note| paint.paint(Tone::Faint, note) + "\n").collect()
    }

    fn open_words(&self) -> String {
        match self.n_open {
            0 => String::new(),
            n => format!(
                "; {} without an end on record: running now, or to be booked by the next build",
                counted(n, "session")
            ),
        }
    }
}

/// `812`, `12.3k`, `4.56M`.
fn tokens(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        _ => format!("{:.2}M", n as f64 / 1e6),
    }
}
