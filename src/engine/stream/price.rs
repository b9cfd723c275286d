//! What a model call costs by list price: only for sessions that ended before the CLI said so.
//! An estimate: output of a cut call is counted from its text, four characters a token.

use crate::base::measure::Usd;

use super::Tokens;

/// Month of the table; shown with estimates.
pub const PRICES_VERSION: &str = "2026-11";

/// Dollars for a million tokens.
#[derive(Clone, Copy)]
struct Price {
    prefix: &'static str,
    input: f64,
    output: f64,
    /// Of input that comes from the provider's cache.
    cache_read: f64,
    /// Input and output of a call whose prompt is longer than so many tokens.
    long: Option<(u64, f64, f64)>,
}

impl Price {
    const fn new(prefix: &'static str, input: f64, output: f64) -> Self {
        Self { prefix, input, output, cache_read: input * 0.1, long: None }
    }

    const fn cached(self, cache_read: f64) -> Self {
        Self { cache_read, ..self }
    }
}

/// The longest prefix that fits wins. As in the catalogue of the CLI 2.1.332.
const PRICES: &[Price] = &[
    Price::new("claude-fable-5", 10.0, 50.0),
    Price::new("claude-fable-5-1", 10.0, 50.0).cached(0.25),
    Price::new("claude-fable-5-2", 8.0, 40.0).cached(0.2),
    Price::new("claude-mythos-5", 10.0, 50.0),
    Price::new("claude-mythos-5-1", 10.0, 50.0).cached(0.25),
    Price::new("claude-mythos-5-2", 8.0, 40.0).cached(0.2),
    Price::new("claude-opus-5", 5.0, 25.0),
    Price::new("claude-opus-5-5", 4.0, 20.0).cached(0.2),
    Price::new("claude-opus-4", 15.0, 75.0),
    Price::new("claude-opus-4-5", 5.0, 25.0),
    Price::new("claude-opus-4-6", 5.0, 25.0),
    Price::new("claude-opus-4-7", 5.0, 25.0),
    Price::new("claude-opus-4-8", 5.0, 25.0),
    Price::new("claude-sonnet-5", 2.0, 10.0),
    Price::new("claude-sonnet-5-5", 2.0, 10.0).cached(0.1),
    Price::new("claude-sonnet-4", 3.0, 15.0),
    Price::new("claude-haiku-4", 1.0, 5.0),
    Price { long: Some((100_000, 0.5, 2.5)), ..Price::new("claude-haiku-5", 0.1, 0.5) },
];

/// Used for a model the table does not know: rather too much than too little.
const UNKNOWN: Price = Price::new("", 5.0, 25.0);

/// Of writes into the provider's cache, for five minutes and for an hour, in prices of input.
const CACHE_CREATION: f64 = 1.25;
const HOUR_OF_CACHE: f64 = 2.0;

/// The list price of one call; `for_an_hour` of what it wrote into the cache is kept so long.
pub fn cost_of(model: &str, tokens: Tokens, for_an_hour: u64) -> Usd {
    let price = PRICES
        .iter()
        .filter(|price| model.starts_with(price.prefix))
        .max_by_key(|price| price.prefix.len())
        .unwrap_or(&UNKNOWN);
    let prompt = tokens.input + tokens.cache_read + tokens.cache_creation;
    let (input, output) = match price.long {
        Some((above, input, output)) if prompt > above => (input, output),
        _ => (price.input, price.output),
    };
    let cache_read = price.cache_read * input / price.input;
    let for_an_hour = for_an_hour.min(tokens.cache_creation);
    let briefly = tokens.cache_creation - for_an_hour;
    let dollars = tokens.input as f64 * input
        + tokens.cache_read as f64 * cache_read
        + briefly as f64 * input * CACHE_CREATION
        + for_an_hour as f64 * input * HOUR_OF_CACHE
        + tokens.output as f64 * output;
    Usd::from_dollars(dollars / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_those_of_the_model_and_of_the_prompts_length() {
        let tokens = |input, cache_read| Tokens { input, cache_read, ..Tokens::default() };
        let check = |model: &str, tokens: Tokens| cost_of(model, tokens, 0).to_string();
        let million = tokens(1_000_000, 0);
        assert_eq!(check("claude-opus-4-1-20250805", million), "$15.00");
        assert_eq!(check("claude-opus-4-8", million), "$5.00");
        assert_eq!(check("claude-fable-5-2-20261001", million), "$8.00");
        assert_eq!(check("claude-opus-5-5", tokens(0, 1_000_000)), "$0.20", "cheap cache reads");
        assert_eq!(check("claude-haiku-5-5", tokens(100_000, 0)), "$0.0100");
        assert_eq!(check("claude-haiku-5-5", tokens(200_000, 0)), "$0.10", "a long prompt");
        assert_eq!(check("claude-nobody-knows", million), "$5.00");
        let written = Tokens { cache_creation: 1_000_000, ..Tokens::default() };
        let hours = [0, 400_000, 1_000_000, 2_000_000];
        let check = |hour| cost_of("claude-sonnet-4-5", written, hour).to_string();
        assert_eq!(hours.map(check), ["$3.75", "$4.65", "$6.00", "$6.00"]);
    }
}
