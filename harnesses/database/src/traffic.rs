//! Requests that the API answers from its database, each with the statements that it sent for them.
//!
//! Lists are asked for with few and with many records in them, a transaction is read with few and with many lines, a record
//! is looked up, somebody unknown signs in. Whether what was sent is too much, or slow, others judge.

use std::time::Duration;

use grader_spec::Action;
use harness_kit::bind::sign_in_request;
use harness_kit::{Account, Answer, BoundResource, Context, Placing, Record, Request, Session, Stop, Values};
use serde_json::Value;

use crate::statements::{Statement, Watch, Window};
use crate::store::Found;

/// Records in a short and in a long list, and lines of a small and of a large transaction.
const FEW: usize = 3;
const MANY: usize = 12;
/// By how much two lists must differ in length to tell growth.
const APART: usize = 6;
/// How often a request that is compared is sent: what runs in the background shows in one and not in the other.
const TIMES: usize = 2;

/// How long a stranger may take to sign in.
const STRANGER: Duration = Duration::from_secs(6);

/// What was seen of the traffic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    pub(crate) growths: Vec<Growth>,
    /// Requests for one thing.
    pub(crate) singles: Vec<Seen>,
}

/// The same request over few and over many records.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    /// What was asked for, such as `the list of x records`.
    pub(crate) what: String,
    pub(crate) few: Seen,
    /// Absent where the list could not be made longer.
    pub(crate) many: Option<Seen>,
}

/// A request and what the API sent to its database for it, each time that it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) what: String,
    /// Records in the answer.
    pub(crate) records: usize,
    pub(crate) answer: Answer,
    pub(crate) times: Vec<Window>,
}

/// A request that was sent under watch, with the windows that are its own.
struct Asked {
    what: String,
    records: usize,
    answer: Answer,
    windows: Vec<usize>,
}

/// Sends requests under a watch.
struct Watched<'a> {
    ctx: &'a Context,
    watch: Watch<'a>,
    windows: usize,
    asked: Vec<Asked>,
}

impl Traffic {
    /// Every statement that reads or writes records, one of each shape with what it was sent for.
    pub(crate) fn statements(&self) -> Vec<(&str, &Statement)> {
        let grown = self.growths.iter().flat_map(|growth| [Some(&growth.few), growth.many.as_ref()]).flatten();
        let mut shapes = Vec::new();
        let mut statements = Vec::new();
        for seen in grown.chain(&self.singles) {
            for statement in seen.times.iter().flatten().filter(|statement| statement.is_work()) {
                let shape = statement.shape();
                if !shapes.contains(&shape) {
                    shapes.push(shape);
                    statements.push((seen.what.as_str(), statement));
                }
            }
        }
        statements
    }
}

/// Makes the records, watches the server, and sends the requests.
pub(crate) async fn observe(ctx: &Context, found: &Found) -> Result<Traffic, Stop> {
    let main = ctx.main()?;
    main.operation(Action::List)?;
    let mut values = ctx.values("database traffic");
    let placing = Placing::find(ctx).ok();
    let placed = match &placing {
        Some(placing) => place(ctx, placing, &mut values).await?,
        None => Placed::default(),
    };
    // Lines may refer to records of another kind than the main one.
    let is_main = placing.as_ref().is_some_and(|placing| placing.of.id == main.id);
    let mut record = placed.records.first().filter(|_| is_main).cloned();
    for _ in if is_main { placed.records.len() } else { 0 }..MANY {
        record = Some(main.create(ctx, &mut values, &[]).await?);
    }
    let session = ctx.writer(&main)?;
    let size = main.pagination.as_ref().and_then(|pagination| pagination.size.clone());
    let mut watched = Watched { ctx, watch: Watch::begin(ctx, found).await?, windows: 0, asked: Vec::new() };

    let mut plans = Vec::new();
    plans.push(watched.list(&main, session.as_ref(), size.as_deref()).await?);
    if plans[0].1.is_none() {
        for _ in FEW..MANY {
            main.create(ctx, &mut values, &[]).await?;
        }
        plans[0].1 = watched.longer(&main, session.as_ref(), plans[0].0).await?;
    }
    if let Some(placing) = &placing {
        plans.extend(watched.transactions(placing, &placed, size.as_deref(), &mut values).await?);
    }
    let mut singles = Vec::new();
    if let Some(record) = record
        && let Ok(request) = main.read_request(&record.key, session.as_ref())
    {
        singles.push(watched.ask(&format!("reading one {}", main.id), &request, 1, |_| Some(1)).await?);
    }
    singles.extend(watched.stranger(&mut values).await?);
    let seen = watched.end().await?;
    let growth = |(few, many): (usize, Option<usize>)| Growth {
        what: seen[few].what.clone(),
        few: seen[few].clone(),
        many: many.map(|many| seen[many].clone()),
    };
    let growths: Vec<Growth> =
        plans.into_iter().filter(|(few, _)| seen[*few].answer.is_success()).map(growth).collect();
    let singles = singles.into_iter().map(|at| seen[at].clone()).collect();
    let traffic = Traffic { growths, singles };
    if traffic.statements().is_empty() {
        return Err(Stop::inconclusive("the server logged no statement of the API's while it was asked for records"));
    }
    Ok(traffic)
}

/// Transactions that were made to be read.
#[derive(Default)]
struct Placed {
    records: Vec<Record>,
    /// Answers to a transaction with few lines and to one with many.
    small: Option<Answer>,
    large: Option<Answer>,
}

/// As many transactions as a long list shows, of two lines each over records of their own: what is looked up line by line
/// cannot hide behind a record that was looked up before.
async fn place(ctx: &Context, placing: &Placing, values: &mut Values) -> Result<Placed, Stop> {
    let mut placed = Placed::default();
    for _ in 0..MANY {
        placed.records.push(placing.stocked(ctx, values, 40).await?);
    }
    let several = placing.takes_several();
    let records = &placed.records;
    for at in 0..MANY {
        let second = &records[(at + 1) % records.len()];
        let lines = if several { vec![(&records[at], 1), (second, 1)] } else { vec![(&records[at], 1)] };
        // One that is refused has a finding of its own, and leaves a shorter list.
        placing.send(ctx, placing.body(&lines)?).await?;
    }
    if several {
        let lines: Vec<(&Record, u32)> = records.iter().map(|record| (record, 1)).collect();
        placed.small = Some(placing.send(ctx, placing.body(&lines[..FEW])?).await?).filter(Answer::is_success);
        placed.large = Some(placing.send(ctx, placing.body(&lines)?).await?).filter(Answer::is_success);
    }
    Ok(placed)
}

impl Watched<'_> {
    /// Sends a request `times` times, each in a window of its own, and gives its place among the asked. `records` counts
    /// the records in the answer.
    async fn ask(
        &mut self,
        what: &str,
        request: &Request,
        times: usize,
        records: impl Fn(&Answer) -> Option<usize>,
    ) -> Result<usize, Stop> {
        let mut windows = Vec::new();
        let mut last = None;
        for _ in 0..times {
            self.watch.mark().await?;
            windows.push(self.windows);
            self.windows += 1;
            last = Some(request.clone().send(self.ctx).await);
        }
        let Some(answer) = last else { return Err(Stop::inconclusive("nothing was sent")) };
        let records = Some(&answer).filter(|answer| answer.is_success()).and_then(records).unwrap_or(0);
        // What is sent between requests belongs to none of them.
        self.watch.mark().await?;
        self.windows += 1;
        self.asked.push(Asked { what: what.to_owned(), records, answer, windows });
        Ok(self.asked.len() - 1)
    }

    /// Asks for a list, short and long by its size parameter; without one, or where it is not heeded, as it is.
    async fn list(
        &mut self,
        resource: &BoundResource,
        session: Option<&Session>,
        size: Option<&str>,
    ) -> Result<(usize, Option<usize>), Stop> {
        let count = |answer: &Answer| resource.records_in(answer).map(Vec::len);
        let what = format!("the list of {} records", resource.id);
        let Some(size) = size else {
            let request = resource.list_request(&[], session)?;
            return Ok((self.ask(&what, &request, TIMES, count).await?, None));
        };
        let short = resource.list_request(&[(size, FEW.to_string())], session)?;
        let long = resource.list_request(&[(size, MANY.to_string())], session)?;
        let few = self.ask(&what, &short, TIMES, count).await?;
        let many = self.ask(&what, &long, TIMES, count).await?;
        let is_apart = self.asked[many].records >= self.asked[few].records + APART && self.asked[few].records > 0;
        Ok((if is_apart { few } else { many }, is_apart.then_some(many)))
    }

    /// Asks for a list again, after records were added; `None` where it did not become longer.
    async fn longer(
        &mut self,
        resource: &BoundResource,
        session: Option<&Session>,
        few: usize,
    ) -> Result<Option<usize>, Stop> {
        let what = self.asked[few].what.clone();
        let request = resource.list_request(&[], session)?;
        let many = self.ask(&what, &request, TIMES, |answer| resource.records_in(answer).map(Vec::len)).await?;
        Ok((self.asked[many].records >= self.asked[few].records + APART).then_some(many))
    }

    /// An account's own transactions, and one with few and with many lines.
    async fn transactions(
        &mut self,
        placing: &Placing,
        placed: &Placed,
        size: Option<&str>,
        values: &mut Values,
    ) -> Result<Vec<(usize, Option<usize>)>, Stop> {
        let transaction = &placing.transaction;
        let session = self.ctx.writer(transaction)?;
        let mut plans = Vec::new();
        if transaction.operations.contains_key(&Action::List) {
            let mut list = self.list(transaction, session.as_ref(), size).await?;
            if list.1.is_none()
                && let Ok(other) = self.ctx.other_account().await
            {
                list = self.another(placing, placed, &other, values).await?;
            }
            plans.push(list);
        }
        let read = |made: &Option<Answer>| {
            let key = placing.key(made.as_ref()?)?;
            transaction.read_request(&key, session.as_ref()).ok()
        };
        if let (Some(small), Some(large)) = (read(&placed.small), read(&placed.large)) {
            let what = format!("reading one {} by its lines", transaction.id);
            let few = self.ask(&what, &small, TIMES, |_| Some(FEW)).await?;
            let many = self.ask(&what, &large, TIMES, |_| Some(MANY)).await?;
            plans.push((few, (self.asked[many].records == MANY).then_some(many)));
        }
        Ok(plans)
    }

    /// The list of an account with few transactions, before and after it has more: for lists without a size.
    async fn another(
        &mut self,
        placing: &Placing,
        placed: &Placed,
        other: &Account,
        values: &mut Values,
    ) -> Result<(usize, Option<usize>), Stop> {
        let transaction = &placing.transaction;
        let order = async |record: &Record| {
            let body = placing.body(&[(record, 1)])?;
            transaction.place(self.ctx, body, Some(&other.session)).await
        };
        order(&placing.stocked(self.ctx, values, 40).await?).await?;
        let (few, _) = self.list(transaction, Some(&other.session), None).await?;
        for record in placed.records.iter().take(MANY - FEW) {
            order(record).await?;
        }
        let many = self.longer(transaction, Some(&other.session), few).await?;
        Ok((few, many))
    }

    /// Somebody whom the API does not know signs in: it has to look the name up, and nobody is locked out.
    async fn stranger(&mut self, values: &mut Values) -> Result<Option<usize>, Stop> {
        let accounts = &self.ctx.spec().domain.accounts;
        let Some(identity) = accounts.fields.get(&accounts.identity).map(|field| values.field(field)) else {
            return Ok(None);
        };
        let identity = identity.as_str().map_or_else(|| Value::Null.to_string(), str::to_owned);
        let Ok(request) = sign_in_request(self.ctx, &identity, &values.password()) else { return Ok(None) };
        self.watch.mark().await?;
        let windows = vec![self.windows];
        self.windows += 1;
        // A limiter's window is not waited out for this.
        let answer = tokio::time::timeout(STRANGER, self.ctx.send_auth(request)).await;
        self.watch.mark().await?;
        self.windows += 1;
        let Ok(Ok(answer)) = answer else { return Ok(None) };
        self.asked.push(Asked { what: "signing in".to_owned(), records: 1, answer, windows });
        Ok(Some(self.asked.len() - 1))
    }

    /// Ends the watch and gives each request its statements.
    async fn end(mut self) -> Result<Vec<Seen>, Stop> {
        self.watch.mark().await?;
        let windows = self.watch.end().await?;
        let seen = self.asked.into_iter().map(|asked| Seen {
            times: asked.windows.iter().filter_map(|at| windows.get(*at).cloned()).collect(),
            what: asked.what,
            records: asked.records,
            answer: asked.answer,
        });
        Ok(seen.collect())
    }
}
