//! What is made of many values in order, kept up to date one value at a time.

use std::mem;
use std::ops::Range;

/// A summary of a row of leaves.
///
/// It is told what changed, then settles. If something panics before it has settled, it is rebuilt next.
pub trait Aggregate: Send + 'static {
    /// What each input gives.
    type Leaf: Clone + PartialEq + Send + 'static;
    /// What is made of them.
    type Value: Send + 'static;

    /// Starts again with these leaves.
    fn rebuild(&mut self, leaves: impl Iterator<Item = Self::Leaf>);

    /// Puts leaves where others were; those behind move along. At most once before it settles, and then first.
    fn splice(&mut self, gone: Range<usize>, leaves: Vec<Self::Leaf>);

    /// Replaces the leaf at a position: each at most once before it settles, none that came in the same step, and not
    /// after a rebuild.
    fn set(&mut self, at: usize, leaf: Self::Leaf);

    /// Brings the value up to date; returns whether it changed since it last settled.
    fn settle(&mut self) -> bool;

    /// The value when it last settled.
    fn value(&self) -> &Self::Value;
}

/// An associative function over the row, as a segment tree: O(log n) for a changed leaf, less when a part of the
/// tree comes out equal. The function need not be commutative.
#[derive(Debug)]
pub struct Tree<A, C> {
    /// The leaves, then what pairs of them give (the last alone, if odd), then pairs of those, down to one.
    nodes: Vec<A>,
    leaves: usize,
    /// What settled last.
    value: A,
    empty: A,
    combine: C,
    /// Leaves to carry upwards.
    dirty: Vec<u32>,
}

impl<A: Clone, C: Fn(&A, &A) -> A> Tree<A, C> {
    /// A tree that gives `empty` while it has no leaves. `combine` must be associative.
    pub fn new(empty: A, combine: C) -> Self {
        Self { nodes: Vec::new(), leaves: 0, value: empty.clone(), empty, combine, dirty: Vec::new() }
    }

    /// Makes the pairs anew above the leaves, which are all there is.
    fn raise(&mut self) {
        self.dirty.clear();
        self.leaves = self.nodes.len();
        self.nodes.reserve(self.leaves);
        let (mut start, mut end) = (0, self.leaves);
        while end - start > 1 {
            for at in (0..end - start).step_by(2) {
                let above = pair(&self.nodes[start..end], at, &self.combine);
                self.nodes.push(above);
            }
            (start, end) = (end, self.nodes.len());
        }
    }
}

/// What stands above position `at` of a level.
#[inline]
fn pair<A: Clone>(level: &[A], at: usize, combine: &impl Fn(&A, &A) -> A) -> A {
    let right = at | 1;
    if right < level.len() { combine(&level[right - 1], &level[right]) } else { level[at].clone() }
}

/// Brings what stands above position `at` of a level up to date; returns whether it changed.
#[inline]
fn carry<A: Clone + PartialEq>(
    level: &[A],
    above: &mut [A],
    at: usize,
    combine: &impl Fn(&A, &A) -> A,
) -> bool {
    let new = pair(level, at, combine);
    let old = &mut above[at / 2];
    let changed = *old != new;
    if changed {
        *old = new;
    }
    changed
}

impl<A, C> Aggregate for Tree<A, C>
where
    A: Clone + PartialEq + Send + 'static,
    C: Fn(&A, &A) -> A + Send + 'static,
{
    type Leaf = A;
    type Value = A;

    fn rebuild(&mut self, leaves: impl Iterator<Item = A>) {
        self.nodes.clear();
        self.nodes.extend(leaves);
        self.raise();
    }

    /// O(n): all pairs behind are others.
    fn splice(&mut self, gone: Range<usize>, leaves: Vec<A>) {
        self.nodes.truncate(self.leaves);
        self.nodes.splice(gone, leaves);
        self.raise();
    }

    fn set(&mut self, at: usize, leaf: A) {
        let old = &mut self.nodes[..self.leaves][at];
        if *old != leaf {
            *old = leaf;
            self.dirty.push(u32::try_from(at).expect("because a node has fewer than 2^32 inputs"));
        }
    }

    fn settle(&mut self) -> bool {
        let Self { nodes, dirty, combine, .. } = self;
        let (mut level, mut above) = nodes.split_at_mut(self.leaves);
        while dirty.len() > 1 && level.len() > 1 {
            // Of two that meet, the second finds the pair up to date, and is not carried further (unless it is such
            // that it never equals itself).
            dirty.retain_mut(|at| {
                let changed = carry(level, above, *at as usize, combine);
                *at /= 2;
                changed
            });
            let len = level.len().div_ceil(2);
            (level, above) = above.split_at_mut(len);
        }
        if let Some(at) = dirty.pop() {
            let mut at = at as usize;
            while level.len() > 1 && carry(level, above, at, combine) {
                let len = level.len().div_ceil(2);
                (level, above) = above.split_at_mut(len);
                at /= 2;
            }
        }
        dirty.clear();
        let root = self.nodes.last().unwrap_or(&self.empty);
        let changed = *root != self.value;
        if changed {
            self.value.clone_from(root);
        }
        changed
    }

    fn value(&self) -> &A {
        &self.value
    }
}

/// A function with an inverse over the row, such as a sum or counts: O(1) for a changed leaf. It must be associative
/// and commutative, and exact (no floats: their errors would add up).
#[derive(Debug)]
pub struct Group<A, Add, Sub> {
    leaves: Vec<A>,
    /// What settled last.
    value: A,
    next: A,
    empty: A,
    add: Add,
    sub: Sub,
}

impl<A: Clone, Add, Sub> Group<A, Add, Sub> {
    /// A group that gives `empty` while it has no leaves. `sub` undoes `add`.
    pub fn new(empty: A, add: Add, sub: Sub) -> Self {
        Self { leaves: Vec::new(), value: empty.clone(), next: empty.clone(), empty, add, sub }
    }
}

impl<A, Add, Sub> Aggregate for Group<A, Add, Sub>
where
    A: Clone + PartialEq + Send + 'static,
    Add: Fn(&A, &A) -> A + Send + 'static,
    Sub: Fn(&A, &A) -> A + Send + 'static,
{
    type Leaf = A;
    type Value = A;

    fn rebuild(&mut self, leaves: impl Iterator<Item = A>) {
        self.leaves.clear();
        self.leaves.extend(leaves);
        self.next = self.leaves.iter().fold(self.empty.clone(), |sum, leaf| (self.add)(&sum, leaf));
    }

    fn splice(&mut self, gone: Range<usize>, leaves: Vec<A>) {
        let without =
            self.leaves[gone.clone()].iter().fold(self.next.clone(), |sum, leaf| (self.sub)(&sum, leaf));
        self.next = leaves.iter().fold(without, |sum, leaf| (self.add)(&sum, leaf));
        self.leaves.splice(gone, leaves);
    }

    fn set(&mut self, at: usize, leaf: A) {
        let without = (self.sub)(&self.next, &self.leaves[at]);
        self.next = (self.add)(&without, &leaf);
        self.leaves[at] = leaf;
    }

    fn settle(&mut self) -> bool {
        let changed = self.next != self.value;
        if changed {
            self.value = self.next.clone();
        }
        changed
    }

    fn value(&self) -> &A {
        &self.value
    }
}

/// The values themselves, as a `Vec`: O(1) for a changed leaf.
#[derive(Debug)]
pub struct Row<B> {
    value: Vec<B>,
    changed: bool,
}

impl<B> Default for Row<B> {
    fn default() -> Self {
        Self { value: Vec::new(), changed: false }
    }
}

impl<B: Clone + PartialEq + Send + 'static> Aggregate for Row<B> {
    type Leaf = B;
    type Value = Vec<B>;

    fn rebuild(&mut self, leaves: impl Iterator<Item = B>) {
        let value: Vec<_> = leaves.collect();
        if value != self.value {
            self.value = value;
            self.changed = true;
        }
    }

    fn splice(&mut self, gone: Range<usize>, leaves: Vec<B>) {
        if self.value[gone.clone()] != leaves[..] {
            self.value.splice(gone, leaves);
            self.changed = true;
        }
    }

    fn set(&mut self, at: usize, leaf: B) {
        if self.value[at] != leaf {
            self.value[at] = leaf;
            self.changed = true;
        }
    }

    fn settle(&mut self) -> bool {
        mem::take(&mut self.changed)
    }

    fn value(&self) -> &Vec<B> {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Batch {
        Rebuild(Vec<u8>),
        Change { from: usize, to: usize, leaves: Vec<u8>, sets: BTreeMap<usize, u8> },
    }

    /// Drives an aggregate and compares it with `naive` after each settling.
    fn check<G>(mut aggregate: G, naive: impl Fn(&[u8]) -> G::Value, batches: &[Batch])
    where
        G: Aggregate<Leaf = String>,
        G::Value: Clone + PartialEq + std::fmt::Debug,
    {
        let leaf = |x: u8| char::from(b'a' + x).to_string();
        let mut row = Vec::new();
        for batch in batches {
            let before = aggregate.value().clone();
            match batch {
                Batch::Rebuild(new) => {
                    row.clone_from(new);
                    aggregate.rebuild(row.iter().copied().map(leaf));
                }
                Batch::Change { from, to, leaves, sets } => {
                    let (from, to) = (*from.min(&row.len()), *to.min(&row.len()));
                    let came = from..from + leaves.len();
                    if from < to || !leaves.is_empty() {
                        row.splice(from..to, leaves.iter().copied());
                        aggregate.splice(from..to, leaves.iter().copied().map(leaf).collect());
                    }
                    for (&at, &x) in sets.range(..row.len()).filter(|(at, _)| !came.contains(at)) {
                        row[at] = x;
                        aggregate.set(at, leaf(x));
                    }
                }
            }
            let after = naive(&row);
            assert_eq!(aggregate.settle(), before != after);
            assert_eq!(aggregate.value(), &after);
        }
    }

    /// How often each letter is in the text, as a text: has an inverse, and does not care for the order.
    fn count(row: &str) -> String {
        let mut letters: Vec<char> = row.chars().collect();
        letters.sort_unstable();
        letters.into_iter().collect()
    }

    fn minus(from: &str, what: &str) -> String {
        let mut from = from.to_owned();
        for letter in what.chars() {
            from.remove(from.find(letter).expect("because it was added"));
        }
        from
    }

    fn batch() -> impl Strategy<Value = Batch> {
        let sets = || prop::collection::btree_map(0..20_usize, 0..4_u8, 0..6);
        let leaves = prop::collection::vec(0..4_u8, 0..6);
        prop_oneof![
            1 => prop::collection::vec(0..4_u8, 0..20).prop_map(Batch::Rebuild),
            3 => sets().prop_map(|sets| Batch::Change { from: 0, to: 0, leaves: Vec::new(), sets }),
            3 => (0..20_usize, 0..6_usize, leaves, sets())
                .prop_map(|(from, len, leaves, sets)| Batch::Change { from, to: from + len, leaves, sets }),
        ]
    }

    proptest! {
        #[test]
        fn each_equals_what_is_made_from_nothing(batches in prop::collection::vec(batch(), 0..12)) {
            let text = |row: &[u8]| row.iter().map(|x| char::from(b'a' + x)).collect::<String>();
            let letters = |row: &[u8]| row.iter().map(|x| char::from(b'a' + x).to_string()).collect::<Vec<_>>();
            check(Tree::new(String::new(), |a: &String, b: &String| format!("{a}{b}")), text, &batches);
            let add = |a: &String, b: &String| count(&format!("{a}{b}"));
            check(Group::new(String::new(), add, |a: &String, b: &String| minus(a, b)), |row| count(&text(row)), &batches);
            check(Row::default(), letters, &batches);
        }
    }

    #[test]
    fn values_that_never_equal_themselves_do_no_harm() {
        let mut tree = Tree::new(0.0_f64, |a: &f64, b: &f64| a + b);
        tree.rebuild([1.0, 2.0, 3.0, 4.0].into_iter());
        assert!(tree.settle());
        for _ in 0..2 {
            (0..4).for_each(|at| tree.set(at, f64::NAN));
            assert!(tree.settle() && tree.value().is_nan());
        }
        (0..4).for_each(|at| tree.set(at, 1.0));
        assert!(tree.settle() && *tree.value() == 4.0);
        assert!(!tree.settle());
    }

    #[test]
    fn a_changed_leaf_costs_its_way_to_the_root() {
        use std::sync::atomic::{AtomicU32, Ordering};
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let calls = &CALLS;
        let mut tree = Tree::new(0_u32, move |a: &u32, b: &u32| {
            calls.fetch_add(1, Ordering::Relaxed);
            *a.max(b)
        });
        tree.rebuild(0..1000);
        assert!(tree.settle() && *tree.value() == 999);
        calls.store(0, Ordering::Relaxed);
        tree.set(500, 2000);
        assert!(tree.settle() && calls.swap(0, Ordering::Relaxed) <= 10);
        tree.set(500, 1999);
        tree.set(0, 1);
        assert!(tree.settle() && calls.swap(0, Ordering::Relaxed) <= 12, "a path ends where nothing changes");
    }
}
