//! Pipelines under test: driven step by step, with a clock that the test turns.
//!
//! [`drive`] runs a pipeline on an engine as it is, but nothing outside is touched. Operations do not run: each waits
//! until the test says what comes of it. Monitors read what the test says they read. Time stands still until the test
//! lets it pass; it is [midnight](BEGIN_MS). All runs on the thread of the test, and each call returns when nothing more happens by itself; so a test
//! is an ordinary function, takes milliseconds, and comes out the same each time.
//!
//! ```
//! # mod words { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/words.rs")); }
//! # use words::{build, deploy, head};
//! use std::time::Duration;
//!
//! use ci_core::{Current, OpError, testing};
//!
//! fn pipeline() -> Current<()> {
//!     let image = build(&head("site"));
//!     deploy("site_web", &image)
//! }
//!
//! let mut t = testing::drive(pipeline);
//! t.reads("head of site", "1a2b3c4".to_owned());
//! assert_eq!(t.asked(), ["build site@1a2b3c4"]);
//! assert_eq!(t.state("site_web"), "waiting for build");
//!
//! t.fails("build", OpError::transient("the registry hung up"));
//! assert_eq!(t.state("build"), "retrying");
//! t.advances(Duration::from_secs(1));
//! t.completes("build", "image:7");
//! assert_eq!(t.asked(), ["update site_web (image:7)"]);
//!
//! t.fails("site_web", OpError::permanent("2 of 3 tasks are unhealthy"));
//! assert_eq!(t.state("site_web"), "failed: 2 of 3 tasks are unhealthy");
//! assert_eq!(t.trace(), ["build site@1a2b3c4", "build site@1a2b3c4", "update site_web (image:7)"]);
//! ```
//!
//! # Names
//!
//! A thing is called by its label (`build`), or by what it does (`build site@1a2b3c4`), or by words of either, where
//! only one thing is meant. What is not there, or could be several, fails the test and lists what there is.
//!
//! # Leftovers
//!
//! At its end, a test has to have answered all that began: an operation that runs, or a monitor that is read for the
//! first time, fails the test when it is dropped, unless [`Driven::leaves`] says that it may be left.
//!
//! # Panics
//!
//! All methods do, when what they expect is not so: that is how a test fails.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;

use self::clockwork::Clockwork;
use self::names::{Named, called, listed};
use crate::cache::Refused;
use crate::current::{Counts, Current, Input, Value};
use crate::engine::{Engine, Handle, NodeState, NodeView, Snapshot, StageView};
use crate::error::{Failure, OpError};
use crate::ids::JobId;
use crate::level::Level;
use crate::pace::Pace;
use crate::puppets::{self, Puppets};
use crate::store::{Disk, Options};

mod clockwork;
mod names;

/// What time it is when a test begins: midnight UTC, 1st January 2026. Milliseconds since the Unix epoch.
pub const BEGIN_MS: u64 = 1_767_225_600_000;

/// Runs `pipeline` until it waits for the test.
///
/// # Panics
///
/// When it can't be lowered, since an operation needs a client: see [`drive_with`].
#[track_caller]
pub fn drive(pipeline: impl FnOnce() -> Current<()>) -> Driven {
    drive_with(|engine| engine, pipeline)
}

/// [`drive`], on an engine that is fitted out: with the clients that operations are made of, though they are not used,
/// or with a level from which jobs wait for confirmation.
///
/// ```
/// # mod words { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/words.rs")); }
/// # use words::{build, head};
/// use ci_core::{Level, testing};
///
/// let guarded = |engine: ci_core::Engine| engine.confirm(Some(Level::Average));
/// let mut t = testing::drive_with(guarded, || build(&head("site")).ignore());
/// t.reads("head of site", "1a2b3c4".to_owned());
/// assert_eq!(t.state("build"), "waiting for confirmation");
/// t.approves("build");
/// t.completes("build", "image:7");
/// assert_eq!(t.outcome(), "ok");
/// ```
#[track_caller]
pub fn drive_with(
    outfit: impl Fn(Engine) -> Engine + 'static,
    pipeline: impl FnOnce() -> Current<()>,
) -> Driven {
    let state =
        tempfile::tempdir().unwrap_or_else(|error| panic!("no folder for the test's results: {error}"));
    let clockwork = Clockwork::new().unwrap_or_else(|error| panic!("no runtime for the test: {error}"));
    let puppets = Puppets::default();
    let outfit: Box<dyn Fn(Engine) -> Engine> = Box::new(outfit);
    let engine = started(&clockwork, &state, &puppets, &*outfit, pipeline);
    let mut driven = Driven {
        engine,
        clockwork,
        puppets,
        seen: Seen::default(),
        left: Vec::new(),
        leaves_the_rest: false,
        outfit,
        state,
    };
    driven.step(Clockwork::settle);
    driven
}

/// No test is about a power cut.
struct Heedless;

impl Disk for Heedless {
    fn sync(&self, _: &std::fs::File) -> std::io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

#[track_caller]
fn started(
    clockwork: &Clockwork,
    state: &tempfile::TempDir,
    puppets: &Puppets,
    outfit: &dyn Fn(Engine) -> Engine,
    pipeline: impl FnOnce() -> Current<()>,
) -> Handle {
    let options = Options { disk: Arc::new(Heedless), ..Options::default() };
    let engine = Engine::open_with(state.path(), options)
        .unwrap_or_else(|error| panic!("no store for the test: {error}"))
        .paced(Pace { exact: true, ..Pace::default() })
        .played_by(puppets.clone())
        .with(clockwork.clock(BEGIN_MS));
    let _inside = clockwork.runtime().enter();
    let engine = outfit(engine);
    clockwork.watch(Some(engine.store().clone()));
    let (handle, run) = engine
        .lowered(clockwork.runtime().handle(), pipeline())
        .unwrap_or_else(|error| panic!("the pipeline can't be run: {error}"));
    clockwork.runtime().spawn(run);
    handle
}

/// A pipeline that a test drives. See the [module](self).
#[must_use = "a pipeline under test does nothing unless it is driven"]
pub struct Driven {
    engine: Handle,
    clockwork: Clockwork,
    puppets: Puppets,
    seen: Seen,
    /// What may be left.
    left: Vec<Held>,
    leaves_the_rest: bool,
    outfit: Box<dyn Fn(Engine) -> Engine>,
    state: tempfile::TempDir,
}

/// How the pipeline stood after the newest step.
#[derive(Default)]
struct Seen {
    snapshot: Arc<Snapshot>,
    stages: Vec<StageView>,
}

/// What waits for the test.
#[derive(Clone, PartialEq)]
enum Held {
    /// An operation, by its number.
    Operation(u64),
    /// A monitor, by its place among the sources.
    Monitor(usize),
}

/// One thing that was asked of an operation: it began to run. As text, and compared with text, it is what was to be
/// done: `build site@1a2b3c4`.
#[derive(Clone, PartialEq)]
pub struct Asked {
    /// In which step of the test: 1 is the start, and each call that lets something happen is one more.
    pub step: usize,
    /// The operation's name: `docker-build`.
    pub op: String,
    /// The key, as it is stored.
    pub key: Json,
    /// What a publisher is to publish there, as it is stored; else `null`.
    pub value: Json,
    deed: String,
}

impl Asked {
    fn of(asked: &puppets::Asked) -> Self {
        let puppets::Asked { step, op, key, desired, deed } = asked.clone();
        Self { step, op: op.to_string(), key, value: desired, deed }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.deed)
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deed.fmt(f)
    }
}

impl PartialEq<str> for Asked {
    fn eq(&self, deed: &str) -> bool {
        self.deed == deed
    }
}

impl PartialEq<&str> for Asked {
    fn eq(&self, deed: &&str) -> bool {
        self.deed == *deed
    }
}

impl PartialEq<String> for Asked {
    fn eq(&self, deed: &String) -> bool {
        self.deed == *deed
    }
}

/// What comes from outside.
impl Driven {
    /// A monitor reads this from now on. Its value's type has to be the monitor's.
    #[track_caller]
    pub fn reads<V: Any + Send + Sync>(&mut self, monitor: &str, value: V) {
        let source = self.source(monitor);
        if !source.is_of::<V>() {
            let given = puppets::bare(std::any::type_name::<V>());
            panic!("{:?} reads a {}, not a {given}", source.names()[0], source.takes);
        }
        self.step(move |_| source.hold(Some(Ok(Arc::new(value)))));
    }

    /// A monitor looks again, and has not read yet.
    #[track_caller]
    pub fn refreshes(&mut self, monitor: &str) {
        let source = self.source(monitor);
        self.step(move |_| source.hold(None));
    }

    /// An operation that runs gives this value, which has to have the form of its own.
    #[track_caller]
    pub fn completes(&mut self, operation: &str, value: impl Serialize) {
        let value = serde_json::to_value(value).unwrap_or_else(|error| {
            panic!("what {operation:?} is to give can't be written as JSON: {error}")
        });
        let running = self.running_ones();
        let number = *self.one(operation, "running", &running);
        let mut cast = self.puppets.cast();
        let at = cast.running.iter().position(|running| running.number == number);
        let running = cast.running.swap_remove(at.expect("because it was just found"));
        if let Some(why) = (running.takes.refusal)(&value) {
            let (deed, name) = (running.deed.clone(), running.takes.name);
            cast.running.push(running);
            drop(cast);
            panic!("{deed:?} gives a {name}, and {value} is none: {why}");
        }
        drop(cast);
        // Who asked may have been stopped in the moment.
        self.step(move |_| _ = running.answer.send(Ok(value)));
    }

    /// An operation that runs fails with this; or a monitor, whenever it is read from now on.
    #[track_caller]
    pub fn fails(&mut self, name: &str, error: OpError) {
        let mut among =
            self.running_ones().into_iter().map(|n| Named { names: n.names, it: Held::Operation(n.it) });
        let among: Vec<_> = among.by_ref().chain(self.sources()).collect();
        match self.one(name, "running or read", &among).clone() {
            Held::Operation(number) => {
                let mut cast = self.puppets.cast();
                let at = cast.running.iter().position(|running| running.number == number);
                let running = cast.running.swap_remove(at.expect("because it was just found"));
                drop(cast);
                self.step(move |_| _ = running.answer.send(Err(error)));
            }
            Held::Monitor(at) => {
                let source = self.puppets.cast().sources[at].clone();
                self.step(move |_| source.hold(Some(Err(Failure::from(&error)))));
            }
        }
    }

    /// The program gives an input this value.
    pub fn sets<T: Value>(&mut self, input: &Input<T>, value: T) {
        self.step(|_| input.set(value));
    }

    /// What was set since the last call is taken in, and what follows from it happens.
    pub fn settles(&mut self) {
        self.step(|_| {});
    }

    /// Time passes: retries, refreshes and timers that are due by then happen, one after the other.
    pub fn advances(&mut self, by: Duration) {
        self.step(|clockwork| clockwork.turn(by));
    }

    /// A person lets a job start that waits for confirmation.
    #[track_caller]
    pub fn approves(&mut self, operation: &str) {
        self.asks(
            operation,
            "approved",
            |engine, job| async move { engine.approve(job, Self::PERSON).await },
        );
    }

    /// A person cancels the job of an operation.
    #[track_caller]
    pub fn cancels(&mut self, operation: &str) {
        self.asks(
            operation,
            "cancelled",
            |engine, job| async move { engine.cancel(job, Self::PERSON).await },
        );
    }

    /// A person asks for the job of an operation to be run again. Its value serves meanwhile.
    #[track_caller]
    pub fn rebuilds(&mut self, operation: &str) {
        self.asks(operation, "rebuilt", |engine, job| async move { engine.rebuild(job, Self::PERSON).await });
    }

    /// A person asks for the job of an operation to be run again, and that nobody uses its result meanwhile.
    #[track_caller]
    pub fn discards(&mut self, operation: &str) {
        self.asks(
            operation,
            "discarded",
            |engine, job| async move { engine.discard(job, Self::PERSON).await },
        );
    }

    /// Who approves, cancels, rebuilds and discards.
    pub const PERSON: &str = "the test";

    /// A person sets the level from which jobs wait for confirmation.
    pub fn confirms(&mut self, level: Option<Level>) {
        let engine = self.engine.clone();
        self.step(|clockwork| {
            engine.set_confirm(level);
            clockwork.settle();
        });
    }

    /// The program is stopped, and started again with this pipeline: results are kept, what ran is begun anew.
    #[track_caller]
    pub fn restarts(&mut self, pipeline: impl FnOnce() -> Current<()>) {
        let engine = self.engine.clone();
        self.clockwork.settle_with(async move { engine.stop().await });
        self.clockwork.watch(None);
        self.engine = started(&self.clockwork, &self.state, &self.puppets, &*self.outfit, pipeline);
        self.step(Clockwork::settle);
    }

    /// What this names may be left as it is at the end: an operation that runs, or a monitor that is read.
    #[track_caller]
    pub fn leaves(&mut self, name: &str) {
        let held = self.held();
        let left = self.one(name, "running or read", &held).clone();
        self.left.push(left);
    }

    /// Whatever waits for the test at the end may be left so.
    pub fn leaves_the_rest(&mut self) {
        self.leaves_the_rest = true;
    }
}

/// How it stands.
impl Driven {
    /// How the one node that is called so stands: `ok`, `queued`, `running`, `waiting for confirmation`, `retrying`,
    /// `failed: …`, `blocked by LABEL`, or `waiting for LABEL`. While a value is made or read again, and used until then, it
    /// is `ok, running anew`; one that may not hold any more is `ok, stale: …`.
    #[track_caller]
    pub fn state(&self, name: &str) -> String {
        let nodes = self.nodes();
        let at = *self.one(name, "in the pipeline", &nodes);
        self.state_of(at)
    }

    /// How every node stands that a picture shows, `LABEL: STATE`, inputs before what depends on them.
    pub fn states(&self) -> Vec<String> {
        let is_shown = |node: &&NodeView| !node.hidden || matches!(node.state, NodeState::Failed { .. });
        let nodes = self.seen.snapshot.nodes.iter().filter(is_shown);
        nodes.map(|node| format!("{}: {}", node.label, self.state_of(node.id))).collect()
    }

    /// How the pipeline as a whole stands: `ok`, `failed: …`, or what is going on.
    pub fn outcome(&self) -> String {
        match &self.engine.status().borrow().outcome {
            Ok(()) => "ok".to_owned(),
            Err(pending) => pending.to_string(),
        }
    }

    /// What the newest step let operations begin, in the order of the pipeline.
    pub fn asked(&self) -> Vec<Asked> {
        let cast = self.puppets.cast();
        cast.asked.iter().filter(|asked| asked.step == cast.step).map(Asked::of).collect()
    }

    /// What operations began since the start, in order.
    pub fn trace(&self) -> Vec<Asked> {
        self.puppets.cast().asked.iter().map(Asked::of).collect()
    }

    /// The operations that wait for the test, by what they do.
    pub fn running(&self) -> Vec<String> {
        self.puppets.cast().running.iter().map(|running| running.deed.clone()).collect()
    }

    /// How many values may not hold any more: see [`Status::doubts`](crate::engine::Status::doubts).
    pub fn doubts(&self) -> usize {
        self.engine.status().borrow().doubts
    }

    /// How many operations and monitors stand how.
    pub fn counts(&self) -> Counts {
        self.engine.counts()
    }

    /// Every node with its state.
    pub fn snapshot(&self) -> &Snapshot {
        &self.seen.snapshot
    }
}

impl Driven {
    /// Lets `what` happen, and all that follows from it.
    fn step(&mut self, what: impl FnOnce(&Clockwork)) {
        self.puppets.cast().step += 1;
        what(&self.clockwork);
        let engine = self.engine.clone();
        let seen = async move { (engine.snapshot().await, engine.stages().await) };
        self.clockwork.settle();
        if let Some((snapshot, stages)) = self.clockwork.settle_with(seen) {
            self.seen = Seen { snapshot, stages };
        }
        self.in_order();
    }

    /// What was asked in one step has no order of its own.
    fn in_order(&self) {
        let place = |asked: &puppets::Asked| {
            let op = asked.op.as_str();
            let key = crate::ids::KeyDigest::of(&asked.key);
            let is_it =
                |stage: &&StageView| stage.op == op && stage.asked.as_ref().is_some_and(|a| a.key == key);
            self.seen.stages.iter().find(is_it).map_or(usize::MAX, |stage| stage.node)
        };
        let mut cast = self.puppets.cast();
        let step = cast.step;
        let first = cast.asked.iter().position(|asked| asked.step == step).unwrap_or(cast.asked.len());
        cast.asked[first..].sort_by_key(place);
    }

    /// A person asks something of the job of an operation.
    #[track_caller]
    fn asks<F, T: Send + 'static>(
        &mut self,
        operation: &str,
        done: &str,
        ask: impl FnOnce(Handle, JobId) -> F,
    ) where
        F: Future<Output = Result<T, Refused>> + Send + 'static,
    {
        let jobs = self.seen.stages.iter().filter_map(|stage| Some((stage, stage.job.clone()?)));
        let mut jobs: Vec<_> = jobs.map(|(stage, job)| Named::new(self.names_of(stage.node), job)).collect();
        jobs.dedup_by(|a, b| a.it == b.it);
        let job = self.one(operation, "an operation with a job", &jobs).clone();
        let mut answer = None;
        let asked = ask(self.engine.clone(), job);
        self.step(|clockwork| answer = clockwork.settle_with(asked));
        match answer {
            Some(Ok(_)) => {}
            Some(Err(refused)) => panic!("{operation:?} can't be {done}: {refused}"),
            None => panic!("{operation:?} can't be {done}: the engine has stopped"),
        }
    }

    /// The one that is called so.
    #[track_caller]
    fn one<'a, T: PartialEq>(&self, name: &str, what: &str, among: &'a [Named<T>]) -> &'a T {
        let called = called(name, among);
        match &called[..] {
            [only] => &only.it,
            [first, rest @ ..] if rest.iter().all(|named| named.it == first.it) => &first.it,
            [] => {
                let there = match among.is_empty() {
                    true => "nothing is".to_owned(),
                    false => format!("there are: {}", listed(among)),
                };
                let nodes = self.nodes();
                let stands = match &names::called(name, &nodes)[..] {
                    [node] => format!(" ({name} is {})", self.state_of(node.it)),
                    _ => String::new(),
                };
                panic!("nothing called {name:?} is {what}{stands}; {there}")
            }
            several => panic!("{name:?} may be one of several: {}", listed(several.iter().copied())),
        }
    }

    /// What a node is called.
    fn names_of(&self, node: usize) -> Vec<String> {
        let Some(node) = self.seen.snapshot.nodes.get(node) else { return Vec::new() };
        let asked =
            self.seen.stages.iter().find(|stage| stage.node == node.id).and_then(|s| s.asked.as_ref());
        let summary = asked.map(|asked| asked.summary.clone());
        [Some(node.label.clone()), node.would.clone(), summary].into_iter().flatten().collect()
    }

    fn nodes(&self) -> Vec<Named<usize>> {
        self.seen.snapshot.nodes.iter().map(|node| Named::new(self.names_of(node.id), node.id)).collect()
    }

    fn state_of(&self, at: usize) -> String {
        let nodes = &self.seen.snapshot.nodes;
        let label =
            |at: &Option<usize>| at.and_then(|at| nodes.get(at)).map_or("a node", |node| &*node.label);
        let node = &nodes[at];
        match &node.state {
            NodeState::Blocked { by, .. } => format!("blocked by {}", label(by)),
            NodeState::Waiting { on, .. } => format!("waiting for {}", label(on)),
            state => match (&node.refreshing, &node.stale) {
                (Some(activity), _) => format!("{state}, {activity} anew"),
                (None, Some(why)) => format!("{state}, stale: {why}"),
                (None, None) => state.to_string(),
            },
        }
    }

    fn running_ones(&self) -> Vec<Named<u64>> {
        let cast = self.puppets.cast();
        let names = |running: &puppets::Running| {
            let is_it = |stage: &&StageView| {
                stage.op == running.op.as_str() && stage.asked.as_ref().is_some_and(|a| a.key == running.key)
            };
            let labels = self.seen.stages.iter().filter(is_it).map(|stage| stage.label.clone());
            labels.chain([running.summary.to_string(), running.deed.clone()]).collect::<Vec<_>>()
        };
        cast.running.iter().map(|running| Named::new(names(running), running.number)).collect()
    }

    fn sources(&self) -> Vec<Named<Held>> {
        let cast = self.puppets.cast();
        let sources = cast.sources.iter().enumerate();
        sources.map(|(at, source)| Named::new(source.names(), Held::Monitor(at))).collect()
    }

    #[track_caller]
    fn source(&self, monitor: &str) -> Arc<puppets::Source> {
        let sources = self.sources();
        match self.one(monitor, "a monitor", &sources) {
            Held::Monitor(at) => self.puppets.cast().sources[*at].clone(),
            Held::Operation(_) => unreachable!("because only monitors were looked through"),
        }
    }

    /// What waits for the test.
    fn held(&self) -> Vec<Named<Held>> {
        let running =
            self.running_ones().into_iter().map(|n| Named { names: n.names, it: Held::Operation(n.it) });
        let cast = self.puppets.cast();
        let is_waited_for =
            |held: &Held| matches!(held, Held::Monitor(at) if cast.sources[*at].is_waited_for());
        let waiting: Vec<_> = (0..cast.sources.len()).map(Held::Monitor).filter(is_waited_for).collect();
        drop(cast);
        running.chain(self.sources().into_iter().filter(|source| waiting.contains(&source.it))).collect()
    }
}

impl fmt::Debug for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.states()).finish()
    }
}

impl Drop for Driven {
    /// Fails a test that has left something unanswered, if it has not failed before.
    fn drop(&mut self) {
        if std::thread::panicking() || self.leaves_the_rest {
            return;
        }
        let held = self.held();
        let forgotten: Vec<_> = held.iter().filter(|held| !self.left.contains(&held.it)).collect();
        if !forgotten.is_empty() {
            panic!(
                "the test has left these without an answer: {} (answer them, or say `leaves`)",
                listed(forgotten)
            );
        }
    }
}
