//! What a stream cost: the CLI's own figures for turns it has counted, an estimate for the rest.

use std::collections::BTreeMap;

use crate::base::measure::Usd;

use super::wire::{self, Message, ResultLine};
use super::{Tokens, price};

/// Cost and tokens so far.
#[derive(Debug, Default)]
pub struct Spending {
    base_cost: Usd,
    settled: (Usd, Tokens),
    since: Since,
    /// Calls that no result has counted yet, by message id.
    open: BTreeMap<String, OpenCall>,
    open_cost: Usd,
}

/// What results have said to be new in them.
#[derive(Debug, Default)]
struct Since {
    is_missing: bool,
    cost: Usd,
    tokens: Tokens,
}

#[derive(Debug, Default)]
struct OpenCall {
    model: String,
    tokens: Tokens,
    n_chars: u64,
}

impl OpenCall {
    /// Usage in the stream is not final: output is at least what was seen of it.
    fn estimate(&self) -> Tokens {
        Tokens { output: self.tokens.output.max(self.n_chars / 4), ..self.tokens }
    }

    fn cost(&self) -> Usd {
        price::cost_of(&self.model, self.estimate())
    }
}

impl Spending {
    pub fn new(base_cost: Usd) -> Self {
        Self { base_cost, ..Self::default() }
    }

    pub fn cost(&self) -> Usd {
        self.settled.0 + self.open_cost
    }

    pub fn tokens(&self) -> Tokens {
        self.open.values().fold(self.settled.1, |sum, call| sum.plus(call.estimate()))
    }

    /// A piece of a model call was seen.
    pub fn count(&mut self, message: &Message) {
        let call = self.open.entry(message.id.clone()).or_default();
        let before = call.cost();
        call.model.clone_from(&message.model);
        call.tokens = Tokens::from(&message.usage);
        let chars = message
            .content
            .iter()
            .map(|block| block.text.len() + block.thinking.len() + block.input.detail().len());
        call.n_chars += chars.sum::<usize>() as u64;
        self.open_cost = self.open_cost + call.cost() - before;
    }

    /// The CLI has counted the turn: its figures replace the estimate.
    pub fn settle(&mut self, result: &ResultLine) {
        match &result.model_usage_since_last_result {
            Some(usage) => {
                let (cost, tokens) = wire::total_of(usage);
                self.since.cost += cost;
                self.since.tokens = self.since.tokens.plus(tokens);
            }
            None => self.since.is_missing = true,
        }
        self.settled = if self.since.is_missing {
            self.by_total(result)
        } else {
            (self.since.cost, self.since.tokens)
        };
        self.open.clear();
        self.open_cost = Usd::ZERO;
    }

    /// Older versions know only the total, over resumed sessions too.
    fn by_total(&self, result: &ResultLine) -> (Usd, Tokens) {
        let total = Usd::from_dollars(result.total_cost_usd);
        let tokens = if result.model_usage.is_empty() {
            self.settled.1.plus(Tokens::from(&result.usage))
        } else {
            wire::total_of(&result.model_usage).1
        };
        ((total - self.base_cost).max(Usd::ZERO), tokens)
    }
}
