//! Real programs: how they run, how they fail, and that nothing of them is left.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::{OpenOptions, Receiver};

use super::{Process, ProcessError};
use crate::error::{FailureKind, OpError};
use crate::ids::{JobId, OpId};
use crate::job::{Cancel, HandleSink, Job, Log};
use crate::secret::{Secret, Secrets};

struct NoNotes;

impl HandleSink for NoNotes {
    fn record(&self, _: &JobId, _: serde_json::Value) -> BoxFuture<'_, Result<(), OpError>> {
        async { Ok(()) }.boxed()
    }
}

fn job_in(folder: &Path) -> Job {
    job_masking(folder, Secrets::default())
}

fn job_masking(folder: &Path, secrets: Secrets) -> Job {
    let log = Log::masked(folder.join("log"), secrets);
    Job::new(JobId::new(OpId::new("test"), 0, 1), log, Cancel::new(), Arc::new(NoNotes))
}

fn sh(script: &str) -> Process {
    Process::new("sh").arg("-c").arg(script)
}

/// A pipe that a script and its children hold open at `$FIFO`: it says what they write, and ends when they are gone.
struct Lifeline {
    folder: TempDir,
    end: Receiver,
}

impl Lifeline {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let end = OpenOptions::new().open_receiver(&path).unwrap();
        Self { folder, end }
    }

    /// A script with the pipe open as 3.
    fn sh(&self, script: &str) -> Process {
        sh(&format!("exec 3>\"$FIFO\"; {script}")).env("FIFO", self.folder.path().join("fifo"))
    }

    async fn hears(&mut self, word: &str) {
        let mut heard = vec![0; word.len()];
        self.end.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, word.as_bytes());
    }

    /// Everybody who held it is gone.
    async fn ends(&mut self) -> String {
        let mut rest = String::new();
        self.end.read_to_string(&mut rest).await.unwrap();
        rest
    }
}

#[tokio::test]
async fn output_of_both_kinds_reaches_the_log_in_order_and_unchanged() {
    let folder = TempDir::new().unwrap();
    let job = job_in(folder.path());
    sh(r"printf '1\377'; printf '2\033[31m' >&2; printf '3\r\n'").run(&job).await.unwrap();
    assert_eq!(std::fs::read(job.log().path()).unwrap(), b"1\xff2\x1b[31m3\r\n");
}

#[tokio::test]
async fn arguments_are_data_and_the_environment_is_only_what_is_given() {
    let hostile = "$(touch x); `id` '\"\n--\u{202e}";
    let said = Process::new("printf").args(["%s", hostile]).output(1000).await.unwrap();
    assert_eq!(said, hostile.as_bytes());

    let said = Process::new("env").env("A", "1").env("A", "2").output(1000).await.unwrap();
    assert_eq!(String::from_utf8(said).unwrap(), format!("A=2\nPATH={}\n", Process::PATH_DEFAULT));
}

#[tokio::test]
async fn input_larger_than_a_pipe_goes_through_and_unwanted_input_is_no_failure() {
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(Process::new("cat").stdin(bytes.clone()).output(bytes.len()).await.unwrap(), bytes);
    assert_eq!(sh("exec 0<&-; echo fine").stdin(bytes).output(10).await.unwrap(), b"fine\n");
    assert_eq!(Process::new("cat").output(10).await.unwrap(), b"");
}

#[tokio::test]
async fn what_a_program_reads_is_in_no_log_and_no_error_also_if_it_tells() {
    let folder = TempDir::new().unwrap();
    let secrets = Secrets::default();
    secrets.add(&Secret::new("password", "hunter2").unwrap()).unwrap();
    let job = job_masking(folder.path(), secrets);
    let script = "read -r password; test \"$password\" = hunter2 && ! read -r more && echo it has it; exit 3";
    let error = sh(script).stdin("hunter2\n").run(&job).await.unwrap_err();
    assert_eq!(error.to_string(), "sh failed (exit status: 3): it has it");
    let error = sh("cat; exit 3").stdin("me:hunter2\n").run(&job).await.unwrap_err();
    assert_eq!(error.to_string(), "sh failed (exit status: 3): me:*******");
    job.log().finish();
    assert_eq!(std::fs::read(job.log().path()).unwrap(), b"it has it\nme:*******\n");
}

#[tokio::test]
async fn a_failure_names_the_status_and_the_last_lines() {
    let folder = TempDir::new().unwrap();
    let job = job_in(folder.path());
    let script = r"for i in 1 2 3 4 5 6 7; do printf 'line\033 %s\r' $i >&2; done; echo out; exit 3";
    let error = sh(script).what("the script").for_job(&job).output(100).await.unwrap_err();
    assert_eq!(error.code(), Some(3));
    let error = OpError::from(error);
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(error.message(), "the script failed (exit status: 3): line 3; line 4; line 5; line 6; line 7");
    let log = std::fs::read_to_string(job.log().path()).unwrap();
    assert!(log.starts_with("line\u{1b} 1\r") && !log.contains("out"), "only complaints are copied: {log:?}");

    // The end of endless complaints is kept, and no more.
    let script = "i=0; while [ $i -lt 2000 ]; do echo complaint $i >&2; i=$((i+1)); done; exit 1";
    let error = sh(script).output(0).await.unwrap_err();
    assert!(error.complaints().len() <= Process::TAIL_BYTES_MAX);
    assert!(error.to_string().ends_with("complaint 1998; complaint 1999"), "{error}");
}

#[tokio::test]
async fn a_program_killed_by_others_failed_by_infrastructure() {
    let error = OpError::from(sh("kill -KILL $$").output(0).await.unwrap_err());
    assert_eq!(error.kind(), FailureKind::Infrastructure);
    assert_eq!(error.message(), "sh failed (signal: 9 (SIGKILL))");
    let error = OpError::from(sh("kill -SEGV $$").output(0).await.unwrap_err());
    assert_eq!(error.kind(), FailureKind::Permanent);
}

#[tokio::test]
async fn a_missing_program_and_a_missing_folder_are_told_apart() {
    let error = OpError::from(Process::new("no-such-program").output(0).await.unwrap_err());
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(error.message(), "no-such-program is not installed");
    assert_eq!(error.hint(), Some("install no-such-program, or add its folder to PATH"));

    let error = sh("true").cwd("/no/such/folder").output(0).await.unwrap_err();
    assert_eq!(error.to_string(), "sh: there is no directory /no/such/folder");

    let error = OpError::from(sh("true").arg("nul\0byte").output(0).await.unwrap_err());
    assert!(error.message().starts_with("sh can't be started: "), "{error}");
}

#[tokio::test]
async fn more_output_than_allowed_is_refused_and_exactly_as_much_is_not() {
    assert_eq!(sh("printf 12345").output(5).await.unwrap(), b"12345");
    let mut lifeline = Lifeline::new();
    let error = lifeline.sh("yes").output(100_000).await.unwrap_err();
    assert_eq!(error.to_string(), "sh gave more than 100000 bytes");
    lifeline.ends().await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let mut lifeline = Lifeline::new();
    let said = lifeline.sh("(trap '' TERM; exec sleep 1000) & echo done").output(10).await.unwrap();
    assert_eq!(said, b"done\n");
    lifeline.ends().await;
}

#[tokio::test]
async fn one_that_escaped_its_group_holds_nobody_up() {
    let mut lifeline = Lifeline::new();
    let script =
        r#"mkfifo ready; setsid sh -c 'echo $$ >ready; exec sleep 1000' & read pid <ready; echo $pid"#;
    let folder = lifeline.folder.path().to_owned();
    let said = String::from_utf8(lifeline.sh(script).cwd(folder).output(10).await.unwrap()).unwrap();
    let escaped = rustix::process::Pid::from_raw(said.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(escaped, rustix::process::Signal::KILL).expect("it is still there");
    lifeline.ends().await;
}

#[tokio::test]
async fn a_cancelled_job_ends_the_whole_group_and_says_why() {
    let folder = TempDir::new().unwrap();
    let job = job_in(folder.path());
    let mut lifeline = Lifeline::new();
    let script = "trap 'echo last words; exit 0' TERM; sleep 1000 & printf go >&3; wait";
    let run = lifeline.sh(script).run(&job);
    let cancel = job.cancel().clone();
    let (result, ()) = tokio::join!(run, async {
        lifeline.hears("go").await;
        cancel.cancel("asked by a test");
    });
    let error = OpError::from(result.unwrap_err());
    assert_eq!((error.kind(), error.message()), (FailureKind::Cancelled, "cancelled: asked by a test"));
    assert_eq!(std::fs::read(job.log().path()).unwrap(), b"last words\n");
    lifeline.ends().await;
}

#[tokio::test]
async fn one_that_ignores_term_is_killed_after_its_grace() {
    let mut lifeline = Lifeline::new();
    let script = "trap '' TERM; printf go >&3; while :; do sleep 1000; done";
    let process = lifeline.sh(script).deadline(Duration::from_millis(300)).grace(Duration::from_millis(100));
    let error = process.output(10).await.unwrap_err();
    assert!(matches!(error, ProcessError::Late { .. }), "{error}");
    let error = OpError::from(error);
    assert_eq!((error.kind(), error.message()), (FailureKind::Transient, "sh was stopped after 300 ms"));
    lifeline.hears("go").await;
    lifeline.ends().await;
}

#[tokio::test]
async fn a_dropped_future_leaves_nothing_not_even_those_who_ignore_term() {
    let mut lifeline = Lifeline::new();
    let script = "trap '' TERM; (sleep 1000; :) & printf go >&3; while :; do sleep 1000; done";
    let run = lifeline.sh(script).grace(Duration::from_millis(50)).output(10);
    tokio::select! {
        _ = run => panic!("it never ends by itself"),
        () = lifeline.hears("go") => {}
    }
    lifeline.ends().await;
}

#[tokio::test]
async fn a_dropped_future_asks_politely_first() {
    let mut lifeline = Lifeline::new();
    let script = "trap 'printf bye >&3; exit' TERM; sleep 1000 & printf go >&3; wait";
    let run = lifeline.sh(script).grace(Duration::from_secs(600)).output(10);
    tokio::select! {
        _ = run => panic!("it never ends by itself"),
        () = lifeline.hears("go") => {}
    }
    assert_eq!(lifeline.ends().await, "bye");
}

#[test]
fn the_end_of_the_runtime_kills_at_once() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (folder, end) = first.block_on(async {
        let mut lifeline = Lifeline::new();
        let script = "trap '' TERM; printf go >&3; while :; do sleep 1000; done";
        tokio::spawn(lifeline.sh(script).grace(Duration::from_secs(600)).output(10));
        lifeline.hears("go").await;
        (lifeline.folder, lifeline.end.into_nonblocking_fd().unwrap())
    });
    drop(first);
    runtime().block_on(async {
        Lifeline { folder, end: Receiver::from_owned_fd(end).unwrap() }.ends().await;
    });
}

#[tokio::test]
async fn a_stream_gives_all_bytes_and_ends_with_the_failure() {
    let stream = sh("head -c 200000 /dev/zero; echo broken >&2; exit 2").stdout_stream().unwrap();
    let (bytes, errors) = stream
        .fold((0, Vec::new()), |(bytes, mut errors), item| async move {
            match item {
                Ok(chunk) => {
                    assert!(chunk.len() <= Process::CHUNK_BYTES_MAX);
                    (bytes + chunk.len(), errors)
                }
                Err(error) => {
                    errors.push(error.to_string());
                    (bytes, errors)
                }
            }
        })
        .await;
    assert_eq!((bytes, errors), (200_000, vec!["sh failed (exit status: 2): broken".to_owned()]));

    let mut stream = Box::pin(sh("echo whole").stdout_stream().unwrap());
    assert_eq!(stream.next().await.unwrap().unwrap(), "whole\n");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_dropped_stream_stops_its_program() {
    let mut lifeline = Lifeline::new();
    let mut stream = Box::pin(lifeline.sh("yes").stdout_stream().unwrap());
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    lifeline.ends().await;
}

#[tokio::test]
async fn many_at_once_all_end() {
    let runs = (0..40).map(|n| sh(&format!("exit {}", n % 7)).output(0));
    let codes: Vec<_> =
        futures::future::join_all(runs).await.into_iter().map(|r| r.err().and_then(|e| e.code())).collect();
    let expected: Vec<_> = (0..40).map(|n| Some(n % 7).filter(|n| *n != 0)).collect();
    assert_eq!(codes, expected);
}

#[test]
fn a_program_that_is_printed_shows_no_argument_variable_or_input() {
    let program = Process::new("/bin/tool").arg("--token=hunter2").env("TOKEN", "hunter3").stdin("hunter4");
    let shown = format!("{program:?}");
    assert!(shown.contains("tool") && !shown.contains("hunter") && !shown.contains("TOKEN"), "{shown}");
}
