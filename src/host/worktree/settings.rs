//! What the git of a worktree is configured with: the settings of the user's repository that decide how
//! files are read and written and who commits, and nothing that leads out of the worktree.

use std::collections::BTreeSet;
use std::fmt::Write;

use gix::bstr::{BStr, ByteSlice};
use gix::config::Source;

/// Sections that are taken whole: who commits, what converts, compares and merges files, and where
/// `worktree.setup` may get submodules from.
#[rustfmt::skip]
const SECTIONS: &[&str] = &[
    "user", "author", "committer", "filter", "diff", "merge", "lfs", "i18n", "blame", "color", "submodule",
];

/// What is taken of `core`. Not where hooks, objects or files lie, and nothing that runs a program.
#[rustfmt::skip]
const CORE: &[&str] = &[
    "abbrev", "attributesfile", "autocrlf", "bigfilethreshold", "checkroundtripencoding", "checkstat",
    "commentchar", "commentstring", "compression", "eol", "excludesfile", "filemode", "ignorecase",
    "longpaths", "precomposeunicode", "protecthfs", "protectntfs", "quotepath", "safecrlf", "symlinks",
    "trustctime", "whitespace",
];

/// What a URL that is pushed to begins with; the empty one is for all others.
const PUSHED: &[&str] =
    &["", "https://", "http://", "ssh://", "git://", "git@", "file://", "/", "."];

/// The text of a worktree's own `.git/config`.
pub(super) fn settings_like(user: &gix::Repository) -> String {
    let mut text = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n".to_owned();
    // A setting of the user's for all repositories is overridden by it, too.
    text.push_str("\thooksPath = /dev/null\n\tfsmonitor = false\n\tsparseCheckout = false\n");
    text.push_str("[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n");
    let config = user.config_snapshot();
    for section in config.plumbing().sections() {
        if matches!(section.meta().source, Source::Local | Source::Worktree) {
            let header = section.header();
            let name = header.name().to_str_lossy().to_lowercase();
            let is_whole = SECTIONS.contains(&name.as_str());
            let names: BTreeSet<String> =
                section.value_names().map(|it| it.to_lowercase()).collect();
            let names = names.iter().map(String::as_str);
            let taken: Vec<&str> = names.filter(|it| is_whole || is_of_core(&name, it)).collect();
            if !taken.is_empty() {
                open_section(&mut text, &name, header.subsection_name());
            }
            for key in taken {
                section.values(key).iter().for_each(|value| set(&mut text, key, value.as_bstr()));
            }
        }
    }
    // A push by accident ends here, wherever it was to go.
    open_section(&mut text, "url", Some("orch-pushes-nothing:".into()));
    PUSHED.iter().for_each(|url| set(&mut text, "pushInsteadOf", (*url).into()));
    text
}

fn is_of_core(section: &str, key: &str) -> bool {
    section == "core" && CORE.contains(&key)
}

fn open_section(text: &mut String, name: &str, subsection: Option<&BStr>) {
    let _ = match subsection {
        None => writeln!(text, "[{name}]"),
        Some(sub) => {
            let sub = sub.to_str_lossy().replace('\\', "\\\\").replace('"', "\\\"");
            writeln!(text, "[{name} \"{sub}\"]")
        }
    };
}

fn set(text: &mut String, key: &str, value: &BStr) {
    let value = value.to_str_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    let value = value.replace('\n', "\\n").replace('\t', "\\t").replace('\u{8}', "\\b");
    let _ = writeln!(text, "\t{key} = \"{value}\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, git_in};

    #[test]
    fn what_converts_files_is_taken_and_what_leads_elsewhere_is_not() {
        let scratch = Scratch::new(&[("a.txt", "a\n")]);
        for (key, value) in [
            ("core.autocrlf", "input"),
            ("core.hooksPath", "/hooks"),
            ("core.worktree", "/elsewhere"),
            ("core.fsmonitor", "true"),
            ("filter.up.clean", "sed 's/\"a\"\\t/b/' # c"),
            ("remote.origin.url", "https://example.org/a.git"),
            ("alias.x", "!true"),
            ("diff.a \"b\".textconv", "cat"),
        ] {
            scratch.git(&["config", key, value]);
        }
        let other = Scratch::new(&[("a.txt", "a\n")]);
        let user = gix::open(scratch.root()).unwrap();
        std::fs::write(other.root().join(".git/config"), settings_like(&user)).unwrap();
        let check = |key: &str| git_in(&other.root(), &["config", "--default", "-", "--get", key]);
        assert_eq!(check("user.name"), "Ada");
        assert_eq!(check("core.autocrlf"), "input");
        assert_eq!(check("core.hooksPath"), "/dev/null");
        assert_eq!(check("core.fsmonitor"), "false");
        assert_eq!(check("filter.up.clean"), "sed 's/\"a\"\\t/b/' # c");
        assert_eq!(check("diff.a \"b\".textconv"), "cat");
        for key in ["core.worktree", "remote.origin.url", "alias.x"] {
            assert_eq!(check(key), "-", "{key}");
        }
    }
}
