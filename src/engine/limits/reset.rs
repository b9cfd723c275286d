//! The grammar of resets: `resets [DAY [at]] TIME [ZONE]`, `resets in 3h 25m`, `|SECONDS`, and how
//! other surfaces say the same.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::calendar::{Day, moment_of};
use super::lexer::{Token, tokens_of};
use super::zone::zone_named;
use crate::base::measure::Moment;

/// What a message says of the reset.
#[derive(Debug, Default)]
pub struct Reset {
    /// Seconds since 1970.
    pub at: Option<u64>,
    /// A date was given, so that it may be more than a day away.
    pub is_dated: bool,
    /// It was told without a year, so that there is a next one.
    pub recurs: bool,
    pub notes: Vec<String>,
}

/// What comes before the moment of a reset.
const ANCHORS: &[&str] = &[
    "resets",
    "reset",
    "resetting",
    "try again",
    "retry",
    "regain access",
    "available again",
    "come back",
    "until",
];

/// Reads a cleaned message.
pub fn reset_in(text: &str, now: Moment, local_zone: &str) -> Reset {
    if let Some(at) = epoch_in(text) {
        let notes = at.map(|_| "the reset is given in seconds since 1970".to_owned());
        return Reset { at, is_dated: false, recurs: false, notes: notes.into_iter().collect() };
    }
    let tails = ANCHORS
        .iter()
        .flat_map(|anchor| text.match_indices(anchor).map(|(at, _)| &text[at + anchor.len()..]));
    let mut tails: Vec<&str> = tails.collect();
    tails.sort_by_key(|tail| std::cmp::Reverse(tail.len()));
    let said = tails.into_iter().find_map(|tail| Reader::new(tail).read());
    said.map_or_else(Reset::default, |said| said.resolve(now, local_zone))
}

/// `limit reached|1751385600` and `"resetsAt":1779202200`, in seconds or milliseconds; 0 is none.
fn epoch_in(text: &str) -> Option<Option<u64>> {
    let rest = text.split_once("\"resetsat\":").or_else(|| text.split_once('|'))?.1.trim_start();
    let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
    match rest[..end].parse().ok()? {
        0 => Some(None),
        seconds @ 1_000_000_000..100_000_000_000 => Some(Some(seconds)),
        millis @ 1_000_000_000_000..100_000_000_000_000 => Some(Some(millis / 1000)),
        _ => None,
    }
}

/// A moment as it was told.
#[derive(Debug)]
enum Said {
    /// Seconds from now on.
    In(u64),
    At {
        day: Day,
        time: Option<Time>,
        zone: Option<String>,
    },
}

impl Said {
    fn resolve(self, now: Moment, local_zone: &str) -> Reset {
        let (day, time, zone) = match self {
            Self::In(seconds) => {
                let at = (now.0 / 1000).checked_add(seconds);
                let notes = vec!["the reset is given as a time from now".to_owned()];
                return Reset { at, is_dated: seconds > 86_400, recurs: false, notes };
            }
            Self::At { day, time, zone } => (day, time, zone),
        };
        let mut notes = Vec::new();
        let zone = zone_of(zone.as_deref(), local_zone, &mut notes);
        if time.is_none() {
            notes.push("no time of day: the day's start is taken".to_owned());
        }
        let at = moment_of(day, time.unwrap_or(Time::midnight()), &zone, now);
        let recurs = !matches!(day, Day::Exact(_));
        Reset { at, is_dated: day != Day::Next, recurs, notes }
    }
}

/// The zone that was told, else the machine's, else UTC; the notes say which.
fn zone_of(named: Option<&str>, local_zone: &str, notes: &mut Vec<String>) -> TimeZone {
    if let Some(name) = named.filter(|name| !["local", "localtime"].contains(name)) {
        if let Some(zone) = zone_named(name) {
            return zone;
        }
        notes.push(format!("zone `{name}` is not known: {local_zone} is taken"));
    } else {
        notes.push(format!("no zone given: {local_zone} is taken"));
    }
    zone_named(local_zone).unwrap_or_else(|| {
        notes.push(format!("the local zone `{local_zone}` is not known: UTC is taken"));
        TimeZone::UTC
    })
}

/// Reads what follows an anchor.
struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { tokens: tokens_of(text), at: 0 }
    }

    fn token(&self, ahead: usize) -> Option<&Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    fn word(&self, ahead: usize) -> Option<&'a str> {
        match self.token(ahead)? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn number(&self, ahead: usize) -> Option<u64> {
        match self.token(ahead)? {
            Token::Number(number, _) => Some(*number),
            _ => None,
        }
    }

    fn is_mark(&self, ahead: usize, mark: char) -> bool {
        self.token(ahead) == Some(&Token::Mark(mark))
    }

    /// Steps over filling words and marks.
    fn skip(&mut self, words: &[&str], marks: &str) {
        loop {
            let is_skipped = match self.token(0) {
                Some(Token::Word(word)) => words.contains(word),
                Some(Token::Mark(mark)) => marks.contains(*mark),
                _ => false,
            };
            if !is_skipped {
                return;
            }
            self.at += 1;
        }
    }

    fn read(mut self) -> Option<Said> {
        let fillers = ["at", "on", "by", "after", "around", "about", "approximately", "time", "is"];
        self.skip(&fillers, ":,~");
        if self.word(0) == Some("in") {
            self.at += 1;
            self.skip(&["about", "around", "approximately"], "~");
            return self.span().map(Said::In);
        }
        if let Some(seconds) = self.span() {
            return Some(Said::In(seconds));
        }
        let early = self.time();
        if early.is_some() {
            self.skip(&["on"], ",");
        }
        let zone_first = early.and_then(|_| self.zone());
        if zone_first.is_some() {
            self.skip(&["on"], ",");
        }
        let day = self.day();
        if day.is_some() {
            self.skip(&["at", "from", "t"], ",@");
        }
        let time = early.or_else(|| day.and_then(|_| self.time()));
        if time.is_none() && day.is_none() {
            return None;
        }
        let zone = zone_first.or_else(|| self.zone());
        Some(Said::At { day: day.unwrap_or(Day::Next), time, zone })
    }

    /// `3h 25m`, `2 hours and 5 minutes`, `1.5 hours`, `an hour`, in seconds.
    fn span(&mut self) -> Option<u64> {
        let mut total: Option<u64> = None;
        while let Some((seconds, len)) = self.span_part() {
            total = Some(total.unwrap_or(0).saturating_add(seconds));
            self.at += len;
            self.skip(&["and"], ",");
        }
        total
    }

    /// One number with its unit, and how many tokens they take.
    fn span_part(&self) -> Option<(u64, usize)> {
        if let Some("a" | "an" | "one") = self.word(0) {
            return Some((unit_of(self.word(1)?)?, 2));
        }
        let whole = self.number(0)?;
        if let Some(unit) = self.word(1).and_then(unit_of) {
            return Some((whole.saturating_mul(unit), 2));
        }
        let Some(Token::Number(part, digits)) = self.token(2) else { return None };
        let unit = self.word(3).and_then(unit_of).filter(|_| self.is_mark(1, '.'))?;
        let scale = 10u64.checked_pow(u32::try_from(*digits).ok()?)?;
        let part = part.checked_mul(unit)? / scale;
        Some((whole.saturating_mul(unit).saturating_add(part), 4))
    }

    fn day(&mut self) -> Option<Day> {
        let named = match self.word(0) {
            Some("today" | "tonight") => Some(Day::Next),
            Some("tomorrow") => Some(Day::Tomorrow),
            Some(word) => weekday_of(word).map(Day::On),
            None => None,
        };
        if named.is_some() {
            self.at += 1;
            self.skip(&[], ",.");
        }
        self.date().or(named)
    }

    /// `dec 2`, `dec 2nd, 2026`, `2 dec`, `2026-12-02`.
    fn date(&mut self) -> Option<Day> {
        if let Some(month) = self.word(0).and_then(month_of) {
            let dot = usize::from(self.is_mark(1, '.'));
            let day = i8::try_from(self.number(1 + dot)?).ok()?;
            self.at += 2 + dot;
            return self.with_year(month, day);
        }
        if let Some(Token::Number(year, 4)) = self.token(0) {
            let is_iso = self.is_mark(1, '-') && self.is_mark(3, '-');
            let (month, day) = (self.number(2)?, self.number(4)?);
            let date = Date::new(
                i16::try_from(*year).ok()?,
                i8::try_from(month).ok()?,
                i8::try_from(day).ok()?,
            );
            let date = date.ok().filter(|_| is_iso)?;
            self.at += 5;
            return Some(Day::Exact(date));
        }
        let day = i8::try_from(self.number(0)?).ok()?;
        let gap = usize::from(matches!(self.word(1), Some("st" | "nd" | "rd" | "th")));
        let gap = gap + usize::from(self.word(1 + gap) == Some("of"));
        let month = month_of(self.word(1 + gap)?)?;
        self.at += 2 + gap;
        self.with_year(month, day)
    }

    /// The year behind a day, where there is one.
    fn with_year(&mut self, month: i8, day: i8) -> Option<Day> {
        if matches!(self.word(0), Some("st" | "nd" | "rd" | "th")) {
            self.at += 1;
        }
        // 2028 is a leap year: a day that it lacks is in no year.
        Date::new(2028, month, day).ok()?;
        let comma = usize::from(self.is_mark(0, ',') || self.is_mark(0, '.'));
        let Some(Token::Number(year @ 1970..=9000, 4)) = self.token(comma) else {
            return Some(Day::Dated(month, day));
        };
        let date = Date::new(*year as i16, month, day).ok()?;
        self.at += comma + 1;
        Some(Day::Exact(date))
    }

    /// `3pm`, `9:30 AM`, `19:12`, `noon`.
    fn time(&mut self) -> Option<Time> {
        let (hour, len) = match self.word(0) {
            Some("noon") => return self.take(12, 0, 1),
            Some("midnight") => return self.take(0, 0, 1),
            _ => (self.number(0)?, 1),
        };
        let (minute, mut len) = match self.number(len + 1).filter(|_| self.is_mark(len, ':')) {
            Some(minute) => (Some(minute), len + 2),
            None => (None, len),
        };
        if minute.is_some() && self.is_mark(len, ':') && self.number(len + 1).is_some() {
            let is_part = self.is_mark(len + 2, '.') && self.number(len + 3).is_some();
            len += if is_part { 4 } else { 2 };
        }
        let half = self.half(len);
        let hour = match half {
            Some((false, _)) if hour == 12 => 0,
            Some((true, _)) if hour < 12 => hour + 12,
            Some(_) => hour,
            // A bare number is no time.
            None if minute.is_none() => return None,
            None => hour,
        };
        self.take(hour, minute.unwrap_or(0), len + half.map_or(0, |(_, len)| len))
    }

    fn take(&mut self, hour: u64, minute: u64, len: usize) -> Option<Time> {
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        let time = Time::new(hour, minute, 0, 0).ok()?;
        self.at += len;
        Some(time)
    }

    /// Is it after noon, and how many tokens say so: `pm`, `p.m.`.
    fn half(&self, ahead: usize) -> Option<(bool, usize)> {
        match self.word(ahead)? {
            "am" => Some((false, 1)),
            "pm" => Some((true, 1)),
            half @ ("a" | "p") if self.is_mark(ahead + 1, '.') => {
                let dot = usize::from(self.is_mark(ahead + 3, '.'));
                (self.word(ahead + 2)? == "m").then_some((half == "p", 3 + dot))
            }
            _ => None,
        }
    }

    /// `(europe/berlin)`, `utc`, `europe/berlin`, `+02:00`, `utc+2`.
    fn zone(&mut self) -> Option<String> {
        if let Some(Token::Group(name)) = self.token(0) {
            let name = name.clone();
            self.at += 1;
            return Some(name).filter(|name| !name.is_empty());
        }
        let word = self.word(0).filter(|word| word.contains('/') || zone_named(word).is_some());
        let len = usize::from(word.is_some());
        let may_have_offset = word.is_none_or(|it| ["utc", "gmt"].contains(&it));
        if let Some((offset, n_tokens)) = self.offset(len).filter(|_| may_have_offset) {
            self.at += len + n_tokens;
            return Some(offset);
        }
        self.at += len;
        word.or_else(|| (self.word(0) == Some("local")).then_some("local")).map(str::to_owned)
    }

    /// `+02:00`, `-3`, and how many tokens it takes.
    fn offset(&self, ahead: usize) -> Option<(String, usize)> {
        let sign = ['+', '-'].into_iter().find(|sign| self.is_mark(ahead, *sign))?;
        // Behind a time, a single digit is rather a list or a count.
        let min_digits = if ahead == 0 { 2 } else { 1 };
        let Some(Token::Number(hours, digits)) = self.token(ahead + 1) else { return None };
        let hours = (*digits >= min_digits).then_some(*hours)?;
        let minutes = self.number(ahead + 3).filter(|_| self.is_mark(ahead + 2, ':'));
        let len = if minutes.is_some() { 4 } else { 2 };
        let name = match minutes {
            Some(minutes) => format!("{sign}{hours:02}:{minutes:02}"),
            None => format!("{sign}{hours:02}"),
        };
        zone_named(&name)?;
        Some((name, len))
    }
}

/// Seconds of a unit.
fn unit_of(word: &str) -> Option<u64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600),
        "d" | "day" | "days" => Some(86_400),
        "w" | "week" | "weeks" => Some(604_800),
        _ => None,
    }
}

fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = MONTHS.iter().position(|month| word.len() >= 3 && month.starts_with(word));
    let at = at.or((word == "sept").then_some(8))?;
    i8::try_from(at + 1).ok()
}

fn weekday_of(word: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let at = DAYS.iter().position(|day| word.len() >= 3 && day.starts_with(word))?;
    Weekday::from_monday_one_offset(i8::try_from(at + 1).ok()?).ok()
}
