//! What several probes of this family need: a sound create to compare with, sending and tidying up, keys that no record
//! has.
//!
//! It must not know what an assessment is about, nor decide a verdict.

use std::sync::Arc;

use grader_model::Evidence;
use grader_spec::{Action, FieldKind};
use harness_kit::operation::WireField;
use harness_kit::{Answer, BoundResource, Context, Encoding, Record, Request, Session, Stop, Values};
use serde_json::{Map, Value};

/// The main resource's create, which was just seen to work: the positive control of whatever is refused afterwards.
pub(super) struct Sound {
    pub(super) main: Arc<BoundResource>,
    pub(super) session: Option<Session>,
    /// The control's record.
    pub(super) control: Record,
}

impl Sound {
    /// Creates the control.
    ///
    /// # Errors
    /// [`Stop`] where the main resource cannot be created.
    pub(super) async fn begin(ctx: &Context, values: &mut Values) -> Result<Self, Stop> {
        let main = ctx.main()?;
        main.operation(Action::Create)?;
        let control = main.create(ctx, values, &[]).await?;
        let session = ctx.writer(&main)?;
        Ok(Sound { main, session, control })
    }

    /// As [`Sound::begin`], for what only a JSON body can show.
    ///
    /// # Errors
    /// [`Stop::NotApplicable`] where creating takes forms.
    pub(super) async fn begin_json(ctx: &Context, values: &mut Values) -> Result<Self, Stop> {
        let sound = Self::begin(ctx, values).await?;
        if sound.main.operation(Action::Create)?.encoding != Encoding::Json {
            return Err(Stop::not_applicable(format!("creating a {} takes a form, no JSON", sound.main.id)));
        }
        Ok(sound)
    }

    /// A sound body with values of its own.
    pub(super) fn body(&self, values: &mut Values) -> Result<Map<String, Value>, Stop> {
        self.main.create_body(&self.main.fresh(values))
    }

    /// The create with that body.
    pub(super) fn request(&self, body: Map<String, Value>) -> Result<Request, Stop> {
        Ok(self.main.operation(Action::Create)?.request(None, Some(body), self.session.as_ref()))
    }

    /// The create with bytes for a body.
    pub(super) fn raw(&self, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Request, Stop> {
        let create = self.main.operation(Action::Create)?;
        Ok(create.request(None, None, self.session.as_ref()).raw(content_type, body.into()))
    }

    /// The fields of those kinds that a create takes, with their spelling.
    pub(super) fn fields(&self, kinds: &[FieldKind]) -> Result<Vec<(String, WireField)>, Stop> {
        let create = self.main.operation(Action::Create)?;
        Ok(self
            .main
            .spec
            .fields
            .iter()
            .filter(|(_, field)| kinds.contains(&field.kind))
            .filter_map(|(id, _)| Some((id.clone(), create.fields.get(id)?.clone())))
            .collect())
    }

    /// Removes the record that an answer made against expectation, so that it disturbs no other probe.
    pub(super) async fn discard(&self, ctx: &Context, answer: &Answer) {
        let Some(made) = self.main.made(Map::new(), answer) else { return };
        if let Ok(request) = self.main.delete_request(&made.key, self.session.as_ref()) {
            request.send(ctx).await;
        }
    }
}

/// Sends a request whose answer decides something; a limiter's answer decides nothing.
///
/// # Errors
/// [`Stop::Inconclusive`] where a limiter refuses it.
pub(super) async fn send(ctx: &Context, request: Request) -> Result<Answer, Stop> {
    unlimited(request.send(ctx).await)
}

/// An answer that decides something.
///
/// # Errors
/// [`Stop::Inconclusive`] where a limiter gave it.
pub(super) fn unlimited(answer: Answer) -> Result<Answer, Stop> {
    if answer.is_limited() {
        let record = answer.record();
        return Err(Stop::inconclusive(format!(
            "the API's own limiter refused {} {}",
            record.method,
            record.target.split('?').next().unwrap_or_default()
        )));
    }
    Ok(answer)
}

/// What is shown of wrong answers: breakdowns first, since nothing else may charge for them again.
pub(super) fn evidence<'a>(ctx: &Context, answers: impl IntoIterator<Item = &'a Answer>, most: usize) -> Vec<Evidence> {
    let mut answers: Vec<&Answer> = answers.into_iter().collect();
    answers.sort_by_key(|answer| !answer.is_breakdown());
    answers.into_iter().take(most).map(|answer| ctx.recorder().evidence(answer)).collect()
}

/// A part of a whole, 0 to 1; nothing of nothing is all of it.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a probe's cases, far below 2^53")]
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// A text that starts a sentence.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_starts_with_a_capital() {
        assert_eq!(capital("a second x"), "A second x");
        assert_eq!(capital(""), "");
    }

    #[test]
    fn shares_are_parts_of_a_whole() {
        assert!((share(1, 4) - 0.25).abs() < 1e-9);
        assert!((share(0, 0) - 1.0).abs() < 1e-9);
    }
}
