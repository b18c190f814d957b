//! Parts of a picture that are one box until somebody opens it.

use std::any::Any;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::{Current, Described, Label, Outcome, Value, replace, unknown};
use crate::engine::{CollapseView, NodeKind};
use crate::incr::{Compute, Cx, Id, Node};

impl<T: Value> Current<T> {
    /// The same value. In pictures, all that only this is made of is one box behind `input`, until somebody opens
    /// `value` of `key`; several may be open at once.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::{constant, labelled};
    ///
    /// let commit = labelled("commit", "1a2b3c4");
    /// let tested = commit.map(|commit| format!("{commit} is tested"));
    /// assert_eq!(value_of(tested.collapse("branch", "main", &commit)), Ok("1a2b3c4 is tested".to_owned()));
    /// ```
    pub fn collapse<V: Value>(
        &self,
        key: impl Into<Label>,
        value: impl Into<Label>,
        input: &Current<V>,
    ) -> Current<T> {
        let (key, value) = (key.into(), value.into());
        Current::described_by(Collapse {
            key,
            value,
            inner: self.clone(),
            before: input.description().clone(),
        })
    }
}

/// [`Current::collapse`] of several currents, which are one box together. Each keeps its own value.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::{all, collapse_all, constant, labelled};
///
/// let commit = labelled("commit", "1a2b3c4");
/// let tests = ["amd64", "arm64"].map(|platform| commit.map(move |commit| format!("{commit} on {platform}")));
/// let tests = collapse_all("tests", "all", &commit, tests);
/// assert_eq!(value_of(tests[1].clone()), Ok("1a2b3c4 on arm64".to_owned()));
/// ```
pub fn collapse_all<T: Value, V: Value>(
    key: impl Into<Label>,
    value: impl Into<Label>,
    input: &Current<V>,
    currents: impl IntoIterator<Item = Current<T>>,
) -> Vec<Current<T>> {
    let (key, value) = (key.into(), value.into());
    currents.into_iter().map(|current| current.collapse(key.clone(), value.clone(), input)).collect()
}

struct Collapse<T> {
    key: Label,
    value: Label,
    inner: Current<T>,
    before: Arc<Described>,
}

impl<T: Value> Plan for Collapse<T> {
    fn label(&self) -> Label {
        format!("{}={}", self.key, self.value).into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        // What stands before it is written before it.
        vec![self.before.clone(), self.inner.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell = CollapseCell::<T> {
            label: self.label(),
            view: Box::new(CollapseView { key: self.key.to_string(), value: self.value.to_string() }),
            before: inputs[0],
            inner: inputs[1].typed(),
            value: unknown(inputs[1]),
        };
        Ok(to.add(&inputs[1..], cell).id())
    }
}

struct CollapseCell<T> {
    label: Label,
    view: Box<CollapseView>,
    before: Id,
    inner: Node<Outcome<T>>,
    value: Outcome<T>,
}

impl<T: Value> Compute<World> for CollapseCell<T> {
    type Value = Outcome<T>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let new = cx.get(self.inner).clone();
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<T> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let inputs = [self.inner.id(), self.before];
            let mut seen = Seen::new(NodeKind::Collapse, self.label.clone(), inputs, &self.value);
            seen.collapse = Some((*self.view).clone());
            seen
        });
    }
}
