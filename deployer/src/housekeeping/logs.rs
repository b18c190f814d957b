//! Old logs are packed, older ones go.

use std::io;

use ci_core::clock;
use ci_core::engine::Handle;
use ci_core::logs::{Due, InUse, Keep, Shelf};

use super::{Thing, Tidied, Turn};

/// How many troubles are told: a disk that fails does so for each log.
const TROUBLES_MAX: usize = 5;

pub(super) async fn tidy(engine: &Handle, keep: Keep, turn: Turn, tidied: &mut Tidied) {
    let Some((in_use, is_whole)) = engine.logs_in_use().await else { return };
    let shelf = Shelf::of(engine.store());
    let due = {
        let (shelf, turn) = (shelf.clone(), turn.clone());
        let look = move || due(&shelf, &keep, in_use, is_whole, &turn);
        tokio::task::spawn_blocking(look).await.map_err(io::Error::other).flatten()
    };
    let due = match due {
        Ok((due, left)) => {
            tidied.troubles.extend(left);
            due
        }
        Err(error) => return tidied.troubles.push(format!("what logs there are can't be read: {error}")),
    };
    let mut failed = 0;
    for due in due {
        let freed = match turn.clone() {
            None => Ok(due.expires.map_or(0, |_| due.bytes)),
            Some(turn) => {
                let (shelf, due) = (shelf.clone(), due.clone());
                let settle = move || {
                    let _until_done = turn;
                    shelf.settle(&due)
                };
                tokio::task::spawn_blocking(settle).await.map_err(io::Error::other).flatten()
            }
        };
        match freed {
            Ok(freed) => tidied.add(thing(due), freed),
            Err(error) => {
                failed += 1;
                if failed <= TROUBLES_MAX {
                    tidied.troubles.push(format!("the log of {}: {error}", due.job));
                }
            }
        }
    }
    if failed > TROUBLES_MAX {
        tidied.troubles.push(format!("and {} more logs", failed - TROUBLES_MAX));
    }
}

/// What is due, and why not more is. Blocking.
fn due(
    shelf: &Shelf,
    keep: &Keep,
    mut in_use: InUse,
    is_whole: bool,
    turn: &Turn,
) -> io::Result<(Vec<Due>, Option<String>)> {
    let mut is_known = is_whole;
    if !is_whole && let Some(noted) = shelf.noted()? {
        in_use = in_use.and(noted);
        is_known = true;
    }
    // Only what is whole: what is no part of it any more would be noted with what is, again and again.
    if is_whole && turn.is_some() {
        shelf.note(&in_use)?;
    }
    let mut due = shelf.due(keep, &in_use, clock::now_ms())?;
    let mut left = None;
    if !is_known {
        let before = due.len();
        due.retain(|due| due.expires.is_none());
        left = (due.len() < before).then(|| {
            let count = before - due.len();
            format!(
                "{count} logs stay until the whole pipeline has been read: some may tell of what runs now"
            )
        });
    }
    Ok((due, left))
}

fn thing(due: Due) -> Thing {
    let (what, why) = match due.expires {
        None => ("pack", "seldom read".to_owned()),
        Some(why) => ("remove", why.to_string()),
    };
    Thing { kind: "log".to_owned(), name: due.job.to_string(), bytes: due.bytes, what: what.to_owned(), why }
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
        let look = |in_use, is_whole| due(&shelf, &Keep::default(), in_use, is_whole, &turn).unwrap();
        let (old, new) = (of("2026-11-20/build-1"), of("2026-11-21/build-2"));
        look(old.clone(), false);
        assert_eq!(shelf.noted().unwrap(), None);
        look(old.clone(), true);
        assert_eq!(shelf.noted().unwrap(), Some(old.clone()));
        // Somebody is waited for: what is asked for now is not all.
        look(new.clone(), false);
        assert_eq!(shelf.noted().unwrap(), Some(old));
        look(new.clone(), true);
        assert_eq!(shelf.noted().unwrap(), Some(new));
    }
}
