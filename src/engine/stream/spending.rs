//! What a stream cost: the CLI's own figures for turns it has counted, an estimate for the rest.

use std::collections::BTreeMap;

use crate::base::measure::Usd;
use crate::base::name::ModelName;

use super::wire::{self, Message, ModelUsage, ResultLine};
use super::{ModelSpend, Tokens, price};

/// Cost and tokens by model.
type ByModel = BTreeMap<String, (Usd, Tokens)>;

/// Cost and tokens so far.
#[derive(Debug, Default)]
pub struct Spending {
    base_cost: Usd,
    settled: ByModel,
    /// What results have said to be new in them.
    since: Since,
    /// Calls that no result has counted yet, by message id.
    open: BTreeMap<String, OpenCall>,
    open_cost: Usd,
}

#[derive(Debug, Default)]
struct Since {
    is_missing: bool,
    models: ByModel,
}

#[derive(Debug, Default)]
struct OpenCall {
    model: String,
    tokens: Tokens,
    /// Of what it wrote into the cache.
    for_an_hour: u64,
    n_chars: u64,
}

impl OpenCall {
    /// Usage in the stream is not final: output is at least what was seen of it.
    fn estimate(&self) -> Tokens {
        Tokens { output: self.tokens.output.max(self.n_chars / 4), ..self.tokens }
    }

    fn cost(&self) -> Usd {
        price::cost_of(&self.model, self.estimate(), self.for_an_hour)
    }
}

impl Spending {
    pub fn new(base_cost: Usd) -> Self {
        Self { base_cost, ..Self::default() }
    }

    pub fn cost(&self) -> Usd {
        cost_of(&self.settled) + self.open_cost
    }

    pub fn tokens(&self) -> Tokens {
        self.open.values().fold(tokens_of(&self.settled), |sum, call| sum.plus(call.estimate()))
    }

    /// True where a part is not the CLI's own count.
    pub fn is_estimate(&self) -> bool {
        !self.open.is_empty()
    }

    pub fn by_model(&self) -> Vec<ModelSpend> {
        let mut all = self.settled.clone();
        for call in self.open.values() {
            add(&mut all, &call.model, call.cost(), call.estimate());
        }
        let per_model =
            |(model, (cost, tokens))| ModelSpend { model: ModelName::new(model), cost, tokens };
        all.into_iter().map(per_model).collect()
    }

    /// A piece of a model call was seen.
    pub fn count(&mut self, message: &Message) {
        let call = self.open.entry(message.id.clone()).or_default();
        let before = call.cost();
        call.model.clone_from(&message.model);
        call.tokens = Tokens::from(&message.usage);
        call.for_an_hour = message.usage.cache_creation.ephemeral_1h_input_tokens;
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
                for (model, usage) in usage {
                    let cost = Usd::from_dollars(usage.cost);
                    add(&mut self.since.models, model, cost, Tokens::from(usage));
                }
            }
            None => self.since.is_missing = true,
        }
        self.settled =
            if self.since.is_missing { self.by_total(result) } else { self.since.models.clone() };
        self.open.clear();
        self.open_cost = Usd::ZERO;
    }

    /// Older versions know only the total, over resumed sessions too. A total below what the session
    /// had cost before is one that was begun anew.
    fn by_total(&self, result: &ResultLine) -> ByModel {
        let total = Usd::from_dollars(result.total_cost_usd);
        let goes_on = self.base_cost > Usd::ZERO && total >= self.base_cost;
        let new = if goes_on { total - self.base_cost } else { total };
        let tokens = if result.model_usage.is_empty() || goes_on {
            tokens_of(&self.settled).plus(Tokens::from(&result.usage))
        } else {
            wire::total_of(&result.model_usage).1
        };
        let mut models: ByModel = match goes_on {
            true => BTreeMap::new(),
            false => result.model_usage.iter().map(|it| (it.0.clone(), spend_of(it.1))).collect(),
        };
        if cost_of(&models) != new || tokens_of(&models) != tokens {
            // The parts are not told, or are none of this sum: all of it is the main model's.
            let main = result.model_usage.iter().max_by(|a, b| a.1.cost.total_cmp(&b.1.cost));
            let main = main.map(|it| it.0.as_str()).or(self.open_model()).unwrap_or_default();
            models = BTreeMap::from([(main.to_owned(), (new, tokens))]);
        }
        models
    }

    fn open_model(&self) -> Option<&str> {
        self.open.values().map(|call| call.model.as_str()).next()
    }
}

fn spend_of(usage: &ModelUsage) -> (Usd, Tokens) {
    (Usd::from_dollars(usage.cost), Tokens::from(usage))
}

fn add(models: &mut ByModel, model: &str, cost: Usd, tokens: Tokens) {
    let sum = models.entry(model.to_owned()).or_default();
    *sum = (sum.0 + cost, sum.1.plus(tokens));
}

fn cost_of(models: &ByModel) -> Usd {
    models.values().map(|it| it.0).sum()
}

fn tokens_of(models: &ByModel) -> Tokens {
    models.values().fold(Tokens::default(), |sum, it| sum.plus(it.1))
}
