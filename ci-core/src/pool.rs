//! What jobs wait for, so that not everything runs at once.
//!
//! A pool has a number of units, its *slots*: two builds at once, or 8 gigabytes. Who asks for some that are not free
//! waits in line (`pool/line.rs`): the higher priority goes first, and a lower one rises with time; within one priority
//! repositories take turns, and within a repository its pull requests do; within those, who came first goes first. Who is
//! next and needs more than is free is waited for: nobody overtakes it, or what needs much would never start.
//!
//! What is not counted in slots, such as free space on a disk, is a [`Resource`]: a pool may need one besides.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub use self::disk::FreeSpace;
pub use self::line::AGEING;
use self::line::Line;
pub use self::meter::{Meter, Summary};

mod disk;
mod line;
mod meter;
mod turns;

/// How soon one goes, before those of a lower priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Nobody waits for it: the value that there is serves meanwhile.
    Low,
    /// As most.
    #[default]
    Normal,
    /// A person waits for it.
    High,
}

/// On whose behalf a job runs: those take turns. Equal when the names are.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share {
    repository: Arc<str>,
    change: Arc<str>,
}

impl Share {
    /// A repository's.
    pub fn of(repository: impl Into<Arc<str>>) -> Self {
        Self { repository: repository.into(), change: Arc::default() }
    }

    /// A part of it that takes turns with its other parts: a pull request, a branch.
    #[must_use]
    pub fn within(self, change: impl Into<Arc<str>>) -> Self {
        Self { change: change.into(), ..self }
    }
}

/// What is asked of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// See [`Priority`].
    pub priority: Priority,
    /// See [`Share`].
    pub share: Share,
    /// How many slots. More than the pool has counts as all it has.
    pub slots: usize,
}

impl Default for Ask {
    /// One slot, for nobody in particular.
    fn default() -> Self {
        Self { priority: Priority::default(), share: Share::default(), slots: 1 }
    }
}

/// Something besides slots that has to be there before a job starts.
pub trait Resource: Send + Sync + 'static {
    /// For people: `disk`.
    fn name(&self) -> &str;

    /// Returns when it is there, with what holds it until the job ends; dropping the future gives up. Whatever is told to
    /// `waits` completes "waiting for disk: …" for people, and may be told again when it has changed.
    fn acquire<'a>(
        &'a self,
        ask: &'a Ask,
        waits: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Box<dyn Send + Sync>>;
}

/// What one waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Its turn, and slots.
    Slots,
    /// Something besides.
    Resource {
        /// Its [name](Resource::name).
        name: String,
        /// How much of it there is: `3.1 of 10 GB`.
        what: String,
    },
}

impl Lack {
    /// Whether it is the same that is waited for, however much there is of it now.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Slots, Self::Slots) => true,
            (Self::Resource { name, .. }, Self::Resource { name: other, .. }) => name == other,
            _ => false,
        }
    }
}

/// Who is told what one waits for, whenever that changes.
pub type Tell<'t> = &'t (dyn Fn(Lack) + Send + Sync);

/// A pool has at most so many slots.
pub const SIZE_MAX: usize = 1 << 48;

/// Slots shared by the operations that use them. Cheap to clone; clones share the slots.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    size: usize,
    needs: Vec<Arc<dyn Resource>>,
    state: Mutex<State>,
}

struct State {
    /// Less than none while more run than there are slots: see [`Pool::take_over`].
    free: i64,
    line: Line<oneshot::Sender<Taken>>,
    meter: Meter,
}

/// Slots of a [`Pool`], given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _held: Vec<Held>,
    _taken: Taken,
}

struct Held(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send + Sync>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// Slots that somebody has.
#[derive(Debug)]
struct Taken {
    pool: Pool,
    slots: usize,
    since: Instant,
}

impl Drop for Taken {
    fn drop(&mut self) {
        {
            let mut state = self.pool.state();
            state.free += self.slots as i64;
            state.meter.used(self.since.elapsed());
        }
        self.pool.serve();
    }
}

impl Pool {
    /// A pool of `size` slots, at least one. The name is for people: `builds`.
    pub fn new(name: impl Into<Arc<str>>, size: usize) -> Self {
        Self::needing(name, size, Vec::new())
    }

    /// A pool whose jobs need more than a slot: once they have theirs, these in turn.
    pub fn needing(name: impl Into<Arc<str>>, size: usize, needs: Vec<Arc<dyn Resource>>) -> Self {
        let size = size.clamp(1, SIZE_MAX);
        let state = State { free: size as i64, line: Line::default(), meter: Meter::default() };
        Self(Arc::new(Shared { name: name.into(), size, needs, state: Mutex::new(state) }))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How many slots there are.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// Whether they are one pool, and not two of one name.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How much it was used, and how long was waited for it.
    pub fn meter(&self) -> Meter {
        let state = self.state();
        let in_use = usize::try_from(self.0.size as i64 - state.free).unwrap_or_default();
        Meter { capacity: self.0.size, in_use, waiting: state.line.len(), ..state.meter.clone() }
    }

    /// For what runs already, having been found again after a restart: takes slots whether there are any or not, and
    /// nothing else. Nobody new gets one until as many are free as there are slots again.
    pub fn take_over(&self, ask: &Ask) -> Slot {
        let slots = self.clamped(ask.slots);
        self.state().free -= slots as i64;
        Slot { _held: Vec::new(), _taken: Taken { pool: self.clone(), slots, since: Instant::now() } }
    }

    /// Waits for what is asked. Dropping the future leaves the line at once. `tell` hears nothing if nothing has to be
    /// waited for.
    pub async fn acquire(&self, ask: &Ask, tell: Tell<'_>) -> Slot {
        let taken = match self.take_now(ask) {
            Some(taken) => taken,
            None => self.wait_in_line(ask, tell).await,
        };
        let mut held = Vec::new();
        for need in &self.0.needs {
            let told = |what| tell(Lack::Resource { name: need.name().to_owned(), what });
            held.push(Held(need.acquire(ask, &told).await));
        }
        Slot { _held: held, _taken: taken }
    }

    fn take_now(&self, ask: &Ask) -> Option<Taken> {
        let slots = self.clamped(ask.slots);
        let mut state = self.state();
        if state.line.len() > 0 || state.free < slots as i64 {
            return None;
        }
        state.free -= slots as i64;
        state.meter.waited(Duration::ZERO);
        Some(Taken { pool: self.clone(), slots, since: Instant::now() })
    }

    async fn wait_in_line(&self, ask: &Ask, tell: Tell<'_>) -> Taken {
        let (give, given) = oneshot::channel();
        let ticket = {
            let mut state = self.state();
            let slots = self.clamped(ask.slots);
            state.line.join(ask.priority, ask.share.clone(), slots, Instant::now(), give)
        };
        let _place = Place { pool: self, ticket };
        tell(Lack::Slots);
        // There may be room: somebody left between the two looks.
        self.serve();
        given.await.expect("because the line lives as long as the pool, which is held here")
    }

    /// Gives to those in line what is free.
    fn serve(&self) {
        loop {
            let (taken, give) = {
                let mut state = self.state();
                let now = Instant::now();
                let free = usize::try_from(state.free).unwrap_or_default();
                let Some(next) = state.line.next(now, free) else { return };
                state.free -= next.slots as i64;
                state.meter.waited(now.saturating_duration_since(next.since));
                (Taken { pool: self.clone(), slots: next.slots, since: now }, next.what)
            };
            // Who has left just now gives it back by dropping it, which serves the next.
            let _left = give.send(taken);
        }
    }

    fn clamped(&self, slots: usize) -> usize {
        slots.clamp(1, self.0.size)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line, left when dropped.
struct Place<'p> {
    pool: &'p Pool,
    ticket: line::Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let left = self.pool.state().line.leave(self.ticket);
        // Who needed much may have been first, and what is free be enough for the next.
        if left.is_some() {
            self.pool.serve();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = self.state().free;
        write!(f, "Pool({}: {free} of {} free)", self.0.name, self.0.size)
    }
}

#[cfg(test)]
mod tests;
