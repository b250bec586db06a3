//! What the rate-limit probes share: a bad login from a given source address, and getting back into the refused state.

use grader_spec::Action;
use harness_kit::bind::sign_in_request;
use harness_kit::context::LimitSeen;
use harness_kit::{Answer, Context, Request, Stop};

/// The probe whose parameters hold for all of them.
pub(super) const PROBE: &str = "auth.rate-limit";
/// Bad logins in the burst where the spec names no number.
const ATTEMPTS: u64 = 30;
/// Bad logins under way at once: enough to stay inside short windows, few enough not to be a load test.
pub(super) const AT_ONCE: usize = 4;

/// How many bad logins the spec allows before a refusal.
pub(super) fn allowed(ctx: &Context) -> u32 {
    u32::try_from(ctx.param(PROBE, "max_attempts", ATTEMPTS)).unwrap_or(u32::MAX).clamp(1, 500)
}

/// A bad login for the identity that the burst was about.
pub(super) fn bad_login(ctx: &Context, limit: &LimitSeen) -> Result<Request, Stop> {
    let recorded = limit.refusal.record();
    let mut again = Request::new(&recorded.method, recorded.target.clone()).from_vantage(limit.vantage);
    again.headers.clone_from(&recorded.request_headers);
    // The very body that was refused: whatever the limiter counts by, it counts this one.
    again.body = harness_kit::Body::Raw(recorded.request_body.clone().into());
    ctx.login()?;
    Ok(again)
}

/// What the burst left, or why there is nothing to look at.
pub(super) fn seen(ctx: &Context) -> Result<LimitSeen, Stop> {
    ctx.limit_seen().ok_or_else(|| match ctx.verdict(PROBE) {
        Some(_) => Stop::blocked(PROBE, "no bad login was ever answered 429"),
        None => Stop::inconclusive("the burst of bad logins did not run"),
    })
}

/// Makes sure that the burst's source address is refused now, by further bad logins where its window has passed.
pub(super) async fn refused(ctx: &Context, limit: &LimitSeen) -> Result<Answer, Stop> {
    for _ in 0..=allowed(ctx) {
        let answer = bad_login(ctx, limit)?.send(ctx).await;
        if answer.is_limited() {
            remember(ctx, &answer);
            return Ok(answer);
        }
    }
    Err(Stop::inconclusive("the limiter refused the first burst of bad logins, and not the same burst again"))
}

/// Keeps the newest refusal: the time that it names is the one to wait out.
pub(super) fn remember(ctx: &Context, answer: &Answer) {
    ctx.learn(|learnt| {
        if let Some(limit) = &mut learnt.limit {
            limit.refusal = answer.clone();
            limit.refused_at = std::time::Instant::now();
        }
    });
}

/// The first bad login of a burst.
pub(super) fn first_bad_login(ctx: &Context, identity: &str, password: &str, vantage: usize) -> Result<Request, Stop> {
    Ok(sign_in_request(ctx, identity, password)?.from_vantage(vantage))
}

/// A request that has nothing to do with signing in.
pub(super) fn unrelated(ctx: &Context) -> Result<Request, Stop> {
    let main = ctx.main()?;
    let session = ctx.writer(&main)?;
    if main.operations.contains_key(&Action::List) {
        return main.list_request(&[], session.as_ref());
    }
    main.read_request("1", session.as_ref())
}
