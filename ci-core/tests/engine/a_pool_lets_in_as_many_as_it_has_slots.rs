use std::path::Path;
use std::sync::Arc;

use ci_core::current::all;
use ci_core::event::{Phase, What};
use ci_core::pool::{Ask, Resource};
use ci_core::{Current, Pool};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, watch};

use crate::support::{Answer, Ci, World, head, make};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn pipeline() -> Current<()> {
    all(NAMES.map(|name| make(name, &head("main")).ignore()))
}

fn hold_all(world: &World) {
    world.set("main", 1);
    for name in NAMES {
        world.answer(&format!("make {name}.1"), Answer::Hold);
    }
}

async fn runs(ci: &mut Ci) {
    ci.event(|event| matches!(event, What::Job { phase: Phase::Running, .. }).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_goes_in_when_one_comes_out() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 2));
    hold_all(&world);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    for _ in 2..NAMES.len() {
        let wait = |event: &What| matches!(event, What::Job { phase: Phase::WaitingForSlot { .. }, .. });
        ci.event(|event| wait(event).then_some(())).await;
    }
    for _ in NAMES {
        let held = world.something_is_held().await;
        assert!(world.held().len() <= 2);
        world.let_go(&held);
    }
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_again_after_a_restart_waits_for_its_slot() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 5));
    hold_all(&world);
    let mut ci = Ci::start(state.path(), &world, pipeline);
    for _ in NAMES {
        runs(&mut ci).await;
    }
    ci.stop().await;
    world.make_in(Pool::new("builds", 1));
    hold_all(&world);
    let ci = Ci::start(state.path(), &world, pipeline);
    for _ in NAMES {
        let held = world.something_is_held().await;
        assert!(world.held().len() <= 1);
        world.let_go(&held);
    }
    ci.done().await;
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_waits_for_one_job_of_each_other_however_many_those_have() {
    const MANY: usize = 200;
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.make_in(Pool::new("builds", 1));
    world.set("main", 1);
    let many: Vec<&'static str> = (0..MANY).map(|n| &*format!("many:{n}").leak()).collect();
    for name in many.iter().chain(&["few:0"]) {
        world.answer(&format!("make {name}.1"), Answer::Hold);
    }
    let mut ci = Ci::start(state.path(), &world, || {
        let many = many.into_iter().map(|name| make(name, &head("main")).ignore());
        all(many.chain([make("few:0", &head("other")).ignore()]))
    });
    for _ in 1..MANY {
        let wait = |event: &What| matches!(event, What::Job { phase: Phase::WaitingForSlot { .. }, .. });
        ci.event(|event| wait(event).then_some(())).await;
    }
    assert!(open_logs(state.path()) <= 1, "a job that waits has no open file");
    world.set("other", 1);
    ci.job("few:0.1", |phase| matches!(phase, Phase::WaitingForSlot { .. })).await;
    let mut order = Vec::new();
    while !order.iter().any(|held: &String| held.starts_with("make few")) {
        let held = world.something_is_held().await;
        world.let_go(&held);
        order.push(held);
    }
    assert!(order.len() <= 3, "the one that ran, one of the many, and this: {order:?}");
    ci.stop().await;
}

/// How many files of jobs' logs this process has open.
fn open_logs(state: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fd.ok()?.path().read_link().ok());
    open.filter(|path| path.starts_with(state) && path.extension().is_some_and(|ext| ext == "log")).count()
}

/// What there is a number of, besides slots.
struct Hosts(Arc<Semaphore>);

impl Resource for Hosts {
    fn name(&self) -> &str {
        "hosts"
    }

    fn acquire<'a>(
        &'a self,
        _: &'a Ask,
        waits: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Box<dyn Send + Sync>> {
        async move {
            if self.0.available_permits() == 0 {
                waits("0 of 1".to_owned());
            }
            Box::new(self.0.clone().acquire_owned().await.unwrap()) as Box<dyn Send + Sync>
        }
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_needed_besides_a_slot_is_waited_for_and_told() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let hosts = Arc::new(Semaphore::new(0));
    world.make_in(Pool::needing("builds", 2, vec![Arc::new(Hosts(hosts.clone()))]));
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, || make("image", &head("main")).ignore());
    let job = ci
        .event(|event| match event {
            What::Job { job, phase: Phase::WaitingForResource { lacks }, .. } if lacks == "hosts: 0 of 1" => {
                Some(job.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!(ci.handle.jobs(1).await[0].state, "waiting for hosts: 0 of 1");
    hosts.add_permits(1);
    ci.done().await;
    let log = std::fs::read_to_string(ci.handle.store().log_path(&job)).unwrap();
    assert!(log.contains("Waiting for hosts: 0 of 1"), "{log}");
    assert_eq!(hosts.available_permits(), 1, "given back when the job ended");
    ci.stop().await;
}

/// What there is more and more of, until there is enough.
struct Space(watch::Receiver<u32>);

impl Space {
    const ENOUGH: u32 = 10;
}

impl Resource for Space {
    fn name(&self) -> &str {
        "space"
    }

    fn acquire<'a>(
        &'a self,
        _: &'a Ask,
        waits: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Box<dyn Send + Sync>> {
        let mut free = self.0.clone();
        async move {
            let is_enough = |free: &u32| {
                waits(format!("{free} of {}", Self::ENOUGH));
                *free == Self::ENOUGH
            };
            free.wait_for(is_enough).await.unwrap();
            Box::new(()) as Box<dyn Send + Sync>
        }
        .boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_much_there_is_of_it_is_told_as_it_changes_and_logged_once() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let (free, seen) = watch::channel(0);
    world.make_in(Pool::needing("builds", 2, vec![Arc::new(Space(seen))]));
    world.set("main", 1);
    let mut ci = Ci::start(state.path(), &world, || make("image", &head("main")).ignore());
    let mut job = None;
    for now in [0, 3, 5] {
        free.send_replace(now);
        let told = format!("space: {now} of 10");
        let is_told = |phase: &Phase| matches!(phase, Phase::WaitingForResource { lacks } if *lacks == told);
        job = Some(ci.job("image.1", is_told).await);
    }
    free.send_replace(Space::ENOUGH);
    ci.done().await;
    let log = std::fs::read_to_string(ci.handle.store().log_path(&job.unwrap())).unwrap();
    assert_eq!(log.matches("Waiting for").count(), 1, "{log}");
    ci.stop().await;
}
