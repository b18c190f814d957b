use ci_core::current::{constant, fail, input};
use ci_core::engine::GroupKind;
use ci_core::{OpError, testing};

use crate::Diary;
use crate::words::deploy;

#[test]
fn something_is_made_of_it_while_it_is_there() {
    let (diary, (set, tag)) = (Diary::default(), input("tag", None::<&str>));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let made = seen.clone();
        seen.states(&tag.map_some("release", move |tag| {
            let made = made.clone();
            tag.map(move |tag| {
                made.note("run");
                format!("release {tag}")
            })
        }))
    });
    assert_eq!(diary.news(), ["None"]);
    t.sets(&set, Some("v1"));
    assert_eq!(diary.news(), ["run", r#"Some("release v1")"#]);
    t.sets(&set, None);
    assert_eq!(diary.news(), ["None"]);
}

#[test]
fn a_failure_of_what_is_made_is_told() {
    let t = testing::drive(|| {
        constant(Some(1)).map_some("release", |_| fail::<u8>(OpError::permanent("red"))).ignore()
    });
    assert_eq!(t.outcome(), "failed: red");
}

#[test]
fn what_there_would_be_is_shown_and_does_nothing() {
    let (set, tag) = input("tag", None::<String>);
    let mut t = testing::drive(move || tag.map_some("release", |tag| deploy("web", tag)).ignore());
    let snapshot = t.snapshot();
    let kinds: Vec<_> = snapshot.groups.iter().map(|group| (group.kind, group.preview)).collect();
    assert_eq!(kinds, [(GroupKind::Option, true), (GroupKind::Element, true)]);
    assert_eq!(&*snapshot.groups[0].label, "release");
    assert_eq!((t.outcome(), t.state("web")), ("ok".to_owned(), "waiting for (none)".to_owned()));
    t.sets(&set, Some("v1".to_owned()));
    assert_eq!(t.running(), ["update web (v1)"]);
    assert!(t.snapshot().groups.iter().all(|group| !group.preview));
    t.completes("web", ());
    assert_eq!(t.outcome(), "ok");
}
