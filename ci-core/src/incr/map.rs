//! A function of one value, or of two.

use super::compute::Compute;
use super::cx::Cx;
use super::graph::Graph;
use super::id::Node;

struct Map<A, U, F> {
    input: Node<A>,
    f: F,
    value: Option<U>,
}

impl<W, A, U, F> Compute<W> for Map<A, U, F>
where
    A: 'static,
    U: PartialEq + Send + 'static,
    F: FnMut(&A) -> U + Send + 'static,
{
    type Value = U;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        let value = (self.f)(cx.get(self.input));
        replace(&mut self.value, value)
    }

    fn value(&self) -> &U {
        self.value.as_ref().expect("because it has run")
    }
}

struct Map2<A, B, U, F> {
    inputs: (Node<A>, Node<B>),
    f: F,
    value: Option<U>,
}

impl<W, A, B, U, F> Compute<W> for Map2<A, B, U, F>
where
    A: 'static,
    B: 'static,
    U: PartialEq + Send + 'static,
    F: FnMut(&A, &B) -> U + Send + 'static,
{
    type Value = U;

    fn recompute(&mut self, cx: &mut Cx<'_, W>) -> bool {
        let value = (self.f)(cx.get(self.inputs.0), cx.get(self.inputs.1));
        replace(&mut self.value, value)
    }

    fn value(&self) -> &U {
        self.value.as_ref().expect("because it has run")
    }
}

/// Keeps `new` if it differs, and says whether it does.
pub(super) fn replace<U: PartialEq>(value: &mut Option<U>, new: U) -> bool {
    let changed = value.as_ref() != Some(&new);
    if changed {
        *value = Some(new);
    }
    changed
}

impl<W> Graph<W> {
    /// `f` of the value of `a`.
    pub fn map<A, U, F>(&mut self, a: Node<A>, f: F) -> Node<U>
    where
        A: 'static,
        U: PartialEq + Send + 'static,
        F: FnMut(&A) -> U + Send + 'static,
    {
        self.insert(&[a.id()], Map { input: a, f, value: None })
    }

    /// `f` of the values of `a` and `b`.
    pub fn map2<A, B, U, F>(&mut self, a: Node<A>, b: Node<B>, f: F) -> Node<U>
    where
        A: 'static,
        B: 'static,
        U: PartialEq + Send + 'static,
        F: FnMut(&A, &B) -> U + Send + 'static,
    {
        self.insert(&[a.id(), b.id()], Map2 { inputs: (a, b), f, value: None })
    }
}
