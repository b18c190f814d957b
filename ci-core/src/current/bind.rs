//! A part of the pipeline that is made from a value.
//!
//! Two nodes, as in `incr`'s own bind. The *switch* stands above the input; for a new value it has the body made in a
//! scope of its own, joins the body's result to the *outcome*, and lets go of the old body only then: what both use is
//! never out of use. It stands below all that it made.

use std::any::Any;
use std::sync::Arc;

use super::home::HomeNo;
use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Made, Seen, sit};
use super::within;
use super::{Current, Described, Label, Outcome, Reason, Value, guarded, replace, unknown};
use crate::engine::{GroupKind, NodeKind};
use crate::incr::{Compute, Cx, Id, Node, Scope};

impl<T: Value> Current<T> {
    /// What `body` makes of the value: a part of the pipeline whose shape depends on it. Where the shape does not, `map`
    /// and lists say more: what stands in a body can't be shown before there is a value, and is made anew for each.
    ///
    /// For an equal value the body stays as it is. While there is none, the reason is told, and the body that was
    /// made last goes on working for itself, unless the reason is that nothing applies
    /// ([`Skipped`](crate::FailureKind::Skipped)): then it goes. A body that panics, or uses what is not bound, is this node's
    /// failure.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::{constant, list};
    ///
    /// let platforms = constant(vec!["amd64", "arm64"]);
    /// let images = platforms.bind("platforms", |platforms| {
    ///     list(platforms.iter().map(|platform| constant(format!("site-{platform}"))))
    /// });
    /// assert_eq!(value_of(images), Ok(vec!["site-amd64".to_owned(), "site-arm64".to_owned()]));
    /// ```
    pub fn bind<U: Value>(
        &self,
        label: impl Into<Label>,
        body: impl Fn(&T) -> Current<U> + Send + Sync + 'static,
    ) -> Current<U> {
        // What is made later stands in the context that it is written in.
        let here = within::here();
        let body = Arc::new(move |value: &T| within::at(&here, || body(value)));
        Current::described_by(Bind { label: label.into(), input: self.clone(), body })
    }
}

type Body<T, U> = dyn Fn(&T) -> Current<U> + Send + Sync;

struct Bind<T, U> {
    label: Label,
    input: Current<T>,
    body: Arc<Body<T, U>>,
}

impl<T: Value, U: Value> Plan for Bind<T, U> {
    fn label(&self) -> Label {
        self.label.clone()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.input.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let switch = SwitchCell::<T, U> {
            label: self.label.clone(),
            input: inputs[0].typed(),
            body: self.body.clone(),
            home: to.home(),
            outcome: None,
            now: None,
            value: Err(Reason::queued(inputs[0])),
        };
        let switch = to.graph.insert(inputs, switch);
        let outcome = OutcomeCell::<U> { switch, value: unknown(switch.id()) };
        let outcome = to.add(&[switch.id()], outcome);
        to.graph.with_mut(switch, |switch: &mut SwitchCell<T, U>| switch.outcome = Some(outcome.id()));
        Ok(outcome.id())
    }
}

/// The body that there is.
struct Now<T, U> {
    scope: Scope,
    of: T,
    result: Node<Outcome<U>>,
}

struct SwitchCell<T, U> {
    label: Label,
    input: Node<Outcome<T>>,
    body: Arc<Body<T, U>>,
    home: HomeNo,
    outcome: Option<Id>,
    now: Option<Now<T, U>>,
    value: Outcome<Node<Outcome<U>>>,
}

impl<T: Value, U: Value> Compute<World> for SwitchCell<T, U> {
    type Value = Outcome<Node<Outcome<U>>>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let new = match cx.get(self.input) {
            Ok(value) if self.now.as_ref().is_some_and(|now| now.of == *value) => None,
            Ok(value) => Some(value.clone()),
            Err(reason) => {
                let reason = reason.clone();
                if reason.is_skipped()
                    && let Some(old) = self.now.take()
                {
                    cx.release_scope(old.scope);
                }
                return replace(&mut self.value, Err(reason));
            }
        };
        if let Some(value) = new {
            let (me, home, scope) = (cx.me(), self.home, cx.new_scope());
            let made = cx.in_scope(scope, |graph| {
                guarded(me, || {
                    let body = (self.body)(&value);
                    Lowering::new(graph, Some(home)).lower(body).map_err(|not| not.failure())
                })
            });
            let joined = made.and_then(|result| {
                let outcome = self.outcome.expect("because it was told its outcome before it ran");
                // It panics if the body is made of what it is to become.
                guarded(me, || {
                    cx.add_input(outcome, 0, result.id(), scope);
                    Ok(Now { scope, of: value, result })
                })
            });
            let old = match joined {
                Ok(now) => self.now.replace(now),
                Err(failed) => {
                    cx.release_scope(scope);
                    if let Some(old) = self.now.take() {
                        cx.release_scope(old.scope);
                    }
                    return replace(&mut self.value, Err(failed));
                }
            };
            if let Some(old) = old {
                cx.release_scope(old.scope);
            }
        }
        match &self.now {
            Some(now) => replace(&mut self.value, Ok(now.result)),
            None => false,
        }
    }

    fn value(&self) -> &Self::Value {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let mut seen = Seen::new(NodeKind::Bind, self.label.clone(), [self.input.id()], &self.value);
            seen.group = self.now.as_ref().map(|now| Made {
                kind: GroupKind::Body,
                label: String::new(),
                preview: false,
                scope: Some(now.scope),
                result: Some(now.result.id()),
                members: Vec::new(),
            });
            seen
        });
    }
}

struct OutcomeCell<U> {
    switch: Node<Outcome<Node<Outcome<U>>>>,
    value: Outcome<U>,
}

impl<U: Value> Compute<World> for OutcomeCell<U> {
    type Value = Outcome<U>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let new = match cx.get(self.switch) {
            Ok(result) => cx.get(*result).clone(),
            Err(reason) => Err(reason.clone()),
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<U> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let mut seen = Seen::new(NodeKind::Combinator, "", [self.switch.id()], &self.value);
            seen.gathers.push(self.switch.id());
            seen
        });
    }
}
