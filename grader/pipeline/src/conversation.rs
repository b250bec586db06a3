//! The host's end of the conversation with a harness: sends the start, carries out control requests, collects findings.

use std::time::Duration;

use grader_model::{Binding, Fault, Finding, Note};
use harness_kit::protocol::{Control, ControlReply, FromHarness, Lines, ProtocolError, Start, ToHarness, write_line};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Event, Events};

/// What a harness said until it was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// The service that turned out to be the API.
    pub(crate) api: Option<String>,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) notes: Vec<Note>,
    /// What was tried, where nothing answered HTTP.
    pub(crate) silent: Option<Vec<String>>,
    /// Whether the harness said that it was done; without, it was cut off.
    pub(crate) done: bool,
    pub(crate) requests: u32,
}

/// Why a conversation ended without the harness's last word.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The harness ended, or said what it must not.
    Harness(ProtocolError),
    /// What it speaks to is gone.
    Cut(Box<Fault>),
}

/// Holds the conversation within `budget`, or until `cut` says why it is of no use any more. What was heard before an
/// error, the cut or the end of the budget is kept.
pub(crate) async fn converse<R, W, F, Fut>(
    input: R,
    mut output: W,
    start: Start,
    events: &Events,
    budget: Duration,
    cut: impl Future<Output = Box<Fault>>,
    mut control: F,
) -> (Heard, Result<(), Broken>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    F: FnMut(Control) -> Fut,
    Fut: Future<Output = Result<ControlReply, String>>,
{
    let mut heard = Heard::default();
    let talk = async {
        write_line(&mut output, &ToHarness::Start(Box::new(start))).await?;
        let mut lines = Lines::new(input);
        while let Some(message) = lines.next::<FromHarness>().await? {
            match message {
                FromHarness::Bound { api, bindings } => {
                    heard.api = api;
                    heard.bindings = bindings;
                }
                FromHarness::Probing { probe, number, of } => {
                    // Progress that nobody reads is no reason to stop.
                    let _ = events.send(Event::Probing { probe, number, of });
                }
                FromHarness::Finding { finding } => {
                    let _ = events.send(Event::Decided(finding.clone()));
                    heard.findings.push(*finding);
                }
                FromHarness::Note { note } => heard.notes.push(note),
                FromHarness::Silent { tried } => heard.silent = Some(tried),
                FromHarness::Control { id, request } => {
                    let reply = control(request).await;
                    write_line(&mut output, &ToHarness::Reply { id, reply }).await?;
                }
                FromHarness::Done { requests } => {
                    heard.requests = requests;
                    heard.done = true;
                    return Ok(());
                }
            }
        }
        Err(ProtocolError::Ended("its last word"))
    };
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(budget, talk) => outcome
            .unwrap_or(Err(ProtocolError::Ended("the budget of time was used up")))
            .map_err(Broken::Harness),
        fault = cut => Err(Broken::Cut(fault)),
    };
    (heard, outcome)
}
