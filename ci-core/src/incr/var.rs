//! A value set from outside.

use super::compute::Compute;
use super::cx::Cx;
use super::graph::Graph;
use super::id::Node;

/// What is set is read after the next step, so that a batch of sets is seen whole or not at all.
struct Var<T> {
    value: Option<T>,
    next: Option<T>,
}

impl<W, T: PartialEq + Send + 'static> Compute<W> for Var<T> {
    type Value = T;

    fn recompute(&mut self, _: &mut Cx<'_, W>) -> bool {
        let changed = self.next.is_some() && self.next != self.value;
        if changed {
            self.value = self.next.take();
        } else {
            self.next = None;
        }
        changed
    }

    fn value(&self) -> &T {
        self.value.as_ref().expect("because a variable is made with a value, and has run")
    }
}

impl<W> Graph<W> {
    /// A variable with a first value.
    pub fn var<T: PartialEq + Send + 'static>(&mut self, value: T) -> Node<T> {
        self.insert(&[], Var { value: None, next: Some(value) })
    }

    /// Gives a variable its next value; the last one before the step counts. Returns whether it is still there.
    ///
    /// # Panics
    ///
    /// If the node was not made by [`Graph::var`].
    pub fn set<T: PartialEq + Send + 'static>(&mut self, node: Node<T>, value: T) -> bool {
        let is_there = self.with_mut(node, |var: &mut Var<T>| var.next = Some(value));
        self.invalidate(node.id());
        is_there
    }
}
