//! A pipeline of a hundred thousand steps is written and dropped on a stack of 64 KiB: its steps may be inputs of each
//! other, be held by each other's closures, or stand in each other's contexts. And all that they hold goes with them.

use std::sync::Arc;

use ci_core::Current;
use ci_core::current::{constant, within};

const DEPTH: usize = 100_000;

/// Writes `DEPTH` steps, each of which holds `mark`, and drops them.
fn written_and_dropped(step: impl Fn(Current<usize>, Arc<()>) -> Current<usize> + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(move || {
        let mark = Arc::new(());
        let all = (0..DEPTH).fold(constant(0), |before, _| step(before, mark.clone()));
        assert_eq!(Arc::strong_count(&mark), DEPTH + 1);
        drop(all);
        assert_eq!(Arc::strong_count(&mark), 1, "what steps held went with them");
    });
    thread.expect("because a thread can be made").join().expect("because it neither overflows nor panics");
}

#[test]
fn of_inputs() {
    written_and_dropped(|before, mark| {
        before.map(move |n| {
            let _held = &mark;
            n + 1
        })
    });
}

#[test]
fn of_closures() {
    written_and_dropped(|before, mark| {
        constant(0).bind("", move |_| {
            let _held = &mark;
            before.clone()
        })
    });
}

#[test]
fn of_contexts() {
    written_and_dropped(|before, mark| {
        let step = move |_: &usize| {
            let _held = &mark;
            0
        };
        within(&before, || constant(0).map(step))
    });
}

/// The contexts are written before, so each is kept by what stands in it alone, and none by another. The stack on which
/// they are put into each other holds a closure for each.
#[test]
fn of_contexts_in_contexts() {
    const DEPTH: usize = 10_000;
    fn nested(contexts: &[Current<usize>]) -> Current<usize> {
        match contexts.split_first() {
            Some((context, inner)) => within(context, || nested(inner)),
            None => constant(0),
        }
    }
    let mark = Arc::new(());
    let contexts: Vec<_> = std::iter::repeat_n(mark.clone(), DEPTH)
        .map(|mark| {
            constant(0).map(move |_| {
                let _held = &mark;
                0
            })
        })
        .collect();
    let deep = std::thread::Builder::new().stack_size(256 << 20).spawn(move || nested(&contexts));
    let written = deep.expect("because a thread can be made").join().expect("because it does not overflow");
    assert_eq!(Arc::strong_count(&mark), DEPTH + 1);
    let shallow = std::thread::Builder::new().stack_size(64 << 10).spawn(move || drop(written));
    shallow.expect("because a thread can be made").join().expect("because it does not overflow");
    assert_eq!(Arc::strong_count(&mark), 1, "what they held went with them");
}

#[test]
fn a_closure_that_panics_when_it_is_dropped_takes_nothing_with_it() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a closure's own");
            }
        }
    }
    let mark = Arc::new(());
    let step = |before: Current<usize>, held: Arc<()>| {
        constant(0).bind("", move |_| {
            let _held = &held;
            before.clone()
        })
    };
    let below = (0..10).fold(constant(0), |before, _| step(before, mark.clone()));
    let bomb = Bomb;
    let all = constant(0).bind("", move |_| {
        let _held = &bomb;
        below.clone()
    });
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(all)));
    assert!(dropped.is_err());
    assert_eq!(Arc::strong_count(&mark), 1);
    drop((0..10).fold(constant(0), |before, _| step(before, mark.clone())));
    assert_eq!(Arc::strong_count(&mark), 1, "and later drops are as before");
}
