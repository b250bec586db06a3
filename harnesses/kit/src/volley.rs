//! Requests that reach a server together: the last-byte technique.
//!
//! Every request is sent but for the last byte of its body, on a connection of its own; once all of them wait, the last
//! bytes follow at once. What the server does before it has a whole body (accepting, parsing headers, waking a worker)
//! then no longer spreads the requests, and a race shows where there is one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, future, stream};
use tokio::sync::{Semaphore, watch};

use crate::http::Outcome;
use crate::{Answer, Context, Request};

/// Most requests of one volley.
pub const MOST: usize = 64;
/// How long the first parts may take to be sent; whoever is not ready by then goes along all the same.
const GATHERING: Duration = Duration::from_secs(3);
/// The least and the longest time for a server to read what was sent, once all of it is.
const SETTLING: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// Sends requests so that their last bytes go out together, and gives the answers sorted by status.
///
/// At most [`MOST`] are sent. Which of equal requests wins a race is chance: sorted, the record is the same in every run
/// in which as many win.
pub async fn volley(ctx: &Context, requests: Vec<Request>) -> Vec<Answer> {
    let (release, gate) = watch::channel(false);
    let waiting = Arc::new(Semaphore::new(0));
    let requests: Vec<Request> = requests.into_iter().take(MOST).collect();
    let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
    let sending = future::join_all(requests.iter().map(|request| held(ctx, request, &waiting, gate.clone())));
    let releasing = async {
        // Whether all are ready or time is up: they go.
        let _ = tokio::time::timeout(GATHERING, waiting.acquire_many(count)).await;
        // As long as a whole answer took just now: longer on a slow machine or a long way.
        tokio::time::sleep(ctx.recorder().latest().clamp(SETTLING.0, SETTLING.1)).await;
        release.send_replace(true);
    };
    let (outcomes, ()) = future::join(sending, releasing).await;
    let mut done: Vec<(&Request, Outcome)> = requests.iter().zip(outcomes).collect();
    done.sort_by_key(|(_, outcome)| outcome.status());
    done.into_iter().map(|(request, outcome)| outcome.recorded(request, ctx)).collect()
}

/// Sends a request whose last byte waits for the gate. One without a body waits as a whole.
async fn held(ctx: &Context, request: &Request, waiting: &Arc<Semaphore>, mut gate: watch::Receiver<bool>) -> Outcome {
    let (content_type, bytes) = request.encoded();
    if bytes.is_empty() {
        waiting.add_permits(1);
        // The sender outlives the wait.
        let _ = gate.wait_for(|open| *open).await;
        return request.exchange(ctx, None).await;
    }
    let length = bytes.len();
    let last = bytes.slice(length - 1..);
    let parts = stream::iter([bytes.slice(..length - 1)]).chain(stream::once({
        let waiting = waiting.clone();
        async move {
            // Asked for only once the part before it was taken.
            waiting.add_permits(1);
            let _ = gate.wait_for(|open| *open).await;
            last
        }
    }));
    let body = reqwest::Body::wrap_stream(parts.map(Ok::<Bytes, Infallible>));
    let mut whole = request.clone();
    // A body with a length, as clients send it: not in chunks.
    whole.headers.push(("content-length".to_owned(), length.to_string()));
    if let Some(content_type) = content_type {
        whole.headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    whole.exchange(ctx, Some(body)).await
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::Facts;
    use crate::bind::Overrides;
    use crate::protocol::Host;
    use crate::vantage::Endpoint;

    /// A server that tells when a connection has all but the last byte, and when it has the last, and answers with a
    /// status of its own to each.
    async fn server() -> (u16, mpsc::UnboundedReceiver<&'static str>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut served = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                let tell = tell.clone();
                served += 1;
                let status = if served == 2 { 201 } else { 409 };
                tokio::spawn(async move {
                    let mut got = Vec::new();
                    let mut is_partial = false;
                    loop {
                        let mut buffer = [0; 2048];
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(read) => got.extend_from_slice(&buffer[..read]),
                        }
                        let text = String::from_utf8_lossy(&got).to_ascii_lowercase();
                        if text.ends_with("\r\n\r\n{\"a\":1") && !is_partial {
                            assert!(text.contains("content-length: 7") && !text.contains("chunked"), "{text}");
                            is_partial = true;
                            let _ = tell.send("waits");
                        } else if text.ends_with("{\"a\":1}") {
                            let _ = tell.send("whole");
                            break;
                        }
                    }
                    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        (port, told)
    }

    #[tokio::test]
    async fn no_last_byte_leaves_before_all_the_others_have_arrived() {
        let (port, mut told) = server().await;
        let spec = grader_spec::load_named("bookstore").expect("the built-in spec is sound").spec;
        let (out, _messages) = mpsc::unbounded_channel();
        let endpoint = Endpoint::plain("api", IpAddr::from([127, 0, 0, 1]), port);
        let host = Host::new(out, false);
        let ctx = Context::new(Arc::new(spec), Arc::new(Facts::default()), 1, endpoint, host, Overrides::default())
            .expect("a client");
        let requests = vec![Request::post("/x").json(json!({"a": 1})); 5];
        let answers = volley(&ctx, requests).await;

        let statuses: Vec<u16> = answers.iter().map(Answer::status).collect();
        assert_eq!(statuses, [201, 409, 409, 409, 409]);
        assert_eq!(answers[0].record().number, 1, "the record is in the order of the answers");
        assert_eq!(answers[0].record().request_body, r#"{"a":1}"#);
        let mut order = Vec::new();
        while let Ok(what) = told.try_recv() {
            order.push(what);
        }
        assert_eq!(order, [["waits"; 5], ["whole"; 5]].concat());
    }
}
