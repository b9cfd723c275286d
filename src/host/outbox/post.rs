//! Webhooks: JSON that is posted, and posted again where that may help.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::base::measure::Millis;
use crate::spec::rule::Retry;

/// Names a file of certificate authorities that count instead of the well-known ones.
const AUTHORITIES: &str = "SSL_CERT_FILE";

/// What is posted.
pub struct Post {
    /// As the rule has it.
    pub url: String,
    pub body: String,
    /// Of one try.
    pub limit: Millis,
    pub retry: Retry,
}

/// Why a try came to nothing.
struct Missed {
    why: String,
    /// Another one would come to the same.
    is_final: bool,
}

impl Post {
    /// # Errors
    /// Why the last try failed. The address is told as the rule has it: what it stands for may be a secret.
    pub fn send(&self) -> Result<(), String> {
        let url = address_of(&self.url, |name| std::env::var(name).ok())?;
        let mut wait = self.retry.backoff_base.0;
        let mut n_tries = 0;
        loop {
            n_tries += 1;
            let Err(missed) = self.try_once(&url) else { return Ok(()) };
            if missed.is_final || n_tries >= self.retry.attempts {
                let tries = if n_tries > 1 { format!(" ({n_tries} tries)") } else { String::new() };
                return Err(format!("{}{tries}", missed.why.replace(&url, &self.url)));
            }
            std::thread::sleep(Duration::from_millis(wait.min(self.retry.backoff_cap.0)));
            wait = wait.saturating_mul(2);
        }
    }

    fn try_once(&self, url: &str) -> Result<(), Missed> {
        let authorities = authorities().map_err(|why| Missed { why, is_final: true })?;
        let agent: Agent = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(authorities).build())
            .timeout_global(Some(Duration::from_millis(self.limit.0)))
            .http_status_as_error(false)
            // A post that is sent on would arrive as something else.
            .max_redirects(0)
            .user_agent(concat!("orch/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let answer = agent.post(url).header("Content-Type", "application/json").send(&self.body);
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let may_change =
                    status.is_server_error() || [408, 425, 429].contains(&status.as_u16());
                Err(Missed { why: format!("it answered {status}"), is_final: !may_change })
            }
            Err(ureq::Error::Timeout(_)) => {
                let why = format!("no answer within {}", self.limit);
                Err(Missed { why, is_final: false })
            }
            Err(error) => {
                let is_final = matches!(error, ureq::Error::BadUri(_) | ureq::Error::Http(_));
                Err(Missed { why: error.to_string(), is_final })
            }
        }
    }
}

fn authorities() -> Result<RootCerts, String> {
    let Some(file) = std::env::var_os(AUTHORITIES).filter(|it| !it.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let pem = std::fs::read(&file)
        .map_err(|error| format!("`{AUTHORITIES}`: {}: {error}", file.to_string_lossy()))?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(it)) => Some(it),
        _ => None,
    });
    Ok(RootCerts::from(certificates))
}

/// The address with `${NAME}` as the environment has it.
fn address_of(url: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut address = String::new();
    let mut rest = url;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, after)) = behind.split_once('}') else { break };
        let value = value(name).filter(|it| !it.is_empty());
        let value = value.ok_or_else(|| format!("`{name}` is not set in orch's environment"))?;
        address.push_str(before);
        address.push_str(value.trim());
        rest = after;
    }
    address.push_str(rest);
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_in_addresses() {
        let check = |url: &str| {
            address_of(url, |name| (name == "HOOK").then(|| "https://example.org/x".to_owned()))
                .unwrap_or_else(|why| why)
        };
        assert_eq!(check("https://example.org/a?b=$c"), "https://example.org/a?b=$c");
        assert_eq!(check("${HOOK}/y"), "https://example.org/x/y");
        assert_eq!(check("${NONE}/y"), "`NONE` is not set in orch's environment");
        assert_eq!(check("https://example.org/${HOOK"), "https://example.org/${HOOK");
    }
}
