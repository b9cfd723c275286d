//! Whose usage limits sessions meet: told by how the CLI would sign in with an environment, in its own
//! order. Tokens of a login change, so a login is told by its account; no secret is kept.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::digest::{Fingerprint, Manifest};
use crate::base::name::AccountId;

use super::UserSettings;

/// Where sessions ask; part of every account.
const PLACES: &[&str] = &["ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"];
/// Providers that have credentials of their own, and what chooses among those.
#[rustfmt::skip]
const PROVIDERS: &[(&str, &[&str])] = &[
    ("CLAUDE_CODE_USE_BEDROCK", &["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_BEARER_TOKEN_BEDROCK"]),
    ("CLAUDE_CODE_USE_VERTEX", &["ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION"]),
    ("CLAUDE_CODE_USE_FOUNDRY", &["ANTHROPIC_FOUNDRY_RESOURCE", "ANTHROPIC_FOUNDRY_API_KEY"]),
];
/// Keys that win over a login, the first one that is set.
const KEYS: &[&str] =
    &["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "apiKeyHelper", "CLAUDE_CODE_OAUTH_TOKEN"];

/// The account of sessions that this process starts: its environment, with the user's own CLI
/// settings laid over it as sessions get them. A helper is told by its command: it is not run.
pub fn account_here() -> Option<AccountId> {
    let own = |name: &str| std::env::var_os(name);
    let settings = UserSettings::here();
    account_of(|name| settings.variable(name).or_else(|| own(name)))
}

/// The account of sessions with such an environment; `None` where nothing tells.
fn account_of(caller: impl Fn(&str) -> Option<OsString>) -> Option<AccountId> {
    let value = |name: &str| caller(name).filter(|value| !value.is_empty());
    let mut print = Fingerprint::new("orch account v1");
    let mut add = |name: &str, value: &[u8]| print.entry(name, value);
    let add_all = |add: &mut dyn FnMut(&str, &[u8]), names: &[&str]| {
        for name in names {
            if let Some(value) = value(name) {
                add(name, value.as_encoded_bytes());
            }
        }
    };
    add_all(&mut add, PLACES);
    let is_on = |name: &str| value(name).is_some_and(|it| it != "0" && it != "false");
    if let Some((name, chosen_by)) = PROVIDERS.iter().find(|(name, _)| is_on(name)) {
        add("provider", name.as_bytes());
        add_all(&mut add, chosen_by);
    } else if let Some(name) = KEYS.iter().find(|name| value(name).is_some()) {
        add_all(&mut add, &[name]);
    } else {
        let login = login_in(&config_of(value)?)?;
        add("login", login.account_uuid.as_bytes());
        add("organization", login.organization_uuid.unwrap_or_default().as_bytes());
    }
    Some(AccountId(print.finish()))
}

/// The CLI's own settings, where it says who is logged in.
fn config_of(value: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = value("CLAUDE_CONFIG_DIR").or_else(|| value("HOME"))?;
    Some(Path::new(&folder).join(".claude.json"))
}

#[derive(Deserialize)]
struct Settings {
    #[serde(rename = "oauthAccount")]
    login: Option<Login>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    account_uuid: String,
    organization_uuid: Option<String>,
}

fn login_in(config: &Path) -> Option<Login> {
    let text = fs::read(config).ok()?;
    serde_json::from_slice::<Settings>(&text).ok()?.login
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_told_by_what_the_cli_signs_in_with() {
        let home = tempfile::tempdir().unwrap();
        let log_in = |account: &str, token: &str| {
            let text = format!(
                r#"{{"token": "{token}", "oauthAccount": {{"accountUuid": "{account}", "organizationUuid": "o"}}}}"#
            );
            fs::write(home.path().join(".claude.json"), text).unwrap();
        };
        let check = |variables: &[(&str, &str)]| {
            account_of(|name| match variables.iter().find(|(it, _)| *it == name) {
                Some((_, value)) => Some(OsString::from(value)),
                None => (name == "HOME").then(|| home.path().as_os_str().to_owned()),
            })
        };
        assert_eq!(check(&[]), None, "nobody is logged in");
        let key = check(&[("ANTHROPIC_API_KEY", "sk-made-up")]);
        assert!(key.is_some());
        assert_ne!(key, check(&[("ANTHROPIC_API_KEY", "sk-made-up-too")]));
        let elsewhere = [("ANTHROPIC_API_KEY", "sk-made-up"), ("ANTHROPIC_BASE_URL", "http://x")];
        assert_ne!(key, check(&elsewhere));
        log_in("a", "first");
        let login = check(&[]);
        assert!(login.is_some() && login != key);
        log_in("a", "second");
        assert_eq!(login, check(&[]), "tokens change");
        assert_eq!(key, check(&[("ANTHROPIC_API_KEY", "sk-made-up")]), "a key wins over a login");
        log_in("b", "second");
        assert_ne!(login, check(&[]));
        let cloud = check(&[("CLAUDE_CODE_USE_BEDROCK", "1")]);
        assert!(cloud.is_some() && cloud != login);
        assert_eq!(cloud, check(&[("CLAUDE_CODE_USE_BEDROCK", "1"), ("ANTHROPIC_API_KEY", "k")]));
    }
}
