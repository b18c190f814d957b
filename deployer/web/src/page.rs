//! What all pages have: the frame around them, and how one that can't be shown says so.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use ci_core::current::{Activity, Pending};

use crate::access::may_act;
use crate::assets;
use crate::mark::Mark;
use crate::site::Site;

/// The frame of a page: title, navigation, the state of the whole.
pub(crate) struct Frame {
    pub(crate) name: String,
    pub(crate) base: String,
    pub(crate) assets: &'static str,
    pub(crate) may_act: bool,
    /// Whether anybody may ever act here.
    pub(crate) can_log_in: bool,
    /// The state that the page shows is at least as new as this one: see [`Site::step`].
    pub(crate) step: String,
    pub(crate) mark: Mark,
    pub(crate) says: String,
    /// Why nothing can be written now.
    pub(crate) trouble: Option<String>,
}

impl Frame {
    /// Taken before the page reads anything else.
    pub(crate) fn of(site: &Site, headers: &HeaderMap) -> Self {
        let step = site.step();
        let status = site.engine.status().borrow().clone();
        let (mark, says) = match &status.outcome {
            Ok(()) if 0 < status.doubts => {
                (Mark::Doubtful, "Everything was as the pipeline says, but may not be so now".to_owned())
            }
            Ok(()) => (Mark::Ok, "Everything is as the pipeline says".to_owned()),
            Err(Pending::Active(activity)) => match activity {
                Activity::Queued => (Mark::Queued, "Work is queued".to_owned()),
                Activity::Running => (Mark::Running, "Working".to_owned()),
                Activity::WaitingForConfirmation => {
                    (Mark::Waiting, "A job waits until a person approves it".to_owned())
                }
                Activity::Retrying => (Mark::Retrying, "Something failed and is tried again".to_owned()),
            },
            Err(Pending::Failed(_)) => (Mark::Failed, "Not everything is as the pipeline says".to_owned()),
        };
        Self {
            name: site.options.name.clone(),
            base: site.options.base.clone(),
            assets: assets::version(),
            may_act: may_act(site.options.token.as_ref(), headers),
            can_log_in: site.options.token.is_some(),
            step,
            mark,
            says,
            trouble: site.engine.store().trouble().map(|error| error.to_string()),
        }
    }
}

/// A page, or the reason why there is none, which goes to our own log.
pub(crate) fn show(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says that there is none.
#[derive(Template)]
#[template(path = "failed.html")]
pub(crate) struct Failed {
    // Boxed: errors are moved about.
    frame: Box<Frame>,
    status: StatusCode,
    message: String,
    hint: Option<String>,
}

impl Failed {
    pub(crate) fn new(frame: Frame, status: StatusCode, message: impl Into<String>) -> Self {
        Self { frame: Box::new(frame), status, message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (self.status, show(&self)).into_response()
    }
}
