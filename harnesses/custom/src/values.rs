//! What stands for a name in a step: what earlier steps gave, fresh values from the run's seed, and the accounts.

use std::collections::HashMap;

use grader_spec::custom::{Part, parts, reference};
use harness_kit::bind::account_key;
use harness_kit::{Account, Context, Stop, Values, wire};
use serde_json::{Value, json};

/// The names of one run of a probe.
pub(crate) struct Names {
    known: HashMap<String, Value>,
    pub(crate) fresh: Values,
}

impl Names {
    pub(crate) fn new(fresh: Values) -> Self {
        Names { known: HashMap::new(), fresh }
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.known.insert(name.to_owned(), value);
    }

    /// A document with its names replaced. A text that is nothing but a name becomes the value, in its own type.
    pub(crate) async fn fill(&mut self, ctx: &Context, value: &Value) -> Result<Value, Stop> {
        Ok(match value {
            Value::String(text) => match reference(text) {
                Some(name) => self.value(ctx, name).await?,
                None => Value::String(self.text(ctx, text).await?),
            },
            Value::Array(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    filled.push(Box::pin(self.fill(ctx, item)).await?);
                }
                Value::Array(filled)
            }
            Value::Object(members) => {
                let mut filled = serde_json::Map::new();
                for (name, value) in members {
                    filled.insert(name.clone(), Box::pin(self.fill(ctx, value)).await?);
                }
                Value::Object(filled)
            }
            other => other.clone(),
        })
    }

    /// A text with its names replaced.
    pub(crate) async fn text(&mut self, ctx: &Context, text: &str) -> Result<String, Stop> {
        let mut filled = String::new();
        for part in parts(text).map_err(|why| Stop::inconclusive(format!("a step cannot be read: {why}")))? {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    let value = self.value(ctx, name).await?;
                    filled.push_str(&wire::text(&value).unwrap_or_else(|| value.to_string()));
                }
            }
        }
        Ok(filled)
    }

    async fn value(&mut self, ctx: &Context, name: &str) -> Result<Value, Stop> {
        if let Some(value) = self.known.get(name) {
            return Ok(value.clone());
        }
        Ok(match name {
            "random.text" => json!(self.fresh.text()),
            "random.word" => json!(self.fresh.word()),
            "random.name" => json!(self.fresh.person()),
            "random.email" => json!(self.fresh.email()),
            "random.number" => json!(self.fresh.cents()),
            "random.uuid" => json!(self.uuid()),
            "user.identity" => json!(ctx.account().await?.identity),
            "other.identity" => json!(ctx.other_account().await?.identity),
            "user.password" => json!(ctx.account().await?.password),
            "other.password" => json!(ctx.other_account().await?.password),
            "user.key" => key(ctx, &ctx.account().await?)?,
            "other.key" => key(ctx, &ctx.other_account().await?)?,
            // The check of a spec lets no other name through.
            _ => return Err(Stop::inconclusive(format!("nothing is known under the name `{name}`"))),
        })
    }

    /// A UUID of version 4 in form (RFC 9562, 5.4), from the run's seed.
    fn uuid(&mut self) -> String {
        let digits: String = (0..3).map(|_| self.fresh.gtin13("4")).collect();
        let part = |from: usize, to: usize| &digits[from..to];
        format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
    }
}

fn key(ctx: &Context, account: &Account) -> Result<Value, Stop> {
    account_key(ctx, account)
        .ok_or_else(|| Stop::inconclusive("neither registering nor the token says the account's key".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_sound_in_form_and_repeat_with_the_seed() {
        let uuid = || Names::new(Values::new(1, "custom.x")).uuid();
        let one = uuid();
        assert_eq!(one, uuid());
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(one.split('-').nth(2).is_some_and(|part| part.starts_with('4')));
    }
}
