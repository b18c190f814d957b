//! A head that moves once; of each of its values something is made, put into a place, and run. The program dies at each
//! step in turn: before and after each write to the journal, and around each touch of the world. Started again, it
//! brings about what it would have brought about without: each effect once, in order, each attempt with its outcome.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ci_core::current::all;
use ci_core::store::{Disk, JobRecord, Options};
use ci_core::{Current, Engine, FailureKind};

use crate::support::{Ci, World, head, make, put, run};

fn pipeline() -> Current<()> {
    let image = make("image", &head("main"));
    all([put("site", &image).ignore(), run(&image).ignore()])
}

/// A disk that ends with the program. A write is two steps: the crash comes before it, or after it and before anybody
/// is told.
struct Mortal(World);

impl Disk for Mortal {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        let dead = || io::Error::other("the program is dead");
        if self.0.is_crashed() {
            return Err(dead());
        }
        let written = file.write_at(bytes, offset)?;
        if self.0.is_crashed() { Err(dead()) } else { Ok(written) }
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        Ok(()) // it is the program that dies, not the machine
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        if self.0.has_crashed() {
            return Err(io::Error::other("the program is dead"));
        }
        file.set_len(len)
    }
}

fn start(state: &Path, world: &World) -> Ci {
    let options = Options { disk: Arc::new(Mortal(world.clone())), ..Options::default() };
    Ci::of(Engine::open_with(state, options).unwrap(), world, |engine| engine, pipeline)
}

/// What somebody else does to the world: moves the head when the first value has arrived.
async fn story(ci: &Ci, world: &World, last: u32) {
    let arrived = |value: u32| world.history("site").last() == Some(&format!("<image.{value}>"));
    if world.get("main") != Some(last) {
        ci.until(|status| status.outcome.is_ok() && arrived(1)).await;
        world.set("main", last);
    }
    ci.until(|status| status.outcome.is_ok() && arrived(last)).await;
}

/// Runs the story, starting the program again after each crash. The first is at step `cut`, each that `again` names at
/// that step of what follows. Tells how often it crashed.
async fn survive(state: &Path, world: &World, cut: u32, again: &[u32]) -> (Ci, usize) {
    let mut cuts = std::iter::once(cut).chain(again.iter().copied());
    let mut crashes = 0;
    loop {
        world.crash_at(cuts.next());
        let ci = start(state, world);
        let told = tokio::select! {
            () = story(&ci, world, 2) => true,
            () = world.crash() => false,
        };
        if told {
            world.crash_at(None);
            return (ci, crashes);
        }
        crashes += 1;
        ci.stop().await;
    }
}

/// Nothing is left of what was begun.
fn is_settled(ci: &Ci, world: &World) {
    let store = ci.handle.store();
    assert_eq!(store.open_intents(), []);
    assert_eq!(world.containers(), 0);
    assert_eq!(store.damage(), []);
    assert!(store.jobs(&Default::default(), 100).iter().all(|job| job.outcome.is_some()));
}

fn is_superseded(job: &JobRecord) -> bool {
    let outcome = job.outcome.as_ref().map(|outcome| &outcome.result);
    matches!(outcome, Some(Err(failure)) if failure.kind == FailureKind::Superseded)
}

fn effects(world: &World) -> Vec<String> {
    let mut did: Vec<_> = world.trace().into_iter().filter(|did| !did.starts_with("look")).collect();
    did.sort();
    did
}

/// The end of a story is the same as that of the one that was not cut.
async fn each_effect_once(again: impl Fn(u32) -> Vec<u32>) {
    for cut in 0.. {
        let (state, world) = (tempfile::tempdir().unwrap(), World::default());
        world.set("main", 1);
        let (ci, crashes) = survive(state.path(), &world, cut, &again(cut)).await;
        is_settled(&ci, &world);
        assert_eq!(world.history("site"), ["<image.1>", "<image.2>"], "cut at step {cut}");
        let jobs = ci.handle.store().jobs(&Default::default(), 100);
        // A change that had touched nothing when it was cut may end as superseded, and be made by another attempt.
        let (nothing, jobs): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_superseded);
        assert!(nothing.len() <= crashes, "{nothing:#?}");
        let is_ok = |job: &JobRecord| job.outcome.as_ref().is_some_and(|outcome| outcome.result.is_ok());
        assert!(jobs.len() == 6 && jobs.iter().all(is_ok), "what was begun is gone on with: {jobs:#?}");
        let once = ["make image.N", "put <image.N> in site", "run <image.N>"];
        let once = once.map(|did| [did.replace('N', "1"), did.replace('N', "2")]);
        assert_eq!(effects(&world), once.concat());
        ci.stop().await;
        if crashes == 0 {
            assert!(cut > 25, "there are many steps, and each was the last once: {cut}");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_each_effect_once() {
    each_effect_once(|_| Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn also_when_it_crashes_while_it_recovers() {
    each_effect_once(|cut| vec![cut % 11, cut % 3]).await;
}

/// What it was about is no longer wanted when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn and_nothing_older_after_anything_newer() {
    for cut in 0.. {
        let (state, world) = (tempfile::tempdir().unwrap(), World::default());
        world.set("main", 1);
        world.crash_at(Some(cut));
        let ci = start(state.path(), &world);
        let told = tokio::select! {
            () = ci.done() => true,
            () = world.crash() => false,
        };
        ci.stop().await;
        world.crash_at(None);
        world.set("main", 2);
        let ci = start(state.path(), &world);
        ci.until(|status| status.outcome.is_ok() && ci.handle.store().open_intents().is_empty()).await;
        is_settled(&ci, &world);
        let history = world.history("site");
        assert!(history == ["<image.1>", "<image.2>"] || history == ["<image.2>"], "{history:?}");
        let mut did = effects(&world);
        let all = did.len();
        did.dedup();
        assert_eq!(did.len(), all, "nothing twice: {did:?}");
        ci.stop().await;
        if told {
            assert!(cut > 12, "there are many steps, and each was the last once: {cut}");
            return;
        }
    }
}
