//! What the tasks tell, and what becomes of an instance by that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::commands::{Reply, answer};
use super::instance::{Finished, Instance, State};
use super::latch::Latch;
use super::{Cache, Owned, retry};
use crate::clock;
use crate::error::{Failure, FailureKind};
use crate::event::{Phase, What};
use crate::ids::{JobId, KeyDigest};
use crate::pool::Priority;

/// What the tasks tell the engine's thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// To an instance.
    Of { generation: u64, news: News },
    /// The stored result of a key does not count any more, durably: it `serves` until there is another, or not even that.
    /// Who asked is told which job makes it.
    Declined { op: String, key: KeyDigest, serves: bool, reply: Reply<Option<JobId>> },
}

#[derive(Debug)]
pub(crate) enum News {
    /// Whether the result of a job stands: the one that is there, or the one that is to serve meanwhile.
    Checked {
        of: JobId,
        stands: bool,
    },
    Unchecked {
        failure: Arc<Failure>,
        pause: Duration,
    },
    Moved(Phase),
    Ended(Result<Arc<Json>, Arc<Failure>>),
    RetryDue,
    /// The time of this job's result is over.
    Expired(JobId),
    Drifted(Option<Arc<Failure>>),
}

impl Cache {
    /// Takes in what a task told. What is due follows in [`Cache::settle`].
    pub(crate) fn hear(&mut self, message: Message) {
        let (generation, news) = match message {
            Message::Of { generation, news } => (generation, news),
            Message::Declined { op, key, serves, reply } => return self.declined(&op, key, serves, reply),
        };
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        match (news, &mut instance.state) {
            (News::Checked { of, stands }, State::Checking { stored, .. }) if stored.job == of => {
                if stands {
                    self.env.events.emit(stored.reused(instance.op.id()));
                    instance.state = State::Finished((**stored).clone());
                    instance.latch = None;
                } else {
                    instance.state =
                        State::Wanted { desired: stored.desired, attempt: 1, priority: Priority::default() };
                    instance.unlatch();
                }
            }
            (News::Checked { of, stands }, _) => instance.serves(&of, stands),
            (News::Unchecked { failure, pause }, State::Checking { stored, unknown, .. }) => {
                self.env.events.emit(What::Job {
                    job: stored.job.clone(),
                    op: instance.op.id(),
                    summary: stored.summary.to_string(),
                    phase: Phase::Failed {
                        failure: Failure::clone(&failure),
                        retry_at_ms: Some(clock::now_ms() + pause.as_millis() as u64),
                    },
                });
                *unknown = Some((failure, Instant::now() + pause));
            }
            (News::Moved(phase), State::Active(attempt)) => {
                // From here on the place is the attempt's.
                if matches!(phase, Phase::Running | Phase::Resumed) {
                    instance.watch = None;
                }
                if let (Phase::Failed { failure, .. }, true) = (&phase, attempt.renews.is_some()) {
                    instance.stale = Some(self.env.doubts.of(Arc::new(failure.clone())));
                }
                if attempt.moved(phase.clone()) {
                    self.env.events.emit(What::Job {
                        job: attempt.job.clone(),
                        op: instance.op.id(),
                        summary: attempt.request.summary.to_string(),
                        phase,
                    });
                }
            }
            (News::Ended(result), State::Active(_)) => self.ended(generation, result),
            (News::RetryDue, State::Retrying { request, attempt, .. }) => {
                let (desired, attempt) = (request.desired, *attempt);
                instance.state = State::Wanted { desired, attempt, priority: Priority::default() };
            }
            (News::Expired(of), state) => {
                let is_of_state = matches!(state, State::Finished(stored) if stored.job == of);
                // If that is about something else now, it is told again when it is not.
                instance.expiry = None;
                if is_of_state {
                    instance.renew(Priority::default());
                }
            }
            (News::Drifted(drift), _) => {
                let Some(watch) = &mut instance.watch else { return };
                self.env.events.emit(What::Drift {
                    op: instance.op.id(),
                    summary: watch.of.summary.to_string(),
                    job: watch.of.job.clone(),
                    drift: drift.as_deref().cloned(),
                });
                watch.drift = drift.map(|drift| self.env.doubts.of(drift));
            }
            // It has moved on meanwhile: a check that was overtaken, a retry that was cancelled.
            _ => return,
        }
        self.touched.push(generation);
        self.moved_nodes(generation);
    }

    /// An attempt under way comes after the record: its result counts.
    fn declined(&mut self, op: &str, key: KeyDigest, serves: bool, reply: Reply<Option<JobId>>) {
        let Some(generation) = self.generation_of(op, key) else { return answer(reply, Ok(None)) };
        let Some(instance) = self.instances.get_mut(&generation) else { return answer(reply, Ok(None)) };
        match &instance.state {
            State::Active(_) if serves => {}
            State::Active(_) => instance.unlatch(),
            State::Finished(Finished { result: Ok(_), .. }) if serves => instance.renew(Priority::High),
            State::Retrying { request, .. } if serves && instance.is_latched() => {
                let desired = request.desired;
                instance.state = State::Wanted { desired, attempt: 1, priority: Priority::High };
            }
            _ => {
                instance.state = State::Fresh;
                instance.watch = None;
                instance.unlatch();
            }
        }
        self.asked.push((generation, reply));
        self.touched.push(generation);
        self.moved_nodes(generation);
    }

    fn ended(&mut self, generation: u64, result: Result<Arc<Json>, Arc<Failure>>) {
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        let State::Active(attempt) = &instance.state else { return };
        let still_wanted = instance.wishes.iter().any(|w| w.request.desired == attempt.request.desired);
        let superseded = matches!(&result, Err(f) if f.kind == FailureKind::Superseded);
        let refused = superseded && attempt.is_superseded();
        let renews = attempt.renews.is_some() && attempt.renews == instance.renews(attempt.request.desired);
        let again = match &result {
            Err(failure) if still_wanted && !refused => {
                // Superseded by its own word, not ours: what it works on went away. It may come back, or something
                // newer does.
                let kind = if superseded { FailureKind::Transient } else { failure.kind };
                instance.transients += u32::from(kind == FailureKind::Transient);
                let (pace, number, transients) = (&self.env.pace, attempt.number, instance.transients);
                match renews {
                    true => retry::renewal(pace, kind, number, transients, instance.valid_for()),
                    false => retry::delay(pace, kind, number, transients),
                }
            }
            _ => None,
        };
        let phase = match &result {
            Ok(value) => Phase::Succeeded { value: Json::clone(value) },
            Err(failure) => Phase::Failed {
                failure: Failure::clone(failure),
                retry_at_ms: again.map(|pause| clock::now_ms() + pause.as_millis() as u64),
            },
        };
        self.env.events.emit(What::Job {
            job: attempt.job.clone(),
            op: instance.op.id(),
            summary: attempt.request.summary.to_string(),
            phase,
        });
        if let (Err(failure), true, false) = (&result, renews, refused) {
            instance.stale = Some(self.env.doubts.of(failure.clone()));
        }
        instance.state = match (result, again) {
            // Nobody's failure. If somebody wants it after all, it starts anew.
            _ if refused => State::Fresh,
            (Err(failure), Some(pause)) => {
                let env = self.env.clone();
                let timer = self.env.runtime.spawn(async move {
                    tokio::time::sleep(pause).await;
                    env.tell(generation, News::RetryDue).await;
                });
                State::Retrying {
                    job: attempt.job.clone(),
                    request: attempt.request.clone(),
                    attempt: attempt.number + 1,
                    failure,
                    due: Instant::now() + pause,
                    timer: Owned(timer),
                }
            }
            (Err(failure), None) if renews && let Some(latch) = instance.latch.take() => {
                let Latch { mut finished, check, .. } = *latch;
                if failure.kind == FailureKind::Cancelled {
                    // A person's no is for as long as the value would have been valid.
                    finished.found_at_ms = self.env.clock.now_ms();
                }
                match check {
                    None => State::Finished(finished),
                    // Nobody knows yet whether it stands.
                    Some(task) => State::Checking { stored: Box::new(finished), unknown: None, task },
                }
            }
            (result, _) => {
                let finished = attempt.finished(self.env.clock.now_ms(), result);
                // What came to nothing, and is not wanted any more, is in nobody's place.
                if still_wanted || finished.result.is_ok() {
                    instance.unlatch();
                }
                State::Finished(finished)
            }
        };
    }
}

impl Instance {
    /// Makes the result that is there again. Meanwhile it serves.
    fn renew(&mut self, priority: Priority) {
        let State::Finished(finished) = &self.state else { return };
        let (desired, finished) = (finished.desired, finished.clone());
        self.expiry = None;
        self.latch(finished);
        self.state = State::Wanted { desired, attempt: 1, priority };
    }
}
