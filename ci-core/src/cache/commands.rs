//! What people do to jobs: approve, cancel, rebuild.

use std::future::Future;

use tokio::sync::oneshot;

use super::instance::{Attempt, Instance, State};
use super::{Cache, Message};
use crate::event::Phase;
use crate::ids::{JobId, KeyDigest};
use crate::job::Cancel;
use crate::pool::Priority;
use crate::store::StoreError;
use crate::store::record::{Approved, Invalidated, Record};

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No such job, neither under way nor recorded.
    #[error("there is no job {0}")]
    NoSuchJob(JobId),
    /// It has ended.
    #[error("job {0} is over")]
    Over(JobId),
    /// It waits for nobody.
    #[error("job {0} does not wait for confirmation")]
    NotWaiting(JobId),
    /// It is under way already.
    #[error("job {0} is under way: cancel it first")]
    UnderWay(JobId),
    /// The journal can't be written: nothing was changed.
    #[error("it can't be written down, and is not done: {0}")]
    NotWritten(String),
    /// The engine is stopping.
    #[error("the engine is stopping")]
    Stopping,
}

/// Who asked, and waits for an answer.
pub(crate) type Reply<T = ()> = oneshot::Sender<Result<T, Refused>>;

impl Cache {
    /// Lets a job start although its level is guarded. The approval is durable before the job goes on.
    pub(crate) fn approve(&mut self, job: &JobId, by: &str, reply: Reply) {
        let attempt = match self.under_way(job) {
            Ok((_, attempt)) if attempt.phase() != Phase::WaitingForConfirmation => {
                return answer(reply, Err(Refused::NotWaiting(job.clone())));
            }
            // It goes on by that approval; another would be left over for the next run.
            Ok((_, attempt)) if attempt.approval.look(|approved| *approved) => return answer(reply, Ok(())),
            Ok(found) => found,
            Err(refused) => return answer(reply, Err(refused)),
        };
        let (instance, attempt) = attempt;
        let approved = Approved {
            op: instance.op.id().to_string(),
            key: attempt.request.key,
            desired: attempt.request.desired,
            by: by.to_owned(),
            at_ms: self.env.clock.now_ms(),
        };
        let line = format!("Approved by {by}");
        let (approval, log) = (attempt.approval.clone(), attempt.log.clone());
        self.write(Record::Approved(approved), reply, move |reply| async move {
            log.line(line);
            approval.update(|approved| *approved = true);
            answer(reply, Ok(()));
        });
    }

    /// Stops a job, or the retries of one that failed: then the next attempt is one that was cancelled, on the record. Of
    /// what is being stopped already the reason stays what it is.
    pub(crate) fn cancel(&mut self, job: &JobId, by: &str) -> Result<(), Refused> {
        let retrying = self.instances.iter().find_map(|(generation, instance)| match &instance.state {
            State::Retrying { job: failed, request, attempt, .. } if failed == job => {
                Some((*generation, request.clone(), *attempt))
            }
            _ => None,
        });
        if let Some((generation, request, number)) = retrying {
            let cancel = Cancel::new();
            cancel.cancel(format!("by {by}, while it waited to be tried again"));
            self.queue(generation, request, number, cancel, Priority::High);
            self.moved_nodes(generation);
            return Ok(());
        }
        let (instance, attempt) = self.under_way(job)?;
        let line = match attempt.cancel.is_requested() {
            Some(stopping) => format!("Cancelled by {by}, too: already {stopping}"),
            None => format!("Cancelled by {by}"),
        };
        match instance.op.is_continued() || !attempt.is_at_work() {
            true => attempt.log.line(line),
            // Should a crash come now, how long the log is says how much of the output was read. The end says who.
            false => tracing::info!(%job, "{line}"),
        }
        attempt.cancel.cancel(format!("by {by}"));
        Ok(())
    }

    /// Runs a job's operation again, although there is a result. Its value `serves` until there is another, or not even
    /// that. It is durable that the result does not count before anything starts; if nobody wants it now, it runs when
    /// somebody does.
    pub(crate) fn rebuild(&mut self, job: &JobId, serves: bool, by: &str, reply: Reply<Option<JobId>>) {
        let (op, key) = match self.rebuildable(job) {
            Ok(found) => found,
            Err(refused) => return answer(reply, Err(refused)),
        };
        let why = format!("rebuild asked by {by}");
        let at_ms = self.env.clock.now_ms();
        let invalidated = Invalidated { op: op.clone(), key, why, serves, at_ms };
        let mailbox = self.env.mailbox.clone();
        self.write(Record::Invalidated(invalidated), reply, move |reply| async move {
            // The engine is gone: the next one finds the record.
            let _ = mailbox.send(Message::Declined { op, key, serves, reply }).await;
        });
    }

    fn rebuildable(&self, job: &JobId) -> Result<(String, KeyDigest), Refused> {
        if self.under_way(job).is_ok() {
            return Err(Refused::UnderWay(job.clone()));
        }
        let record = self.env.store.job(job).ok_or_else(|| Refused::NoSuchJob(job.clone()))?;
        let (op, key) = (record.intent.op, record.intent.key);
        let busy = self.generation_of(&op, key).and_then(|generation| self.instances.get(&generation));
        match busy.map(|instance| &instance.state) {
            Some(State::Active(attempt)) => Err(Refused::UnderWay(attempt.job.clone())),
            _ => Ok((op, key)),
        }
    }

    /// Writes a record, and does what follows from it; that tells who asked. If it can't be written, who asked is told so.
    fn write<T: Send + 'static, F: Future<Output = ()> + Send>(
        &mut self,
        record: Record,
        reply: Reply<T>,
        then: impl FnOnce(Reply<T>) -> F + Send + 'static,
    ) {
        while self.errands.try_join_next().is_some() {}
        let written = self.env.store.append(record);
        let errand = async move {
            match written.await {
                Ok(_) | Err(StoreError::Unseen(_)) => then(reply).await,
                Err(StoreError::Closed) => answer(reply, Err(Refused::Stopping)),
                Err(error) => answer(reply, Err(Refused::NotWritten(error.to_string()))),
            }
        };
        self.errands.spawn_on(errand, &self.env.runtime);
    }

    fn under_way(&self, job: &JobId) -> Result<(&Instance, &Attempt), Refused> {
        let live = self.instances.values().find_map(|instance| match &instance.state {
            State::Active(attempt) if attempt.job == *job => Some((&**instance, &**attempt)),
            _ => None,
        });
        live.ok_or_else(|| match self.env.store.job(job) {
            Some(_) => Refused::Over(job.clone()),
            None => Refused::NoSuchJob(job.clone()),
        })
    }
}

pub(super) fn answer<T>(reply: Reply<T>, result: Result<T, Refused>) {
    // Who asked may have gone.
    let _ = reply.send(result);
}
