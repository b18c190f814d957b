//! A picture of thousands is no picture: groups become boxes, which say how many of those in them are in which state.

use ci_core::current::Activity;
use ci_core::engine::{NodeKind, Snapshot};
use ci_core::picture::{BOXES_MAX, BoxKind, Opened, Options, Picture, Standing, TooMany};

use crate::support::{Pipeline, around, boxes, drawn_by_graphviz, linked};

/// So many repositories, each with a build and a push; and a list of three.
fn repos(count: usize) -> Pipeline {
    let mut it = Pipeline::default();
    let org = it.head("org");
    let names: Vec<_> = (0..count).map(|n| format!("repo-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    it.list("repo", org, &names, |it, item| {
        let build = it.op("build", &[item]);
        it.op("push", &[build])
    });
    it.list("mirror", org, &["a", "b", "c"], |it, item| it.op("copy", &[item]));
    it
}

#[test]
fn elements_are_folded_first_and_small_lists_stay() {
    let picture = repos(300).picture();
    assert!(picture.is_folded);
    assert_eq!(picture.boxes().count(), 1 + 300 + 3);
    assert_eq!(boxes(&picture)[1], "repo-0: 2 ok");
    assert_eq!(around(&picture, "repo-0"), ["repo"]);
    assert_eq!(around(&picture, "copy"), ["a", "mirror"]);
}

/// 10,000 stages.
#[test]
fn a_list_too_long_for_that_becomes_one_box_that_hides_no_trouble() {
    let mut it = repos(5_000);
    let builds: Vec<_> =
        (0..it.snapshot.nodes.len()).filter(|at| it.snapshot.nodes[*at].label == "build").collect();
    it.fail(builds[7], "no");
    it.is(builds[4_000], Activity::WaitingForConfirmation);
    let picture = it.picture();
    assert_eq!(boxes(&picture)[..2], ["org: ok", "repo × 5000: 1 failed, 1 waits for you, 9998 ok"]);
    let folded = picture.boxes().nth(1).expect("a box");
    assert_eq!((folded.kind, folded.standing), (BoxKind::Fold, Standing::Failed));
    assert!(folded.link.as_deref().is_some_and(|link| link.starts_with("?unfold=")));
    assert_eq!(picture.boxes().count(), 1 + 1 + 3);
    drawn_by_graphviz(&picture.dot());
}

/// Its boxes stay what they are when something fails: nothing moves.
#[test]
fn what_is_folded_does_not_depend_on_states() {
    let mut it = repos(300);
    let labels = |picture: &Picture| picture.boxes().map(|boxed| boxed.label.clone()).collect::<Vec<_>>();
    let before = labels(&it.picture());
    let ops: Vec<_> =
        (0..it.snapshot.nodes.len()).filter(|at| it.snapshot.nodes[*at].kind.is_work()).collect();
    ops.iter().step_by(3).for_each(|at| it.fail(*at, "no"));
    assert_eq!(labels(&it.picture()), before);
}

#[test]
fn what_was_folded_can_be_opened() {
    let it = repos(300);
    let element = it.picture().boxes().nth(5).and_then(|boxed| boxed.link.clone()).expect("a link");
    let value = element.strip_prefix("?unfold=").expect("it opens what was folded");
    let picture = it.opened(&[("unfold", value)].into_iter().collect());
    assert_eq!(picture.boxes().count(), 1 + 299 + 2 + 3);
    assert_eq!(around(&picture, "push"), ["repo-4", "repo"]);
}

#[test]
fn a_small_picture_is_folded_when_somebody_wants_it_smaller() {
    let it = repos(3);
    let none = Opened::default();
    let options = Options { boxes_max: 8, ..linked(&none) };
    let picture = Picture::of(&it.snapshot, &options).expect("it can be drawn");
    assert_eq!(
        boxes(&picture),
        ["org: ok", "repo-0: 2 ok", "repo-1: 2 ok", "repo-2: 2 ok", "copy: ok", "copy: ok", "copy: ok"]
    );
    let options = Options { boxes_max: 3, ..options };
    let picture = Picture::of(&it.snapshot, &options).expect("it can be drawn");
    assert_eq!(boxes(&picture), ["org: ok", "repo × 3: 6 ok", "mirror × 3: 3 ok"]);
}

/// Without lists, by what things are called and how far they are.
#[test]
fn what_is_in_no_list_is_folded_by_its_name() {
    let mut it = Pipeline::default();
    let made: Vec<_> = (0..400)
        .map(|n| {
            let head = it.head(&format!("head of {n}"));
            let build = it.op("build it", &[head]);
            let test = it.op("test it", &[build]);
            let gate = it.gate(test, build);
            it.op("push it", &[gate])
        })
        .collect();
    it.hidden("all", &made);
    it.fail(1, "no");
    assert_eq!(
        boxes(&it.picture()),
        ["head × 400: 400 ok", "build × 400: 1 failed, 399 ok", "test × 400: 400 ok", "push × 400: 400 ok"]
    );
}

#[test]
fn what_can_not_be_folded_is_refused() {
    let mut it = Pipeline::default();
    let mut before = it.head("head");
    for _ in 0..2 * BOXES_MAX {
        before = it.op("run", &[before]);
    }
    assert_eq!(Picture::of(&it.snapshot, &Options::default()), Err(TooMany));
}

#[test]
fn nothing_is_a_picture_too() {
    let picture = Picture::of(&Snapshot::default(), &Options::default()).expect("it can be drawn");
    assert_eq!(picture.count(), 0);
    drawn_by_graphviz(&picture.dot());
}

/// A chain as long as memory allows is no reason to end.
#[test]
fn depth_has_no_limit() {
    let mut it = Pipeline::default();
    let mut before = it.head("head");
    for _ in 0..200_000 {
        before = it.add(NodeKind::Combinator, "map", &[before]);
    }
    it.op("build", &[before]);
    assert_eq!(boxes(&it.picture()), ["head: ok", "build: ok"]);
}
