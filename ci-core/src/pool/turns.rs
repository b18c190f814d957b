//! Names that take turns, whatever the number of things each has.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng, 1996) with a turn for each name: whoever was served has its next turn
//! as much later as the served thing cost, and a name that comes (again) has its first after everybody's next. So one
//! thing of a name that has just come waits for no more than one of each other name, however many those have.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Names one that waits. Who comes later has a larger one.
pub(super) type Ticket = u64;

/// Tickets in the order in which they are to be served.
pub(super) trait Queue: Default {
    /// Where a ticket belongs, below what this queue knows.
    type Path;
    /// Adds one, of what costs so much.
    fn push(&mut self, path: Self::Path, ticket: Ticket, cost: u64);
    /// The next, and its cost.
    fn peek(&self) -> Option<(Ticket, u64)>;
    /// Takes the next.
    fn pop(&mut self) -> Option<(Ticket, u64)>;
    /// Takes one out, wherever it stands.
    fn remove(&mut self, path: &Self::Path, ticket: Ticket);
}

/// Who came first goes first.
#[derive(Debug, Default)]
pub(super) struct Fifo(BTreeMap<Ticket, u64>);

impl Queue for Fifo {
    type Path = ();

    fn push(&mut self, (): (), ticket: Ticket, cost: u64) {
        self.0.insert(ticket, cost);
    }

    fn peek(&self) -> Option<(Ticket, u64)> {
        self.0.first_key_value().map(|(ticket, cost)| (*ticket, *cost))
    }

    fn pop(&mut self) -> Option<(Ticket, u64)> {
        self.0.pop_first()
    }

    fn remove(&mut self, (): &(), ticket: Ticket) {
        self.0.remove(&ticket);
    }
}

/// Names that take turns, each with a queue of its own.
#[derive(Debug)]
pub(super) struct Turns<K, Q> {
    /// By turn; those that came first go first among equals.
    order: BTreeMap<(u64, u64), K>,
    queues: HashMap<K, Turn<Q>>,
    /// The turn of who was served last.
    now: u64,
    /// Counts names that came.
    came: u64,
}

#[derive(Debug)]
struct Turn<Q> {
    at: (u64, u64),
    queue: Q,
}

impl<K, Q> Default for Turns<K, Q> {
    fn default() -> Self {
        Self { order: BTreeMap::new(), queues: HashMap::new(), now: 0, came: 0 }
    }
}

impl<K: Clone + Eq + Hash, Q: Queue> Queue for Turns<K, Q> {
    type Path = (K, Q::Path);

    fn push(&mut self, (name, path): (K, Q::Path), ticket: Ticket, cost: u64) {
        let (now, came, order) = (self.now, &mut self.came, &mut self.order);
        let turn = self.queues.entry(name.clone()).or_insert_with(|| {
            *came += 1;
            let at = (now.saturating_add(1), *came);
            order.insert(at, name);
            Turn { at, queue: Q::default() }
        });
        turn.queue.push(path, ticket, cost);
    }

    fn peek(&self) -> Option<(Ticket, u64)> {
        let (_, name) = self.order.first_key_value()?;
        self.queues.get(name)?.queue.peek()
    }

    fn pop(&mut self) -> Option<(Ticket, u64)> {
        let (at, name) = self.order.pop_first()?;
        let turn = self.queues.get_mut(&name)?;
        let (ticket, cost) = turn.queue.pop()?;
        self.now = at.0;
        if turn.queue.peek().is_some() {
            turn.at.0 = at.0.saturating_add(cost.max(1));
            self.order.insert(turn.at, name);
        } else {
            self.queues.remove(&name);
        }
        Some((ticket, cost))
    }

    fn remove(&mut self, (name, path): &(K, Q::Path), ticket: Ticket) {
        let Some(turn) = self.queues.get_mut(name) else { return };
        turn.queue.remove(path, ticket);
        if turn.queue.peek().is_none() {
            self.order.remove(&turn.at);
            self.queues.remove(name);
        }
    }
}
