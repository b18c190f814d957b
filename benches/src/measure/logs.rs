//! What a job writes, on its way into its log; and what the engine's steps cost meanwhile.
//!
//! The same bytes go through a pipe into a file by `cat`, and through a pipe into a log, where 20 secrets are masked in
//! all forms and the index is made. Some of the bytes are secrets.
//!
//! A step is that of a chain, from setting its input to seeing its end. What writes beside it takes the processor from it,
//! whoever reads that; so it is compared with what is written to somebody else.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use ci_core::current::{Input, all, build_with, input};
use ci_core::job::{Cancel, HandleSink, Job, Log};
use ci_core::process::Process;
use ci_core::secret::{Secret, Secrets, forms};
use ci_core::{Bind, Bindings, Builder, Engine, JobId, Level, OpError, OpId, Unbound};
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{ROUNDS, note};
use crate::engines::{Running, state_on_disk};
use crate::score::{Score, median};
use crate::shape::{Random, Sizes};

/// A job's output reaches a file.
pub const INGEST: &str = "a job's output, 60 MB";
/// By `job | cat > file`.
const CAT: &str = "cat > file";
/// By a log that masks nothing.
const BARE: &str = "log";
/// By a log that masks 20 secrets.
pub const MASKED: &str = "log, 20 secrets masked";

/// A step of the engine, while a gigabyte is written.
pub const STEP: &str = "W1 a step while 1 GB is written";
/// By nobody.
const QUIET: &str = "not at all";
/// By a process that is not ours, to another.
const ELSEWHERE: &str = "elsewhere";
/// By a job of the engine, whose log masks 20 secrets.
pub const HERE: &str = "by a job";

const STEP_ROUNDS: usize = 5;
/// Steps that are measured where nothing says when to end.
const QUIET_STEPS: usize = 4000;

/// A way to let the engine step: how long a step took.
type StepsOf = fn(&mut Steps) -> f64;

pub(super) fn measure(score: &mut Score, sizes: &Sizes, wanted: &dyn Fn(&str) -> bool) {
    if wanted(INGEST) {
        let output = Output::new(sizes.output);
        let ways: [(&str, &dyn Fn() -> f64); 3] = [
            (CAT, &|| output.cat()),
            (BARE, &|| output.log(&Secrets::default())),
            (MASKED, &|| output.log(&output.secrets)),
        ];
        let mut times = vec![Vec::new(); ways.len()];
        for _ in 0..ROUNDS {
            for ((_, way), times) in ways.iter().zip(&mut times) {
                times.push(way());
            }
        }
        note(score, INGEST, ways.iter().map(|(by, _)| *by), times);
    }
    if wanted(STEP) {
        let mut steps = Steps::new(sizes);
        let ways: [(_, StepsOf); 3] =
            [(QUIET, Steps::quiet), (ELSEWHERE, Steps::elsewhere), (HERE, Steps::here)];
        let mut times = vec![Vec::new(); ways.len()];
        for _ in 0..STEP_ROUNDS {
            for ((_, way), times) in ways.iter().zip(&mut times) {
                times.push(way(&mut steps));
            }
        }
        note(score, STEP, ways.iter().map(|(by, _)| *by), times);
    }
}

/// An engine that makes steps, and may have a job that writes.
struct Steps {
    running: Running,
    chain: Input<u64>,
    job: Input<u64>,
    next: u64,
    seen: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
    output: Arc<Output>,
    times: usize,
}

impl Steps {
    fn new(sizes: &Sizes) -> Self {
        let output = Arc::new(Output::new(sizes.output));
        let (seen, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (chain, first) = input("chain", 0_u64);
        let (job, number) = input("job", 0_u64);
        let last = (0..sizes.chain).fold(first, |node, _| node.map(|x| x + 1));
        let told = seen.clone();
        let last = last.map(move |x| told.store(*x, Relaxed));
        let times = (1_usize << 30).div_ceil(sizes.output);
        let written = build_with(&number, "", "write", |_: &Writer, n| *n);
        let pipeline = || all([last, written.ignore()]);
        let writer = Writer { output: output.clone(), times, ended: ended.clone() };
        let bind = |mut engine: Engine| {
            for secret in output.masked() {
                engine = engine.with_secret(&secret).expect("because they are few");
            }
            engine.with(writer)
        };
        let mut running = Running::start(state_on_disk(), bind, pipeline);
        running.wait(|status| status.outcome.is_ok());
        Self { running, chain, job, next: 0, seen, ended, output, times }
    }

    /// How long half of the steps take at most, until `is_over`.
    fn half(&mut self, mut is_over: impl FnMut() -> bool) -> f64 {
        let (mut waits, end) = (Vec::new(), self.seen.load(Relaxed) - self.next);
        while !is_over() {
            self.next += 1;
            let began = Instant::now();
            self.chain.set(self.next);
            let (seen, wanted) = (&self.seen, self.next + end);
            self.running.wait(|_| seen.load(Relaxed) == wanted);
            waits.push(began.elapsed().as_secs_f64());
        }
        median(&mut waits).expect("because there was time for one")
    }

    fn quiet(&mut self) -> f64 {
        let mut left = QUIET_STEPS;
        self.half(|| {
            left -= 1;
            left == 0
        })
    }

    fn elsewhere(&mut self) -> f64 {
        let mut job = Command::new("cat")
            .args(vec![self.output.path(); self.times])
            .stdout(Stdio::piped())
            .spawn()
            .expect("because every machine has it");
        let pipe = job.stdout.take().expect("because it was asked for");
        let copy = Command::new("cat").stdin(pipe).stdout(Stdio::null()).spawn();
        let mut copy = copy.expect("because the first one was there");
        let half = self.half(|| copy.try_wait().is_ok_and(|ended| ended.is_some()));
        assert!(job.wait().is_ok_and(|status| status.success()));
        half
    }

    fn here(&mut self) -> f64 {
        let ended = self.ended.clone();
        let wanted = ended.load(Relaxed) + 1;
        self.job.set(wanted);
        self.half(|| ended.load(Relaxed) == wanted)
    }
}

/// Writes a gigabyte for each number but 0.
#[derive(Clone)]
struct Writer {
    output: Arc<Output>,
    times: usize,
    ended: Arc<AtomicU64>,
}

impl Bind for Writer {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}

impl Builder for Writer {
    const ID: OpId = OpId::new("write");
    const AUTO_CANCEL: bool = false;
    type Key = u64;
    type Value = ();

    fn level(&self, _: &u64) -> Level {
        Level::Harmless
    }

    async fn build(&self, job: &Job, number: &u64) -> Result<(), OpError> {
        if *number > 0 {
            Process::new("cat").args(vec![self.output.path(); self.times]).run(job).await?;
            self.ended.store(*number, Relaxed);
        }
        Ok(())
    }
}

/// What a job is to write, in a file.
struct Output {
    dir: TempDir,
    bytes: usize,
    secrets: Secrets,
    runtime: Runtime,
}

impl Output {
    fn new(bytes: usize) -> Self {
        let dir = state_on_disk();
        fs::write(dir.path().join("output"), text(bytes, &secrets())).expect("because there is space");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("because threads can be had");
        let output = Self { dir, bytes, secrets: Secrets::default(), runtime };
        for secret in output.masked() {
            output.secrets.add(&secret).expect("because they are few");
        }
        output
    }

    /// What is in it, and is to be masked.
    fn masked(&self) -> impl Iterator<Item = Secret> {
        let named = |(n, secret)| Secret::new(format!("secret-{n}"), secret);
        secrets().into_iter().enumerate().map(named).map(|secret| secret.expect("because it is long enough"))
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("output")
    }

    fn cat(&self) -> f64 {
        let to = self.dir.path().join("copy");
        let file = File::create(&to).expect("because the folder is ours");
        let began = Instant::now();
        let mut job = Command::new("cat")
            .arg(self.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("because every machine has it");
        let pipe = job.stdout.take().expect("because it was asked for");
        let copied = Command::new("cat").stdin(pipe).stdout(file).status();
        let ended = job.wait();
        let took = began.elapsed();
        assert!(copied.is_ok_and(|status| status.success()) && ended.is_ok_and(|status| status.success()));
        self.check(&to);
        took.as_secs_f64()
    }

    fn log(&self, secrets: &Secrets) -> f64 {
        let to = self.dir.path().join("log");
        let log = Log::masked(&to, secrets.clone());
        let job = Job::new(JobId::new(OpId::new("cat"), 0, 0), log, Cancel::new(), Arc::new(NoNotes));
        let began = Instant::now();
        let ran = self.runtime.block_on(self.runtime.spawn({
            let (job, from) = (job.clone(), self.path());
            async move { Process::new("cat").arg(from).run(&job).await }
        }));
        job.log().finish();
        let took = began.elapsed();
        ran.expect("because it does not panic").expect("because the file is there");
        self.check(&to);
        took.as_secs_f64()
    }

    /// What came has as many bytes; and goes again.
    fn check(&self, to: &Path) {
        let written = fs::metadata(to).expect("because it was written").len();
        assert_eq!(written, self.bytes as u64);
        fs::remove_file(to).expect("because it is there");
    }
}

/// Nothing is noted.
struct NoNotes;

impl HandleSink for NoNotes {
    fn record(&self, _: &JobId, _: serde_json::Value) -> BoxFuture<'_, Result<(), OpError>> {
        Box::pin(async { Ok(()) })
    }
}

/// 14 tokens, 4 passwords and 2 private keys.
fn secrets() -> Vec<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut random = Random::default();
    let mut word = |letters: usize| -> String {
        (0..letters).map(|_| char::from(LETTERS[random.below(LETTERS.len())])).collect()
    };
    let mut all: Vec<_> = (0..14).map(|n| format!("ghp_{}", word(20 + n))).collect();
    all.extend((0..4).map(|n| word(8 + n)));
    all.extend((0..2).map(|_| {
        let lines: String = (0..26).map(|_| word(64) + "\n").collect();
        format!("-----BEGIN RSA PRIVATE KEY-----\n{lines}-----END RSA PRIVATE KEY-----\n")
    }));
    all
}

/// What builds say, with a form of a secret in some lines.
fn text(bytes: usize, secrets: &[String]) -> Vec<u8> {
    const SECRET_EACH: usize = 500;
    let forms: Vec<Vec<Vec<u8>>> =
        secrets.iter().map(|secret| forms::of(secret.as_bytes()).into_iter().collect()).collect();
    let (mut text, mut line, mut random) =
        (Vec::with_capacity(bytes + 4096), String::new(), Random::default());
    for n in 0_u64.. {
        if text.len() >= bytes {
            break;
        }
        line.clear();
        let x = random.below(1 << 30);
        let said = match n % 6 {
            0 => writeln!(line, "#12 {}.{} [stage-1 3/7] RUN cargo build --release", x % 900, x % 1000),
            1 => writeln!(line, "   Compiling serde_json v1.0.{} (/src/crates/serde_json)", x % 200),
            2 => writeln!(line, "sha256:{x:08x}{:016x}{x:08x} {} B / 83 MB {}s", x * x, x, x % 60),
            3 => writeln!(
                line,
                "{{\"level\":\"info\",\"id\":{x},\"msg\":\"the layer exists\",\"took\":0.{x}}}"
            ),
            4 => writeln!(line, "warning: unused variable: `x{x}` --> src/main.rs:{}:{}", x % 999, x % 80),
            _ => writeln!(line, "test tests::number_{x} ... ok"),
        };
        said.expect("because a text takes all");
        text.extend_from_slice(line.as_bytes());
        if random.below(SECRET_EACH) == 0 {
            let of_one = &forms[random.below(forms.len())];
            text.extend_from_slice(b"export TOKEN=");
            text.extend_from_slice(&of_one[random.below(of_one.len())]);
            text.push(b'\n');
        }
    }
    text.truncate(bytes);
    text
}
