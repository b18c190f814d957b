use ci_core::current::{Activity, Pending};
use ci_core::{FailureKind, testing};

use crate::words::build_on;
use crate::{Diary, failed, maybe};

#[test]
fn jobs_run_on_results_stay_and_it_is_said_that_they_may_be_old() {
    let (diary, (set, list)) = (Diary::default(), maybe("branches", Ok(vec!["live", "main"])));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let images = list.each("branch", |branch| build_on("image", &branch.map(|b| (*b).to_owned())));
        seen.states(&images)
    });
    t.completes("build site@live", "image:1");
    let away = |why| failed(FailureKind::Transient, why);
    for why in [Pending::Active(Activity::Running), away("no route"), away("the server is down")] {
        t.sets(&set, Err(why));
        assert_eq!(t.running(), ["build site@main"], "nothing is stopped");
        let active = t.snapshot().nodes.iter().filter(|node| node.refreshing.is_some()).count();
        let stale = t.snapshot().nodes.iter().filter(|node| node.stale.is_some()).count();
        assert_eq!(active + stale, 1, "it is said: {:?}", t.states());
    }
    t.completes("build site@main", "image:2");
    assert_eq!(diary.news().last().map(String::as_str), Some(r#"["image:1", "image:2"]"#));
    let stale: Vec<_> = t.snapshot().nodes.iter().filter_map(|node| node.stale.clone()).collect();
    assert_eq!(stale, ["the server is down"]);

    t.sets(&set, Ok(vec!["live", "main"]));
    assert_eq!(t.trace().len(), 2, "nothing was asked again");
    assert!(t.snapshot().nodes.iter().all(|node| node.stale.is_none()));
}

#[test]
fn a_list_that_does_not_apply_any_more_ends_them() {
    let (set, list) = maybe("branches", Ok(vec!["live"]));
    let mut t = testing::drive(move || {
        list.each("branch", |branch| build_on("image", &branch.map(|b| (*b).to_owned()))).ignore()
    });
    assert_eq!(t.running(), ["build site@live"]);
    t.sets(&set, Err(failed(FailureKind::Skipped, "the repository was deleted")));
    assert_eq!(t.running(), Vec::<String>::new());
    assert_eq!(t.outcome(), "failed: the repository was deleted");
    t.sets(&set, Err(failed(FailureKind::Transient, "the server is down")));
    assert_eq!(t.outcome(), "failed: the server is down", "there is nothing to keep");
    t.sets(&set, Ok(vec!["live"]));
    assert_eq!(t.running(), ["build site@live"]);
    t.leaves_the_rest();
}
