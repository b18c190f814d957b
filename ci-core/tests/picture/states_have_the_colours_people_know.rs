//! A state has the colour that it has in other pictures of pipelines, and is told in words and at the label's end, too.

use ci_core::current::Activity;
use ci_core::engine::NodeState;
use ci_core::picture::Standing;
use ci_core::{Failure, FailureKind};

use crate::support::{Pipeline, failure};

/// One operation for each state.
fn states() -> Pipeline {
    let mut it = Pipeline::default();
    it.op("ok", &[]);
    let failed = it.op("failed", &[]);
    it.fail(failed, "no");
    let blocked = it.op("blocked", &[failed]);
    it.set(blocked, NodeState::Blocked { by: Some(failed), failure: failure("no") });
    let activities = [
        ("queued", Activity::Queued),
        ("running", Activity::Running),
        ("confirmation", Activity::WaitingForConfirmation),
        ("retrying", Activity::Retrying),
    ];
    for (label, activity) in activities {
        let node = it.op(label, &[]);
        it.is(node, activity);
    }
    let pending = it.op("pending", &[]);
    it.wait([pending], failed);
    it
}

#[test]
fn each_state_has_its_colour() {
    let picture = states().picture();
    let colours: Vec<_> = picture.boxes().map(|boxed| (boxed.label.as_str(), boxed.colour)).collect();
    assert_eq!(
        colours,
        [
            ("ok", "#90ee90"),
            ("failed", "#ff4500"),
            ("blocked", "#d3d3d3"),
            ("queued", "#ffff00"),
            ("running", "#ffa500"),
            ("confirmation", "#4975ff"),
            ("retrying", "#ffa500"),
            ("pending", "#d3d3d3"),
        ]
    );
    for (label, colour) in colours {
        let line = format!("fillcolor=\"{colour}\"");
        assert!(
            picture.dot().lines().any(|it| it.contains(&format!("\"{label}")) && it.contains(&line)),
            "{label}"
        );
    }
    assert!(picture.mermaid().contains("classDef failed fill:#ff4500,"));
}

#[test]
fn a_label_that_leads_to_a_job_ends_with_how_that_stands() {
    let picture = states().picture();
    let titles: Vec<_> = picture.boxes().map(|boxed| boxed.title()).collect();
    let told =
        ["ok ✔", "failed ✗", "blocked", "queued …", "running …", "confirmation …", "retrying …", "pending"];
    assert_eq!(titles, told);
    let mut without = states();
    without.snapshot.nodes.iter_mut().for_each(|node| node.job = None);
    assert_eq!(without.picture().boxes().next().map(|boxed| boxed.title()).as_deref(), Some("ok"));

    let mut it = Pipeline::default();
    let old = it.op("old", &[]);
    it.snapshot.nodes[old].stale = Some("no route".to_owned());
    for kind in [FailureKind::Cancelled, FailureKind::Superseded, FailureKind::Skipped] {
        let node = it.op(&kind.to_string(), &[]);
        it.set(node, NodeState::Failed { failure: Failure { kind, ..failure("why") } });
    }
    let picture = it.picture();
    let titles: Vec<_> = picture.boxes().map(|boxed| boxed.title()).collect();
    assert_eq!(titles, ["old ✔", "cancelled ✗", "superseded", "skipped"]);
}

#[test]
fn a_value_that_is_renewed_has_both_colours() {
    let mut it = Pipeline::default();
    let node = it.op("pull", &[]);
    it.snapshot.nodes[node].refreshing = Some(Activity::Running);
    let picture = it.picture();
    assert!(picture.dot().contains("fillcolor=\"#ffa500:#90ee90\""), "{}", picture.dot());
    assert!(picture.mermaid().contains("style n0 stroke:#ffa500"));
    let boxed = picture.boxes().next().expect("a box");
    assert_eq!((boxed.standing, boxed.refreshing), (Standing::Ok, Some(Standing::Running)));
    assert_eq!(boxed.says, "ok, being renewed");

    // Also if nobody knows whether it still holds.
    it.snapshot.nodes[node].stale = Some("no route".to_owned());
    let picture = it.picture();
    assert!(picture.dot().contains("fillcolor=\"#ffa500:#eee8aa\""), "{}", picture.dot());

    // And behind a closed box.
    it.snapshot.nodes[node].stale = None;
    it.collapse(("repo", "site"), node, &[]);
    let picture = it.picture();
    assert!(picture.boxes().all(|boxed| boxed.label == "site"), "{}", picture.dot());
    assert!(picture.dot().contains("fillcolor=\"#ffa500:#90ee90\""), "{}", picture.dot());
}

/// Before anything ran, the same picture is there: everything waits.
#[test]
fn what_never_ran_is_drawn_grey() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let build = it.op("build", &[head]);
    it.op("push", &[build]);
    it.is(head, Activity::Running);
    it.wait(1..3, head);
    let picture = it.picture();
    let standings: Vec<_> = picture.boxes().map(|boxed| boxed.standing).collect();
    assert_eq!(standings, [Standing::Running, Standing::Pending, Standing::Pending]);
    assert_eq!(picture.boxes().last().map(|boxed| boxed.tooltip.as_str()), Some("waiting: head is running"));
}
