//! `grader worker`.

use std::sync::Arc;

use grader_service::{App, Grade, health_router, serve, work};
use tokio_util::sync::CancellationToken;

use super::local::Local;
use super::{config, github, open, watch_for_signals, worker_config};
use crate::args::WorkerArgs;
use crate::commands::sweep;
use crate::exit::Exit;
use crate::output::complain;

pub(in crate::commands) async fn run(args: WorkerArgs) -> Exit {
    let slots = usize::from(args.concurrency);
    let store = match open(&args.database, 4 + u32::from(args.concurrency)).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let grade: Arc<dyn Grade> = match Local::new(&args.work) {
        Ok(local) => Arc::new(local),
        Err(exit) => return exit,
    };
    let github = match github(&args.work) {
        Ok(github) => github,
        Err(exit) => return exit,
    };
    let stop = CancellationToken::new();
    let app = match App::new(store.clone(), config(&args.work), stop.clone()).await {
        Ok(app) => app,
        Err(error) => {
            complain(&error, "");
            return Exit::NotGraded;
        }
    };
    app.grades_by(grade.clone());
    if let Some(github) = &github {
        app.fetches_with(github.source_keys());
    }
    watch_for_signals(stop.clone());
    sweep::in_background();
    let health = args.listen.map(|address| {
        let (app, stop) = (app.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(health_router(app), address, stop.clone()).await {
                complain(&error, "is the address another program's?");
                stop.cancel();
                return false;
            }
            true
        })
    });
    work(app, grade, worker_config(&args.work, slots), stop.clone()).await;
    stop.cancel();
    let healthy = match health {
        None => true,
        Some(health) => health.await.unwrap_or(false),
    };
    store.close().await;
    if healthy { Exit::Graded } else { Exit::NotGraded }
}
