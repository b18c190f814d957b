//! Values of the outside world, read and watched: the head of a branch, a clock.
//!
//! Each monitor that somebody wants has one task: *subscribe → read → tell → wait for a change → read …* Subscribing
//! comes first, so that a change between reading and waiting is not lost. Events only say "look again"; the value is
//! always read. Monitors are shared by their type and label.
//!
//! While it is read again the last value stays. That it is being refreshed is told only if it takes longer than
//! [`Pace::refresh_told`]: a thousand quick looks at what did not change move nothing.
//!
//! A read that fails in a way that may pass keeps the last good value, flagged stale, and is tried again after a
//! back-off, or at the next event. A permanent failure (the branch is gone) takes the value's place; a panic is one.
//!
//! When nobody wants it any more, the task is asked to end: it drops what it does, then its subscription, and says so;
//! then the monitor is forgotten, with its value. Who wants it before that finds the last value, and the task begins
//! anew when the old one has ended: one monitor never does two things at a time.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use crate::cache::Owned;
use crate::current::Activity;
use crate::doubt::{Doubt, Doubts};
use crate::error::{Failure, OpError};
use crate::event::{Events, What};
use crate::incr::Id;
use crate::pace::Pace;

/// See [`Pace::read_retry_min`].
pub const READ_RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
/// See [`Pace::read_retry_max`].
pub const READ_RETRY_DELAY_MAX: Duration = Duration::from_secs(60);
/// How often a subscription may say "changed" without having waited, one time after another. What always says so has
/// nothing to say.
const AT_ONCE_MAX: u32 = 8;
/// The pause before each read after that.
const AT_ONCE_PAUSE: Duration = Duration::from_millis(100);
/// See [`Pace::refresh_told`].
pub(crate) const REFRESH_TOLD: Duration = Duration::from_secs(1);

/// A value of the outside world.
pub trait Monitor: Send + Sync + 'static {
    /// What is read. `Display` is for people.
    type Value: Clone + PartialEq + fmt::Display + Send + Sync + 'static;
    /// A subscription to changes.
    type Watch: Watch;
    /// It reads nothing but the engine's [`Clock`](crate::clock::Clock), which a test turns: nothing has to stand in for it
    /// there.
    const GOES_BY_THE_CLOCK: bool = false;

    /// What is watched, for people, and its identity among monitors of this type: `head of live in /srv/site`.
    fn label(&self) -> String;

    /// Subscribes. Cannot fail: where there is nothing to subscribe to, the watch is a timer.
    fn watch(&self) -> impl Future<Output = Self::Watch> + Send;

    /// Reads the value that holds now.
    fn read(&self) -> impl Future<Output = Result<Self::Value, OpError>> + Send;
}

/// A subscription made by [`Monitor::watch`].
pub trait Watch: Send + 'static {
    /// Returns when the value should be read again: after something changed since the subscription or the last call,
    /// or when it is time to look anyway. It returns once, however much has changed meanwhile. Safe to cancel.
    ///
    /// Dropping the watch ends the subscription.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
}

type Value = Arc<dyn Any + Send + Sync>;

/// What a monitor's task tells the engine's thread.
pub(crate) struct Message {
    generation: u64,
    news: News,
}

enum News {
    /// It differs from the last.
    Read(Result<Value, Failure>),
    /// It is being read again, and that takes a while; or that came to nothing new.
    Refreshing(bool),
    /// The task has ended, since nobody wanted it.
    Ended,
}

/// What a monitor's nodes see.
pub(crate) enum Reading {
    Value(Value),
    Active(Activity),
    Failed(Arc<Failure>),
}

/// Says that a node wants a monitor. Dropping it says that it no longer does, after the step.
#[derive(Debug)]
pub(crate) struct Watched {
    generation: u64,
    node: Id,
    released: Arc<Mutex<Vec<(u64, Id)>>>,
}

impl Watched {
    /// Which instance it is of.
    pub(crate) fn instance(&self) -> u64 {
        self.generation
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.released.lock().unwrap_or_else(PoisonError::into_inner).push((self.generation, self.node));
    }
}

struct Instance {
    name: (TypeId, String),
    nodes: Vec<Id>,
    value: Option<Value>,
    /// The newest read failed. With a value beside it, that is stale.
    failure: Option<Arc<Failure>>,
    /// While both are there.
    stale: Option<Doubt>,
    refreshing: bool,
    start: Box<dyn Fn() -> Running + Send>,
    running: Running,
}

/// A monitor's task.
struct Running {
    /// Dropped to ask it to end.
    stop: Option<oneshot::Sender<Infallible>>,
    _task: Owned,
}

/// All monitors of one engine.
pub(crate) struct Monitors {
    events: Events,
    runtime: tokio::runtime::Handle,
    mailbox: mpsc::Sender<Message>,
    pace: Pace,
    doubts: Doubts,
    instances: HashMap<u64, Instance>,
    by_label: HashMap<(TypeId, String), u64>,
    next_generation: u64,
    released: Arc<Mutex<Vec<(u64, Id)>>>,
}

impl Monitors {
    pub(crate) fn new(
        events: Events,
        runtime: tokio::runtime::Handle,
        mailbox: mpsc::Sender<Message>,
        pace: Pace,
        doubts: Doubts,
    ) -> Self {
        Self {
            events,
            runtime,
            mailbox,
            pace,
            doubts,
            instances: HashMap::new(),
            by_label: HashMap::new(),
            next_generation: 0,
            released: Arc::default(),
        }
    }

    /// Says that `node` wants `monitor`'s value.
    pub(crate) fn want<M: Monitor>(&mut self, node: Id, monitor: &Arc<M>) -> Watched {
        let name = (TypeId::of::<M>(), monitor.label());
        let generation = match self.by_label.get(&name) {
            Some(generation) => *generation,
            None => self.begin(name, monitor.clone()),
        };
        if let Some(instance) = self.instances.get_mut(&generation) {
            instance.nodes.push(node);
        }
        Watched { generation, node, released: self.released.clone() }
    }

    fn begin<M: Monitor>(&mut self, name: (TypeId, String), monitor: Arc<M>) -> u64 {
        self.next_generation += 1;
        let generation = self.next_generation;
        let (events, mailbox, source) = (self.events.clone(), self.mailbox.clone(), name.1.clone());
        let (runtime, pace) = (self.runtime.clone(), self.pace);
        let start = Box::new(move || {
            let task = Task {
                monitor: monitor.clone(),
                generation,
                events: events.clone(),
                mailbox: mailbox.clone(),
                source: source.clone(),
                last: None,
                is_refresh_told: false,
                at_once: 0,
                pace,
                pause: pace.read_retry_min,
            };
            let (stop, stopped) = oneshot::channel();
            Running { stop: Some(stop), _task: Owned(runtime.spawn(task.run_until(stopped))) }
        });
        let running = start();
        self.by_label.insert(name.clone(), generation);
        let instance = Instance {
            name,
            nodes: Vec::new(),
            value: None,
            failure: None,
            stale: None,
            refreshing: false,
            start,
            running,
        };
        self.instances.insert(generation, instance);
        generation
    }

    /// What there is now.
    pub(crate) fn read(&self, watched: &Watched) -> Reading {
        match self.instances.get(&watched.generation) {
            Some(Instance { value: Some(value), .. }) => Reading::Value(value.clone()),
            Some(Instance { failure: Some(failure), .. }) => Reading::Failed(failure.clone()),
            _ => Reading::Active(Activity::Running),
        }
    }

    /// Why an instance's value is not fresh, if it is not. See [`Watched::instance`].
    pub(crate) fn stale(&self, instance: u64) -> Option<Arc<Failure>> {
        Some(self.instances.get(&instance)?.stale.as_ref()?.why.clone())
    }

    /// What goes on at an instance besides the value that it has: that is being read again, for a while by now. See
    /// [`Watched::instance`].
    pub(crate) fn refreshing(&self, instance: u64) -> Option<Activity> {
        self.instances.get(&instance)?.refreshing.then_some(Activity::Running)
    }

    /// Takes in what a task told. Returns the nodes that have to look again.
    pub(crate) fn hear(&mut self, message: Message) -> Vec<Id> {
        let Message { generation, news } = message;
        let Some(instance) = self.instances.get_mut(&generation) else { return Vec::new() };
        let read = match news {
            News::Read(read) => read,
            News::Refreshing(refreshing) => {
                instance.refreshing = refreshing;
                return Vec::new();
            }
            News::Ended if instance.nodes.is_empty() => {
                self.by_label.remove(&instance.name);
                self.instances.remove(&generation);
                return Vec::new();
            }
            News::Ended => {
                instance.refreshing = false;
                instance.running = (instance.start)();
                return Vec::new();
            }
        };
        instance.refreshing = false;
        match read {
            Ok(value) => {
                instance.value = Some(value);
                instance.failure = None;
            }
            Err(failure) => {
                if !failure.kind.is_retried() {
                    instance.value = None;
                }
                instance.failure = Some(Arc::new(failure));
            }
        }
        let failure = instance.value.as_ref().and(instance.failure.clone());
        instance.stale = failure.map(|failure| self.doubts.of(failure));
        instance.nodes.clone()
    }

    /// Whether each monitor that is wanted was read once. One that could not be read, in a way that may pass, was not.
    pub(crate) fn all_read(&self) -> bool {
        let is_gone = |failure: &Arc<Failure>| !failure.kind.is_retried();
        let is_read = |i: &Instance| i.value.is_some() || i.failure.as_ref().is_some_and(is_gone);
        self.instances.values().all(|instance| instance.nodes.is_empty() || is_read(instance))
    }

    /// Ends a step: monitors that nobody wants any more are asked to end.
    pub(crate) fn settle(&mut self) {
        let released = std::mem::take(&mut *self.released.lock().unwrap_or_else(PoisonError::into_inner));
        // One sweep for all that an instance loses: many may let go of one together.
        let mut lost: HashMap<u64, HashMap<Id, usize>> = HashMap::new();
        for (generation, node) in released {
            *lost.entry(generation).or_default().entry(node).or_default() += 1;
        }
        for (generation, mut lost) in lost {
            let Some(instance) = self.instances.get_mut(&generation) else { continue };
            instance.nodes.retain(|node| match lost.get_mut(node) {
                Some(left @ 1..) => {
                    *left -= 1;
                    false
                }
                _ => true,
            });
            if instance.nodes.is_empty() {
                instance.running.stop = None;
            }
        }
    }

    /// Ends every task.
    pub(crate) fn stop(&mut self) {
        self.instances.clear();
        self.by_label.clear();
    }
}

/// One monitor's task, until it is asked to end, or aborted by its owner.
struct Task<M: Monitor> {
    monitor: Arc<M>,
    generation: u64,
    events: Events,
    mailbox: mpsc::Sender<Message>,
    source: String,
    last: Option<Result<M::Value, Failure>>,
    /// That it is being refreshed was told, and is to be taken back.
    is_refresh_told: bool,
    /// How often the subscription has said "changed" without waiting.
    at_once: u32,
    pace: Pace,
    /// Before the next read, if this one fails.
    pause: Duration,
}

impl<M: Monitor> Task<M> {
    /// Says that it has ended when all that it held is dropped.
    async fn run_until(self, stopped: oneshot::Receiver<Infallible>) {
        let (generation, mailbox) = (self.generation, self.mailbox.clone());
        let run = async move {
            tokio::select! {
                biased;
                _ = stopped => {}
                () = self.run() => {}
            }
        };
        // A subscription that panics when it is dropped is gone all the same.
        let _ = AssertUnwindSafe(run).catch_unwind().await;
        let _ = mailbox.send(Message { generation, news: News::Ended }).await;
    }

    /// Returns when nobody listens any more.
    async fn run(mut self) {
        loop {
            if let Ok(Gone) = AssertUnwindSafe(self.watch()).catch_unwind().await {
                return;
            }
            let failure = Failure::from(&OpError::permanent(format!("watching {} panicked", self.source)));
            if self.tell(Err(failure)).await.is_err() {
                return;
            }
            tokio::time::sleep(self.next_pause()).await;
        }
    }

    async fn watch(&mut self) -> Gone {
        let mut watch = self.monitor.watch().await;
        loop {
            let Ok(read) = self.read().await else { return Gone };
            let failed = read.is_err();
            if self.tell(read).await.is_err() {
                return Gone;
            }
            if !failed {
                self.pause = self.pace.read_retry_min;
                self.changed(&mut watch).await;
                continue;
            }
            let pause = self.next_pause();
            tokio::select! {
                () = self.changed(&mut watch) => {}
                () = tokio::time::sleep(pause) => {
                    // What could not be subscribed to before (a folder that was missing) may be there by now.
                    watch = self.monitor.watch().await;
                }
            }
        }
    }

    /// Waits for a change, and slows a subscription down that never waits.
    async fn changed(&mut self, watch: &mut M::Watch) {
        let changed = watch.changed();
        tokio::pin!(changed);
        if futures::poll!(&mut changed).is_pending() {
            self.at_once = 0;
            return changed.await;
        }
        self.at_once = self.at_once.saturating_add(1);
        if self.at_once > AT_ONCE_MAX {
            tokio::time::sleep(AT_ONCE_PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<Result<M::Value, Failure>, Gone> {
        let monitor = self.monitor.clone();
        let read = AssertUnwindSafe(async { monitor.read().await }).catch_unwind();
        tokio::pin!(read);
        let read = tokio::select! {
            biased;
            read = &mut read => read,
            () = tokio::time::sleep(self.pace.refresh_told), if self.last.is_some() => {
                self.is_refresh_told = true;
                self.send(News::Refreshing(true)).await?;
                read.await
            }
        };
        let error = match read {
            Ok(Ok(value)) => return Ok(Ok(value)),
            Ok(Err(error)) => error,
            Err(_) => OpError::permanent(format!("reading {} panicked", self.source)),
        };
        let error = self.events.secrets().error(error);
        tracing::debug!(source = %self.source, cause = ?std::error::Error::source(&error), "{error}");
        Ok(Err(Failure::from(&error)))
    }

    fn next_pause(&mut self) -> Duration {
        let now = self.pause;
        self.pause = now.saturating_mul(2).min(self.pace.read_retry_max);
        now
    }

    /// Tells what differs from the last.
    async fn tell(&mut self, read: Result<M::Value, Failure>) -> Result<(), Gone> {
        let is_refresh_told = std::mem::take(&mut self.is_refresh_told);
        if self.last.as_ref() == Some(&read) {
            return if is_refresh_told { self.send(News::Refreshing(false)).await } else { Ok(()) };
        }
        self.events.emit(match &read {
            Ok(value) => What::Read { source: self.source.clone(), value: value.to_string() },
            Err(failure) => What::ReadFailed { source: self.source.clone(), failure: failure.clone() },
        });
        let value = read.clone().map(|value| Arc::new(value) as Value);
        self.send(News::Read(value)).await?;
        self.last = Some(read);
        Ok(())
    }

    async fn send(&self, news: News) -> Result<(), Gone> {
        self.mailbox.send(Message { generation: self.generation, news }).await.map_err(|_| Gone)
    }
}

/// The engine has ended.
struct Gone;

#[cfg(test)]
mod tests;
