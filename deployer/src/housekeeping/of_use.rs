//! What is of use now: the newest results of all that the pipeline asks for.
//!
//! While the pipeline has not been read as a whole, as after a start, or while a job waits for a person, it may be about
//! more than it asks for. So what is of use is noted whenever all of it is known, and that counts meanwhile, too.

use std::io;

use ci_core::engine::Handle;
use ci_core::logs::{InUse, Shelf};

use super::Turn;

/// See the module's text.
#[derive(Clone, Debug)]
pub(super) struct OfUse {
    /// The jobs that gave those results, and those under way.
    pub(super) jobs: InUse,
    /// Whether those are all. If not, what is not among them may be of use.
    pub(super) is_all: bool,
}

impl OfUse {
    /// What is of use now. `None`: the engine has stopped.
    ///
    /// # Errors
    ///
    /// When the note can't be read or written.
    pub(super) async fn now(engine: &Handle, turn: &Turn) -> io::Result<Option<Self>> {
        let Some((jobs, is_whole)) = engine.logs_in_use().await else { return Ok(None) };
        let (shelf, turn) = (Shelf::of(engine.store()), turn.clone());
        let completed = move || Self::completed(&shelf, jobs, is_whole, &turn);
        tokio::task::spawn_blocking(completed).await.map_err(io::Error::other).flatten().map(Some)
    }

    /// Blocking.
    fn completed(shelf: &Shelf, jobs: InUse, is_whole: bool, turn: &Turn) -> io::Result<Self> {
        if !is_whole {
            let noted = shelf.noted()?;
            let is_all = noted.is_some();
            return Ok(Self { jobs: jobs.and(noted.unwrap_or_default()), is_all });
        }
        // Only what is whole: what is no part of it any more would be noted with what is, again and again.
        if turn.is_some() {
            shelf.note(&jobs)?;
        }
        Ok(Self { jobs, is_all: true })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ci_core::JobId;
    use ci_core::store::Store;
    use tokio::sync::Mutex;

    use super::*;

    fn of(job: &str) -> InUse {
        InUse::new([], [job.parse::<JobId>().unwrap()])
    }

    #[tokio::test]
    async fn what_was_in_use_is_noted_when_all_of_it_is_known() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(state.path()).unwrap();
        std::fs::create_dir_all(store.dir().join("jobs")).unwrap();
        let shelf = Shelf::of(&store);
        let turn = Some(Arc::new(Arc::new(Mutex::new(())).lock_owned().await));
        let look = |in_use, is_whole| OfUse::completed(&shelf, in_use, is_whole, &turn).unwrap();
        let (old, new) = (of("2026-11-20/build-1"), of("2026-11-21/build-2"));
        assert!(!look(old.clone(), false).is_all);
        assert_eq!(shelf.noted().unwrap(), None);
        look(old.clone(), true);
        assert_eq!(shelf.noted().unwrap(), Some(old.clone()));
        // Somebody is waited for: what is asked for now is not all.
        let meanwhile = look(new.clone(), false);
        assert!(
            meanwhile.is_all
                && [&old, &new].iter().all(|of| meanwhile.jobs == meanwhile.jobs.clone().and((*of).clone()))
        );
        assert_eq!(shelf.noted().unwrap(), Some(old));
        look(new.clone(), true);
        assert_eq!(shelf.noted().unwrap(), Some(new));
    }
}
