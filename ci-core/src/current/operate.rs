//! Currents that touch the outside: operations and monitors.

use std::marker::PhantomData;
use std::sync::Arc;

use super::combine::{replace, unknown};
use super::lower::{Asked, Lowering, NotLowered, Plan, Stage, World};
use super::{Activity, Current, Described, Label, Outcome, Pending, Reason, Value};
use crate::bindings::{Bind, Bindings, Unbound};
use crate::cache::{Keep, Reading, Want};
use crate::engine::NodeKind;
use crate::error::{Failure, OpError};
use crate::incr::{Compute, Cx, Graph, Id, Node};
use crate::monitor::{self, Monitor, Watched};
use crate::op::{Build, Builder, Operation, Place, Publish, Publisher, Request, deed};

/// The value that a builder makes of each value of `input`.
///
/// The client is the engine's binding `on`. `key` says what is asked; it gets the bound operation too, for what only
/// that knows (on which engine it works), and must depend on nothing else.
pub fn build_with<B: Builder + Bind, A: Value>(
    input: &Current<A>,
    on: impl Into<String>,
    label: impl Into<Label>,
    key: impl Fn(&B, &A) -> B::Key + Send + Sync + 'static,
) -> Current<B::Value> {
    Current::described_by(Operate::<Build<B>, A, B::Value> {
        input: input.clone(),
        on: on.into(),
        label: label.into(),
        make: |bindings, on| B::bind(bindings, on).map(Build),
        request: Arc::new(move |op, a| Build::<B>::request(&key(&op.0, a))),
        place: None,
        value: PhantomData,
    })
}

/// What is found in a place after a publisher made it hold what `input` says. See [`build_with`]; [`publish_at`] is for
/// places that do not depend on the input.
pub fn publish_with<P: Publisher + Bind, A: Value>(
    input: &Current<A>,
    on: impl Into<String>,
    label: impl Into<Label>,
    ask: impl Fn(&P, &A) -> (P::Key, P::Value) + Send + Sync + 'static,
) -> Current<P::Outcome> {
    Current::described_by(Operate::<Publish<P>, A, P::Outcome> {
        input: input.clone(),
        on: on.into(),
        label: label.into(),
        make: |bindings, on| P::bind(bindings, on).map(Publish),
        request: Arc::new(move |op, a| {
            let (key, value) = ask(&op.0, a);
            Publish::<P>::request(&key, &value)
        }),
        place: None,
        value: PhantomData,
    })
}

/// [`publish_with`] for a place that does not depend on the input: people are told of it before there is anything to
/// publish.
pub fn publish_at<P: Publisher + Bind, A: Value>(
    input: &Current<A>,
    on: impl Into<String>,
    label: impl Into<Label>,
    place: impl Fn(&P) -> P::Key + Send + Sync + 'static,
    value: impl Fn(&P, &A) -> P::Value + Send + Sync + 'static,
) -> Current<P::Outcome> {
    let place = Arc::new(place);
    let known = place.clone();
    Current::described_by(Operate::<Publish<P>, A, P::Outcome> {
        input: input.clone(),
        on: on.into(),
        label: label.into(),
        make: |bindings, on| P::bind(bindings, on).map(Publish),
        request: Arc::new(move |op, a| Publish::<P>::request(&place(&op.0), &value(&op.0, a))),
        place: Some(Box::new(move |op| Publish::<P>::place(&known(&op.0)))),
        value: PhantomData,
    })
}

/// A value of the outside world.
pub fn monitor_with<M: Monitor>(
    label: impl Into<Label>,
    make: impl Fn(&Bindings) -> Result<M, Unbound> + Send + Sync + 'static,
) -> Current<M::Value> {
    Current::described_by(Watching { label: label.into(), make: Arc::new(make) })
}

type Ask<O, A> = dyn Fn(&O, &A) -> Result<Request, OpError> + Send + Sync;
type PlaceOf<O> = dyn Fn(&O) -> Result<Place, OpError> + Send + Sync;

struct Operate<O, A, B> {
    input: Current<A>,
    on: String,
    label: Label,
    make: fn(&Bindings, &str) -> Result<O, Unbound>,
    request: Arc<Ask<O, A>>,
    /// For a publisher whose place does not depend on the input.
    place: Option<Box<PlaceOf<O>>>,
    value: PhantomData<fn() -> B>,
}

impl<O: Operation, A: Value, B: crate::op::Stored> Plan for Operate<O, A, B> {
    fn label(&self) -> Label {
        self.label.clone()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.input.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let (op, fresh) = to.context(&self.label, &self.on, |bindings| (self.make)(bindings, &self.on))?;
        if fresh {
            to.graph.world_mut().cache.register(op.clone());
        }
        // A place that can't be written down fails the request, which tells why.
        let place = self.place.as_ref().and_then(|place| place(&op).ok());
        let cell = OperateCell::<O, A, B> {
            input: inputs[0].typed(),
            erased: op.clone(),
            op: op.clone(),
            request: self.request.clone(),
            want: None,
            kept: None,
            asked: None,
            value: unknown(inputs[0]),
        };
        let node = to.add(self.label.clone(), inputs, cell, false);
        if let Some(shown) = to.shown.last_mut() {
            shown.kind = NodeKind::Operation;
            shown.stage = Some(Box::new(move |graph: &mut Graph<World>| {
                let mut about = (None, None, None);
                graph.with_mut::<OperateCell<O, A, B>>(node, |cell| {
                    let watched = cell.kept.as_ref().map(Keep::instance);
                    about = (cell.want.as_ref().map(Want::instance), watched, cell.asked.clone());
                });
                let (want, kept, asked) = about;
                let job = want.and_then(|want| graph.world().cache.job_of(want));
                let now = asked.as_ref().filter(|_| want.is_some());
                let would = match (now, &place) {
                    (Some(asked), _) => Some(deed(&*op, &asked.summary)),
                    (None, Some(place)) => Some(format!("{} {}", op.does(), place.name)),
                    (None, None) => None,
                };
                let place = place.clone();
                let drift = want.or(kept).and_then(|want| graph.world().cache.drift_of(want));
                Stage { op: op.id(), publishes: op.publishes(), place, would, asked, job, drift }
            }));
        }
        Ok(node.id())
    }
}

struct OperateCell<O, A, B> {
    input: Node<Outcome<A>>,
    op: Arc<O>,
    erased: Arc<dyn Operation>,
    request: Arc<Ask<O, A>>,
    want: Option<Want>,
    /// What was published before the input lost its value.
    kept: Option<Keep>,
    /// What was asked last; kept while the input has no value.
    asked: Option<Asked>,
    value: Outcome<B>,
}

impl<O: Operation, A: Value, B: crate::op::Stored> Compute<World> for OperateCell<O, A, B> {
    type Value = Outcome<B>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let request = match cx.get(self.input) {
            Ok(input) => super::combine::guarded(me, || (self.request)(&self.op, input)),
            Err(reason) => Err(reason.clone()),
        };
        let new = match request {
            Ok(request) => {
                if !self.want.as_ref().is_some_and(|want| want.is_for(&request)) {
                    self.asked = Some(Asked { key: request.key, summary: request.summary.clone() });
                    // The new want is there before the old one is dropped: what both share is never unwanted.
                    self.want = Some(cx.world().cache.want(me, &self.erased, request));
                    self.kept = None;
                }
                self.read(cx)
            }
            Err(reason) => {
                if let Some(want) = self.want.take() {
                    self.kept = cx.world().cache.keep(&want);
                }
                Err(reason)
            }
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<B> {
        &self.value
    }
}

impl<O: Operation, A: Value, B: crate::op::Stored> OperateCell<O, A, B> {
    fn read(&self, cx: &mut Cx<'_, World>) -> Outcome<B> {
        let origin = cx.me();
        let Some(want) = &self.want else { return unknown(origin) };
        let what = match cx.world().cache.read(want) {
            Reading::Done(json) => match B::deserialize(&*json) {
                Ok(value) => return Ok(value),
                Err(error) => {
                    let error = OpError::permanent("the result has a form that this program can't read")
                        .with_hint("rebuild it")
                        .with_source(error);
                    Pending::Failed(Arc::new(Failure::from(&error)))
                }
            },
            Reading::Active(activity) => Pending::Active(activity),
            Reading::Failed(failure) => Pending::Failed(failure),
        };
        Err(Reason { origin, what })
    }
}

type Make<M> = dyn Fn(&Bindings) -> Result<M, Unbound> + Send + Sync;

struct Watching<M> {
    label: Label,
    make: Arc<Make<M>>,
}

impl<M: Monitor> Plan for Watching<M> {
    fn label(&self) -> Label {
        self.label.clone()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        Vec::new()
    }

    fn lower(&self, _: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let monitor = (self.make)(to.bindings)
            .map(Arc::new)
            .map_err(|unbound| NotLowered::new(&self.label, unbound))?;
        let cell = WatchingCell { monitor, watched: None, value: None };
        let node = to.add(self.label.clone(), &[], cell, false);
        if let Some(shown) = to.shown.last_mut() {
            shown.kind = NodeKind::Monitor;
            shown.stale = Some(Box::new(move |graph: &mut Graph<World>| {
                let mut watched = None;
                graph.with_mut::<WatchingCell<M>>(node, |cell| {
                    watched = cell.watched.as_ref().map(Watched::instance)
                });
                graph.world().monitors.stale(watched?)
            }));
        }
        Ok(node.id())
    }
}

struct WatchingCell<M: Monitor> {
    monitor: Arc<M>,
    watched: Option<Watched>,
    value: Option<Outcome<M::Value>>,
}

impl<M: Monitor> Compute<World> for WatchingCell<M> {
    type Value = Outcome<M::Value>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let origin = cx.me();
        let monitors = &mut cx.world().monitors;
        let watched = self.watched.get_or_insert_with(|| monitors.want(origin, &self.monitor));
        let what = match monitors.read(watched) {
            monitor::Reading::Value(value) => match value.downcast_ref::<M::Value>() {
                Some(value) => Ok(value.clone()),
                None => Err(Pending::Active(Activity::Running)),
            },
            monitor::Reading::Active(activity) => Err(Pending::Active(activity)),
            monitor::Reading::Failed(failure) => Err(Pending::Failed(failure)),
        };
        let new = Some(what.map_err(|what| Reason { origin, what }));
        let changed = self.value != new;
        self.value = new;
        changed
    }

    fn value(&self) -> &Outcome<M::Value> {
        self.value.as_ref().expect("because a node is computed before it is read")
    }
}
