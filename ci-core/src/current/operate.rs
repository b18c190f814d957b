//! Currents that touch the outside: operations and monitors.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, Stage, Work, sit};
use super::tally::Counted;
use super::{
    Activity, Current, Described, Label, Outcome, Pending, Reason, Value, guarded, replace, unknown,
};
use crate::bindings::{Bind, Bindings, Unbound};
use crate::cache::{Keep, Reading, Want};
use crate::engine::NodeKind;
use crate::error::{Failure, OpError};
use crate::incr::{Compute, Cx, Id, Node};
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
    try_build_with(input, on, label, move |op, a| Ok(key(op, a)))
}

/// [`build_with`], where it may be that nothing can be asked. Then the error is the node's, there is no job, and nothing is
/// written down.
pub fn try_build_with<B: Builder + Bind, A: Value>(
    input: &Current<A>,
    on: impl Into<String>,
    label: impl Into<Label>,
    key: impl Fn(&B, &A) -> Result<B::Key, OpError> + Send + Sync + 'static,
) -> Current<B::Value> {
    Current::described_by(Operate::<Build<B>, A, B::Value> {
        input: input.clone(),
        on: on.into(),
        label: label.into(),
        make: |bindings, on| B::bind(bindings, on).map(Build),
        request: Arc::new(move |op, a| Build::<B>::request(&key(&op.0, a)?)),
        place: None,
        valid_for: None,
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
        valid_for: None,
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
        place: Some(Arc::new(move |op| Publish::<P>::place(&known(&op.0)))),
        valid_for: None,
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
    place: Option<Arc<PlaceOf<O>>>,
    valid_for: Option<Duration>,
    value: PhantomData<fn() -> B>,
}

impl<O: Operation, A: Value, B: crate::op::Stored> Plan for Operate<O, A, B> {
    fn label(&self) -> Label {
        self.label.clone()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.input.description().clone()]
    }

    fn valid_for(&self, time: Duration) -> Option<Box<dyn Plan>> {
        Some(Box::new(Self {
            input: self.input.clone(),
            on: self.on.clone(),
            label: self.label.clone(),
            make: self.make,
            request: self.request.clone(),
            place: self.place.clone(),
            valid_for: Some(self.valid_for.map_or(time, |known| known.min(time))),
            value: PhantomData,
        }))
    }

    fn check(&self, to: &mut Lowering<'_>) -> Result<(), NotLowered> {
        let (op, fresh) = to.context(&self.label, &self.on, |bindings| (self.make)(bindings, &self.on))?;
        if fresh {
            let player = to.bindings().player::<B>(op);
            to.graph.world_mut().cache.register(player);
        }
        Ok(())
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let (op, _) = to.context(&self.label, &self.on, |bindings| (self.make)(bindings, &self.on))?;
        let player = to.bindings().player::<B>(op.clone());
        // A place that can't be written down fails the request, which tells why.
        let place = self.place.as_ref().and_then(|place| place(&op).ok());
        let cell = OperateCell::<O, A, B> {
            label: self.label.clone(),
            input: inputs[0].typed(),
            erased: player,
            op,
            request: self.request.clone(),
            place: place.map(Box::new),
            valid_for: self.valid_for,
            want: None,
            before: None,
            held_by: to.held_by(),
            counted: to.counted(),
            value: unknown(inputs[0]),
        };
        Ok(to.add(inputs, cell).id())
    }
}

struct OperateCell<O, A, B> {
    label: Label,
    input: Node<Outcome<A>>,
    op: Arc<O>,
    erased: Arc<dyn Operation>,
    request: Arc<Ask<O, A>>,
    place: Option<Box<Place>>,
    valid_for: Option<Duration>,
    want: Option<Want>,
    /// While the input has no value.
    before: Option<Box<Before>>,
    /// It is only to be seen.
    held_by: Option<Id>,
    counted: Option<Counted>,
    value: Outcome<B>,
}

/// What was there before the input lost its value.
struct Before {
    /// What was asked last.
    asked: Request,
    /// What was published then is watched further.
    kept: Option<Keep>,
}

impl<O: Operation, A: Value, B: crate::op::Stored> Compute<World> for OperateCell<O, A, B> {
    type Value = Outcome<B>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let request = match (cx.get(self.input), self.held_by) {
            (Ok(_), Some(item)) => Err(Reason::queued(item)),
            (Ok(input), None) => guarded(me, || (self.request)(&self.op, input)),
            (Err(reason), _) => Err(reason.clone()),
        };
        let new = match request {
            Ok(request) => {
                if !self.want.as_ref().is_some_and(|want| want.is_for(&request)) {
                    // The new want is there before the old one is dropped: what both share is never unwanted.
                    self.want = Some(cx.world().cache.want(me, &self.erased, request, self.valid_for));
                    self.before = None;
                }
                self.read(cx)
            }
            Err(reason) => {
                if let Some(want) = self.want.take() {
                    let kept = cx.world().cache.keep(&want);
                    self.before = Some(Box::new(Before { asked: want.request().clone(), kept }));
                }
                Err(reason)
            }
        };
        if let Some(counted) = &mut self.counted {
            counted.is(&new, me);
        }
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<B> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let (now, before) = (self.want.as_ref().map(Want::request), self.before.as_deref());
            let would = match (now, &self.place) {
                (Some(request), _) => Some(deed(&*self.op, &request.summary)),
                (None, Some(place)) => Some(format!("{} {}", self.op.does(), place.name)),
                (None, None) => None,
            };
            let stage = Stage {
                op: self.op.id(),
                publishes: self.op.publishes(),
                place: self.place.as_deref().cloned(),
                would,
                asked: now.or(before.map(|before| &before.asked)).cloned(),
                instance: self.want.as_ref().map(Want::instance),
                kept: before.and_then(|before| before.kept.as_ref()).map(Keep::instance),
            };
            let inputs = [self.input.id()];
            let mut seen = Seen::new(NodeKind::Operation, self.label.clone(), inputs, &self.value);
            seen.work = Some(Work::Stage(stage));
            seen
        });
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

    fn check(&self, to: &mut Lowering<'_>) -> Result<(), NotLowered> {
        self.monitor(to).map(|_| ())
    }

    fn lower(&self, _: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let monitor = Arc::new(self.monitor(to)?);
        #[cfg(feature = "testing")]
        if to.held_by().is_none()
            && let Some(puppets) = &to.bindings().puppets
            && !M::GOES_BY_THE_CLOCK
        {
            let parked = Arc::new(puppets.monitor(&*monitor, &self.label));
            return Ok(watching(&self.label, parked, to));
        }
        Ok(watching(&self.label, monitor, to))
    }
}

impl<M: Monitor> Watching<M> {
    fn monitor(&self, to: &Lowering<'_>) -> Result<M, NotLowered> {
        (self.make)(to.bindings()).map_err(|unbound| NotLowered::new(&self.label, unbound))
    }
}

fn watching<M: Monitor>(label: &Label, monitor: Arc<M>, to: &mut Lowering<'_>) -> Id {
    let (label, held_by, counted) = (label.clone(), to.held_by(), to.counted());
    to.add(&[], WatchingCell { label, monitor, watched: None, held_by, counted, value: None }).id()
}

struct WatchingCell<M: Monitor> {
    label: Label,
    monitor: Arc<M>,
    watched: Option<Watched>,
    /// It is only to be seen.
    held_by: Option<Id>,
    counted: Option<Counted>,
    value: Option<Outcome<M::Value>>,
}

impl<M: Monitor> Compute<World> for WatchingCell<M> {
    type Value = Outcome<M::Value>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let origin = cx.me();
        if let Some(item) = self.held_by {
            return self.value.replace(Err(Reason::queued(item))).is_none();
        }
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
        let new = what.map_err(|what| Reason { origin, what });
        if let Some(counted) = &mut self.counted {
            counted.is(&new, origin);
        }
        let new = Some(new);
        let changed = self.value != new;
        self.value = new;
        changed
    }

    fn value(&self) -> &Outcome<M::Value> {
        self.value.as_ref().expect("because a node is computed before it is read")
    }

    fn answer(&self, question: &mut dyn Any) {
        let Some(value) = &self.value else { return };
        sit(question, || {
            let mut seen = Seen::new(NodeKind::Monitor, self.label.clone(), [], value);
            seen.work = Some(Work::Monitor(self.watched.as_ref().map(Watched::instance)));
            seen
        });
    }
}
