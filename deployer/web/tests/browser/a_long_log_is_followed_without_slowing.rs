//! A log of 200,000 lines is followed live: its tail is shown, and the page's work and memory do not grow with it.

use ci_core::event::Phase;

use crate::seen::{Seen, log};
use crate::support::{Ci, World};

const BURSTS: usize = 10;
const LINES: usize = 20_000;
/// The most lines that the page keeps, and some more of one frame.
const SHOWN_MAX: usize = 4000;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_followed_without_slowing() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    let seen = Seen::of(&ci).await;
    let id = ci.job("build", |phase| *phase == Phase::Running).await;
    let job = world.job("one").await;
    let page = seen.reader(&format!("/jobs/{id}"));
    // Long tasks keep a person's clicks waiting. Counted, not timed: other tests run on this machine, too.
    page.eval(
        "window.long = 0; new PerformanceObserver((list) => { window.long += list.getEntries().length; }) \
         .observe({ type: 'longtask', buffered: true }); true",
    );
    let (mut long, mut nodes, mut heap, mut work) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for burst in 0..BURSTS {
        let lines = burst * LINES..(burst + 1) * LINES;
        let last = lines.end - 1;
        let text: String = lines.map(|n| format!("\x1b[32mok\x1b[0m line {n} of a long log\n")).collect();
        job.write(text.as_bytes());
        page.until(&format!(
            "document.querySelector('#log').lastElementChild.textContent.includes('line {last} ')"
        ));
        long.push(page.eval("window.long").as_u64().unwrap());
        work.push(page.metric("TaskDuration"));
        nodes.push(page.metric("Nodes"));
        heap.push(page.metric("JSHeapUsedSize") / 1e6);
        let shown = log(&page);
        assert!(shown.len() <= SHOWN_MAX, "{} lines are in the page", shown.len());
    }
    let figures =
        format!("long tasks {long:?}, seconds of work {work:.1?}, nodes {nodes:?}, heap {heap:.1?} MB");
    println!("{figures}");
    let (half, last) = (BURSTS / 2 - 1, BURSTS - 1);
    // The second hundred thousand lines cost what the first did: a page that does more for each line would need three
    // times as much and more.
    assert!(long[last] - long[half] <= 2 * long[half] + 10, "{figures}");
    assert!(work[last] - work[half] <= 2.5 * work[half], "{figures}");
    assert!(nodes[last] <= 1.1 * nodes[0] && nodes[last] < 10.0 * SHOWN_MAX as f64, "{figures}");
    assert!(heap[last] <= heap[0] + 5.0, "{figures}");
    // Whoever looks further up finds all of it.
    let shown = log(&page);
    let numbers: Vec<_> = shown.iter().map(|(number, _)| *number).collect();
    let first = numbers[0];
    assert_eq!(
        numbers,
        (first..first + numbers.len() as u64).collect::<Vec<_>>(),
        "no line between them is missing"
    );
    page.click("#earlier a");
    page.until(&format!("document.querySelector('#L{}')", first - 1));
    assert_eq!(page.complaints(), [""; 0]);
    ci.engine.stop().await;
    drop(go);
}
