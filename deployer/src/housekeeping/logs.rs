//! Old logs are packed, older ones go.

use std::io;

use ci_core::clock;
use ci_core::engine::Handle;
use ci_core::logs::{Due, Keep, Shelf};

use super::of_use::OfUse;
use super::{Thing, Tidied, Turn};

/// How many troubles are told: a disk that fails does so for each log.
const TROUBLES_MAX: usize = 5;

pub(super) async fn tidy(engine: &Handle, keep: Keep, of_use: &OfUse, turn: Turn, tidied: &mut Tidied) {
    let shelf = Shelf::of(engine.store());
    let due = {
        let (shelf, of_use) = (shelf.clone(), of_use.clone());
        let look = move || due(&shelf, &keep, &of_use);
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
fn due(shelf: &Shelf, keep: &Keep, of_use: &OfUse) -> io::Result<(Vec<Due>, Option<String>)> {
    let mut due = shelf.due(keep, &of_use.jobs, clock::now_ms())?;
    let mut left = None;
    if !of_use.is_all {
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
