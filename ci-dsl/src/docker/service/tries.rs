//! What a job that tries an update again knows of its tries before. It is not remembered over a restart.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ci_core::{JobId, OpError};

use super::{Handle, changed_by_hand, image};

/// The newest job of each service. There are no more than services.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<String, Tried>>);

#[derive(Debug)]
struct Tried {
    job: JobId,
    /// The service's id: one that was made again is another one, whatever it is set to.
    service: String,
    /// What it was set to when the job first saw it.
    found: String,
    taken_down: u64,
}

impl Tries {
    /// Begins a try. The tasks that engines took down in those before count on: a version that takes engines down is
    /// not tried for ever.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Permanent`] when the service was set to another image since the job's first try.
    pub(super) fn begin(&self, job: &JobId, handle: &mut Handle) -> Result<(), OpError> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tries.get(&handle.name) {
            Some(tried) if tried.job == *job && tried.service == handle.service => {
                if !image::same(&tried.found, &handle.before) {
                    return Err(changed_by_hand(handle, &handle.before));
                }
                handle.taken_down = tried.taken_down;
            }
            _ => {
                tries.insert(handle.name.clone(), Tried::by(job, handle));
            }
        }
        Ok(())
    }

    /// Remembers how a try went.
    pub(super) fn remember(&self, job: &JobId, handle: &Handle) {
        let tried = Tried::by(job, handle);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(handle.name.clone(), tried);
    }
}

impl Tried {
    fn by(job: &JobId, handle: &Handle) -> Self {
        Self {
            job: job.clone(),
            service: handle.service.clone(),
            found: handle.before.clone(),
            taken_down: handle.taken_down,
        }
    }
}

#[cfg(test)]
mod tests {
    use ci_core::{FailureKind, OpId};

    use super::*;
    use crate::docker::service::Phase;

    fn handle(service: &str, before: &str) -> Handle {
        Handle {
            service: service.to_owned(),
            name: "web".to_owned(),
            version: 7,
            wanted: "h/app@sha256:2222".to_owned(),
            before: before.to_owned(),
            tasks_before: Vec::new(),
            swarm_update_before: None,
            create: None,
            taken_down: 0,
            phase: Phase::Intended,
        }
    }

    #[test]
    fn a_job_that_tries_again_replaces_only_what_it_found_first() {
        let (tries, job) = (Tries::default(), JobId::new(OpId::new("service"), 0, 1));
        let begin = |job, service, before| tries.begin(job, &mut handle(service, before));
        begin(&job, "s", "old").expect("the first try");
        begin(&job, "s", "old").expect("nothing has changed");
        let error = begin(&job, "s", "theirs").expect_err("somebody has set another one");
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.message().contains("it is now set to theirs"), "{error}");
        begin(&job, "s2", "theirs").expect("it was made again");
        begin(&JobId::new(OpId::new("service"), 0, 2), "s2", "x")
            .expect("another job replaces what it finds");
    }

    #[test]
    fn what_engines_took_down_counts_on_in_the_same_job() {
        let (tries, job) = (Tries::default(), JobId::new(OpId::new("service"), 0, 1));
        tries.remember(&job, &Handle { taken_down: 2, ..handle("s", "old") });
        let mut again = handle("s", "old");
        tries.begin(&job, &mut again).expect("nothing has changed");
        assert_eq!(again.taken_down, 2);
        let mut other = handle("s", "old");
        tries.begin(&JobId::new(OpId::new("service"), 0, 2), &mut other).expect("it is another job");
        assert_eq!(other.taken_down, 0);
    }
}
