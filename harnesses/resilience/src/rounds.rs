//! Sending requests at a steady rate, as an open loop: a slow answer does not hold the next request back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness_kit::Context;

use crate::reads::{Answered, Named};

/// What one round brought.
#[derive(Debug)]
pub(crate) struct Round {
    /// In the order in which they were sent.
    pub(crate) answers: Vec<Answered>,
    /// How much later than planned each request left: the harness's own lateness, not the API's.
    pub(crate) lags: Vec<Duration>,
}

/// Sends the requests, `per_second` of them each second, without waiting for answers in between.
pub(crate) async fn at_rate(ctx: &Context, requests: Vec<Named>, per_second: u64) -> Round {
    let gap = Duration::from_secs(1) / u32::try_from(per_second.clamp(1, 1000)).unwrap_or(1);
    let began = Instant::now();
    let sending = requests.into_iter().zip(0_u32..).map(|(request, at)| async move {
        let planned = began + gap * at;
        tokio::time::sleep_until(planned.into()).await;
        let lag = planned.elapsed();
        (request.send_aside(ctx).await, lag)
    });
    let (answers, lags) = join_all(sending).await.into_iter().unzip();
    Round { answers, lags }
}

/// Sends all the requests at once.
pub(crate) async fn at_once(ctx: &Context, requests: Vec<Named>) -> Vec<Answered> {
    join_all(requests.into_iter().map(|request| request.send_aside(ctx))).await
}
