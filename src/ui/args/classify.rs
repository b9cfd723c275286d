//! What `orch classify` takes.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::base::measure::Moment;

#[derive(Clone, Debug, Default, ClapArgs)]
#[command(after_help = "\
Without --exit and --signal the stream says how it ended: 1 is assumed where its result is an error.
Examples:
  orch classify session.jsonl --exit 1
  orch classify - --signal TERM < session.jsonl.zst
  orch classify --text \"You've hit your limit · resets 3pm\" --now 2026-11-22T12:00:00Z --zone Asia/Tokyo
")]
pub struct ClassifyArgs {
    /// The stream: plain, packed by zstd, a blob of `.orch/`; `-` is standard input
    #[arg(value_name = "FILE", required_unless_present = "text", conflicts_with = "text")]
    pub file: Option<PathBuf>,
    /// The exit code; below 0 a signal
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with_all = ["signal", "text"])]
    pub exit: Option<i32>,
    /// The signal that ended it, such as 9 or TERM
    #[arg(long, value_name = "S", value_parser = signal_of, conflicts_with = "text")]
    pub signal: Option<i32>,
    /// What the program wrote to stderr
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub stderr: Option<PathBuf>,
    /// Judge this one message of the CLI instead of a stream
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub text: Option<String>,
    /// When it was said, RFC 3339 or seconds since 1970; else the stream's last message, else now
    #[arg(long, value_name = "TIME", value_parser = moment_of)]
    pub now: Option<Moment>,
    /// The zone it was said in, such as Europe/Berlin; else this machine's
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
}

/// `2026-11-22T17:00:00Z`, `2026-11-22T18:00:00+01:00`, `1795366800`.
pub fn moment_of(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        let millis = seconds.checked_mul(1000).filter(|it| *it <= i64::MAX as u64);
        return millis.map(Moment).ok_or_else(|| "too far away".to_owned());
    }
    let stamp = text.parse::<jiff::Timestamp>().map_err(|_| {
        "not a time such as `2026-11-22T17:00:00Z` or seconds since 1970".to_owned()
    })?;
    u64::try_from(stamp.as_millisecond()).map(Moment).map_err(|_| "a time before 1970".to_owned())
}

const SIGNALS: [(&str, i32); 12] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("SEGV", 11),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
];

/// `9`, `KILL`, `SIGKILL`.
fn signal_of(text: &str) -> Result<i32, String> {
    let name = text.trim().to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let named = SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    let numbered = || name.parse::<i32>().ok().filter(|it| (1..=64).contains(it));
    named.or_else(numbered).ok_or_else(|| "not a signal such as `9` or `TERM`".to_owned())
}
