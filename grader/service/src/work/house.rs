//! What goes on beside the requests: lost workers are noticed, and what is too old is removed.

use std::time::Duration;

use crate::state::App;

/// Keeps house until the service stops.
pub async fn keep_house(app: App) {
    let mut rounds = 0_u64;
    loop {
        match app.store.expire(app.config.most_losses).await {
            Ok(over) => {
                for run in over {
                    tracing::warn!(run = run.id, state = %run.state, "a run is over without a result");
                }
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "lost runs could not be looked for"),
        }
        // Old things are removed once an hour, beginning after the first minute.
        if rounds % 360 == 6 {
            match app.store.remove_old(&app.config.retention).await {
                Ok(removed) => tracing::info!(?removed, "what was too old is removed"),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "what is too old stays for now"),
            }
        }
        rounds += 1;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(10)) => {}
            () = app.stop.cancelled() => return,
        }
    }
}
