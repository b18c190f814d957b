//! What the deployer itself adds: time between a change and its effect that was spent neither in child processes nor
//! in calls to engines and registries.
//!
//! Every child process and outside call runs in a span of target `ci::outside`. A [`Timeline`] is a layer that keeps
//! the newest of them; asked about an interval, it takes their *union* off, since they overlap.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The target of spans that are spent outside.
pub const OUTSIDE: &str = "ci::outside";

/// The newest spans spent outside. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Timeline(Arc<Mutex<VecDeque<Spent>>>);

/// One span.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// `child`, `docker`, …
    pub kind: &'static str,
    /// What was called.
    pub what: String,
    /// When it began.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
}

impl Timeline {
    /// How many spans are kept.
    pub const SPANS_MAX: usize = 4096;

    /// The spans that overlap the interval, cut to it, by their beginning.
    pub fn within(&self, from: Instant, to: Instant) -> Vec<Spent> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut within: Vec<_> = spans
            .iter()
            .filter(|span| span.from < to && from < span.to)
            .map(|span| Spent { from: span.from.max(from), to: span.to.min(to), ..span.clone() })
            .collect();
        within.sort_by_key(|span| span.from);
        within
    }
}

/// How much of an interval is covered by at least one of `spans`, which are sorted by their beginning.
pub fn union(spans: &[Spent]) -> Duration {
    let mut covered = Duration::ZERO;
    let mut until: Option<Instant> = None;
    for span in spans {
        let from = until.map_or(span.from, |until| span.from.max(until));
        covered += span.to.saturating_duration_since(from);
        until = Some(until.map_or(span.to, |until| span.to.max(until)));
    }
    covered
}

struct Began {
    from: Instant,
    what: String,
}

#[derive(Default)]
struct What(String);

impl Visit for What {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "what" {
            self.0 = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "what" {
            value.clone_into(&mut self.0);
        }
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Timeline {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if attributes.metadata().target() != OUTSIDE {
            return;
        }
        if let Some(span) = cx.span(id) {
            let mut what = What::default();
            attributes.record(&mut what);
            span.extensions_mut().insert(Began { from: Instant::now(), what: what.0 });
        }
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(&id) else { return };
        let Some(Began { from, what }) = span.extensions_mut().remove() else { return };
        let spent = Spent { kind: span.name(), what, from, to: Instant::now() };
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() == Self::SPANS_MAX {
            spans.pop_front();
        }
        spans.push_back(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spent_outside_twice_at_once_counts_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let span = |from, to| Spent { kind: "docker", what: String::new(), from: at(from), to: at(to) };
        assert_eq!(union(&[]), Duration::ZERO);
        assert_eq!(union(&[span(0, 10), span(2, 5), span(8, 12), span(20, 21)]), Duration::from_millis(13));
    }
}
