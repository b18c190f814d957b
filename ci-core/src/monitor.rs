//! Values of the outside world, read and watched: the head of a branch, a clock.
//!
//! Each monitor that somebody wants has one task: *subscribe → read → tell → wait for a change → read …* Subscribing
//! comes first, so that a change between reading and waiting is not lost. Events only say "look again"; the value is
//! always read. Monitors are shared by their type and label.
//!
//! A read that fails in a way that may pass keeps the last good value, flagged stale, and is tried again after a
//! back-off, or at the next event. A permanent failure (the branch is gone) takes the value's place; a panic is one.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;

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

/// A value of the outside world.
pub trait Monitor: Send + Sync + 'static {
    /// What is read. `Display` is for people.
    type Value: Clone + PartialEq + fmt::Display + Send + Sync + 'static;
    /// A subscription to changes.
    type Watch: Watch;

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
    /// or when it is time to look anyway. Safe to cancel.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
}

type Value = Arc<dyn Any + Send + Sync>;

/// What a monitor's task tells the engine's thread.
pub(crate) struct Message {
    generation: u64,
    read: Result<Value, Failure>,
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
    nodes: Vec<Id>,
    value: Option<Value>,
    /// The newest read failed. With a value beside it, that is stale.
    failure: Option<Arc<Failure>>,
    /// While both are there.
    stale: Option<Doubt>,
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
            None => {
                self.next_generation += 1;
                let generation = self.next_generation;
                let task = Task {
                    monitor: monitor.clone(),
                    generation,
                    events: self.events.clone(),
                    mailbox: self.mailbox.clone(),
                    source: name.1.clone(),
                    last: None,
                    pace: self.pace,
                    pause: self.pace.read_retry_min,
                };
                let task = Owned(self.runtime.spawn(task.run()));
                self.by_label.insert(name, generation);
                let instance =
                    Instance { nodes: Vec::new(), value: None, failure: None, stale: None, _task: task };
                self.instances.insert(generation, instance);
                generation
            }
        };
        if let Some(instance) = self.instances.get_mut(&generation) {
            instance.nodes.push(node);
        }
        Watched { generation, node, released: self.released.clone() }
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

    /// Takes in what a task told. Returns the nodes that have to look again.
    pub(crate) fn hear(&mut self, message: Message) -> Vec<Id> {
        let Some(instance) = self.instances.get_mut(&message.generation) else { return Vec::new() };
        match message.read {
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

    /// Whether each monitor was read once. One that could not be read, in a way that may pass, was not.
    pub(crate) fn all_read(&self) -> bool {
        let is_gone = |failure: &Arc<Failure>| !failure.kind.is_retried();
        self.instances.values().all(|i| i.value.is_some() || i.failure.as_ref().is_some_and(is_gone))
    }

    /// Ends a step: monitors that nobody wants any more are ended.
    pub(crate) fn settle(&mut self) {
        let released = std::mem::take(&mut *self.released.lock().unwrap_or_else(PoisonError::into_inner));
        for (generation, node) in released {
            let Some(instance) = self.instances.get_mut(&generation) else { continue };
            if let Some(at) = instance.nodes.iter().position(|n| *n == node) {
                instance.nodes.swap_remove(at);
            }
            if instance.nodes.is_empty() {
                self.instances.remove(&generation);
                self.by_label.retain(|_, g| *g != generation);
            }
        }
    }

    /// Ends every task.
    pub(crate) fn stop(&mut self) {
        self.instances.clear();
        self.by_label.clear();
    }
}

/// One monitor's task, until it is aborted by its owner.
struct Task<M: Monitor> {
    monitor: Arc<M>,
    generation: u64,
    events: Events,
    mailbox: mpsc::Sender<Message>,
    source: String,
    last: Option<Result<M::Value, Failure>>,
    pace: Pace,
    /// Before the next read, if this one fails.
    pause: Duration,
}

impl<M: Monitor> Task<M> {
    /// Returns when nobody listens any more.
    async fn run(mut self) {
        loop {
            if let Ok(()) = AssertUnwindSafe(self.watch()).catch_unwind().await {
                return;
            }
            let failure = Failure::from(&OpError::permanent(format!("watching {} panicked", self.source)));
            if self.tell(Err(failure)).await.is_err() {
                return;
            }
            tokio::time::sleep(self.next_pause()).await;
        }
    }

    async fn watch(&mut self) {
        let mut watch = self.monitor.watch().await;
        loop {
            let read = self.read().await;
            let failed = read.is_err();
            if self.tell(read).await.is_err() {
                return;
            }
            if !failed {
                self.pause = self.pace.read_retry_min;
                watch.changed().await;
                continue;
            }
            let pause = self.next_pause();
            tokio::select! {
                () = watch.changed() => {}
                () = tokio::time::sleep(pause) => {
                    // What could not be subscribed to before (a folder that was missing) may be there by now.
                    watch = self.monitor.watch().await;
                }
            }
        }
    }

    async fn read(&self) -> Result<M::Value, Failure> {
        let read = AssertUnwindSafe(self.monitor.read()).catch_unwind().await;
        let error = match read {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(_) => OpError::permanent(format!("reading {} panicked", self.source)),
        };
        tracing::debug!(source = %self.source, cause = ?std::error::Error::source(&error), "{error}");
        Err(Failure::from(&error))
    }

    fn next_pause(&mut self) -> Duration {
        let now = self.pause;
        self.pause = now.saturating_mul(2).min(self.pace.read_retry_max);
        now
    }

    /// Tells what differs from the last.
    async fn tell(&mut self, read: Result<M::Value, Failure>) -> Result<(), Gone> {
        if self.last.as_ref() == Some(&read) {
            return Ok(());
        }
        self.events.emit(match &read {
            Ok(value) => What::Read { source: self.source.clone(), value: value.to_string() },
            Err(failure) => What::ReadFailed { source: self.source.clone(), failure: failure.clone() },
        });
        let value = read.clone().map(|value| Arc::new(value) as Value);
        self.mailbox.send(Message { generation: self.generation, read: value }).await.map_err(|_| Gone)?;
        self.last = Some(read);
        Ok(())
    }
}

/// The engine has ended.
struct Gone;
