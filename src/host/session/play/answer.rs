//! What a tool answers, and what the API says in its stead.

/// What a tool answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Given,
    Error,
}

impl Answer {
    pub fn of(is_good: bool) -> Self {
        if is_good { Self::Given } else { Self::Error }
    }
}

pub(super) struct ApiFailure {
    pub error: &'static str,
    pub status: Option<u16>,
    pub kind: &'static str,
    pub text: &'static str,
}
