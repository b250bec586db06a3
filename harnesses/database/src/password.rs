//! How the known password is kept: looked for in every text of every table, and verified in the account's own row.

use harness_kit::{Account, Context, Stop};
use serde_json::Value;

use crate::hash::{Scheme, readable, recognize};
use crate::schema::Class;
use crate::store::{Found, Store};
use crate::traces::find_account;

/// A place where the password is kept, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// `table.column`.
    pub(crate) place: String,
    pub(crate) scheme: Scheme,
    /// What is stored, as it is.
    pub(crate) stored: String,
}

/// Every place where the first account's password was recognized, the weakest first.
pub(crate) async fn kept(store: &Store, ctx: &Context) -> Result<Vec<Kept>, Stop> {
    let account = ctx.account().await?;
    let found = store.found(ctx).await?;
    let mut all = readable_anywhere(found, &account).await;
    all.extend(in_own_row(ctx, found, &account).await?);
    all.sort_by_key(|kept| kept.scheme.strength());
    if all.is_empty() {
        return Err(Stop::inconclusive(
            "the account was found in the database, and no value in its row or the rows that refer to it is a known form \
             of its password",
        ));
    }
    Ok(all)
}

/// Looks for readable forms in every text, document and binary column of every table.
async fn readable_anywhere(found: &Found, account: &Account) -> Vec<Kept> {
    use base64::Engine as _;
    let password = &account.password;
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(password);
    let reversed: String = password.chars().rev().collect();
    let hex = hex::encode(password);
    // What is bytes is compared as digits.
    let in_digits = [hex.clone(), hex::encode(&base64), hex::encode(&reversed), hex::encode(&hex)];
    let in_text = [password.clone(), base64, reversed, hex.clone(), hex.to_uppercase()];
    let dialect = found.dialect();
    let mut all = Vec::new();
    for (name, table) in &found.schema.tables {
        for column in &table.columns {
            // SQLite keeps bytes in whatever column they are put.
            let forms: Vec<&String> = match column.class {
                Class::Text | Class::Document | Class::List | Class::Binary | Class::Other => {
                    in_text.iter().chain(&in_digits).collect()
                }
                _ => continue,
            };
            let text = dialect.text(column);
            let conditions: Vec<String> = forms.iter().map(|form| dialect.contains(&text, form)).collect();
            let sql =
                format!("SELECT {text} AS v FROM {} WHERE {} LIMIT 1", dialect.table(name), conditions.join(" OR "));
            let Ok(rows) = found.try_query(&sql).await else { continue };
            let Some(row) = rows.rows.first() else { continue };
            let stored = rows.cell(row, "v").to_owned();
            let stored = if column.is_binary() { decoded(&format!("\\x{stored}")) } else { stored };
            let scheme = recognize(&stored, password, &[]);
            // Longer than any hash, such as a log's line: what was asked for is in it.
            let scheme = scheme.or_else(|| readable(&stored, password).map(Scheme::Fast));
            if let Some(scheme) = scheme {
                all.push(Kept { place: format!("{name}.{}", column.name), scheme, stored });
            }
        }
    }
    all
}

/// Verifies the texts of the account's row, and of rows elsewhere that refer to it (credentials in a table of their own).
pub(crate) async fn in_own_row(ctx: &Context, found: &Found, account: &Account) -> Result<Vec<Kept>, Stop> {
    let Some((table, row)) = find_account(ctx, found, account).await else {
        return Err(Stop::inconclusive("the account's row could not be found in the database"));
    };
    let mut rows = vec![(table.clone(), row.clone())];
    let key = found
        .schema
        .tables
        .get(&table)
        .and_then(|described| described.single_key())
        .and_then(|column| harness_kit::wire::text(row.get(column)?));
    if let Some(key) = key {
        for (name, other) in found.schema.own().filter(|(name, _)| **name != table) {
            let holds: Vec<String> =
                other.columns.iter().filter(|c| c.may_refer()).map(|c| found.holds(c, &key)).collect();
            if holds.is_empty() {
                continue;
            }
            if let Some(row) = found.one_row(name, &holds.join(" OR ")).await {
                rows.push((name.clone(), row));
            }
        }
    }
    let candidates: Vec<(String, String, Vec<String>)> = rows
        .iter()
        .flat_map(|(name, row)| {
            let texts: Vec<(String, String)> = row
                .iter()
                .filter_map(|(column, value)| match value {
                    // Bytes are written as `\x` and hexadecimal digits.
                    Value::String(text) => Some((column.clone(), decoded(text))),
                    _ => None,
                })
                .collect();
            texts
                .iter()
                .map(|(column, text)| {
                    let beside = texts.iter().filter(|(other, _)| other != column).map(|(_, text)| text.clone());
                    (format!("{name}.{column}"), text.clone(), beside.collect())
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let password = account.password.clone();
    // Key stretching is made to take long: off the threads that talk.
    let verified = tokio::task::spawn_blocking(move || {
        candidates
            .into_iter()
            .filter_map(|(place, stored, beside)| {
                let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
                let scheme = recognize(&stored, &password, &beside)?;
                Some(Kept { place, scheme, stored })
            })
            .collect()
    });
    verified
        .await
        .map_err(|_| Stop::inconclusive("verifying the stored password broke; this is a defect of the grader"))
}

/// A binary value as text where it is text, else its digits.
fn decoded(text: &str) -> String {
    let Some(digits) = text.strip_prefix("\\x") else { return text.to_owned() };
    match hex::decode(digits).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(inner) => inner,
        None => digits.to_owned(),
    }
}

/// What is stored, for evidence: the scheme's own prefix, never the whole hash.
pub(crate) fn shown(stored: &str) -> String {
    let head: String = stored.chars().take(12).filter(|c| !c.is_control()).collect();
    let head = head.rsplit_once('$').map_or("", |(head, _)| head).to_owned();
    format!("{head}… ({} characters)", stored.chars().count())
}
