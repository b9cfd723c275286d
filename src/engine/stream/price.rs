//! What a model call costs by list price: only for sessions that ended before the CLI said so.
//! An estimate: output of a cut call is counted from its text, four characters a token.

use crate::base::measure::Usd;

use super::Tokens;

/// Month of the table; shown with estimates.
pub const PRICES_VERSION: &str = "2026-11";

/// Dollars for a million tokens.
struct Price {
    prefix: &'static str,
    input: f64,
    output: f64,
}

/// The longest prefix that fits wins.
const PRICES: &[Price] = &[
    Price { prefix: "claude-opus-5", input: 4.0, output: 20.0 },
    Price { prefix: "claude-sonnet-5", input: 2.0, output: 10.0 },
    Price { prefix: "claude-haiku-5", input: 0.1, output: 0.5 },
    Price { prefix: "claude-opus-4", input: 15.0, output: 75.0 },
    Price { prefix: "claude-opus-4-5", input: 5.0, output: 25.0 },
    Price { prefix: "claude-opus-4-6", input: 5.0, output: 25.0 },
    Price { prefix: "claude-sonnet-4", input: 3.0, output: 15.0 },
    Price { prefix: "claude-haiku-4", input: 1.0, output: 5.0 },
];

/// Used for a model the table does not know: rather too much than too little.
const UNKNOWN: Price = Price { prefix: "", input: 5.0, output: 25.0 };

const CACHE_READ: f64 = 0.1;
const CACHE_CREATION: f64 = 1.25;

/// The list price of one call.
pub fn cost_of(model: &str, tokens: Tokens) -> Usd {
    let price = PRICES
        .iter()
        .filter(|price| model.starts_with(price.prefix))
        .max_by_key(|price| price.prefix.len())
        .unwrap_or(&UNKNOWN);
    let input = tokens.input as f64
        + tokens.cache_read as f64 * CACHE_READ
        + tokens.cache_creation as f64 * CACHE_CREATION;
    Usd::from_dollars((input * price.input + tokens.output as f64 * price.output) / 1e6)
}
