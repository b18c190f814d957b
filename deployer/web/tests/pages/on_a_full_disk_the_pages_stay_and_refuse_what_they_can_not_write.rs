//! While the state's disk is full the pages are there and say so. What has to be written down is refused as something to
//! be tried later (503), and is done when there is space, without anybody having looked after it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use ci_core::Level;
use ci_core::event::Phase;
use ci_core::store::Disk;

use crate::support::{Ci, PATIENCE, World, pipeline};

#[derive(Default)]
struct Filling(AtomicBool);

impl Disk for Filling {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => file.write_at(bytes, offset),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_the_pages_stay_and_refuse_what_they_can_not_write() {
    let (world, disk) = (World::new("one"), Arc::new(Filling::default()));
    let mut ci = Ci::start_on(
        disk.clone(),
        &world,
        |engine| engine.confirm(Some(Level::Dangerous)),
        || pipeline("build it", "site"),
    );
    ci.log_in().await;
    let build = ci.job("build", |phase| matches!(phase, Phase::Succeeded { .. })).await;
    let put = ci.job("put", |phase| *phase == Phase::WaitingForConfirmation).await;
    let banner = "Nothing can be written now, so nothing new starts";

    disk.0.store(true, Ordering::SeqCst);
    for command in [format!("/jobs/{put}/approve"), format!("/jobs/{build}/rebuild")] {
        let answer = ci.post(&command).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{command}");
        assert!(answer.text.contains("is not done") && answer.text.contains("is full"), "{}", answer.text);
    }
    for page in ["/", "/graph", "/jobs", &format!("/jobs/{put}"), &format!("/jobs/{build}")] {
        let answer = ci.get(page).await;
        assert_eq!((answer.status, answer.text.contains(banner)), (StatusCode::OK, true), "{page}");
    }
    let page = ci.get(&format!("/jobs/{put}")).await.text;
    assert!(page.contains("waits for you"), "it was not approved: {page}");

    disk.0.store(false, Ordering::SeqCst);
    let gone = async {
        while ci.get("/").await.text.contains(banner) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the banner goes when there is space again");
    assert_eq!(ci.post(&format!("/jobs/{put}/approve")).await.status, StatusCode::SEE_OTHER);
    ci.done().await;
    ci.engine.stop().await;
}
