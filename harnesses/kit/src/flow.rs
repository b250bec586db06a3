//! The steps in which a submission takes a transaction: at once, gathered line by line beforehand, or begun empty and
//! then filled.
//!
//! Probes hold a transaction's body as if it went at once; this sends it in the steps that the submission takes. It must
//! not know how the steps were found, nor what a refusal means.

use serde_json::{Map, Value};

use crate::{Answer, BoundResource, Context, Operation, Request, Session, Stop, wire};
use grader_spec::Action;

/// In which steps a transaction is made.
#[derive(Debug, Clone, Default)]
pub enum Flow {
    /// Creating takes the lines.
    #[default]
    Together,
    /// Lines are put into a collection of the account's own, of which creating makes the transaction.
    Gathered(Box<Gathering>),
    /// Creating begins an empty transaction, to which this adds lines.
    Filled(Box<Filling>),
}

/// The collection in which lines are gathered.
#[derive(Debug, Clone)]
pub struct Gathering {
    /// Puts a line in; `{id}` in its path is what the line refers to.
    pub put: Operation,
    /// The array's name, where lines are put as one.
    pub array: Option<String>,
    /// Empties the collection.
    pub clear: Option<Operation>,
}

/// How lines are added to a transaction that was begun.
#[derive(Debug, Clone)]
pub struct Filling {
    /// Adds a line; `{id}` in its path is the transaction.
    pub add: Operation,
    /// The member that names the transaction, where the path does not.
    pub parent: Option<String>,
}

/// Where a transaction stands once everything is done that can be done beforehand.
#[derive(Debug, Clone)]
pub enum Step {
    /// The request that decides, and the answer that began the transaction, where it was begun already.
    Last { request: Box<Request>, begun: Option<Answer> },
    /// The answer that refused an earlier step.
    Refused(Answer),
}

impl BoundResource {
    /// Makes a transaction of a body from [`BoundResource::transaction_body`], in the steps that the submission takes.
    /// The answer is the one that shows the transaction, or the first refusal, after which nothing of it is left waiting.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub async fn place(
        &self,
        ctx: &Context,
        body: Map<String, Value>,
        session: Option<&Session>,
    ) -> Result<Answer, Stop> {
        let answer = match self.prepare(ctx, body, session).await? {
            Step::Refused(answer) => answer,
            Step::Last { request, begun } => {
                let answer = request.send(ctx).await;
                match begun.filter(|_| answer.is_success()) {
                    Some(begun) => return Ok(self.shown(ctx, begun, session).await),
                    None => answer,
                }
            }
        };
        if !answer.is_success() {
            self.forget(ctx, session).await;
        }
        Ok(answer)
    }

    /// Sends every step but the last one of a transaction.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub async fn prepare(
        &self,
        ctx: &Context,
        mut body: Map<String, Value>,
        session: Option<&Session>,
    ) -> Result<Step, Stop> {
        let create = self.operation(Action::Create)?;
        let flow = self.lines.as_ref().map(|bound| bound.flow.clone()).unwrap_or_default();
        let last = |request: Request, begun| Step::Last { request: Box::new(request), begun };
        match flow {
            Flow::Together => Ok(last(create.request(None, Some(body), session), None)),
            Flow::Gathered(gathering) => {
                self.forget(ctx, session).await;
                for request in self.puts(&gathering, self.lines_of(&mut body), session) {
                    let answer = request.send(ctx).await;
                    if !answer.is_success() {
                        return Ok(Step::Refused(answer));
                    }
                }
                Ok(last(create.request(None, Some(body), session), None))
            }
            Flow::Filled(filling) => {
                let lines = self.lines_of(&mut body);
                let begun = create.request(None, Some(body), session).send(ctx).await;
                let Some(made) = self.made(Map::new(), &begun) else { return Ok(Step::Refused(begun)) };
                let mut requests = lines.into_iter().map(|line| self.addition(&filling, &made.key, line, session));
                let mut next = requests.next();
                while let Some(request) = next {
                    next = requests.next();
                    if next.is_none() {
                        return Ok(last(request, Some(begun)));
                    }
                    let answer = request.send(ctx).await;
                    if !answer.is_success() {
                        return Ok(Step::Refused(answer));
                    }
                }
                Ok(Step::Refused(begun))
            }
        }
    }

    /// Empties the collection in which lines are gathered, where there is one and a way to.
    async fn forget(&self, ctx: &Context, session: Option<&Session>) {
        if let Some(Flow::Gathered(gathering)) = self.lines.as_ref().map(|bound| &bound.flow)
            && let Some(clear) = &gathering.clear
        {
            clear.request(None, None, session).send(ctx).await;
        }
    }

    /// Takes the lines out of a whole body.
    fn lines_of(&self, body: &mut Map<String, Value>) -> Vec<Map<String, Value>> {
        let array = self.lines.as_ref().and_then(|bound| bound.array.as_ref());
        let lines = array.and_then(|array| body.shift_remove(array));
        let lines = lines.and_then(|lines| match lines {
            Value::Array(lines) => Some(lines),
            _ => None,
        });
        lines.into_iter().flatten().filter_map(|line| line.as_object().cloned()).collect()
    }

    fn puts(&self, gathering: &Gathering, lines: Vec<Map<String, Value>>, session: Option<&Session>) -> Vec<Request> {
        let put = &gathering.put;
        if let Some(array) = &gathering.array {
            let mut body = put.extras.clone();
            body.insert(array.clone(), lines.into_iter().map(Value::Object).collect());
            return vec![put.request(None, Some(body), session)];
        }
        let reference = self.lines.as_ref().map(|bound| bound.reference.as_str()).unwrap_or_default();
        let request = |mut line: Map<String, Value>| {
            let in_path = put.path.contains("{id}");
            let key = if in_path { line.shift_remove(reference).as_ref().and_then(wire::text) } else { None };
            let mut body = put.extras.clone();
            body.extend(line);
            put.request(key.as_deref(), Some(body), session)
        };
        lines.into_iter().map(request).collect()
    }

    fn addition(
        &self,
        filling: &Filling,
        transaction: &str,
        line: Map<String, Value>,
        session: Option<&Session>,
    ) -> Request {
        let mut body = filling.add.extras.clone();
        body.extend(line);
        if let Some(parent) = &filling.parent {
            let number = transaction.parse::<u64>().ok().map(Value::from);
            body.insert(parent.clone(), number.unwrap_or_else(|| Value::from(transaction)));
        }
        filling.add.request(Some(transaction), Some(body), session)
    }

    /// The transaction as reading it shows it now, else the answer that began it.
    async fn shown(&self, ctx: &Context, begun: Answer, session: Option<&Session>) -> Answer {
        let key = self.made(Map::new(), &begun).map(|made| made.key);
        let Some(request) = key.and_then(|key| self.read_request(&key, session).ok()) else { return begun };
        let read = request.send(ctx).await;
        if read.is_success() { read } else { begun }
    }
}
