//! A monitor that reads what the test says.

use std::any::{Any, TypeId, type_name};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Puppets, bare};
use crate::error::{Failure, OpError};
use crate::monitor::{Monitor, Watch};

/// What the outside holds, as far as the test has said.
type Held = Option<Result<Arc<dyn Any + Send + Sync>, Failure>>;

/// What monitors of one type and label look at.
pub(crate) struct Source {
    /// What the monitor calls it.
    own: String,
    /// What nodes of the pipeline call it.
    labels: Mutex<Vec<String>>,
    type_id: TypeId,
    /// The type of its values.
    pub(crate) takes: &'static str,
    takes_id: TypeId,
    held: watch::Sender<Held>,
    /// How many reads wait for the test.
    waiting: AtomicUsize,
}

impl Source {
    fn labels(&self) -> MutexGuard<'_, Vec<String>> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is called, by people first.
    pub(crate) fn names(&self) -> Vec<String> {
        self.labels().iter().chain([&self.own]).cloned().collect()
    }

    /// Whether it holds values of `V`.
    pub(crate) fn is_of<V: Any>(&self) -> bool {
        self.takes_id == TypeId::of::<V>()
    }

    /// Lets it hold this from now on, and says that it changed. `None`: the next read waits until something is said.
    pub(crate) fn hold(&self, held: Held) {
        self.held.send_replace(held);
    }

    /// Whether somebody reads it and nobody has said what it holds.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Puppets {
    /// What is read in the place of a monitor, for a node called `label`.
    pub(crate) fn monitor<M: Monitor>(&self, monitor: &M, label: &str) -> Parked<M> {
        let (type_id, own) = (TypeId::of::<M>(), monitor.label());
        let mut cast = self.cast();
        let known = cast.sources.iter().find(|known| known.type_id == type_id && known.own == own);
        let source = known.cloned().unwrap_or_else(|| {
            let source = Arc::new(Source {
                own,
                labels: Mutex::default(),
                type_id,
                takes: bare(type_name::<M::Value>()),
                takes_id: TypeId::of::<M::Value>(),
                held: watch::Sender::new(None),
                waiting: AtomicUsize::new(0),
            });
            cast.sources.push(source.clone());
            source
        });
        let mut labels = source.labels();
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
        drop(labels);
        Parked { source, monitor: std::marker::PhantomData }
    }
}

/// In the place of a monitor `M`.
pub(crate) struct Parked<M> {
    source: Arc<Source>,
    monitor: std::marker::PhantomData<fn() -> M>,
}

pub(crate) struct Changes(watch::Receiver<Held>);

impl Watch for Changes {
    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A read that waits for the test.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn on(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<M: Monitor> Monitor for Parked<M> {
    type Value = M::Value;
    type Watch = Changes;

    fn label(&self) -> String {
        self.source.own.clone()
    }

    async fn watch(&self) -> Changes {
        Changes(self.source.held.subscribe())
    }

    async fn read(&self) -> Result<M::Value, OpError> {
        let _waiting = Waiting::on(&self.source.waiting);
        let mut held = self.source.held.subscribe();
        let said = held.wait_for(Option::is_some).await.expect("because the source keeps its sender");
        match said.as_ref().expect("because that was waited for") {
            Ok(value) => {
                Ok(value.downcast_ref::<M::Value>().expect("because no other value is let in").clone())
            }
            Err(Failure { kind, message, hint }) => {
                let error = OpError::new(*kind, message.clone());
                Err(hint.iter().fold(error, |error, hint| error.with_hint(hint.clone())))
            }
        }
    }
}
