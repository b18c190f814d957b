//! Running an external program: its output in a log, in memory, or as a stream.
//!
//! A program gets an argument vector, an environment that holds only what it is given, a process group of its own
//! and a deadline. It ends in one of five ways:
//!
//! 1. **It exits.** Whatever it left running in its group is killed before anything else happens, then the rest of
//!    its output is read.
//! 2. **Its job is cancelled**, or
//! 3. **its deadline passes.** The group gets SIGTERM, and SIGKILL if the program is still there after its grace.
//!    Meanwhile its output is still read: last words are often the explanation.
//! 4. **Nobody waits any more**: the future or the stream is dropped. The same signals are sent by a task of its own.
//! 5. **The runtime ends.** That task is dropped with it, and what is dropped before its group is over kills it at
//!    once.
//!
//! A signal never reaches a stranger: the group is signalled as long as its leader has not been reaped,
//! and until then nobody else can get its number. What escapes is a program that makes a session of its own
//! (`setsid`), and everything if we are killed with SIGKILL.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tracing::Instrument as _;

pub use self::error::ProcessError;
use self::running::{Running, Terms};
pub use self::tail::Tail;
use crate::job::{Cancel, Job, Log};
use crate::secret::Secrets;

mod error;
mod group;
mod running;
mod tail;

/// A program about to be run. Arguments are data: no shell reads them.
pub struct Process {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    stdin: Option<Bytes>,
    terms: Terms,
}

/// Arguments, environment and input may hold secrets, so only their number is told.
impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("program", &self.program)
            .field("args", &self.args.len())
            .field("env", &self.env.len())
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

impl Process {
    /// How long a program may run when nothing else is said.
    pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(3600);
    /// How long a program may take to end after SIGTERM when nothing else is said; then comes SIGKILL.
    pub const GRACE_DEFAULT: Duration = Duration::from_secs(10);
    /// The `PATH` of a program, and the folders it is itself looked for, unless [`Process::env`] gives another.
    /// It is the only variable that is set by default.
    pub const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    /// How much of the end of a program's complaints is kept for the error, bytes.
    pub const TAIL_BYTES_MAX: usize = 4 << 10;
    /// How many of the last lines appear in an error's message.
    pub const TAIL_LINES_MAX: usize = 5;
    /// How long an exited program's output may be silent before it is taken as over, if something that escaped its
    /// group still holds it open.
    pub const SILENCE_AFTER_EXIT: Duration = Duration::from_secs(1);
    /// The most bytes of one chunk of a stream.
    pub const CHUNK_BYTES_MAX: usize = 64 << 10;

    /// A program by name, looked for in `PATH`, or by path.
    pub fn new(program: impl Into<OsString>) -> Self {
        let program = program.into();
        let name = PathBuf::from(&program);
        let name = name.file_name().unwrap_or(&program).to_string_lossy().into_owned();
        Self {
            args: Vec::new(),
            env: vec![("PATH".into(), Self::PATH_DEFAULT.into())],
            cwd: None,
            stdin: None,
            terms: Terms {
                what: name,
                deadline: Self::DEADLINE_DEFAULT,
                grace: Self::GRACE_DEFAULT,
                cancel: Cancel::new(),
                complaints: None,
                secrets: Secrets::default(),
            },
            program,
        }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable; the last value given for a name is the one that counts.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The directory it runs in; ours, if not given.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// What it reads from standard input; nothing, if not given. A program that ends without reading it all is not
    /// thereby failing.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Bytes>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// How long it may run, from its start. A stream looks at its deadline when it is read.
    #[must_use]
    pub fn deadline(mut self, after: Duration) -> Self {
        self.terms.deadline = after;
        self
    }

    /// How long it may take to end after SIGTERM.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.terms.grace = grace;
        self
    }

    /// What it is called in errors and traces, where its name alone says too little: `git fetch demo`. No secrets.
    #[must_use]
    pub fn what(mut self, what: impl Into<String>) -> Self {
        self.terms.what = what.into();
        self
    }

    /// Its errors tell none of these.
    #[must_use]
    pub fn masking(mut self, secrets: &Secrets) -> Self {
        self.terms.secrets = secrets.clone();
        self
    }

    /// Stops it when the job is cancelled, and copies what it writes to standard error into the job's log. Its errors tell
    /// none of the secrets that are masked there.
    #[must_use]
    pub fn for_job(mut self, job: &Job) -> Self {
        self.terms.cancel = job.cancel().clone();
        self.terms.complaints = Some(job.log().clone());
        self.terms.secrets = job.log().secrets().clone();
        self
    }

    /// Runs it for a job: all output goes to the job's log as it comes, in the order the program wrote it (standard
    /// output and error are one pipe), unchanged.
    ///
    /// # Errors
    ///
    /// See [`ProcessError`]. The error's last lines are those of the whole output.
    pub async fn run(self, job: &Job) -> Result<(), ProcessError> {
        let this = self.for_job(job);
        let span = this.span();
        async {
            let log: &Log = job.log();
            let mut running = this.start(Output::Together)?;
            while let Some(chunk) = running.next().await? {
                log.write(&chunk);
            }
            Ok(())
        }
        .instrument(span)
        .await
    }

    /// Runs it and gives what it wrote to standard output, at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// See [`ProcessError`]; a longer output is [`ProcessError::TooMuch`], and stops the program.
    pub async fn output(self, bytes_max: usize) -> Result<Vec<u8>, ProcessError> {
        let span = self.span();
        async {
            let what = self.terms.what.clone();
            let mut running = self.start(Output::Apart)?;
            let mut output = Vec::new();
            while let Some(chunk) = running.next().await? {
                if output.len() + chunk.len() > bytes_max {
                    return Err(ProcessError::TooMuch { what, bytes_max });
                }
                output.extend_from_slice(&chunk);
            }
            Ok(output)
        }
        .instrument(span)
        .await
    }

    /// Starts it and gives its standard output as it comes, at most [`Process::CHUNK_BYTES_MAX`] at a time; it waits
    /// for its reader. A stream that ends without an error is whole: if the program fails, the last item is an error
    /// that holds a [`ProcessError`]. Dropping the stream stops the program.
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub fn stdout_stream(
        self,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, ProcessError> {
        let span = self.span();
        let running = span.in_scope(|| self.start(Output::Apart))?;
        Ok(futures::stream::try_unfold(running, move |mut running| {
            async move {
                let chunk = running.next().await.map_err(io::Error::other)?;
                Ok(chunk.map(|chunk| (chunk, running)))
            }
            .instrument(span.clone())
        }))
    }

    fn span(&self) -> tracing::Span {
        tracing::info_span!(target: "ci::outside", "child", what = %self.terms.what)
    }

    fn start(self, output: Output) -> Result<Running, ProcessError> {
        let (stdout, stdout_end) = io::pipe().map_err(|e| self.not_started(e))?;
        let (stderr, stderr_end) = match output {
            Output::Together => (None, stdout_end.try_clone().map_err(|e| self.not_started(e))?),
            Output::Apart => {
                let (read, write) = io::pipe().map_err(|e| self.not_started(e))?;
                (Some(read), write)
            }
        };
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).env_clear().process_group(0);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(stdout_end).stderr(stderr_end);
        let child = command.spawn().map_err(|e| self.not_started(e))?;
        // It holds our copies of the writing ends: with them open, reading would never end.
        drop(command);
        Running::new(child, self.stdin, stdout, stderr, self.terms)
    }

    fn not_started(&self, error: io::Error) -> ProcessError {
        let what = self.terms.what.clone();
        if error.kind() == io::ErrorKind::NotFound {
            return match &self.cwd {
                Some(cwd) if !cwd.is_dir() => ProcessError::NoFolder { what, folder: cwd.clone() },
                _ => ProcessError::NotInstalled { program: lossy(&self.program) },
            };
        }
        ProcessError::NotStarted { what, source: error }
    }
}

/// Where standard error goes.
enum Output {
    /// Where standard output goes.
    Together,
    /// To the error's tail and, for a job, to its log.
    Apart,
}

fn lossy(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
