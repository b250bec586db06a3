//! `grader serve`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use grader_service::{
    App, Github, Grade, RunObserver, Secret, ServiceConfig, announce, keep_house, router, serve, work,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::local::Local;
use super::{github, localhost, open, watch_for_signals, worker_config};
use crate::args::ServeArgs;
use crate::commands::sweep;
use crate::exit::Exit;
use crate::output::complain;

pub(in crate::commands) async fn run(args: ServeArgs) -> Exit {
    let secrets = match args.secrets.as_deref().map(secrets).transpose() {
        Ok(secrets) => secrets.unwrap_or_default(),
        Err(error) => {
            complain(&error, "the folder of secrets has to be readable");
            return Exit::Usage;
        }
    };
    let github = match github(&args.work) {
        Ok(github) => github,
        Err(exit) => return exit,
    };
    let config = settings(&args, secrets);
    let store = match open(&args.database, 16).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let stop = CancellationToken::new();
    let app = match App::new(store.clone(), config, stop.clone()).await {
        Ok(app) => app,
        Err(error) => {
            complain(&error, "");
            return Exit::NotGraded;
        }
    };
    if let (Ok(tokens), Ok(users)) = (store.tokens().await, store.users().await)
        && tokens.is_empty()
        && users.is_empty()
    {
        tracing::info!("nobody can sign in yet: `grader user set NAME --role admin` or `grader token create`");
    }
    watch_for_signals(stop.clone());
    let mut tasks = vec![
        tokio::spawn(keep_house(app.clone())),
        tokio::spawn(announce(app.clone(), observers(&app, github.as_ref()))),
    ];
    if args.slots > 0 {
        let grade: Arc<dyn Grade> = match Local::new(&args.work) {
            Ok(local) => Arc::new(local),
            Err(exit) => return exit,
        };
        app.grades_by(grade.clone());
        if let Some(github) = &github {
            app.fetches_with(github.source_keys());
        }
        sweep::in_background();
        tasks.push(tokio::spawn(work(
            app.clone(),
            grade,
            worker_config(&args.work, usize::from(args.slots)),
            stop.clone(),
        )));
    }
    let served = serve(router(app.clone(), integrations(github.as_ref())), args.listen, stop.clone()).await;
    stop.cancel();
    for task in tasks {
        // Each ends with `stop`; one that panicked has said so.
        let _ = task.await;
    }
    store.close().await;
    match served {
        Ok(()) => Exit::Graded,
        Err(error) => {
            complain(&error, "is the address another program's?");
            Exit::NotGraded
        }
    }
}

/// Those who are told of runs that were asked for from outside.
fn observers(app: &App, github: Option<&Github>) -> Vec<Arc<dyn RunObserver>> {
    github.map(|github| github.observer(app)).into_iter().collect()
}

/// Routes of integrations.
fn integrations(github: Option<&Github>) -> Router<App> {
    github.map(Github::routes).unwrap_or_default()
}

fn settings(args: &ServeArgs, secrets: BTreeMap<String, Secret>) -> ServiceConfig {
    let public = args.public_url.clone().or_else(|| Url::parse(&format!("http://{}", args.listen)).ok());
    let mut config = ServiceConfig::new(public.unwrap_or_else(localhost));
    config.default_spec.clone_from(&args.default_spec);
    config.allow_private_sources = args.work.allow_private_sources;
    config.blind = args.blind;
    config.proxies = args.proxies;
    config.rate = args.rate;
    config.sign_in_rate = args.sign_in_rate;
    config.sign_up = args.sign_up.map(Into::into);
    config.retention.artefacts = Duration::from_secs(args.keep_artefacts * 86400);
    config.secrets = secrets;
    config
}

/// One secret a file, as container engines mount them; hidden files are the engine's own.
fn secrets(folder: &Path) -> std::io::Result<BTreeMap<String, Secret>> {
    let mut secrets = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || !entry.path().is_file() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path())?;
        secrets.insert(name, Secret::new(text.trim_end_matches(['\r', '\n'])));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_secrets_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("webhook"), "hush\n").expect("a file");
        std::fs::write(folder.path().join(".hidden"), "x").expect("a file");
        let read = secrets(folder.path()).expect("readable");
        assert_eq!(read.len(), 1);
        assert_eq!(read["webhook"].reveal(), "hush");
        assert!(secrets(&folder.path().join("none")).is_err());
        assert_eq!(localhost().port(), Some(8080));
    }
}
