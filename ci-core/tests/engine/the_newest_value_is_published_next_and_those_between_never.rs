use std::sync::{Arc, Mutex};

use ci_core::current::all;
use ci_core::event::What;
use ci_core::{Current, OpError, testing};

use crate::support::{Answer, Ci, World, head, make, name, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_b_c_publishes_a_and_c() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put <image.1> in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("put <image.1> in site").await;
    for head in [2, 3, 4] {
        world.set("main", head);
        ci.ok(&format!("image.{head}")).await;
    }
    assert_eq!(world.history("site"), [""; 0], "one at a time");
    world.let_go("put <image.1> in site");
    ci.ok("site := <image.4>").await;
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>", "<image.4>"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_b_a_publishes_a_once() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put <image.1> in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    world.is_held("put <image.1> in site").await;
    world.set("main", 2);
    ci.ok("image.2").await;
    world.set("main", 1);
    ci.event(|event| matches!(event, What::Reused { summary, .. } if summary == "image.1").then_some(()))
        .await;
    world.let_go("put <image.1> in site");
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    ci.stop().await;
}

#[test]
fn what_an_older_one_fails_with_is_told_to_nobody() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = told.clone();
    let mut t = testing::drive_with(
        |engine| engine.with(World::default()),
        move || {
            let put = put("site", &name(&head("main")));
            let note = put.state().map(move |state| match state {
                Ok(found) => noted.lock().unwrap().push(found.clone()),
                Err(why) => noted.lock().unwrap().push(why.to_string()),
            });
            all([put.ignore(), note])
        },
    );
    t.reads("main", 1u32);
    t.reads("main", 2u32);
    t.reads("main", 3u32);
    t.fails("put into site (1)", OpError::permanent("1 is broken"));
    assert_eq!(t.asked(), ["put into site (3)"]);
    t.completes("put into site (3)", "site holds 3");
    assert_eq!(t.outcome(), "ok");
    let mut told = told.lock().unwrap();
    told.dedup();
    let of_1_and_3 = [["running", "queued"], ["running", "queued"], ["running", "site holds 3"]];
    assert_eq!(*told, of_1_and_3.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_did_is_done_whoever_cancelled_it() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("put <image.1> in site", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    let job = ci.job("site := <image.1>", |phase| *phase == ci_core::event::Phase::Running).await;
    world.is_held("put <image.1> in site").await;
    ci.handle.cancel(job, "a test").await.unwrap();
    world.let_go("put <image.1> in site");
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    ci.stop().await;
}
