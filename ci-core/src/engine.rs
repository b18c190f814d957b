//! The loop: news arrive → the graph is brought up to date → what fell out of use is released → people are told.
//!
//! One thread owns the graph, the cache and the monitors. Jobs and monitors are tasks of the runtime that was current
//! at [`Engine::start`]; they reach the thread through bounded mailboxes, which it drains in batches. One batch is one
//! step: consumers never see half of it.
//!
//! When it is stopped, the tasks are ended first, then the store is closed. A panic of the thread ends it in the same
//! way, but for waiting; [`Status`] says so, and [`Handle::ended`] returns.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, watch};

use crate::bindings::{Bindings, DEFAULT};
use crate::cache::{Cache, Env, Guard};
use crate::clock::Clock;
use crate::current::{Activity, Current, Lowering, Outcome, Pending, World};
use crate::doubt::Doubts;
use crate::error::{Failure, OpError, said_by};
use crate::event::{Event, Events};
use crate::incr::{Graph, Node, Stats};
use crate::level::Level;
use crate::log_rules::{LogRule, LogRules, RuleRefused};
use crate::monitor::Monitors;
use crate::pace::Pace;
use crate::secret::{Secret, Secrets, TooManySecrets};
use crate::store::{self, OpenError, Store};

use self::evaluation::Trace;
pub use self::evaluation::{Evaluation, Step};
use self::handle::Command;
pub use self::handle::{Handle, JobView, Status};
pub use self::node_state::{NodeKind, NodeState};
pub use self::owner::Owner;
use self::panicked::Panicked;
pub use self::snapshot::{
    AskedView, CollapseView, GroupKind, GroupView, MovedView, NodeName, NodeView, PlaceView, Snapshot,
    StageView,
};
pub use crate::current::NotLowered;

mod evaluation;
mod handle;
mod node_state;
mod owner;
mod panicked;
mod portrait;
mod side_files;
mod snapshot;

/// How many messages each mailbox holds before its senders wait.
const MAILBOX_MAX: usize = 1024;
/// How many messages one step takes in.
const BATCH_MAX: usize = 1024;
/// How often the graph and the cache may move each other within one step. Two or three rounds are normal; many more
/// would be a pipeline that feeds on itself, which combinators can't build.
const ROUNDS_MAX: usize = 1000;
/// How long the tasks may take to end when the engine is stopped. Only one that blocks its thread needs time.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// An engine that has not started: a store, and clients for the operations.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    bindings: Bindings,
    guard: Guard,
    pace: Pace,
    events: Events,
    trace: Trace,
    secrets: Secrets,
    log_rules: LogRules,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An operation needs a client that was not bound.
    #[error(transparent)]
    NotLowered(#[from] NotLowered),
    /// The system gave no thread.
    #[error("the engine's thread can't be started: {0}")]
    Thread(#[source] std::io::Error),
    /// Called outside a tokio runtime.
    #[error("the engine needs a tokio runtime: call it from within one")]
    NoRuntime,
}

/// Why [`Engine::run`] did not run until the process was told to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nothing ran.
    #[error(transparent)]
    NotStarted(#[from] StartError),
    /// The process can't be told to stop.
    #[error("signals can't be heard: {0}")]
    Deaf(#[source] std::io::Error),
    /// The engine has ended by itself.
    #[error("{0}")]
    Died(Pending),
}

impl Engine {
    /// Opens the state directory, making it if it is not there. Blocks while the store is read.
    ///
    /// # Errors
    ///
    /// When it can't be used: in use by another process, not writable, written by a newer program.
    pub fn open(state: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(state, store::Options::default())
    }

    /// [`Engine::open`], with a store that is kept in another way.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::open`].
    pub fn open_with(state: impl AsRef<Path>, options: store::Options) -> Result<Self, OpenError> {
        let store = Store::open_with(state.as_ref(), options)?;
        let mut bindings = Bindings::new();
        bindings.bind(
            DEFAULT,
            Owner::of(store.dir())
                .map_err(|error| OpenError::io(store.dir(), "read", &Owner::file(store.dir()), error))?,
        );
        bindings.bind(DEFAULT, Clock::default());
        let log_rules = LogRules::of(store.dir())
            .map_err(|error| OpenError::io(store.dir(), "read", &LogRules::file(store.dir()), error))?;
        let (guard, pace, secrets) = (Guard::new(None), Pace::default(), Secrets::default());
        bindings.bind(DEFAULT, secrets.clone());
        let events = Events::new(secrets.clone());
        Ok(Self { store, bindings, guard, pace, events, trace: Trace::default(), secrets, log_rules })
    }

    /// Binds a client that operations find by its type.
    #[must_use]
    pub fn with<C: std::any::Any + Send + Sync>(self, client: C) -> Self {
        self.with_named(DEFAULT, client)
    }

    /// Binds a further client of a type, under a name.
    #[must_use]
    pub fn with_named<C: std::any::Any + Send + Sync>(mut self, name: impl Into<String>, client: C) -> Self {
        self.bindings.bind(name, client);
        self
    }

    /// Masks a secret wherever text leaves the engine: in the logs of its jobs, in failures, and in events. One that is
    /// not given here is not masked, even if a client has it. Operations that a pipeline tells its name are given it, if its
    /// [scopes](Secret::only) let them.
    ///
    /// # Errors
    ///
    /// [`TooManySecrets`].
    pub fn with_secret(self, secret: &Secret) -> Result<Self, TooManySecrets> {
        self.secrets.add(secret)?;
        Ok(self)
    }

    /// What is masked. What is added to it later, while the engine runs, is masked from then on.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Lets jobs at or above `level` wait for a person.
    #[must_use]
    pub fn confirm(self, level: Option<Level>) -> Self {
        self.guard.set(level);
        self
    }

    /// Waits otherwise than a program does.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Adds rules that say, of a job that failed, what its log tells: see [`crate::log_rules`]. Of two with one pattern the
    /// last counts, but one that people added comes before both.
    ///
    /// # Errors
    ///
    /// When they are more than [`RULES_MAX`](crate::log_rules::RULES_MAX).
    pub fn with_log_rules(self, rules: impl IntoIterator<Item = LogRule>) -> Result<Self, RuleRefused> {
        self.log_rules.bring(rules)?;
        Ok(self)
    }

    /// Calls `trace` at the end of each step, on the engine's thread: the engine waits for it, and dies of its panic.
    #[must_use]
    pub fn traced(mut self, trace: impl FnMut(&Step<'_>) + Send + 'static) -> Self {
        self.trace = Trace::to(trace);
        self
    }

    /// Binds a client of a type under every name under which no other is bound, made when a pipeline asks for it: a test
    /// need not know what names there are.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_any<C: std::any::Any + Send + Sync>(
        mut self,
        make: impl Fn(&str) -> C + Send + Sync + 'static,
    ) -> Self {
        self.bindings.bind_any(make);
        self
    }

    /// Lets puppets stand in for all that touches the outside.
    #[cfg(feature = "testing")]
    pub(crate) fn played_by(mut self, puppets: crate::puppets::Puppets) -> Self {
        self.bindings.puppets = Some(puppets);
        self
    }

    /// Everything that will happen, from the start.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Where results are kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Starts `pipeline`, and returns at once. The engine runs until [`Handle::stop`], or until the last handle is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing runs then.
    pub fn start(self, pipeline: impl FnOnce() -> Current<()>) -> Result<Handle, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let secrets = self.secrets.clone();
        let (handle, run) = self.lowered(&runtime, pipeline())?;
        let thread = std::thread::Builder::new().name("ci-engine".to_owned());
        let run = move || {
            secrets.make_ready();
            runtime.block_on(run);
        };
        thread.spawn(run).map_err(StartError::Thread)?;
        Ok(handle)
    }

    /// The engine of `pipeline`, and its loop, which ends with it and never panics.
    pub(crate) fn lowered(
        self,
        runtime: &tokio::runtime::Handle,
        pipeline: Current<()>,
    ) -> Result<(Handle, impl Future<Output = ()> + Send + use<>), NotLowered> {
        let events = self.events;
        let (cache_mailbox, from_jobs) = mpsc::channel(MAILBOX_MAX);
        let (monitor_mailbox, from_monitors) = mpsc::channel(MAILBOX_MAX);
        let (commands, from_people) = mpsc::channel(MAILBOX_MAX);
        let doubts = Doubts::default();
        let clock: Clock = self.bindings.get(DEFAULT).expect("because every engine has one");
        let owner: Owner = self.bindings.get(DEFAULT).expect("because every engine has one");
        let env = Env {
            store: self.store.clone(),
            events: events.clone(),
            guard: self.guard.clone(),
            runtime: runtime.clone(),
            mailbox: cache_mailbox,
            clock,
            pace: self.pace,
            doubts: doubts.clone(),
            secrets: self.secrets.clone(),
            log_rules: self.log_rules.clone(),
        };
        let monitors =
            Monitors::new(events.clone(), runtime.clone(), monitor_mailbox, self.pace, doubts.clone());
        let world = World::new(Cache::new(env), monitors, doubts.clone(), self.bindings);
        let tally = world.tally.clone();
        let mut graph = Graph::new(world);
        let root = Lowering::new(&mut graph, None).lower(pipeline)?;
        let (status, statuses) =
            watch::channel(Status { outcome: Err(Pending::Active(Activity::Running)), doubts: 0, step: 0 });
        let evaluation = Arc::new(Mutex::new(Evaluation::default()));
        let guard = self.guard.clone();
        let running = Running {
            root,
            graph,
            store: self.store.clone(),
            log_rules: self.log_rules.clone(),
            status: status.clone(),
            doubts,
            evaluation: evaluation.clone(),
            trace: self.trace,
            abandoned: false,
            panicked: Panicked::default(),
            newest: None,
        };
        let done = Arc::new(watch::Sender::new(false));
        let finished = done.clone();
        let run = async move {
            let run = running.run(from_jobs, from_monitors, from_people);
            if let Err(panic) = AssertUnwindSafe(run).catch_unwind().await {
                let cause = said_by(&*panic);
                let bug = format!("the engine panicked and has stopped: this is a bug: {cause}");
                let bug =
                    OpError::infrastructure(bug).with_hint("start it again: what was running is found again");
                let failure = Pending::Failed(Arc::new(Failure::from(&bug)));
                status.send_modify(|status| status.outcome = Err(failure));
            }
            finished.send_replace(true);
        };
        let (store, log_rules) = (self.store, self.log_rules);
        let status = statuses;
        let handle =
            Handle { commands, events, status, tally, evaluation, done, store, owner, guard, log_rules };
        Ok((handle, run))
    }

    /// Starts `pipeline` and runs it until the process is told to stop, by Ctrl-C or SIGTERM. What was running then is
    /// found again by the next start: see [`Handle::stop`].
    ///
    /// # Errors
    ///
    /// [`RunError`]: it did not start, or has ended by itself. A program should end then, too.
    pub async fn run(self, pipeline: impl FnOnce() -> Current<()>) -> Result<(), RunError> {
        // Heard from the first moment: a signal during the start is not lost.
        let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Deaf)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Deaf)?;
        let handle = self.start(pipeline)?;
        let died = tokio::select! {
            () = handle.ended() => handle.status().borrow().outcome.clone().err(),
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
        };
        handle.stop().await;
        died.map_or(Ok(()), |cause| Err(RunError::Died(cause)))
    }
}

struct Running {
    root: Node<Outcome<()>>,
    graph: Graph<World>,
    store: Store,
    log_rules: LogRules,
    status: watch::Sender<Status>,
    doubts: Doubts,
    evaluation: Arc<Mutex<Evaluation>>,
    trace: Trace,
    /// Builders' attempts that a crash cut and that nobody wants were settled.
    abandoned: bool,
    /// Nodes that panicked when they ran last: their values are old, if they have any.
    panicked: Panicked,
    /// What was seen of this step, if anybody looked.
    newest: Option<Arc<Snapshot>>,
}

impl Running {
    async fn run(
        mut self,
        mut from_jobs: mpsc::Receiver<crate::cache::Message>,
        mut from_monitors: mpsc::Receiver<crate::monitor::Message>,
        mut from_people: mpsc::Receiver<Command>,
    ) {
        let (mut jobs, mut reads, mut set) = (Vec::new(), Vec::new(), Vec::new());
        let wake = self.graph.world().wake.clone();
        let mut moved = true;
        self.graph.world_mut().cache.settle_half_made();
        loop {
            if moved {
                self.step_once();
            }
            moved = tokio::select! {
                _ = from_jobs.recv_many(&mut jobs, BATCH_MAX) => false,
                _ = from_monitors.recv_many(&mut reads, BATCH_MAX) => false,
                () = wake.woken() => false,
                command = from_people.recv() => match command {
                    Some(Command::Stop) | None => break,
                    Some(command) => self.obey(command),
                },
            };
            while reads.len() < BATCH_MAX
                && let Ok(read) = from_monitors.try_recv()
            {
                reads.push(read);
            }
            while jobs.len() < BATCH_MAX
                && let Ok(job) = from_jobs.try_recv()
            {
                jobs.push(job);
            }
            wake.take(&mut set);
            moved |= !jobs.is_empty() || !reads.is_empty() || !set.is_empty();
            for node in set.drain(..) {
                self.graph.invalidate(node);
            }
            for message in jobs.drain(..) {
                self.graph.world_mut().cache.hear(message);
            }
            for message in reads.drain(..) {
                for node in self.graph.world_mut().monitors.hear(message) {
                    self.graph.invalidate(node);
                }
            }
        }
        let Self { mut graph, store, log_rules, .. } = self;
        graph.world_mut().monitors.stop();
        graph.world_mut().cache.stop();
        drop(graph);
        // Each task holds a mailbox: they are closed when the last task is gone.
        let gone = async {
            while from_jobs.recv().await.is_some() {}
            while from_monitors.recv().await.is_some() {}
        };
        if tokio::time::timeout(STOP_GRACE, gone).await.is_err() {
            tracing::warn!("some work does not end: it is left behind");
        }
        log_rules.close();
        store.close();
    }

    /// One step: to quiescence, or to the bound.
    fn step_once(&mut self) {
        self.newest = None;
        let began = Instant::now();
        let mut step = Evaluation { steps: 1, ..Evaluation::default() };
        let mut settled = false;
        for _ in 0..ROUNDS_MAX {
            let stats = self.graph.propagate();
            log(&self.graph, &stats);
            self.panicked.after(&self.graph, &stats, &self.doubts);
            step.recomputed += stats.recomputed;
            step.changed += stats.changed;
            let world = self.graph.world_mut();
            world.monitors.settle();
            let moved = world.cache.settle();
            if moved.is_empty() {
                settled = true;
                break;
            }
            for node in moved {
                self.graph.invalidate(node);
            }
        }
        if !settled {
            tracing::error!("the pipeline feeds on itself: it goes on moving, though nothing outside does");
        }
        let world = self.graph.world_mut();
        if !self.abandoned && world.monitors.all_read() && world.cache.is_at_rest() {
            self.abandoned = true;
            world.cache.abandon_unwanted();
        }
        let outcome = match self.graph.get(self.root) {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(reason.what.clone()),
            None => Err(match self.panicked.first() {
                Some(why) => Pending::Failed(why.clone()),
                None => Pending::Active(Activity::Queued),
            }),
        };
        step.time = began.elapsed();
        let evaluation = {
            let mut all = self.evaluation.lock().unwrap_or_else(PoisonError::into_inner);
            all.add(step);
            *all
        };
        let status = Status { outcome, doubts: self.doubts.count(), step: evaluation.steps };
        if self.status.borrow().outcome != status.outcome {
            match &status.outcome {
                Ok(()) => tracing::info!("Result: ok"),
                Err(why) => tracing::info!("Result: {why}"),
            }
        }
        self.trace.call(&Step { status: &status, evaluation, cache: &self.graph.world().cache });
        self.status.send_replace(status);
    }

    /// Does what people ask. Tells whether anything may have moved by that: who only looks moves nothing, or who looks
    /// at each step would never stop.
    fn obey(&mut self, command: Command) -> bool {
        let cache = &mut self.graph.world_mut().cache;
        // Who asked may have gone.
        match command {
            Command::Live(reply) => _ = reply.send(cache.live()),
            Command::UnderWay { job, reply } => _ = reply.send(cache.asked_of(&job)),
            Command::Pools(reply) => _ = reply.send(cache.pools()),
            Command::Stages(reply) => _ = reply.send(portrait::stages(&self.graph, &self.panicked)),
            Command::Follow { job, offset, reply } => _ = reply.send(cache.follow(&job, offset)),
            Command::Snapshot(reply) => {
                let step = self.status.borrow().step;
                let take = || Arc::new(portrait::snapshot(&self.graph, &self.panicked, step));
                _ = reply.send(self.newest.get_or_insert_with(take).clone())
            }
            Command::Approve { job, by, reply } => cache.approve(&job, &by, reply),
            Command::Rebuild { job, serves, by, reply } => cache.rebuild(&job, serves, &by, reply),
            Command::Cancel { job, by, reply } => {
                _ = reply.send(cache.cancel(&job, &by));
                return true;
            }
            Command::Stop => {}
        }
        false
    }
}

/// Says what a programmer should know of a propagation.
fn log(graph: &Graph<World>, stats: &Stats) {
    for (node, message) in &stats.panicked {
        tracing::error!(?node, %message, "a node of the engine panicked: this is a bug");
    }
    for (node, took) in &stats.slow {
        let node = portrait::called(graph, *node);
        tracing::warn!("{node} took {took:.1?} of the engine's thread: what is slow belongs in an operation");
    }
}
