//! The grammar against every collected message, against the odd hours of clocks, and against
//! nonsense.

use proptest::prelude::*;

use super::*;
use crate::engine::corpus;

/// 2026-11-22 17:00 UTC, a Sunday.
const NOW: u64 = 1_795_366_800;

fn read_at(text: &str, now: u64, zone: &str) -> Option<Limit> {
    limit_of_message(text, Moment(now * 1000), zone)
}

/// `window  reset in UTC`, with `-` for what is not said.
fn shown(limit: &Limit) -> String {
    let reset = limit.resets_at.map(|at| Moment(at * 1000).to_string());
    format!("{} {}", limit.window, reset.as_deref().unwrap_or("-"))
}

/// Read on 2026-11-22 17:00 UTC on a machine in Berlin.
fn check(text: &str) -> String {
    read_at(text, NOW, "Europe/Berlin").map_or("none".to_owned(), |limit| shown(&limit))
}

#[test]
fn every_message_is_read() {
    for (expected, text) in corpus::limit_messages() {
        let read = check(&text);
        let read = read.strip_suffix(" UTC").unwrap_or(&read);
        // The class stands first; the classifier's tests look at it.
        assert_eq!(expected.split_once(' ').unwrap().1, read, "{text}");
    }
}

#[test]
fn every_collected_message_is_read() {
    let mut table = String::new();
    for row in corpus::collected_limit_messages() {
        table.push_str(&format!("{} <- {} | {}\n", check(&row[0]), row[0], row[3]));
    }
    if !table.is_empty() {
        insta::assert_snapshot!(table);
    }
}

#[test]
fn windows_are_told_by_words() {
    let check = |text: &str| read_at(text, NOW, "UTC").unwrap().window.to_string();
    assert_eq!(check("You've hit your session limit"), "five_hour");
    assert_eq!(check("You’ve hit your 5-hour limit · resets 7pm"), "five_hour");
    assert_eq!(check("You've hit your weekly limit"), "seven_day");
    assert_eq!(check("Opus weekly limit reached"), "seven_day_opus");
    assert_eq!(check("Weekly Sonnet limit reached"), "seven_day_sonnet");
    assert_eq!(check("You've hit your Sonnet 5 limit. Use Opus"), "seven_day_sonnet");
    assert_eq!(check("You've reached your Fable 5 limit."), "seven_day_fable");
    assert_eq!(check("You've hit your Quartz limit"), "seven_day_quartz");
    assert_eq!(check("You're out of extra usage · resets 9pm"), "overage");
    assert_eq!(check("You've hit your limit · resets 9pm"), "unknown");
    assert_eq!(check("You've hit your limit · resets Dec 2, 9pm"), "seven_day");
    assert_eq!(check("You've hit your usage limit. Switch to Opus"), "unknown");
}

#[test]
fn windows_are_written_as_the_cli_names_them() {
    for name in ["five_hour", "seven_day", "seven_day_opus", "overage", "unknown"] {
        assert_eq!(Window::parse(name).to_string(), name);
    }
    let said = Window::WeeklyOf("fable".to_owned());
    assert_eq!(Window::of_event("seven_day_overage_included", &said), said);
    assert_eq!(Window::of_event("seven_day", &said), Window::Weekly);
    assert_eq!(Window::of_event("tomorrows_window", &said), said);
}

#[test]
fn a_reset_that_has_just_passed_is_over() {
    // It is Sunday, 2026-11-22 17:00 UTC.
    let check = |tail: &str| check(&format!("You've hit your weekly limit · resets {tail}"));
    let at = |moment: &str| format!("seven_day {moment} UTC");
    assert_eq!(check("4:58pm (UTC)"), at("2026-11-22 16:58"));
    assert_eq!(check("4:49pm (UTC)"), at("2026-11-23 16:49"), "tomorrow's");
    assert_eq!(check("Nov 22 at 4:58pm (UTC)"), at("2026-11-22 16:58"));
    assert_eq!(check("Nov 22 (UTC)"), at("2026-11-22 00:00"));
    assert_eq!(check("Nov 16, 9am (UTC)"), at("2026-11-16 09:00"));
    assert_eq!(check("Sunday 4:58pm (UTC)"), at("2026-11-22 16:58"));
    let newyear =
        read_at("Weekly limit reached · resets Dec 31, 11:59pm (UTC)", 1_798_761_700, "UTC");
    assert_eq!(shown(&newyear.unwrap()), "seven_day 2026-12-31 23:59 UTC", "last year's");
}

#[test]
fn no_window_lasts_longer_than_it_can() {
    let check = |window: &str, days: u64| {
        let limit = Limit {
            window: Window::parse(window),
            resets_at: Some(NOW + days * 86_400),
            ..Limit::default()
        };
        (limit.bounded(Moment(NOW * 1000)).resets_at.unwrap() - NOW) / 3600
    };
    assert_eq!((check("five_hour", 300), check("five_hour", 0)), (5, 0));
    assert_eq!(
        (check("seven_day", 300), check("seven_day_opus", 300), check("seven_day", 3)),
        (168, 168, 72)
    );
    assert_eq!((check("unknown", 300), check("overage", 300)), (744, 744));
}

#[test]
fn resets_are_read_in_all_their_forms() {
    let check = |tail: &str| check(&format!("You've hit your session limit · {tail}"));
    let at = |moment: &str| format!("five_hour {moment} UTC");
    for (tail, moment) in [
        // Without a date: the next such hour.
        ("resets 7pm", "2026-11-22 18:00"),
        ("resets 5pm", "2026-11-23 16:00"),
        ("resets at 7:05 PM", "2026-11-22 18:05"),
        ("resets 7:05\u{202f}p.m.", "2026-11-22 18:05"),
        ("resets 19:05", "2026-11-22 18:05"),
        ("resets 12am (UTC)", "2026-11-23 00:00"),
        ("resets 12pm (UTC)", "2026-11-23 12:00"),
        ("resets 12:30am UTC", "2026-11-23 00:30"),
        ("resets midnight (UTC)", "2026-11-23 00:00"),
        ("resets at noon UTC", "2026-11-23 12:00"),
        // Zones: links, other case, short names, offsets.
        ("resets 1am (Asia/Calcutta)", "2026-11-22 19:30"),
        ("resets 1am (asia/kolkata)", "2026-11-22 19:30"),
        ("resets 9am (America/Argentina/Buenos_Aires)", "2026-11-23 12:00"),
        ("resets 9am (America/Cordoba)", "2026-11-23 12:00"),
        ("resets 9am America/New_York", "2026-11-23 14:00"),
        ("resets 9am (America/Port-au-Prince)", "2026-11-23 14:00"),
        ("resets 9am (Etc/GMT+5)", "2026-11-23 14:00"),
        ("resets 8am (US/Pacific)", "2026-11-23 16:00"),
        ("resets 9am PST", "2026-11-22 17:01"),
        ("resets 9am (PDT)", "2026-11-23 16:00"),
        ("resets 9am (UTC+5:30)", "2026-11-23 03:30"),
        ("resets 9am UTC-3", "2026-11-23 12:00"),
        ("resets 9am +02:00", "2026-11-23 07:00"),
        ("resets 9am (local time)", "2026-11-23 08:00"),
        ("resets 9am (Europe/Barcelona)", "2026-11-23 08:00"),
        ("resets 9am (Eur", "2026-11-23 08:00"),
        // Dates.
        ("resets Dec 2, 7pm (Europe/Moscow) ·", "2026-12-02 16:00"),
        ("resets Dec 2 at 7pm (Europe/Moscow)", "2026-12-02 16:00"),
        ("resets Dec. 2nd @ 7pm (UTC)", "2026-12-02 19:00"),
        ("resets 2 December, 19:00 UTC", "2026-12-02 19:00"),
        ("resets 7pm on Dec 2 (UTC)", "2026-12-02 19:00"),
        ("resets 7pm (UTC) on Dec 2", "2026-12-02 19:00"),
        ("resets Jan 3, 8am (UTC)", "2027-01-03 08:00"),
        ("resets Feb 29, 8am (UTC)", "2028-02-29 08:00"),
        ("resets Sept 5 at 8pm (UTC)", "2027-09-05 20:00"),
        ("try again at May 26th, 2026 8:35 PM UTC", "2026-05-26 20:35"),
        ("regain access on 2025-06-01 at 00:00 UTC.", "2025-06-01 00:00"),
        ("resets at 2026-12-01T06:30:00Z", "2026-12-01 06:30"),
        ("resets at 2026-12-01T06:30:00.123+02:00", "2026-12-01 04:30"),
        ("resets Monday at 9am (UTC)", "2026-11-23 09:00"),
        ("resets Sun 9am (UTC)", "2026-11-29 09:00"),
        ("resets Sun, Nov 29, 9am (UTC)", "2026-11-29 09:00"),
        ("resets tomorrow at 9pm (UTC)", "2026-11-23 21:00"),
        ("resets today at 9pm (UTC)", "2026-11-22 21:00"),
        ("resets Dec 2 (UTC)", "2026-12-02 00:00"),
        // From now on.
        ("resets in 3h 25m", "2026-11-22 20:25"),
        ("resets in 2 days, 1 hour and 5 minutes", "2026-11-24 18:05"),
        ("resets in 1.5 hours", "2026-11-22 18:30"),
        ("try again in an hour", "2026-11-22 18:00"),
        ("retry after 90 seconds", "2026-11-22 17:01"),
        // How it is printed does not matter.
        ("Your limit will reset\n     at 7pm (Europe/\n  Warsaw).", "2026-11-22 18:00"),
        ("Your limit will reset \\n at 7pm", "2026-11-22 18:00"),
        ("\u{1b}[1mresets\u{1b}[0m │\n│ 7pm", "2026-11-22 18:00"),
        ("RESETS 7PM (EUROPE/BERLIN)", "2026-11-22 18:00"),
        ("it resets soon, resets 7pm", "2026-11-22 18:00"),
    ] {
        assert_eq!(check(tail), at(moment), "{tail}");
    }
}

#[test]
fn what_is_no_moment_is_no_reset() {
    for tail in [
        "",
        "resets soon",
        "resets",
        "resets at",
        "resets 7",
        "resets 25:00",
        "resets 7:60pm",
        "resets Feb 30, 7pm?",
        "try again in a moment",
        "try again later",
        "resets in (UTC)",
        "resets Dec 99",
        "resets 2026-13-01",
    ] {
        assert_eq!(
            check(&format!("You've hit your session limit · {tail}")),
            "five_hour -",
            "{tail}"
        );
    }
}

#[test]
fn seconds_since_1970_are_taken_as_they_are() {
    assert_eq!(check("Claude AI usage limit reached|1751385600"), "unknown 2025-07-01 16:00 UTC");
    assert_eq!(
        check("Claude AI usage limit reached|1751385600000"),
        "unknown 2025-07-01 16:00 UTC"
    );
    assert_eq!(check("Claude AI usage limit reached|0"), "none");
    assert_eq!(check("limit reached | resets 7pm"), "unknown 2026-11-22 18:00 UTC");
}

#[test]
fn other_failures_are_no_limits() {
    for text in [
        "API Error: Server is temporarily limiting requests (not your usage limit) · Rate limited",
        "API Error: 529 Overloaded. Try again at 7pm",
        "Credit balance is too low",
        "You've hit your monthly spend limit.",
        "Not logged in · Please run /login",
        "all is well; resets 7pm",
        "",
    ] {
        assert_eq!(check(text), "none", "{text}");
    }
    let both = "You've hit your monthly spend limit · resets 7pm";
    assert_eq!(check(both), "unknown 2026-11-22 18:00 UTC");
}

/// What is assumed is said.
#[test]
fn assumptions_are_noted() {
    let notes = |text: &str, zone: &str| read_at(text, NOW, zone).unwrap().notes.join("; ");
    let of = |tail: &str, zone: &str| notes(&format!("You've hit your limit · {tail}"), zone);
    assert_eq!(of("resets 7pm (Europe/Berlin)", "Asia/Tokyo"), "");
    assert_eq!(of("resets 7pm", "Asia/Tokyo"), "no zone given: Asia/Tokyo is taken");
    assert_eq!(
        of("resets 7pm (Europe/Barcelona)", "Asia/Tokyo"),
        "zone `europe/barcelona` is not known: Asia/Tokyo is taken"
    );
    assert_eq!(
        of("resets 7pm", "Nowhere/Land"),
        "no zone given: Nowhere/Land is taken; the local zone `Nowhere/Land` is not known: UTC is taken"
    );
}

#[test]
fn hours_that_clocks_skip_or_show_twice_are_read() {
    let check = |text: &str, now: &str, expected: &str| {
        let now: jiff::Timestamp = now.parse().unwrap();
        let text = format!("You've hit your limit · resets {text}");
        let limit = read_at(&text, now.as_second() as u64, "UTC").unwrap();
        let at = jiff::Timestamp::from_second(limit.resets_at.unwrap() as i64).unwrap();
        assert_eq!(at.to_string(), expected, "{text}");
    };
    // On 2026-03-29 clocks in Berlin go from 2:00 to 3:00: 2:30 is half an hour after the jump.
    check("2:30am (Europe/Berlin)", "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z");
    check("3am (Europe/Berlin)", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z");
    check("2:30am (America/New_York)", "2026-03-08T06:00:00Z", "2026-03-08T07:30:00Z");
    // On 2026-10-25 they show 2:30 twice.
    check("2:30am (Europe/Berlin)", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z");
    check("2:30am (Europe/Berlin)", "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z");
    check("2:30am (Europe/Berlin)", "2026-10-25T01:45:00Z", "2026-10-26T01:30:00Z");
    // A day that was left out: Apia had no 2011-12-30.
    check("9am (Pacific/Apia)", "2011-12-29T20:00:00Z", "2011-12-30T19:00:00Z");
    // Messages are cut to the minute: within it the reset is still to come.
    check("1am (UTC)", "2026-01-05T01:00:40Z", "2026-01-05T01:01:00Z");
    check("1am (UTC)", "2026-01-05T01:01:00Z", "2026-01-05T01:00:00Z");
    check("1am (UTC)", "2026-01-05T01:10:00Z", "2026-01-06T01:00:00Z");
    check("1am (UTC)", "2026-01-05T00:59:59Z", "2026-01-05T01:00:00Z");
    // Over the end of the year.
    check("Jan 1, 1am (UTC)", "2026-12-31T23:00:00Z", "2027-01-01T01:00:00Z");
    check("1am (Pacific/Auckland)", "2026-12-31T23:00:00Z", "2027-01-01T12:00:00Z");
}

#[test]
fn the_event_goes_before_the_message() {
    let event = |resets_at, window: Option<&str>| RateLimit {
        status: "rejected".to_owned(),
        resets_at,
        window: window.map(str::to_owned),
    };
    let clock = Clock { now: Moment(NOW * 1000), zone: "UTC".to_owned() };
    let text = "You've hit your Opus limit · resets 7pm (UTC)";
    let check = |event: Option<&RateLimit>| shown(&limit_of(event, text, &clock));
    assert_eq!(check(None), "seven_day_opus 2026-11-22 19:00 UTC");
    assert_eq!(check(Some(&event(None, None))), "seven_day_opus 2026-11-22 19:00 UTC");
    let exact = event(Some(NOW + 60), Some("five_hour"));
    assert_eq!(check(Some(&exact)), "five_hour 2026-11-22 17:01 UTC");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_survived(text in ".{0,60}", words in "[a-z0-9 :,.()/|+-]{0,60}", now in any::<u64>()) {
        for tail in [&text, &words] {
            let _ = limit_of_message(tail, Moment(now), tail);
            let _ = limit_of_message(&format!("limit reached resets {tail}"), Moment(now), "UTC");
        }
    }

    #[test]
    fn a_reset_without_year_lies_ahead_or_has_just_passed(
        hour in 1u32..=12, minute in 0u32..60, half in prop::sample::select(vec!["am", "pm"]),
        day in prop::sample::select(vec!["", "Feb 28, ", "Dec 31 at ", "Monday at ", "tomorrow at "]),
        zone in prop::sample::select(jiff::tz::TimeZoneDatabase::bundled().available()
            .map(|it| it.to_string()).collect::<Vec<_>>()),
        now in 0u64..4_000_000_000,
    ) {
        let text = format!("You've hit your limit · resets {day}{hour}:{minute:02}{half} ({zone})");
        let limit = read_at(&text, now, "UTC").unwrap();
        prop_assert_eq!(limit.notes, Vec::<String>::new());
        let at = limit.resets_at.unwrap();
        let passed = if day.starts_with(['F', 'D']) { 7 * 86_400 } else { 600 };
        prop_assert!(at + passed > now, "{} before {}", at, now);
        // A zone may leave out a day.
        prop_assert!(!day.is_empty() || at <= now + 49 * 3600, "{} after {}", at, now);
    }
}

#[test]
fn what_comes_round_again_beyond_its_window_is_over() {
    let check = |text: &str| {
        // 2026-11-30 12:00 UTC, a Monday.
        let noon = Moment(1_796_040_000_000);
        let limit = limit_of_message(text, noon, "UTC").unwrap().bounded(noon);
        limit.resets_at.unwrap() as i64 - 1_796_040_000
    };
    assert_eq!(check("You've hit your session limit · resets 3pm (UTC)"), 3 * 3600);
    assert_eq!(check("You've hit your session limit · resets 11:45am (UTC)"), 0);
    assert_eq!(check("You've hit your session limit · resets 9am (UTC)"), 0);
    assert_eq!(check("You've hit your weekly limit · resets Nov 21 at 11am (UTC)"), 0);
    assert_eq!(check("You've hit your weekly limit · resets Dec 2 at 12pm (UTC)"), 2 * 86_400);
}
