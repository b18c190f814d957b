//! The deployer's end of the socket.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use ci_core::engine::{Handle, JobView};
use ci_core::event::Phase;
use ci_core::job::{LogReader, LogText};
use ci_core::logs::{Query as Wanted, Search};
use ci_core::{JobId, Level, LiveJob, Refused};
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::LOOKED_THROUGH_MAX;
use crate::housekeeping::{Run, Tidied, Tidier};
use crate::status::{self, Standing};

/// The socket, served until it is dropped; then its file goes too.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        // A file that is gone already is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Serves the socket. The caller holds the lock of the state directory, so a socket that is there is a dead one's.
///
/// # Errors
///
/// When the socket can't be made.
pub(crate) fn serve(state: &Path, engine: Handle, tidier: Tidier) -> io::Result<Server> {
    let path = super::socket(state);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The directory is 0700: nobody gets in between binding and the change of mode.
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let router = Router::new()
        .route("/status", get(status))
        .route("/jobs", get(jobs))
        .route("/log", get(log))
        .route("/logs", get(logs))
        .route("/housekeeping", post(move |query| housekeeping(tidier.clone(), query)))
        .route("/approve", post(approve))
        .route("/cancel", post(cancel))
        .route("/rebuild", post(rebuild))
        .route("/discard", post(discard))
        .route("/confirm", post(confirm))
        .with_state(engine)
        .into_make_service_with_connect_info::<Peer>();
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the control socket ended");
        }
    });
    Ok(Server { path, task })
}

/// Who is at the other end, as the kernel says.
#[derive(Clone, Debug)]
struct Peer(String);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(
            stream
                .io()
                .peer_cred()
                .map_or_else(|_| "somebody".to_owned(), |who| format!("uid {}", who.uid())),
        )
    }
}

/// A refusal as an answer.
struct No(StatusCode, String);

impl IntoResponse for No {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl From<Refused> for No {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::NoSuchJob(_) => StatusCode::NOT_FOUND,
            Refused::Over(_) | Refused::NotWaiting(_) | Refused::UnderWay(_) => StatusCode::CONFLICT,
            Refused::NotWritten(_) | Refused::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, refused.to_string())
    }
}

async fn status(State(engine): State<Handle>) -> Json<Vec<Standing>> {
    let mut standing = Vec::from_iter(status::of_store(engine.store()));
    standing.extend(status::of(&*engine.snapshot().await, &engine.live().await));
    Json(standing)
}

#[derive(Deserialize)]
struct Limit {
    limit: usize,
}

async fn jobs(State(engine): State<Handle>, Query(Limit { limit }): Query<Limit>) -> Json<Vec<JobView>> {
    Json(engine.jobs(limit.min(LOOKED_THROUGH_MAX)).await)
}

#[derive(Deserialize)]
struct Named {
    job: String,
}

/// Finds a job by its id, or by a part of it that no other job has of those that are `meant`, or else of all.
async fn find(engine: &Handle, part: &str, meant: impl Fn(&LiveJob) -> bool) -> Result<JobId, No> {
    if part.is_empty() {
        return Err(No(StatusCode::BAD_REQUEST, "name a job, as `deployer jobs` lists them".to_owned()));
    }
    if let Ok(id) = part.parse::<JobId>()
        && engine.knows(id.clone()).await
    {
        return Ok(id);
    }
    let live = engine.live().await.into_iter().filter(meant).map(|job| job.id);
    let meant: Vec<_> = live.filter(|id| id.as_str().contains(part)).collect();
    if let [one] = meant.as_slice() {
        return Ok(one.clone());
    }
    let jobs = engine.jobs(LOOKED_THROUGH_MAX).await;
    let found: Vec<_> = jobs.into_iter().filter(|job| job.id.as_str().contains(part)).collect();
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => {
            Err(No(StatusCode::NOT_FOUND, format!("no job is called {part:?}: `deployer jobs` lists them")))
        }
        many => match many.iter().find(|job| job.id.as_str() == part) {
            Some(exact) => Ok(exact.id.clone()),
            None => {
                let some = many.iter().filter(|job| meant.is_empty() || meant.contains(&job.id)).take(5);
                let some: Vec<_> = some.map(|job| format!("{} ({})", job.id, job.state)).collect();
                let message = format!("{part:?} could be any of {} jobs: {}", many.len(), some.join(", "));
                Err(No(StatusCode::CONFLICT, message))
            }
        },
    }
}

#[derive(Deserialize)]
struct LogQuery {
    job: String,
    offset: u64,
    follow: bool,
}

async fn log(State(engine): State<Handle>, Query(query): Query<LogQuery>) -> Result<Body, No> {
    let job = find(&engine, &query.job, |_| false).await?;
    let path = engine.store().log_path(&job);
    let reader = match query.follow {
        true => engine.follow(job.clone(), query.offset).await,
        false => LogText::is_kept(&path).then(|| LogReader::of_finished(path, query.offset)),
    };
    let reader = match reader {
        Some(reader) => reader,
        None if engine.under_way(job.clone()).await.is_none() => {
            return Err(No(StatusCode::GONE, format!("the log of {job} is not kept any more")));
        }
        None => return Err(No(StatusCode::NOT_FOUND, format!("{job} has written nothing yet"))),
    };
    Ok(Body::from_stream(stream::unfold(reader, async |mut reader| match reader.next().await {
        Ok(Some(chunk)) => Some((Ok::<_, io::Error>(chunk), reader)),
        Ok(None) => None,
        Err(error) => Some((Err(error), reader)),
    })))
}

async fn logs(State(engine): State<Handle>, Query(wanted): Query<Wanted>) -> Result<Body, No> {
    let search = Search::new(engine.store().clone(), wanted);
    let search = search.map_err(|refused| No(StatusCode::BAD_REQUEST, refused.to_string()))?;
    Ok(Body::from_stream(search.lines(()).map(Ok::<_, io::Error>)))
}

#[derive(Deserialize)]
struct Housekeeping {
    dry_run: bool,
}

async fn housekeeping(tidier: Tidier, Query(Housekeeping { dry_run }): Query<Housekeeping>) -> Json<Tidied> {
    let run = if dry_run { Run::Dry } else { Run::Real };
    Json(tidier.tidy(run).await)
}

async fn approve(
    State(engine): State<Handle>,
    ConnectInfo(Peer(by)): ConnectInfo<Peer>,
    Query(named): Query<Named>,
) -> Result<String, No> {
    let waits = |job: &LiveJob| job.phase == Phase::WaitingForConfirmation;
    let job = find(&engine, &named.job, waits).await?;
    engine.approve(job.clone(), &by).await?;
    Ok(format!("approved {job}\n"))
}

async fn cancel(
    State(engine): State<Handle>,
    ConnectInfo(Peer(by)): ConnectInfo<Peer>,
    Query(named): Query<Named>,
) -> Result<String, No> {
    let job = find(&engine, &named.job, |_| true).await?;
    engine.cancel(job.clone(), &by).await?;
    Ok(format!("cancelling {job}\n"))
}

async fn rebuild(
    State(engine): State<Handle>,
    ConnectInfo(Peer(by)): ConnectInfo<Peer>,
    Query(named): Query<Named>,
) -> Result<String, No> {
    let job = find(&engine, &named.job, |_| false).await?;
    let anew = engine.rebuild(job.clone(), &by).await?;
    Ok(format!("rebuilding what {job} made{}\n", as_job(anew)))
}

async fn discard(
    State(engine): State<Handle>,
    ConnectInfo(Peer(by)): ConnectInfo<Peer>,
    Query(named): Query<Named>,
) -> Result<String, No> {
    let job = find(&engine, &named.job, |_| false).await?;
    let anew = engine.discard(job.clone(), &by).await?;
    Ok(format!("what {job} made is used no more, and rebuilt{}\n", as_job(anew)))
}

/// Which job does it.
fn as_job(anew: Option<JobId>) -> String {
    anew.map_or(", when somebody wants it".to_owned(), |job| format!(": {job}"))
}

#[derive(Deserialize)]
struct Confirm {
    level: String,
}

async fn confirm(
    State(engine): State<Handle>,
    Query(Confirm { level }): Query<Confirm>,
) -> Result<String, No> {
    let level = match level.as_str() {
        "none" => None,
        level => Some(level.parse::<Level>().map_err(|e| No(StatusCode::BAD_REQUEST, e.to_string()))?),
    };
    engine.set_confirm(level);
    Ok(match level {
        None => "until the deployer restarts, nothing waits for confirmation\n".to_owned(),
        Some(level) => {
            format!("until the deployer restarts, jobs that are {level} or more wait for confirmation\n")
        }
    })
}
