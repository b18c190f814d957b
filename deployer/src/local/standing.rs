//! How everything stands, told when all has come to rest.

use std::fmt::Write as _;

use ci_core::current::Activity;
use ci_core::engine::{Handle, NodeKind, NodeState, Snapshot};
use ci_core::event::{Event, Phase, What};
use ci_core::{FailureKind, LiveJob};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::terminal::{plain, say};

/// How many things of one kind are listed.
const LISTED_MAX: usize = 20;

/// Tells how everything stands, each time that it has come to rest and stands otherwise than before; in between, what
/// starts. `flag` is what `deployer approve` must be told besides the job.
pub(super) async fn report(engine: Handle, mut events: broadcast::Receiver<Event>, flag: String) {
    let mut status = engine.status();
    let mut last = String::new();
    loop {
        status.borrow_and_update();
        let snapshot = engine.snapshot().await;
        if is_at_rest(&snapshot) {
            let text = told(&snapshot, &engine.live().await, &flag);
            if text != last {
                say(format_args!("\n{}", text.trim_end()));
                last = text;
            }
        }
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Ok(Event { what: What::Job { job, op, summary, phase }, .. }) => match phase {
                        Phase::Running | Phase::Resumed => {
                            say(format_args!(
                                "{op} {} runs: deployer log {job} -f{flag}",
                                plain(&summary)
                            ));
                        }
                        _ => {}
                    },
                    Ok(Event { what: What::Drift { drift: Some(drift), .. }, .. }) => {
                        say(plain(&drift.to_string()));
                    }
                    // Nothing hangs on these lines: what follows from them is in the next report.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                changed = status.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
            }
        }
    }
}

/// Whether nothing moves by itself any more, but for what is tried again after a while.
fn is_at_rest(snapshot: &Snapshot) -> bool {
    let moves = [Activity::Queued, Activity::Running];
    let moves =
        |state: &NodeState| matches!(state, NodeState::Active { activity } if moves.contains(activity));
    !snapshot.nodes.is_empty() && !snapshot.nodes.iter().any(|node| moves(&node.state))
}

/// A heading with what stands below it.
#[derive(Default)]
struct Section(Vec<String>);

impl Section {
    fn add(&mut self, what: &str, why: Option<String>) {
        let why = why.map(|why| format!("\n    {}", plain(&why))).unwrap_or_default();
        self.0.push(format!("  {}{why}\n", plain(what)));
    }

    fn write(&self, heading: &str, to: &mut String) {
        if self.0.is_empty() {
            return;
        }
        let mut text = format!("{heading}\n");
        self.0.iter().take(LISTED_MAX).for_each(|line| text.push_str(line));
        match self.0.len().saturating_sub(LISTED_MAX) {
            0 => {}
            more => _ = writeln!(text, "  and {more} more"),
        }
        to.push_str(&text);
    }
}

fn told(snapshot: &Snapshot, live: &[LiveJob], flag: &str) -> String {
    let (mut done, mut asks, mut held) = (Section::default(), Section::default(), Section::default());
    let (mut again, mut failed, mut doubted) = (Section::default(), Section::default(), Section::default());
    for node in &snapshot.nodes {
        let is_operation = node.kind == NodeKind::Operation;
        let would = format!("would {}", node.title());
        // Whatever the step itself does now, its place may not be as it was left.
        if let Some(drift) = &node.drift {
            doubted.add(node.title(), Some(drift.to_string()));
        }
        let approve = || node.job.as_ref().map(|job| format!("deployer approve {job}{flag}"));
        if node.refreshing == Some(Activity::WaitingForConfirmation) {
            asks.add(&format!("{would} again"), approve());
        }
        match &node.state {
            NodeState::Ok => {
                match &node.stale {
                    Some(why) => again.add(node.title(), Some(why.clone())),
                    None if is_operation && node.drift.is_none() => done.add(node.title(), None),
                    None => {}
                };
            }
            NodeState::Active { activity: Activity::WaitingForConfirmation } => {
                asks.add(&would, approve());
            }
            NodeState::Active { .. } => {
                let job = live.iter().find(|job| node.job.as_ref() == Some(&job.id));
                let why = match job.map(|job| &job.phase) {
                    Some(Phase::Failed { failure, .. }) => Some(failure.to_string()),
                    _ => node.stale.clone(),
                };
                again.add(node.title(), why);
            }
            NodeState::Failed { failure } if failure.kind == FailureKind::Skipped => {}
            NodeState::Failed { failure } => failed.add(node.title(), Some(failure.to_string())),
            NodeState::Blocked { .. } | NodeState::Waiting { .. } if is_operation => {
                held.add(&would, snapshot.needs(node.id));
            }
            NodeState::Blocked { .. } | NodeState::Waiting { .. } => {}
        }
    }
    let mut text = String::new();
    done.write("Done:", &mut text);
    failed.write("Failed:", &mut text);
    doubted.write("In doubt:", &mut text);
    again.write("Tried again soon:", &mut text);
    asks.write("Waits for you:", &mut text);
    held.write("Comes after:", &mut text);
    if [&failed, &doubted, &again, &asks, &held].iter().all(|section| section.0.is_empty()) {
        text.push_str("Everything is as the table says. Ctrl-C ends this.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use ci_core::engine::NodeView;
    use ci_core::{Failure, OpError};

    use super::*;

    fn is_ok(id: usize, kind: NodeKind, label: &str) -> NodeView {
        let (label, inputs, state) = (label.to_owned(), Vec::new(), NodeState::Ok);
        NodeView { state, ..NodeView::new(id, kind, label, inputs) }
    }

    /// A head and two services, all as they should be.
    fn deployed() -> Snapshot {
        let nodes = vec![
            is_ok(0, NodeKind::Monitor, "head of live"),
            is_ok(1, NodeKind::Operation, "service web"),
            is_ok(2, NodeKind::Operation, "service api"),
        ];
        Snapshot { step: 1, nodes, groups: Vec::new() }
    }

    #[test]
    fn what_is_done_and_stands_is_as_the_table_says() {
        let told = told(&deployed(), &[], "");
        assert_eq!(
            told,
            "Done:\n  service web\n  service api\nEverything is as the table says. Ctrl-C ends this.\n"
        );
    }

    #[test]
    fn what_somebody_changed_is_not_called_done() {
        let mut snapshot = deployed();
        let drift =
            OpError::permanent("service web is gone: somebody removed it").with_hint("rebuild its job");
        snapshot.nodes[1].drift = Some(Failure::from(&drift));
        assert_eq!(
            told(&snapshot, &[], ""),
            "Done:\n  service api\nIn doubt:\n  service web\n    \
             service web is gone: somebody removed it (hint: rebuild its job)\n"
        );
    }

    #[test]
    fn what_somebody_changed_is_told_whatever_is_wrong_besides() {
        let mut snapshot = deployed();
        let failure = |message: &str| Failure::from(&OpError::permanent(message));
        snapshot.nodes[1].drift = Some(failure("service web is gone"));
        snapshot.nodes[1].state = NodeState::Failed { failure: failure("it did not stay up") };
        let told = told(&snapshot, &[], "");
        let both = "Failed:\n  service web\n    it did not stay up\nIn doubt:\n  service web\n    service web is gone\n";
        assert!(told.ends_with(both), "{told}");
    }

    #[test]
    fn what_was_not_read_lately_is_not_called_done() {
        let mut snapshot = deployed();
        snapshot.nodes[0].stale = Some("the server is down".to_owned());
        let told = told(&snapshot, &[], "");
        assert!(told.ends_with("Tried again soon:\n  head of live\n    the server is down\n"), "{told}");
    }
}
