//! What is made for each element.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::super::constant::ConstantCell;
use super::super::home::HomeNo;
use super::super::lower::{Lowering, NotLowered, Plan, World};
use super::super::portrait::{Made, Seen, sit};
use super::super::{Current, Described, Label, Outcome, Value, panicked, replace};
use super::distinct::Distinct;
use super::{Body, Name};
use crate::engine::{GroupKind, NodeKind};
use crate::incr::{self, Compute, Cx, Graph, Id, Node, Scope};

/// How `incr`'s keyed list makes an element.
pub(super) struct Bodies<K, T, U> {
    pub(super) kind: GroupKind,
    pub(super) label: Label,
    pub(super) source: Id,
    pub(super) name: Arc<Name<K>>,
    pub(super) body: Arc<Body<K, T, U>>,
    pub(super) home: HomeNo,
}

impl<K, T: Value, U: Value> incr::Each<World> for Bodies<K, T, U>
where
    K: Ord + Clone + Send + Sync + 'static,
{
    type Source = Outcome<Distinct<K, T>>;
    type Item = (K, T);
    type Key = K;
    type Output = Outcome<U>;

    fn items<'s>(&self, source: &'s Self::Source) -> Option<&'s [(K, T)]> {
        match source {
            Ok(list) if list.conflict.is_none() => Some(&list.entries),
            Err(reason) if reason.is_skipped() => Some(&[]),
            Ok(_) | Err(_) => None,
        }
    }

    fn key<'i>(&self, item: &'i (K, T)) -> &'i K {
        &item.0
    }

    fn make(&mut self, graph: &mut Graph<World>, key: &K, item: Node<(K, T)>) -> Node<Outcome<U>> {
        let name = self.called(key);
        let take: fn(&(K, T), Id) -> Outcome<T> = |(_, item), _| Ok(item.clone());
        let label: Label = name.clone().into();
        let cell = ItemCell { label: label.clone(), item, take, shown: false, value: None };
        let item = graph.insert(&[item.id()], cell);
        let item =
            Current::described_by(Given { label, node: item.id(), engine: graph.world().wake.clone() });
        made(graph, self.home, &self.label, None, || (self.body)(Some(key), &item))
    }

    fn answer(
        &self,
        elements: &mut dyn Iterator<Item = (&K, Scope, Node<Outcome<U>>)>,
        question: &mut dyn Any,
    ) {
        sit(question, || {
            let mut seen = Seen::new(NodeKind::Combinator, "", [self.source], &Ok(()));
            let members = elements.map(|(key, scope, result)| Made {
                kind: GroupKind::Element,
                label: self.called(key),
                preview: false,
                scope: Some(scope),
                result: Some(result.id()),
                members: Vec::new(),
            });
            let members = members.collect();
            let (kind, label) = (self.kind, self.label.to_string());
            seen.group = Some(Made { kind, label, preview: false, scope: None, result: None, members });
            seen
        });
    }
}

impl<K, T, U> Bodies<K, T, U> {
    /// What people call an element.
    fn called(&self, key: &K) -> String {
        let name = std::panic::catch_unwind(AssertUnwindSafe(|| (self.name)(key)));
        name.unwrap_or_else(|_| "(a key that can't be shown)".to_owned())
    }
}

/// The node of what `body` makes; or one that says why there is none. `preview`: it is only to be seen, and this stands
/// for the element.
pub(super) fn made<U: Value>(
    graph: &mut Graph<World>,
    home: HomeNo,
    label: &Label,
    preview: Option<Id>,
    body: impl FnOnce() -> Current<U>,
) -> Node<Outcome<U>> {
    let made = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let body = body();
        let lowering = Lowering::new(graph, Some(home));
        match preview {
            Some(item) => lowering.preview(item).lower(body),
            None => lowering.lower(body),
        }
    }));
    let error = match made {
        Ok(Ok(node)) => return node,
        Ok(Err(not)) => not.failure(),
        Err(panic) => panicked(&*panic),
    };
    graph.insert(&[], ConstantCell::failed(label, &error))
}

/// The current that a body is given.
pub(super) struct Given {
    pub(super) label: Label,
    pub(super) node: Id,
    /// Whose node it is.
    pub(super) engine: super::super::Wake,
}

impl Plan for Given {
    fn label(&self) -> Label {
        self.label.clone()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        Vec::new()
    }

    fn check(&self, to: &mut Lowering<'_>) -> Result<(), NotLowered> {
        let here = to.graph.world().wake.is(&self.engine) && to.graph.is_around(self.node);
        if here { Ok(()) } else { Err(NotLowered::foreign(&self.label)) }
    }

    fn lower(&self, _: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        self.check(to).map(|()| self.node)
    }
}

/// The element, as a node that others read; or what stands for one.
pub(super) struct ItemCell<S, T> {
    pub(super) label: Label,
    pub(super) item: Node<S>,
    pub(super) take: fn(&S, Id) -> Outcome<T>,
    pub(super) shown: bool,
    pub(super) value: Option<Outcome<T>>,
}

impl<S: 'static, T: Value> Compute<World> for ItemCell<S, T> {
    type Value = Outcome<T>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let new = (self.take)(cx.get(self.item), cx.me());
        match &mut self.value {
            Some(value) => replace(value, new),
            None => {
                self.value = Some(new);
                true
            }
        }
    }

    fn value(&self) -> &Outcome<T> {
        self.value.as_ref().expect("because a node is computed before it is read")
    }

    fn answer(&self, question: &mut dyn Any) {
        let Some(value) = &self.value else { return };
        sit(question, || {
            let mut seen = Seen::new(NodeKind::Combinator, self.label.clone(), [], value);
            seen.stands_for_group = true;
            if self.shown { seen.shown() } else { seen }
        });
    }
}
