//! `api.status.unknown`: reading, updating or deleting a record that never existed answers 404, and a malformed key is
//! the client's mistake, never a 5xx.
//!
//! The unknown key is a sound one: that of a record made and (where deleting works) of another value of the same form.
//! Planted defect: `api-status-unknown` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Answer, BoundResource, Context, Probe, Request, Stop, Values, wire};

/// What no API takes for a key.
const MALFORMED: &str = "no-such-key!";

pub(crate) struct StatusUnknown;

#[async_trait]
impl Probe for StatusUnknown {
    fn id(&self) -> &'static str {
        "api.status.unknown"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let mut values = ctx.values(self.id());
        let record = main.create(ctx, &mut values, &[]).await?;
        let session = ctx.writer(&main)?;
        // Positive control: the same request for a record that is there.
        let control = main.read_request(&record.key, session.as_ref())?.send(ctx).await;
        if !control.is_success() {
            return Err(Stop::blocked("api.operations", format!("reading a record answers {}", control.status_line())));
        }
        let unknown = unknown(&main, &record.key, &mut values);
        let mut wanted: Vec<(&str, Request, Wanted)> =
            vec![("reading an unknown record", main.read_request(&unknown, session.as_ref())?, Wanted::NotFound)];
        if main.operations.contains_key(&Action::Update) {
            // Values of its own: those of the record that is there would meet its unique ones, and a conflict may be
            // told before the missing record is.
            let fresh = main.fresh(&mut values);
            let request = main.update_request(&unknown, &fresh, &fresh, session.as_ref())?;
            wanted.push(("updating an unknown record", request, Wanted::NotFound));
        }
        if main.operations.contains_key(&Action::Delete) {
            let request = main.delete_request(&unknown, session.as_ref())?;
            wanted.push(("deleting an unknown record", request, Wanted::NotFound));
        }
        let malformed = main.read_request(MALFORMED, session.as_ref())?;
        wanted.push(("reading with a malformed key", malformed, Wanted::ClientError));

        let of = wanted.len();
        let mut wrong: Vec<(String, Answer)> = Vec::new();
        let mut shown = Vec::new();
        for (what, request, expected) in wanted {
            let answer = request.send(ctx).await;
            let sound = match expected {
                Wanted::NotFound => matches!(answer.status(), 404 | 410),
                Wanted::ClientError => answer.is_client_error(),
            };
            if sound {
                shown.push(answer);
            } else {
                wrong.push((format!("{what}: {}", answer.status_line()), answer));
            }
        }
        let recorder = ctx.recorder();
        if wrong.is_empty() {
            let evidence = shown.iter().take(1).map(|answer| recorder.evidence(answer)).collect::<Vec<_>>();
            return Ok(
                Finding::pass(self.id(), "Unknown records answer 404, a malformed key a 4xx").evidences(evidence)
            );
        }
        // A 4xx for a malformed key is what parsers give by themselves: alone it earns nothing.
        let only_malformed_is_sound = wrong.len() == of - 1 && wrong.iter().all(|(_, answer)| !is_malformed(answer));
        #[expect(clippy::cast_precision_loss, reason = "at most four cases")]
        let fraction = if only_malformed_is_sound { 0.0 } else { (of - wrong.len()) as f64 / of as f64 };
        let lines: Vec<String> = wrong.iter().map(|(line, _)| line.clone()).collect();
        let evidence: Vec<_> = wrong.iter().map(|(_, answer)| recorder.evidence(answer)).collect();
        Ok(Finding::partial(
            self.id(),
            fraction,
            format!("{} of {of} requests for what is not there answer wrongly", lines.len()),
        )
        .expected("404 Not Found for an unknown record, any 4xx for a malformed key")
        .actual(lines.join("\n"))
        .evidences(evidence))
    }
}

fn is_malformed(answer: &Answer) -> bool {
    answer.record().target.contains(&harness_kit::operation::encode_segment(MALFORMED))
}

enum Wanted {
    NotFound,
    ClientError,
}

/// A key of the same form that no record has. Where records are named by a field of their own (a code with a check digit,
/// say), a sound value of that field.
fn unknown(main: &BoundResource, key: &str, values: &mut Values) -> String {
    let own = main.fields.iter().find(|(_, wire)| wire.name == main.key).and_then(|(id, _)| main.spec.fields.get(id));
    own.map(|field| values.field(field)).as_ref().and_then(wire::text).unwrap_or_else(|| unlike(key))
}

/// The key with its letters and digits turned.
fn unlike(key: &str) -> String {
    if key.chars().all(|c| c.is_ascii_digit()) && key.len() < 10 {
        return "987654321".to_owned();
    }
    // Turning the letters and digits keeps UUIDs, object ids and codes well formed; the version digit of a UUID stays.
    key.char_indices()
        .map(|(at, c)| match c {
            _ if at == 14 || at == 19 => c,
            '0'..='9' if key.contains('-') || key.len() == 24 => char::from(b'0' + (c as u8 - b'0' + 5) % 10),
            'a'..='f' => char::from(b'a' + (c as u8 - b'a' + 3) % 6),
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::unlike;

    #[test]
    fn an_unlike_key_keeps_its_form() {
        let uuid = "8e1b3c52-6f1a-4a52-9d7e-0d3b2f6a7c11";
        let other = unlike(uuid);
        assert_ne!(uuid, other);
        assert_eq!((other.len(), &other[14..15], &other[19..20]), (36, "4", "9"));
        assert_eq!(unlike("12"), "987654321");
    }
}
