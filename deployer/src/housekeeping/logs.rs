//! Old logs are packed, older ones go.

use std::io;

use ci_core::clock;
use ci_core::engine::Handle;
use ci_core::logs::{Due, InUse, Keep, Shelf};

use super::{Run, Thing, Tidied};

/// How many troubles are told: a disk that fails does so for each log.
const TROUBLES_MAX: usize = 5;

pub(super) async fn tidy(engine: &Handle, keep: Keep, run: Run, tidied: &mut Tidied) {
    let Some((in_use, is_whole)) = engine.logs_in_use().await else { return };
    let shelf = Shelf::of(engine.store());
    let due = {
        let shelf = shelf.clone();
        let look = move || due(&shelf, &keep, in_use, is_whole, run);
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
        let freed = match run {
            Run::Dry => Ok(due.expires.map_or(0, |_| due.bytes)),
            Run::Real => {
                let (shelf, due) = (shelf.clone(), due.clone());
                let settle = move || shelf.settle(&due);
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
    run: Run,
) -> io::Result<(Vec<Due>, Option<String>)> {
    let mut is_known = is_whole;
    if !is_whole && let Some(noted) = shelf.noted()? {
        in_use = in_use.and(noted);
        is_known = true;
    }
    if is_known && run == Run::Real {
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
