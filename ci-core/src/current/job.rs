//! Which job an operation's value comes from.

use std::any::Any;
use std::sync::Arc;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Portrait, Seen, Stage, Work, sit};
use super::{
    Activity, Current, Described, Label, Outcome, Pending, Reason, Value, guarded, replace, unknown,
};
use crate::engine::NodeKind;
use crate::error::OpError;
use crate::ids::JobId;
use crate::incr::{Compute, Cx, Id, Node};

impl<T: Value> Current<T> {
    /// The newest job of the operation that this is the value of, however it goes: it is there when the job has begun to
    /// run, or waits for a person, if not before. Of maps of an operation it is that operation's. Of anything else it is a
    /// failure.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::constant;
    ///
    /// assert_eq!(value_of(constant(1).job()), Err("failed: no operation: it has no job".to_owned()));
    /// ```
    pub fn job(&self) -> Current<JobId> {
        Current::described_by(JobOf(self.clone()))
    }
}

struct JobOf<T>(Current<T>);

impl<T: Value> Plan for JobOf<T> {
    fn label(&self) -> Label {
        "job".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.0.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let cell = JobCell::<T> { input: inputs[0].typed(), value: unknown(inputs[0]) };
        Ok(to.add(inputs, cell).id())
    }
}

struct JobCell<T> {
    input: Node<Outcome<T>>,
    value: Outcome<JobId>,
}

impl<T: Value> JobCell<T> {
    /// Through what only maps: the operation's node and what it is about.
    fn operation(cx: &Cx<'_, World>, mut at: Id) -> Option<Stage> {
        loop {
            let mut portrait = Portrait::default();
            cx.ask(at, &mut portrait);
            let seen = portrait.seen?;
            at = match (seen.work, seen.kind, &*seen.inputs) {
                (Some(Work::Stage(stage)), ..) => return Some(stage),
                (None, NodeKind::Combinator, [only]) | (None, NodeKind::Collapse, [only, ..]) => *only,
                _ => return None,
            };
        }
    }
}

impl<T: Value> Compute<World> for JobCell<T> {
    type Value = Outcome<JobId>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let new = match Self::operation(cx, self.input.id()) {
            None => guarded(me, || Err(OpError::permanent("no operation: it has no job"))),
            Some(stage) => {
                let job = stage.instance.and_then(|instance| cx.world().cache.job_of(instance));
                match (job, cx.get(self.input)) {
                    (Some(job), _) => Ok(job),
                    (None, Err(reason)) => Err(reason.clone()),
                    (None, Ok(_)) => Err(Reason { origin: me, what: Pending::Active(Activity::Queued) }),
                }
            }
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<JobId> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || Seen::new(NodeKind::Combinator, "job", [self.input.id()], &self.value));
    }
}
