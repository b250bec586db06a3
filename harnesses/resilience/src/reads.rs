//! Ordinary use of the API: the requests that loads are made of and that a broken time is watched with.

use std::sync::Arc;

use grader_spec::Action;
use harness_kit::{Answer, BoundResource, Context, Request, Session, Stop, Values};

/// One kind of request, by a name that is the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// Method and path template.
    pub(crate) name: String,
    pub(crate) request: Request,
}

/// Requests on the main resource that worked just now.
pub(crate) struct Reads {
    main: Arc<BoundResource>,
    session: Option<Session>,
    values: Values,
    /// List and read, as far as they are there; never empty.
    pub(crate) reads: Vec<Named>,
}

impl Reads {
    /// Makes a record to read, and sends every request once as the control.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where the API has nothing to read, [`Stop::Inconclusive`] where a sound request that was taken
    /// before is refused now.
    pub(crate) async fn prepare(ctx: &Context, name: &str) -> Result<Self, Stop> {
        let main = ctx.main()?;
        let mut values = ctx.values(name);
        let session = ctx.writer(&main)?;
        let record = main.create(ctx, &mut values, &[]).await?;
        let mut reads = Vec::new();
        if let Ok(request) = main.list_request(&[], session.as_ref()) {
            reads.push(named(&main, Action::List, request));
        }
        if let Ok(request) = main.read_request(&record.key, session.as_ref()) {
            reads.push(named(&main, Action::Read, request));
        }
        if reads.is_empty() {
            main.operation(Action::List)?;
        }
        for Named { name, request } in &reads {
            let answer = request.clone().send(ctx).await;
            if !answer.is_success() {
                let status = answer.status_line();
                return Err(Stop::inconclusive(format!("{name}, taken before, is now answered {status}")));
            }
        }
        Ok(Reads { main, session, values, reads })
    }

    /// A create with values of its own.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub(crate) fn create(&mut self) -> Result<Named, Stop> {
        let sent = self.main.fresh(&mut self.values);
        let request = self.main.create_request(&sent, self.session.as_ref())?;
        Ok(named(&self.main, Action::Create, request))
    }

    /// The nth read, in turn.
    pub(crate) fn nth(&self, number: usize) -> Named {
        self.reads[number % self.reads.len()].clone()
    }
}

fn named(resource: &BoundResource, action: Action, request: Request) -> Named {
    let path = resource.operations.get(&action).map_or("", |operation| operation.path.as_str());
    Named { name: format!("{} {path}", request.method), request }
}

/// An answer under the name of its request.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) name: String,
    pub(crate) answer: Answer,
}

impl Named {
    /// Sends it outside the run's record.
    pub(crate) async fn send_aside(self, ctx: &Context) -> Answered {
        Answered { name: self.name, answer: self.request.send_aside(ctx).await }
    }
}
