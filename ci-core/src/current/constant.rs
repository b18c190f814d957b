//! Currents that never change.

use std::any::Any;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::{Activity, Current, Described, Label, Outcome, Pending, Reason, Value};
use crate::engine::NodeKind;
use crate::error::{Failure, OpError};
use crate::incr::{Compute, Cx, Id};

/// A current that always has this value. Pictures don't show it: see [`labelled`].
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::constant;
///
/// assert_eq!(value_of(constant(42)), Ok(42));
/// ```
pub fn constant<T: Value>(value: T) -> Current<T> {
    Current::described_by(Constant { label: None, is: Ok(value) })
}

/// A current that always has this value, and is shown under this name.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
/// # use doc::value_of;
/// use ci_core::current::labelled;
///
/// let base = labelled("base image", "debian:13");
/// assert_eq!(value_of(base), Ok("debian:13"));
/// ```
pub fn labelled<T: Value>(label: impl Into<Label>, value: T) -> Current<T> {
    Current::described_by(Constant { label: Some(label.into()), is: Ok(value) })
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
    Current::described_by(Constant::<T> { label: None, is: Err(failed(&error)) })
}

/// A current that has no value yet, and never gets one: it stands for what is still to be written, or in a test for what
/// takes its time.
///
/// ```
/// use ci_core::Current;
/// use ci_core::current::{Activity, active};
///
/// let image: Current<String> = active(Activity::Running);
/// let tag = image.map(|_| unreachable!("nothing is made of what is not there"));
/// # let _: Current<()> = tag;
/// ```
pub fn active<T: Value>(activity: Activity) -> Current<T> {
    Current::described_by(Constant::<T> { label: None, is: Err(Pending::Active(activity)) })
}

fn failed(error: &OpError) -> Pending {
    Pending::Failed(Arc::new(Failure::from(error)))
}

struct Constant<T> {
    label: Option<Label>,
    is: Result<T, Pending>,
}

impl<T: Value> Plan for Constant<T> {
    fn label(&self) -> Label {
        self.label.clone().unwrap_or("constant".into())
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        Vec::new()
    }

    fn lower(&self, _: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell = ConstantCell { label: self.label.clone(), source: self.is.clone(), value: None };
        Ok(to.add(&[], cell).id())
    }
}

/// A node that never changes.
pub(super) struct ConstantCell<T> {
    label: Option<Label>,
    source: Result<T, Pending>,
    value: Option<Outcome<T>>,
}

impl<T: Value> ConstantCell<T> {
    /// A node that says why there is no other.
    pub(super) fn failed(label: &Label, error: &OpError) -> Self {
        Self { label: Some(label.clone()), source: Err(failed(error)), value: None }
    }
}

impl<T: Value> Compute<World> for ConstantCell<T> {
    type Value = Outcome<T>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let origin = cx.me();
        let fresh = self.value.is_none();
        self.value = Some(self.source.clone().map_err(|what| Reason { origin, what }));
        fresh
    }

    fn value(&self) -> &Outcome<T> {
        self.value.as_ref().expect("because a node is computed before it is read")
    }

    fn answer(&self, question: &mut dyn Any) {
        let Some(value) = &self.value else { return };
        sit(question, || {
            let label = self.label.clone().unwrap_or("constant".into());
            let seen = Seen::new(NodeKind::Constant, label, [], value);
            if self.label.is_none() && value.is_ok() { seen.hidden() } else { seen }
        });
    }
}
