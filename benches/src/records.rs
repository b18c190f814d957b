//! What jobs leave in the store.

use ci_core::store::record::{Intent, Outcome, Record};
use ci_core::{JobId, KeyDigest, OpId};
use serde_json::json;

/// What job number `n` says: that it begins, and how it ended.
pub fn records(n: u32, epoch: u64) -> [Record; 2] {
    // One each second, so that no two have one id.
    let at_ms = 1_700_000_000_000 + u64::from(n) * 1000;
    let job = JobId::new(OpId::new("build"), at_ms, n);
    let intent = Intent {
        job: job.clone(),
        op: "build".to_owned(),
        key: KeyDigest::of(&json!(n)),
        key_fields: json!({ "commit": format!("{n:040x}"), "dockerfile": "Dockerfile", "context": "local" }),
        desired: json!(null),
        summary: format!("build image from site@{n:08x}"),
        attempt: 1,
        build: 1,
        renews: None,
        epoch,
        queued_at_ms: at_ms,
        started_at_ms: at_ms,
    };
    let result = Ok(json!({ "id": format!("sha256:{n:064x}"), "revision": format!("{n:040x}") }));
    let outcome = Outcome { job, epoch, finished_at_ms: at_ms + 999, result };
    [Record::Intent(intent), Record::Outcome(outcome)]
}
