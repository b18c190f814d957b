//! `deployer logs search` and `deployer housekeeping`.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use ci_core::JobId;
use ci_core::logs::{self, Hit, Query};
use clap::Args;

use crate::control::Client;
use crate::housekeeping::{Thing, Tidied};
use crate::terminal;

/// How many lines are printed unless told otherwise.
const LINES_DEFAULT: NonZeroUsize = NonZeroUsize::new(100).unwrap();

/// What to look for.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// What a line holds, in whatever case
    text: String,
    /// TEXT is a regular expression
    #[arg(short = 'E', long)]
    regex: bool,
    /// Only in logs of this operation: docker-build
    #[arg(long)]
    op: Option<String>,
    /// Only in logs of what is about this: a repository, a branch, a service, an image
    #[arg(long, value_name = "WHAT")]
    about: Option<String>,
    /// Only in logs of older jobs than this one
    #[arg(long, value_name = "JOB")]
    before: Option<JobId>,
    /// After how many lines no further log is looked into
    #[arg(long, default_value_t = LINES_DEFAULT)]
    limit: NonZeroUsize,
}

/// What was printed so far.
#[derive(Default)]
struct Printed {
    lines: usize,
    last: Option<JobId>,
    of_last: usize,
}

impl Printed {
    /// Prints a line, unless there are enough: what is found in one log is printed together.
    fn add(&mut self, hit: Hit, limit: NonZeroUsize) -> ControlFlow<()> {
        if self.last.as_ref() != Some(&hit.job) {
            self.log_ends();
            if self.lines >= limit.get() {
                return ControlFlow::Break(());
            }
            (self.last, self.of_last) = (Some(hit.job.clone()), 0);
        }
        terminal::say(format_args!("{}:{}: {}", hit.job, hit.line, terminal::plain(&hit.text)));
        self.lines += 1;
        self.of_last += 1;
        ControlFlow::Continue(())
    }

    /// Of one log no more than so many lines are looked for.
    fn log_ends(&self) {
        if let Some(job) = self.last.as_ref().filter(|_| self.of_last >= logs::Search::HITS_OF_LOG) {
            terminal::complain(format_args!("there may be more in that log: deployer log {job}"));
        }
    }
}

/// Goes on until all is searched or enough is found: then it says on standard error how to go on.
pub(super) async fn search(client: &Client, wanted: Search) -> anyhow::Result<()> {
    let Search { text, regex, op, about, before, limit } = wanted;
    let mut query = Query { text, regex, op, about, before };
    let mut printed = Printed::default();
    loop {
        let Some(found) = client.search(&query, |hit| printed.add(hit, limit)).await? else {
            if let Some(last) = printed.last {
                terminal::complain(format_args!("there is more; to go on: --before {last}"));
            }
            return Ok(());
        };
        if found.unreadable > 0 {
            terminal::complain(format_args!("{} logs can't be read", found.unreadable));
        }
        if let Some(job) = found.until.as_ref().filter(|_| found.is_cut) {
            terminal::complain(format_args!(
                "the log of {job} takes too long: it was not searched to its end"
            ));
        }
        if found.is_all {
            printed.log_ends();
            return Ok(());
        }
        query.before = found.until;
    }
}

/// Says what is tidied up, or would be.
pub(super) async fn tidy(client: &Client, dry_run: bool, json: bool) -> anyhow::Result<()> {
    let tidied = client.tidy(dry_run).await?;
    if json {
        terminal::say(serde_json::to_string_pretty(&tidied)?);
        return Ok(());
    }
    let Tidied { things, unlisted, bytes, troubles } = tidied;
    let count = things.len() as u64 + unlisted;
    for Thing { kind, name, bytes, what, why } in things {
        terminal::say(format_args!("{what:<6}  {kind} {name}  {}  ({why})", size(bytes)));
    }
    if unlisted > 0 {
        terminal::say(format_args!("and {unlisted} more"));
    }
    for trouble in troubles {
        terminal::complain(format_args!("not done: {}", terminal::plain(&trouble)));
    }
    let freed = size(bytes);
    terminal::say(match (count, dry_run) {
        (0, _) => "nothing to tidy up".to_owned(),
        (count, true) => format!("{count} to tidy up; what goes takes {freed}"),
        (count, false) => format!("{count} tidied up, {freed} freed"),
    });
    Ok(())
}

/// `1.5 MiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut unit) = (bytes as f64, "B");
    for larger in UNITS {
        if size < 1000.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_told_in_three_digits() {
        let told = [0, 999, 1000, 1536, 1_000_000, 5 << 30, u64::MAX].map(size);
        assert_eq!(told, ["0 B", "999 B", "1.0 KiB", "1.5 KiB", "976.6 KiB", "5.0 GiB", "16777216.0 TiB"]);
    }
}
