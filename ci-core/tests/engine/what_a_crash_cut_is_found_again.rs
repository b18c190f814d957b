use ci_core::current::all;
use ci_core::engine::JobView;
use ci_core::store::{JobFilter, JobRecord, JobState, Store};
use ci_core::{Current, FailureKind, Level, OpError};

use crate::support::{Answer, Ci, World, head, make, name, put, run};

fn pipeline() -> Current<()> {
    let image = make("image", &head("main"));
    all([run(&image).ignore(), put("site", &image).ignore()])
}

fn only_made() -> Current<()> {
    all([make("image", &head("main")).ignore()])
}

fn only_run() -> Current<()> {
    all([run(&make("image", &head("main"))).ignore()])
}

fn only_put() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore()])
}

/// An engine that is stopped while all that `what` names is under way.
async fn cut(state: &std::path::Path, world: &World, pipeline: fn() -> Current<()>, what: &[&str]) {
    world.set("main", 1);
    for what in what {
        world.answer(what, Answer::WorkThenHang);
    }
    let ci = Ci::start(state, world, pipeline);
    for what in what {
        world.is_held(what).await;
    }
    ci.stop().await;
    world.trace();
}

#[tokio::test(flavor = "multi_thread")]
async fn and_followed_to_its_end() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    cut(state.path(), &world, pipeline, &["run <image.1>", "put <image.1> in site"]).await;
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    let mut trace = world.trace();
    trace.sort();
    assert_eq!(trace, ["look for <image.1> in site", "look for the run of <image.1>"]);
    assert_eq!((world.history("site").len(), world.containers()), (1, 0));
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_machinery_that_needs_time_to_come_up() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    cut(state.path(), &world, only_run, &["run <image.1>"]).await;
    for _ in 0..10 {
        let down = OpError::infrastructure("no engine");
        world.answer("look for the run of <image.1>", Answer::Fail(down));
    }
    let ci = Ci::start(state.path(), &world, only_run);
    ci.done().await;
    assert!(!world.trace().contains(&"run <image.1>".to_owned()), "it does not run twice");
    assert_eq!(world.containers(), 0);
    let jobs = ci.handle.store().jobs(&Default::default(), 10);
    assert!(jobs.iter().all(|job| job.intent.attempt == 1));
    // How much of its output was read is how long its log is.
    for job in jobs {
        let log = std::fs::read_to_string(ci.handle.store().log_path(&job.intent.job)).unwrap();
        assert!(!log.contains("no engine"), "{log}");
    }
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_removed_when_nobody_wants_it() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    cut(state.path(), &world, only_run, &["run <image.1>"]).await;
    world.set("main", 2);
    let mut ci = Ci::start(state.path(), &world, only_run);
    ci.fails("<image.1>", FailureKind::Superseded).await;
    assert_eq!((world.containers(), ci.handle.store().open_intents()), (0, vec![]));
    assert!(world.trace().contains(&"end the run of <image.1>".to_owned()));
    ci.stop().await;
}

/// It may still be wanted by what comes after.
#[tokio::test(flavor = "multi_thread")]
async fn but_not_removed_while_it_is_not_known_what_is_wanted() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    cut(state.path(), &world, only_run, &["run <image.1>"]).await;
    // The image has to be made again before anybody knows that it is the same, and the head is not known at first.
    world.prune("image.1");
    world.answer("make image.1", Answer::Hold);
    world.lose("main", FailureKind::Transient, "the network is down");
    let ci = Ci::start(state.path(), &world, only_run);
    assert_eq!(ci.failed().await, "the network is down");
    assert_eq!(world.containers(), 1);
    world.set("main", 1);
    world.is_held("make image.1").await;
    assert_eq!(world.containers(), 1);
    world.let_go("make image.1");
    ci.done().await;
    let mut trace = world.trace();
    trace.sort();
    assert_eq!(trace, ["look for the run of <image.1>", "make image.1"]);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_wants_any_more_is_brought_to_its_end() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    cut(state.path(), &world, only_put, &["put <image.1> in site"]).await;
    let mut ci = Ci::start(state.path(), &world, || {
        // The operation is still known, but it is about another place.
        all([only_made(), put("other", &make("image", &head("main"))).ignore()])
    });
    ci.ok("site := <image.1>").await;
    ci.done().await;
    assert_eq!(world.history("site"), ["<image.1>"]);
    assert_eq!(ci.handle.store().open_intents(), []);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_nothing_asks_before_it_runs_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let ci = Ci::start(state.path(), &world, only_made);
    world.is_held("make image.1").await;
    ci.stop().await;
    let mut ci = Ci::guarded(state.path(), &world, Level::Average, only_made);
    let job = ci.waits("image.1").await;
    assert_eq!(world.trace(), ["make image.1", "look for image.1"]);
    ci.handle.approve(job.clone(), "ada").await.unwrap();
    assert_eq!(ci.ok("image.1").await, job, "it is the same job");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_what_was_there_before_is_published_again_if_it_is_wanted_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let pipeline = || all([put("site", &name(&head("main"))).ignore()]);
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    ci.ok("site := 1").await;
    world.answer("put 2 in site", Answer::WorkThenHang);
    world.set("main", 2);
    world.is_held("put 2 in site").await;
    ci.stop().await;
    world.set("main", 1);
    let ci = Ci::start(state.path(), &world, pipeline);
    ci.done().await;
    assert_eq!(world.history("site"), ["1", "2", "1"], "what is on record is not what is there");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_log_so_far() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let ci = Ci::start(state.path(), &world, only_made);
    world.is_held("make image.1").await;
    ci.stop().await;

    let store = Store::open(state.path()).unwrap();
    let cut = store.jobs(&JobFilter { state: Some(JobState::Open), ..JobFilter::default() }, 10);
    let [cut] = <[JobRecord; 1]>::try_from(cut).unwrap();
    let (id, log) = (cut.intent.job.clone(), store.log_path(&cut.intent.job));
    let view = JobView::from(cut);
    assert_eq!((view.state.as_str(), view.over), ("cut by a restart", false));
    let so_far = std::fs::read_to_string(&log).unwrap();
    assert!(so_far.contains("making image.1"), "{so_far}");
    drop(store);

    let mut ci = Ci::start(state.path(), &world, only_made);
    assert_eq!(ci.ok("image.1").await, id);
    ci.done().await;
    ci.stop().await;
    let whole = std::fs::read_to_string(&log).unwrap();
    let since = whole.strip_prefix(&so_far).expect("what was there stays");
    assert!(since.contains("The deployer was restarted, and nothing was left of this"), "{since}");
    assert_eq!(whole.matches("making image.1").count(), 2, "{whole}");
}
