//! How a value stands, as a value.

use std::any::Any;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::{Current, Described, Label, Outcome, Pending, Reason, Value, replace, unknown};
use crate::engine::NodeKind;
use crate::error::Failure;
use crate::incr::{Compute, Cx, Id, Node};

impl<T: Value> Current<T> {
    /// A failure as a value: this has one as soon as it is known whether the other has. What is active stays active.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::OpError;
    /// use ci_core::current::fail;
    ///
    /// let tested = fail::<u32>(OpError::permanent("exit code 1"));
    /// let said = tested.catch().map(|tested| match tested {
    ///     Ok(count) => format!("{count} tests are green"),
    ///     Err(failure) => format!("red: {failure}"),
    /// });
    /// assert_eq!(value_of(said), Ok("red: exit code 1".to_owned()));
    /// ```
    pub fn catch(&self) -> Current<Result<T, Failure>> {
        self.caught(false)
    }

    /// [`Current::catch`], which pictures don't show.
    pub fn catch_hidden(&self) -> Current<Result<T, Failure>> {
        self.caught(true)
    }

    /// How it stands, as a value that is there at every moment: to be reported, say.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::Current;
    /// use ci_core::current::{Activity, Pending, active};
    ///
    /// let image: Current<String> = active(Activity::Running);
    /// let told = image.state().map(|state| match state {
    ///     Ok(image) => format!("{image} is there"),
    ///     Err(Pending::Active(activity)) => format!("still {activity}"),
    ///     Err(Pending::Failed(failure)) => format!("failed: {failure}"),
    /// });
    /// assert_eq!(value_of(told), Ok("still running".to_owned()));
    /// ```
    pub fn state(&self) -> Current<Result<T, Pending>> {
        self.stated(false)
    }

    /// [`Current::state`], which pictures don't show.
    pub fn state_hidden(&self) -> Current<Result<T, Pending>> {
        self.stated(true)
    }

    fn caught(&self, hidden: bool) -> Current<Result<T, Failure>> {
        let rule: Rule<T, Result<T, Failure>> = |outcome| match outcome {
            Err(Reason { what: Pending::Failed(failure), .. }) => Ok(Err((**failure).clone())),
            Err(reason) => Err(reason.clone()),
            Ok(value) => Ok(Ok(value.clone())),
        };
        Current::described_by(View {
            kind: NodeKind::Combinator,
            label: "catch",
            input: self.clone(),
            rule,
            hidden,
        })
    }

    fn stated(&self, hidden: bool) -> Current<Result<T, Pending>> {
        let rule: Rule<T, Result<T, Pending>> =
            |outcome| Ok(outcome.as_ref().map_err(|reason| reason.what.clone()).cloned());
        Current::described_by(View {
            kind: NodeKind::State,
            label: "state",
            input: self.clone(),
            rule,
            hidden,
        })
    }
}

type Rule<T, U> = fn(&Outcome<T>) -> Outcome<U>;

struct View<T, U> {
    kind: NodeKind,
    label: &'static str,
    input: Current<T>,
    rule: Rule<T, U>,
    hidden: bool,
}

impl<T: Value, U: Value> Plan for View<T, U> {
    fn label(&self) -> Label {
        self.label.into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.input.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let &Self { kind, label, rule, hidden, .. } = self;
        let cell =
            ViewCell { kind, label, input: inputs[0].typed(), rule, hidden, value: unknown(inputs[0]) };
        Ok(to.add(inputs, cell).id())
    }
}

struct ViewCell<T, U> {
    kind: NodeKind,
    label: &'static str,
    input: Node<Outcome<T>>,
    rule: Rule<T, U>,
    hidden: bool,
    value: Outcome<U>,
}

impl<T: Value, U: Value> Compute<World> for ViewCell<T, U> {
    type Value = Outcome<U>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let new = (self.rule)(cx.get(self.input));
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<U> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let seen = Seen::new(self.kind, self.label, [self.input.id()], &self.value);
            if self.hidden { seen.hidden() } else { seen.shown() }
        });
    }
}
