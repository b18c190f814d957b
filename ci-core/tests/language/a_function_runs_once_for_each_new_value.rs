use ci_core::current::{Activity, Pending, input};
use ci_core::{OpError, testing};

use crate::{Diary, failed, maybe};

#[test]
fn map_runs_for_a_new_value_and_not_for_an_equal_one() {
    let (diary, (set, word)) = (Diary::default(), input("word", "one"));
    let seen = diary.clone();
    let mut t = testing::drive(move || seen.follow(&word));
    t.sets(&set, "one");
    t.sets(&set, "two");
    assert_eq!(diary.news(), ["\"one\"", "\"two\""]);
}

#[test]
fn of_two_values_set_before_a_step_only_the_last_is_seen() {
    let (diary, (set, word)) = (Diary::default(), input("word", 0));
    let seen = diary.clone();
    let mut t = testing::drive(move || seen.follow(&word));
    set.set(1);
    t.sets(&set, 2);
    assert_eq!(diary.news(), ["0", "2"]);
}

#[test]
fn nothing_downstream_runs_where_a_value_comes_out_equal() {
    let (diary, (set, number)) = (Diary::default(), input("number", 4));
    let seen = diary.clone();
    let mut t = testing::drive(move || seen.follow(&number.map(|n| n % 2 == 0)));
    t.sets(&set, 6);
    assert_eq!(diary.news(), ["true"]);
    t.sets(&set, 7);
    assert_eq!(diary.news(), ["false"]);
}

#[test]
fn a_cutoff_decides_what_is_the_same() {
    let (diary, (set, word)) = (Diary::default(), input("word", "world"));
    let seen = diary.clone();
    let mut t = testing::drive(move || seen.follow(&word.cutoff(|a, b| a.eq_ignore_ascii_case(b))));
    t.sets(&set, "WORLD");
    assert_eq!(diary.news(), ["\"world\""]);
    t.sets(&set, "moon");
    assert_eq!(diary.news(), ["\"moon\""]);
}

/// What was seen last is what counts, or a value could go anywhere by small steps.
#[test]
fn a_cutoff_compares_with_what_was_seen_last() {
    let (diary, (set, number)) = (Diary::default(), input("number", 0));
    let seen = diary.clone();
    let mut t = testing::drive(move || seen.follow(&number.cutoff(|old, new| *new < *old + 10)));
    (1..=3).for_each(|nth| t.sets(&set, nth * 6));
    assert_eq!(diary.news(), ["0", "12"]);
}

#[test]
fn a_function_is_not_asked_without_a_value_and_its_error_is_its_own() {
    let permanent = ci_core::FailureKind::Permanent;
    let (diary, (set, number)) = (Diary::default(), maybe("number", Err(failed(permanent, "no number"))));
    let seen = diary.clone();
    let mut t = testing::drive(move || {
        let half = number.try_map(move |n: &u32| {
            seen.note(format!("asked for half of {n}"));
            if n.is_multiple_of(2) { Ok(n / 2) } else { Err(OpError::permanent(format!("{n} is odd"))) }
        });
        half.ignore()
    });
    assert_eq!((t.outcome(), diary.news()), ("failed: no number".to_owned(), vec![]));
    let nodes = &t.snapshot().nodes;
    let map = nodes.iter().find(|node| node.label == "map").expect("drawn or not, it is there");
    assert!(map.state.to_string().starts_with("blocked by "), "{}", map.state);

    t.sets(&set, Ok(7));
    assert_eq!(diary.news(), ["asked for half of 7"]);
    let failing: Vec<_> = t.states().into_iter().filter(|state| state.contains("failed: 7 is odd")).collect();
    assert_eq!(failing, ["map: failed: 7 is odd"]);
    t.sets(&set, Ok(8));
    assert_eq!((t.outcome(), diary.news()), ("ok".to_owned(), vec!["asked for half of 8".to_owned()]));
    t.sets(&set, Err(Pending::Active(Activity::Running)));
    assert_eq!((t.outcome(), diary.news()), ("running".to_owned(), vec![]), "what was there is gone, too");
}
