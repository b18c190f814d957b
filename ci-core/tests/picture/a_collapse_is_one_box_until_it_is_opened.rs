//! A pipeline offers parts to collapse. Such a part is one box, which tells how its inside stands and leads to it.

use ci_core::current::Activity;
use ci_core::engine::{GroupKind, NodeState};
use ci_core::picture::{BoxKind, Opened, Standing};

use crate::support::{Pipeline, boxes, edges, failure};

/// For each of these repositories a build and a test, which are collapsed, then a report.
fn repos(names: &[&str]) -> Pipeline {
    let mut it = Pipeline::default();
    let org = it.head("org");
    for name in names {
        let build = it.op(&format!("build {name}"), &[org]);
        let test = it.op(&format!("test {name}"), &[build]);
        let collapse = it.collapse(("repo", name), test, &[org]);
        it.op(&format!("report {name}"), &[collapse]);
    }
    it
}

#[test]
fn a_closed_collapse_is_one_box_that_leads_to_its_inside() {
    let picture = repos(&["a"]).picture();
    assert_eq!(edges(&picture), ["a -> report a", "org -> a"]);
    assert_eq!(boxes(&picture), ["org: ok", "a: 2 ok", "report a: ok"]);
    let closed = picture.boxes().find(|boxed| boxed.kind == BoxKind::Collapse).expect("a closed box");
    assert_eq!((closed.title(), closed.link.as_deref()), ("+ a".to_owned(), Some("?repo=a")));
    assert!(picture.dot().contains("URL=\"?repo=a\""), "{}", picture.dot());
}

#[test]
fn an_open_one_shows_its_inside() {
    let picture = repos(&["a", "b"]).opened(&[("repo", "a")].into_iter().collect());
    assert_eq!(
        edges(&picture),
        ["b -> report b", "build a -> test a", "org -> b", "org -> build a", "test a -> report a"]
    );
}

#[test]
fn several_of_one_key_are_open_at_once() {
    let one: Opened = [("repo", "a")].into_iter().collect();
    let two = one.with("repo", "b");
    let picture = repos(&["a", "b", "c"]).opened(&two);
    let labels: Vec<_> = picture.boxes().map(|boxed| boxed.label.as_str()).collect();
    assert_eq!(
        labels,
        ["org", "build a", "test a", "report a", "build b", "test b", "report b", "c", "report c"]
    );
    assert_eq!(two.without("repo", "b"), one);
}

/// A failure inside is its own; one from outside only holds it back.
#[test]
fn what_failed_inside_is_told_from_what_failed_before() {
    let mut it = repos(&["a"]);
    it.fail(2, "2 of 30 tests fail");
    it.set(3, NodeState::Blocked { by: Some(2), failure: failure("2 of 30 tests fail") });
    let picture = it.picture();
    let closed = picture.boxes().nth(1).expect("a box");
    assert_eq!((closed.standing, closed.colour), (Standing::Failed, "#ff4500"));
    assert_eq!(closed.says, "1 failed, 1 ok");
    let mut it = repos(&["a"]);
    it.fail(0, "no such host");
    (1..5).for_each(|at| it.set(at, NodeState::Blocked { by: Some(0), failure: failure("no such host") }));
    let picture = it.picture();
    assert_eq!(picture.boxes().nth(1).map(|boxed| boxed.colour), Some("#d3d3d3"));
}

#[test]
fn what_waits_for_a_person_inside_is_seen_outside() {
    let mut it = repos(&["a"]);
    it.is(1, Activity::WaitingForConfirmation);
    it.wait([2, 3, 4], 1);
    assert_eq!(boxes(&it.picture())[1], "a: 1 waits for you, 1 waiting");
}

#[test]
fn many_that_are_collapsed_together_are_one_box() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let arches = ["amd64", "arm64", "riscv64"];
    let images: Vec<_> = arches.iter().map(|arch| it.op(&format!("build for {arch}"), &[head])).collect();
    let closed: Vec<_> =
        images.iter().map(|image| it.collapse(("builds", "site"), *image, &[head])).collect();
    closed.iter().zip(arches).for_each(|(closed, arch)| {
        it.op(&format!("push {arch}"), &[*closed]);
    });
    it.fail(images[1], "no");
    let picture = it.picture();
    assert_eq!(
        edges(&picture),
        ["head -> site", "site -> push amd64", "site -> push arm64", "site -> push riscv64"]
    );
    assert_eq!(boxes(&picture)[1], "site: 1 failed, 2 ok");
    let open = it.opened(&[("builds", "site")].into_iter().collect());
    assert!(edges(&open).contains(&"build for arm64 -> push arm64".to_owned()));
}

/// What somebody else uses, too, is not hidden.
#[test]
fn what_is_used_outside_stays_outside() {
    let mut it = repos(&["a"]);
    it.op("sign", &[1]);
    assert_eq!(edges(&it.picture()), ["a -> report a", "build a -> sign", "org -> a", "org -> build a"]);
}

#[test]
fn a_collapse_in_a_collapse_is_seen_when_both_are_open() {
    let mut it = Pipeline::default();
    let head = it.head("head");
    let build = it.op("build", &[head]);
    let inner = it.collapse(("arch", "arm64"), build, &[head]);
    let test = it.op("test", &[inner]);
    it.collapse(("repo", "a"), test, &[head]);
    assert_eq!(boxes(&it.picture()), ["head: ok", "a: 2 ok"]);
    let open: Opened = [("repo", "a")].into_iter().collect();
    assert_eq!(boxes(&it.opened(&open)), ["head: ok", "arm64: 1 ok", "test: ok"]);
    assert_eq!(boxes(&it.opened(&open.with("arch", "arm64"))), ["head: ok", "build: ok", "test: ok"]);
}

/// Lists inside, with what was made for their elements, too.
#[test]
fn a_list_in_a_collapse_is_hidden_with_it() {
    let mut it = Pipeline::default();
    let refs = it.head("refs");
    let list = it.list("branch", refs, &["main", "live"], |it, item| it.op("build", &[item]));
    it.collapse(("repo", "a"), list, &[refs]);
    let picture = it.picture();
    assert_eq!(boxes(&picture), ["refs: ok", "a: 2 ok"]);
    assert_eq!(picture.clusters, []);
    let lists = it.snapshot.groups.iter().filter(|group| group.kind == GroupKind::List).count();
    assert_eq!(lists, 1);
}
