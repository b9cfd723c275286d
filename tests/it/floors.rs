//! The five floors: `base <- spec <- engine <- host <- ui`. Each uses only what lies to its left,
//! and each library stays inside of its fence.

use std::collections::BTreeMap;

use crate::sources::{Module, modules, read};

const FLOORS: [&str; 5] = ["base", "spec", "engine", "host", "ui"];

/// Lines of a file without its tests.
const MAX_LINES: usize = 400;

/// Lines of a function, and its parameters without `self`.
const MAX_FUNCTION: (usize, usize) = (80, 4);

/// A library and the places that may use it: beginnings of paths below `src/`.
const FENCES: &[(&str, &[&str])] = &[
    ("blake3", &["base/digest"]),
    ("clap", &["ui"]),
    ("clap_complete", &["ui"]),
    ("globset", &["spec/glob", "ui/target"]),
    ("granit_parser", &["spec/yaml"]),
    ("gix", &["host/git", "host/worktree", "host/landing", "host/scan"]),
    ("ignore", &["host"]),
    ("indicatif", &["ui/console"]),
    ("landlock", &["host/shim/confine/ruleset"]),
    ("jiff", &["engine/limits", "host", "ui"]),
    ("miette", &["ui/report"]),
    ("minijinja", &["spec/rule/template", "engine/world/prompt"]),
    ("notify", &["host/watcher"]),
    ("petgraph", &["spec/plan_check", "spec/item_check", "engine/graph"]),
    ("percent_encoding", &["host/git/trailer"]),
    ("postcard", &["host"]),
    ("pulldown_cmark", &["spec/item/outline"]),
    ("rustix", &["host", "ui/shell"]),
    ("salsa", &["engine/world"]),
    // Scripts of the stand-in are written by tests and samples, never by users: no spans needed.
    ("serde_yaml", &["host", "ui/commands/demo"]),
    ("strsim", &["spec/text"]),
    ("strum", &[""]),
    ("tempfile", &["host", "ui"]),
    ("tokio", &["host", "ui"]),
    ("tracing", &["host", "ui"]),
    ("tracing_subscriber", &["host", "ui"]),
    ("unicode_width", &["ui/text"]),
    ("ureq", &["host/outbox"]),
    ("zstd", &["host/store"]),
    ("serde", &[""]),
    ("serde_json", &[""]),
    ("thiserror", &[""]),
];

/// What the pure floors must not name, whatever the way to it.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "HashMap",
    "HashSet",
    "println!",
    "eprintln!",
];

#[test]
fn nothing_points_up() {
    let found = offences(|module, found| {
        let Some(floor) = module.floor().and_then(rank) else { return };
        for (at, used) in names_behind(&module.shipped, "crate::") {
            if rank(&used).is_some_and(|used| used > floor) {
                found.push((at, format!("uses `{used}`")));
            }
        }
    });
    assert_none(&found, "a floor may use only those to its left: base, spec, engine, host, ui");
}

#[test]
fn libraries_stay_inside_their_fences() {
    let found = offences(|module, found| {
        let place = module.path.trim_start_matches("src/");
        for (library, fence) in FENCES {
            if fence.iter().any(|start| place.starts_with(start)) {
                continue;
            }
            let uses = uses_of(&module.shipped, library);
            found.extend(uses.into_iter().map(|at| (at, format!("uses `{library}`"))));
        }
    });
    assert_none(&found, "see FENCES for where each library may be used");
}

#[test]
fn every_dependency_has_a_fence() {
    let manifest = read("Cargo.toml");
    let table = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names = table.lines().filter_map(|line| line.split_once(" = ")).map(|it| it.0.trim());
    let missing: Vec<String> = names
        .map(|name| name.replace('-', "_"))
        .filter(|name| !FENCES.iter().any(|(library, _)| library == name))
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "name them in FENCES with their places");
}

#[test]
fn the_pure_floors_touch_no_machine() {
    let found = offences(|module, found| {
        if !matches!(module.floor(), Some("base" | "spec" | "engine")) {
            return;
        }
        for name in IMPURE {
            let uses = uses_of(&module.shipped, name);
            found.extend(uses.into_iter().map(|at| (at, format!("names `{name}`"))));
        }
    });
    assert_none(&found, "base, spec and engine know no disk, clock, process or environment");
}

#[test]
fn files_are_of_readable_length() {
    let long: Vec<String> = modules()
        .iter()
        .map(|module| (module.shipped.lines().count(), &module.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert_eq!(long, Vec::<String>::new(), "over {MAX_LINES} lines without tests: split them");
}

#[test]
fn functions_are_of_readable_length() {
    let (max_lines, max_params) = MAX_FUNCTION;
    let found = offences(|module, found| {
        for it in functions_of(&module.shipped) {
            if it.lines > max_lines {
                found.push((it.at, format!("`{}` has {} lines", it.name, it.lines)));
            }
            if it.params > max_params {
                found.push((it.at, format!("`{}` has {} parameters", it.name, it.params)));
            }
        }
    });
    assert_none(&found, "at most 80 lines and 4 parameters: split them");
}

#[test]
fn the_rooms_of_the_engine_form_an_order() {
    assert_no_circle("engine");
}

#[test]
fn the_rooms_of_host_form_an_order() {
    assert_no_circle("host");
}

#[test]
fn notices_are_rendered_in_one_place() {
    let found = offences(|module, found| {
        if module.floor() == Some("ui") && !module.path.starts_with("src/ui/render/") {
            let uses = module.shipped.match_indices("Notice::");
            found.extend(uses.map(|(at, _)| (at, "reads a notice".to_owned())));
        }
    });
    assert_none(&found, "surfaces take words and data of notices from `ui/render`");
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = modules()
        .iter()
        .filter(|module| !module.whole.starts_with("//! "))
        .map(|module| module.path.clone())
        .collect();
    assert_eq!(silent, Vec::<String>::new(), "open them with `//!`");
}

/// Rooms, each with those that it uses and a file that does.
type Rooms = BTreeMap<String, BTreeMap<String, String>>;

/// Fails where rooms of a floor use each other in a circle. The rooms are the files and folders that
/// lie directly below the floor.
fn assert_no_circle(floor: &str) {
    if let Some(circle) = circle_of(&rooms_of(floor, &modules())) {
        panic!(
            "the rooms of a floor form an order: each may use only those before it; in `{floor}`\n{}",
            circle.join("\n")
        );
    }
}

/// Which rooms of a floor use which, by `crate::floor::room` and by `super::room`.
fn rooms_of(floor: &str, modules: &[Module]) -> Rooms {
    let below = format!("src/{floor}/");
    let files: Vec<(Vec<&str>, &Module)> = modules
        .iter()
        .filter_map(|it| Some((it.path.strip_prefix(&below)?.strip_suffix(".rs")?, it)))
        .map(|(place, it)| (place.split('/').collect(), it))
        .collect();
    let mut rooms: Rooms =
        files.iter().map(|(place, _)| (place[0].to_owned(), BTreeMap::new())).collect();
    let known: Vec<String> = rooms.keys().cloned().collect();
    for (place, module) in files {
        let mut used = names_behind(&module.shipped, &format!("crate::{floor}::"));
        // One `super` for each step from the file up to the floor.
        let up = "super::".repeat(place.len());
        used.extend(names_behind(&module.shipped, &up));
        used.retain(|(at, name)| {
            let is_longer = module.shipped[..*at].ends_with("super::");
            name != place[0] && known.contains(name) && !is_longer
        });
        let uses = rooms.entry(place[0].to_owned()).or_default();
        for (at, name) in used {
            uses.entry(name).or_insert_with(|| format!("{}:{}", module.path, module.line_of(at)));
        }
    }
    rooms
}

/// One circle, a line for each step; `None` where there is none.
fn circle_of(rooms: &Rooms) -> Option<Vec<String>> {
    // What uses nothing but what is known to be free of circles is free of them, too.
    let mut open: Rooms = rooms.clone();
    loop {
        let free: Vec<String> = open
            .iter()
            .filter(|(_, uses)| uses.keys().all(|it| !open.contains_key(it)))
            .map(|(room, _)| room.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        open.retain(|room, _| !free.contains(room));
    }
    let mut path = vec![open.keys().next()?.clone()];
    loop {
        let (next, _) = open[path.last()?].iter().find(|(it, _)| open.contains_key(*it))?;
        if let Some(at) = path.iter().position(|it| it == next) {
            path.drain(..at);
            path.push(next.clone());
            let step =
                |it: &[String]| format!("{} uses {}: {}", it[0], it[1], open[&it[0]][&it[1]]);
            return Some(path.windows(2).map(step).collect());
        }
        path.push(next.clone());
    }
}

fn rank(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|name| *name == floor)
}

type Found = Vec<(usize, String)>;

/// `path:line: what` for everything that `look` finds in shipped code.
fn offences(look: impl Fn(&Module, &mut Found)) -> Vec<String> {
    let mut all = Vec::new();
    for module in modules() {
        let mut found = Vec::new();
        look(&module, &mut found);
        let place = |at| format!("{}:{}", module.path, module.line_of(at));
        all.extend(found.into_iter().map(|(at, what)| format!("{}: {what}", place(at))));
    }
    all
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}\n{}", found.join("\n"));
}

/// Offsets where `name` is used outside of comments as a whole word that is no part of a path.
fn uses_of(text: &str, name: &str) -> Vec<usize> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let is_use = |at: usize| {
        let before = at.checked_sub(1).map_or(b' ', |it| bytes[it]);
        let after = &text[at + name.len()..];
        let ends = name.ends_with('!') || !after.bytes().next().is_some_and(is_word);
        // `use gix;` and `gix::`: anything else of that name is a local.
        let is_path = name.contains("::")
            || name.starts_with(char::is_uppercase)
            || name.ends_with('!')
            || after.starts_with("::")
            || (after.starts_with(';') && text[..at].ends_with("use "));
        let is_inner = before == b':' && !name.starts_with(char::is_uppercase);
        ends && is_path && !is_word(before) && !is_inner && !in_comment_or_text(text, at)
    };
    text.match_indices(name).map(|(at, _)| at).filter(|&at| is_use(at)).collect()
}

/// First path segments behind `prefix`, also of `prefix{a::x, b}`.
fn names_behind(text: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices(prefix).filter(|(at, _)| !in_comment_or_text(text, *at)) {
        let rest = &text[at + prefix.len()..];
        if !rest.starts_with('{') {
            names.push((at, word(rest)));
            continue;
        }
        let mut depth = 0;
        let mut expects = false;
        for (offset, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            match c {
                '{' | ',' if depth == 1 => expects = true,
                c if expects && c.is_alphabetic() => {
                    expects = false;
                    names.push((at, word(&rest[offset..])));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

struct Function {
    at: usize,
    name: String,
    lines: usize,
    params: usize,
}

/// Functions as rustfmt lays them out: the closing brace stands below the first letter.
fn functions_of(text: &str) -> Vec<Function> {
    let heads = text.match_indices("fn ").filter_map(|(at, _)| {
        let start = text[..at].rfind('\n').map_or(0, |it| it + 1);
        let before = text[start..at].trim_start();
        let is_head = before.split_whitespace().all(|it| {
            matches!(it, "const" | "async") || it.starts_with("pub") || it.ends_with(')')
        });
        let name = word(&text[at + 3..]);
        (is_head && !name.is_empty()).then_some((start, at, name))
    });
    heads
        .map(|(start, at, name)| {
            let indent = text[start..].len() - text[start..].trim_start_matches(' ').len();
            let first = text[start..].lines().next().unwrap_or_default();
            let end = format!("\n{}}}\n", " ".repeat(indent));
            let body =
                text[start..].find(&end).map_or("", |it| &text[start..start + it + end.len()]);
            let is_short = first.ends_with(['}', ';']);
            let lines = if is_short { 1 } else { body.lines().count() };
            let params = params_of(&text[at + 3 + name.len()..]);
            Function { at: start, name, lines, params }
        })
        .collect()
}

/// How many parameters a signature has, `self` left out.
fn params_of(signature: &str) -> usize {
    let (mut depth, mut params, mut current) = (0, Vec::new(), String::new());
    let mut is_inside = false;
    let mut before = ' ';
    for c in signature.chars() {
        match c {
            '(' if depth == 0 && !is_inside => is_inside = true,
            '(' | '<' | '[' => depth += 1,
            ')' if depth == 0 => break,
            '>' if before == '-' => {}
            ')' | '>' | ']' => depth -= 1,
            ',' if depth == 0 => params.push(std::mem::take(&mut current)),
            _ if is_inside => current.push(c),
            _ => {}
        }
        before = c;
    }
    params.push(current);
    let is_param = |it: &&String| !it.trim().is_empty() && !it.trim().ends_with("self");
    params.iter().filter(is_param).count()
}

fn in_comment_or_text(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |it| it + 1);
    let line = &text[start..at];
    line.contains("//") || line.matches('"').count() % 2 == 1
}

#[test]
fn the_checks_see_what_they_are_to_see() {
    let names =
        |text: &str| names_behind(text, "crate::").into_iter().map(|it| it.1).collect::<Vec<_>>();
    assert_eq!(names("use crate::host::git;"), ["host"]);
    assert_eq!(names("use crate::{base::{x, y}, ui::z};"), ["base", "ui"]);
    assert_eq!(names("// crate::ui"), Vec::<String>::new());
    assert_eq!(uses_of("use gix::x; let a = gix::b(); my_gix::c; a.gix;", "gix").len(), 2);
    assert_eq!(uses_of("use std::collections::HashMap;", "HashMap").len(), 1);
    assert_eq!(uses_of("println!(); // println!()", "println!").len(), 1);
    let shapes = |text: &str| {
        let all = functions_of(text);
        all.into_iter().map(|it| (it.name, it.lines, it.params)).collect::<Vec<_>>()
    };
    let text = "pub(super) fn a<T: Fn(u8, u8) -> u8>(&self, x: Vec<(u8, T)>, y: u8) -> u8 {\n    0\n}\n\
                impl A {\n    async fn b(\n        mut self,\n    ) {\n    }\n}\nfn c() {}\n";
    assert_eq!(shapes(text), [("a".into(), 3, 2), ("b".into(), 4, 0), ("c".into(), 1, 0)]);
}

#[test]
fn a_circle_of_rooms_is_named() {
    let check = |files: &[(&str, &str)]| {
        let module = |(path, text): &(&str, &str)| Module {
            path: (*path).to_owned(),
            whole: String::new(),
            shipped: (*text).to_owned(),
        };
        circle_of(&rooms_of("host", &files.iter().map(module).collect::<Vec<_>>()))
    };
    let (a, b) = ("src/host/a.rs", "src/host/b/inner.rs");
    assert_eq!(check(&[(a, "use super::b::c;"), (b, "use super::d;\nuse super::super::c;")]), None);
    let circle = ["a uses b: src/host/a.rs:1", "b uses a: src/host/b/inner.rs:2"].map(String::from);
    let by_super = [(a, "use super::b::c;"), (b, "\nuse super::super::a;")];
    assert_eq!(check(&by_super), Some(circle.to_vec()));
    let by_name = [(a, "use crate::host::{b::c, e};"), (b, "\nfn f(_: crate::host::a::G) {}")];
    assert_eq!(check(&by_name), Some(circle.to_vec()));
    // A room that leads into a circle is none of it.
    let beside = [&by_name[..], &[("src/host/_first.rs", "use super::a;")]].concat();
    assert_eq!(check(&beside), Some(circle.to_vec()));
}

/// What only Linux has, and the files that may name it.
const LINUX: &[(&str, &[&str])] = &[
    ("target_os = \"linux\"", &["host/platform", "host/doctor", "host/shim"]),
    ("os::linux", &["host/platform"]),
    ("prctl", &["host/platform"]),
    ("set_child_subreaper", &["host/platform"]),
    ("pidfd", &["host/platform"]),
    ("inotify_", &["host/platform"]),
    ("O_TMPFILE", &["host/platform"]),
    // Read where it is there, and passed over where it is not.
    ("\"/proc", &["host/platform", "host/machine", "host/session", "host/shim"]),
    ("\"/sys/", &["host/platform", "host/machine"]),
];

#[test]
fn what_only_linux_has_lies_in_one_file() {
    let mut strays = Vec::new();
    for module in modules() {
        let place = module.path.trim_start_matches("src/");
        for (name, places) in LINUX {
            let may = places.iter().any(|it| place.starts_with(it));
            if !may && module.shipped.contains(name) {
                strays.push(format!("{}: {name}", module.path));
            }
        }
    }
    assert_eq!(strays, [""; 0]);
}
