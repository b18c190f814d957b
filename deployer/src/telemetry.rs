//! Where our own log goes: standard error, a line an event.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::timeline::Timeline;

/// Starts logging and the [`Timeline`]. `RUST_LOG` chooses what is logged; by default warnings, and `level` of ours.
/// Called once, by the program.
///
/// `RUST_LOG=info,ci::outside=info` also tells each child process and each outside call, when it begins and when it
/// ends: with the narration that is the trace of a story.
pub(crate) fn start(level: &str) -> Timeline {
    let timeline = Timeline::default();
    let default = format!("warn,ci_core={level},ci_dsl={level},ci_registry={level},deployer={level}");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_filter(filter);
    let spans = timeline.clone().with_filter(tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.is_span() && metadata.target() == crate::timeline::OUTSIDE
    }));
    // A program that embeds us may have set its own: then ours stays silent.
    let _ = tracing_subscriber::registry().with(lines).with(spans).try_init();
    timeline
}
