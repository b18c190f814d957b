//! Several values at once, and gates.

use std::any::Any;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::{Current, Described, Label, Outcome, Reason, Value, replace, unknown};
use crate::engine::NodeKind;
use crate::incr::{Compute, Cx, Id, Node};

impl<T: Value> Current<T> {
    /// Both values. A failure is told rather than an activity, this one's rather than the other's. For more than two see
    /// [`super::join()`].
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::constant;
    ///
    /// let (width, height) = (constant(6), constant(7));
    /// let area = width.and(&height).map(|(width, height)| width * height);
    /// assert_eq!(value_of(area), Ok(42));
    /// ```
    pub fn and<U: Value>(&self, other: &Current<U>) -> Current<(T, U)> {
        Current::described_by(Pair(self.clone(), other.clone()))
    }

    /// This value, once `on` has one. While `on` has none, its reason is told, even if this one failed. The gate holds
    /// back the value, not the work that makes it.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::OpError;
    /// use ci_core::current::{constant, fail};
    ///
    /// let image = constant("site:2");
    /// let tested = fail::<()>(OpError::permanent("2 of 30 tests fail"));
    /// assert_eq!(value_of(image.gate(&tested)), Err("failed: 2 of 30 tests fail".to_owned()));
    /// ```
    pub fn gate<U: Value>(&self, on: &Current<U>) -> Current<T> {
        Current::described_by(Gate { on: on.clone(), value: self.clone() })
    }
}

/// Two to six currents that become one of all their values.
pub trait Join {
    /// Their values.
    type Values: Value;

    /// See [`join()`].
    fn join(self) -> Current<Self::Values>;
}

/// All values of a tuple of two to six currents. Of several reasons why there are none yet, a failure is told rather
/// than an activity, and the first of each.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::{constant, join};
///
/// let (name, tag, port) = (constant("site"), constant(7), constant(8080));
/// let said = join((&name, &tag, &port)).map(|(name, tag, port)| format!("{name}:{tag} on {port}"));
/// assert_eq!(value_of(said), Ok("site:7 on 8080".to_owned()));
/// ```
pub fn join<J: Join>(currents: J) -> Current<J::Values> {
    currents.join()
}

macro_rules! tuples {
    ($(($($T:ident $x:ident),+) = $first:ident $($rest:ident)+;)+) => {$(
        impl<$($T: Value),+> Join for ($(&Current<$T>,)+) {
            type Values = ($($T,)+);

            fn join(self) -> Current<Self::Values> {
                let ($($x,)+) = self;
                let pairs = $first$(.and($rest))+;
                pairs.map(|tuples!(@nested $($x)+)| ($($x.clone(),)+))
            }
        }
    )+};
    (@nested $a:ident $b:ident) => { ($a, $b) };
    (@nested $a:ident $b:ident $c:ident) => { (($a, $b), $c) };
    (@nested $a:ident $b:ident $c:ident $d:ident) => { ((($a, $b), $c), $d) };
    (@nested $a:ident $b:ident $c:ident $d:ident $e:ident) => { (((($a, $b), $c), $d), $e) };
    (@nested $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident) => { ((((($a, $b), $c), $d), $e), $f) };
}

tuples! {
    (A a, B b) = a b;
    (A a, B b, C c) = a b c;
    (A a, B b, C c, D d) = a b c d;
    (A a, B b, C c, D d, E e) = a b c d e;
    (A a, B b, C c, D d, E e, F f) = a b c d e f;
}

struct Pair<T, U>(Current<T>, Current<U>);

impl<T: Value, U: Value> Plan for Pair<T, U> {
    fn label(&self) -> Label {
        "and".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.0.description().clone(), self.1.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let rule: Rule<T, U, (T, U)> = |a, b| match (a, b) {
            (Ok(a), Ok(b)) => Ok((a.clone(), b.clone())),
            (Err(a), Err(b)) => Err(Reason::first(a, b).clone()),
            (Err(reason), Ok(_)) | (Ok(_), Err(reason)) => Err(reason.clone()),
        };
        Ok(to.add(inputs, JoinCell::new(NodeKind::Combinator, inputs, rule)).id())
    }
}

struct Gate<T, U> {
    on: Current<U>,
    value: Current<T>,
}

impl<T: Value, U: Value> Plan for Gate<T, U> {
    fn label(&self) -> Label {
        "gate".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.on.description().clone(), self.value.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let rule: Rule<U, T, T> = |on, value| match on {
            Ok(_) => value.clone(),
            Err(reason) => Err(reason.clone()),
        };
        Ok(to.add(inputs, JoinCell::new(NodeKind::Gate, inputs, rule)).id())
    }
}

/// What two inputs come to.
type Rule<A, B, C> = fn(&Outcome<A>, &Outcome<B>) -> Outcome<C>;

/// A node of two inputs.
struct JoinCell<A, B, C> {
    kind: NodeKind,
    a: Node<Outcome<A>>,
    b: Node<Outcome<B>>,
    rule: Rule<A, B, C>,
    value: Outcome<C>,
}

impl<A, B, C> JoinCell<A, B, C> {
    fn new(kind: NodeKind, inputs: &[Id], rule: Rule<A, B, C>) -> Self {
        let (a, b) = (inputs[0].typed(), inputs[1].typed());
        Self { kind, a, b, rule, value: unknown(inputs[0]) }
    }
}

impl<A: Value, B: Value, C: Value> Compute<World> for JoinCell<A, B, C> {
    type Value = Outcome<C>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let new = (self.rule)(cx.get(self.a), cx.get(self.b));
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<C> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        let label = if self.kind == NodeKind::Gate { "gate" } else { "and" };
        sit(question, || Seen::new(self.kind, label, [self.a.id(), self.b.id()], &self.value));
    }
}
