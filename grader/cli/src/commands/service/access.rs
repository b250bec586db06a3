//! `grader token`, `grader user` and `grader backup`: what an operator does at the database itself.

use std::io::Read as _;
use std::time::Duration;

use grader_service::{issue_token, set_password};
use grader_store::{Scopes, Store, StoreError};

use super::open;
use crate::args::{BackupArgs, DatabaseArgs, TokenCommand, UserCommand};
use crate::exit::Exit;
use crate::output::{complain, plain};

/// Whom the audit log names.
const OPERATOR: &str = "operator";

pub(in crate::commands) async fn token(command: TokenCommand) -> Exit {
    match command {
        TokenCommand::Create { name, scopes, days, database } => {
            let scopes: Scopes = match scopes.join(" ").parse() {
                Ok(scopes) => scopes,
                Err(why) => {
                    eprintln!("grader: --scope: {why}");
                    return Exit::Usage;
                }
            };
            at(&database, async |store| {
                let lasts = days.map(|days| Duration::from_secs(days * 86400));
                let (secret, token) = issue_token(&store, &name, scopes, lasts, OPERATOR).await?;
                let detail = serde_json::json!({"name": name, "scopes": scopes.to_string()});
                store.audit(OPERATOR, "token.add", &format!("token/{}", token.id), &detail).await?;
                println!("{secret}");
                Ok(())
            })
            .await
        }
        TokenCommand::List { database } => {
            at(&database, async |store| {
                for token in store.tokens().await? {
                    let state = match (token.revoked_at, token.expires_at) {
                        (Some(at), _) => format!("revoked {at}"),
                        (None, Some(at)) => format!("until {at}"),
                        (None, None) => "for ever".to_owned(),
                    };
                    let scopes = token.scopes.to_string();
                    println!("grt_{}_…  {:<28} {scopes:<28} {state}", token.prefix, plain(&token.name));
                }
                Ok(())
            })
            .await
        }
        TokenCommand::Revoke { id, database } => {
            at(&database, async |store| {
                store.revoke_token(id.strip_prefix("grt_").unwrap_or(&id)).await?;
                store.audit(OPERATOR, "token.revoke", &format!("token/{id}"), &serde_json::json!({})).await
            })
            .await
        }
    }
}

pub(in crate::commands) async fn user(command: UserCommand) -> Exit {
    match command {
        UserCommand::Set { name, role, database } => {
            let mut password = String::new();
            // A password of 200 characters is the longest that is taken.
            if let Err(error) = std::io::stdin().take(2000).read_to_string(&mut password) {
                complain(&error, "give the password on stdin");
                return Exit::Usage;
            }
            let password = password.trim_end_matches(['\r', '\n']);
            if !(12..=200).contains(&password.chars().count()) {
                eprintln!("grader: a password has 12 to 200 characters; it is read from stdin");
                return Exit::Usage;
            }
            let role: grader_store::Role = role.into();
            at(&database, async |store| {
                set_password(&store, &name, role, password).await?;
                let detail = serde_json::json!({"name": name, "role": role});
                store.audit(OPERATOR, "user.set", &format!("user/{name}"), &detail).await
            })
            .await
        }
        UserCommand::List { database } => {
            at(&database, async |store| {
                for user in store.users().await? {
                    let state = user.disabled_at.map_or(String::new(), |at| format!("disabled {at}"));
                    println!("{:<28} {:<10} {state}", plain(&user.name), user.role);
                }
                Ok(())
            })
            .await
        }
    }
}

pub(in crate::commands) async fn backup(args: BackupArgs) -> Exit {
    let Some(path) = args.file.to_str() else {
        eprintln!("grader: the file's name has to be UTF-8");
        return Exit::Usage;
    };
    if args.file.exists() {
        eprintln!("grader: {path} is there already");
        return Exit::Usage;
    }
    at(&args.database, async |store| store.backup(path).await).await
}

/// Opens the store and does `work` there.
async fn at(database: &DatabaseArgs, work: impl AsyncFnOnce(Store) -> Result<(), StoreError>) -> Exit {
    match open(database, 2).await {
        Ok(store) => ended(work(store).await),
        Err(exit) => exit,
    }
}

fn ended(done: Result<(), StoreError>) -> Exit {
    match done {
        Ok(()) => Exit::Graded,
        Err(error) => {
            complain(&error, "");
            match error {
                StoreError::Missing(_) | StoreError::Conflict(_) => Exit::Usage,
                _ => Exit::NotGraded,
            }
        }
    }
}
