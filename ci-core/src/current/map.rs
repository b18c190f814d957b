//! Functions of one value.

use std::any::Any;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::{Current, Described, Label, Outcome, Pending, Value, guarded, replace, unknown};
use crate::engine::NodeKind;
use crate::error::{Failure, FailureKind, OpError};
use crate::incr::{Compute, Cx, Id, Node};

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

    /// Says a failure in other words: it becomes this node's own. A value passes, and so does an activity, and that
    /// something was *skipped*.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::OpError;
    /// use ci_core::current::fail;
    ///
    /// let tested = fail::<()>(OpError::permanent("exit code 1"));
    /// let told = tested.map_err(|failure| OpError::permanent(format!("the tests are red: {failure}")));
    /// assert_eq!(value_of(told), Err("failed: the tests are red: exit code 1".to_owned()));
    /// ```
    pub fn map_err(&self, f: impl Fn(&Failure) -> OpError + Send + Sync + 'static) -> Current<T> {
        Current::described_by(MapErr { input: self.clone(), f: Arc::new(f) })
    }

    /// The same value, but a new one that is the `same` as the last passes unnoticed: nothing downstream runs.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::constant;
    ///
    /// let host = constant("Example.ORG").cutoff(|old, new| old.eq_ignore_ascii_case(new));
    /// assert_eq!(value_of(host), Ok("Example.ORG"));
    /// ```
    pub fn cutoff(&self, same: impl Fn(&T, &T) -> bool + Send + Sync + 'static) -> Current<T> {
        Current::described_by(Cutoff { input: self.clone(), same: Arc::new(same) })
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
        Ok(to.add(inputs, cell).id())
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

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || Seen::new(NodeKind::Combinator, "map", [self.input.id()], &self.value));
    }
}

struct MapErr<T> {
    input: Current<T>,
    f: Arc<dyn Fn(&Failure) -> OpError + Send + Sync>,
}

impl<T: Value> Plan for MapErr<T> {
    fn label(&self) -> Label {
        "map_err".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.input.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell = MapErrCell::<T> { input: inputs[0].typed(), f: self.f.clone(), value: unknown(inputs[0]) };
        Ok(to.add(inputs, cell).id())
    }
}

struct MapErrCell<T> {
    input: Node<Outcome<T>>,
    f: Arc<dyn Fn(&Failure) -> OpError + Send + Sync>,
    value: Outcome<T>,
}

impl<T: Value> Compute<World> for MapErrCell<T> {
    type Value = Outcome<T>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let new = match cx.get(self.input) {
            Err(super::Reason { what: Pending::Failed(failure), .. })
                if failure.kind != FailureKind::Skipped =>
            {
                guarded(me, || Err((self.f)(failure)))
            }
            passed => passed.clone(),
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<T> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || Seen::new(NodeKind::Combinator, "map_err", [self.input.id()], &self.value));
    }
}

type Same<T> = dyn Fn(&T, &T) -> bool + Send + Sync;

struct Cutoff<T> {
    input: Current<T>,
    same: Arc<Same<T>>,
}

impl<T: Value> Plan for Cutoff<T> {
    fn label(&self) -> Label {
        "cutoff".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.input.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell =
            CutoffCell { input: inputs[0].typed(), same: self.same.clone(), value: unknown(inputs[0]) };
        Ok(to.add(inputs, cell).id())
    }
}

struct CutoffCell<T> {
    input: Node<Outcome<T>>,
    same: Arc<Same<T>>,
    value: Outcome<T>,
}

impl<T: Value> Compute<World> for CutoffCell<T> {
    type Value = Outcome<T>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let new = match (&self.value, cx.get(self.input)) {
            (Ok(old), Ok(new)) => match guarded(me, || Ok((self.same)(old, new))) {
                Ok(true) => return false,
                Ok(false) => Ok(new.clone()),
                Err(panicked) => Err(panicked),
            },
            (_, new) => new.clone(),
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<T> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || Seen::new(NodeKind::Combinator, "cutoff", [self.input.id()], &self.value));
    }
}
