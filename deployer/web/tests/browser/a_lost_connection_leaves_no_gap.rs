//! The log in the page is the log, line for line, however often the connection was lost meanwhile.

use std::net::SocketAddr;

use ci_core::event::Phase;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::seen::{Seen, log};
use crate::support::{Ci, World};

/// Something between browser and server that loses connections.
struct Between {
    address: SocketAddr,
    cuts: watch::Sender<u32>,
    task: JoinHandle<()>,
}

impl Between {
    async fn of(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = watch::Sender::new(0);
        let told = cuts.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut browser, _)) = listener.accept().await {
                let mut cut = told.subscribe();
                connections.spawn(async move {
                    let Ok(mut server) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut browser, &mut server) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self { address, cuts, task }
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_leaves_no_gap() {
    let world = World::new("one");
    let go = world.hold("one");
    let mut ci = Ci::start(&world);
    let mut seen = Seen::of(&ci).await;
    let between = Between::of(seen.address).await;
    let id = ci.job("build", |phase| *phase == Phase::Running).await;
    let job = world.job("one").await;
    let page = seen.browser.page();
    page.goto(&format!("http://{}/jobs/{id}", between.address));

    let mut written = 0;
    let mut write = |lines: u32| {
        for _ in 0..lines {
            // Every third is drawn over once, every tenth has no end for a while.
            if written % 3 == 0 {
                job.write(b"to be drawn over\r");
            }
            job.write(format!("line {written}\x1b[K").as_bytes());
            job.write(b"\n");
            written += 1;
        }
        written - 1
    };
    let shown = |last: u32| format!("document.querySelector('#log').textContent.includes('line {last}\\n')");
    for _ in 0..5 {
        let last = write(200);
        page.until(&shown(last));
        between.cuts.send_modify(|cuts| *cuts += 1);
        // While it is lost, and just when it comes again.
        write(100);
    }
    let last = write(1);
    page.until(&shown(last));

    // The server goes, and comes again at the same place.
    for _ in 0..2 {
        seen.stop_serving().await;
        between.cuts.send_modify(|cuts| *cuts += 1);
        page.until("!document.querySelector('#lost').hidden");
        write(100);
        seen.serve_again(&ci).await;
        let last = write(100);
        page.until(&shown(last));
        page.until("document.querySelector('#lost').hidden");
    }
    go.send(()).unwrap();
    page.until("document.querySelector('.head .state.ok') && !document.querySelector('#following')");

    let lines = log(&page);
    let numbers: Vec<_> = lines.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=lines.len() as u64).collect::<Vec<_>>(), "no line is missing, none comes twice");
    let of_job = lines.iter().map(|(_, text)| text.as_str()).filter(|text| text.contains("line "));
    let expected: Vec<_> = (0..=written - 1).map(|n| format!("line {n}")).collect();
    assert_eq!(of_job.collect::<Vec<_>>(), expected);
    // The same as a page that was never cut.
    assert_eq!(log(&seen.reader(&format!("/jobs/{id}"))), lines);
    ci.engine.stop().await;
}
