//! Free space on a disk, as something that jobs wait for.

use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Ask, Resource};

/// How often free space is looked at while jobs wait for it: nobody tells when there is some.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Jobs start while so much is free where `folder` is.
#[derive(Clone, Debug)]
pub struct FreeSpace {
    folder: PathBuf,
    bytes: u64,
}

impl FreeSpace {
    /// So many bytes, where `folder` is. A folder that can't be looked at holds nobody up: what needs it says so better.
    pub fn new(folder: impl Into<PathBuf>, bytes: u64) -> Self {
        Self { folder: folder.into(), bytes }
    }

    async fn free(&self) -> Option<u64> {
        let folder = self.folder.clone();
        let found = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&folder)).await.ok()?.ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// `3.1`, of gigabytes.
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

impl Resource for FreeSpace {
    fn name(&self) -> &str {
        "disk"
    }

    fn acquire<'a>(
        &'a self,
        _: &'a Ask,
        waits: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Box<dyn Send + Sync>> {
        async move {
            let mut told = None;
            loop {
                let Some(free) = self.free().await.filter(|free| *free < self.bytes) else {
                    return Box::new(()) as Box<dyn Send + Sync>;
                };
                let text = format!("{:.1} of {:.1} GB", gigabytes(free), gigabytes(self.bytes));
                if told.as_ref() != Some(&text) {
                    waits(text.clone());
                    told = Some(text);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        .boxed()
    }
}
