//! The line protocol between the harness and its host: one JSON document a line.
//!
//! In come one [`Start`] and replies to control requests; out go messages. Control requests are what only the host may
//! carry out, since the harness holds no credential for the engine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use grader_model::{Binding, Finding, Note};
use grader_spec::Spec;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};

use crate::Facts;
use crate::bind::Overrides;
use crate::vantage::Endpoint;

/// Bytes of one line that either side reads; a longer one ends the conversation.
pub const LINE_BUDGET: usize = 32 * 1024 * 1024;

/// The host's first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    pub spec: Spec,
    /// Where services listen that may be the API, most likely first.
    pub endpoints: Vec<Endpoint>,
    pub facts: Facts,
    pub seed: u64,
    /// A reviewer's bindings.
    pub bindings: Overrides,
    /// Seconds that the harness has for everything.
    pub budget_seconds: u64,
    /// Run only the probes that the spec marks public.
    pub public_only: bool,
}

/// From the host to the harness.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToHarness {
    Start(Box<Start>),
    Reply { id: u64, reply: Result<ControlReply, String> },
}

/// From the harness to the host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHarness {
    /// Binding is over: what was bound, and which service is the API (absent when none answered).
    Bound {
        api: Option<String>,
        bindings: Vec<Binding>,
    },
    /// A probe starts; `of` counts all probes of this run.
    Probing {
        probe: String,
        number: usize,
        of: usize,
    },
    Finding {
        finding: Box<Finding>,
    },
    Note {
        note: Note,
    },
    Control {
        id: u64,
        request: Control,
    },
    /// Nothing answered HTTP on any endpoint: what was tried, one line each.
    Silent {
        tried: Vec<String>,
    },
    Done {
        requests: u32,
    },
}

/// What only the host can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Control {
    /// Give this harness another source address towards a service; the reply is the service's address from there.
    Vantage { service: String },
    /// The logs of every service of the submission so far, at most `lines` of each.
    Logs { lines: u32 },
    /// The present point in the logs, by the engine's clock.
    Mark,
    /// What one service has logged since a mark, the newest `lines` at most.
    LogsSince { service: String, mark: String, lines: u32 },
    /// Freeze every process of a service; after `at_most_seconds` the host lets it go on by itself.
    Pause { service: String, at_most_seconds: u64 },
    /// Let a paused service go on. One that is not paused stays as it is.
    Unpause { service: String },
    /// End a service at once (SIGKILL); it stays down until it is started.
    Kill { service: String },
    /// Ask a service to end, as an engine's stop does: SIGTERM, or the stop signal that it declares.
    Terminate { service: String },
    /// Wait until a service has ended, this long at the most.
    Ended { service: String, within_millis: u64 },
    /// Start a service that has ended; the reply is its address, which may be another one than before.
    Start { service: String },
    /// Stop a service with this long to end by itself, and start it again; the reply is its address.
    Restart { service: String, grace_seconds: u64 },
    /// Wait until a service is ready by the measure of the stack's start, this long at the most.
    Ready { service: String, within_seconds: u64 },
    /// Where the submission's containers keep files that begin with these bytes: in what they wrote to their root, and
    /// in their volumes.
    FindFiles { begins_with: String },
    /// A file of a service's container, as it is now, of this many bytes at the most.
    ReadFile { service: String, path: String, most: u64 },
}

/// What the host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "got", rename_all = "snake_case")]
pub enum ControlReply {
    Address {
        address: IpAddr,
    },
    /// By service, oldest line first. Long lines are cut, and of very long logs the oldest lines are left out.
    Logs {
        services: Vec<(String, Vec<String>)>,
    },
    Mark {
        at: String,
    },
    /// The exit code; `None` when the service still runs.
    Ended {
        exit_code: Option<i64>,
    },
    Done,
    Files {
        files: Vec<StoredFile>,
    },
    /// The bytes in base64; `None` when there is no such file.
    File {
        base64: Option<String>,
    },
}

/// A file in a container of the submission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredFile {
    pub service: String,
    /// Absolute, in the container.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// Where a control request's reply is delivered.
type Waiting = oneshot::Sender<Result<ControlReply, String>>;

/// The harness's end of the conversation. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    out: mpsc::UnboundedSender<FromHarness>,
    waiting: Arc<Mutex<HashMap<u64, Waiting>>>,
    next: Arc<AtomicU64>,
    /// Whether anybody can answer control requests.
    attended: bool,
}

impl Host {
    /// An end that speaks to `out`; `attended` says whether anybody carries out control requests.
    pub fn new(out: mpsc::UnboundedSender<FromHarness>, attended: bool) -> Self {
        Host { out, waiting: Arc::default(), next: Arc::default(), attended }
    }

    pub fn say(&self, message: FromHarness) {
        // The receiver lives as long as the conversation; once it is gone there is nobody to tell.
        let _ = self.out.send(message);
    }

    /// Sends a control request and waits for its reply, 60 seconds at the most.
    ///
    /// # Errors
    /// The host's own words, or that nobody answers.
    pub async fn control(&self, request: Control) -> Result<ControlReply, String> {
        if !self.attended {
            return Err("this needs the stack's host, and the API was given by its address alone".to_owned());
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, reply);
        self.say(FromHarness::Control { id, request });
        match tokio::time::timeout(std::time::Duration::from_secs(60), answer).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) | Err(_) => Err("the host did not answer".to_owned()),
        }
    }

    /// Sends a control request whose reply nobody waits for: for what must be undone when a probe is given up.
    pub fn tell(&self, request: Control) {
        if self.attended {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            self.say(FromHarness::Control { id, request });
        }
    }

    /// Whether anybody carries out control requests.
    pub fn is_attended(&self) -> bool {
        self.attended
    }

    fn deliver(&self, id: u64, reply: Result<ControlReply, String>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(waiting) = waiting {
            // A probe that was given up no longer listens.
            let _ = waiting.send(reply);
        }
    }
}

/// Why a conversation could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The other side closed before it said what it had to.
    #[error("the conversation ended before {0}")]
    Ended(&'static str),
    /// A line that is no message.
    #[error("line {line} is no message: {source}")]
    NoMessage {
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    /// A line over [`LINE_BUDGET`].
    #[error("line {line} is longer than {LINE_BUDGET} bytes")]
    TooLong { line: usize },
    #[error("the pipe broke")]
    Pipe(#[from] std::io::Error),
}

/// Reads messages of type `T`, one a line, within the budget.
pub struct Lines<R> {
    reader: BufReader<R>,
    line: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub fn new(reader: R) -> Self {
        Lines { reader: BufReader::new(reader), line: 0 }
    }

    /// The next message, or `None` at the end.
    ///
    /// # Errors
    /// [`ProtocolError`].
    pub async fn next<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, ProtocolError> {
        let mut bytes = Vec::new();
        self.line += 1;
        loop {
            let (used, complete) = {
                let available = self.reader.fill_buf().await?;
                if available.is_empty() {
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    break;
                }
                match available.iter().position(|byte| *byte == b'\n') {
                    Some(at) => {
                        bytes.extend_from_slice(&available[..at]);
                        (at + 1, true)
                    }
                    None => {
                        bytes.extend_from_slice(available);
                        (available.len(), false)
                    }
                }
            };
            self.reader.consume(used);
            if bytes.len() > LINE_BUDGET {
                return Err(ProtocolError::TooLong { line: self.line });
            }
            if complete {
                break;
            }
        }
        let line = self.line;
        serde_json::from_slice(&bytes).map(Some).map_err(|source| ProtocolError::NoMessage { line, source })
    }
}

/// Writes one message as a line.
///
/// # Errors
/// [`ProtocolError::Pipe`].
pub async fn write_line<T: Serialize>(out: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<(), ProtocolError> {
    let mut line = serde_json::to_vec(message).map_err(std::io::Error::other)?;
    line.push(b'\n');
    out.write_all(&line).await?;
    out.flush().await?;
    Ok(())
}

/// Runs the harness over a pair of pipes until it is done: reads the start, hands it to `run` with the host's end, and
/// carries messages meanwhile.
///
/// # Errors
/// [`ProtocolError`].
pub async fn serve<R, W, F, Fut>(input: R, mut output: W, run: F) -> Result<(), ProtocolError>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin,
    F: FnOnce(Start, Host) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut lines = Lines::new(input);
    let Some(ToHarness::Start(start)) = lines.next().await? else {
        return Err(ProtocolError::Ended("the start"));
    };
    let (out, mut messages) = mpsc::unbounded_channel();
    let host = Host::new(out, true);
    let replies = {
        let host = host.clone();
        tokio::spawn(async move {
            while let Ok(Some(ToHarness::Reply { id, reply })) = lines.next().await {
                host.deliver(id, reply);
            }
        })
    };
    let work = run(*start, host);
    tokio::pin!(work);
    let mut working = true;
    while working {
        tokio::select! {
            () = &mut work, if working => working = false,
            message = messages.recv() => match message {
                Some(message) => write_line(&mut output, &message).await?,
                None => break,
            },
        }
    }
    while let Ok(message) = messages.try_recv() {
        write_line(&mut output, &message).await?;
    }
    replies.abort();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api() -> String {
        "api".to_owned()
    }

    #[test]
    fn requests_and_replies_survive_their_line() {
        for request in [
            Control::Vantage { service: api() },
            Control::Logs { lines: 7 },
            Control::Mark,
            Control::LogsSince { service: api(), mark: "2026-01-02T03:04:05Z".to_owned(), lines: 7 },
            Control::Pause { service: api(), at_most_seconds: 20 },
            Control::Unpause { service: api() },
            Control::Kill { service: api() },
            Control::Terminate { service: api() },
            Control::Ended { service: api(), within_millis: 10_000 },
            Control::Start { service: api() },
            Control::Restart { service: api(), grace_seconds: 0 },
            Control::Ready { service: api(), within_seconds: 45 },
        ] {
            let line = serde_json::to_string(&FromHarness::Control { id: 1, request: request.clone() }).expect("JSON");
            match serde_json::from_str(&line) {
                Ok(FromHarness::Control { id: 1, request: read }) => assert_eq!(read, request, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        for reply in [
            Ok(ControlReply::Address { address: IpAddr::from([10, 0, 0, 2]) }),
            Ok(ControlReply::Logs { services: vec![(api(), vec!["one\ntwo".to_owned()])] }),
            Ok(ControlReply::Mark { at: "2026-01-02T03:04:05Z".to_owned() }),
            Ok(ControlReply::Ended { exit_code: None }),
            Ok(ControlReply::Ended { exit_code: Some(143) }),
            Ok(ControlReply::Done),
            Err("no such service".to_owned()),
        ] {
            let line = serde_json::to_string(&ToHarness::Reply { id: 2, reply: reply.clone() }).expect("JSON");
            assert!(!line.contains('\n'), "{line}");
            match serde_json::from_str(&line) {
                Ok(ToHarness::Reply { id: 2, reply: read }) => assert_eq!(read, reply, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn replies_find_who_asked_whatever_their_order() {
        let (out, mut said) = mpsc::unbounded_channel();
        let host = Host::new(out, true);
        let answering = async {
            let mut asked = Vec::new();
            while asked.len() < 2 {
                if let Some(FromHarness::Control { id, request }) = said.recv().await {
                    asked.push((id, request));
                }
            }
            for (id, request) in asked.into_iter().rev() {
                let reply = match request {
                    Control::Mark => Ok(ControlReply::Mark { at: "now".to_owned() }),
                    _ => Err("no such service".to_owned()),
                };
                host.deliver(id, reply);
            }
        };
        let (mark, kill, ()) =
            tokio::join!(host.control(Control::Mark), host.control(Control::Kill { service: api() }), answering);
        assert_eq!(mark, Ok(ControlReply::Mark { at: "now".to_owned() }));
        assert_eq!(kill, Err("no such service".to_owned()));
    }

    #[tokio::test]
    async fn what_is_told_waits_for_nobody_and_needs_a_host() {
        let (out, mut said) = mpsc::unbounded_channel();
        let thaw = Control::Unpause { service: api() };
        let host = Host::new(out.clone(), true);
        host.tell(thaw.clone());
        match said.try_recv() {
            Ok(FromHarness::Control { id, request }) => {
                assert_eq!(request, thaw);
                host.deliver(id, Ok(ControlReply::Done));
            }
            other => panic!("{other:?}"),
        }
        let alone = Host::new(out, false);
        alone.tell(thaw.clone());
        assert!(alone.control(thaw).await.is_err() && said.try_recv().is_err(), "nobody is asked where nobody listens");
    }
}
