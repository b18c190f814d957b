//! Many currents as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::combine::{replace, unknown};
use super::lower::{Lowering, NotLowered, Plan, World};
use super::{Current, Described, Label, Outcome, Pending, Reason};
use crate::error::FailureKind;
use crate::incr::{Compute, Cx, Id, Node};

/// Done when all are done. Fails as soon as one fails: the first failure by position is told, else the first activity
/// by position. What was *skipped* counts as done. None at all is done.
///
/// A change of one member costs O(log n) of the number of members that are not done, whatever its position.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::OpError;
/// use ci_core::current::{all, constant, fail};
///
/// let tests = [constant(()), fail(OpError::permanent("red")), fail(OpError::permanent("red, too"))];
/// assert_eq!(value_of(all(tests)), Err("failed: red".to_owned()));
/// assert_eq!(value_of(all([])), Ok(()));
/// ```
pub fn all(members: impl IntoIterator<Item = Current<()>>) -> Current<()> {
    Current::described_by(All(members.into_iter().collect()))
}

struct All(Vec<Current<()>>);

impl Plan for All {
    fn label(&self) -> Label {
        "all".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        self.0.iter().map(|member| member.description().clone()).collect()
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let members: Vec<_> = inputs.iter().map(|id| id.typed()).collect();
        let moved = (0..members.len() as u32).collect();
        let value = inputs.first().map_or(Ok(()), |first| unknown(*first));
        let cell = AllCell { members, moved, failed: BTreeMap::new(), active: BTreeMap::new(), value };
        Ok(to.add(self.label(), inputs, cell, true).id())
    }
}

struct AllCell {
    members: Vec<Node<Outcome<()>>>,
    /// Positions that changed since the last time.
    moved: Vec<u32>,
    failed: BTreeMap<u32, Reason>,
    active: BTreeMap<u32, Reason>,
    value: Outcome<()>,
}

impl Compute<World> for AllCell {
    type Value = Outcome<()>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        for at in self.moved.drain(..) {
            self.failed.remove(&at);
            self.active.remove(&at);
            if let Err(reason) = cx.get(self.members[at as usize]) {
                match &reason.what {
                    Pending::Failed(failure) if failure.kind == FailureKind::Skipped => None,
                    Pending::Failed(_) => self.failed.insert(at, reason.clone()),
                    Pending::Active(_) => self.active.insert(at, reason.clone()),
                };
            }
        }
        let first = self.failed.values().next().or_else(|| self.active.values().next());
        let new = first.map_or(Ok(()), |reason| Err(reason.clone()));
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<()> {
        &self.value
    }

    fn input_changed(&mut self, slot: u32) {
        self.moved.push(slot);
    }
}
