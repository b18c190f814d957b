//! A collection that says what changed in it, so that nobody has to compare it with what it was.
//!
//! A list is compared with the last one at the cost of its length ([`Graph::keyed`]). Where changes come one by one and
//! name what they are about, as events do, they are told to a [`Log`] ([`Graph::put`], [`Graph::remove`]), and
//! [`Graph::keyed_log`] keeps a subgraph for each of its keys at the cost of those named.
//!
//! Each key has a *slot* while it is there, and the log of a step is a list of slots to look at again. So to read it
//! twice does no harm, and whoever missed a step (being new, or having panicked) looks at all slots: the collection is
//! the truth, its log but a short way there.

use std::collections::BTreeMap;

use super::compute::Compute;
use super::cx::Cx;
use super::graph::Graph;
use super::id::Node;

mod keyed;

/// Items by key, and which of them the last step changed.
#[derive(Debug)]
pub struct Log<K, T> {
    slots: Vec<Option<Entry<K, T>>>,
    by_key: BTreeMap<K, u32>,
    free: Vec<u32>,
    /// Slots whose entries came, went or changed in the last step that changed any. Some may be named twice.
    touched: Vec<u32>,
    /// Counts those steps.
    version: u64,
    /// Entries ever made.
    made: u64,
}

#[derive(Debug)]
struct Entry<K, T> {
    key: K,
    /// Tells it from others that have its slot at another time.
    number: u64,
    /// `None` once it was removed, for the rest of the step.
    item: Option<T>,
}

impl<K: Ord + Clone, T: PartialEq> Log<K, T> {
    /// The item of a key.
    pub fn get(&self, key: &K) -> Option<&T> {
        self.slots[*self.by_key.get(key)? as usize].as_ref()?.item.as_ref()
    }

    /// All keys and items, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &T)> {
        self.by_key
            .iter()
            .filter_map(|(key, slot)| Some((key, self.slots[*slot as usize].as_ref()?.item.as_ref()?)))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    fn put(&mut self, key: K, item: T) {
        if let Some(&slot) = self.by_key.get(&key) {
            let entry = self.slots[slot as usize].as_mut().expect("because keys name slots in use");
            if entry.item.as_ref() != Some(&item) {
                entry.item = Some(item);
                self.touched.push(slot);
            }
            return;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("because slots don't run out before memory does")
        });
        self.by_key.insert(key.clone(), slot);
        self.slots[slot as usize] = Some(Entry { key, number: self.made, item: Some(item) });
        self.made += 1;
        self.touched.push(slot);
    }

    /// The slot is kept to the end of the step: a key that comes back in it has never been away.
    fn remove(&mut self, key: &K) {
        let Some(&slot) = self.by_key.get(key) else { return };
        if let Some(entry) = &mut self.slots[slot as usize] {
            entry.item = None;
            self.touched.push(slot);
        }
    }

    fn drop_removed(&mut self) {
        for &slot in &self.touched {
            if let Some(entry) = self.slots[slot as usize].take_if(|entry| entry.item.is_none()) {
                self.by_key.remove(&entry.key);
                self.free.push(slot);
            }
        }
    }
}

/// A log, and what is to be done to it in the next step.
struct Kept<K, T> {
    log: Log<K, T>,
    next: Vec<(K, Option<T>)>,
}

impl<W, K, T> Compute<W> for Kept<K, T>
where
    K: Ord + Clone + Send + 'static,
    T: PartialEq + Send + 'static,
{
    type Value = Log<K, T>;

    fn recompute(&mut self, _: &mut Cx<'_, W>) -> bool {
        let Self { log, next } = self;
        // Raised first: if comparing keys or items panics, whoever reads on has missed a step.
        log.version += 1;
        log.touched.clear();
        for (key, item) in next.drain(..) {
            match item {
                Some(item) => log.put(key, item),
                None => log.remove(&key),
            }
        }
        log.drop_removed();
        let changed = !log.touched.is_empty();
        log.version -= u64::from(!changed);
        changed
    }

    fn value(&self) -> &Log<K, T> {
        &self.log
    }
}

impl<W> Graph<W> {
    /// An empty [`Log`].
    pub fn log<K, T>(&mut self) -> Node<Log<K, T>>
    where
        K: Ord + Clone + Send + 'static,
        T: PartialEq + Send + 'static,
    {
        let (slots, by_key, free, touched) = (Vec::new(), BTreeMap::new(), Vec::new(), Vec::new());
        let log = Log { slots, by_key, free, touched, version: 0, made: 0 };
        self.insert(&[], Kept { log, next: Vec::new() })
    }

    /// Gives a key its item in the next step: it comes, or changes. What is said of a key last counts. Returns whether
    /// the log is still there. O(log n).
    ///
    /// # Panics
    ///
    /// If the node was not made by [`Graph::log`].
    pub fn put<K, T>(&mut self, log: Node<Log<K, T>>, key: K, item: T) -> bool
    where
        K: Ord + Clone + Send + 'static,
        T: PartialEq + Send + 'static,
    {
        self.tell_log(log, key, Some(item))
    }

    /// Takes a key away in the next step, if it is there then. Returns whether the log is still there. O(log n).
    ///
    /// # Panics
    ///
    /// If the node was not made by [`Graph::log`].
    pub fn remove<K, T>(&mut self, log: Node<Log<K, T>>, key: K) -> bool
    where
        K: Ord + Clone + Send + 'static,
        T: PartialEq + Send + 'static,
    {
        self.tell_log(log, key, None)
    }

    fn tell_log<K, T>(&mut self, log: Node<Log<K, T>>, key: K, item: Option<T>) -> bool
    where
        K: Ord + Clone + Send + 'static,
        T: PartialEq + Send + 'static,
    {
        let is_there = self.with_mut(log, |kept: &mut Kept<K, T>| kept.next.push((key, item)));
        self.invalidate(log.id());
        is_there
    }
}
