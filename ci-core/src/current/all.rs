//! Many currents as one.

use std::any::Any;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::rank::Rank;
use super::roll::Roll;
use super::{Current, Described, Label, Outcome, Pending, Reason, Value, replace, unknown};
use crate::engine::NodeKind;
use crate::error::{Failure, OpError};
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
    Current::described_by(All {
        label: "all",
        labels: None,
        members: members.into_iter().collect(),
        done: |_| (),
    })
}

/// The values of all, in order. Of reasons why there are none yet, the one that [`all`] would tell is told. What was
/// *skipped* is left out.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::{constant, list};
///
/// let ports = list([constant(80), constant(443)]);
/// assert_eq!(value_of(ports), Ok(vec![80, 443]));
/// ```
pub fn list<T: Value>(members: impl IntoIterator<Item = Current<T>>) -> Current<Vec<T>> {
    let done: Done<T, Vec<T>> = |values| values.cloned().collect();
    Current::described_by(All { label: "list", labels: None, members: members.into_iter().collect(), done })
}

/// The value of a current that need not be there: `None` if it is not.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::{constant, optional};
///
/// assert_eq!(value_of(optional(Some(constant(7)))), Ok(Some(7)));
/// assert_eq!(value_of(optional::<u32>(None)), Ok(None));
/// ```
pub fn optional<T: Value>(current: Option<Current<T>>) -> Current<Option<T>> {
    match current {
        Some(current) => current.map(|value| Some(value.clone())),
        None => super::constant(None),
    }
}

/// Done when all are done, and not told before all are settled: then one failure names all that failed, and why, if
/// they agree on that. What was *skipped* counts as done.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::OpError;
/// use ci_core::current::{all_labelled, constant, fail};
///
/// let full = || fail(OpError::permanent("no space left"));
/// let tests = all_labelled([("amd64", full()), ("arm64", constant(())), ("riscv64", full())]);
/// assert_eq!(value_of(tests), Err("failed: amd64, riscv64 failed: no space left".to_owned()));
/// ```
pub fn all_labelled<L: Into<String>>(members: impl IntoIterator<Item = (L, Current<()>)>) -> Current<()> {
    let (labels, members): (Vec<String>, Vec<_>) =
        members.into_iter().map(|(label, member)| (label.into(), member)).unzip();
    Current::described_by(All { label: "all", labels: Some(labels.into()), members, done: |_| () })
}

type Done<T, U> = fn(&mut dyn Iterator<Item = &T>) -> U;

struct All<T, U> {
    label: &'static str,
    /// What its members are called, if it tells their failures together.
    labels: Option<Arc<[String]>>,
    members: Vec<Current<T>>,
    done: Done<T, U>,
}

impl<T: Value, U: Value> Plan for All<T, U> {
    fn label(&self) -> Label {
        self.label.into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        self.members.iter().map(|member| member.description().clone()).collect()
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let members: Vec<_> = inputs.iter().map(|id| id.typed()).collect();
        let value = match inputs.first() {
            Some(first) => unknown(*first),
            None => Ok((self.done)(&mut std::iter::empty())),
        };
        let (label, labels, done) = (self.label, self.labels.clone(), self.done);
        let cell = AllCell { label, labels, members, roll: Roll::default(), done, value };
        Ok(to.graph.insert_with_slots(inputs, cell).id())
    }
}

struct AllCell<T, U> {
    label: &'static str,
    labels: Option<Arc<[String]>>,
    members: Vec<Node<Outcome<T>>>,
    roll: Roll,
    done: Done<T, U>,
    value: Outcome<U>,
}

impl<T: Value, U: Value> Compute<World> for AllCell<T, U> {
    type Value = Outcome<U>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        self.roll.call(&self.members, cx);
        let rank = self.roll.rank();
        let reason = match &self.labels {
            None => rank.first().cloned(),
            Some(labels) => rank.first_active().cloned().or_else(|| {
                let what = Pending::Failed(Arc::new(Failure::from(&together(rank, labels)?)));
                Some(Reason { origin: cx.me(), what })
            }),
        };
        let new = match reason {
            Some(reason) => Err(reason),
            // What has no value here was skipped.
            None => Ok((self.done)(&mut self.members.iter().filter_map(|at| cx.get(*at).as_ref().ok()))),
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<U> {
        &self.value
    }

    fn input_changed(&mut self, slot: u32) {
        self.roll.moved(slot);
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let inputs: Vec<_> = self.members.iter().map(|member| member.id()).collect();
            let seen = Seen::new(NodeKind::Combinator, self.label, inputs, &self.value);
            if self.labels.is_some() { seen.shown() } else { seen }
        });
    }
}

/// How many failures are named together.
const NAMED_MAX: usize = 20;

/// All failures as one.
fn together(rank: &Rank, labels: &[String]) -> Option<OpError> {
    let failures: Vec<_> = rank.failures().collect();
    let (_, first) = failures.first()?;
    let named = failures.iter().take(NAMED_MAX).map(|(at, _)| labels[*at as usize].as_str());
    let mut said = named.collect::<Vec<_>>().join(", ");
    if failures.len() > NAMED_MAX {
        said.push_str(&format!(" and {} more", failures.len() - NAMED_MAX));
    }
    said.push_str(" failed");
    let agree = failures.iter().all(|(_, failure)| failure.message == first.message);
    let said = if agree { format!("{said}: {}", first.message) } else { said };
    let error = OpError::new(first.kind, said);
    Some(match first.hint.as_ref().filter(|_| agree) {
        Some(hint) => error.with_hint(hint.clone()),
        None => error,
    })
}
