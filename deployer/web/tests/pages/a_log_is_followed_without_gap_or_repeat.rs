//! A browser that lost its connection goes on where it was: no line is missing, none comes twice.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use ci_core::event::Phase;

use crate::support::{Ci, World, lines};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_without_gap_or_repeat() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    let id = ci.job("build", |phase| *phase == Phase::Running).await;
    let job = world.job("one").await;
    let path = format!("/jobs/{id}/log/events");

    // What the page shows, and from where it follows.
    job.write(b"before\n");
    let page = ci.get(&format!("/jobs/{id}")).await.text;
    let (done, window) = page.split_once("id=\"window\"").unwrap();
    assert_eq!(lines(window).last().unwrap().1, "before");
    let mut seen: BTreeMap<u64, String> = lines(done).into_iter().collect();
    let from = page.split("data-seen=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let from = format!("{path}?from={from}");

    let write = |n: u32| {
        // Pieces end anywhere, lines are drawn over, and ten lines are drawn over again.
        job.write(b"redrawn");
        job.write(format!("\rline {n}\x1b[K").as_bytes());
        job.write(if n.is_multiple_of(7) { b"\r\n" } else { b"\n" });
        if n % 10 == 9 {
            job.write(format!("\x1b[2Aline {}\nline {n}\n", n - 1).as_bytes());
        }
    };
    let take = |seen: &mut BTreeMap<u64, String>, html: &str| {
        for (number, text) in lines(html) {
            assert!(seen.insert(number, text).is_none(), "line {number} came twice");
        }
    };
    let mut last = None;
    for connection in 0..10 {
        // More lines than the window holds, so that some are done; each connection hears of some, and breaks.
        (connection * 300..(connection + 1) * 300).for_each(write);
        let mut stream = ci.stream(&from, last.as_deref()).await;
        loop {
            let heard = stream.next().await.expect("the log goes on");
            if heard.event == "log" {
                take(&mut seen, &heard.data);
                last = heard.id;
                break;
            }
            assert_eq!(heard.id, None, "only lines that are done move the place");
        }
    }
    job.write(b"no end");
    go.send(()).unwrap();
    let mut stream = ci.stream(&from, last.as_deref()).await;
    loop {
        let heard = stream.next().await.expect("its end is told");
        match heard.event.as_str() {
            "log" => {
                take(&mut seen, &heard.data);
                last = heard.id;
            }
            "end" => break,
            _ => {}
        }
    }
    let numbers: Vec<_> = seen.keys().copied().collect();
    assert_eq!(numbers, (1..=seen.len() as u64).collect::<Vec<_>>(), "no line is missing");
    let texts: Vec<_> = seen.values().filter(|text| text.starts_with("line ")).cloned().collect();
    assert_eq!(texts, (0..3000).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert_eq!(seen.values().last().map(String::as_str), Some("no end"));

    // A stream of what is over ends at once, with nothing twice.
    let mut stream = ci.stream(&from, last.as_deref()).await;
    assert_eq!(stream.named("end").await.data, "");
    assert_eq!(stream.next().await, None);
    for bad in ["x", "1", "-", "1-2", "9999999999999999999999-1-1"] {
        let request = ci.request("GET", &format!("{path}?from={bad}"));
        assert_eq!(ci.send(request).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let nothing = ci.get("/jobs/2026-01-01/none/log/events").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    ci.engine.stop().await;
}
