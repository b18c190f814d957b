//! An operation that does nothing but wait for what the test lets come of it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value as Json;
use tokio::sync::oneshot;

use super::{Asked, Puppets, Running, Takes};
use crate::error::{Failure, OpError};
use crate::ids::OpId;
use crate::job::Job;
use crate::level::Level;
use crate::op::{Operation, Request, deed};
use crate::pool::{Ask, Pool, Priority};

/// Says of itself what the operation says that it stands for. What was stored stands, and nobody meddles with it.
pub(super) struct Puppet {
    pub(super) op: Arc<dyn Operation>,
    pub(super) takes: Takes,
    pub(super) puppets: Puppets,
}

impl Puppet {
    fn begin(&self, request: &Request) -> (OnStage<'_>, oneshot::Receiver<Result<Json, OpError>>) {
        let (answer, answered) = oneshot::channel();
        let deed = deed(&*self.op, &request.summary);
        let mut cast = self.puppets.cast();
        cast.next += 1;
        let number = cast.next;
        let (key, desired) = (request.key_fields.json(), request.desired_fields.json());
        let (step, op) = (cast.step, self.op.id());
        cast.asked.push(Asked { step, op, key, desired, deed: deed.clone() });
        cast.running.push(Running {
            number,
            op,
            key: request.key,
            summary: request.summary.clone(),
            deed,
            takes: self.takes,
            answer,
        });
        (OnStage(&self.puppets, number), answered)
    }
}

/// Leaves when it is dropped: it was answered, or it was stopped.
struct OnStage<'a>(&'a Puppets, u64);

impl Drop for OnStage<'_> {
    fn drop(&mut self) {
        self.0.cast().running.retain(|running| running.number != self.1);
    }
}

impl Operation for Puppet {
    fn id(&self) -> OpId {
        self.op.id()
    }

    fn does(&self) -> &'static str {
        self.op.does()
    }

    fn publishes(&self) -> bool {
        self.op.publishes()
    }

    fn auto_cancel(&self) -> bool {
        self.op.auto_cancel()
    }

    fn latched(&self) -> bool {
        self.op.latched()
    }

    fn is_continued(&self) -> bool {
        self.op.is_continued()
    }

    fn level(&self, request: &Request) -> Level {
        self.op.level(request)
    }

    fn pool(&self) -> Option<Pool> {
        self.op.pool()
    }

    fn ask(&self, request: &Request, priority: Priority) -> Ask {
        self.op.ask(request, priority)
    }

    fn timeout(&self, request: &Request) -> Duration {
        self.op.timeout(request)
    }

    fn serves(&self, request: &Request) -> bool {
        self.op.serves(request)
    }

    fn run<'a>(&'a self, job: &'a Job, request: &'a Request) -> BoxFuture<'a, Result<Json, OpError>> {
        async move {
            let (_on_stage, answered) = self.begin(request);
            let answered =
                answered.map(|answer| answer.unwrap_or_else(|_| Err(OpError::cancelled("the test is over"))));
            // A publisher decides itself what a cancel means: so here the test does.
            match self.publishes() {
                true => answered.await,
                false => job.cancellable(answered).await,
            }
        }
        .boxed()
    }

    fn resume<'a>(
        &'a self,
        _: &'a Job,
        _: &'a Request,
        _: Option<Json>,
    ) -> BoxFuture<'a, Result<Option<Json>, OpError>> {
        std::future::ready(Ok(None)).boxed()
    }

    fn abandon<'a>(
        &'a self,
        _: &'a Job,
        _: &'a Request,
        _: Option<Json>,
    ) -> BoxFuture<'a, Result<(), OpError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn is_valid<'a>(&'a self, _: &'a Request, value: &'a Json) -> BoxFuture<'a, Result<bool, OpError>> {
        std::future::ready(Ok((self.takes.refusal)(value).is_none())).boxed()
    }

    fn changed<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Option<()>> {
        std::future::ready(None).boxed()
    }

    fn drift<'a>(&'a self, _: &'a Request, _: &'a Json) -> BoxFuture<'a, Result<Option<Failure>, OpError>> {
        std::future::ready(Ok(None)).boxed()
    }

    fn as_any(&self) -> &dyn Any {
        self.op.as_any()
    }
}
