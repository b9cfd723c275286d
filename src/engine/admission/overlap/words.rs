//! The file names in a text: words that look like paths, and never `and/or`, versions or addresses.

use std::collections::BTreeSet;

use crate::base::name::RelPath;

/// Endings that make a word a file's name.
#[rustfmt::skip]
const ENDINGS: &[&str] = &[
    "adoc", "astro", "awk", "bash", "bat", "bazel", "bib", "bzl", "c", "cabal", "cc", "cfg", "cjs", "clj", "cljs",
    "cmake", "conf", "cpp", "cr", "cs", "csproj", "css", "csv", "cts", "cu", "cue", "cxx", "dart", "dhall", "edn",
    "ejs", "el", "elm", "eml", "erb", "erl", "ex", "exs", "f90", "fish", "fs", "fsx", "gd", "gleam", "glsl", "go",
    "gql", "gradle", "graphql", "groovy", "h", "haml", "hbs", "hcl", "hpp", "hrl", "hs", "htm", "html", "hxx",
    "ini", "ipynb", "java", "jl", "js", "json", "json5", "jsonc", "jsonl", "jsonnet", "jsx", "kt", "kts", "less",
    "lhs", "liquid", "lisp", "lock", "lua", "make", "md", "mdx", "metal", "mjs", "mk", "ml", "mli", "mod", "mts",
    "mustache", "nim", "nix", "nu", "odin", "org", "pas", "patch", "php", "pl", "plist", "pm", "po", "prisma",
    "properties", "proto", "ps1", "pug", "purs", "py", "pyi", "pyx", "rake", "rb", "re", "res", "rkt", "rs", "rst",
    "sass", "sbt", "scala", "scm", "scss", "sh", "sln", "snap", "sol", "spec", "sql", "styl", "sum", "svelte",
    "svg", "swift", "tcl", "tex", "tf", "tfvars", "thrift", "tmpl", "toml", "tpl", "ts", "tsv", "tsx", "twig",
    "txt", "typ", "v", "vb", "vim", "vue", "wat", "wgsl", "xml", "xsd", "xsl", "yaml", "yml", "zig", "zsh",
];

/// Endings of one letter or of another meaning count only behind a folder.
const ONLY_WITH_FOLDER: &[&str] = &["d", "m", "r", "lib", "log", "map", "env", "png", "jpg", "in"];

/// Files without an ending.
#[rustfmt::skip]
const WHOLE_NAMES: &[&str] = &[
    "Makefile", "GNUmakefile", "Dockerfile", "Containerfile", "Justfile", "justfile", "Rakefile", "Gemfile",
    "Procfile", "Jenkinsfile", "Vagrantfile", "Caddyfile", "Brewfile", "CODEOWNERS", ".gitignore",
    ".gitattributes", ".dockerignore", ".env", ".editorconfig", ".npmrc", ".nvmrc",
];

/// Products that are called like files.
#[rustfmt::skip]
const PRODUCTS: &[&str] = &[
    "node", "next", "nuxt", "vue", "react", "angular", "ember", "backbone", "express", "three", "d3", "chart",
    "moment", "discord", "alpine", "solid", "knockout", "underscore", "lodash", "socket", "p5", "deno", "bun",
];

/// Pairs of words that no tree makes a path.
const PAIRS: &[&str] = &["and/or", "w/o", "i/o", "n/a", "either/or", "he/she", "his/her", "tcp/ip"];

/// What a text names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// These are files, be they there or not.
    pub files: BTreeSet<RelPath>,
    /// These are files if the tree has one of the name, or a task declares it.
    pub perhaps: BTreeSet<RelPath>,
}

/// Finds the file names of a text, in any language.
pub fn named_in(text: &str) -> Named {
    let mut named = Named::default();
    for chunk in text.split_whitespace().filter(|chunk| !is_address(chunk)) {
        let mut rest = chunk;
        while let Some(start) = rest.find(is_of_path) {
            let tail = &rest[start..];
            let end = tail.find(|it| !is_of_path(it)).unwrap_or(tail.len());
            let before = rest[..start].chars().next_back();
            // `$dir/a.rs` and `~/a.rs` are elsewhere; `a.b()` is a call.
            let is_foreign = before.is_some_and(|it| matches!(it, '$' | '~' | '%' | '}' | '\\'));
            if !is_foreign && !tail[end..].starts_with('(') {
                take(&tail[..end], &mut named);
            }
            rest = &tail[end..];
        }
    }
    named
}

fn is_of_path(it: char) -> bool {
    it.is_alphanumeric() || matches!(it, '_' | '-' | '.' | '/' | '+' | '@')
}

fn is_address(chunk: &str) -> bool {
    chunk.contains("://") || chunk.contains("www.") || chunk.contains("mailto:")
}

fn take(word: &str, named: &mut Named) {
    let word = word.trim_end_matches(['.', '/', '-', '+']);
    if word.starts_with('/') || word.split('/').any(|part| matches!(part, "..")) || is_pair(word) {
        return;
    }
    let Some(path) = RelPath::normalize(word) else { return };
    let has_folder = path.as_str().contains('/');
    if has_folder && is_host(path.as_str()) {
        return;
    }
    if is_file_name(path.file_name(), has_folder) {
        named.files.insert(path);
    } else if has_folder {
        named.perhaps.insert(path);
    }
}

fn is_pair(word: &str) -> bool {
    PAIRS.iter().any(|pair| pair.eq_ignore_ascii_case(word))
}

/// `github.com/a/b.rs`.
fn is_host(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let top = first.rsplit_once('.').map(|(_, top)| top);
    top.is_some_and(|top| ["com", "org", "net", "io", "dev", "ai", "app", "rs"].contains(&top))
        && !first.starts_with('.')
}

fn is_file_name(name: &str, has_folder: bool) -> bool {
    if WHOLE_NAMES.contains(&name) {
        return true;
    }
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    if stem.is_empty() || !stem.chars().any(char::is_alphabetic) && !has_folder {
        return false;
    }
    if !has_folder && name.contains('@') {
        return false;
    }
    let is_known = |known: &[&str]| known.iter().any(|it| it.eq_ignore_ascii_case(ending));
    let is_product = || {
        !has_folder
            && ["js", "ts", "io"].contains(&ending.to_lowercase().as_str())
            && PRODUCTS.contains(&stem.to_lowercase().as_str())
    };
    (is_known(ENDINGS) && !is_product()) || has_folder && is_known(ONLY_WITH_FOLDER)
}
