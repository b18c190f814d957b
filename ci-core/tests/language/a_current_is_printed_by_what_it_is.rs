//! As people see it when they print one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ci_core::OpError;
use ci_core::current::{all, constant, daily, every, fail, input, join, labelled, list, optional};
use ci_core::testing;

use crate::words::{build, deploy, head};

#[test]
fn by_its_label_or_what_makes_it() {
    let commit = labelled("commit", 1);
    let image = build(&head("site"));
    let printed = [
        (format!("{commit:?}"), "commit"),
        (format!("{:?}", constant(1)), "constant"),
        (format!("{:?}", fail::<()>(OpError::permanent("no"))), "constant"),
        (format!("{:?}", input("switch", 1).1), "switch"),
        (format!("{:?}", every(Duration::from_secs(3600))), "every 1h"),
        (format!("{:?}", head("site")), "head of site"),
        (format!("{image:?}"), "build"),
        (format!("{:?}", deploy("one", &image)), "service one"),
        (format!("{:?}", image.job()), "job"),
        (format!("{:?}", commit.map(|n| n + 1)), "map"),
        (format!("{:?}", commit.try_map(|n| Ok(n + 1))), "map"),
        (format!("{:?}", commit.ignore()), "map"),
        (format!("{:?}", commit.map_err(|_| OpError::permanent("no"))), "map_err"),
        (format!("{:?}", commit.cutoff(|_, _| true)), "cutoff"),
        (format!("{:?}", commit.catch()), "catch"),
        (format!("{:?}", commit.state()), "state"),
        (format!("{:?}", commit.gate(&image)), "gate"),
        (format!("{:?}", commit.and(&image)), "and"),
        (format!("{:?}", join((&commit, &commit, &commit))), "map"),
        (format!("{:?}", all([commit.ignore()])), "all"),
        (format!("{:?}", list([commit.clone()])), "list"),
        (format!("{:?}", optional(Some(commit.clone()))), "map"),
        (format!("{:?}", commit.bind("by size", |n| constant(*n))), "by size"),
        (format!("{:?}", commit.collapse("branch", "main", &image)), "branch=main"),
        (format!("{:?}", constant(vec![1]).each("platform", |n| n.clone())), "platform"),
    ];
    let (printed, expected): (Vec<_>, Vec<_>) =
        printed.into_iter().map(|(printed, what)| (printed, format!("Current({what})"))).unzip();
    assert_eq!(printed, expected);
    assert_eq!(format!("{:?}", input("switch", 1).0), "Input");
}

#[test]
fn and_a_timer_by_its_period_as_people_say_it() {
    let millis = [1500, 90_000, 120_000, 7_200_000, 25 * 3_600_000, 7 * 86_400_000];
    let printed = millis.map(|period| format!("{:?}", every(Duration::from_millis(period))));
    let expected = ["1.5s", "90s", "2m", "2h", "25h", "7d"].map(|said| format!("Current(every {said})"));
    assert_eq!(printed, expected);
    assert_eq!(format!("{:?}", daily(3, 5)), "Current(daily at 03:05 UTC)");
}

#[test]
fn also_what_a_body_is_given() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let printed = seen.clone();
    let _t = testing::drive(move || {
        let printed = printed.clone();
        let each = constant(vec![1]).each("platform", move |platform| {
            printed.lock().unwrap().push(format!("{platform:?}"));
            platform.clone()
        });
        each.ignore()
    });
    assert_eq!(*seen.lock().unwrap(), ["Current(1)"], "which element it is");
}
