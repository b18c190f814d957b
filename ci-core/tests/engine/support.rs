//! A world of our own: inputs that a test sets, operations that a test answers, and places that keep what was published
//! in them. And an engine that works on it, in a hurry.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ci_core::clock::Clock;
use ci_core::current::{Pending, build_with, monitor_with, publish_at};
use ci_core::engine::{Handle, Status};
use ci_core::event::{Event, Phase, What};
use ci_core::{
    Bind, Bindings, Builder, Current, Engine, Failure, FailureKind, Job, JobId, Level, Monitor, OpError,
    OpId, Pace, Pool, Publisher, Share, Unbound, Watch,
};
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::{broadcast, oneshot, watch};

/// Longer than anything here takes; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// No test waits for a pause.
pub(crate) fn brisk() -> Pace {
    let moment = Duration::from_millis(1);
    Pace {
        retry_min: moment,
        retry_max: moment,
        read_retry_min: moment,
        read_retry_max: moment,
        ..Pace::default()
    }
}

/// Nothing is tried again while a test runs.
pub(crate) fn never_again() -> Pace {
    let age = Duration::from_secs(24 * 60 * 60);
    Pace { retry_min: age, retry_max: age, read_retry_min: age, read_retry_max: age, ..Pace::default() }
}

type Head = Result<u32, (FailureKind, &'static str)>;

/// The outside world. Clones share it; it outlives the engines that work on it.
#[derive(Clone)]
pub(crate) struct World(Arc<Shared>);

struct Shared {
    heads: Mutex<BTreeMap<String, watch::Sender<Head>>>,
    places: Mutex<BTreeMap<String, Vec<String>>>,
    /// What strangers put into places.
    foreign: watch::Sender<BTreeMap<String, String>>,
    /// What was made, and can be found again.
    made: Mutex<Vec<String>>,
    /// Jobs whose containers are there, with what they run.
    containers: Mutex<BTreeMap<JobId, String>>,
    trace: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    held: Mutex<BTreeMap<String, oneshot::Sender<()>>>,
    holding: watch::Sender<Vec<String>>,
    pruned: Mutex<Vec<String>>,
    timeout: Mutex<Duration>,
    pool: Mutex<Option<Pool>>,
    /// How many points it is to the crash, and the one at which it came.
    fuse: Mutex<(Option<u32>, String)>,
    /// What is done at that moment.
    at_crash: Mutex<Option<Box<dyn Fn() + Send>>>,
    crashed: watch::Sender<bool>,
    /// What its clock shows. It stands.
    hour: AtomicU32,
}

impl Default for World {
    fn default() -> Self {
        Self(Arc::new(Shared {
            heads: Mutex::default(),
            places: Mutex::default(),
            foreign: watch::Sender::default(),
            made: Mutex::default(),
            containers: Mutex::default(),
            trace: Mutex::default(),
            answers: Mutex::default(),
            held: Mutex::default(),
            holding: watch::Sender::default(),
            pruned: Mutex::default(),
            timeout: Mutex::new(PATIENCE),
            pool: Mutex::default(),
            fuse: Mutex::default(),
            at_crash: Mutex::default(),
            crashed: watch::Sender::new(false),
            hour: AtomicU32::new(0),
        }))
    }
}

/// What an operation does when it is asked.
pub(crate) enum Answer {
    /// Fails.
    Fail(OpError),
    /// Panics.
    Panic,
    /// Waits until it is let go, then succeeds. A builder hears meanwhile that it is to stop.
    Hold,
    /// Waits until it is let go, and does not hear before.
    HoldDeaf,
    /// Does its work, then waits: the crash comes in between.
    WorkThenHang,
    /// Does its work, and fails all the same.
    WorkThenFail(OpError),
}

impl World {
    pub(crate) fn set(&self, head: &str, value: u32) {
        let _ = self.head(head).send_replace(Ok(value));
    }

    pub(crate) fn lose(&self, head: &str, kind: FailureKind, why: &'static str) {
        let _ = self.head(head).send_replace(Err((kind, why)));
    }

    fn head(&self, name: &str) -> watch::Sender<Head> {
        let mut heads = self.0.heads.lock().unwrap();
        let unset = || watch::Sender::new(Err((FailureKind::Permanent, "not set")));
        heads.entry(name.to_owned()).or_insert_with(unset).clone()
    }

    pub(crate) fn get(&self, head: &str) -> Option<u32> {
        self.head(head).borrow().ok()
    }

    /// What the next run of `what` does; otherwise it succeeds at once.
    pub(crate) fn answer(&self, what: &str, answer: Answer) {
        self.0.answers.lock().unwrap().entry(what.to_owned()).or_default().push_back(answer);
    }

    /// Waits until `what` is held.
    pub(crate) async fn is_held(&self, what: &str) {
        let mut holding = self.0.holding.subscribe();
        let held = holding.wait_for(|held| held.iter().any(|h| h == what));
        let held = tokio::time::timeout(PATIENCE, held).await;
        held.unwrap_or_else(|_| panic!("{what} never began: {:?}", self.0.holding.borrow())).unwrap();
    }

    /// Waits until anything is held, and names it.
    pub(crate) async fn something_is_held(&self) -> String {
        let mut holding = self.0.holding.subscribe();
        let held = tokio::time::timeout(PATIENCE, holding.wait_for(|held| !held.is_empty())).await;
        held.expect("something begins").unwrap()[0].clone()
    }

    /// What is held now.
    pub(crate) fn held(&self) -> Vec<String> {
        self.0.holding.borrow().clone()
    }

    pub(crate) fn let_go(&self, what: &str) {
        self.0.holding.send_modify(|held| held.retain(|h| h != what));
        let held = self.0.held.lock().unwrap().remove(what);
        held.expect("it is held").send(()).expect("it waits");
    }

    /// What a stored result no longer stands for.
    pub(crate) fn prune(&self, what: &str) {
        self.0.pruned.lock().unwrap().push(what.to_owned());
    }

    /// How long an operation may take from now on.
    pub(crate) fn time_out_after(&self, timeout: Duration) {
        *self.0.timeout.lock().unwrap() = timeout;
    }

    /// Engines that are started from now on make in this pool.
    pub(crate) fn make_in(&self, pool: Pool) {
        *self.0.pool.lock().unwrap() = Some(pool);
    }

    /// A stranger puts something into a place; `None`: takes it out again.
    pub(crate) fn meddle(&self, place: &str, thing: Option<&str>) {
        self.0.foreign.send_modify(|foreign| match thing {
            Some(thing) => _ = foreign.insert(place.to_owned(), thing.to_owned()),
            None => _ = foreign.remove(place),
        });
    }

    /// Everything that was done to the world since the last time, in order.
    pub(crate) fn trace(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.trace.lock().unwrap())
    }

    /// What a place has held, oldest first.
    pub(crate) fn history(&self, place: &str) -> Vec<String> {
        self.0.places.lock().unwrap().get(place).cloned().unwrap_or_default()
    }

    /// How many containers are there.
    pub(crate) fn containers(&self) -> usize {
        self.0.containers.lock().unwrap().len()
    }

    /// How many share it: engines and their operations, besides the tests.
    pub(crate) fn users(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Crashes at the point of that number, counted from 0; `None`: never (again).
    pub(crate) fn crash_at(&self, point: Option<u32>) {
        self.0.crashed.send_replace(false);
        *self.0.fuse.lock().unwrap() = (point, String::new());
    }

    /// Does this at the moment of each crash.
    pub(crate) fn at_crash(&self, act: impl Fn() + Send + 'static) {
        *self.0.at_crash.lock().unwrap() = Some(Box::new(act));
    }

    /// For engines that go by its clock, not the system's.
    pub(crate) fn clock(&self) -> Clock {
        let world = self.clone();
        Clock::new(move || 1_000_000_000_000 + u64::from(world.hour()) * 60 * 60 * 1000)
    }

    pub(crate) fn turn_clock_to_hour(&self, hour: u32) {
        self.0.hour.store(hour, Ordering::SeqCst);
    }

    pub(crate) fn hour(&self) -> u32 {
        self.0.hour.load(Ordering::SeqCst)
    }

    /// Waits for the crash.
    pub(crate) async fn crash(&self) {
        let _ = self.0.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    /// The story has come to this point. Whether the crash has, too.
    pub(crate) fn reaches(&self, point: &str) -> bool {
        match &mut *self.0.fuse.lock().unwrap() {
            (Some(0), at) => {
                if !self.0.crashed.send_replace(true) {
                    *at = point.to_owned();
                    self.0.at_crash.lock().unwrap().iter().for_each(|act| act());
                }
                true
            }
            (Some(left), _) => {
                *left -= 1;
                false
            }
            (None, _) => false,
        }
    }

    /// Whether the crash has come before.
    pub(crate) fn has_crashed(&self) -> bool {
        *self.0.crashed.borrow()
    }

    /// The point at which it came.
    pub(crate) fn died_at(&self) -> String {
        self.0.fuse.lock().unwrap().1.clone()
    }

    /// A point of an operation. What comes after the crash does not happen.
    pub(crate) async fn step(&self, point: &str) {
        if self.reaches(point) {
            std::future::pending::<()>().await;
        }
    }

    fn did(&self, what: impl Into<String>) {
        self.0.trace.lock().unwrap().push(what.into());
    }

    fn next_answer(&self, what: &str) -> Option<Answer> {
        self.0.answers.lock().unwrap().get_mut(what).and_then(VecDeque::pop_front)
    }

    async fn perform(&self, job: Option<&Job>, what: &str, work: impl FnOnce()) -> Result<(), OpError> {
        self.step(&format!("before: {what}")).await;
        self.did(what);
        let answer = self.next_answer(what);
        match answer {
            None => work(),
            Some(Answer::Fail(error)) => return Err(error),
            Some(Answer::Panic) => panic!("{what} panics"),
            Some(Answer::Hold) => {
                match job {
                    Some(job) => job.cancellable(self.hold(what).map(Ok)).await?,
                    None => self.hold(what).await,
                }
                work();
            }
            Some(Answer::HoldDeaf) => {
                self.hold(what).await;
                if let Some(error) = job.and_then(|job| job.cancel().is_requested()) {
                    return Err(error);
                }
                work();
            }
            Some(Answer::WorkThenHang) => {
                work();
                self.hold(what).await;
            }
            Some(Answer::WorkThenFail(error)) => {
                work();
                return Err(error);
            }
        }
        self.step(&format!("after: {what}")).await;
        Ok(())
    }

    async fn hold(&self, what: &str) {
        let (go, gone) = oneshot::channel();
        self.0.held.lock().unwrap().insert(what.to_owned(), go);
        let _forget = Forget(self, what);
        self.0.holding.send_modify(|held| held.push(what.to_owned()));
        let _ = gone.await;
    }
}

/// What is dropped is no longer held.
struct Forget<'a>(&'a World, &'a str);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.0.holding.send_modify(|held| held.retain(|h| h != self.1));
    }
}

impl Bind for World {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

/// A number that a test sets.
pub(crate) fn head(name: &'static str) -> Current<u32> {
    monitor_with(name, move |bindings| Ok(Watched(bindings.get(ci_core::DEFAULT)?, name)))
}

struct Watched(World, &'static str);

pub(crate) struct Changes(watch::Receiver<Head>);

impl Watch for Changes {
    async fn changed(&mut self) {
        let _ = self.0.changed().await;
    }
}

impl Monitor for Watched {
    type Value = u32;
    type Watch = Changes;

    fn label(&self) -> String {
        self.1.to_owned()
    }

    async fn watch(&self) -> Changes {
        let what = format!("watch {}", self.1);
        let answer = self.0.next_answer(&what);
        assert!(answer.is_none(), "{what} panics");
        Changes(self.0.head(self.1).subscribe())
    }

    /// What it is to answer is known before it is held: what is set meanwhile comes later.
    async fn read(&self) -> Result<u32, OpError> {
        let value = *self.0.head(self.1).borrow();
        let what = format!("read {}", self.1);
        let answer = self.0.next_answer(&what);
        match answer {
            None => {}
            Some(Answer::Panic) => panic!("{what} panics"),
            Some(_) => self.0.hold(&what).await,
        }
        value.map_err(|(kind, why)| OpError::new(kind, why))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Name(pub(crate) String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes something, which can be found again.
pub(crate) struct Make {
    world: World,
    pool: Option<Pool>,
}

impl Bind for Make {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        let world: World = bindings.get(on)?;
        let pool = world.0.pool.lock().unwrap().clone();
        Ok(Self { world, pool })
    }
}

impl Builder for Make {
    const ID: OpId = OpId::new("make");
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = Name;

    fn level(&self, _: &Name) -> Level {
        Level::Average
    }

    fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    /// What stands before a colon is the repository.
    fn share(&self, key: &Name) -> Share {
        key.0.split_once(':').map_or_else(Share::default, |(repository, _)| Share::of(repository))
    }

    fn timeout(&self, _: &Name) -> Duration {
        *self.world.0.timeout.lock().unwrap()
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        job.say(format_args!("making {key}"));
        let made = || self.world.0.made.lock().unwrap().push(key.0.clone());
        self.world.perform(Some(job), &format!("make {key}"), made).await?;
        Ok(Name(format!("<{key}>")))
    }

    async fn resume(&self, job: &Job, key: &Name, _: Option<Json>) -> Result<Option<Name>, OpError> {
        self.world.perform(Some(job), &format!("look for {key}"), || {}).await?;
        let is_made = self.world.0.made.lock().unwrap().contains(&key.0);
        Ok(is_made.then(|| Name(format!("<{key}>"))))
    }

    async fn abandon(&self, _: &Job, key: &Name, _: Option<Json>) -> Result<(), OpError> {
        let what = format!("abandon {key}");
        self.world.did(what.as_str());
        match self.world.next_answer(&what) {
            Some(Answer::Fail(error)) => Err(error),
            Some(Answer::Panic) => panic!("{what} panics"),
            _ => Ok(()),
        }
    }

    async fn is_valid(&self, key: &Name, _: &Name) -> bool {
        let what = format!("ask for {key}");
        if self.world.next_answer(&what).is_some() {
            self.world.hold(&what).await;
        }
        !self.world.0.pruned.lock().unwrap().contains(&key.0)
    }
}

/// The number as a name: unlike what has to be made first, it is there in the step in which the number changes.
pub(crate) fn name(input: &Current<u32>) -> Current<Name> {
    input.map(|n| Name(n.to_string()))
}

/// Makes `<name.n>` of each `n`.
pub(crate) fn make(name: &'static str, input: &Current<u32>) -> Current<Name> {
    build_with(input, ci_core::DEFAULT, format!("make {name}"), move |_: &Make, n: &u32| {
        Name(format!("{name}.{n}"))
    })
}

/// Runs something in a container of its job.
struct Run(World);

impl Bind for Run {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on).map(Self)
    }
}

impl Builder for Run {
    const ID: OpId = OpId::new("run");
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = String;

    fn level(&self, _: &Name) -> Level {
        Level::Average
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<String, OpError> {
        let what = format!("run {key}");
        let begin = || _ = self.0.0.containers.lock().unwrap().insert(job.id().clone(), key.0.clone());
        self.0.perform(Some(job), &what, begin).await?;
        self.end(job).await?;
        Ok(format!("{key} ran"))
    }

    async fn resume(&self, job: &Job, key: &Name, noted: Option<Json>) -> Result<Option<String>, OpError> {
        self.0.perform(Some(job), &format!("look for the run of {key}"), || {}).await?;
        let is_there = self.0.0.containers.lock().unwrap().contains_key(job.id());
        if is_there {
            self.end(job).await?;
        }
        Ok((is_there || noted.is_some()).then(|| format!("{key} ran")))
    }

    async fn abandon(&self, job: &Job, key: &Name, _: Option<Json>) -> Result<(), OpError> {
        self.0.did(format!("end the run of {key}"));
        self.remove(job);
        Ok(())
    }
}

impl Run {
    /// First it is noted that it ran: without its container nobody could say so later.
    async fn end(&self, job: &Job) -> Result<(), OpError> {
        job.note(&"ran").await?;
        self.0.step("before: remove the container").await;
        self.remove(job);
        self.0.step("after: remove the container").await;
        Ok(())
    }

    fn remove(&self, job: &Job) {
        self.0.0.containers.lock().unwrap().remove(job.id());
    }
}

/// Runs each.
pub(crate) fn run(input: &Current<Name>) -> Current<String> {
    build_with(input, ci_core::DEFAULT, "run", move |_: &Run, name: &Name| name.clone())
}

/// Puts things into places.
struct Put(World);

impl Bind for Put {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on).map(Self)
    }
}

impl Publisher for Put {
    const ID: OpId = OpId::new("put");
    const DOES: &'static str = "put into";
    type Key = Name;
    type Value = Name;
    type Outcome = String;

    fn level(&self, _: &Name) -> Level {
        Level::Dangerous
    }

    fn timeout(&self, _: &Name) -> Duration {
        *self.0.0.timeout.lock().unwrap()
    }

    /// What fails while it is prepared has touched nothing.
    async fn publish(&self, job: &Job, key: &Name, value: &Name) -> Result<String, OpError> {
        self.0.step(&format!("before: put {value} in {key}")).await;
        if let Some(Answer::Fail(error)) = self.0.next_answer(&format!("prepare {value} in {key}")) {
            return Err(error);
        }
        job.note(&"putting").await?;
        let world = self.0.clone();
        let (place, thing) = (key.0.clone(), value.0.clone());
        let put = move || world.0.places.lock().unwrap().entry(place).or_default().push(thing);
        self.0.perform(None, &format!("put {value} in {key}"), put).await?;
        Ok(format!("{key} holds {value}"))
    }

    async fn resume(
        &self,
        job: &Job,
        key: &Name,
        value: &Name,
        noted: Option<Json>,
    ) -> Result<Option<String>, OpError> {
        if noted.is_none() {
            return Ok(None);
        }
        self.0.perform(None, &format!("look for {value} in {key}"), || {}).await?;
        if let Some(error) = job.cancel().is_requested().filter(|e| e.kind() == FailureKind::Cancelled) {
            self.0.did(format!("take {value} out of {key}"));
            self.0.0.places.lock().unwrap().entry(key.0.clone()).or_default().retain(|v| *v != value.0);
            return Err(error);
        }
        let holds = self.0.history(&key.0).last() == Some(&value.0);
        Ok(holds.then(|| format!("{key} holds {value}")))
    }

    async fn changed(&self, _: &Name) -> Option<()> {
        self.0.0.foreign.subscribe().changed().await.ok()
    }

    async fn drift(&self, key: &Name, value: &Name, _: &String) -> Result<Option<Failure>, OpError> {
        let foreign = self.0.0.foreign.borrow().get(&key.0).cloned();
        let drift = foreign.map(|thing| OpError::permanent(format!("{key} holds {thing}, not {value}")));
        Ok(drift.as_ref().map(Failure::from))
    }
}

/// Puts each value into a place.
pub(crate) fn put(place: &'static str, value: &Current<Name>) -> Current<String> {
    let key = move |_: &Put| Name(place.to_owned());
    publish_at(value, ci_core::DEFAULT, format!("put in {place}"), key, |_, value: &Name| value.clone())
}

/// An engine under test.
pub(crate) struct Ci {
    pub(crate) handle: Handle,
    events: broadcast::Receiver<Event>,
    told: broadcast::Receiver<Event>,
}

impl Ci {
    pub(crate) fn start(state: &Path, world: &World, pipeline: impl FnOnce() -> Current<()>) -> Self {
        Self::with(state, world, |engine| engine, pipeline)
    }

    /// Jobs at or above `confirm` wait for a person.
    pub(crate) fn guarded(
        state: &Path,
        world: &World,
        confirm: Level,
        pipeline: impl FnOnce() -> Current<()>,
    ) -> Self {
        Self::with(state, world, |engine| engine.confirm(Some(confirm)), pipeline)
    }

    pub(crate) fn with(
        state: &Path,
        world: &World,
        set: impl FnOnce(Engine) -> Engine,
        pipeline: impl FnOnce() -> Current<()>,
    ) -> Self {
        Self::of(Engine::open(state).unwrap(), world, set, pipeline)
    }

    pub(crate) fn of(
        engine: Engine,
        world: &World,
        set: impl FnOnce(Engine) -> Engine,
        pipeline: impl FnOnce() -> Current<()>,
    ) -> Self {
        let engine = set(engine.with(world.clone()).paced(brisk()));
        let (events, told) = (engine.events(), engine.events());
        let handle = engine.start(pipeline).unwrap();
        Self { events, told, handle }
    }

    /// Stops it, and lets go of the state directory.
    pub(crate) async fn stop(self) {
        self.handle.stop().await;
    }

    /// Waits until the pipeline's state is as asked.
    pub(crate) async fn until(&self, state: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.handle.status();
        let reached = tokio::time::timeout(PATIENCE, status.wait_for(state)).await;
        match reached {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!("it never came to that: {:?}", self.handle.status().borrow().outcome),
        }
    }

    pub(crate) async fn done(&self) {
        self.until(|status| status.outcome.is_ok()).await;
    }

    /// Waits until nothing is going on at a node besides the value that it has.
    pub(crate) async fn until_fresh(&self, label: &str) {
        let mut status = self.handle.status();
        while self.node(label).await.refreshing.is_some() {
            let moved = tokio::time::timeout(PATIENCE, status.changed()).await;
            moved.unwrap_or_else(|_| panic!("{label} is never renewed")).unwrap();
        }
    }

    /// Waits until the pipeline has failed, and tells why.
    pub(crate) async fn failed(&self) -> String {
        let status = self.until(|s| matches!(s.outcome, Err(Pending::Failed(_)))).await;
        match status.outcome {
            Err(Pending::Failed(failure)) => failure.to_string(),
            _ => unreachable!(),
        }
    }

    /// Waits for the next event that is asked for.
    pub(crate) async fn event<T>(&mut self, mut wanted: impl FnMut(&What) -> Option<T>) -> T {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(found) = wanted(&self.events.recv().await.unwrap().what) {
                    return found;
                }
            }
        });
        found.await.expect("what is waited for happens")
    }

    /// Waits for the next time that a job comes to a phase.
    pub(crate) async fn job(&mut self, what: &str, mut wanted: impl FnMut(&Phase) -> bool) -> JobId {
        self.event(|event| match event {
            What::Job { job, summary, phase, .. } if summary == what && wanted(phase) => Some(job.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn ok(&mut self, what: &str) -> JobId {
        self.job(what, |phase| matches!(phase, Phase::Succeeded { .. })).await
    }

    pub(crate) async fn waits(&mut self, what: &str) -> JobId {
        self.job(what, |phase| *phase == Phase::WaitingForConfirmation).await
    }

    pub(crate) async fn fails(&mut self, what: &str, kind: FailureKind) -> JobId {
        self.job(what, |phase| matches!(phase, Phase::Failed { failure, .. } if failure.kind == kind)).await
    }

    /// What has happened since the last time, a line for each.
    pub(crate) fn story(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Ok(event) = self.told.try_recv() {
            lines.push(match event.what {
                What::Read { source, value } => format!("{source} is {value}"),
                What::ReadFailed { source, failure } => format!("{source}: {failure}"),
                What::Reused { summary, .. } => format!("{summary}: reused"),
                What::Drift { summary, drift: Some(drift), .. } => format!("{summary}: {drift}"),
                What::Drift { summary, drift: None, .. } => format!("{summary}: no drift"),
                What::Job { summary, phase, .. } => match phase {
                    Phase::Queued => format!("{summary}: queued"),
                    Phase::WaitingForConfirmation => format!("{summary}: waits for confirmation"),
                    Phase::WaitingForSlot { pool } => format!("{summary}: waits for {pool}"),
                    Phase::WaitingForResource { lacks } => format!("{summary}: waits for {lacks}"),
                    Phase::Running => format!("{summary}: runs"),
                    Phase::Resumed => format!("{summary}: found again"),
                    Phase::Succeeded { .. } => format!("{summary}: ok"),
                    Phase::Failed { failure, retry_at_ms: None } => format!("{summary}: {}", failure.kind),
                    Phase::Failed { failure, .. } => format!("{summary}: {}, once more", failure.kind),
                },
            });
        }
        lines
    }

    /// A node's state, by its label.
    pub(crate) async fn node(&self, label: &str) -> ci_core::engine::NodeView {
        let snapshot = self.handle.snapshot().await;
        let found = snapshot.nodes.iter().find(|node| node.label == label).cloned();
        found.unwrap_or_else(|| panic!("no node {label:?}"))
    }
}

/// The test itself, run by a process of its own. Dropping it kills it.
pub(crate) struct Child {
    pub(crate) process: std::process::Child,
    said: std::io::BufReader<std::process::ChildStdout>,
}

impl Child {
    const STATE: &str = "ENGINE_TEST_CHILD";

    /// In the child: the state directory that it is to work on.
    pub(crate) fn state() -> Option<std::path::PathBuf> {
        std::env::var_os(Self::STATE).map(Into::into)
    }

    /// In the child: a line for [`Child::hears`].
    pub(crate) fn say(line: &str) {
        let told = writeln!(std::io::stdout(), "\n{line}");
        told.expect("somebody listens");
    }

    /// Starts the test of that name, set up by `set`.
    pub(crate) fn of(
        test: &str,
        state: &Path,
        set: impl FnOnce(&mut std::process::Command) -> &mut std::process::Command,
    ) -> Self {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture"]).env(Self::STATE, state);
        set(&mut command);
        let mut process = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let said = std::io::BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    /// Waits for a line.
    pub(crate) fn hears(&mut self, line: &str) {
        let mut said = std::io::BufRead::lines(&mut self.said);
        assert!(said.any(|said| said.unwrap() == line), "it never said {line:?}");
    }

    /// All that it says, for a thread that listens.
    pub(crate) fn lines(&self) -> impl Iterator<Item = std::io::Result<String>> + Send + use<> {
        let said = std::os::fd::AsFd::as_fd(self.said.get_ref()).try_clone_to_owned().unwrap();
        std::io::BufRead::lines(std::io::BufReader::new(std::process::ChildStdout::from(said)))
    }

    /// Waits for its end. Whether it ended well.
    pub(crate) fn ends(mut self) -> bool {
        std::io::copy(&mut self.said, &mut std::io::sink()).unwrap();
        self.process.wait().unwrap().success()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
