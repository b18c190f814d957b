//! Reading a log for the rules, in little memory.

use std::cmp::Reverse;
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::LogRule;
use super::scan::{Hit, Scan};
use crate::job::Log;

/// How much is read at a time.
const PIECE_BYTES: usize = 64 << 10;

/// What rules make of a log: for who wants to see that before adding one. Blocking.
///
/// ```
/// use ci_core::log_rules::{LogRule, search};
///
/// let make = LogRule::new(r"Make exited with status (\d+)", r"exit(\1)", 10)?;
/// let hit = search(&[make], &b"cc main.c\nMake exited with status 2\n"[..])?.expect("it matches");
/// assert_eq!((hit.at, hit.report.as_str()), (10, "exit(2)"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of the reader.
pub fn search(rules: &[LogRule], mut log: impl Read) -> io::Result<Option<Hit>> {
    let mut rules = rules.to_vec();
    rules.sort_by_key(|rule| Reverse(rule.score()));
    let mut scan = Scan::of(&rules);
    pour(&mut log, &mut scan, &AtomicBool::new(false))?;
    Ok(scan.finish())
}

/// What the rules make of all that was written to a log so far, also of the end that is not in its file yet. Blocking.
pub(super) fn read(log: &Log, rules: &[LogRule], given_up: &AtomicBool) -> io::Result<Option<Hit>> {
    if given_up.load(Ordering::Relaxed) {
        return Ok(None); // nobody heard of it before it began
    }
    let mut scan = Scan::of(rules);
    match File::open(log.path()) {
        Ok(mut file) => pour(&mut file, &mut scan, given_up)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {} // nothing was written
        Err(error) => return Err(error),
    }
    scan.push(&log.held_back());
    Ok(scan.finish())
}

/// Until its end, the answer is clear, or nobody wants to hear it.
fn pour(log: &mut dyn Read, scan: &mut Scan, given_up: &AtomicBool) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    while !scan.is_settled() && !given_up.load(Ordering::Relaxed) {
        match log.read(&mut piece) {
            Ok(0) => break,
            Ok(bytes) => scan.push(&piece[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
