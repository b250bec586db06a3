//! Live progress of a run as server-sent events (the WHATWG's HTML standard, 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use grader_store::{RunEvent, RunState, Scope};
use tokio::sync::{broadcast, mpsc};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Principal;
use crate::state::App;
use crate::web::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// Follows a run as server-sent events until it is over
///
/// Every event carries its number as `id`; a browser that lost the connection sends it back as `Last-Event-ID` and
/// misses nothing. The last event is `state`.
#[utoipa::path(get, path = "/runs/{id}/events", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 404, body = Problem)))]
async fn follow(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    principal.need(Scope::Read)?;
    app.store.run(&id).await?;
    let after = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    let (to, from) = mpsc::channel(16);
    tokio::spawn(pass_on(app, id, after, to));
    let stream = futures_util::stream::unfold(from, async |mut from| from.recv().await.map(|event| (Ok(event), from)));
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("still there")))
}

/// Sends what is stored, then what comes, until the run is over or nobody listens.
async fn pass_on(app: App, id: String, mut after: i64, to: mpsc::Sender<Event>) {
    let mut live = app.live.follow(&id, after);
    // A second listener comes to a state that is known already.
    live.state.mark_changed();
    loop {
        let event = tokio::select! {
            event = live.events.recv() => event,
            changed = live.state.changed() => {
                let state = *live.state.borrow_and_update();
                if changed.is_err() {
                    return;
                }
                let Some(state) = state else { continue };
                // What was told before the state is sent before it.
                rest(&app, &id, &mut after, &to).await;
                if to.send(of_state(state)).await.is_err() || state.is_over() {
                    return;
                }
                continue;
            }
            () = app.stop.cancelled() => return,
            () = to.closed() => return,
        };
        match event {
            Ok(event) if event.sequence > after => {
                after = event.sequence;
                if to.send(shown(&event)).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => rest(&app, &id, &mut after, &to).await,
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Sends everything that is stored after a place.
async fn rest(app: &App, id: &str, after: &mut i64, to: &mpsc::Sender<Event>) {
    while let Ok(events) = app.store.events(id, *after, 500).await {
        if events.is_empty() {
            return;
        }
        for event in events {
            *after = event.sequence;
            if to.send(shown(&event)).await.is_err() {
                return;
            }
        }
    }
}

fn shown(event: &RunEvent) -> Event {
    // The kind is one of the worker's words and the data JSON on one line: neither breaks the stream's frame.
    Event::default().id(event.sequence.to_string()).event(event.kind.replace(['\n', '\r'], " ")).data(&event.data)
}

fn of_state(state: RunState) -> Event {
    Event::default().event("state").data(format!("{{\"state\":\"{state}\"}}"))
}
