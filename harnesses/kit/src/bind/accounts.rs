//! Binding registration and sign-in, and making accounts with what was bound.

use grader_model::BindingSource;
use grader_spec::FieldKind;
use serde_json::{Map, Value, json};

use super::candidates::{Candidate, Sources};
use super::complaint;
use super::draft::{Draft, confirm};
use super::{confidence, locate};
use crate::account::find_session;
use crate::operation::WireField;
use crate::wire::{self, Shape};
use crate::{Account, Answer, Carrier, Context, Credentials, Encoding, Operation, Session, Stop, Values};

const REGISTER_WORDS: &[&str] =
    &["register", "signup", "registration", "registeruser", "createaccount", "createuser", "join"];
const LOGIN_WORDS: &[&str] =
    &["login", "signin", "token", "loginuser", "authenticate", "sessions", "session", "auth", "accesstoken"];
/// Corrections of one body.
const MENDINGS: usize = 8;

/// Binds both operations with the first account, which stays for the probes.
pub(super) async fn bind(ctx: &Context, sources: &Sources) {
    let mut values = ctx.values("account A");
    let accounts = ctx.spec().domain.accounts.clone();
    let carrier = sources.overrides.carrier().ok().flatten();

    let candidates = sources.account(ctx, "account.register", &accounts.register, REGISTER_WORDS);
    let registered = match find_register(ctx, &candidates, &mut values).await {
        Ok((operation, sent, answer)) => {
            ctx.with_bound(|bound| bound.register = Some(operation.clone()));
            Some((operation, sent, answer))
        }
        Err(why) => {
            ctx.with_bound(|bound| bound.account_trouble.insert("register".to_owned(), why));
            None
        }
    };
    let Some((register, sent, answer)) = registered else {
        let why = "nobody could register".to_owned();
        ctx.with_bound(|bound| bound.account_trouble.insert("login".to_owned(), why));
        return;
    };
    let candidates = sources.account(ctx, "account.login", &accounts.login, LOGIN_WORDS);
    match find_login(ctx, &candidates, &register, &sent).await {
        Ok((operation, login, mut session)) => {
            if let Some(carrier) = carrier {
                session.carrier = carrier;
            }
            name_session(ctx, "A", &session);
            let identity = identity_sent(ctx, &register, &operation, &sent);
            let me = find_me(ctx, sources, &register, &session, &identity).await;
            ctx.with_bound(|bound| {
                bound.login = Some(operation);
                bound.me = me;
            });
            let password = sent.get(&accounts.secret).and_then(wire::text).unwrap_or_default();
            let account = Account::new("A", identity, password, session, login);
            ctx.adopt(Account { registration: Some(answer), ..account }).await;
        }
        Err(why) => {
            ctx.with_bound(|bound| bound.account_trouble.insert("login".to_owned(), why));
        }
    }
}

/// Finds the operation that reads the signed-in account: its answer names the account.
async fn find_me(
    ctx: &Context,
    sources: &Sources,
    register: &Operation,
    session: &Session,
    identity: &str,
) -> Option<Operation> {
    let spec = ctx.spec().domain.accounts.me.clone()?;
    let prefix = ctx.spec().domain.prefixes.iter().filter(|prefix| register.path.starts_with(prefix.as_str()));
    let prefix = prefix.max_by_key(|prefix| prefix.len()).cloned().unwrap_or_default();
    for candidate in sources.own(&spec.paths, &prefix) {
        let mut operation = Operation::new("account.me", "GET", &candidate.path, candidate.source);
        let answer = operation.request(None, None, Some(session)).send(ctx).await;
        let answer = follow(ctx, answer, &mut operation).await;
        if answer.is_success() && answer.text().to_lowercase().contains(&identity.to_lowercase()) {
            operation.confidence = confidence(candidate.source);
            operation.proof = format!("GET {} gave the account that was signed in", operation.path);
            return Some(operation);
        }
    }
    None
}

/// Sound values for a registration, by spec field id.
pub fn fresh_registration(ctx: &Context, values: &mut Values) -> Map<String, Value> {
    let accounts = &ctx.spec().domain.accounts;
    let mut fresh: Map<String, Value> =
        accounts.fields.iter().map(|(id, field)| (id.clone(), values.field(field))).collect();
    for (id, field) in &accounts.fields {
        if field.kind == FieldKind::Name
            && field.names.iter().any(|name| wire::plain(name).contains("first") || wire::plain(name).contains("last"))
        {
            fresh.insert(id.clone(), json!(values.given_name()));
        }
    }
    fresh
}

/// The body of a registration with those values.
pub fn registration_body(ctx: &Context, register: &Operation, sent: &Map<String, Value>) -> Map<String, Value> {
    let accounts = &ctx.spec().domain.accounts;
    let mut body = register.body(&accounts.fields, sent);
    let password = sent.get(&accounts.secret).and_then(wire::text).unwrap_or_default();
    confirm(&mut body, &password);
    body
}

async fn find_register(
    ctx: &Context,
    candidates: &[Candidate],
    values: &mut Values,
) -> Result<(Operation, Map<String, Value>, Answer), String> {
    let accounts = ctx.spec().domain.accounts.clone();
    let mut trouble = String::new();
    for candidate in candidates {
        let mut operation = Operation::new("account.register", &candidate.method, &candidate.path, candidate.source);
        operation.encoding = candidate.encoding;
        let mut draft = candidate.draft(&accounts.fields, &[], values);
        given_fields(ctx, &mut draft, "account.register");
        for _ in 0..=MENDINGS {
            draft.apply(&mut operation);
            let sent = fresh_registration(ctx, values);
            let body = registration_body(ctx, &operation, &sent);
            let answer = match ctx.send_auth(operation.request(None, Some(body), None)).await {
                Ok(answer) => follow(ctx, answer, &mut operation).await,
                Err(Stop::Inconclusive(why)) => return Err(why),
                Err(_) => break,
            };
            if answer.is_success() && !is_page(&answer) {
                if agrees_to_anything(ctx, &operation).await {
                    return Err("every path answers with success, so that none is known to register".to_owned());
                }
                operation.confidence = confidence(candidate.source);
                operation.proof = format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
                return Ok((operation, sent, answer));
            }
            if is_absent(&answer) {
                break;
            }
            note_trouble(&mut trouble, &operation, &answer, candidate.source);
            if !matches!(answer.status(), 400 | 409 | 415 | 422) {
                break;
            }
            let complaints = complaint::complaints(&answer);
            if !draft.mend(&complaints, &accounts.fields, &[], values)
                && answer.status() != 409
                && !(answer.status() != 415 && draft.fill(&candidate.members, &accounts.fields, &[], values))
            {
                if operation.encoding == Encoding::Json && answer.status() == 415 {
                    operation.encoding = Encoding::Form;
                    continue;
                }
                break;
            }
        }
    }
    Err(if trouble.is_empty() {
        "no path that is customary, documented or in the source answers".to_owned()
    } else {
        trouble
    })
}

/// Whether a path below the operation's that nobody would route answers as the operation does: then its success says
/// nothing. Unlike a login, which has to give a session, a registration has no other proof yet.
async fn agrees_to_anything(ctx: &Context, operation: &Operation) -> bool {
    let path = format!("{}/no-such-operation", operation.path.trim_end_matches('/'));
    let answer = crate::Request::new(&operation.method, path).json(json!({})).send(ctx).await;
    answer.is_success() && !is_page(&answer)
}

async fn find_login(
    ctx: &Context,
    candidates: &[Candidate],
    register: &Operation,
    sent: &Map<String, Value>,
) -> Result<(Operation, Answer, Session), String> {
    let accounts = ctx.spec().domain.accounts.clone();
    let wanted: indexmap::IndexMap<String, grader_spec::Field> = accounts
        .fields
        .iter()
        .filter(|(id, _)| **id == accounts.identity || **id == accounts.secret)
        .map(|(id, field)| (id.clone(), field.clone()))
        .collect();
    let mut trouble = String::new();
    // A sibling of the registration's path is likelier than the same word elsewhere.
    let parent = register.path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
    let mut candidates = candidates.to_vec();
    candidates.sort_by_key(|candidate| {
        (candidate.source, !candidate.path.starts_with(&format!("{parent}/")) || parent.is_empty())
    });
    let mut unused = ctx.values("login");
    for candidate in &candidates {
        let mut operation = Operation::new("account.login", &candidate.method, &candidate.path, candidate.source);
        operation.encoding = candidate.encoding;
        let mut draft = candidate.draft(&wanted, &[], &mut unused);
        if candidate.members.is_empty() {
            // The registration's own spelling is the likeliest.
            for id in wanted.keys() {
                if let Some(field) = register.fields.get(id) {
                    draft.fields.insert(id.clone(), field.clone());
                }
            }
        }
        given_fields(ctx, &mut draft, "account.login");
        draft.extras.retain(|name, _| {
            !matches!(wire::plain(name).as_str(), "granttype" | "scope" | "clientid" | "clientsecret")
        });
        for attempt in 0..=MENDINGS {
            draft.apply(&mut operation);
            let mut known = sent.clone();
            known.insert(accounts.identity.clone(), json!(identity_sent(ctx, register, &operation, sent)));
            let body = operation.body(&wanted, &known);
            let answer = match ctx.send_auth(operation.request(None, Some(body), None)).await {
                Ok(answer) => follow(ctx, answer, &mut operation).await,
                Err(Stop::Inconclusive(why)) => return Err(why),
                Err(_) => break,
            };
            if answer.is_success() && !is_page(&answer) {
                let Some(session) = find_session(&answer) else {
                    note_trouble(&mut trouble, &operation, &answer, candidate.source);
                    trouble.push_str(", without a token or a session cookie");
                    break;
                };
                operation.confidence = confidence(candidate.source);
                operation.proof =
                    format!("{} {} answered {} with a session", operation.method, operation.path, answer.status_line());
                return Ok((operation, answer, session));
            }
            if is_absent(&answer) {
                break;
            }
            note_trouble(&mut trouble, &operation, &answer, candidate.source);
            let mended = matches!(answer.status(), 400 | 422)
                && draft.mend(&complaint::complaints(&answer), &wanted, &[], &mut unused);
            if mended {
                continue;
            }
            // The OAuth2 password grant (RFC 6749, 4.3) takes a form with `username`.
            if attempt < MENDINGS && operation.encoding == Encoding::Json && matches!(answer.status(), 400 | 415 | 422)
            {
                operation.encoding = Encoding::Form;
                let username = WireField { name: "username".to_owned(), shape: Shape::Natural };
                draft.fields.insert(accounts.identity.clone(), username);
                continue;
            }
            break;
        }
    }
    Err(if trouble.is_empty() {
        "no path that is customary, documented or in the source answers".to_owned()
    } else {
        trouble
    })
}

/// What a login takes as the identity: where registration has several members that may be one, the one of the login's
/// name.
fn identity_sent(ctx: &Context, register: &Operation, login: &Operation, sent: &Map<String, Value>) -> String {
    let identity = &ctx.spec().domain.accounts.identity;
    let name = login.fields.get(identity).map(|field| wire::plain(&field.name));
    let namesake = register.fields.iter().find(|(_, field)| Some(wire::plain(&field.name)) == name);
    let id = namesake.map_or(identity, |(id, _)| id);
    sent.get(id).and_then(wire::text).unwrap_or_default()
}

/// A reviewer's field names for an operation.
fn given_fields(ctx: &Context, draft: &mut Draft, operation: &str) {
    let Some(given) = ctx.overrides().operations.get(operation).cloned() else { return };
    for (id, name) in given.fields {
        draft.fields.insert(id, WireField { name, shape: Shape::Natural });
    }
    draft.extras.extend(given.extras);
}

/// Follows one redirect that keeps the method (RFC 9110, 15.4.8 and 15.4.9), or one to the same path with a slash, and
/// remembers the real path.
pub(super) async fn follow(ctx: &Context, answer: Answer, operation: &mut Operation) -> Answer {
    if !matches!(answer.status(), 301 | 302 | 307 | 308) {
        return answer;
    }
    let Some(location) = answer.header("location") else { return answer };
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => location,
    };
    let sent_to = answer.record().target.clone();
    if path.trim_end_matches('/') != sent_to.trim_end_matches('/') || path == sent_to {
        return answer;
    }
    let with_slash = path.ends_with('/');
    let template = operation.path.trim_end_matches('/').to_owned();
    let ended = |path: &str| if with_slash { format!("{path}/") } else { path.to_owned() };
    operation.path = ended(&template);
    operation.template = ended(operation.template.trim_end_matches('/'));
    let recorded = answer.record();
    let mut again = crate::Request::new(&recorded.method, path);
    again.headers = recorded.request_headers.clone();
    if !recorded.request_body.is_empty() {
        again.body = crate::Body::Raw(recorded.request_body.clone().into());
    }
    again.send(ctx).await
}

/// Whether the answer is a page for people, as single-page applications give for any path. JSON that is sent as HTML by
/// mistake is none: that is a finding of its own and hides no operation. An answer beyond the budget is no record either.
pub(super) fn is_page(answer: &Answer) -> bool {
    if answer.body().len() >= crate::http::BODY_BUDGET {
        return true;
    }
    answer.header("content-type").is_some_and(|value| value.contains("text/html"))
        && !answer.json().is_some_and(|body| body.is_object() || body.is_array())
}

/// Whether nothing is routed there. A page that says what is wrong with a body comes from a route that has read it:
/// frameworks answer so to whoever does not insist on JSON.
pub(super) fn is_absent(answer: &Answer) -> bool {
    matches!(answer.status(), 404 | 405 | 0) || is_page(answer) && !matches!(answer.status(), 400 | 415 | 422)
}

/// Keeps the most telling reason: a documented route's refusal says more than a guess's.
pub(super) fn note_trouble(trouble: &mut String, operation: &Operation, answer: &Answer, source: BindingSource) {
    if trouble.is_empty() || source <= BindingSource::Source {
        let said: String = answer.text().chars().take(160).collect();
        *trouble = format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
        if !said.is_empty() {
            trouble.push_str(&format!(" ({said})"));
        }
    }
}

fn name_session(ctx: &Context, label: &str, session: &Session) {
    ctx.recorder().name(&session.token, &format!("$TOKEN_{label}"));
}

/// Registers another account and signs it in.
///
/// # Errors
/// [`Stop::Blocked`] where registering or signing in does not work.
pub async fn register_and_sign_in(ctx: &Context, label: &str) -> Result<Account, Stop> {
    let register = ctx.register()?;
    let login = ctx.login()?;
    let accounts = ctx.spec().domain.accounts.clone();
    let mut values = ctx.values(&format!("account {label}"));
    let sent = fresh_registration(ctx, &mut values);
    let body = registration_body(ctx, &register, &sent);
    let answer = ctx.send_auth(register.request(None, Some(body), None)).await?;
    if !answer.is_success() {
        let status = answer.status_line();
        return Err(Stop::blocked("auth.register", format!("another registration was answered {status}")));
    }
    let identity = identity_sent(ctx, &register, &login, &sent);
    let password = sent.get(&accounts.secret).and_then(wire::text).unwrap_or_default();
    let carrier = ctx.accounts_carrier();
    let (login, mut session) = sign_in(ctx, &identity, &password).await?;
    if let Some(carrier) = carrier {
        session.carrier = carrier;
    }
    name_session(ctx, label, &session);
    let account = Account::new(label, identity, password, session, login);
    Ok(Account { registration: Some(answer), ..account })
}

/// Signs in with an identity and a password.
///
/// # Errors
/// [`Stop::Blocked`] where it is refused.
pub async fn sign_in(ctx: &Context, identity: &str, password: &str) -> Result<(Answer, Session), Stop> {
    let answer = ctx.send_auth(sign_in_request(ctx, identity, password)?).await?;
    match find_session(&answer) {
        Some(session) if answer.is_success() => Ok((answer, session)),
        _ => Err(Stop::blocked("auth.login", format!("a sound login was answered {}", answer.status_line()))),
    }
}

/// The request that signs in.
///
/// # Errors
/// [`Stop::Blocked`] where no such operation was found.
pub fn sign_in_request(ctx: &Context, identity: &str, password: &str) -> Result<crate::Request, Stop> {
    let login = ctx.login()?;
    let accounts = &ctx.spec().domain.accounts;
    let mut sent = Map::new();
    sent.insert(accounts.identity.clone(), json!(identity));
    sent.insert(accounts.secret.clone(), json!(password));
    Ok(login.request(None, Some(login.body(&accounts.fields, &sent)), None))
}

/// Signs in as the first privileged account that is let in.
pub(super) async fn privileged(ctx: &Context, overrides: &super::Overrides) -> Option<Account> {
    if let Some(account) = ctx.bound().privileged {
        return Some(account);
    }
    let hints: Vec<Credentials> =
        overrides.credentials().into_iter().chain(ctx.facts().privileged.iter().cloned()).take(6).collect();
    for hint in hints {
        let Ok((login, mut session)) = sign_in(ctx, &hint.identity, &hint.password).await else { continue };
        if let Some(carrier) = ctx.accounts_carrier() {
            session.carrier = carrier;
        }
        name_session(ctx, "ADMIN", &session);
        let account = Account::new("ADMIN", hint.identity, hint.password, session, login);
        ctx.with_bound(|bound| bound.privileged = Some(account.clone()));
        return Some(account);
    }
    None
}

/// Other ways in which a token may be read, tried when the customary one is refused.
pub(super) fn other_carriers() -> Vec<Carrier> {
    vec![
        Carrier::Raw,
        Carrier::Scheme("JWT".to_owned()),
        Carrier::Scheme("Token".to_owned()),
        Carrier::Header("x-access-token".to_owned()),
        Carrier::Header("token".to_owned()),
        Carrier::Header("x-auth-token".to_owned()),
        Carrier::Cookie("token".to_owned()),
        Carrier::Cookie("access_token".to_owned()),
    ]
}

/// The record of the account in an answer, for probes that look at what registration gives back.
pub fn account_record(ctx: &Context, answer: &Answer, sent: &Map<String, Value>) -> Option<Map<String, Value>> {
    let fields = &ctx.spec().domain.accounts.fields;
    let register = ctx.register().ok()?;
    let body = answer.json()?;
    let located = locate::record(body, "user", fields, sent, &register.fields)?;
    crate::resource::at(body, &located.at)?.as_object().cloned()
}

/// The record of an account as its registration gave it back.
pub fn registered_record(ctx: &Context, account: &Account) -> Option<Map<String, Value>> {
    let mut sent = Map::new();
    sent.insert(ctx.spec().domain.accounts.identity.clone(), json!(account.identity));
    account_record(ctx, account.registration.as_ref()?, &sent)
}

/// The key of an account: from its record, else from the claims of its token.
pub fn account_key(ctx: &Context, account: &Account) -> Option<Value> {
    let named = |object: &Map<String, Value>, names: &[&str]| {
        names.iter().find_map(|name| {
            let (_, value) = object.iter().find(|(key, _)| wire::plain(key) == *name)?;
            (value.is_string() || value.is_number()).then(|| value.clone())
        })
    };
    registered_record(ctx, account)
        .and_then(|record| named(&record, &["id", "userid", "uuid", "useruuid", "publicid", "accountid"]))
        .or_else(|| {
            let (_, claims) = account.session.jwt()?;
            named(claims.as_object()?, &["userid", "uid", "id", "sub", "accountid"])
        })
        // A name to sign in with is no key.
        .filter(|key| wire::text(key).is_some_and(|key| !key.eq_ignore_ascii_case(&account.identity)))
}
