//! `docker run` for what it prints: its standard output is the value.

use ci_core::executor::{Executor, Output, Source, Work, WorkId};
use ci_core::{Job, OpError};
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use serde_json::Value as Json;

use super::run::{Sink, again, start};

/// The longest output that can be a value, bytes. Values are stored and compared; files have other ways.
pub const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// Runs `work` as [`super::run::run`] does, and gives its standard output. All output goes to the log, too.
///
/// # Errors
///
/// Those of [`super::run::run`]; [`ci_core::FailureKind::Permanent`] when the output is longer than
/// [`OUTPUT_BYTES_MAX`] (the work is stopped then) or is not UTF-8.
pub async fn pread(executor: &dyn Executor, job: &Job, work: &Work) -> Result<String, OpError> {
    start(executor, job, work, &mut Stdout::default()).await
}

/// Goes on with the [`pread`] of a process that died, as [`super::run::resume`] does.
///
/// # Errors
///
/// Those of [`pread`].
pub async fn resume(
    executor: &dyn Executor,
    job: &Job,
    noted: Option<&Json>,
) -> Result<Option<String>, OpError> {
    again(executor, job, noted, &mut Stdout::default()).await
}

#[derive(Default)]
struct Stdout {
    bytes: Vec<u8>,
}

impl Sink for Stdout {
    fn wants_all(&self) -> bool {
        true
    }

    fn take(&mut self, output: &Output) -> Result<(), OpError> {
        if output.source != Source::Stdout {
            return Ok(());
        }
        if self.bytes.len() + output.bytes.len() > OUTPUT_BYTES_MAX {
            let limit = OUTPUT_BYTES_MAX >> 10;
            return Err(OpError::permanent(format!("docker pread: the output is longer than {limit} KiB"))
                .with_hint("print less, or print to standard error what is for the log only"));
        }
        self.bytes.extend_from_slice(&output.bytes);
        Ok(())
    }

    fn value<'a>(&'a mut self, _: &'a dyn Executor, _: &'a WorkId) -> BoxFuture<'a, Result<String, OpError>> {
        let text = String::from_utf8(std::mem::take(&mut self.bytes));
        ready(text.map_err(|_| OpError::permanent("docker pread: the output is not UTF-8"))).boxed()
    }
}
