//! Instructions, where valgrind is there: the difference between two runs of different length in processes of their
//! own. Other work on the machine does not move them.

use std::process::{Command, Stdio};
use std::thread;

use crate::engines::{ALL, Engine, WHOLE};
use crate::score::Score;
use crate::shape::{FULL, Sizes};
use crate::work::Workload;

/// What the child is asked for. With it go the work's place in `WORKS`, the engine's name, and how many changes.
pub const COUNT: &str = "count";

/// What is counted. The last is what a whole engine's step costs before it does anything.
const WORKS: [Workload; 5] =
    [Workload::Chain, Workload::Many, Workload::Repos, Workload::Vain, Workload::Wake];

/// How long the changes that are counted would take without valgrind, seconds.
const COUNTED: f64 = 0.02;
/// However short they are.
const CHANGES_MAX: u64 = 2000;
/// However long.
const CHANGES_MIN: u64 = 2;

pub(super) fn measure(score: &mut Score, _: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    if !Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success()) {
        return;
    }
    for (at, workload) in WORKS.into_iter().enumerate().filter(|(_, workload)| wanted(workload.name())) {
        for engine in ALL {
            let seconds = score.of(workload.name(), engine.name).seconds;
            let seconds =
                seconds.or((workload == Workload::Wake && engine.name == WHOLE.name).then_some(1e-5));
            let Some(seconds) = seconds else { continue };
            let changes = ((COUNTED / seconds) as u64).clamp(CHANGES_MIN, CHANGES_MAX);
            let run = |changes| move || instructions(at, engine, changes);
            let (short, long) = thread::scope(|scope| {
                let short = scope.spawn(run(changes));
                let long = run(2 * changes)();
                (short.join().expect("because its panics are ours"), long)
            });
            score.line(workload.name(), engine.name).instructions = Some((long - short) / changes as f64);
        }
    }
}

/// All the instructions of a process that makes so many changes.
fn instructions(work: usize, engine: Engine, changes: u64) -> f64 {
    let valgrind = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("because it runs"))
        .args([COUNT, &work.to_string(), engine.name, &changes.to_string()])
        .output()
        .expect("because it was there a moment ago");
    let told = String::from_utf8_lossy(&valgrind.stderr).into_owned();
    assert!(valgrind.status.success(), "{told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.unwrap_or_else(|| panic!("no count in {told}"))
}

/// What the child does.
///
/// # Panics
///
/// If there is no such work, or the engine has no form of it.
pub fn count(work: usize, engine: &str, changes: u64) {
    let engine = ALL.iter().find(|known| known.name == engine).expect("because the parent names one");
    let mut ready = (engine.ready)(WORKS[work], &FULL).expect("because the parent has measured it");
    ready.run(changes);
    // Its end is no part of what is counted, and long.
    std::process::exit(0);
}
