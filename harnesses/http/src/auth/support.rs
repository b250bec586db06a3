//! What several probes of this family need: registering with a twist, an operation that asks for credentials, and what
//! an API says about the signed-in account.
//!
//! It must not know what an assessment is about, nor decide a verdict.

use grader_spec::{Action, ReadAccess};
pub(super) use harness_kit::bind::{account_key, registered_record};
use harness_kit::bind::{fresh_registration, registration_body};
use harness_kit::{Answer, BoundResource, Context, Request, Session, Stop, Values, wire};
use serde_json::{Map, Value, json};

/// A registration that a probe sent.
pub(super) struct Registration {
    pub(super) identity: String,
    pub(super) password: String,
    /// What was sent, by spec field id.
    pub(super) sent: Map<String, Value>,
    pub(super) answer: Answer,
}

/// Registers with fresh values, changed by field id in `fields`, and with further `members` in the body.
pub(super) async fn register_with(
    ctx: &Context,
    values: &mut Values,
    fields: &[(&str, Value)],
    members: &Map<String, Value>,
) -> Result<Registration, Stop> {
    let register = ctx.register()?;
    let accounts = &ctx.spec().domain.accounts;
    let mut sent = fresh_registration(ctx, values);
    for (field, value) in fields {
        sent.insert((*field).to_owned(), value.clone());
    }
    let mut body = registration_body(ctx, &register, &sent);
    body.extend(members.clone());
    let identity = sent.get(&accounts.identity).and_then(wire::text).unwrap_or_default();
    let password = sent.get(&accounts.secret).and_then(wire::text).unwrap_or_default();
    let answer = ctx.send_auth(register.request(None, Some(body), None)).await?;
    Ok(Registration { identity, password, sent, answer })
}

/// What the API says about the holder of `session`, where it has an operation for that.
pub(super) async fn own_record(ctx: &Context, session: &Session, identity: &str) -> Option<Answer> {
    let domain = &ctx.spec().domain;
    let me = domain.accounts.me.as_ref()?;
    let register = ctx.register().ok()?;
    let prefix = domain
        .prefixes
        .iter()
        .filter(|prefix| register.path.starts_with(prefix.as_str()))
        .max_by_key(|prefix| prefix.len())?;
    for path in me.paths.iter().take(8) {
        let answer = Request::get(format!("{prefix}{path}")).session(Some(session)).send(ctx).await;
        if answer.is_success() && answer.text().to_lowercase().contains(&identity.to_lowercase()) {
            return Some(answer);
        }
    }
    None
}

/// An operation that lets a session in and refuses everybody else: with it a credential's worth can be told.
pub(super) struct Guarded {
    kind: Kind,
    pub(super) session: Session,
    /// The sound session's answer.
    pub(super) sound: Answer,
}

enum Kind {
    List(BoundResource),
    Read(BoundResource, String),
    Create(BoundResource),
}

impl Guarded {
    /// Finds one, by trying.
    ///
    /// # Errors
    /// [`Stop::Blocked`] by `auth.required` where no operation asks for credentials, and by what keeps accounts from
    /// being made.
    pub(super) async fn find(ctx: &Context, values: &mut Values) -> Result<Self, Stop> {
        let account = ctx.account().await?;
        let mut kinds: Vec<(Kind, Session)> = Vec::new();
        if let Ok(transaction) = ctx.transaction() {
            if transaction.operations.contains_key(&Action::List) {
                kinds.push((Kind::List((*transaction).clone()), account.session.clone()));
            }
            if transaction.operations.contains_key(&Action::Read)
                && let Ok(made) = transact(ctx, values, &account.session, &Map::new()).await
            {
                kinds.push((Kind::Read((*transaction).clone(), made.key), account.session.clone()));
            }
        }
        if let Ok(main) = ctx.main()
            && main.spec.access.read != ReadAccess::Public
            && main.operations.contains_key(&Action::List)
        {
            let session = ctx.writer(&main)?.unwrap_or_else(|| account.session.clone());
            kinds.push((Kind::List((*main).clone()), session));
        }
        if let Ok(main) = ctx.main()
            && main.operations.contains_key(&Action::Create)
        {
            let session = ctx.writer(&main)?.unwrap_or_else(|| account.session.clone());
            kinds.push((Kind::Create((*main).clone()), session));
        }
        if kinds.is_empty() {
            return Err(Stop::blocked("api.operations", "no operation that asks for credentials was found"));
        }
        for (kind, session) in kinds {
            let sound = kind.ask(ctx, values, Some(&session)).await?;
            if sound.is_success() && matches!(kind.ask(ctx, values, None).await?.status(), 401 | 403) {
                return Ok(Guarded { kind, session, sound });
            }
        }
        Err(Stop::blocked("auth.required", "no operation tells a sound session from none"))
    }

    /// The operation's answer to the holder of `session`.
    pub(super) async fn ask(&self, ctx: &Context, values: &mut Values, session: &Session) -> Result<Answer, Stop> {
        self.kind.ask(ctx, values, Some(session)).await
    }
}

impl Kind {
    async fn ask(&self, ctx: &Context, values: &mut Values, session: Option<&Session>) -> Result<Answer, Stop> {
        let request = match self {
            Kind::List(resource) => resource.list_request(&[], session)?,
            Kind::Read(resource, key) => resource.read_request(key, session)?,
            Kind::Create(resource) => resource.create_request(&resource.fresh(values), session)?,
        };
        Ok(request.send(ctx).await)
    }
}

/// The transaction that [`transact`] made.
pub(super) struct Made {
    pub(super) key: String,
    pub(super) record: Map<String, Value>,
    pub(super) answer: Answer,
}

/// The body of a sound transaction over one record made for it, in a quantity of one.
pub(super) async fn transaction_body(ctx: &Context, values: &mut Values) -> Result<Map<String, Value>, Stop> {
    let transaction = ctx.transaction()?;
    transaction.operation(Action::Create)?;
    let Some((_, _, lines)) = ctx.spec().domain.transaction() else {
        return Err(Stop::not_applicable("the assessment asks for no such operation"));
    };
    let of = ctx.resource(&lines.of)?;
    let record = of.create(ctx, values, &[(&lines.stock, json!(30))]).await?;
    let by_field = transaction.lines.as_ref().and_then(|lines| lines.reference_field.clone());
    let reference = match by_field {
        Some(field) => record.sent.get(&field).cloned().unwrap_or_default(),
        None => record.reference(&of),
    };
    transaction.transaction_body(&[(reference, json!(1))])
}

/// Makes a transaction as the holder of `session`, with further `members` in its body.
pub(super) async fn transact(
    ctx: &Context,
    values: &mut Values,
    session: &Session,
    members: &Map<String, Value>,
) -> Result<Made, Stop> {
    let transaction = ctx.transaction()?;
    let mut body = transaction_body(ctx, values).await?;
    body.extend(members.clone());
    let answer = transaction.place(ctx, body, Some(session)).await?;
    match transaction.made(Map::new(), &answer) {
        Some(made) => Ok(Made { key: made.key, record: made.body, answer }),
        None => {
            let status = answer.status_line();
            Err(Stop::inconclusive(format!(
                "a sound {} that was taken before is now answered {status}",
                transaction.id
            )))
        }
    }
}

/// Header and claims of a session's token.
///
/// # Errors
/// [`Stop::NotApplicable`] where sessions are no JWT: what holds of those does not of an opaque token or a cookie.
pub(super) fn jwt(session: &Session) -> Result<(Value, Value), Stop> {
    session.jwt().ok_or_else(|| {
        let what = match session.carrier {
            harness_kit::Carrier::Cookie(_) => "a cookie with an opaque value",
            _ => "an opaque token",
        };
        Stop::not_applicable(format!("a session is {what} here, no JWT: its claims and signature do not exist"))
    })
}

/// When an answer was given, in seconds since 1970, by its own `Date` (RFC 9110, 6.6.1), else by this machine's clock.
pub(super) fn date_of(answer: &Answer) -> f64 {
    let seconds = |time: std::time::SystemTime| {
        time.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    };
    let dated = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    seconds(dated.unwrap_or_else(std::time::SystemTime::now))
}
