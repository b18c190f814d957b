use std::collections::BTreeMap;

use ci_core::current::{all, constant, input};
use ci_core::{Current, testing};

use crate::words::{build_on, deploy, head};

fn names(t: &testing::Driven) -> BTreeMap<String, Vec<String>> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in &t.snapshot().nodes {
        let group = node.group.map_or("", |group| &*t.snapshot().groups[group].label);
        names.entry(format!("{group}/{}", node.label)).or_default().push(node.name.to_string());
    }
    names
}

fn site() -> Current<()> {
    deploy("web", &build_on("site image", &head("site")))
}

fn shop() -> Current<()> {
    deploy("shop", &build_on("shop image", &head("shop")))
}

#[test]
fn from_run_to_run_and_when_something_is_written_before_them() {
    let mut alone = testing::drive(|| all([site()]));
    let mut again = testing::drive(|| all([site()]));
    let mut edited = testing::drive(|| all([shop(), constant(1).ignore(), site()]));
    assert_eq!(names(&alone), names(&again));
    for label in ["/head of site", "/site image", "/service web"] {
        assert_eq!(names(&alone)[label], names(&edited)[label], "{label}");
    }
    for t in [&mut alone, &mut again, &mut edited] {
        t.leaves_the_rest();
    }
}

#[test]
fn of_elements_that_stay_and_no_two_are_the_same() {
    let (set, list) = input("list", vec!["live", "main"]);
    let mut t = testing::drive(move || {
        list.each("branch", |branch| build_on("image", &branch.map(|b| (*b).to_owned()))).ignore()
    });
    let before = names(&t);
    t.sets(&set, vec!["next", "main"]);
    assert_eq!(before["main/image"], names(&t)["main/image"]);
    let all: Vec<_> = t.snapshot().nodes.iter().map(|node| node.name).collect();
    let distinct: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    t.leaves_the_rest();
}

#[test]
fn a_node_says_what_moved_it() {
    let (set, word) = input("word", "a");
    let mut t = testing::drive(move || word.map(|word| word.len()).map(|_| ()));
    let step = t.snapshot().step;
    t.sets(&set, "bcd");
    let nodes = &t.snapshot().nodes;
    let maps: Vec<_> = nodes.iter().filter(|node| node.label == "map").collect();
    let input = nodes.iter().find(|node| node.label == "word").expect("there");
    let moved = |node: &ci_core::engine::NodeView| node.moved.expect("it ran");
    assert_eq!(
        (moved(input).by, moved(maps[0]).by, moved(maps[1]).by),
        (None, Some(input.id), Some(maps[0].id))
    );
    assert!(moved(maps[1]).step > step && moved(maps[1]).step == moved(input).step);
}
