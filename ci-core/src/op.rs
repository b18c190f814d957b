//! What an operation is: work on the outside, known by a key.
//!
//! A [`Builder`] turns a key into a value: fetch, build, pull. A [`Publisher`] makes the world hold a value under a
//! key: push a tag, update a service. `self` is the *context* (clients, credentials, pools, timeouts) and never
//! changes the answer; whatever can change it is in the key. Two operations with equal keys are one.
//!
//! The cache decides *whether* an operation runs, waits for confirmation and for a slot, and writes down intent and
//! outcome around it. An operation just does its work, and says how to find it again after a crash.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::error::{Failure, OpError};
use crate::ids::{KeyDigest, OpId};
use crate::job::Job;
use crate::level::Level;
use crate::pool::{Ask, Pool, Priority, Share};
use crate::secret::Secrets;

/// What keys, desired values and results have in common. Their JSON is their identity and their stored form: give
/// fields names that stay, and add new ones with `#[serde(default)]`.
pub trait Stored: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static> Stored for T {}

/// How long an attempt may run unless the operation says otherwise.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60 * 60);

/// Turns a key into a value.
pub trait Builder: Send + Sync + 'static {
    /// Its name in the store and in log file names.
    const ID: OpId;
    /// Whether a running attempt is stopped when nobody wants its key any more. Say no where finishing costs less
    /// than starting again.
    const AUTO_CANCEL: bool;
    /// What it does with its key, for people. With the key's text it is the end of a sentence: it would *build* …
    const DOES: &'static str = "make";
    /// The question. Its `Display` completes the operation's name for people: `demo@1a2b3c4d`.
    type Key: Stored + fmt::Display;
    /// The answer.
    type Value: Stored;

    /// What harm it can do.
    fn level(&self, key: &Self::Key) -> Level;

    /// Whose slots it takes while it runs.
    fn pool(&self) -> Option<&Pool> {
        None
    }

    /// On whose behalf it runs: those take turns in its pool.
    fn share(&self, key: &Self::Key) -> Share {
        let _ = key;
        Share::default()
    }

    /// How many of its pool's slots it takes.
    fn slots(&self, key: &Self::Key) -> usize {
        let _ = key;
        1
    }

    /// Whether a key is one of this context's. Asked when several contexts of one operation are bound (two engines)
    /// and a crash left an attempt that must be given to one of them.
    fn serves(&self, key: &Self::Key) -> bool {
        let _ = key;
        true
    }

    /// How long one attempt may run, from when it is let in.
    fn timeout(&self, key: &Self::Key) -> Duration {
        let _ = key;
        TIMEOUT_DEFAULT
    }

    /// Does the work. Called when the attempt is allowed to run and its intent is durable.
    fn build(&self, job: &Job, key: &Self::Key) -> impl Future<Output = Result<Self::Value, OpError>> + Send;

    /// After a crash: finds the work of an attempt that was cut, by the handle it noted last, and follows it to its
    /// end. `None` when there is nothing to find: the attempt then builds again.
    fn resume(
        &self,
        job: &Job,
        key: &Self::Key,
        handle: Option<Json>,
    ) -> impl Future<Output = Result<Option<Self::Value>, OpError>> + Send {
        let _ = (job, key, handle);
        std::future::ready(Ok(None))
    }

    /// After a crash, when nobody wants the key any more: removes what an attempt that was cut left on the outside.
    fn abandon(
        &self,
        job: &Job,
        key: &Self::Key,
        handle: Option<Json>,
    ) -> impl Future<Output = Result<(), OpError>> + Send {
        let _ = (job, key, handle);
        std::future::ready(Ok(()))
    }

    /// Whether a value that is there still stands: an image may have been pruned since. Asked of each result that comes from
    /// the store, and whenever somebody comes to use one that others have.
    fn is_valid(&self, key: &Self::Key, value: &Self::Value) -> impl Future<Output = bool> + Send {
        let _ = (key, value);
        std::future::ready(true)
    }
}

/// Makes the world hold a value under a key.
///
/// For one key, one attempt runs at a time, and only the newest value wanted is published next: older never lands
/// after newer. A running attempt is not stopped by a newer value.
pub trait Publisher: Send + Sync + 'static {
    /// Its name in the store and in log file names.
    const ID: OpId;
    /// What it does with the place, for people. With the key's text it is the end of a sentence: it would
    /// *update service* …
    const DOES: &'static str = "set";
    /// Whether the outcome of the value before serves those who depend on it until that of a newer one is there, be it
    /// that it failed. Otherwise they wait.
    const LATCHED: bool = false;
    /// The place: a tag, a service on an engine. `Display` is for people.
    type Key: Stored + fmt::Display;
    /// What the place is to hold. `Display` is for people.
    type Value: Stored + fmt::Display;
    /// What was found there afterwards.
    type Outcome: Stored;

    /// What harm it can do.
    fn level(&self, key: &Self::Key) -> Level;

    /// Whose slots it takes while it runs.
    fn pool(&self) -> Option<&Pool> {
        None
    }

    /// On whose behalf it runs: those take turns in its pool.
    fn share(&self, key: &Self::Key) -> Share {
        let _ = key;
        Share::default()
    }

    /// How many of its pool's slots it takes.
    fn slots(&self, key: &Self::Key) -> usize {
        let _ = key;
        1
    }

    /// Whether a key is one of this context's. Asked when several contexts of one operation are bound (two engines)
    /// and a crash left an attempt that must be given to one of them.
    fn serves(&self, key: &Self::Key) -> bool {
        let _ = key;
        true
    }

    /// How long one attempt may run, from when it is let in.
    fn timeout(&self, key: &Self::Key) -> Duration {
        let _ = key;
        TIMEOUT_DEFAULT
    }

    /// Makes it so, and reads it back.
    fn publish(
        &self,
        job: &Job,
        key: &Self::Key,
        value: &Self::Value,
    ) -> impl Future<Output = Result<Self::Outcome, OpError>> + Send;

    /// After a crash, and after a failure of the machinery: reads the world back, and brings an attempt that was cut to
    /// its end: forwards, or back. `None` when the world was not touched: then it may publish again. Asked again and
    /// again while it fails in a way that may pass, and before any newer value is published.
    fn resume(
        &self,
        job: &Job,
        key: &Self::Key,
        value: &Self::Value,
        handle: Option<Json>,
    ) -> impl Future<Output = Result<Option<Self::Outcome>, OpError>> + Send {
        let _ = (job, key, value, handle);
        std::future::ready(Ok(None))
    }

    /// Whether a stored outcome still stands. Asked once for each that comes from the store; an error means that this
    /// can't be known now: it is told, and asked again until it is known. Nothing is called done before.
    fn is_valid(
        &self,
        key: &Self::Key,
        value: &Self::Value,
        outcome: &Self::Outcome,
    ) -> impl Future<Output = Result<bool, OpError>> + Send {
        let _ = (key, value, outcome);
        std::future::ready(Ok(true))
    }

    /// Returns when somebody may have changed the place, or when it is time to look anyway: an attempt that waits to
    /// be tried again is tried then, and [`Publisher::drift`] is asked. Only a hint. `None`, at once: there is none
    /// to wait for.
    fn changed(&self, key: &Self::Key) -> impl Future<Output = Option<()>> + Send {
        let _ = key;
        std::future::ready(None)
    }

    /// What the place holds now instead of the outcome, if somebody changed it since: told for as long as it lasts,
    /// and left alone. Asked when the outcome is there, and after each [`Publisher::changed`].
    ///
    /// # Errors
    ///
    /// When that can't be known now. If it goes on, that is told instead.
    fn drift(
        &self,
        key: &Self::Key,
        value: &Self::Value,
        outcome: &Self::Outcome,
    ) -> impl Future<Output = Result<Option<Failure>, OpError>> + Send {
        let _ = (key, value, outcome);
        std::future::ready(Ok(None))
    }
}

/// One thing asked of an operation: the key and, for publishers, the value wanted under it.
#[derive(Clone, Debug)]
pub struct Request(Arc<Wanted>);

/// See [`Request`].
#[derive(Debug)]
pub struct Wanted {
    /// Identity, together with the operation's id.
    pub key: KeyDigest,
    /// The key as it is stored.
    pub key_fields: Fields,
    /// The value wanted; `null` for builders.
    pub desired_fields: Fields,
    /// Identity of the value wanted.
    pub desired: KeyDigest,
    /// One line for people.
    pub summary: Arc<str>,
}

impl Request {
    fn new(key_fields: Json, desired_fields: Json, summary: String) -> Self {
        let (key, desired) = (KeyDigest::of(&key_fields), KeyDigest::of(&desired_fields));
        Self::stored(key, &key_fields, desired, &desired_fields, &summary)
    }

    /// As it was stored.
    pub(crate) fn stored(
        key: KeyDigest,
        key_fields: &Json,
        desired: KeyDigest,
        desired_fields: &Json,
        summary: &str,
    ) -> Self {
        let (key_fields, desired_fields) = (Fields::of(key_fields), Fields::of(desired_fields));
        Self(Arc::new(Wanted { key, key_fields, desired_fields, desired, summary: summary.into() }))
    }

    /// The same, with a summary that tells no secret. The fields are as they are: an operation is found again by them.
    pub(crate) fn told(self, secrets: &Secrets) -> Self {
        let Cow::Owned(summary) = secrets.text(&self.summary) else { return self };
        let Wanted { key, key_fields, desired_fields, desired, .. } = &*self.0;
        Self(Arc::new(Wanted {
            key: *key,
            key_fields: key_fields.clone(),
            desired_fields: desired_fields.clone(),
            desired: *desired,
            summary: summary.into(),
        }))
    }
}

impl std::ops::Deref for Request {
    type Target = Wanted;

    fn deref(&self) -> &Wanted {
        &self.0
    }
}

/// A result to be kept. Many are `null`, and those are one.
pub(crate) fn shared(result: Json) -> Arc<Json> {
    static NULL: LazyLock<Arc<Json>> = LazyLock::new(Arc::default);
    if result.is_null() { NULL.clone() } else { Arc::new(result) }
}

/// JSON that is kept for long and read seldom: as text, which is a fraction of the size of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Option<Box<str>>);

impl Fields {
    fn of(json: &Json) -> Self {
        Self((!json.is_null()).then(|| json.to_string().into()))
    }

    fn text(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }

    /// As it was.
    pub fn json(&self) -> Json {
        // What is nested too deep to be read again is refused by the store, too, with words.
        serde_json::from_str(self.text()).unwrap_or_default()
    }

    fn typed<T: DeserializeOwned>(&self, what: &str) -> Result<T, OpError> {
        serde_json::from_str(self.text()).map_err(|error| unreadable(what, error))
    }
}

/// An operation with its types erased, as the cache handles it. Values are JSON, as they are stored.
pub trait Operation: Send + Sync + 'static {
    /// See [`Builder::ID`].
    fn id(&self) -> OpId;
    /// See [`Builder::DOES`] and [`Publisher::DOES`].
    fn does(&self) -> &'static str;
    /// Whether it is a [`Publisher`].
    fn publishes(&self) -> bool;
    /// See [`Builder::AUTO_CANCEL`].
    fn auto_cancel(&self) -> bool;
    /// See [`Publisher::LATCHED`].
    fn latched(&self) -> bool;
    /// Whether an attempt that failed because the machinery did is gone on with, from its newest note, instead of begun
    /// anew: what it did to the world is not undone by that.
    fn is_continued(&self) -> bool;
    /// See [`Builder::level`].
    fn level(&self, request: &Request) -> Level;
    /// See [`Builder::pool`].
    fn pool(&self) -> Option<Pool>;
    /// See [`Builder::share`] and [`Builder::slots`].
    fn ask(&self, request: &Request, priority: Priority) -> Ask;
    /// See [`Builder::timeout`].
    fn timeout(&self, request: &Request) -> Duration;
    /// See [`Builder::serves`].
    fn serves(&self, request: &Request) -> bool;
    /// See [`Builder::build`] and [`Publisher::publish`].
    fn run<'a>(&'a self, job: &'a Job, request: &'a Request) -> BoxFuture<'a, Result<Json, OpError>>;
    /// See [`Builder::resume`].
    fn resume<'a>(
        &'a self,
        job: &'a Job,
        request: &'a Request,
        handle: Option<Json>,
    ) -> BoxFuture<'a, Result<Option<Json>, OpError>>;
    /// See [`Builder::abandon`]. A publisher's attempt is brought to its end instead.
    fn abandon<'a>(
        &'a self,
        job: &'a Job,
        request: &'a Request,
        handle: Option<Json>,
    ) -> BoxFuture<'a, Result<(), OpError>>;
    /// See [`Builder::is_valid`] and [`Publisher::is_valid`]. A value that this program can't read is not valid.
    fn is_valid<'a>(&'a self, request: &'a Request, value: &'a Json) -> BoxFuture<'a, Result<bool, OpError>>;
    /// See [`Publisher::changed`].
    fn changed<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Option<()>>;
    /// See [`Publisher::drift`].
    fn drift<'a>(
        &'a self,
        request: &'a Request,
        value: &'a Json,
    ) -> BoxFuture<'a, Result<Option<Failure>, OpError>>;
    /// The context itself, for tests that look inside.
    fn as_any(&self) -> &dyn Any;
}

/// Between the place and the value in a publisher's [`Wanted::summary`].
const BECOMES: &str = " := ";

/// What would be done for a request, as the end of a sentence: `push to team/site:live (sha256:…)`.
pub(crate) fn deed(op: &dyn Operation, summary: &str) -> String {
    match summary.split_once(BECOMES) {
        Some((place, value)) if op.publishes() => format!("{} {place} ({value})", op.does()),
        _ => format!("{} {summary}", op.does()),
    }
}

/// The place that a publisher fills, known before its value is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// See [`Wanted::key`].
    pub(crate) key: KeyDigest,
    /// For people.
    pub(crate) name: Arc<str>,
}

fn stored_form<T: Serialize>(value: &T, what: &str) -> Result<Json, OpError> {
    serde_json::to_value(value)
        .map_err(|e| OpError::permanent(format!("{what} can't be written as JSON")).with_source(e))
}

fn typed<T: DeserializeOwned>(json: &Json, what: &str) -> Result<T, OpError> {
    T::deserialize(json).map_err(|error| unreadable(what, error))
}

fn unreadable(what: &str, error: serde_json::Error) -> OpError {
    OpError::permanent(format!("{what} has a form that this program can't read")).with_source(error)
}

/// What can't be read is not valid, and no other result is the worse for it.
fn is_unreadable(op: OpId, request: &Request, error: &OpError) -> bool {
    tracing::warn!(source = ?std::error::Error::source(error), "{op} {}: it is made again: {error}", request.summary);
    false
}

/// A [`Builder`] as an [`Operation`].
pub(crate) struct Build<B>(pub(crate) B);

impl<B: Builder> Build<B> {
    pub(crate) fn request(key: &B::Key) -> Result<Request, OpError> {
        Ok(Request::new(stored_form(key, "the key")?, Json::Null, key.to_string()))
    }
}

impl<B: Builder> Operation for Build<B> {
    fn id(&self) -> OpId {
        B::ID
    }

    fn does(&self) -> &'static str {
        B::DOES
    }

    fn publishes(&self) -> bool {
        false
    }

    fn auto_cancel(&self) -> bool {
        B::AUTO_CANCEL
    }

    fn latched(&self) -> bool {
        false
    }

    fn is_continued(&self) -> bool {
        false
    }

    fn level(&self, request: &Request) -> Level {
        request.key_fields.typed("the key").map_or(Level::Dangerous, |key| self.0.level(&key))
    }

    fn pool(&self) -> Option<Pool> {
        self.0.pool().cloned()
    }

    fn ask(&self, request: &Request, priority: Priority) -> Ask {
        // What can't be read fails when it runs, in words.
        let of_key = request.key_fields.typed("the key").map(|key| (self.0.share(&key), self.0.slots(&key)));
        let (share, slots) = of_key.unwrap_or_default();
        Ask { priority, share, slots }
    }

    fn timeout(&self, request: &Request) -> Duration {
        request.key_fields.typed("the key").map_or(TIMEOUT_DEFAULT, |key| self.0.timeout(&key))
    }

    fn serves(&self, request: &Request) -> bool {
        request.key_fields.typed("the key").is_ok_and(|key| self.0.serves(&key))
    }

    fn run<'a>(&'a self, job: &'a Job, request: &'a Request) -> BoxFuture<'a, Result<Json, OpError>> {
        async move {
            let key = request.key_fields.typed("the key")?;
            stored_form(&self.0.build(job, &key).await?, "the result")
        }
        .boxed()
    }

    fn resume<'a>(
        &'a self,
        job: &'a Job,
        request: &'a Request,
        handle: Option<Json>,
    ) -> BoxFuture<'a, Result<Option<Json>, OpError>> {
        async move {
            let key = request.key_fields.typed("the key")?;
            let found = self.0.resume(job, &key, handle).await?;
            found.map(|value| stored_form(&value, "the result")).transpose()
        }
        .boxed()
    }

    fn abandon<'a>(
        &'a self,
        job: &'a Job,
        request: &'a Request,
        handle: Option<Json>,
    ) -> BoxFuture<'a, Result<(), OpError>> {
        async move { self.0.abandon(job, &request.key_fields.typed("the key")?, handle).await }.boxed()
    }

    fn is_valid<'a>(&'a self, request: &'a Request, value: &'a Json) -> BoxFuture<'a, Result<bool, OpError>> {
        async move {
            match (request.key_fields.typed("the key"), typed(value, "the result")) {
                (Ok(key), Ok(value)) => Ok(self.0.is_valid(&key, &value).await),
                (Err(error), _) | (_, Err(error)) => Ok(is_unreadable(B::ID, request, &error)),
            }
        }
        .boxed()
    }

    fn changed<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Option<()>> {
        std::future::ready(None).boxed()
    }

    fn drift<'a>(&'a self, _: &'a Request, _: &'a Json) -> BoxFuture<'a, Result<Option<Failure>, OpError>> {
        std::future::ready(Ok(None)).boxed()
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}

/// A [`Publisher`] as an [`Operation`].
pub(crate) struct Publish<P>(pub(crate) P);

impl<P: Publisher> Publish<P> {
    pub(crate) fn place(key: &P::Key) -> Result<Place, OpError> {
        Ok(Place { key: KeyDigest::of(&stored_form(key, "the key")?), name: key.to_string().into() })
    }

    pub(crate) fn request(key: &P::Key, value: &P::Value) -> Result<Request, OpError> {
        let summary = format!("{key}{BECOMES}{value}");
        Ok(Request::new(stored_form(key, "the key")?, stored_form(value, "the value")?, summary))
    }

    fn parts(request: &Request) -> Result<(P::Key, P::Value), OpError> {
        Ok((request.key_fields.typed("the key")?, request.desired_fields.typed("the value")?))
    }
}

impl<P: Publisher> Operation for Publish<P> {
    fn id(&self) -> OpId {
        P::ID
    }

    fn does(&self) -> &'static str {
        P::DOES
    }

    fn publishes(&self) -> bool {
        true
    }

    fn auto_cancel(&self) -> bool {
        false
    }

    fn latched(&self) -> bool {
        P::LATCHED
    }

    fn is_continued(&self) -> bool {
        true
    }

    fn level(&self, request: &Request) -> Level {
        request.key_fields.typed("the key").map_or(Level::Dangerous, |key| self.0.level(&key))
    }

    fn pool(&self) -> Option<Pool> {
        self.0.pool().cloned()
    }

    fn ask(&self, request: &Request, priority: Priority) -> Ask {
        // What can't be read fails when it runs, in words.
        let of_key = request.key_fields.typed("the key").map(|key| (self.0.share(&key), self.0.slots(&key)));
        let (share, slots) = of_key.unwrap_or_default();
        Ask { priority, share, slots }
    }

    fn timeout(&self, request: &Request) -> Duration {
        request.key_fields.typed("the key").map_or(TIMEOUT_DEFAULT, |key| self.0.timeout(&key))
    }

    fn serves(&self, request: &Request) -> bool {
        request.key_fields.typed("the key").is_ok_and(|key| self.0.serves(&key))
    }

    fn run<'a>(&'a self, job: &'a Job, request: &'a Request) -> BoxFuture<'a, Result<Json, OpError>> {
        async move {
            let (key, value) = Self::parts(request)?;
            stored_form(&self.0.publish(job, &key, &value).await?, "the outcome")
        }
        .boxed()
    }

    fn resume<'a>(
        &'a self,
        job: &'a Job,
        request: &'a Request,
        handle: Option<Json>,
    ) -> BoxFuture<'a, Result<Option<Json>, OpError>> {
        async move {
            let (key, value) = Self::parts(request)?;
            let found = self.0.resume(job, &key, &value, handle).await?;
            found.map(|outcome| stored_form(&outcome, "the outcome")).transpose()
        }
        .boxed()
    }

    fn abandon<'a>(
        &'a self,
        _: &'a Job,
        _: &'a Request,
        _: Option<Json>,
    ) -> BoxFuture<'a, Result<(), OpError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn is_valid<'a>(&'a self, request: &'a Request, value: &'a Json) -> BoxFuture<'a, Result<bool, OpError>> {
        async move {
            match (Self::parts(request), typed(value, "the outcome")) {
                (Ok((key, desired)), Ok(outcome)) => self.0.is_valid(&key, &desired, &outcome).await,
                (Err(error), _) | (_, Err(error)) => Ok(is_unreadable(P::ID, request, &error)),
            }
        }
        .boxed()
    }

    fn changed<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Option<()>> {
        async move {
            let (key, _) = Self::parts(request).ok()?;
            self.0.changed(&key).await
        }
        .boxed()
    }

    fn drift<'a>(
        &'a self,
        request: &'a Request,
        value: &'a Json,
    ) -> BoxFuture<'a, Result<Option<Failure>, OpError>> {
        async move {
            let (key, desired) = Self::parts(request)?;
            self.0.drift(&key, &desired, &typed(value, "the outcome")?).await
        }
        .boxed()
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}
