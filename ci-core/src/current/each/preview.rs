//! What there would be, while there are no elements.

use std::any::Any;
use std::sync::Arc;

use super::super::home::HomeNo;
use super::super::lower::World;
use super::super::portrait::{Made, Seen, sit};
use super::super::{Current, Label, Outcome, Reason, Value, replace};
use super::Body;
use super::distinct::Distinct;
use super::element::{Given, ItemCell, made};
use crate::engine::{GroupKind, NodeKind};
use crate::incr::{Compute, Cx, Id, Node, Scope};

/// Its value is why the element that it stands for has none; while there are elements, there is nothing to say.
pub(super) struct PreviewCell<K, T, U> {
    pub(super) kind: GroupKind,
    pub(super) said: [&'static str; 2],
    pub(super) label: Label,
    pub(super) distinct: Node<Outcome<Distinct<K, T>>>,
    pub(super) body: Arc<Body<K, T, U>>,
    pub(super) home: HomeNo,
    /// The list is known, and has none.
    pub(super) empty: bool,
    pub(super) scope: Option<Scope>,
    pub(super) result: Option<Id>,
    /// There were elements when the list was last known.
    pub(super) known: bool,
    pub(super) value: Outcome<()>,
}

impl<K, T: Value, U: Value> Compute<World> for PreviewCell<K, T, U>
where
    K: Ord + Clone + Send + Sync + 'static,
{
    type Value = Outcome<()>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let me = cx.me();
        let empty = Err(Reason::queued(me));
        let new = match cx.get(self.distinct) {
            Ok(list) if list.conflict.is_some() && self.known => Ok(()),
            // It is known no better than one that was never read.
            Ok(list) if list.conflict.is_some() => Err(Reason::queued(self.distinct.id())),
            Ok(list) if list.entries.is_empty() => empty,
            Ok(_) => Ok(()),
            Err(reason) if self.known && !reason.is_skipped() => Ok(()),
            Err(reason) => Err(reason.clone()),
        };
        self.known = new.is_ok();
        match &new {
            Ok(()) => {
                if let Some(scope) = self.scope.take() {
                    self.result = None;
                    cx.release_scope(scope);
                }
            }
            Err(reason) => {
                let empty = reason.origin == me;
                // The two are named differently.
                let was_empty = std::mem::replace(&mut self.empty, empty);
                if self.scope.is_none() || empty != was_empty {
                    let (home, label, body) = (self.home, self.label.clone(), self.body.clone());
                    let said: Label = self.said[usize::from(empty)].into();
                    let scope = cx.new_scope();
                    let result = cx.in_scope(scope, |graph| {
                        let cell = ItemCell::<Outcome<()>, T> {
                            label: said.clone(),
                            item: me.typed(),
                            // It is never its own fault: it waits for the list, or for the list to have any.
                            take: |why, me| match why {
                                Err(reason) => Err(reason.clone()),
                                Ok(()) => Err(Reason::queued(me)),
                            },
                            shown: true,
                            value: None,
                        };
                        let item = graph.insert(&[me], cell);
                        let engine = graph.world().wake.clone();
                        let given = Given { label: said, node: item.id(), engine };
                        let given = Current::described_by(given);
                        made(graph, home, &label, Some(item.id()), || body(None, &given))
                    });
                    self.result = Some(result.id());
                    if let Some(old) = self.scope.replace(scope) {
                        cx.release_scope(old);
                    }
                }
            }
        }
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<()> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let said = self.said[usize::from(self.empty)];
            let mut seen = Seen::new(NodeKind::Combinator, said, [self.distinct.id()], &self.value);
            if let (Some(scope), Some(result)) = (self.scope, self.result) {
                let element = Made {
                    kind: GroupKind::Element,
                    label: said.to_owned(),
                    preview: true,
                    scope: Some(scope),
                    result: Some(result),
                    members: Vec::new(),
                };
                let (kind, label, members) = (self.kind, self.label.to_string(), vec![element]);
                seen.group = Some(Made { kind, label, preview: true, scope: None, result: None, members });
            }
            seen
        });
    }
}
