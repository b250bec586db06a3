//! Users, tokens, sessions, keys, the audit log.

use std::time::Duration;

use grader_store::{
    Kept, NewToken, PageRequest, Reserved, Role, Scope, Scopes, Session, SessionOf, StoreError, Timestamp, Worker,
};

use crate::cases;

fn token(prefix: &str) -> NewToken {
    NewToken {
        name: "ci".into(),
        prefix: prefix.into(),
        hash: "$argon2id$".into(),
        scopes: Scopes::of([Scope::Read, Scope::Submit]),
        created_by: "ann".into(),
        expires_at: None,
    }
}

fn session(id: &str, of: SessionOf) -> Session {
    let expires_at = Timestamp::now().after(Duration::from_secs(60));
    Session { id: id.into(), of, csrf: "word".into(), expires_at }
}

cases! {
    async fn a_session_ends_with_what_it_is_of(fixture) {
        let store = &fixture.store;
        let ann = store.add_user("ann", Role::Reviewer, Some("hash")).await.unwrap();
        assert!(matches!(store.add_user("ann", Role::Admin, None).await, Err(StoreError::Conflict(_))));
        store.add_session(&session("s1", SessionOf::User(ann.clone()))).await.unwrap();
        let found = store.session("s1").await.unwrap().unwrap();
        assert_eq!((found.of, found.csrf.as_str()), (SessionOf::User(ann.clone()), "word"));
        store.change_user(&ann.id, Some(Role::Reader), None, Some(false)).await.unwrap();
        assert_eq!(store.session("s1").await.unwrap(), None);
        let changed = store.user_named("ann").await.unwrap().unwrap();
        assert_eq!((changed.role, changed.password_hash.as_deref()), (Role::Reader, Some("hash")));
        assert!(changed.disabled_at.is_some());
        // One that begins after is no good either.
        store.add_session(&session("s2", SessionOf::User(ann.clone()))).await.unwrap();
        assert_eq!(store.session("s2").await.unwrap(), None);
        store.change_user(&ann.id, None, Some("other"), Some(true)).await.unwrap();
        store.add_session(&Session { expires_at: Timestamp::now(), ..session("s3", SessionOf::User(ann)) }).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(store.session("s3").await.unwrap(), None);
        assert_eq!(store.users().await.unwrap().len(), 1);
        assert!(matches!(store.change_user("no-such", None, None, None).await, Err(StoreError::Missing("user"))));
    }

    async fn a_revoked_token_opens_nothing(fixture) {
        let store = &fixture.store;
        let kept = store.add_token(&token("aaaaaaaaaa")).await.unwrap();
        assert_eq!(store.token_by_prefix("aaaaaaaaaa").await.unwrap(), Some(kept.clone()));
        assert!(matches!(store.add_token(&token("aaaaaaaaaa")).await, Err(StoreError::Conflict(_))));
        store.add_session(&session("s", SessionOf::Token(kept.clone()))).await.unwrap();
        assert!(store.session("s").await.unwrap().is_some());
        store.token_used(&kept.id).await.unwrap();
        store.revoke_token("aaaaaaaaaa").await.unwrap();
        let revoked = store.token_by_prefix("aaaaaaaaaa").await.unwrap().unwrap();
        assert!(!revoked.is_good(Timestamp::now()) && revoked.last_used_at.is_some());
        assert_eq!(store.session("s").await.unwrap(), None);
        assert!(matches!(store.revoke_token("b").await, Err(StoreError::Missing("token"))));
        assert_eq!(store.tokens().await.unwrap().len(), 1);
    }

    async fn a_key_is_carried_out_once(fixture) {
        let store = &fixture.store;
        let reserve = async |key: &str, print: &str| store.reserve_key("ann", key, print).await.unwrap();
        assert_eq!(reserve("k", "1").await, Reserved::New);
        assert_eq!(reserve("k", "1").await, Reserved::UnderWay);
        assert_eq!(reserve("k", "2").await, Reserved::Other);
        let kept = Kept { status: 201, headers: "[]".into(), body: b"body".to_vec() };
        store.keep_answer("ann", "k", &kept).await.unwrap();
        store.forget_key("ann", "k").await.unwrap();
        assert_eq!(reserve("k", "1").await, Reserved::Answered(kept));
        assert_eq!(store.reserve_key("bob", "k", "1").await.unwrap(), Reserved::New);
        assert_eq!(reserve("other", "1").await, Reserved::New);
        store.forget_key("ann", "other").await.unwrap();
        assert_eq!(reserve("other", "1").await, Reserved::New);
        assert!(store.take_delivery("hook", "d1").await.unwrap());
        assert!(!store.take_delivery("hook", "d1").await.unwrap());
    }

    async fn the_log_says_who_did_what(fixture) {
        let store = &fixture.store;
        for subject in ["run/1", "run/2", "run/1"] {
            store.audit("ann", "run.add", subject, &serde_json::json!({"a": 1})).await.unwrap();
        }
        let all = store.audit_log(None, &PageRequest::first(2)).await.unwrap();
        assert_eq!((all.items.len(), all.next.is_some()), (2, true));
        let one = store.audit_log(Some("run/2"), &PageRequest::first(2)).await.unwrap();
        assert_eq!((one.items.len(), one.items[0].detail.as_str()), (1, "{\"a\":1}"));
    }

    async fn workers_are_seen_while_they_live(fixture) {
        let store = &fixture.store;
        let now = Timestamp::now();
        let worker = |id: &str, seen_at| Worker { id: id.into(), slots: 2, version: "1".into(), started_at: now, seen_at };
        store.worker_seen(&worker("old", now.before(Duration::from_secs(300)))).await.unwrap();
        store.worker_seen(&worker("new", now)).await.unwrap();
        store.worker_seen(&worker("new", now)).await.unwrap();
        let found = store.workers(Duration::from_secs(60)).await.unwrap();
        assert_eq!(found, [worker("new", now)]);
        store.worker_gone("new").await.unwrap();
        assert!(store.workers(Duration::from_secs(60)).await.unwrap().is_empty());
    }
}
