//! The API gives a log from wherever somebody wants it, and says where that is; the page leads to a line or a time.

use axum::http::StatusCode;
use ci_core::event::Phase;
use ci_core::job::Log;

use crate::support::{Answer, Ci, World};

/// Lines of eight bytes.
fn numbered(lines: std::ops::Range<u32>) -> String {
    lines.map(|n| format!("{n:07}\n")).collect()
}

fn at(answer: &Answer) -> (u64, u64) {
    let number = |name| answer.header(name).parse().expect("it is a number");
    (number("x-log-from"), number("x-log-line"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_from_any_line_time_or_offset() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    let id = ci.job("build", |phase| *phase == Phase::Running).await;
    let job = world.job("one").await;
    let before = std::fs::read_to_string(job.log().path()).unwrap();
    let first = before.lines().count() as u64 + 1;
    job.write(numbered(0..50_000).as_bytes());
    job.write(numbered(50_000..100_000).as_bytes());
    let api = format!("/api/v1/jobs/{id}/log");
    let get = async |asked: &str| {
        let answer = ci.get(&format!("{api}?{asked}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{asked}: {}", answer.text);
        assert_eq!(answer.header("x-log-bytes"), (before.len() + 800_000).to_string());
        answer
    };
    assert_eq!(get("").await.text, before.clone() + &numbered(0..100_000));
    // By line and by offset; who goes on where it ended misses nothing.
    let part = get(&format!("line={}&bytes=80", first + 50_000)).await;
    assert_eq!(part.text, numbered(50_000..50_010));
    assert_eq!(at(&part), (before.len() as u64 + 400_000, first + 50_000));
    let next = get(&format!("from={}&bytes=16", at(&part).0 + 80)).await;
    assert_eq!((next.text.clone(), at(&next).1), (numbered(50_010..50_012), first + 50_010));
    // The tail begins with a whole line.
    let tail = get("tail=20").await;
    assert_eq!((tail.text.clone(), at(&tail).1), (numbered(99_998..100_000), first + 99_998));
    assert_eq!(get("tail=5").await.text, "", "the last line is longer, and ended");
    assert_eq!(get("tail=9999999").await.text.len(), before.len() + 800_000);
    assert_eq!(get("from=9999999").await.text, "");
    // By time: what was written at the epoch is nothing, so all of it; and what comes in a thousand years is the last.
    assert_eq!(at(&get("at=0").await), (0, 1));
    let last = get("at=3026-11-20T12:00:00Z&bytes=8").await;
    assert!(at(&last).0 > 0, "{:?}", at(&last));
    for bad in ["at=noon", "from=-1", "line=x", "line=1&from=1", "tail=1&at=0"] {
        let answer = ci.get(&format!("{api}?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    // A person says it in a field of the page.
    let to = async |to: &str| ci.get(&format!("/jobs/{id}?to={to}")).await;
    let line = to("50001").await;
    assert_eq!(line.status, StatusCode::SEE_OTHER);
    assert_eq!(line.header("location"), format!("/jobs/{id}?line=50001#L50001"));
    let time = to("00:00:00").await;
    assert!(time.header("location").starts_with(&format!("/jobs/{id}?line=")), "{}", time.header("location"));
    let wrong = to("noon").await;
    assert!(wrong.status == StatusCode::BAD_REQUEST && wrong.text.contains("14:03:22"));
    assert_eq!(to("+").await.status, StatusCode::OK, "nothing was said");
    go.send(()).unwrap();
    ci.done().await;
    ci.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_not_kept_any_more_is_told() {
    let world = World::new("one");
    let mut ci = Ci::start(&world);
    let id = ci.job("build", |phase| matches!(phase, Phase::Succeeded { .. })).await;
    ci.done().await;
    let there = ci.get(&format!("/jobs/{id}")).await.text;
    assert!(!there.contains("not kept any more") && there.contains("as text"));
    std::fs::remove_file(ci.engine.store().log_path(&id)).unwrap();
    let gone = ci.get(&format!("/jobs/{id}")).await;
    assert_eq!(gone.status, StatusCode::OK, "what else is known of it is shown");
    assert!(
        gone.text.contains("The log of this job is not kept any more.") && !gone.text.contains("as text")
    );
    for path in ["jobs", "api/v1/jobs"] {
        let log = ci.get(&format!("/{path}/{id}/log")).await;
        assert_eq!(
            (log.status, log.text.as_str()),
            (StatusCode::GONE, "The log of this job is not kept any more.\n")
        );
    }
    let unknown = ci.get("/api/v1/jobs/2026-11-20/124301-make-0a2b3c/log").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    ci.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_long_says_on_its_page_where_it_is_cut() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    let id = ci.job("build", |phase| *phase == Phase::Running).await;
    let job = world.job("one").await;
    let much = numbered(0..100_000);
    for _ in 0..Log::BYTES_MAX as usize / much.len() + 4 {
        job.write(much.as_bytes());
    }
    let page = ci.get(&format!("/jobs/{id}")).await.text;
    assert!(page.len() < 1 << 20 && page.contains("from here on only the end is kept"));
    job.write(b"the last word\n");
    go.send(()).unwrap();
    ci.done().await;
    let page = ci.get(&format!("/jobs/{id}")).await.text;
    assert!(page.len() < 1 << 20 && page.contains("the last word"));
    let end = ci.get(&format!("/api/v1/jobs/{id}/log?from={}&bytes=200", Log::BYTES_MAX)).await.text;
    assert!(end.contains(" bytes are left out here]"), "{end}");
    ci.engine.stop().await;
}
