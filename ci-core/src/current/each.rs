//! A part of the pipeline for each element of a list, or for a value that need not be there.
//!
//! Five nodes. *Distinct* gives the list's entries by key. `incr`'s keyed list keeps a subgraph for each entry, and an
//! aggregate of their results. The *preview* has the body made once for nothing, while there are no elements: people
//! see what there would be. The *list* is what others read: the results in order; or why there is none.
//!
//! While the source has no value, the elements that there are stay, go on, and their results still count: a server that
//! can't be reached for an hour is no reason to stop what was built of its branches. It is said that they are stale,
//! and that is counted as a doubt. Only that the list does not apply any more
//! ([`Skipped`](crate::FailureKind::Skipped)) ends them.

use std::any::Any;
use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;

use self::distinct::{Distinct, DistinctCell};
use self::element::Bodies;
use self::preview::PreviewCell;
use self::settled::Settled;
use super::home::HomeNo;
use super::lower::{Lowering, NotLowered, Plan, World};
use super::portrait::{Seen, sit};
use super::within;
use super::{Activity, Current, Described, Label, Outcome, Pending, Reason, Value, replace, unknown};
use crate::doubt::Doubt;
use crate::engine::{GroupKind, NodeKind};
use crate::error::OpError;
use crate::incr::{Compute, Cx, Id, Members, Node};

mod distinct;
mod element;
mod preview;
mod settled;

/// What the elements of a list are called, and how they are shown. A name alone will do: `"branch"`.
#[derive(Clone, Debug)]
pub struct Elements {
    label: Label,
    collapsed: Option<Label>,
}

impl Elements {
    /// With this name.
    pub fn called(label: impl Into<Label>) -> Self {
        Self { label: label.into(), collapsed: None }
    }

    /// Each element is shown as one box until somebody opens it: see [`Current::collapse`]. The value that opens one is
    /// its key.
    #[must_use]
    pub fn collapsed(mut self, key: impl Into<Label>) -> Self {
        self.collapsed = Some(key.into());
        self
    }
}

impl From<&'static str> for Elements {
    fn from(label: &'static str) -> Self {
        Self::called(label)
    }
}

impl From<String> for Elements {
    fn from(label: String) -> Self {
        Self::called(label)
    }
}

/// What tells one element of a list from another, and names it for people: two that differ should be shown differently,
/// too.
pub trait Key: Ord + Clone + Display + Send + Sync + 'static {}

impl<K: Ord + Clone + Display + Send + Sync + 'static> Key for K {}

impl<T: Value> Current<Vec<T>> {
    /// What `body` makes of each element, in the order of the list. `body` is called once for an element that is new;
    /// it lasts while the list has an element of the same `key`, whatever its place; what else changes of the element
    /// is seen by the current that the body was given. Equal elements share what is made of them. Two that differ and
    /// have the same key are this node's failure, and change nothing else.
    ///
    /// Of reasons why there are no results, the one that [`super::all()`] would tell is told; elements that were
    /// *skipped* are left out. While the list itself is not known, its elements stay; they are said to be stale.
    /// Until there are any, pictures show what would be made of one: so the body is called for that, too.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::constant;
    ///
    /// let heads = constant(vec![("live", "1a2b3c4"), ("main", "5d6e7f8")]);
    /// let images = heads.each_by("branch", |(branch, _)| *branch, |head| {
    ///     head.map(|(branch, commit)| format!("site:{branch}-{commit}"))
    /// });
    /// assert_eq!(value_of(images), Ok(vec!["site:live-1a2b3c4".to_owned(), "site:main-5d6e7f8".to_owned()]));
    /// ```
    pub fn each_by<K: Key, U: Value>(
        &self,
        elements: impl Into<Elements>,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
        body: impl Fn(&Current<T>) -> Current<U> + Send + Sync + 'static,
    ) -> Current<Vec<U>> {
        let Elements { label, collapsed } = elements.into();
        let name: Arc<dyn Fn(&K) -> String + Send + Sync> = Arc::new(|key| key.to_string());
        // What is made later stands in the context that it is written in.
        let here = within::here();
        let body = Arc::new(move |item: &Current<T>| within::at(&here, || body(item)));
        let body: Arc<Body<K, T, U>> = match collapsed {
            None => Arc::new(move |_, item| body(item)),
            Some(under) => Arc::new(move |key: Option<&K>, item: &Current<T>| match key {
                Some(key) => body(item).collapse(under.clone(), key.to_string(), item),
                None => body(item),
            }),
        };
        let entries = Arc::new(move |list: &Vec<T>| {
            list.iter().map(|item| (key(item), item.clone())).collect::<Vec<_>>()
        });
        let (kind, said) = (GroupKind::List, ["(each item)", "(empty list)"]);
        let done: Done<U, Vec<U>> = |results, order| match order {
            None => results.iter().flatten().cloned().collect(),
            Some(order) => order.iter().filter_map(|at| results.get(*at as usize)?.clone()).collect(),
        };
        Current::described_by(Each { kind, said, label, source: self.clone(), entries, name, body, done })
    }

    /// [`Current::each_by`], with the element itself as its key.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::current::{constant, labelled};
    ///
    /// let source = labelled("source", "site.tar");
    /// let platforms = constant(vec!["amd64", "arm64"]);
    /// let images = platforms.each("platform", move |platform| {
    ///     platform.and(&source).map(|(platform, source)| format!("{source} for {platform}"))
    /// });
    /// assert_eq!(value_of(images), Ok(vec!["site.tar for amd64".into(), "site.tar for arm64".into()]));
    /// ```
    pub fn each<U: Value>(
        &self,
        elements: impl Into<Elements>,
        body: impl Fn(&Current<T>) -> Current<U> + Send + Sync + 'static,
    ) -> Current<Vec<U>>
    where
        T: Key,
    {
        self.each_by(elements, T::clone, body)
    }
}

impl<T: Value> Current<Option<T>> {
    /// What `body` makes of the value, if there is one. What it made lasts until there is none. Pictures show what
    /// would be made of one, even while there is none: so the body is called for that, too.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/value_of.rs")); }
    /// # use doc::value_of;
    /// use ci_core::Current;
    /// use ci_core::current::constant;
    ///
    /// let tag: Current<Option<&str>> = constant(Some("v1.2"));
    /// let release = tag.map_some("release", |tag| tag.map(|tag| format!("site {tag}")));
    /// assert_eq!(value_of(release), Ok(Some("site v1.2".to_owned())));
    /// ```
    pub fn map_some<U: Value>(
        &self,
        label: impl Into<Label>,
        body: impl Fn(&Current<T>) -> Current<U> + Send + Sync + 'static,
    ) -> Current<Option<U>> {
        let name: Arc<dyn Fn(&()) -> String + Send + Sync> = Arc::new(|()| String::new());
        let here = within::here();
        let body: Arc<Body<(), T, U>> = Arc::new(move |_, item| within::at(&here, || body(item)));
        let entries = Arc::new(|value: &Option<T>| value.iter().map(|value| ((), value.clone())).collect());
        let (kind, said) = (GroupKind::Option, ["(if any)", "(none)"]);
        let done: Done<U, Option<U>> = |results, _| results.first().cloned().flatten();
        let (label, source) = (label.into(), self.clone());
        Current::described_by(Each { kind, said, label, source, entries, name, body, done })
    }
}

/// The key is there when it is no preview.
type Body<K, T, U> = dyn Fn(Option<&K>, &Current<T>) -> Current<U> + Send + Sync;
type Entries<S, K, T> = dyn Fn(&S) -> Vec<(K, T)> + Send + Sync;
type Name<K> = dyn Fn(&K) -> String + Send + Sync;
/// Of the results of distinct elements (`None`: skipped) and, if some are named several times, the places of all.
type Done<U, R> = fn(&[Option<U>], Option<&[u32]>) -> R;

struct Each<S, K, T, U, R> {
    kind: GroupKind,
    /// What stands for the element while the source is not known, and while it has none.
    said: [&'static str; 2],
    label: Label,
    source: Current<S>,
    entries: Arc<Entries<S, K, T>>,
    name: Arc<Name<K>>,
    body: Arc<Body<K, T, U>>,
    done: Done<U, R>,
}

impl<S, K, T, U, R> Plan for Each<S, K, T, U, R>
where
    S: Value,
    K: Ord + Clone + Send + Sync + 'static,
    T: Value,
    U: Value,
    R: Value,
{
    fn label(&self) -> Label {
        self.label.clone()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        vec![self.source.description().clone()]
    }

    fn lower(&self, inputs: &[Id], to: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        let home: HomeNo = to.home();
        let source = inputs[0].typed();
        let distinct = DistinctCell::new(self.label.clone(), source, self.entries.clone(), self.name.clone());
        let distinct = to.graph.insert(inputs, distinct);
        let bodies = Bodies {
            kind: self.kind,
            label: self.label.clone(),
            source: distinct.id(),
            name: self.name.clone(),
            body: self.body.clone(),
            home,
        };
        let keyed = to.graph.keyed_with(distinct, bodies, Outcome::clone, Settled::default());
        let preview = PreviewCell {
            kind: self.kind,
            said: self.said,
            label: self.label.clone(),
            distinct,
            body: self.body.clone(),
            home,
            empty: false,
            scope: None,
            result: None,
            known: false,
            value: Ok(()),
        };
        let preview = to.graph.insert(&[distinct.id()], preview);
        let cell = ListCell {
            label: self.label.clone(),
            distinct,
            members: keyed.members,
            results: keyed.all,
            preview: preview.id(),
            order: None,
            known: false,
            doubt: None,
            refreshing: None,
            done: self.done,
            value: unknown(inputs[0]),
            item: PhantomData,
        };
        let inputs = [distinct.id(), keyed.members.id(), keyed.all.id(), preview.id()];
        Ok(to.add(&inputs, cell).id())
    }
}

struct ListCell<K, T, U, R> {
    label: Label,
    distinct: Node<Outcome<Distinct<K, T>>>,
    members: Node<Members<K, Outcome<U>>>,
    results: Node<Outcome<Vec<Option<U>>>>,
    preview: Id,
    /// That of the last list that was right.
    order: Option<Arc<[u32]>>,
    /// There was one.
    known: bool,
    doubt: Option<Doubt>,
    /// What goes on at the list, while the elements stay.
    refreshing: Option<Activity>,
    done: Done<U, R>,
    value: Outcome<R>,
    item: PhantomData<fn() -> T>,
}

impl<K, T, U, R> Compute<World> for ListCell<K, T, U, R>
where
    K: Ord + Clone + Send + Sync + 'static,
    T: Value,
    U: Value,
    R: Value,
{
    type Value = Outcome<R>;

    fn recompute(&mut self, cx: &mut Cx<'_, World>) -> bool {
        let (mut failed, mut why) = (None, None);
        self.refreshing = None;
        match cx.get(self.distinct) {
            Ok(Distinct { conflict: Some(key), .. }) => {
                let error = OpError::permanent(format!("the list has two different elements called {key:?}"));
                failed = Some(error.with_hint("give them different keys"));
            }
            // Places mean something only if the elements are those of this list.
            Ok(list) if list.entries.len() == cx.get(self.members).results().len() => {
                self.order.clone_from(&list.order);
                self.known = true;
            }
            Ok(_) => {}
            Err(reason) if !self.known || reason.is_skipped() => {
                self.known = false;
                self.doubt = None;
                return replace(&mut self.value, Err(reason.clone()));
            }
            Err(Reason { what: Pending::Failed(failure), .. }) => why = Some(failure.clone()),
            Err(Reason { what: Pending::Active(activity), .. }) => self.refreshing = Some(*activity),
        }
        self.doubt = why.map(|why| cx.world().doubts.of(why));
        let new = match (failed, cx.get(self.results)) {
            (Some(error), _) => super::guarded(cx.me(), || Err(error)),
            (None, Ok(results)) => Ok((self.done)(results, self.order.as_deref())),
            (None, Err(reason)) => Err(reason.clone()),
        };
        replace(&mut self.value, new)
    }

    fn value(&self) -> &Outcome<R> {
        &self.value
    }

    fn answer(&self, question: &mut dyn Any) {
        sit(question, || {
            let mut seen =
                Seen::new(NodeKind::Combinator, self.label.clone(), [self.distinct.id()], &self.value);
            seen.gathers.extend([self.members.id(), self.preview]);
            seen.refreshing = self.refreshing;
            seen.stale = self.doubt.as_ref().map(|doubt| doubt.why.to_string());
            seen
        });
    }
}
