use std::ops::ControlFlow;

use ci_core::current::all;
use ci_core::logs::{Found, Hit, Keep, Query, QueryRefused, Search, Shelf};
use ci_core::store::Store;
use ci_core::{Current, OpError};

use crate::support::{Answer, Ci, World, head, make, put};

fn pipeline() -> Current<()> {
    all([put("site", &make("image", &head("main"))).ignore(), make("test", &head("main")).ignore()])
}

fn run(store: &Store, query: Query) -> (Vec<Hit>, Found) {
    let mut hits = Vec::new();
    let search = Search::new(store.clone(), query).unwrap();
    let found = search.run(
        || true,
        |hit| {
            hits.push(hit);
            ControlFlow::Continue(())
        },
    );
    (hits, found)
}

fn text(text: &str) -> Query {
    Query { text: text.to_owned(), ..Query::default() }
}

fn summaries(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.summary.as_str()).collect()
}

/// Three commits have been built, tested and put.
async fn three(state: &std::path::Path, world: &World) -> Ci {
    world.set("main", 1);
    let ci = Ci::start(state, world, pipeline);
    ci.done().await;
    for n in [2, 3] {
        world.set("main", n);
        ci.until(|s| s.outcome.is_ok() && world.history("site").len() == n as usize).await;
    }
    ci
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_newest_job_first_and_by_what_it_is_about() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let ci = three(state.path(), &world).await;
    let store = ci.handle.store().clone();
    let (hits, found) = run(&store, text("MAKING image"));
    assert_eq!(summaries(&hits), ["image.3", "image.2", "image.1"]);
    assert!(found.is_all && found.unreadable == 0 && found.logs == 9, "{found:?}");
    assert!(hits[0].line == 2 && hits[0].text.ends_with("UTC  making image.3"), "{:?}", hits[0]);
    assert_eq!(hits[0].op, "make");
    let about = |about: &str| Query { about: Some(about.to_owned()), ..text("utc") };
    assert_eq!(run(&store, about("TEST.2")).0.len(), 2, "the lines of one log");
    assert_eq!(run(&store, Query { op: Some("put".to_owned()), ..text("making") }).0, []);
    let regex = Query { regex: true, ..text(r"making \w+\.[12]$") };
    assert_eq!(run(&store, regex).0.len(), 4);
    assert_eq!(run(&store, text(r"making \w+")).0, [], "it is a text unless it is said to be more");
    // What is packed is found, too; what has expired is passed over.
    let (shelf, later) = (Shelf::of(&store), ci_core::clock::now_ms() + 1000 * 24 * 3600 * 1000);
    let (in_use, _) = ci.handle.logs_in_use().await.unwrap();
    let all = shelf.due(&Keep::default(), &in_use, later).unwrap();
    for mut due in all {
        if due.job == hits[1].job {
            due.expires = None;
        }
        shelf.settle(&due).unwrap();
    }
    let (hits, found) = run(&store, text("making image"));
    assert_eq!(summaries(&hits), ["image.3", "image.2"]);
    assert!(found.is_all && found.logs == 4, "{found:?}");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_bounded_steps_that_miss_nothing() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    let ci = three(state.path(), &world).await;
    let store = ci.handle.store().clone();
    let (all, _) = run(&store, text("making"));
    assert_eq!(all.len(), 6);
    // Whoever takes one at a time, and goes on where it ended, sees the same.
    let (mut seen, mut query) = (Vec::new(), text("making"));
    loop {
        let search = Search::new(store.clone(), query.clone()).unwrap();
        let found = search.run(
            || true,
            |hit| {
                seen.push(hit);
                ControlFlow::Break(())
            },
        );
        query.before = found.until;
        if found.is_all {
            break;
        }
    }
    assert_eq!(seen, all);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_long_lines_and_long_logs_but_only_so_many_of_one() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Fail(OpError::permanent("red")));
    let ci = Ci::start(state.path(), &world, || all([make("image", &head("main")).ignore()]));
    ci.failed().await;
    let store = ci.handle.store().clone();
    let job = ci.handle.stages().await[0].job.clone().unwrap();
    let long = "y".repeat(700_000);
    let lines = "no\n".repeat(300_000);
    let needle =
        format!("{long} needle {long}\r\n{lines}a Needle\n{}needle at the end", "NEEDLE\n".repeat(9));
    std::fs::write(store.log_path(&job), needle).unwrap();
    let (hits, _) = run(&store, text("needle"));
    assert_eq!(hits.len(), Search::HITS_OF_LOG);
    assert_eq!(hits.iter().map(|hit| hit.line).collect::<Vec<_>>(), [1, 300_002, 300_003, 300_004, 300_005]);
    assert!(hits[0].text.contains(" needle ") && hits[0].text.len() <= 2 * Search::SHOWN_BYTES);
    assert_eq!(hits[1].text, "a Needle");
    let (hits, _) = run(&store, text("at the end"));
    assert_eq!((hits[0].line, hits[0].text.as_str()), (300_012, "needle at the end"));
    ci.stop().await;
}

#[test]
fn what_can_not_be_looked_for_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let refused = |query: Query| Search::new(store.clone(), query).unwrap_err();
    assert!(matches!(refused(text("")), QueryRefused::Empty));
    assert!(matches!(refused(text(&"x".repeat(2000))), QueryRefused::TooLong));
    let regex = |pattern: &str| refused(Query { regex: true, ..text(pattern) });
    assert!(matches!(regex("("), QueryRefused::Regex(_)));
    assert!(matches!(regex(r"(\w{1000}){1000}"), QueryRefused::Regex(_)));
    assert!(matches!(regex(r"(\w{100}){100}"), QueryRefused::Regex(_)));
    let usual = r"^\d{4}-\d\d-\d\d \S+ UTC\s+(Failed|Not done) \(\w+\): .*exit code \d+$";
    Search::new(store.clone(), Query { regex: true, ..text(usual) }).unwrap();
    // Letters of many cases, as many as there may be.
    for letter in ["k", "S", "\u{3b8}", "\u{1f80}", "."] {
        let longest = letter.repeat(Query::TEXT_BYTES_MAX / letter.len());
        Search::new(store.clone(), text(&longest)).unwrap();
    }
}
