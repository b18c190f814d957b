//! The router, and what its handlers share.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use ci_core::engine::Handle;

use crate::page::{Failed, Frame};
use crate::stream::Streams;
use crate::{
    access, act, assets, deployed, follow, graph, guard, job, jobs, live, metrics, options, overview,
    pipeline, raw, search,
};

/// The longest body of a request, bytes: our forms have one short field at most.
const BODY_BYTES_MAX: usize = 16 << 10;

/// What the handlers share. Clones are the same.
#[derive(Clone)]
pub(crate) struct Site(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) engine: Handle,
    pub(crate) options: options::Options,
    pub(crate) pictures: graph::Pictures,
    pub(crate) deployed: deployed::Cached,
    pub(crate) streams: Streams,
    pub(crate) searches: search::Searches,
}

impl Deref for Site {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Site {
    /// Names the engine's present state: that of another step, or of another process, has another name.
    pub(crate) fn step(&self) -> String {
        format!("{}-{}", self.engine.store().epoch(), self.engine.status().borrow().step)
    }
}

/// The pages of an engine. They can be nested in another router: see [`options::Options::at`].
pub fn router(engine: Handle, options: options::Options) -> Router {
    let site = Site(Arc::new(Parts {
        engine,
        pictures: graph::Pictures::new(&options.base),
        options,
        deployed: deployed::Cached::default(),
        streams: Streams::default(),
        searches: search::Searches::default(),
    }));
    Router::new()
        .route("/", get(overview::overview))
        .route("/graph", get(pipeline::graph))
        .route("/pipeline.dot", get(pipeline::dot))
        .route("/pipeline.mmd", get(pipeline::mermaid))
        .route("/pipeline.json", get(pipeline::json))
        .route("/jobs", get(jobs::jobs))
        .route("/jobs/{day}/{rest}", get(job::job))
        .route("/jobs/{day}/{rest}/log", get(raw::log))
        .route("/jobs/{day}/{rest}/log/events", get(follow::events))
        .route("/jobs/{day}/{rest}/approve", post(act::approve))
        .route("/jobs/{day}/{rest}/cancel", post(act::cancel))
        .route("/jobs/{day}/{rest}/rebuild", post(act::rebuild))
        .route("/logs", get(search::page))
        .route("/api/v1/jobs/{day}/{rest}/log", get(raw::log))
        .route("/api/v1/logs", get(search::json))
        .route("/confirm", post(act::confirm))
        .route("/events", get(live::events))
        .route("/metrics", get(metrics::metrics))
        .route("/login", get(access::login))
        .route("/logout", post(access::logout))
        .route("/static/{name}", get(assets::file))
        .fallback(missing)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(site.clone(), guard::guard))
        .with_state(site)
}

async fn missing(site: axum::extract::State<Site>, headers: HeaderMap) -> Failed {
    Failed::new(Frame::of(&site, &headers), StatusCode::NOT_FOUND, "There is no such page.")
}

async fn not_allowed(site: axum::extract::State<Site>, headers: HeaderMap) -> Failed {
    let message = "This page can't be asked for in this way.";
    Failed::new(Frame::of(&site, &headers), StatusCode::METHOD_NOT_ALLOWED, message)
}
