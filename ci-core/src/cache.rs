//! Which operations run, and when.
//!
//! There is one [`Instance`] for each (operation, key) that somebody wants. It lives on the engine's thread, and is
//! moved by requests from the graph and by messages from the tasks that do the work. Its story:
//!
//! 1. *Somebody wants it.* If the store holds an attempt that a crash cut, that attempt is found again first and
//!    brought to its end, whatever is wanted now. If the store holds a result for the value wanted, it is asked
//!    whether it still stands (*checking*; for as long as that can't be known), and then used: nothing runs. Otherwise
//!    an attempt starts.
//! 2. *Active.* One attempt at a time. It waits for confirmation, then for a slot, writes down its intent, runs, and
//!    writes down its outcome; only then is anybody told. See [`attempt`].
//! 3. *It ended, but another value is wanted by now.* What it found out, success or failure, is in the store; the
//!    newest value is started next, those in between never. An attempt that waits in the queue, for a person or for a
//!    slot, has touched nothing: it makes way at once.
//! 4. *It failed* in a way that may pass: another attempt follows after a back-off (*retrying*), up to
//!    [`ATTEMPTS_MAX`] for transient failures and without end, at [`RETRY_DELAY_MAX`] apart, while the machinery is
//!    down, since then nothing was tried. A publisher that left the world half-made has not ended: see [`attempt`].
//! 5. *Nobody wants it any more.* An instance at rest is forgotten; the store still knows. An active builder is
//!    stopped, if it says so, and nothing is recorded but that; an active publisher runs on to its end.
//! 6. *What was published is watched* for as long as it is wanted: what somebody else made of it is told, not undone. See
//!    [`drift`].
//! 7. *Nobody wants what a crash cut.* Publishers' attempts are gone on with at start, each by an instance that nobody
//!    wants yet: a half-made change is not left so while something newer is built. Builders' are given up when all that
//!    is wanted has been asked for and is at rest.
//!
//! Races, and what was decided. A stage that is dropped and wanted again in one step of the engine is neither: wants
//! are counted up at once and down after the step. Two nodes that want different values under one key at the end of a
//! step both fail, and nothing is started. A message from a task of a forgotten instance carries a generation that no
//! instance has, and is dropped. Somebody wants again what was just told to stop: it starts anew when the old attempt
//! has ended. Whether an attempt had begun when it was refused is agreed on in [`leave`]. What people ask is answered
//! when it is durable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::clock;
use crate::doubt::Doubts;
use crate::error::{Failure, FailureKind};
use crate::event::{Events, Phase, What};
use crate::ids::{JobId, KeyDigest, OpId};
use crate::incr::Id;
use crate::job::Cancel;
use crate::op::{Operation, Request};
use crate::pace::Pace;
use crate::store::{JobFilter, OpenIntent, Store};

pub use self::commands::Refused;
pub(crate) use self::commands::Reply;
use self::foresight::Known;
pub use self::foresight::{Due, Foreseen, foresee_build, foresee_publish};
pub use self::guard::Guard;
use self::instance::{Attempt, Instance, Order, State, Wish};
pub use self::live::{LiveJob, UnderWay};
pub use self::retry::{ATTEMPTS_MAX, RETRY_DELAY_MAX, RETRY_DELAY_MIN};

mod attempt;
mod commands;
mod drift;
mod foresight;
mod guard;
mod instance;
mod leave;
mod live;
mod retry;

/// See [`Pace::cancel_grace`].
pub(crate) const CANCEL_GRACE: Duration = Duration::from_secs(15);

/// What the tasks tell the engine's thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// To an instance.
    Of { generation: u64, news: News },
    /// The stored result of a key does not count any more, durably.
    Invalidated { op: String, key: KeyDigest },
}

#[derive(Debug)]
pub(crate) enum News {
    Checked { stands: bool },
    Unchecked { failure: Arc<Failure>, pause: Duration },
    Moved(Phase),
    Ended(Result<Arc<Json>, Arc<Failure>>),
    RetryDue,
    Drifted(Option<Arc<Failure>>),
}

/// What an operation's result is, as its nodes see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// It has its value.
    Done(Arc<Json>),
    /// Not yet.
    Active(crate::current::Activity),
    /// It has none.
    Failed(Arc<Failure>),
}

/// Names an instance in [`Cache::want`]' answer. Dropping it says that the node no longer wants it; that takes effect
/// after the step.
#[derive(Debug)]
pub(crate) struct Want {
    generation: u64,
    node: Id,
    desired: KeyDigest,
    key: KeyDigest,
    released: Arc<Mutex<Vec<(u64, Id, KeyDigest)>>>,
}

impl Want {
    /// Which instance it is of.
    pub(crate) fn instance(&self) -> u64 {
        self.generation
    }

    /// Whether it is what `request` asks for.
    pub(crate) fn is_for(&self, request: &Request) -> bool {
        self.key == request.key && self.desired == request.desired
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        let released = (self.generation, self.node, self.desired);
        self.released.lock().unwrap_or_else(PoisonError::into_inner).push(released);
    }
}

/// Says that what was published is to be watched further. Dropping it says that it is not; see [`Cache::keep`].
#[derive(Debug)]
pub(crate) struct Keep {
    generation: u64,
    released: Arc<Mutex<Vec<u64>>>,
}

impl Keep {
    /// Which instance it is of.
    pub(crate) fn instance(&self) -> u64 {
        self.generation
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        self.released.lock().unwrap_or_else(PoisonError::into_inner).push(self.generation);
    }
}

/// All instances of one engine. See the module's story.
#[derive(Debug)]
pub(crate) struct Cache {
    env: Env,
    operations: Vec<Arc<dyn Operation>>,
    instances: HashMap<u64, Instance>,
    by_key: HashMap<(OpId, KeyDigest), u64>,
    next_generation: u64,
    released: Arc<Mutex<Vec<(u64, Id, KeyDigest)>>>,
    /// Of dropped [`Keep`]s.
    let_go: Arc<Mutex<Vec<u64>>>,
    /// Instances to look at when the step ends.
    touched: Vec<u64>,
    /// Nodes to look again.
    moved: Vec<Id>,
    /// The time in the newest job's id.
    newest_job_ms: u64,
    /// Records on their way to the disk, with somebody to be told.
    errands: JoinSet<()>,
    stopped: bool,
    /// One that was not at rest when that was last asked.
    restless: Option<u64>,
}

/// What attempts work with.
#[derive(Clone, Debug)]
pub(crate) struct Env {
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) guard: Guard,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) mailbox: mpsc::Sender<Message>,
    pub(crate) pace: Pace,
    pub(crate) doubts: Doubts,
}

impl Env {
    async fn tell(&self, generation: u64, news: News) {
        // The engine is gone: so is everybody who could be told.
        let _ = self.mailbox.send(Message::Of { generation, news }).await;
    }
}

impl std::fmt::Debug for dyn Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Operation({})", self.id())
    }
}

impl Cache {
    pub(crate) fn new(env: Env) -> Self {
        let newest = env.store.jobs(&JobFilter::default(), 1);
        Self {
            newest_job_ms: newest.first().and_then(|job| job.intent.job.at_ms()).unwrap_or_default(),
            env,
            operations: Vec::new(),
            instances: HashMap::new(),
            by_key: HashMap::new(),
            next_generation: 0,
            released: Arc::default(),
            let_go: Arc::default(),
            touched: Vec::new(),
            moved: Vec::new(),
            errands: JoinSet::new(),
            stopped: false,
            restless: None,
        }
    }

    /// Makes an operation known, so that attempts of it that a crash cut can be settled even if nobody wants them.
    pub(crate) fn register(&mut self, op: Arc<dyn Operation>) {
        self.operations.push(op);
    }

    /// Says that `node` wants what `request` asks for. The answer is the newest [`Reading`]'s key; it starts to move
    /// when the step ends.
    pub(crate) fn want(&mut self, node: Id, op: &Arc<dyn Operation>, request: Request) -> Want {
        let generation = self.instance(op, &request);
        let want = Want {
            generation,
            node,
            desired: request.desired,
            key: request.key,
            released: self.released.clone(),
        };
        if let Some(instance) = self.instances.get_mut(&generation) {
            if instance.wishes.is_empty()
                && let State::Finished(stored) = &instance.state
                && stored.desired == want.desired
            {
                self.env.events.emit(stored.reused(instance.op.id()));
            }
            instance.wishes.push(Wish { node, request });
        }
        self.touched.push(generation);
        want
    }

    /// What was published for `want` is looked after further, though nobody wants it for now: what comes before it has no
    /// value. `None`: nothing was.
    pub(crate) fn keep(&mut self, want: &Want) -> Option<Keep> {
        let instance =
            self.instances.get_mut(&want.generation).filter(|instance| instance.watch.is_some())?;
        instance.kept += 1;
        Some(Keep { generation: want.generation, released: self.let_go.clone() })
    }

    /// The instance of what `request` asks for, made if there is none.
    fn instance(&mut self, op: &Arc<dyn Operation>, request: &Request) -> u64 {
        *self.by_key.entry((op.id(), request.key)).or_insert_with(|| {
            self.next_generation += 1;
            self.instances.insert(self.next_generation, Instance::new(op.clone(), request.clone()));
            self.next_generation
        })
    }

    /// What there is for `want` now.
    pub(crate) fn read(&self, want: &Want) -> Reading {
        match self.instances.get(&want.generation) {
            Some(instance) => instance.reading(want.desired),
            None => Reading::Active(crate::current::Activity::Queued),
        }
    }

    /// The newest job of an instance: see [`Want::instance`].
    pub(crate) fn job_of(&self, instance: u64) -> Option<JobId> {
        self.instances.get(&instance)?.job().cloned()
    }

    /// What an instance's place holds instead of what it was made to hold: see [`Want::instance`].
    pub(crate) fn drift_of(&self, instance: u64) -> Option<Arc<Failure>> {
        Some(self.instances.get(&instance)?.watch.as_ref()?.drift.as_ref()?.why.clone())
    }

    /// Ends a step: wants given up are counted down, then each instance that was touched does what is due. Returns
    /// the nodes that have to look again.
    pub(crate) fn settle(&mut self) -> Vec<Id> {
        let released = std::mem::take(&mut *self.released.lock().unwrap_or_else(PoisonError::into_inner));
        // One sweep for all that an instance loses: many may let go of one together.
        let mut lost: HashMap<u64, HashMap<(Id, KeyDigest), usize>> = HashMap::new();
        for (generation, node, desired) in released {
            *lost.entry(generation).or_default().entry((node, desired)).or_default() += 1;
        }
        for (generation, mut lost) in lost {
            if let Some(instance) = self.instances.get_mut(&generation) {
                instance.wishes.retain(|wish| match lost.get_mut(&(wish.node, wish.request.desired)) {
                    Some(left @ 1..) => {
                        *left -= 1;
                        false
                    }
                    _ => true,
                });
                self.touched.push(generation);
            }
        }
        for generation in std::mem::take(&mut *self.let_go.lock().unwrap_or_else(PoisonError::into_inner)) {
            if let Some(instance) = self.instances.get_mut(&generation) {
                instance.kept -= 1;
                self.touched.push(generation);
            }
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for generation in touched {
            self.advance(generation);
        }
        std::mem::take(&mut self.moved)
    }

    /// Takes in what a task told. What is due follows in [`Cache::settle`].
    pub(crate) fn hear(&mut self, message: Message) {
        let (generation, news) = match message {
            Message::Of { generation, news } => (generation, news),
            Message::Invalidated { op, key } => return self.invalidated(&op, key),
        };
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        match (news, &mut instance.state) {
            (News::Checked { stands }, State::Checking { stored, .. }) => {
                instance.state = match stands {
                    true => {
                        self.env.events.emit(stored.reused(instance.op.id()));
                        State::Finished(stored.clone())
                    }
                    false => State::Wanted { desired: stored.desired, attempt: 1 },
                };
            }
            (News::Unchecked { failure, pause }, State::Checking { stored, unknown, .. }) => {
                self.env.events.emit(What::Job {
                    job: stored.job.clone(),
                    op: instance.op.id(),
                    summary: stored.summary.clone(),
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
                instance.state = State::Wanted { desired: request.desired, attempt: *attempt };
            }
            (News::Drifted(drift), _) => {
                let Some(watch) = &mut instance.watch else { return };
                self.env.events.emit(What::Drift {
                    op: instance.op.id(),
                    summary: watch.of.summary.clone(),
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
    fn invalidated(&mut self, op: &str, key: KeyDigest) {
        let Some(generation) = self.generation_of(op, key) else { return };
        if let Some(instance) = self.instances.get_mut(&generation)
            && !matches!(instance.state, State::Active(_))
        {
            instance.state = State::Fresh;
            instance.watch = None;
            self.touched.push(generation);
            self.moved_nodes(generation);
        }
    }

    fn generation_of(&self, op: &str, key: KeyDigest) -> Option<u64> {
        self.by_key
            .iter()
            .find(|((id, k), _)| id.as_str() == op && *k == key)
            .map(|(_, generation)| *generation)
    }

    fn moved_nodes(&mut self, generation: u64) {
        if let Some(instance) = self.instances.get(&generation) {
            self.moved.extend(instance.wishes.iter().map(|wish| wish.node));
        }
    }

    fn ended(&mut self, generation: u64, result: Result<Arc<Json>, Arc<Failure>>) {
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        let State::Active(attempt) = &instance.state else { return };
        let still_wanted = instance.wishes.iter().any(|w| w.request.desired == attempt.request.desired);
        let superseded = matches!(&result, Err(f) if f.kind == FailureKind::Superseded);
        let refused = superseded && attempt.is_superseded();
        let again = match &result {
            Err(failure) if still_wanted && !refused => {
                // Superseded by its own word, not ours: what it works on went away. It may come back, or something
                // newer does.
                let kind = if superseded { FailureKind::Transient } else { failure.kind };
                instance.transients += u32::from(kind == FailureKind::Transient);
                retry::delay(&self.env.pace, kind, attempt.number, instance.transients)
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
            (result, _) => State::Finished(attempt.finished(result)),
        };
    }

    /// Does what is due for one instance, if anything is.
    fn advance(&mut self, generation: u64) {
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        let Some(wanted) = instance.wishes.last().map(|wish| wish.request.clone()) else {
            match &instance.state {
                State::Active(attempt) => {
                    attempt.refuse(instance.op.auto_cancel(), "nobody needs the result any more")
                }
                _ if 0 < instance.kept && instance.watch.is_some() => {}
                _ => {
                    self.by_key.remove(&(instance.op.id(), instance.key()));
                    self.instances.remove(&generation);
                }
            }
            return;
        };
        let conflict = instance.wishes.iter().any(|wish| wish.request.desired != wanted.desired);
        if conflict || instance.conflict {
            instance.conflict = conflict;
            self.moved.extend(instance.wishes.iter().map(|wish| wish.node));
        }
        if conflict || self.stopped {
            return;
        }
        instance.desired = wanted.clone();
        let number = match &instance.state {
            State::Fresh => {
                if self.settle_from_store(generation) {
                    self.moved_nodes(generation);
                    return;
                }
                1
            }
            State::Wanted { desired, attempt } if *desired == wanted.desired => *attempt,
            State::Active(attempt) => {
                match attempt.request.desired == wanted.desired {
                    true => attempt.want(),
                    false => attempt.refuse(instance.op.auto_cancel(), "a newer value is wanted"),
                }
                return;
            }
            State::Checking { stored, .. } if stored.desired == wanted.desired => return,
            State::Finished(stored) if stored.desired == wanted.desired => {
                if let (Ok(value), None) = (&stored.result, &instance.watch)
                    && instance.op.publishes()
                {
                    let (op, value) = (instance.op.clone(), value.clone());
                    let of = stored.clone();
                    instance.watch = Some(drift::Watch::start(&self.env, generation, op, wanted, value, of));
                }
                return;
            }
            State::Retrying { request, .. } if request.desired == wanted.desired => return,
            State::Wanted { .. } | State::Checking { .. } | State::Finished(_) | State::Retrying { .. } => 1,
        };
        self.queue(generation, wanted, number, Cancel::new());
        self.moved_nodes(generation);
    }

    /// Looks up what the store knows about a fresh instance. Returns whether that is enough for now.
    fn settle_from_store(&mut self, generation: u64) -> bool {
        let Some(instance) = self.instances.get_mut(&generation) else { return true };
        let (op, wanted) = (instance.op.clone(), instance.desired.clone());
        let (id, store) = (op.id(), &self.env.store);
        let known = foresight::known(
            store.open_intent(id.as_str(), &wanted.key),
            || store.result(id.as_str(), &wanted.key),
            &wanted,
        );
        match known {
            Known::Cut { open, is_wanted } => self.find_again(generation, open, is_wanted),
            Known::Nothing(_) => return false,
            Known::Failed(stored, _) => {
                self.env.events.emit(stored.reused(instance.op.id()));
                instance.state = State::Finished(stored);
            }
            Known::Value(stored, value) => {
                let check = check(self.env.clone(), generation, op, wanted, value);
                let task = self.env.runtime.spawn(check);
                instance.state = State::Checking { stored, unknown: None, task: Owned(task) };
            }
        }
        true
    }

    /// Starts an attempt in the queue.
    fn queue(&mut self, generation: u64, request: Request, number: u32, cancel: Cancel) {
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        if number == 1 {
            instance.transients = 0;
        }
        let now_ms = clock::now_ms();
        // Where jobs are listed, newest means last in the order of ids.
        self.newest_job_ms = now_ms.max(self.newest_job_ms + 1);
        let job = JobId::new(instance.op.id(), self.newest_job_ms, nonce());
        let start = attempt::Start::Queue;
        self.start(
            generation,
            Order { job, request, number, queued_at_ms: now_ms, start, wanted: true, cancel },
        );
    }

    /// Goes on with an attempt that an earlier process began.
    fn find_again(&mut self, generation: u64, open: OpenIntent, wanted: bool) {
        let OpenIntent { intent, handle } = open;
        self.start(
            generation,
            Order {
                job: intent.job.clone(),
                request: instance::request_of(&intent),
                number: intent.attempt,
                queued_at_ms: intent.queued_at_ms,
                start: attempt::Start::Cut(handle),
                wanted,
                cancel: Cancel::new(),
            },
        );
    }

    fn start(&mut self, generation: u64, order: Order) {
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        self.env.events.emit(What::Job {
            job: order.job.clone(),
            op: instance.op.id(),
            summary: order.request.summary.to_string(),
            phase: Phase::Queued,
        });
        instance.state = State::Active(Attempt::start(&self.env, generation, instance.op.clone(), order));
    }

    /// Goes on with the publishers' attempts that a crash cut, whether anybody wants them or not: a half-made change is
    /// not left so while what is wanted now is built. Called once, at start.
    pub(crate) fn settle_half_made(&mut self) {
        // Without a note nothing was touched.
        self.settle_cut(|op, cut| op.is_continued() && cut.handle.is_some());
    }

    /// Settles the other attempts that a crash cut and that nobody wants: what they left on the outside is removed.
    /// Called once, when everything that is wanted has been asked for.
    pub(crate) fn abandon_unwanted(&mut self) {
        self.settle_cut(|_, _| true);
    }

    fn settle_cut(&mut self, which: impl Fn(&dyn Operation, &OpenIntent) -> bool) {
        for open in self.env.store.open_intents() {
            if self.generation_of(&open.intent.op, open.intent.key).is_some() {
                continue;
            }
            let request = instance::request_of(&open.intent);
            let serves = |op: &&Arc<dyn Operation>| {
                let serves = std::panic::AssertUnwindSafe(|| op.serves(&request));
                op.id().as_str() == open.intent.op && std::panic::catch_unwind(serves).unwrap_or(false)
            };
            if let Some(op) = self.operations.iter().find(serves).filter(|op| which(&***op, &open)).cloned() {
                let generation = self.instance(&op, &request);
                self.find_again(generation, open, false);
            } else if !self.operations.iter().any(|op| serves(&op)) {
                tracing::warn!(
                    job = %open.intent.job,
                    "a restart cut {} {}, which the pipeline has no more: see yourself how it was left",
                    open.intent.op,
                    open.intent.summary
                );
            }
        }
    }

    /// Whether nothing more is wanted unless something outside changes: attempts that are under way, or looked for,
    /// may still lead to wants of what a crash cut.
    pub(crate) fn is_at_rest(&mut self) -> bool {
        // One that was not the last time is looked at first: in a busy engine that is all.
        if self.restless.and_then(|one| self.instances.get(&one)).is_some_and(|one| !one.is_at_rest()) {
            return false;
        }
        let restless = self.instances.iter().find(|(_, instance)| !instance.is_at_rest());
        self.restless = restless.map(|(generation, _)| *generation);
        self.restless.is_none()
    }

    /// Starts nothing more, and ends every task where it is. Nothing is recorded: what was running is found again by
    /// the next process, as after a crash.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.errands.abort_all();
        self.instances.clear();
        self.by_key.clear();
    }
}

/// Asks whether a stored result still stands, until that is known.
async fn check(env: Env, generation: u64, op: Arc<dyn Operation>, wanted: Request, value: Arc<Json>) {
    for tries in 1.. {
        match foresight::stands(&*op, &wanted, &value).await {
            Ok(stands) => return env.tell(generation, News::Checked { stands }).await,
            Err(unknown) => {
                let pause = retry::endless(&env.pace, tries);
                let failure = Arc::new(Failure::from(&unknown));
                env.tell(generation, News::Unchecked { failure, pause }).await;
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// A task that ends with its owner.
#[derive(Debug)]
pub(crate) struct Owned(pub(crate) JoinHandle<()>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Random bits, from the keys that the system gives to hash maps. Good for names, not for secrets.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

fn nonce() -> u32 {
    random() as u32
}
