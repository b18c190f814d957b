//! Images that builds left on the engines, and that nothing needs now.
//!
//! Of use are those of the builds that the pipeline asks for, and those that have a container, or a tag besides the mark
//! of their build: that by which they were pushed last. Whoever wants one again has it built again. An image that this
//! deployer has no result of is somebody else's.

use ci_core::logs::InUse;
use ci_core::store::Store;
use ci_core::{OpError, clock};
use ci_dsl::docker::Docker;
use ci_dsl::docker::kept::{BUILD, KeptImage, kept, let_go};

use super::of_use::OfUse;
use super::spent::{Idle, spent};
use super::{Thing, Tidied, Turn};
use crate::settings::Budget;

pub(super) async fn tidy(
    store: &Store,
    dockers: &[Docker],
    of_use: &OfUse,
    budget: Budget,
    turn: &Turn,
    tidied: &mut Tidied,
) {
    for docker in dockers {
        if let Err(error) = on(store, docker, of_use, budget, turn, tidied).await {
            tidied.troubles.push(format!("images on {}: {error}", docker.context()));
        }
    }
}

async fn on(
    store: &Store,
    docker: &Docker,
    of_use: &OfUse,
    budget: Budget,
    turn: &Turn,
    tidied: &mut Tidied,
) -> Result<(), OpError> {
    let (images, store, in_use) = (kept(docker).await?, store.clone(), of_use.jobs.clone());
    let idle = move || images.into_iter().filter_map(|image| idle(image, &store, &in_use)).collect();
    let idle: Vec<_> = tokio::task::spawn_blocking(idle).await.unwrap_or_default();
    let spent = spent(idle, budget, clock::now_ms());
    if !of_use.is_all && !spent.is_empty() {
        let count = spent.len();
        let left = "of them stay until the whole pipeline has been read: some may be of what runs now";
        return Err(OpError::infrastructure(format!("{count} {left}")));
    }
    for (Idle { what: image, bytes, .. }, why) in spent {
        if turn.is_some() {
            let_go(docker, &image).await?;
        }
        let name = match docker.context() {
            Docker::LOCAL => image.id.to_string(),
            context => format!("{} on {context}", image.id),
        };
        tidied.add(
            Thing { kind: "image".to_owned(), name, bytes, what: "remove".to_owned(), why: why.to_owned() },
            bytes,
        );
    }
    Ok(())
}

/// `None`: it is of use, or somebody else's.
fn idle(image: KeptImage, store: &Store, in_use: &InUse) -> Option<Idle<KeptImage>> {
    let mut used_at_ms = 0;
    for key in &image.keys {
        let result = store.result(BUILD.as_str(), key)?;
        if in_use.is_read(&result.intent.job) {
            return None;
        }
        used_at_ms = used_at_ms.max(result.outcome.finished_at_ms);
    }
    Some(Idle { bytes: image.bytes, what: image, used_at_ms })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::{Seek as _, Write as _};
    use std::process::Command;
    use std::sync::Arc;

    use ci_core::store::record::{Intent, Outcome, Record};
    use ci_core::{JobId, KeyDigest};
    use serde_json::json;
    use tokio::sync::Mutex;

    use super::*;

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    /// An image with the mark of a build, until it is dropped.
    struct Marked {
        key: KeyDigest,
        id: String,
    }

    impl Marked {
        fn new(state: &tempfile::TempDir, what: &str) -> Self {
            let key = KeyDigest::of(&json!([state.path(), what]));
            let import = ["import", "--message", what, "-", &format!("ci/{key}:latest")];
            Self { key, id: docker(&import).expect("an empty archive is an image") }
        }

        fn is_there(&self) -> bool {
            docker(&["image", "inspect", "--format", "{{.Id}}", &self.id]).is_some()
        }
    }

    impl Drop for Marked {
        fn drop(&mut self) {
            docker(&["rmi", "--force", &self.id]);
        }
    }

    /// What it says; `None` if it fails.
    fn docker(args: &[&str]) -> Option<String> {
        let mut archive = tempfile::tempfile().unwrap();
        archive.write_all(&[0; 1024]).and_then(|()| archive.rewind()).unwrap();
        let output = Command::new("docker").args(args).stdin(archive).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    /// The build of this key ended so many days ago.
    async fn built(store: &Store, key: KeyDigest, days: u64) -> JobId {
        let at_ms = clock::now_ms() - days * DAY_MS;
        let job = JobId::new(BUILD, at_ms, days as u32);
        let intent = Intent {
            job: job.clone(),
            op: BUILD.to_string(),
            key,
            key_fields: json!(null),
            desired: json!(null),
            summary: "a build".to_owned(),
            attempt: 1,
            build: 1,
            renews: None,
            epoch: store.epoch(),
            queued_at_ms: at_ms,
            started_at_ms: at_ms,
        };
        let outcome = Outcome {
            job: job.clone(),
            epoch: store.epoch(),
            finished_at_ms: at_ms,
            result: Ok(json!(null)),
        };
        store.append(Record::Intent(intent)).await.unwrap();
        store.append(Record::Outcome(outcome)).await.unwrap();
        job
    }

    #[tokio::test]
    async fn what_was_built_long_ago_and_nothing_needs_goes() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        let names = ["old", "in use", "new", "somebody else's"];
        let [old, in_use, new, strange] = names.map(|what| Marked::new(&state, what));
        built(&store, old.key, 30).await;
        let needed = built(&store, in_use.key, 29).await;
        built(&store, new.key, 2).await;
        let engines = [Docker::local()];
        let tidied = async |is_all, turn| {
            let (mut tidied, of_use) =
                (Tidied::default(), OfUse { jobs: InUse::new([], [needed.clone()]), is_all });
            tidy(&store, &engines, &of_use, Budget::IMAGES, &turn, &mut tidied).await;
            let names: BTreeSet<_> = tidied.things.into_iter().map(|thing| thing.name).collect();
            (names, tidied.troubles)
        };
        let alone = BTreeSet::from([old.id.clone()]);
        let turn = || Some(Arc::new(Arc::new(Mutex::new(())).try_lock_owned().unwrap()));

        let stay = "1 of them stay until the whole pipeline has been read: some may be of what runs now";
        assert_eq!(
            tidied(false, turn()).await,
            (BTreeSet::new(), vec![format!("images on {}: {stay}", Docker::LOCAL)])
        );
        assert_eq!(tidied(true, None).await, (alone.clone(), vec![]), "it is only told");
        assert!(old.is_there());
        assert_eq!(tidied(true, turn()).await, (alone, vec![]));
        assert!(!old.is_there());
        assert!([&in_use, &new, &strange].iter().all(|image| image.is_there()));
        assert_eq!(tidied(true, turn()).await, (BTreeSet::new(), vec![]));
    }
}
