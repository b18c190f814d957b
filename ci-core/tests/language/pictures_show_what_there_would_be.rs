use ci_core::current::{Counts, all, collapse_all, constant, input, labelled, within};
use ci_core::engine::{GroupKind, NodeKind, NodeView};
use ci_core::{FailureKind, testing};

use crate::words::{build, build_on, deploy, head};
use crate::{failed, maybe};

#[test]
fn of_a_list_that_is_not_known_and_of_an_empty_one() {
    let (set, list) = maybe("branches", Err(failed(FailureKind::Transient, "away")));
    let mut t = testing::drive(move || {
        list.each("branch", |branch: &ci_core::Current<String>| deploy("web", &build(branch))).ignore()
    });
    let labels = |t: &testing::Driven| {
        let groups = t.snapshot().groups.iter().filter(|group| group.kind != GroupKind::Body);
        groups.map(|group| (group.kind, group.label.clone())).collect::<Vec<_>>()
    };
    let shown = |what: &str| vec![(GroupKind::List, "branch".into()), (GroupKind::Element, what.into())];
    assert_eq!(labels(&t), shown("(each item)"));
    assert!(t.state("web").starts_with("blocked by "), "{}", t.state("web"));

    t.sets(&set, Ok(Vec::new()));
    assert_eq!((labels(&t), t.outcome()), (shown("(empty list)"), "ok".to_owned()));
    assert_eq!(t.state("web"), "waiting for (empty list)");

    t.sets(&set, Ok(vec!["live".to_owned()]));
    assert_eq!(labels(&t), shown("live"));
    assert_eq!(t.running(), ["build site@live"]);
    t.sets(&set, Err(failed(FailureKind::Transient, "away")));
    assert_eq!(labels(&t), shown("live"), "what stays is there");
    t.sets(&set, Err(failed(FailureKind::Skipped, "there is no such list")));
    assert_eq!(labels(&t), shown("(each item)"));
    t.sets(&set, Ok(Vec::new()));
    assert_eq!(labels(&t), shown("(empty list)"));
}

/// Nobody knows what such a list says: so it is as good as one that was not read yet.
#[test]
fn of_a_list_that_names_two_things_alike_too() {
    let (set, list) = input("list", vec![(1, 'a'), (1, 'b')]);
    let mut t =
        testing::drive(move || list.each_by("entry", |(key, _)| *key, |entry| entry.ignore()).ignore());
    let shown = |t: &testing::Driven| {
        let elements = t.snapshot().groups.iter().filter(|group| group.kind == GroupKind::Element);
        elements.map(|group| group.label.clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&t), ["(each item)"]);
    t.sets(&set, vec![(1, 'a')]);
    assert_eq!(shown(&t), ["1"]);
    t.sets(&set, vec![(1, 'a'), (1, 'b')]);
    assert_eq!(shown(&t), ["1"], "it keeps what it had");
    t.sets(&set, Vec::new());
    assert_eq!(shown(&t), ["(empty list)"]);
}

/// What has all that it needs, also outside a list, waits for an element of it all the same.
#[test]
fn of_a_list_without_elements_nothing_is_about_to_run() {
    let (set, list) = maybe("branches", Err(failed(FailureKind::Transient, "away")));
    let mut t = testing::drive(move || {
        let pinned = constant("pinned".to_owned());
        list.each("branch", move |_: &ci_core::Current<String>| build_on("base image", &pinned)).ignore()
    });
    assert_eq!(t.state("base image"), "waiting for (each item)");
    t.sets(&set, Ok(Vec::new()));
    assert_eq!(t.state("base image"), "waiting for (empty list)");
    t.sets(&set, Ok(vec!["live".to_owned()]));
    assert_eq!(
        (t.state("base image"), t.running()),
        ("running".to_owned(), vec!["build site@pinned".to_owned()])
    );
    t.leaves_the_rest();
}

#[test]
fn inputs_come_before_what_depends_on_them() {
    let (_, list) = input("list", vec!["a", "b"]);
    let t = testing::drive(move || {
        let base = build(&head("site"));
        let late = labelled("late", "x".to_owned());
        let each = list.each("n", {
            let late = late.clone();
            move |n| build_on("image", &n.and(&late).map(|(n, _)| n.to_string()))
        });
        let bound = base.bind("part", move |_| build_on("other", &late));
        all([each.ignore(), bound.ignore()])
    });
    for node in &t.snapshot().nodes {
        let before = node.inputs.iter().chain(&node.context);
        assert!(before.clone().all(|input| *input < node.id), "{node:?}");
        if let Some(group) = node.group {
            assert!(t.snapshot().groups[group].owner < node.id, "{node:?}");
        }
    }
    let mut t = t;
    t.leaves_the_rest();
}

fn called<'t>(t: &'t testing::Driven, label: &str) -> &'t NodeView {
    t.snapshot().nodes.iter().find(|node| node.label == label).expect("it is there")
}

#[test]
fn contexts_come_before_all_that_is_made_in_them() {
    let t = testing::drive(|| {
        let (a, b) = (labelled("a", 1), labelled("b", 2));
        let c = within(&a, || within(&b, || labelled("c", 3)));
        all([c.ignore(), labelled("d", 4).ignore()])
    });
    let mut before: Vec<_> =
        called(&t, "c").context.iter().map(|at| &*t.snapshot().nodes[*at].label).collect();
    before.sort_unstable();
    assert_eq!(before, ["a", "b"]);
    assert!(called(&t, "d").context.is_empty());
}

#[test]
fn what_is_made_later_in_a_context_stands_in_it_too() {
    let late = |label: &'static str| within(&labelled("b", 2), || labelled(label, 3));
    let t = testing::drive(move || {
        let (list, tag) = (constant(vec!["x"]), constant(Some("v1.2")));
        within(&labelled("a", 1), || {
            all([
                list.each("n", move |_| late("of an element")).ignore(),
                tag.map_some("tag", move |_| late("of an option")).ignore(),
                tag.bind("part", move |_| late("of a bind")).ignore(),
            ])
        })
    });
    for late in ["of an element", "of an option", "of a bind"] {
        let before = called(&t, late).context.iter().map(|at| &*t.snapshot().nodes[*at].label);
        assert_eq!(before.collect::<Vec<_>>(), ["b", "a"], "{late}");
    }
}

#[test]
fn what_there_would_be_does_nothing_whatever_it_is_made_of() {
    let (set, tag) = input("tag", None::<&str>);
    let mut t = testing::drive(move || {
        let image = build(&labelled("commit", "1a2b3c4".to_owned()));
        // None of this reads the tag; and the last stands in a body of its own.
        let release = tag.map_some("release", move |_| {
            let sure = labelled("sure", "x".to_owned());
            let inner = constant(vec![1]).each("n", |_| deploy("three", &labelled("y", "y".to_owned())));
            all([deploy("one", &image), deploy("two", &sure), head("notes").ignore(), inner.ignore()])
        });
        release.ignore()
    });
    assert_eq!(
        (t.running(), t.outcome()),
        (vec![], "ok".to_owned()),
        "not even the image that only it uses is built"
    );
    assert_eq!(t.counts(), Counts::default(), "nor is any of it counted");
    t.sets(&set, Some("v1"));
    assert_eq!(t.running(), ["build site@1a2b3c4", "update two (x)", "update three (y)"]);
    t.leaves_the_rest();
}

#[test]
fn a_collapsed_part_has_its_key_its_inputs_and_its_value() {
    let t = testing::drive(|| {
        let commit = labelled("commit", 7);
        let tests = [commit.map(|n| n + 1), commit.map(|n| n + 2)];
        let [one, two] = <[_; 2]>::try_from(collapse_all("tests", "unit", &commit, tests)).expect("two");
        let told = |n: u32| move |value: &u32| assert_eq!(*value, n);
        all([one.map(told(8)), two.map(told(9))])
    });
    assert_eq!(t.outcome(), "ok");
    let nodes = &t.snapshot().nodes;
    let folded: Vec<_> = nodes.iter().filter(|node| node.kind == NodeKind::Collapse).collect();
    assert_eq!(folded.len(), 2);
    let (commit, view) = (called(&t, "commit").id, folded[0].collapse.as_ref().expect("it says so"));
    assert_eq!((&*view.key, &*view.value, folded[0].inputs[1]), ("tests", "unit", commit));
}

#[test]
fn elements_can_be_collapsed_by_their_keys() {
    use ci_core::current::Elements;
    let t = testing::drive(|| {
        let list = constant(vec!["live", "main"]);
        list.each(Elements::called("branch").collapsed("branch"), |branch| branch.clone()).ignore()
    });
    let views = t.snapshot().nodes.iter().filter_map(|node| node.collapse.clone());
    let views: Vec<_> = views.map(|view| format!("{}={}", view.key, view.value)).collect();
    assert_eq!(views, ["branch=live", "branch=main"]);
}
