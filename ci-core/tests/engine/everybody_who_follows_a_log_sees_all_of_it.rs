use ci_core::current::all;
use ci_core::event::Phase;
use ci_core::job::{Log, LogReader};
use tokio::time::timeout;

use crate::support::{Answer, Ci, PATIENCE, World, head, make};

async fn rest(mut reader: LogReader) -> Vec<u8> {
    let mut seen = Vec::new();
    while let Some(chunk) = timeout(PATIENCE, reader.next()).await.expect("it goes on, or ends").unwrap() {
        seen.extend(chunk);
    }
    seen
}

fn chunk(number: usize) -> Vec<u8> {
    format!("{number} {}\n", "x".repeat(number * 37 % 5000)).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_gap_or_repeat_from_any_offset() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::append_to(folder.path().join("day/log"));
    let all: Vec<u8> = (0..500).flat_map(chunk).collect();
    let offsets = [0, 1, 70_000, all.len() as u64, all.len() as u64 + 10];
    let readers: Vec<_> = offsets.iter().map(|offset| tokio::spawn(rest(log.follow(*offset)))).collect();
    let mut slow = log.follow(0);
    let first = {
        log.write(&chunk(0));
        slow.next().await.unwrap().unwrap()
    };
    for number in 1..500 {
        log.write(&chunk(number)); // though one of the readers does not read
        if number % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let late = log.follow(0);
    log.finish();
    for (reader, offset) in readers.into_iter().zip(offsets) {
        assert!(reader.await.unwrap() == all[(offset as usize).min(all.len())..], "from {offset} on");
    }
    assert!(rest(late).await == all);
    assert!([first, rest(slow).await].concat() == all);
    assert!(rest(LogReader::of_finished(log.path(), 0)).await == all);
}

/// Some hundreds of people look at one job, and it writes much at once.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_at_a_time_and_the_job_waits_for_none() {
    const FOLLOWERS: usize = 300;
    let folder = tempfile::tempdir().unwrap();
    let log = Log::append_to(folder.path().join("log"));
    let mut idle: Vec<_> = (0..FOLLOWERS).map(|_| log.follow(0)).collect();
    let followers: Vec<_> = (0..FOLLOWERS).map(|_| tokio::spawn(rest(log.follow(0)))).collect();
    let all: Vec<u8> = (0..200).flat_map(chunk).collect();
    // Not once does it give way: whoever waited for a reader here would wait for ever.
    let writer = log.clone();
    let written = tokio::task::spawn_blocking(move || (0..200).for_each(|n| writer.write(&chunk(n))));
    written.await.unwrap();
    assert_eq!(
        std::fs::metadata(log.path()).unwrap().len(),
        all.len() as u64,
        "before anybody has to have read it"
    );
    log.finish();
    for follower in followers {
        assert!(follower.await.unwrap() == all);
    }
    // Who did not read a byte so far has missed nothing.
    assert!(rest(idle.pop().unwrap()).await == all);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_that_is_too_long_the_head_and_the_end_and_how_much_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::append_to(folder.path().join("log"));
    let block = vec![b'x'; 1 << 20];
    for _ in 0..70 {
        log.write(&block);
    }
    let cut = "\n[from here on only the end is kept, and shown when the job is over]\n";
    let full = std::fs::metadata(log.path()).unwrap().len();
    assert_eq!(full, Log::BYTES_MAX + cut.len() as u64, "who follows sees at once why nothing more comes");
    log.write(b"\n");
    log.line("Failed: the last word");
    log.finish();
    let seen = rest(log.follow(0)).await;
    let end = String::from_utf8_lossy(&seen[Log::BYTES_MAX as usize..]).into_owned();
    let (gap, kept) = end.strip_prefix(cut).unwrap().split_once(" bytes are left out here]\n").unwrap();
    let said: u64 = gap.strip_prefix("\n[").unwrap().parse().unwrap();
    assert!(kept.ends_with("Failed: the last word\n"), "{}", &kept[kept.len() - 100..]);
    assert_eq!(kept.len(), Log::END_BYTES_MAX);
    let line = kept.len() - kept.find('\n').unwrap() - 1;
    assert_eq!(Log::BYTES_MAX + said + kept.len() as u64, (70 << 20) + 1 + line as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_job_runs_and_after() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let mut ci = Ci::start(state.path(), &world, || all([make("image", &head("main")).ignore()]));
    let job = ci.job("image.1", |phase| *phase == Phase::Running).await;
    world.is_held("make image.1").await;
    let mut reader = ci.handle.follow(job.clone(), 0).await.unwrap();
    let first = reader.next().await.unwrap().unwrap();
    ci.handle.cancel(job.clone(), "ada").await.unwrap();
    let seen = String::from_utf8([first, rest(reader).await].concat()).unwrap();
    let lines: Vec<_> = seen.lines().map(|line| line.split_once("UTC  ").unwrap().1).collect();
    assert_eq!(lines, ["make: image.1", "making image.1", "Failed (cancelled): cancelled: by ada"]);
    ci.failed().await;
    assert_eq!(rest(ci.handle.follow(job.clone(), 0).await.unwrap()).await, seen.as_bytes());
    ci.stop().await;
    let ci = Ci::start(state.path(), &world, || all([make("image", &head("main")).ignore()]));
    assert_eq!(rest(ci.handle.follow(job, 10).await.unwrap()).await, &seen.as_bytes()[10..]);
    assert!(ci.handle.follow("2026-11-20/124301-make-0a2b3c".parse().unwrap(), 0).await.is_none());
    ci.stop().await;
}
