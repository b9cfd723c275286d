//! `orch doctor`: is everything there that orch needs.

use std::fmt::Write as _;
use std::path::Path;

use crate::base::diagnostic::Diagnostic;
use crate::base::source::Source;
use crate::host::clock::now;
use crate::host::doctor::{self, Finding, Health};
use crate::host::documents::{self, Loaded};
use crate::host::driver;
use crate::host::original;
use crate::host::session::{Cli, Script};
use crate::host::trust::{Trust, Trusted};
use crate::spec::rule;
use crate::spec::sandbox::Sandboxing;
use crate::ui::exit::Exit;
use crate::ui::report::counted;
use crate::ui::shell::{Paint, Ran, Shell, Tone};
use crate::ui::text::one_line;

/// Looks at everything, and changes nothing.
pub fn run(root: &Path, shell: &mut Shell) -> Ran {
    let mut findings = doctor::findings(root, now());
    let loaded = documents::read(root, &[])?;
    findings.push(settings(&loaded));
    findings.push(session(&loaded, root));
    findings.extend(launches(root)?);
    findings.extend(doctor::user_settings());
    let asked = sandboxes(&loaded);
    findings.push(doctor::guard(&asked, root));
    findings.push(doctor::families());
    let asks_for_bwrap = asked.iter().any(|it| matches!(it, Sandboxing::Bwrap(_)));
    findings.push(doctor::sandbox(asks_for_bwrap));
    let of_original = original::findings(root, &loaded);
    let is_coming_over = !of_original.is_empty();
    findings.extend(of_original);
    let ran = report(&findings, shell)?;
    if is_coming_over {
        shell.note(MIGRATION)?;
    }
    Ok(ran)
}

/// Where the names in brackets are.
const MIGRATION: &str =
    "words in brackets are sections of docs/MIGRATION.md of orch: why, and how to go back";

fn settings(loaded: &Loaded) -> Finding {
    let there = |name: &str| loaded.sources.keys().any(|path| path.as_str() == name);
    let files: Vec<&str> = [documents::CLAUDE_CONFIG, documents::NATIVE_CONFIG]
        .into_iter()
        .filter(|name| there(name))
        .collect();
    let files = if files.is_empty() { "defaults".to_owned() } else { files.join(" and ") };
    let problems = loaded.diagnostics.len();
    match loaded.diagnostics.iter().any(Diagnostic::is_error) {
        true => Finding::bad("config", files, "`orch check` shows what is wrong"),
        false if problems > 0 => {
            let detail = format!("{files}, with {}", counted(problems, "warning"));
            Finding::caution("config", detail, "`orch check` shows them")
        }
        false => Finding::good("config", files),
    }
}

/// What documents ask of sessions that would be refused; said only where there is something.
fn launches(root: &Path) -> std::result::Result<Vec<Finding>, crate::host::error::Error> {
    const CODES: [&str; 2] = ["document::unknown-model", "agent::bypass-as-root"];
    let documents = driver::check(root, &[])?;
    let found = documents.iter().flat_map(|document| {
        let refused = document.diagnostics.iter().filter(|it| CODES.contains(&it.code));
        refused.map(|it| {
            let help = it.help.as_deref().unwrap_or_default();
            Finding::caution("sessions", format!("{}: {}", document.path, it.message), help)
        })
    });
    Ok(found.collect())
}

/// What the settings and the rules of the project say of sandboxes.
fn sandboxes(loaded: &Loaded) -> Vec<Sandboxing> {
    let documents = &loaded.documents;
    let of_rule = |rule: &Source| {
        let rule = rule::parse(rule, &|_| Some(String::new())).value;
        let name = rule.name.clone();
        rule::resolve(vec![rule]).value.get(&name)?.sandbox.clone()
    };
    let of_rules = documents.rules.iter().filter_map(of_rule);
    [documents.config.sandbox.clone()].into_iter().chain(of_rules).collect()
}

/// The CLI that sessions run on, as the settings name it.
fn session(loaded: &Loaded, root: &Path) -> Finding {
    let cli = match Cli::find(&loaded.documents.config.session, root) {
        Err(error) => {
            let help = error.help.clone().unwrap_or_default();
            return Finding::bad("session", error.to_string(), &help);
        }
        Ok(cli) => cli,
    };
    if let Some(script) = cli.command.last().filter(|_| cli.is_scripted) {
        return match Script::read(Path::new(script)) {
            Ok(_) => {
                Finding::good("session", "played from the script that `session.scripted` names")
            }
            Err(error) => Finding::bad(
                "session",
                error.to_string(),
                "`session.scripted` in orch.yaml names the script that sessions are played from",
            ),
        };
    }
    let words: Vec<String> =
        cli.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let config = &loaded.documents.config.session;
    let trust = Trusted::here().of(root, config);
    if let Some(left_out) = left_out(trust, &words.join(" ")) {
        return left_out;
    }
    let folder = match (trust, is_npx(&words)) {
        (Trust::NotNeeded, false) => Path::new("."),
        // In the repository it would take what lies there for the CLI.
        (Trust::NotNeeded, true) => Path::new("/"),
        _ => root,
    };
    match doctor::version_of(&cli.command, folder) {
        Ok(version) => Finding::good("session", format!("{version}: {}", words.join(" "))),
        // Npx asks its registry first, and may have to download the CLI.
        Err(problem) if is_npx(&words) => Finding::caution(
            "session",
            format!("whether sessions can start is not known: {problem}"),
            "install Claude Code, so that `claude` is there at once; or run that command once",
        ),
        Err(problem) => Finding::bad(
            "session",
            problem,
            "run that command yourself; ORCH_CLAUDE or `session.claude` names another",
        ),
    }
}

/// A command of the repository that nobody let run outside of a build.
fn left_out(trust: Trust, command: &str) -> Option<Finding> {
    let why = match trust {
        Trust::NotNeeded | Trust::Given => return None,
        Trust::Missing => "nobody built here yet",
        Trust::Outdated => "it is another than when you built here last",
    };
    Some(Finding::caution(
        "session",
        format!("`{command}`, which `session.claude` of this repository names, was not run: {why}"),
        "`orch trust` lets it run here, and so does `orch build`",
    ))
}

fn is_npx(words: &[String]) -> bool {
    let program = words.first().map(Path::new).and_then(Path::file_stem);
    program.is_some_and(|name| name == "npx")
}

/// Exit 1 where a build cannot work.
fn report(findings: &[Finding], shell: &mut Shell) -> Ran {
    let text = match shell.is_json() {
        true => findings.iter().map(crate::ui::json::line_of).collect(),
        false => text_of(findings, shell.out_paint()),
    };
    shell.data(&text)?;
    let count = |health| findings.iter().filter(|finding| finding.health == health).count();
    let (bad, cautions) = (count(Health::Bad), count(Health::Caution));
    let summary = match (bad, cautions) {
        (0, 0) => "everything is there".to_owned(),
        (0, n) => format!("orch can work; {}", counted(n, "warning")),
        (n, _) => format!("{} must be solved before `orch build` can work", counted(n, "problem")),
    };
    shell.note(&summary)?;
    Ok(if bad > 0 { Exit::Unfinished } else { Exit::Success })
}

fn text_of(findings: &[Finding], paint: Paint) -> String {
    let mut text = String::new();
    for Finding { what, health, detail, help } in findings {
        let (tone, mark) = match health {
            Health::Good => (Tone::Good, "ok  "),
            Health::Caution => (Tone::Caution, "warn"),
            Health::Bad => (Tone::Bad, "BAD "),
        };
        let _ = writeln!(text, "{}  {what:10}  {}", paint.paint(tone, mark), one_line(detail));
        if let Some(help) = help {
            let _ = writeln!(text, "      help: {}", one_line(help));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::console::sample::Buffer;

    #[test]
    fn a_script_that_cannot_be_played_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let health =
            || session(&documents::read(folder.path(), &[]).unwrap(), folder.path()).health;
        let write =
            |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
        write("orch.yaml", "session: { scripted: play.yaml }\n");
        assert_eq!(health(), Health::Bad);
        write("play.yaml", "'1': [{ bogus: 1 }]\n");
        assert_eq!(health(), Health::Bad);
        write("play.yaml", "'1': [{ say: hello }]\n");
        assert_eq!(health(), Health::Good);
    }

    #[test]
    fn problems_come_with_help_and_an_exit_code() {
        let check = |findings: &[Finding]| {
            let out = Buffer::default();
            let mut shell = Shell::of_writers(out.clone(), out.clone());
            let ran = report(findings, &mut shell);
            let exit = shell.conclude(ran);
            format!("{}exit {}", out.text(), exit.code())
        };
        let findings = [
            Finding::good("git", "git version 2.47.1"),
            Finding::caution("disk", "1.0 GiB free", "make room"),
            Finding::bad("session", "`claude` does not start", "install it"),
        ];
        insta::assert_snapshot!(check(&findings), @r#"
            ok    git         git version 2.47.1
            warn  disk        1.0 GiB free
                  help: make room
            BAD   session     `claude` does not start
                  help: install it
            1 problem must be solved before `orch build` can work
            exit 1
            "#);
        insta::assert_snapshot!(check(&findings[..2]), @r#"
            ok    git         git version 2.47.1
            warn  disk        1.0 GiB free
                  help: make room
            orch can work; 1 warning
            exit 0
            "#);
    }
}
