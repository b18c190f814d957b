//! A list's entries, each key once.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::lower::World;
use super::super::portrait::{Seen, sit};
use super::super::{Label, Outcome, Value, guarded, replace, unknown};
use super::{Entries, Name};
use crate::engine::NodeKind;
use crate::incr::{Compute, Cx, Node};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distinct<K, T> {
    pub(super) entries: Vec<(K, T)>,
    /// For each place of the list the entry that it names, if any is named twice.
    pub(super) order: Option<Arc<[u32]>>,
    /// A key that the list gives two different elements. The entries are none, then.
    pub(super) conflict: Option<String>,
}

pub(super) struct DistinctCell<S, K, T> {
    label: Label,
    source: Node<Outcome<S>>,
    entries: Arc<Entries<S, K, T>>,
    name: Arc<Name<K>>,
    value: Outcome<Distinct<K, T>>,
}

impl<S, K, T> DistinctCell<S, K, T> {
    pub(super) fn new(
        label: Label,
        source: Node<Outcome<S>>,
        entries: Arc<Entries<S, K, T>>,
        name: Arc<Name<K>>,
    ) -> Self {
        Self { label, source, entries, name, value: unknown(source.id()) }
    }
}

/// The entries, and for each place of the list the one that it names, if any is named twice.
type Kept<K, T> = (Vec<(K, T)>, Option<Arc<[u32]>>);

/// `Err`: the key of two entries that differ.
fn distinct<K: Ord + Clone, T: PartialEq>(entries: Vec<(K, T)>) -> Result<Kept<K, T>, K> {
    let sorted = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if sorted {
        return Ok((entries, None));
    }
    let mut places = BTreeMap::new();
    let mut kept: Vec<(K, T)> = Vec::with_capacity(entries.len());
    let mut order = Vec::with_capacity(entries.len());
    for (key, item) in entries {
        let at = *places.entry(key.clone()).or_insert(kept.len() as u32);
        order.push(at);
        match kept.get(at as usize) {
            None => kept.push((key, item)),
            Some((_, known)) if *known == item => {}
            Some(_) => return Err(key),
        }
    }
    let twice = kept.len() < order.len();
    Ok((kept, twice.then(|| order.into())))
}

impl<S: Value, K, T: Value> Compute<World> for DistinctCell<S, K, T>
where
    K: Ord + Clone + Send + Sync + 'static,
{
    type Value = Outcome<Distinct<K, T>>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let new = match cx.get(self.source) {
            Err(reason) => Err(reason.clone()),
            Ok(list) => guarded(me, || {
                Ok(match distinct((self.entries)(list)) {
                    Ok((entries, order)) => Distinct { entries, order, conflict: None },
                    Err(key) => {
                        Distinct { entries: Vec::new(), order: None, conflict: Some((self.name)(&key)) }
                    }
                })
            }),
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Self::Value {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            Seen::new(NodeKind::Combinator, self.label.clone(), [self.source.id()], &self.value)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_entries_are_one_and_different_ones_of_a_key_a_conflict() {
        assert_eq!(distinct(vec![('a', 1), ('b', 2)]), Ok((vec![('a', 1), ('b', 2)], None)));
        assert_eq!(distinct(vec![('b', 2), ('a', 1)]), Ok((vec![('b', 2), ('a', 1)], None)));
        let order: Arc<[u32]> = [0, 1, 0].into();
        assert_eq!(distinct(vec![('b', 2), ('a', 1), ('b', 2)]), Ok((vec![('b', 2), ('a', 1)], Some(order))));
        assert_eq!(distinct(vec![('b', 2), ('a', 1), ('b', 3)]), Err('b'));
    }
}
