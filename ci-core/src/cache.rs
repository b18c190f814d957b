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
//! 7. *It is made again although it is there:* its time is over, or a person asked. Meanwhile it serves. See [`latch`] and
//!    [`expiry`].
//! 8. *Nobody wants what a crash cut.* Publishers' attempts are gone on with at start, each by an instance that nobody
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
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::Clock;
use crate::current::Activity;
use crate::doubt::Doubts;
use crate::error::Failure;
use crate::event::{Events, Phase, What};
use crate::ids::{JobId, KeyDigest, OpId};
use crate::incr::Id;
use crate::job::Cancel;
use crate::log_rules::LogRules;
use crate::op::{Operation, Request};
use crate::pace::Pace;
use crate::pool::Priority;
use crate::secret::Secrets;
use crate::store::{JobFilter, OpenIntent, Store};

pub use self::commands::Refused;
pub(crate) use self::commands::Reply;
use self::foresight::Known;
pub use self::foresight::{Due, Foreseen, foresee_build, foresee_publish};
pub use self::guard::Guard;
use self::instance::{Attempt, Instance, Order, State, Wish};
use self::latch::{Latch, Old};
pub use self::live::{LiveJob, UnderWay};
pub(crate) use self::news::{Message, News};
pub use self::retry::{ATTEMPTS_MAX, RETRY_DELAY_MAX, RETRY_DELAY_MIN};
use self::want::{GivenUp, Lost};
pub(crate) use self::want::{Keep, Want};

mod attempt;
mod commands;
mod drift;
mod expiry;
mod foresight;
mod guard;
mod instance;
mod latch;
mod leave;
mod live;
mod news;
mod retry;
mod want;

/// See [`Pace::cancel_grace`].
pub(crate) const CANCEL_GRACE: Duration = Duration::from_secs(15);

/// What an operation's result is, as its nodes see it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// It has its value.
    Done(Arc<Json>),
    /// Not yet.
    Active(Activity),
    /// It has none.
    Failed(Arc<Failure>),
}

/// All instances of one engine. See the module's story.
#[derive(Debug)]
pub(crate) struct Cache {
    env: Arc<Env>,
    operations: Vec<Arc<dyn Operation>>,
    /// Each in a box: a table has room for twice as many as it holds.
    instances: HashMap<u64, Box<Instance>>,
    by_key: HashMap<(OpId, KeyDigest), u64>,
    next_generation: u64,
    /// The newest want's.
    newest_want: u64,
    given_up: GivenUp,
    /// Instances to look at when the step ends.
    touched: Vec<u64>,
    /// Nodes to look again.
    moved: Vec<Id>,
    /// The time in the newest job's id.
    newest_job_ms: u64,
    /// Records on their way to the disk, with somebody to be told.
    errands: JoinSet<()>,
    /// Who asked for a rebuild in this step, and of what.
    asked: Vec<(u64, Reply<Option<JobId>>)>,
    stopped: bool,
    /// One that was not at rest when that was last asked.
    restless: Option<u64>,
}

/// What attempts work with: shared, since many may wait.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) store: Store,
    pub(crate) events: Events,
    pub(crate) guard: Guard,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) mailbox: mpsc::Sender<Message>,
    /// What is on record goes by it, and how long it is valid.
    pub(crate) clock: Clock,
    pub(crate) pace: Pace,
    pub(crate) doubts: Doubts,
    pub(crate) secrets: Secrets,
    pub(crate) log_rules: LogRules,
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
            env: Arc::new(env),
            operations: Vec::new(),
            instances: HashMap::new(),
            by_key: HashMap::new(),
            next_generation: 0,
            newest_want: 0,
            given_up: GivenUp::default(),
            touched: Vec::new(),
            moved: Vec::new(),
            errands: JoinSet::new(),
            asked: Vec::new(),
            stopped: false,
            restless: None,
        }
    }

    /// Makes an operation known, so that attempts of it that a crash cut can be settled even if nobody wants them.
    pub(crate) fn register(&mut self, op: Arc<dyn Operation>) {
        self.operations.push(op);
    }

    /// Says that `node` wants what `request` asks for, and how long it uses a result. The answer is the newest
    /// [`Reading`]'s key; it starts to move when the step ends.
    pub(crate) fn want(
        &mut self,
        node: Id,
        op: &Arc<dyn Operation>,
        request: Request,
        valid_for: Option<Duration>,
    ) -> Want {
        let request = request.told(&self.env.secrets);
        let generation = self.instance(op, &request);
        self.newest_want += 1;
        let number = self.newest_want;
        if let Some(instance) = self.instances.get_mut(&generation) {
            // Contexts do not change the answer. The newest has the credentials that are good now.
            instance.op = op.clone();
            let is_first = instance.wishes.is_empty();
            instance.wishes.push(Wish { node, request: request.clone(), valid_for });
            if let State::Finished(stored) = &instance.state
                && stored.desired == request.desired
            {
                if is_first {
                    self.env.events.emit(stored.reused(instance.op.id()));
                } else if !self.given_up.is_of(generation) {
                    // It does not just change hands: somebody new comes to use what others have for long.
                    self.ask_again(generation, number);
                }
            }
        }
        self.touched.push(generation);
        Want { generation, node, request, number, given_up: self.given_up.clone() }
    }

    /// Whether the value of a builder still stands, for wants from this number on. What was published is watched.
    fn ask_again(&mut self, generation: u64, number: u64) {
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        let State::Finished(stored) = &instance.state else { return };
        let (Ok(value), false) = (&stored.result, instance.op.publishes()) else { return };
        let (op, request) = (instance.op.clone(), instance.desired.clone());
        let stored = stored.clone();
        let check = check(self.env.clone(), generation, op, request, stored.job.clone(), value.clone());
        let task = Owned(self.env.runtime.spawn(check));
        instance.latch = Some(Box::new(Latch::before(stored.clone(), number)));
        instance.state = State::Checking { stored: Box::new(stored), unknown: None, task };
    }

    /// What was published for `want` is looked after further, though nobody wants it for now: what comes before it has no
    /// value. `None`: nothing was.
    pub(crate) fn keep(&mut self, want: &Want) -> Option<Keep> {
        let instance =
            self.instances.get_mut(&want.generation).filter(|instance| instance.watch.is_some())?;
        instance.kept += 1;
        Some(Keep { generation: want.generation, given_up: self.given_up.clone() })
    }

    /// The instance of what `request` asks for, made if there is none.
    fn instance(&mut self, op: &Arc<dyn Operation>, request: &Request) -> u64 {
        *self.by_key.entry((op.id(), request.key)).or_insert_with(|| {
            self.next_generation += 1;
            let instance = Instance::new(op.clone(), request.clone());
            self.instances.insert(self.next_generation, Box::new(instance));
            self.next_generation
        })
    }

    /// What there is for `want` now.
    pub(crate) fn read(&self, want: &Want) -> Reading {
        match self.instances.get(&want.generation) {
            Some(instance) => instance.reading(want.number, want.request.desired),
            None => Reading::Active(Activity::Queued),
        }
    }

    /// How many instances there are.
    pub(crate) fn len(&self) -> usize {
        self.instances.len()
    }

    /// The newest job of an instance: see [`Want::instance`].
    pub(crate) fn job_of(&self, instance: u64) -> Option<JobId> {
        self.instances.get(&instance)?.job().cloned()
    }

    /// What an instance's place holds instead of what it was made to hold: see [`Want::instance`].
    pub(crate) fn drift_of(&self, instance: u64) -> Option<Arc<Failure>> {
        Some(self.instances.get(&instance)?.watch.as_ref()?.drift.as_ref()?.why.clone())
    }

    /// What goes on at an instance besides the result that it has: that is being made again. See [`Want::instance`].
    pub(crate) fn renewing(&self, instance: u64) -> Option<Activity> {
        self.instances.get(&instance)?.renewing()
    }

    /// Why the result that an instance has could not be made again, if that was tried. See [`Want::instance`].
    pub(crate) fn stale(&self, instance: u64) -> Option<Arc<Failure>> {
        self.instances.get(&instance)?.stale().cloned()
    }

    /// Ends a step: wants given up are counted down, then each instance that was touched does what is due. Returns
    /// the nodes that have to look again.
    pub(crate) fn settle(&mut self) -> Vec<Id> {
        let Lost { wants, keeps } = self.given_up.take();
        // One sweep for all that an instance loses.
        for (generation, mut lost) in wants {
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
        for generation in keeps {
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
        for (generation, reply) in std::mem::take(&mut self.asked) {
            let job = self.instances.get(&generation).and_then(|instance| match &instance.state {
                State::Active(attempt) => Some(attempt.job.clone()),
                _ => None,
            });
            commands::answer(reply, Ok(job));
        }
        std::mem::take(&mut self.moved)
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
        let (number, priority) = match &instance.state {
            State::Fresh => {
                let Some(due) = self.settle_from_store(generation) else {
                    self.moved_nodes(generation);
                    return;
                };
                (1, due.priority())
            }
            State::Wanted { desired, attempt, priority } if *desired == wanted.desired => {
                (*attempt, *priority)
            }
            State::Active(attempt) => {
                match attempt.request.desired == wanted.desired {
                    true => attempt.want(),
                    false => attempt.refuse(instance.op.auto_cancel(), "a newer value is wanted"),
                }
                return;
            }
            State::Checking { stored, .. } if stored.desired == wanted.desired => return,
            State::Finished(stored) if stored.desired == wanted.desired => {
                let stored = stored.clone();
                if let (Ok(value), None) = (&stored.result, &instance.watch)
                    && instance.op.publishes()
                {
                    let (op, value, of) = (instance.op.clone(), value.clone(), stored.clone());
                    let watch = drift::Watch::start(&self.env, generation, op, wanted, value, of);
                    instance.watch = Some(Box::new(watch));
                }
                instance.expire(&self.env, generation, &stored);
                return;
            }
            State::Retrying { request, .. } if request.desired == wanted.desired => return,
            State::Finished(stored) if instance.op.latched() => {
                let stored = stored.clone();
                instance.latch(stored);
                (1, Priority::default())
            }
            State::Wanted { .. } | State::Checking { .. } | State::Finished(_) | State::Retrying { .. } => {
                (1, Priority::default())
            }
        };
        self.queue(generation, wanted, number, Cancel::new(), priority);
        self.moved_nodes(generation);
    }

    /// Looks up what the store knows about a fresh instance. If that is not enough, tells why.
    fn settle_from_store(&mut self, generation: u64) -> Option<Due> {
        let instance = self.instances.get_mut(&generation)?;
        let (op, wanted) = (instance.op.clone(), instance.desired.clone());
        let (id, store) = (op.id(), &self.env.store);
        let known = foresight::known(
            store.open_intent(id.as_str(), &wanted.key),
            || store.result(id.as_str(), &wanted.key),
            &wanted,
            op.latched(),
        );
        match known {
            Known::Cut { open, is_wanted } => self.find_again(generation, open, is_wanted),
            Known::Nothing(due, old) => {
                if let (Some(old), false) = (old, instance.is_latched()) {
                    instance.latch = Some(Box::new(Latch::asked(&self.env, generation, &op, old)));
                }
                return Some(due);
            }
            Known::Failed(stored, _) => {
                self.env.events.emit(stored.reused(instance.op.id()));
                instance.expire(&self.env, generation, &stored);
                instance.state = State::Finished(stored);
            }
            Known::Value(stored, value, renewal) => {
                instance.stale = renewal.map(|failure| self.env.doubts.of(Arc::new(failure)));
                let check = check(self.env.clone(), generation, op, wanted, stored.job.clone(), value);
                let task = Owned(self.env.runtime.spawn(check));
                instance.state = State::Checking { stored: Box::new(stored), unknown: None, task };
            }
        }
        None
    }

    /// Starts an attempt in the queue.
    fn queue(&mut self, generation: u64, request: Request, number: u32, cancel: Cancel, priority: Priority) {
        let Some(instance) = self.instances.get_mut(&generation) else { return };
        if number == 1 {
            instance.transients = 0;
        }
        if !instance.op.latched()
            && instance.latch.as_ref().is_some_and(|latch| latch.finished.desired != request.desired)
        {
            // What it served for goes away now.
            instance.latch = None;
        }
        let renews = instance.renews(request.desired);
        if renews.is_none() {
            instance.stale = None;
        }
        // Nobody waits for what is to be like what there is.
        let has_value = instance.latch.as_ref().is_some_and(|latch| latch.is_a_value_in_use());
        let waits = priority != Priority::default() || !has_value;
        let priority = if waits { priority } else { Priority::Low };
        let now_ms = self.env.clock.now_ms();
        // Where jobs are listed, newest means last in the order of ids.
        self.newest_job_ms = now_ms.max(self.newest_job_ms + 1);
        let job = JobId::new(instance.op.id(), self.newest_job_ms, nonce());
        let start = attempt::Start::Queue;
        self.start(
            generation,
            Order {
                job,
                request,
                number,
                renews,
                queued_at_ms: now_ms,
                start,
                wanted: true,
                cancel,
                priority,
            },
        );
    }

    /// Goes on with an attempt that an earlier process began.
    fn find_again(&mut self, generation: u64, open: OpenIntent, wanted: bool) {
        let OpenIntent { intent, handle } = open;
        let request = instance::request_of(&intent).told(&self.env.secrets);
        if let Some(instance) = self.instances.get_mut(&generation).filter(|i| !i.is_latched()) {
            let stored = self.env.store.result(&intent.op, &intent.key);
            let old = stored.and_then(|stored| Old::of(&stored, &request, instance.op.latched()));
            let latch = |old| Box::new(Latch::asked(&self.env, generation, &instance.op, old));
            instance.latch = old.map(latch);
        }
        self.start(
            generation,
            Order {
                job: intent.job.clone(),
                request,
                number: intent.attempt,
                renews: intent.renews.clone(),
                queued_at_ms: intent.queued_at_ms,
                start: attempt::Start::Cut(handle),
                wanted,
                cancel: Cancel::new(),
                priority: Priority::default(),
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
        let attempt = Attempt::start(&self.env, generation, instance.op.clone(), order);
        instance.state = State::Active(Box::new(attempt));
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
            let request = instance::request_of(&open.intent).told(&self.env.secrets);
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

/// Asks whether the result of a job still stands, until that is known.
async fn check(
    env: Arc<Env>,
    generation: u64,
    op: Arc<dyn Operation>,
    wanted: Request,
    of: JobId,
    value: Arc<Json>,
) {
    for tries in 1.. {
        match foresight::stands(&*op, &wanted, &value).await {
            Ok(stands) => return env.tell(generation, News::Checked { of, stands }).await,
            Err(unknown) => {
                let pause = retry::endless(&env.pace, tries);
                let failure = Arc::new(Failure::from(&env.secrets.error(unknown)));
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
