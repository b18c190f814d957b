use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use ci_core::current::{Pending, all, build_with};
use ci_core::event::Phase;
use ci_core::log_rules::{LogRule, RuleRefused};
use ci_core::{Bind, Bindings, Builder, Current, FailureKind, Job, Level, OpError, OpId, Pace, Unbound};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::{Answer, Ci, Name, PATIENCE, World, brisk, head, make, name};

type Act = dyn Fn(&Job) -> Result<(), OpError> + Send + Sync;

/// What the compiler does.
#[derive(Clone)]
struct Script(Arc<Act>);

impl Script {
    fn of(script: impl Fn(&Job) -> Result<(), OpError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(script))
    }

    /// Prints, and fails.
    fn that_fails(output: &'static str, kind: FailureKind) -> Self {
        Self::of(move |job| {
            job.write(output.as_bytes());
            Err(OpError::new(kind, "the compiler failed: exit code 1").with_hint("see its log"))
        })
    }
}

struct Compile(Script);

impl Bind for Compile {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on).map(Self)
    }
}

impl Builder for Compile {
    const ID: OpId = OpId::new("compile");
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = Name;

    fn level(&self, _: &Name) -> Level {
        Level::Average
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        (self.0.0)(job)?;
        Ok(key.clone())
    }
}

fn compile(input: &Current<u32>) -> Current<()> {
    all([build_with(&name(input), ci_core::DEFAULT, "compile", |_: &Compile, n: &Name| n.clone()).ignore()])
}

fn exit() -> LogRule {
    LogRule::new(r"^Make exited with status (\d+)$", r"exit(\1)", 10).unwrap()
}

const OUTPUT: &str = "cc main.c\nMake exited with status 2\nbye";

/// The lines of a job's log, without the time.
fn log(ci: &Ci, job: &ci_core::JobId) -> Vec<String> {
    let text = std::fs::read_to_string(ci.handle.store().log_path(job)).unwrap();
    text.lines().map(|line| line.split_once("UTC  ").map_or(line, |(_, said)| said).to_owned()).collect()
}

fn with_rules(engine: ci_core::Engine, script: Script) -> ci_core::Engine {
    engine.with(script).with_log_rules([exit()]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_status_the_record_and_the_log() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let script = Script::that_fails(OUTPUT, FailureKind::Permanent);
    let mut ci = Ci::with(state.path(), &world, |e| with_rules(e, script), || compile(&head("main")));
    let job = ci.fails("1", FailureKind::Permanent).await;
    assert_eq!(ci.failed().await, "exit(2) (hint: see its log)");
    let failure = ci.handle.store().job(&job).unwrap().outcome.unwrap().result.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Permanent, "exit(2)"));
    let expected = [
        "compile: 1",
        "cc main.c",
        "Make exited with status 2",
        "bye",
        "Failed (permanent): the compiler failed: exit code 1",
        "Hint: see its log",
        r"Log rule `^Make exited with status (\d+)$` (score 10): exit(2)",
    ];
    assert_eq!(log(&ci, &job), expected);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_adds_nothing_where_none_matches_or_nothing_failed() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let script = Script::of(|job| {
        job.write(OUTPUT.as_bytes());
        Ok(())
    });
    let mut ci = Ci::with(state.path(), &world, |e| with_rules(e, script), || compile(&head("main")));
    let job = ci.ok("1").await;
    assert_eq!(log(&ci, &job), ["compile: 1", "cc main.c", "Make exited with status 2", "bye"]);
    ci.stop().await;

    let state = tempfile::tempdir().unwrap();
    let script = Script::that_fails("Make is tired", FailureKind::Permanent);
    let mut ci = Ci::with(state.path(), &world, |e| with_rules(e, script), || compile(&head("main")));
    let job = ci.fails("1", FailureKind::Permanent).await;
    assert_eq!(ci.failed().await, "the compiler failed: exit code 1 (hint: see its log)");
    assert_eq!(log(&ci, &job).last().unwrap(), "Hint: see its log");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn also_by_what_the_operation_itself_said() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let rule = LogRule::new(r"compiler failed: exit code (\d+)$", r"cc: \1", 1).unwrap();
    let script = Script::that_fails(OUTPUT, FailureKind::Permanent);
    let set = |engine: ci_core::Engine| engine.with(script).with_log_rules([rule]).unwrap();
    let ci = Ci::with(state.path(), &world, set, || compile(&head("main")));
    assert_eq!(ci.failed().await, "cc: 1 (hint: see its log)");
    ci.stop().await;
}

/// Its log tells what the person stopped, not why it failed.
#[tokio::test(flavor = "multi_thread")]
async fn but_not_of_one_that_a_person_stopped() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.answer("make image.1", Answer::Hold);
    let rule = LogRule::new("making", "made", 1).unwrap();
    let set = |engine: ci_core::Engine| engine.with_log_rules([rule]).unwrap();
    let mut ci = Ci::with(state.path(), &world, set, || all([make("image", &head("main")).ignore()]));
    let job = ci.job("image.1", |phase| *phase == Phase::Running).await;
    world.is_held("make image.1").await;
    ci.handle.cancel(job.clone(), "ada").await.unwrap();
    assert_eq!(ci.failed().await, "cancelled: by ada");
    assert_eq!(log(&ci, &job).last().unwrap(), "Failed (cancelled): cancelled: by ada");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_changes_nothing_of_whether_it_is_tried_again() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let script = Script::of(|job| {
        job.write(OUTPUT.as_bytes());
        if job.attempt() == 2 { Ok(()) } else { Err(OpError::transient("the compiler was cut off")) }
    });
    let mut ci = Ci::with(state.path(), &world, |e| with_rules(e, script), || compile(&head("main")));
    let retried = |phase: &Phase| match phase {
        Phase::Failed { failure, retry_at_ms: Some(_) } => failure.message == "exit(2)",
        _ => false,
    };
    let first = ci.job("1", retried).await;
    assert_ne!(ci.ok("1").await, first);
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_when_it_is_added_until_it_is_removed_also_after_a_restart() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let start = || {
        let script = Script::that_fails(OUTPUT, FailureKind::Permanent);
        Ci::with(state.path(), &world, |e| e.with(script), || compile(&head("main")))
    };
    let told = "the compiler failed: exit code 1 (hint: see its log)";
    let mut ci = start();
    ci.fails("1", FailureKind::Permanent).await;
    assert_eq!(ci.failed().await, told, "there are no rules");
    let worse = LogRule::new("cc", "the compiler ran", 1).unwrap();
    assert_eq!(ci.handle.add_log_rule(worse.clone()).await, Ok(None));
    assert_eq!(ci.handle.add_log_rule(exit()).await, Ok(None));
    assert_eq!(ci.handle.log_rules(), [exit(), worse.clone()]);
    let handle = ci.handle.clone();
    ci.stop().await;
    assert_eq!(handle.remove_log_rule("cc").await, Err(RuleRefused::Stopping));

    world.set("main", 2);
    let mut ci = start();
    assert_eq!(ci.handle.log_rules(), [exit(), worse.clone()]);
    ci.fails("2", FailureKind::Permanent).await;
    assert_eq!(ci.failed().await, "exit(2) (hint: see its log)");
    assert_eq!(ci.handle.remove_log_rule(exit().pattern()).await, Ok(exit()));
    world.set("main", 3);
    ci.fails("3", FailureKind::Permanent).await;
    ci.until(|s| format!("{s:?}").contains("the compiler ran")).await;
    ci.handle.remove_log_rule("cc").await.unwrap();
    assert_eq!(
        ci.handle.remove_log_rule("cc").await,
        Err(RuleRefused::NoSuchRule("cc".to_owned())),
        "it is gone"
    );
    ci.stop().await;
}

/// So much fits into no pipe: when it is written, the pipe is being read.
static MORE_THAN_A_PIPE: [u8; 1 << 20] = [b'-'; 1 << 20];

/// A compiler that fails, and its log, which can be read only as fast as the test writes it. Who opens it when its other
/// end is gone already waits for ever.
fn slow_log(kind: FailureKind) -> (Script, mpsc::UnboundedReceiver<File>) {
    let (tell, told) = mpsc::unbounded_channel();
    let script = Script::of(move |job| {
        let path = job.log().path();
        std::fs::remove_file(path).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        tell.send(File::options().read(true).write(true).open(path).unwrap()).unwrap();
        Err(OpError::new(kind, "the compiler failed"))
    });
    (script, told)
}

/// Everything but the log's reader shares one thread here, so nothing would move if it were read there.
#[tokio::test]
async fn and_all_goes_on_while_a_log_is_read() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    world.set("other", 1);
    let (script, mut pipe) = slow_log(FailureKind::Permanent);
    let pipeline = || all([compile(&head("main")), make("other", &head("other")).ignore()]);
    let mut ci = Ci::with(state.path(), &world, |e| with_rules(e, script), pipeline);
    let mut log = timeout(PATIENCE, pipe.recv()).await.expect("it is opened").unwrap();
    ci.ok("other.1").await;
    world.set("other", 2);
    ci.ok("other.2").await;
    ci.until(|status| matches!(&status.outcome, Err(Pending::Active(_)))).await;
    log.write_all(&MORE_THAN_A_PIPE).unwrap();
    log.write_all(format!("\n{OUTPUT}").as_bytes()).unwrap();
    drop(log); // the log ends here
    assert_eq!(ci.failed().await, "exit(2)");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unless_a_person_stops_it_while_its_log_is_read() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let (script, mut pipe) = slow_log(FailureKind::Transient);
    let mut ci = Ci::with(state.path(), &world, |e| with_rules(e, script), || compile(&head("main")));
    let job = ci.job("1", |phase| *phase == Phase::Running).await;
    let mut log = timeout(PATIENCE, pipe.recv()).await.expect("it is opened").unwrap();
    let written = tokio::task::spawn_blocking(move || {
        log.write_all(&MORE_THAN_A_PIPE).unwrap();
        log
    });
    let log = written.await.unwrap();
    ci.handle.cancel(job.clone(), "ada").await.unwrap();
    drop(log);
    assert_eq!(ci.fails("1", FailureKind::Cancelled).await, job);
    assert_eq!(ci.failed().await, "cancelled: by ada");
    ci.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unless_its_log_takes_too_long_to_read() {
    let (state, world) = (tempfile::tempdir().unwrap(), World::default());
    world.set("main", 1);
    let (script, mut pipe) = slow_log(FailureKind::Permanent);
    let hasty = Pace { log_rules: std::time::Duration::ZERO, ..brisk() };
    let set = |engine| with_rules(engine, script).paced(hasty);
    let ci = Ci::with(state.path(), &world, set, || compile(&head("main")));
    let mut log = timeout(PATIENCE, pipe.recv()).await.expect("it is opened").unwrap();
    assert_eq!(ci.failed().await, "the compiler failed");
    // Its reader may not even have opened it: it finds something to read whenever it does, and then sees that nobody waits.
    log.write_all(b"\n").unwrap();
    std::mem::forget(log);
    ci.stop().await;
}
