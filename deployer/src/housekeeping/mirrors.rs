//! Mirrors of repositories that the table does not name any more.

use std::time::UNIX_EPOCH;

use ci_core::clock;
use ci_dsl::git::{Git, RepoUrl};

use super::spent::{Idle, spent};
use super::{Thing, Tidied, Turn};
use crate::settings::Budget;

pub(super) async fn tidy(git: &Git, named: &[RepoUrl], budget: Budget, turn: &Turn, tidied: &mut Tidied) {
    let unused = match git.unused_mirrors(named).await {
        Ok(unused) => unused,
        Err(error) => return tidied.troubles.push(error.to_string()),
    };
    let idle = unused.into_iter().map(|mirror| {
        let since = mirror.used_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Idle { bytes: mirror.bytes, used_at_ms: since.as_millis() as u64, what: mirror }
    });
    for (Idle { what: mirror, bytes, .. }, why) in spent(idle.collect(), budget, clock::now_ms()) {
        if turn.is_some()
            && let Err(error) = git.remove_mirror(&mirror).await
        {
            tidied.troubles.push(format!("{}: {error}", mirror.name()));
            continue;
        }
        let thing = Thing {
            kind: "mirror".to_owned(),
            name: mirror.name(),
            bytes,
            what: "remove".to_owned(),
            why: why.to_owned(),
        };
        tidied.add(thing, bytes);
    }
}
