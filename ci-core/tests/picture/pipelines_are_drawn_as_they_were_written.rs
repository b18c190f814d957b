//! Pictures of pipelines that run: what one writes in the language is what one sees.

use ci_core::current::{Elements, all, all_labelled, collapse_all, labelled, within};
use ci_core::picture::{Opened, Options, Picture, Standing};
use ci_core::testing::{Driven, drive, drive_with};
use ci_core::{Current, Engine, Level, OpError};

use crate::support::{around, boxes, edges, linked};
use crate::words::{build, build_on, deploy, head};

fn opened(t: &Driven, opened: &Opened) -> Picture {
    Picture::of(t.snapshot(), &linked(opened)).expect("it can be drawn")
}

fn picture(t: &Driven) -> Picture {
    opened(t, &Opened::default())
}

/// The branches of `site`, each of which is built and deployed.
fn branches(elements: Elements) -> Current<()> {
    let names = head("site").map(|names| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    names.each(elements, |branch| deploy("web", &build(branch)).map(|()| "done".to_owned())).ignore()
}

#[test]
fn a_list_shows_what_it_will_make_then_what_it_made() {
    let mut t = drive(|| branches(Elements::called("branch")));
    let preview = ["(each item) -> build", "build -> service web", "head of site -> (each item)"];
    assert_eq!(edges(&picture(&t)), preview);
    assert!(
        picture(&t).boxes().skip(1).all(|boxed| boxed.standing == Standing::Pending),
        "{:?}",
        boxes(&picture(&t))
    );
    assert_eq!(around(&picture(&t), "build"), ["branch"]);

    t.reads("head of site", String::new());
    assert_eq!(
        edges(&picture(&t)),
        ["(empty list) -> build", "build -> service web", "head of site -> (empty list)"]
    );

    t.reads("head of site", "live main".to_owned());
    let picture = picture(&t);
    let labels: Vec<_> = picture.clusters.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, ["branch", "live", "main"]);
    assert_eq!(around(&picture, "build"), ["live", "branch"]);
    let twice = |edge: &str| edges(&picture).iter().filter(|it| *it == edge).count();
    assert_eq!(
        (twice("head of site -> build"), twice("build -> service web"), picture.edges.len()),
        (2, 2, 4)
    );
    t.leaves_the_rest();
}

#[test]
fn a_collapsed_list_shows_one_box_for_each_element() {
    let mut t = drive(|| branches(Elements::called("branch").collapsed("branch")));
    t.reads("head of site", "live main".to_owned());
    assert_eq!(edges(&picture(&t)), ["head of site -> live", "head of site -> main"]);
    t.fails("build site@main", OpError::permanent("step 3/4 failed"));
    let told = boxes(&picture(&t));
    assert_eq!(told, ["head of site: ok", "live: 1 running, 1 waiting", "main: 1 failed, 1 blocked"]);
    let open = opened(&t, &[("branch", "main")].into_iter().collect());
    assert_eq!(edges(&open), ["build -> service web", "head of site -> build", "head of site -> live"]);
    t.leaves_the_rest();
}

#[test]
fn many_collapsed_together_are_one_box_and_each_keeps_its_value() {
    let mut t = drive(|| {
        let commit = head("site");
        let images = ["amd64", "arm64"].map(|arch| build_on(arch, &commit));
        let images = collapse_all("builds", "site", &commit, images);
        all([deploy("one", &images[0]), deploy("two", &images[1])])
    });
    t.reads("head of site", "1a2b3c4".to_owned());
    assert_eq!(edges(&picture(&t)), ["head of site -> site", "site -> service one", "site -> service two"]);
    t.leaves_the_rest();
}

#[test]
fn an_option_is_dotted_whether_it_is_there_or_not() {
    let mut t = drive(|| {
        let tag = head("tag").map(|tag| Some(tag.clone()).filter(|tag| !tag.is_empty()));
        tag.map_some("release", build).ignore()
    });
    t.reads("head of tag", String::new());
    let none = picture(&t);
    assert_eq!(edges(&none), ["(none) -> build", "head of tag -> (none)"]);
    assert!(none.clusters.iter().any(|cluster| cluster.dotted), "{:?}", none.clusters);
    t.reads("head of tag", "v1".to_owned());
    let some = picture(&t);
    assert_eq!(edges(&some), ["head of tag -> build"]);
    assert!(some.clusters.iter().any(|cluster| cluster.dotted), "{:?}", some.clusters);
    t.leaves_the_rest();
}

#[test]
fn a_bind_is_a_box_before_its_body_is_known() {
    let mut t = drive(|| {
        let image = head("site").bind("read ci.toml", |commit| build(&labelled("commit", commit.clone())));
        deploy("web", &image)
    });
    assert_eq!(edges(&picture(&t)), ["head of site -> read ci.toml", "read ci.toml -> service web"]);
    assert_eq!(boxes(&picture(&t))[1], "read ci.toml: waiting");
    t.reads("head of site", "1a2b3c4".to_owned());
    assert_eq!(
        edges(&picture(&t)),
        ["build -> service web", "commit -> build", "head of site -> read ci.toml", "read ci.toml -> commit"]
    );
    t.leaves_the_rest();
}

#[test]
fn what_is_made_within_contexts_comes_after_each_of_them() {
    let t = drive(|| {
        let (a, b) = (labelled("a", 1), labelled("b", 2));
        within(&a, || within(&b, || labelled("c", 3))).ignore()
    });
    assert_eq!(edges(&picture(&t)), ["a -> c", "b -> c"]);
}

#[test]
fn a_report_on_a_commit_has_both_edges() {
    let report = |hidden: bool| {
        let mut t = drive(move || {
            let commit = head("site");
            let image = build(&commit);
            let state = if hidden { image.state_hidden() } else { image.state() };
            let told = commit.and(&state.map(Result::is_ok)).map(|(commit, ok)| format!("{commit} {ok}"));
            deploy("status", &told)
        });
        t.reads("head of site", "1a2b3c4".to_owned());
        t.leaves_the_rest();
        edges(&picture(&t))
    };
    assert_eq!(
        report(false),
        [
            "build -> state",
            "head of site -> build",
            "head of site -> service status",
            "state -> service status"
        ]
    );
    assert_eq!(
        report(true),
        ["build -> service status", "head of site -> build", "head of site -> service status"]
    );
}

#[test]
fn a_gate_and_a_person_are_seen() {
    let guarded = |engine: Engine| engine.confirm(Some(Level::Average));
    let mut t = drive_with(guarded, || {
        let commit = head("site");
        let image = build(&commit);
        let test = build_on("test", &image);
        deploy("web", &image.gate(&test))
    });
    t.reads("head of site", "1a2b3c4".to_owned());
    let seen = picture(&t);
    assert_eq!(
        edges(&seen),
        ["build -> test", "gate -> service web", "head of site -> build", "test -.-> gate"]
    );
    assert_eq!(boxes(&seen)[1], "build: waits for you");
    assert_eq!(seen.boxes().nth(1).map(|boxed| boxed.colour), Some("#4975ff"));
    t.leaves_the_rest();
}

#[test]
fn what_waits_for_many_comes_after_each_of_them_and_after_their_box_if_they_have_one() {
    let gated = |labelled: bool| {
        let mut t = drive(move || {
            let commit = head("site");
            let tests = ["amd64", "arm64"].map(|on| (on, build_on(on, &commit).ignore()));
            let green = if labelled { all_labelled(tests) } else { all(tests.map(|(_, test)| test)) };
            deploy("web", &build(&commit).gate(&green))
        });
        t.leaves_the_rest();
        let seen = edges(&picture(&t)).into_iter();
        seen.filter(|edge| !edge.starts_with("head of site")).collect::<Vec<_>>()
    };
    let rest = ["build -> gate", "gate -> service web"];
    assert_eq!(gated(false), ["amd64 -.-> gate", "arm64 -.-> gate", rest[0], rest[1]]);
    assert_eq!(gated(true), ["all -.-> gate", "amd64 -> all", "arm64 -> all", rest[0], rest[1]]);
}

/// Each step of one run looks as it does in another, but for the names of jobs.
#[test]
fn the_same_pipeline_makes_the_same_bytes_in_each_step_of_each_run() {
    let texts = |t: &Driven| {
        let picture = Picture::of(t.snapshot(), &Options::default()).expect("it can be drawn");
        (picture.dot(), picture.mermaid())
    };
    let run = || {
        let mut t = drive(|| branches(Elements::called("branch")));
        let mut seen = vec![texts(&t)];
        t.reads("head of site", "live main".to_owned());
        seen.push(texts(&t));
        t.completes("build site@live", "image:1");
        seen.push(texts(&t));
        t.fails("build site@main", OpError::permanent("no"));
        seen.push(texts(&t));
        t.leaves_the_rest();
        seen
    };
    let (one, other) = (run(), run());
    assert_eq!(one, other);
    assert!(one.windows(2).all(|pair| pair[0] != pair[1]), "each step shows something new");
}
