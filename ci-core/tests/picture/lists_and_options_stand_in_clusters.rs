//! What was made for an element stands in a frame with its key, in the frame of its list; what is made of a value that
//! need not be there, in a dotted one. Where there is no element one sees what would be there.

use ci_core::current::Activity;
use ci_core::engine::GroupKind;
use ci_core::picture::Standing;

use crate::support::{Pipeline, around, boxes, drawn_by_graphviz, edges};

fn branches(label: &str, keys: &[&str]) -> Pipeline {
    let mut it = Pipeline::default();
    let refs = it.head("branches");
    let list = it.list(label, refs, keys, |it, item| {
        let build = it.op("build", &[item]);
        it.op("test", &[build])
    });
    it.op("report", &[list]);
    it
}

#[test]
fn each_element_has_a_frame_with_its_key_in_the_frame_of_its_list() {
    let picture = branches("branch", &["main", "live"]).picture();
    let told: Vec<_> = picture.clusters.iter().map(|it| (it.label.as_str(), it.parent)).collect();
    assert_eq!(told, [("branch", None), ("main", Some(0)), ("live", Some(0))]);
    assert_eq!(around(&picture, "build"), ["main", "branch"]);
    assert_eq!(around(&picture, "report"), [""; 0]);
    assert_eq!(
        edges(&picture),
        [
            "branches -> build",
            "branches -> build",
            "build -> test",
            "build -> test",
            "test -> report",
            "test -> report"
        ]
    );
    let (_, texts) = drawn_by_graphviz(&picture.dot());
    for label in ["branch", "main", "live"] {
        assert!(texts.iter().any(|text| text == label), "{label} in {texts:?}");
    }
}

/// Not that of the frame around it, either.
#[test]
fn a_list_without_a_name_has_none() {
    let picture = branches("", &["main"]).picture();
    assert_eq!(picture.clusters[0].label, "");
    assert!(
        picture.dot().contains("subgraph cluster_0 {\n    graph [label=\"\", style=solid]"),
        "{}",
        picture.dot()
    );
}

#[test]
fn a_list_that_is_not_known_shows_what_each_item_would_be() {
    let mut it = branches("branch", &["(each item)"]);
    it.is(0, Activity::Running);
    it.wait(1..it.snapshot.nodes.len(), 0);
    let picture = it.picture();
    assert_eq!(around(&picture, "test"), ["branch"]);
    assert!(picture.clusters[0].preview);
    assert_eq!(
        edges(&picture),
        ["(each item) -> build", "branches -> (each item)", "build -> test", "test -> report"]
    );
    let grey = picture.boxes().filter(|boxed| boxed.standing == Standing::Pending).count();
    assert_eq!((grey, picture.boxes().count()), (4, 5));
}

#[test]
fn an_empty_list_says_so_and_shows_what_would_be_there() {
    let mut it = branches("branch", &["(empty list)"]);
    it.wait(2..5, 0);
    let told = ["branches: ok", "(empty list): waiting", "build: waiting", "test: waiting", "report: ok"];
    assert_eq!(boxes(&it.picture()), told);
}

#[test]
fn what_is_made_of_a_value_that_need_not_be_there_is_dotted() {
    let mut it = Pipeline::default();
    let manifest = it.op("read manifest", &[]);
    let owner = it.hidden("option", &[manifest]);
    let deploy = it.grouped(owner, GroupKind::Option, "", |it| {
        let item = it.hidden("value", &[owner]);
        it.op("deploy", &[item])
    });
    it.wait([deploy], manifest);
    let picture = it.picture();
    assert!(picture.clusters[0].dotted);
    assert_eq!(edges(&picture), ["read manifest -> deploy"]);
    assert!(picture.dot().contains("style=dotted"));
    assert!(picture.mermaid().contains("style c0 fill:none,stroke:#808080,stroke-dasharray:2 4"));
    drawn_by_graphviz(&picture.dot());
}
