//! What people do to jobs: `POST /jobs/…/approve`, `cancel`, `rebuild`; and `POST /confirm`.

use axum::body::Bytes;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use ci_core::{JobId, Level, Refused};
use serde::Deserialize;

use crate::access::MayAct;
use crate::page::{Failed, Frame};
use crate::site::Site;

/// Who did it, in the job's log.
const BY: &str = "a person on the page";

type Named = Path<(String, String)>;

fn job(site: &Site, headers: &HeaderMap, Path((day, rest)): Named) -> Result<JobId, Failed> {
    format!("{day}/{rest}").parse().map_err(|_| no_such_job(Frame::of(site, headers)))
}

pub(crate) fn no_such_job(frame: Frame) -> Failed {
    Failed::new(frame, StatusCode::NOT_FOUND, "There is no such job.")
        .with_hint("Old jobs are forgotten after a while.")
}

/// Back to a job's page, or why it was not done.
fn done(
    site: &Site,
    headers: &HeaderMap,
    job: &JobId,
    done: Result<(), Refused>,
) -> Result<Redirect, Failed> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("{}/jobs/{job}", site.options.base))),
        Err(refused) => {
            let frame = Frame::of(site, headers);
            let status = match refused {
                Refused::NoSuchJob(_) => return Err(no_such_job(frame)),
                Refused::Over(_) | Refused::NotWaiting(_) | Refused::UnderWay(_) => StatusCode::CONFLICT,
                Refused::NotWritten(_) | Refused::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            };
            Err(Failed::new(frame, status, format!("Not done: {refused}.")))
        }
    }
}

// The body is empty. It is taken in so that its bound holds.

pub(crate) async fn approve(
    State(site): State<Site>,
    _: MayAct,
    path: Named,
    headers: HeaderMap,
    _: Bytes,
) -> Result<Redirect, Failed> {
    let job = job(&site, &headers, path)?;
    let approved = site.engine.approve(job.clone(), BY).await;
    done(&site, &headers, &job, approved)
}

pub(crate) async fn cancel(
    State(site): State<Site>,
    _: MayAct,
    path: Named,
    headers: HeaderMap,
    _: Bytes,
) -> Result<Redirect, Failed> {
    let job = job(&site, &headers, path)?;
    let cancelled = site.engine.cancel(job.clone(), BY).await;
    done(&site, &headers, &job, cancelled)
}

pub(crate) async fn rebuild(
    State(site): State<Site>,
    _: MayAct,
    path: Named,
    headers: HeaderMap,
    _: Bytes,
) -> Result<Redirect, Failed> {
    let job = job(&site, &headers, path)?;
    let asked = site.engine.rebuild(job.clone(), BY).await;
    // The one that does it is shown; if there is none yet, the one that was.
    let shown = asked.as_ref().ok().cloned().flatten().unwrap_or(job);
    done(&site, &headers, &shown, asked.map(drop))
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    level: String,
}

/// `POST /confirm`: changes what waits for a person.
pub(crate) async fn confirm(
    State(site): State<Site>,
    _: MayAct,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Result<Redirect, Failed> {
    let level = match wanted.level.as_str() {
        "none" => None,
        name => Some(name.parse::<Level>().map_err(|bad| {
            Failed::new(Frame::of(&site, &headers), StatusCode::BAD_REQUEST, format!("Not done: {bad}."))
        })?),
    };
    tracing::info!(level = %wanted.level, by = BY, "the level that waits for a person is changed");
    site.engine.set_confirm(level);
    Ok(Redirect::to(&format!("{}/", site.options.base)))
}
