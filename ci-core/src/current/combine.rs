//! Pure combinators: constants, maps, pairs, gates.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::{Activity, Current, Described, Label, Outcome, Pending, Reason, Value};
use crate::error::{Failure, FailureKind, OpError};
use crate::incr::{Compute, Cx, Id, Node};

/// A current that always has this value.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::constant;
///
/// assert_eq!(value_of(constant(42)), Ok(42));
/// ```
pub fn constant<T: Value>(value: T) -> Current<T> {
    Current::described_by(Constant(Ok(value)))
}

/// A current that never has a value, for this reason.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::OpError;
/// use ci_core::current::fail;
///
/// let nobody = fail::<String>(OpError::permanent("nobody is named"));
/// assert_eq!(value_of(nobody), Err("failed: nobody is named".to_owned()));
/// ```
pub fn fail<T: Value>(error: OpError) -> Current<T> {
    Current::described_by(Constant::<T>(Err(Arc::new(Failure::from(&error)))))
}

impl<T: Value> Current<T> {
    /// Applies a function that can't fail. It runs once for each new value of the input, and nothing downstream runs
    /// when its result equals the last.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::constant;
    ///
    /// let area = constant(6).map(|side| side * side);
    /// assert_eq!(value_of(area), Ok(36));
    /// ```
    pub fn map<U: Value>(&self, f: impl Fn(&T) -> U + Send + Sync + 'static) -> Current<U> {
        self.try_map(move |value| Ok(f(value)))
    }

    /// Applies a function that can fail. Its error is this node's own failure.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::OpError;
    /// use ci_core::current::constant;
    ///
    /// let port = constant("no port").try_map(|text| {
    ///     text.parse::<u16>().map_err(|error| OpError::permanent(format!("{text:?}: {error}")))
    /// });
    /// assert_eq!(value_of(port), Err("failed: \"no port\": invalid digit found in string".to_owned()));
    /// ```
    pub fn try_map<U: Value>(
        &self,
        f: impl Fn(&T) -> Result<U, OpError> + Send + Sync + 'static,
    ) -> Current<U> {
        Current::described_by(Map { input: self.clone(), f: Arc::new(f) })
    }

    /// Both values. A failure is told rather than an activity, this one's rather than the other's.
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

    /// Forgets the value, to collect currents of several types under [`super::all()`].
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::{all, constant};
    ///
    /// let (image, count) = (constant("site:1"), constant(30));
    /// assert_eq!(value_of(all([image.ignore(), count.ignore()])), Ok(()));
    /// ```
    pub fn ignore(&self) -> Current<()> {
        self.map(|_| ())
    }
}

/// Runs a user's closure; its error or panic is the node's own failure.
pub(super) fn guarded<U>(me: Id, f: impl FnOnce() -> Result<U, OpError>) -> Outcome<U> {
    let failure = match std::panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => Failure::from(&error),
        Err(panic) => {
            let text = panic
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            let hint = Some("a closure of the pipeline panicked".to_owned());
            Failure { kind: FailureKind::Permanent, message: text, hint }
        }
    };
    Err(Reason { origin: me, what: Pending::Failed(Arc::new(failure)) })
}

/// Replaces a node's value; tells whether it differs.
pub(super) fn replace<T: PartialEq>(value: &mut Outcome<T>, new: Outcome<T>) -> bool {
    let changed = *value != new;
    if changed {
        *value = new;
    }
    changed
}

/// What a node shows before it was computed.
pub(super) fn unknown<T>(input: Id) -> Outcome<T> {
    Err(Reason { origin: input, what: Pending::Active(Activity::Queued) })
}

struct Constant<T>(Result<T, Arc<Failure>>);

impl<T: Value> Plan for Constant<T> {
    fn label(&self) -> Label {
        "constant".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        Vec::new()
    }

    fn lower(&self, _: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell = ConstantCell { source: self.0.clone(), value: None };
        Ok(to.add(self.label(), &[], cell, false).id())
    }
}

struct ConstantCell<T> {
    source: Result<T, Arc<Failure>>,
    value: Option<Outcome<T>>,
}

impl<T: Value> Compute<World> for ConstantCell<T> {
    type Value = Outcome<T>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let origin = cx.me();
        let fresh = self.value.is_none();
        self.value =
            Some(self.source.clone().map_err(|failure| Reason { origin, what: Pending::Failed(failure) }));
        fresh
    }

    fn value(&self) -> &Outcome<T> {
        self.value.as_ref().expect("because a node is computed before it is read")
    }
}

type Fallible<T, U> = dyn Fn(&T) -> Result<U, OpError> + Send + Sync;

struct Map<T, U> {
    input: Current<T>,
    f: Arc<Fallible<T, U>>,
}

impl<T: Value, U: Value> Plan for Map<T, U> {
    fn label(&self) -> Label {
        "map".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.input.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell = MapCell { input: inputs[0].typed(), f: self.f.clone(), value: unknown(inputs[0]) };
        Ok(to.add(self.label(), inputs, cell, false).id())
    }
}

struct MapCell<T, U> {
    input: Node<Outcome<T>>,
    f: Arc<Fallible<T, U>>,
    value: Outcome<U>,
}

impl<T: Value, U: Value> Compute<World> for MapCell<T, U> {
    type Value = Outcome<U>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let new = match cx.get(self.input) {
            Ok(value) => guarded(me, || (self.f)(value)),
            Err(reason) => Err(reason.clone()),
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<U> {
        &self.value
    }
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
        let join: Join<T, U, (T, U)> = |a, b| match (a, b) {
            (Ok(a), Ok(b)) => Ok((a.clone(), b.clone())),
            (Err(a), Err(b)) => Err(Reason::first(a, b).clone()),
            (Err(reason), Ok(_)) | (Ok(_), Err(reason)) => Err(reason.clone()),
        };
        Ok(to.add(self.label(), inputs, JoinCell::new(inputs, join), false).id())
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
        let join: Join<U, T, T> = |on, value| match on {
            Ok(_) => value.clone(),
            Err(reason) => Err(reason.clone()),
        };
        Ok(to.add(self.label(), inputs, JoinCell::new(inputs, join), false).id())
    }
}

/// What two inputs come to.
type Join<A, B, C> = fn(&Outcome<A>, &Outcome<B>) -> Outcome<C>;

/// A node of two inputs.
struct JoinCell<A, B, C> {
    a: Node<Outcome<A>>,
    b: Node<Outcome<B>>,
    join: Join<A, B, C>,
    value: Outcome<C>,
}

impl<A, B, C> JoinCell<A, B, C> {
    fn new(inputs: &[Id], join: Join<A, B, C>) -> Self {
        let (a, b) = (inputs[0].typed(), inputs[1].typed());
        Self { a, b, join, value: unknown(inputs[0]) }
    }
}

impl<A: Value, B: Value, C: Value> Compute<World> for JoinCell<A, B, C> {
    type Value = Outcome<C>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let new = (self.join)(cx.get(self.a), cx.get(self.b));
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<C> {
        &self.value
    }
}
