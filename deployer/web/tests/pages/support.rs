//! An engine with operations that a test answers, and a browser without a screen.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part of it, and may panic")]

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use ci_core::current::{all, build_with, monitor_with, publish_at};
use ci_core::engine::Handle;
use ci_core::event::{Event, Phase, What};
use ci_core::store::{self, Disk, RealDisk};
use ci_core::{
    Bind, Bindings, Builder, Current, DEFAULT, Engine, Failure, Job, JobId, Level, Monitor, OpError, OpId,
    Publisher, Unbound, Watch,
};
use ci_web::{Options, Token};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::{broadcast, oneshot, watch};
use tower::ServiceExt as _;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The outside: one head, and what builds do.
#[derive(Clone)]
pub(crate) struct World(Arc<Shared>);

struct Shared {
    /// Nothing happens before somebody listens.
    begun: watch::Sender<bool>,
    head: watch::Sender<String>,
    unreadable: Mutex<Option<String>>,
    /// What somebody else made of the place.
    changed: watch::Sender<Option<String>>,
    failing: Mutex<HashMap<String, String>>,
    held: Mutex<HashMap<String, oneshot::Receiver<()>>>,
    job: watch::Sender<Option<(String, Job)>>,
}

impl World {
    pub(crate) fn new(head: &str) -> Self {
        Self(Arc::new(Shared {
            begun: watch::Sender::new(false),
            head: watch::Sender::new(head.to_owned()),
            unreadable: Mutex::default(),
            changed: watch::Sender::default(),
            failing: Mutex::default(),
            held: Mutex::default(),
            job: watch::Sender::new(None),
        }))
    }

    pub(crate) fn set(&self, head: &str) {
        self.0.head.send_replace(head.to_owned());
    }

    /// The head can't be read, for this reason, or can again.
    pub(crate) fn is_unreadable(&self, why: Option<&str>) {
        *self.0.unreadable.lock().unwrap() = why.map(str::to_owned);
        self.0.head.send_modify(|_| {});
    }

    /// Somebody else changed the place, in these words, or changed it back.
    pub(crate) fn is_changed(&self, how: Option<&str>) {
        self.0.changed.send_replace(how.map(str::to_owned));
    }

    /// The build of this head fails.
    pub(crate) fn fail(&self, head: &str, why: &str) {
        self.0.failing.lock().unwrap().insert(head.to_owned(), why.to_owned());
    }

    /// The build of this head waits until the answer is used or dropped.
    pub(crate) fn hold(&self, head: &str) -> oneshot::Sender<()> {
        let (go, gone) = oneshot::channel();
        self.0.held.lock().unwrap().insert(head.to_owned(), gone);
        go
    }

    /// The job that builds a head, once it runs.
    pub(crate) async fn job(&self, head: &str) -> Job {
        let mut job = self.0.job.subscribe();
        let there = job.wait_for(|job| job.as_ref().is_some_and(|(its, _)| its == head));
        let there = tokio::time::timeout(PATIENCE, there).await.expect("no build began").unwrap();
        there.as_ref().unwrap().1.clone()
    }
}

struct Head(World);

pub(crate) struct Changes(watch::Receiver<String>);

impl Watch for Changes {
    async fn changed(&mut self) {
        let _ = self.0.changed().await;
    }
}

impl Monitor for Head {
    type Value = String;
    type Watch = Changes;

    fn label(&self) -> String {
        "head".to_owned()
    }

    async fn watch(&self) -> Changes {
        Changes(self.0.0.head.subscribe())
    }

    async fn read(&self) -> Result<String, OpError> {
        let _ = self.0.0.begun.subscribe().wait_for(|begun| *begun).await;
        match &*self.0.0.unreadable.lock().unwrap() {
            Some(why) => Err(OpError::infrastructure(why).with_hint("look after the server")),
            None => Ok(self.0.0.head.borrow().clone()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Name(String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Build(World);

impl Bind for Build {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on).map(Self)
    }
}

impl Builder for Build {
    const ID: OpId = OpId::new("build");
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = Name;

    fn level(&self, _: &Name) -> Level {
        Level::Average
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        job.write(format!("building {key}\n").as_bytes());
        self.0.0.job.send_replace(Some((key.0.clone(), job.clone())));
        let held = self.0.0.held.lock().unwrap().remove(&key.0);
        if let Some(held) = held {
            job.cancellable(async { Ok(held.await) }).await?.ok();
        }
        match self.0.0.failing.lock().unwrap().get(&key.0) {
            Some(why) => Err(OpError::permanent(why).with_hint(format!("fix {why}"))),
            None => Ok(key.clone()),
        }
    }
}

struct Put(World);

impl Bind for Put {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on).map(Self)
    }
}

impl Publisher for Put {
    const ID: OpId = OpId::new("put");
    type Key = Name;
    type Value = Name;
    type Outcome = Json;

    fn level(&self, _: &Name) -> Level {
        Level::Dangerous
    }

    async fn publish(&self, _: &Job, _: &Name, value: &Name) -> Result<Json, OpError> {
        let image = format!("r/x@sha256:{}", "ab".repeat(32));
        Ok(
            json!({"revision": format!("/srv/site@{value}"), "evidence": {"image": image, "health": "healthy"}}),
        )
    }

    async fn changed(&self, _: &Name) -> Option<()> {
        self.0.0.changed.subscribe().changed().await.ok()
    }

    async fn drift(&self, _: &Name, _: &Name, _: &Json) -> Result<Option<Failure>, OpError> {
        let how = self.0.0.changed.borrow().clone();
        let drift = how.map(|how| OpError::permanent(how).with_hint("rebuild its job"));
        Ok(drift.as_ref().map(Failure::from))
    }
}

/// The head that the test sets.
pub(crate) fn head() -> Current<String> {
    monitor_with("head of live", |bindings| Ok(Head(bindings.get(DEFAULT)?)))
}

/// A build of it.
pub(crate) fn build(label: &'static str, head: &Current<String>) -> Current<Name> {
    build_with(head, DEFAULT, label, |_: &Build, head: &String| Name(head.clone()))
}

pub(crate) fn pipeline(label: &'static str, place: &'static str) -> Current<()> {
    let built = build(label, &head());
    let key = move |_: &Put| Name(place.to_owned());
    let put = publish_at(&built, DEFAULT, format!("put in {place}"), key, |_, built: &Name| built.clone());
    all([put.ignore()])
}

/// An engine with its pages, and a browser.
pub(crate) struct Ci {
    pub(crate) world: World,
    pub(crate) engine: Handle,
    events: broadcast::Receiver<Event>,
    pages: Router,
    cookie: Option<String>,
    token: Token,
    _state: TempDir,
}

/// What a browser got.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Ci {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, None, "build it", "site")
    }

    pub(crate) fn start_with(
        world: &World,
        confirm: Option<Level>,
        label: &'static str,
        place: &'static str,
    ) -> Self {
        Self::start_of(world, confirm, || pipeline(label, place))
    }

    pub(crate) fn start_of(
        world: &World,
        confirm: Option<Level>,
        pipeline: impl FnOnce() -> Current<()>,
    ) -> Self {
        Self::start_with_engine(world, |engine| engine.confirm(confirm), pipeline)
    }

    pub(crate) fn start_with_engine(
        world: &World,
        set: impl FnOnce(Engine) -> Engine,
        pipeline: impl FnOnce() -> Current<()>,
    ) -> Self {
        Self::start_on(Arc::new(RealDisk), world, set, pipeline)
    }

    /// The state is on this disk.
    pub(crate) fn start_on(
        disk: Arc<dyn Disk>,
        world: &World,
        set: impl FnOnce(Engine) -> Engine,
        pipeline: impl FnOnce() -> Current<()>,
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let store = store::Options { disk, ..store::Options::default() };
        let engine = set(Engine::open_with(state.path(), store).unwrap().with(world.clone()));
        let engine = engine.start(pipeline).unwrap();
        let events = engine.events();
        world.0.begun.send_replace(true);
        let token = Token::of_dir(state.path()).unwrap();
        let options = Options::new("test").with_token(token.clone());
        let options = options.with_public_url("https://ci.example.org").unwrap();
        Self {
            world: world.clone(),
            events,
            pages: ci_web::router(engine.clone(), options),
            engine,
            cookie: None,
            token,
            _state: state,
        }
    }

    /// The pages, for a server.
    pub(crate) fn pages(&self) -> Router {
        self.pages.clone()
    }

    /// The login link's path.
    pub(crate) fn link(&self) -> String {
        self.token.link("")
    }

    /// Opens the link that was printed.
    pub(crate) async fn log_in(&mut self) {
        let answer = self.get(&self.link()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        self.cookie = Some(cookie);
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8080");
        match &self.cookie {
            Some(cookie) => request.header("cookie", format!("other=1; {cookie}")),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: axum::http::request::Builder) -> Answer {
        self.send_with(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send_with(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.pages.clone().oneshot(request).await.unwrap().into_parts();
        let text = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// As a form of ours does it.
    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(self.request("POST", path).header("origin", "http://127.0.0.1:8080")).await
    }

    /// Opens a stream of events.
    pub(crate) async fn stream(&self, path: &str, last: Option<&str>) -> Stream {
        let mut request = self.request("GET", path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = self.pages.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Stream { body: answer.into_body().into_data_stream(), read: String::new() }
    }

    /// The overview, once it says all of this. Pages hear of every change.
    pub(crate) async fn told(&self, texts: &[&str]) -> String {
        let mut stream = self.stream("/events", None).await;
        loop {
            stream.named("step").await;
            let page = self.get("/").await.text;
            if texts.iter().all(|text| page.contains(text)) {
                return page;
            }
        }
    }

    pub(crate) async fn done(&self) {
        let mut status = self.engine.status();
        let done = tokio::time::timeout(PATIENCE, status.wait_for(|status| status.outcome.is_ok()));
        done.await.expect("it is never done").unwrap();
    }

    /// Waits for a job of this operation to come to a phase.
    pub(crate) async fn job(&mut self, op: &str, mut wanted: impl FnMut(&Phase) -> bool) -> JobId {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let What::Job { job, op: its, phase, .. } = self.events.recv().await.unwrap().what
                    && its.as_str() == op
                    && wanted(&phase)
                {
                    return job;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("no {op} came to that"))
    }
}

/// Server-sent events as a browser hears them.
pub(crate) struct Stream {
    body: BodyDataStream,
    read: String,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
}

impl Stream {
    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        tokio::time::timeout(PATIENCE, self.heard()).await.expect("nothing comes")
    }

    /// Pings come again and again, so each of them is no sign of life: whoever waits for more bounds the whole wait.
    async fn heard(&mut self) -> Option<Heard> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let mut heard = Heard::default();
                let mut data = Vec::new();
                for line in event.lines() {
                    match line.split_once(':').map(|(name, value)| (name, value.trim_start_matches(' '))) {
                        Some(("event", value)) => heard.event = value.to_owned(),
                        Some(("data", value)) => data.push(value),
                        Some(("id", value)) => heard.id = Some(value.to_owned()),
                        _ => {}
                    }
                }
                heard.data = data.join("\n");
                let has_data = !data.is_empty();
                self.read = rest.to_owned();
                // Browsers pass over one without data.
                if heard.event.is_empty() || !has_data {
                    continue;
                }
                return Some(heard);
            }
            let more = self.body.next().await?;
            self.read.push_str(std::str::from_utf8(&more.unwrap()).unwrap());
        }
    }

    /// The next event of this name.
    pub(crate) async fn named(&mut self, name: &str) -> Heard {
        let heard = tokio::time::timeout(PATIENCE, async {
            loop {
                let heard = self.heard().await.expect("the stream ended");
                if heard.event == name {
                    return heard;
                }
            }
        });
        heard.await.unwrap_or_else(|_| panic!("no {name} comes"))
    }
}

/// The numbers and texts of a log's lines in HTML.
pub(crate) fn lines(html: &str) -> Vec<(u64, String)> {
    let lines = html.split("<div class=\"line\">").skip(1).filter_map(|line| {
        let (anchor, rest) = line.split_once("></a>")?;
        let number = anchor.split("id=\"L").nth(1)?.split('"').next()?.parse().ok()?;
        Some((number, rest.split("</div>").next()?.trim_end_matches('\n').to_owned()))
    });
    lines.collect()
}
