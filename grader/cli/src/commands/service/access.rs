//! `grader token`, `grader user` and `grader backup`: what an operator does at the database itself.

use std::io::Read as _;
use std::time::Duration;

use grader_service::{issue_token, set_password};
use grader_store::{Scopes, StoreError};

use super::open;
use crate::args::{BackupArgs, TokenCommand, UserCommand};
use crate::exit::Exit;
use crate::output::{complain, plain};

/// Whom the audit log names.
const OPERATOR: &str = "operator";

pub(in crate::commands) async fn token(command: TokenCommand) -> Exit {
    let done = match command {
        TokenCommand::Create { name, scopes, days, database } => {
            let scopes: Scopes = match scopes.join(" ").parse() {
                Ok(scopes) => scopes,
                Err(why) => {
                    eprintln!("grader: --scope: {why}");
                    return Exit::Usage;
                }
            };
            let store = match open(&database, 2).await {
                Ok(store) => store,
                Err(exit) => return exit,
            };
            async {
                let lasts = days.map(|days| Duration::from_secs(days * 86400));
                let (secret, token) = issue_token(&store, &name, scopes, lasts, OPERATOR).await?;
                let detail = serde_json::json!({"name": name, "scopes": scopes.to_string()});
                store.audit(OPERATOR, "token.add", &format!("token/{}", token.id), &detail).await?;
                println!("{secret}");
                Ok::<_, StoreError>(())
            }
            .await
        }
        TokenCommand::List { database } => {
            let store = match open(&database, 2).await {
                Ok(store) => store,
                Err(exit) => return exit,
            };
            store.tokens().await.map(|tokens| {
                for token in tokens {
                    let state = match (token.revoked_at, token.expires_at) {
                        (Some(at), _) => format!("revoked {at}"),
                        (None, Some(at)) => format!("until {at}"),
                        (None, None) => "for ever".to_owned(),
                    };
                    let scopes = token.scopes.to_string();
                    println!("grt_{}_…  {:<28} {scopes:<28} {state}", token.prefix, plain(&token.name));
                }
            })
        }
        TokenCommand::Revoke { id, database } => {
            let store = match open(&database, 2).await {
                Ok(store) => store,
                Err(exit) => return exit,
            };
            async {
                store.revoke_token(id.strip_prefix("grt_").unwrap_or(&id)).await?;
                store.audit(OPERATOR, "token.revoke", &format!("token/{id}"), &serde_json::json!({})).await
            }
            .await
        }
    };
    ended(done)
}

pub(in crate::commands) async fn user(command: UserCommand) -> Exit {
    let done = match command {
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
            let store = match open(&database, 2).await {
                Ok(store) => store,
                Err(exit) => return exit,
            };
            let role: grader_store::Role = role.into();
            async {
                set_password(&store, &name, role, password).await?;
                let detail = serde_json::json!({"name": name, "role": role});
                store.audit(OPERATOR, "user.set", &format!("user/{name}"), &detail).await
            }
            .await
        }
        UserCommand::List { database } => {
            let store = match open(&database, 2).await {
                Ok(store) => store,
                Err(exit) => return exit,
            };
            store.users().await.map(|users| {
                for user in users {
                    let state = user.disabled_at.map_or(String::new(), |at| format!("disabled {at}"));
                    println!("{:<28} {:<10} {state}", plain(&user.name), user.role);
                }
            })
        }
    };
    ended(done)
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
    match open(&args.database, 2).await {
        Ok(store) => ended(store.backup(path).await),
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
