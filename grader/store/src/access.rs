//! Who may sign in: users, tokens and sessions. Secrets come in hashed; no plain one is ever kept.

use sqlx::QueryBuilder;

use crate::pool::{reading, writing};
use crate::{Role, Scopes, Store, StoreError, Timestamp, new_id};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Account {
    pub id: String,
    pub name: String,
    pub role: Role,
    /// In PHC form; `None` for a user who cannot sign in by password.
    pub password_hash: Option<String>,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

/// A token to keep.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    /// The public part of the token, by which its row is found.
    pub prefix: String,
    /// The whole token's hash in PHC form.
    pub hash: String,
    pub scopes: Scopes,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
}

/// A kept token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub prefix: String,
    pub hash: String,
    pub scopes: Scopes,
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Whether it opens anything at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOf {
    User(Account),
    Token(Token),
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The digest of what the browser holds.
    pub id: String,
    pub of: SessionOf,
    /// What its forms carry.
    pub csrf: String,
    pub expires_at: Timestamp,
}

const ACCOUNT: &str = "SELECT id, name, role, password_hash, created_at, disabled_at FROM users";
const TOKEN: &str = "SELECT id, name, prefix, hash, scopes, created_by, created_at, expires_at, last_used_at, \
     revoked_at FROM tokens";

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: String,
    name: String,
    prefix: String,
    hash: String,
    scopes: String,
    created_by: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl TryFrom<TokenRow> for Token {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        Ok(Token {
            scopes: row.scopes.parse().map_err(|why| StoreError::Unreadable { what: "token", why })?,
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            hash: row.hash,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}

impl Store {
    /// Keeps a user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn add_user(&self, name: &str, role: Role, password_hash: Option<&str>) -> Result<Account, StoreError> {
        let account = Account {
            id: new_id(),
            name: name.to_owned(),
            role,
            password_hash: password_hash.map(str::to_owned),
            created_at: Timestamp::now(),
            disabled_at: None,
        };
        writing!(self, |db| {
            sqlx::query("INSERT INTO users (id, name, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(&account.id)
                .bind(&account.name)
                .bind(account.role)
                .bind(&account.password_hash)
                .bind(account.created_at)
                .execute(db)
                .await?;
        });
        Ok(account)
    }

    /// All users, by name; the 500 first of them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn users(&self) -> Result<Vec<Account>, StoreError> {
        Ok(reading!(self, |db| {
            let mut query = QueryBuilder::new(ACCOUNT);
            query.push(" ORDER BY name LIMIT 500");
            query.build_query_as().fetch_all(db).await?
        }))
    }

    /// A user by name, also a disabled one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn user_named(&self, name: &str) -> Result<Option<Account>, StoreError> {
        Ok(reading!(self, |db| {
            let mut query = QueryBuilder::new(ACCOUNT);
            query.push(" WHERE name = ").push_bind(name);
            query.build_query_as().fetch_optional(db).await?
        }))
    }

    /// Changes a user's role, password or whether they may sign in; what is `None` stays. Their sessions end.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn change_user(
        &self,
        id: &str,
        role: Option<Role>,
        password_hash: Option<&str>,
        enabled: Option<bool>,
    ) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let changed = writing!(self, |db| {
            let mut query = QueryBuilder::new("UPDATE users SET role = COALESCE(");
            query.push_bind(role).push(", role), password_hash = COALESCE(").push_bind(password_hash);
            query.push(", password_hash)");
            if let Some(enabled) = enabled {
                query.push(", disabled_at = ").push_bind(if enabled { None } else { Some(now) });
            }
            query.push(" WHERE id = ").push_bind(id);
            let changed = query.build().execute(db).await?.rows_affected();
            sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(id).execute(db).await?;
            changed
        });
        if changed > 0 { Ok(()) } else { Err(StoreError::Missing("user")) }
    }

    /// Keeps a token.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the prefix is taken.
    pub async fn add_token(&self, new: &NewToken) -> Result<Token, StoreError> {
        let token = Token {
            id: new_id(),
            name: new.name.clone(),
            prefix: new.prefix.clone(),
            hash: new.hash.clone(),
            scopes: new.scopes,
            created_by: new.created_by.clone(),
            created_at: Timestamp::now(),
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        writing!(self, |db| {
            sqlx::query(
                "INSERT INTO tokens (id, name, prefix, hash, scopes, created_by, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&token.id)
            .bind(&token.name)
            .bind(&token.prefix)
            .bind(&token.hash)
            .bind(token.scopes.to_string())
            .bind(&token.created_by)
            .bind(token.created_at)
            .bind(token.expires_at)
            .execute(db)
            .await?;
        });
        Ok(token)
    }

    /// A token by its public part, also a revoked one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn token_by_prefix(&self, prefix: &str) -> Result<Option<Token>, StoreError> {
        let row: Option<TokenRow> = reading!(self, |db| {
            let mut query = QueryBuilder::new(TOKEN);
            query.push(" WHERE prefix = ").push_bind(prefix);
            query.build_query_as().fetch_optional(db).await?
        });
        row.map(Token::try_from).transpose()
    }

    /// All tokens, newest first; the 500 first of them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows: Vec<TokenRow> = reading!(self, |db| {
            let mut query = QueryBuilder::new(TOKEN);
            query.push(" ORDER BY id DESC LIMIT 500");
            query.build_query_as().fetch_all(db).await?
        });
        rows.into_iter().map(Token::try_from).collect()
    }

    /// Revokes a token for good, by its id or its public part. What was signed in with it is signed out.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn revoke_token(&self, id: &str) -> Result<(), StoreError> {
        let changed = writing!(self, |db| {
            let changed =
                sqlx::query("UPDATE tokens SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 OR prefix = $1")
                    .bind(id)
                    .bind(Timestamp::now())
                    .execute(db)
                    .await?
                    .rows_affected();
            sqlx::query("DELETE FROM sessions WHERE token_id IN (SELECT id FROM tokens WHERE id = $1 OR prefix = $1)")
                .bind(id)
                .execute(db)
                .await?;
            changed
        });
        if changed > 0 { Ok(()) } else { Err(StoreError::Missing("token")) }
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn token_used(&self, id: &str) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("UPDATE tokens SET last_used_at = $2 WHERE id = $1")
                .bind(id)
                .bind(Timestamp::now())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Keeps a session of a user or of a token.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_session(&self, session: &Session) -> Result<(), StoreError> {
        let (user, token) = match &session.of {
            SessionOf::User(account) => (Some(&account.id), None),
            SessionOf::Token(token) => (None, Some(&token.id)),
        };
        writing!(self, |db| {
            sqlx::query(
                "INSERT INTO sessions (id, user_id, token_id, csrf, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&session.id)
            .bind(user)
            .bind(token)
            .bind(&session.csrf)
            .bind(Timestamp::now())
            .bind(session.expires_at)
            .execute(db)
            .await?;
        });
        Ok(())
    }

    /// A session that is still good, with a user who may sign in or a token that opens something.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn session(&self, id: &str) -> Result<Option<Session>, StoreError> {
        let now = Timestamp::now();
        let row: Option<(Option<String>, Option<String>, String, Timestamp)> = reading!(self, |db| {
            sqlx::query_as("SELECT user_id, token_id, csrf, expires_at FROM sessions WHERE id = $1 AND expires_at > $2")
                .bind(id)
                .bind(now)
                .fetch_optional(db)
                .await?
        });
        let Some((user, token, csrf, expires_at)) = row else { return Ok(None) };
        let user: Option<Account> = match user {
            None => None,
            Some(user) => reading!(self, |db| {
                let mut query = QueryBuilder::new(ACCOUNT);
                query.push(" WHERE disabled_at IS NULL AND id = ").push_bind(user);
                query.build_query_as().fetch_optional(db).await?
            }),
        };
        let token: Option<TokenRow> = match token {
            None => None,
            Some(token) => reading!(self, |db| {
                let mut query = QueryBuilder::new(TOKEN);
                query.push(" WHERE id = ").push_bind(token);
                query.build_query_as().fetch_optional(db).await?
            }),
        };
        let token = token.map(Token::try_from).transpose()?.filter(|token| token.is_good(now));
        let of = user.map(SessionOf::User).or(token.map(SessionOf::Token));
        Ok(of.map(|of| Session { id: id.to_owned(), of, csrf, expires_at }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_session(&self, id: &str) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id).execute(db).await?;
        });
        Ok(())
    }
}
