//! A publisher that the machinery failed after it noted something may have changed the world. Whatever is published
//! next takes what it finds for the state to go back to: so first it must be known what that is.

use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::{Current, FailureKind, OpError};

use crate::support::{Answer, Ci, World, head, make, name, never_again, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

fn no_answer() -> OpError {
    OpError::infrastructure("no answer")
}

const PUT: &str = "put <image.1> in site";
const LOOK: &str = "look for <image.1> in site";

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_attempt_and_one_change() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer(PUT, Answer::WorkThenFail(no_answer()));
    world.answer(LOOK, Answer::Fail(no_answer()));
    world.answer(LOOK, Answer::Fail(OpError::transient("busy")));
    let mut ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(world.trace(), ["make image.1", PUT, LOOK, LOOK, LOOK]);
    assert_eq!(world.history("site"), ["<image.1>"]);
    assert_eq!(
        ci.story().split_off(5),
        [
            "site := <image.1>: runs",
            // That it is looked for, and fails as before, is no news.
            "site := <image.1>: infrastructure, once more",
            "site := <image.1>: transient, once more",
            "site := <image.1>: ok",
        ]
    );
    assert_eq!(ci.handle.store().jobs(&Default::default(), 10).len(), 2);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_value_waits_for_it() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer(PUT, Answer::WorkThenFail(no_answer()));
    world.answer(LOOK, Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held(LOOK).await;
    world.set("main", 2);
    ci.ok("image.2").await;
    world.let_go(LOOK);
    ci.ok("site := <image.1>").await;
    ci.ok("site := <image.2>").await;
    ci.done().await;
    assert_eq!(world.trace(), ["make image.1", PUT, LOOK, "make image.2", "put <image.2> in site"]);
    assert_eq!(ci.handle.store().open_intents(), []);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_so_do_those_between_which_never_come() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put 1 in site", Answer::WorkThenFail(no_answer()));
    world.answer("look for 1 in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, || all([put("site", &name(&head("main"))).ignore()]));
    world.is_held("look for 1 in site").await;
    for value in [2, 3] {
        let step = ci.handle.status().borrow().step;
        world.set("main", value);
        ci.until(|status| status.step > step).await;
    }
    world.let_go("look for 1 in site");
    ci.ok("site := 3").await;
    ci.done().await;
    assert_eq!(world.trace(), ["put 1 in site", "look for 1 in site", "put 3 in site"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_too() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer(PUT, Answer::WorkThenFail(no_answer()));
    let mut ci = Ci::with(state.path(), &world, |engine| engine.paced(never_again()), pipeline);
    ci.fails("site := <image.1>", FailureKind::Infrastructure).await;
    assert_eq!(ci.node("put in site").await.state.to_string(), "retrying");
    ci.stop().await;
    world.set("main", 2);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    // It is looked for at once, beside what is made meanwhile.
    let trace: Vec<_> = world.trace().into_iter().filter(|did| did != "make image.2").collect();
    assert_eq!(trace, ["make image.1", PUT, LOOK, "put <image.2> in site"]);
    assert_eq!(world.history("site"), ["<image.1>", "<image.2>"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turns_out_not_to_be_made_is_an_ordinary_failure() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    for _ in 0..ci_core::ATTEMPTS_MAX {
        world.answer(PUT, Answer::Fail(OpError::transient("busy")));
    }
    let ci = Ci::start(state.path(), &world, pipeline);
    assert_eq!(ci.failed().await, "busy");
    assert_eq!(world.history("site"), [""; 0]);
    let attempts: Vec<_> =
        ci.handle.store().jobs(&Default::default(), 10).into_iter().map(|job| job.intent.attempt).collect();
    assert_eq!(attempts.iter().max(), Some(&ci_core::ATTEMPTS_MAX));
    world.set("main", 2);
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_cancels_it_has_it_taken_back() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer(PUT, Answer::WorkThenFail(no_answer()));
    let mut ci = Ci::with(state.path(), &world, |engine| engine.paced(never_again()), pipeline);
    let job = ci.job("site := <image.1>", |phase| matches!(phase, Phase::Failed { .. })).await;
    ci.handle.cancel(job, "a test").await.unwrap();
    assert_eq!(ci.failed().await, "cancelled: by a test");
    assert_eq!(world.trace().last().unwrap(), "take <image.1> out of site");
    assert_eq!(world.history("site"), [""; 0]);
    assert_eq!(ci.handle.store().open_intents(), []);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_want_it() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer(PUT, Answer::WorkThenFail(no_answer()));
    world.answer(LOOK, Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held(LOOK).await;
    world.lose("main", FailureKind::Permanent, "gone");
    assert_eq!(ci.failed().await, "gone");
    world.let_go(LOOK);
    ci.ok("site := <image.1>").await;
    ci.stop().await;
}
