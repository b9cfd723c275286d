//! What the stream tells of the plan's windows.

use std::collections::BTreeMap;

use super::wire::RateLimitInfo;
use super::{RateLimit, StreamFacts, WindowUse};

/// Windows as last heard, and the rejection that still stands.
#[derive(Debug, Default)]
pub struct Windows {
    rejected: Option<RateLimit>,
    is_using_overage: bool,
    by_name: BTreeMap<String, WindowUse>,
}

impl Windows {
    /// Takes a `rate_limit_event`.
    pub fn take(&mut self, info: RateLimitInfo) {
        self.is_using_overage = info.is_using_overage;
        for (window, it) in info.windows {
            let permille = permille_of(it.utilization);
            self.note(WindowUse { window, status: it.status, permille, resets_at: it.resets_at });
        }
        if let Some(window) = &info.window {
            let known = self.by_name.get(window).and_then(|it| it.permille);
            self.note(WindowUse {
                window: window.clone(),
                status: info.status.clone(),
                permille: permille_of(info.utilization).or(known),
                resets_at: info.resets_at,
            });
        }
        let RateLimitInfo { status, resets_at, window, .. } = info;
        self.rejected = (status == "rejected").then_some(RateLimit { status, resets_at, window });
    }

    fn note(&mut self, heard: WindowUse) {
        self.by_name.insert(heard.window.clone(), heard);
    }

    /// The API answered: no rejection stands.
    pub fn answered(&mut self) {
        self.rejected = None;
    }

    /// Puts what is known into the facts.
    pub fn tell(self, facts: &mut StreamFacts) {
        facts.rate_limit = self.rejected;
        facts.is_using_overage = self.is_using_overage;
        facts.windows = self.by_name.into_values().collect();
    }
}

fn permille_of(share: Option<f64>) -> Option<u16> {
    share.filter(|it| it.is_finite()).map(|it| (it.clamp(0.0, 60.0) * 1000.0).round() as u16)
}
