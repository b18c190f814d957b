//! A value whose very shape depends on another.
//!
//! Two nodes, as in JS Incremental. The *switch* stands above the input; when that changes, it makes a new subgraph
//! in a scope of its own, joins the subgraph's result to the *outcome*, and releases the old scope. It stands below
//! all that it made, so nothing of the old subgraph runs in the step that ends it. The outcome is raised above
//! whatever it is joined to, and passes its value on.

use super::compute::Compute;
use super::cx::Cx;
use super::graph::Graph;
use super::id::{Id, Node, Scope};
use super::map::replace;

struct Switch<A, B, F> {
    input: Node<A>,
    f: F,
    outcome: Option<Id>,
    now: Option<(Scope, Node<B>)>,
}

impl<W, A, B, F> Compute<W> for Switch<A, B, F>
where
    A: Clone + 'static,
    B: 'static,
    F: FnMut(&mut Graph<W>, A) -> Node<B> + Send + 'static,
{
    type Value = Node<B>;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        let a = cx.get(self.input).clone();
        let scope = cx.new_scope();
        let result = cx.in_scope(scope, |graph| (self.f)(graph, a));
        let outcome = self.outcome.expect("because it was told its outcome before it ran");
        cx.add_input(outcome, 1, result.id(), scope);
        if let Some((old, _)) = self.now.replace((scope, result)) {
            cx.release_scope(old);
        }
        true
    }

    fn value(&self) -> &Node<B> {
        let (_, result) = self.now.as_ref().expect("because it has run");
        result
    }
}

struct Outcome<B> {
    switch: Node<Node<B>>,
    value: Option<B>,
}

impl<W, B: Clone + PartialEq + Send + 'static> Compute<W> for Outcome<B> {
    type Value = B;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        let new = cx.get(*cx.get(self.switch));
        if self.value.as_ref() == Some(new) {
            return false;
        }
        replace(&mut self.value, new.clone())
    }

    fn value(&self) -> &B {
        self.value.as_ref().expect("because it has run")
    }
}

impl<W> Graph<W> {
    /// The value of the node that `f` makes, or picks, from the value of `a`. What `f` makes lives until `a` changes.
    ///
    /// Costs what `f` makes and what it made before. If `f` panics, what it made before stays.
    pub fn bind<A, B, F>(&mut self, a: Node<A>, f: F) -> Node<B>
    where
        A: Clone + 'static,
        B: Clone + PartialEq + Send + 'static,
        F: FnMut(&mut Self, A) -> Node<B> + Send + 'static,
    {
        let switch = self.insert(&[a.id()], Switch { input: a, f, outcome: None, now: None });
        let outcome = self.insert(&[switch.id()], Outcome { switch, value: None });
        self.with_mut(switch, |switch: &mut Switch<A, B, F>| switch.outcome = Some(outcome.id()));
        outcome
    }
}
