//! Stories that are cut at each of their points, and still end as they do uncut.
//!
//! A *point* is before or after each step of the disk, and before or after each touch of the world. A *cell* is one
//! telling of a story: the program is killed at one point and started again until the story has come to its end, or the
//! disk is full at one step. Then the *end* is told in lines: what the targets hold, what the records say, what work printed
//! into its logs. It must be that of the uncut story.
#![allow(clippy::print_stdout, reason = "scripts/crash-matrix shows the cells")]

use std::fs::{self, File};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ci_core::job::LogReader;
use ci_core::store::{JobFilter, JobRecord, OpenError, Options};
use ci_core::{Engine, FailureKind};
use futures::FutureExt as _;
use futures::future::join_all;

use self::disk::Mortal;
use self::stories::Story;
use self::targets::Targets;
use crate::support::{Ci, PATIENCE, World};

mod disk;
mod operations;
pub(crate) mod stories;
mod targets;

/// How many cells are under way at a time.
const AT_ONCE: u32 = 8;
/// Set to `full`: for each point each point of what follows is cut, too, and every cell is told.
const MATRIX: &str = "CRASH_MATRIX";

/// How the line ends that tells of attempts whose place others took.
const NOTHING: &str = "attempts came to nothing";

/// Where a story is cut.
#[derive(Clone, Debug, Default)]
struct Cut {
    /// The program is killed at this point, then at each of these of what follows.
    kills: Vec<u32>,
    /// The head moves on while it is down.
    moves_on: bool,
    /// The steps of the disk that find it full.
    full: Range<u32>,
}

/// A story, told to its end.
struct Told {
    /// In lines, or why there is none.
    end: Result<Vec<String>, String>,
    /// The points at which the program was killed, or where the disk was full.
    at: Vec<String>,
}

/// Kills the program at each point of a story, which ends as `expected` each time.
pub(crate) async fn killed_at_each_point(story: Story, expected: &[&str]) {
    is_uncut(story, expected).await;
    let once = |point| Cut { kills: vec![point], ..Cut::default() };
    let points = matrix(story, "killed", &is_same(expected), 1, once).await;
    assert!(10 < points, "{}: there are points: {points}", story.name);
    let mut again = 0;
    for first in 0..if is_full() { points } else { 0 } {
        let twice = |second| Cut { kills: vec![first, second], ..Cut::default() };
        again += matrix(story, "killed again", &is_same(expected), 2, twice).await;
    }
    println!("{}: killed at {points} points, and again at {again} of what followed", story.name);
}

/// Kills the program at each point, and twice while it recovers.
pub(crate) async fn killed_while_it_recovers(story: Story, expected: &[&str]) {
    let thrice = |point| Cut { kills: vec![point, point % 11, point % 3], ..Cut::default() };
    matrix(story, "killed thrice", &is_same(expected), 1, thrice).await;
}

/// Kills the program at each point of what it does for the first head; when it is started again the head is at the second.
/// What was for the first may be missing, and all else must be as it would be.
pub(crate) async fn moved_on_after_each_point(story: Story, expected: &[&str]) {
    let newer = |line: &str| line.replace("site:live@<image.1>, then ", "").replace("<image.1>, then ", "");
    let expected: Vec<_> = expected.iter().map(|line| newer(line)).collect();
    let older_may_be_missing = |end: &[String]| {
        let end: Vec<_> =
            end.iter().map(|line| newer(line)).filter(|line| !line.ends_with(NOTHING)).collect();
        let expected = expected.iter().filter(|line| !line.contains(".1") || end.contains(line));
        differences(&expected.map(String::as_str).collect::<Vec<_>>(), &end)
    };
    let cut = |point| Cut { kills: vec![point], moves_on: true, ..Cut::default() };
    matrix(story, "moved on", &older_may_be_missing, 1, cut).await;
}

/// Lets the disk be full at each step of a story that needs space. Work that can't be noted is removed, and begun again.
pub(crate) async fn full_at_each_step(story: Story, expected: &[&str]) {
    is_uncut(story, expected).await;
    let is_no_count = |line: &&str| !line.starts_with(targets::BEGUN);
    let expected: Vec<_> = expected.iter().copied().filter(is_no_count).collect();
    let is_same = |end: &[String]| {
        let end: Vec<_> = end.iter().filter(|line| is_no_count(&line.as_str())).cloned().collect();
        differences(&expected, &end)
    };
    for length in 1..if is_full() { 4 } else { 2 } {
        let full = |step| Cut { full: step..step + length, ..Cut::default() };
        let steps = matrix(story, "full", &is_same, 1, full).await;
        assert!(5 < steps, "{}: there are steps: {steps}", story.name);
        println!("{}: the disk was full at each of {steps} steps, {length} at a time", story.name);
    }
}

fn is_full() -> bool {
    std::env::var(MATRIX).is_ok_and(|how| how == "full")
}

async fn is_uncut(story: Story, expected: &[&str]) {
    let Told { end, at } = tell(story, Cut::default()).await;
    assert_eq!((end.unwrap(), at), (expected.iter().map(ToString::to_string).collect(), vec![]));
}

/// Tells the story with the first cut, the second, and so on, as long as it is cut as often as that: `cuts` times or
/// more. Says how many were. `wrong_with` says what is wrong with an end.
async fn matrix(
    story: Story,
    how: &str,
    wrong_with: &dyn Fn(&[String]) -> Vec<String>,
    cuts: usize,
    cut: impl Fn(u32) -> Cut,
) -> u32 {
    let (mut wrong, mut count, mut is_over) = (Vec::new(), 0, false);
    while !is_over {
        let cells = (count..count + AT_ONCE).map(|number| tell(story, cut(number)));
        for told in join_all(cells).await {
            if is_over || told.at.len() < cuts {
                if let (false, Err(why)) = (is_over, told.end) {
                    wrong.push(format!("{} {how} uncut: {why}", story.name));
                }
                is_over = true;
                continue;
            }
            let at = told.at.join(", then ");
            let differs = told.end.map_or_else(|why| vec![why], |end| wrong_with(&end));
            if is_full() {
                let verdict = if differs.is_empty() { "same" } else { "DIFFERS" };
                println!("{:8} {how} {count:3}  {verdict}  {at}", story.name);
            }
            if !differs.is_empty() {
                wrong.push(format!("{} {how} at {count}: {at}\n    {}", story.name, differs.join("\n    ")));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {count} cells differ:\n{}", wrong.len(), wrong.join("\n"));
    count
}

fn is_same<'a>(expected: &'a [&str]) -> impl Fn(&[String]) -> Vec<String> + 'a {
    |end| differences(expected, end)
}

/// Lines that are only in one, however often they are in it.
fn differences(expected: &[&str], end: &[String]) -> Vec<String> {
    let mut more: Vec<_> = end.iter().map(String::as_str).collect();
    let mut wrong = Vec::new();
    for line in expected {
        match more.iter().position(|there| there == line) {
            Some(at) => _ = more.swap_remove(at),
            None => wrong.push(format!("missing: {line}")),
        }
    }
    wrong.extend(more.iter().map(|line| format!("instead: {line}")));
    wrong
}

/// Tells a story to its end, however often the program has to be started.
async fn tell(story: Story, cut: Cut) -> Told {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let disk = Arc::new(Mortal::new(&world, cut.full.clone()));
    let telling = tell_to_its_end(story, state.path(), &world, &disk, cut);
    let telling = AssertUnwindSafe(telling).catch_unwind();
    let end = match tokio::time::timeout(2 * PATIENCE, telling).await {
        Ok(Ok(end)) => Ok(end),
        Ok(Err(panic)) => Err(format!("panicked: {:?}", panic.downcast_ref::<String>())),
        Err(_) => Err("it never came to its end".to_owned()),
    };
    Told { end, at: disk.cuts() }
}

async fn tell_to_its_end(
    story: Story,
    state: &Path,
    world: &World,
    disk: &Arc<Mortal>,
    cut: Cut,
) -> Vec<String> {
    let targets = Targets::of(world);
    let mut kills = cut.kills.into_iter();
    let logs = Logs::frozen_at_the_crash_of(world, state);
    world.set("main", 1);
    loop {
        world.crash_at(kills.next());
        let ci = match start(story, state, world, disk, &targets) {
            Ok(ci) => ci,
            Err(error) => {
                // Whoever starts it starts it again.
                let before = disk.cuts().len();
                if world.has_crashed() {
                    disk.was_cut(world.died_at());
                }
                assert!(0 < before || world.has_crashed(), "{error}");
                // Lets its time run out.
                tokio::task::yield_now().await;
                continue;
            }
        };
        let is_told = tokio::select! {
            () = (story.tell)(&ci, world) => true,
            () = world.crash() => false,
        };
        if is_told {
            world.crash_at(None);
            let end = end(&ci, &targets, disk.cuts().len()).await;
            ci.stop().await;
            return end;
        }
        disk.was_cut(world.died_at());
        ci.stop().await;
        if cut.moves_on {
            world.set("main", 2);
        }
        // Whoever is killed says nothing more, and does not close the index.
        logs.restore();
        let _ = fs::remove_file(state.join("index.clean"));
    }
}

fn start(
    story: Story,
    state: &Path,
    world: &World,
    disk: &Arc<Mortal>,
    targets: &Targets,
) -> Result<Ci, OpenError> {
    let options =
        Options { disk: disk.clone(), segment_bytes_max: story.segment_bytes_max, ..Options::default() };
    let engine = Engine::open_with(state, options)?;
    let set = |engine: Engine| engine.with(targets.clone()).with(world.clock());
    Ok(Ci::of(engine, world, set, story.pipeline))
}

/// How long each log was at the moment of a crash.
struct Logs {
    jobs: PathBuf,
    frozen: Arc<Mutex<Vec<(PathBuf, u64)>>>,
}

impl Logs {
    fn frozen_at_the_crash_of(world: &World, state: &Path) -> Self {
        let logs = Self { jobs: state.join("jobs"), frozen: Arc::default() };
        let (jobs, frozen) = (logs.jobs.clone(), logs.frozen.clone());
        world.at_crash(move || *frozen.lock().unwrap() = lengths(&jobs));
        logs
    }

    fn restore(&self) {
        let frozen = std::mem::take(&mut *self.frozen.lock().unwrap());
        for (log, _) in lengths(&self.jobs) {
            let was = frozen.iter().find(|(path, _)| *path == log).map_or(0, |(_, len)| *len);
            File::options().write(true).open(log).unwrap().set_len(was).unwrap();
        }
    }
}

fn lengths(jobs: &Path) -> Vec<(PathBuf, u64)> {
    let entries =
        |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let logs = entries(jobs).flat_map(|day| entries(&day).collect::<Vec<_>>());
    logs.map(|log| (log.clone(), log.metadata().unwrap().len())).collect()
}

/// What the targets hold and what is on record, a line each.
async fn end(ci: &Ci, targets: &Targets, cuts: usize) -> Vec<String> {
    let store = ci.handle.store();
    let mut lines = targets.tell();
    // A change that had touched nothing when it was cut may end as superseded, and be made by another attempt.
    let jobs = store.jobs(&JobFilter::default(), 1000);
    let (nothing, mut jobs): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_superseded);
    if cuts < nothing.len() {
        lines.push(format!("{} {NOTHING}", nothing.len()));
    }
    jobs.sort_by(|one, other| one.intent.summary.cmp(&other.intent.summary));
    for job in jobs {
        let printed = operations::printed(LogReader::of_finished(store.log_path(&job.intent.job), 0)).await;
        let how = match job.outcome.map(|outcome| outcome.result) {
            None => "open".to_owned(),
            Some(Ok(value)) => format!("{value}"),
            Some(Err(failure)) => failure.to_string(),
        };
        let printed = if printed.is_empty() { printed } else { format!(", printed {printed}") };
        lines.push(format!("job {} {}: {how}{printed}", job.intent.op, job.intent.summary));
    }
    lines.extend(store.open_intents().into_iter().map(|open| format!("left open: {}", open.intent.summary)));
    lines.extend(store.damage().into_iter().map(|damage| format!("damaged: {}", damage.kind)));
    lines
}

fn is_superseded(job: &JobRecord) -> bool {
    let outcome = job.outcome.as_ref().map(|outcome| &outcome.result);
    matches!(outcome, Some(Err(failure)) if failure.kind == FailureKind::Superseded)
}
