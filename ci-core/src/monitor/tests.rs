//! A monitor that a test moves by hand, on tokio's turned clock: a pause ends when nothing else is left to do.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::*;
use crate::incr::{Compute, Cx, Graph};
use crate::secret::Secrets;

/// What is watched, and what was done to it.
#[derive(Default)]
struct Outside {
    did: Mutex<Vec<String>>,
    /// An action is under way.
    busy: AtomicBool,
    /// Whether the next subscription may be made.
    open: Notify,
    answers: Mutex<Option<oneshot::Sender<Answer>>>,
    changed: Notify,
    began: Mutex<Option<Instant>>,
}

enum Answer {
    Is(u32),
    Fails(OpError),
    Panics,
}

impl Outside {
    fn did(&self, what: &str) {
        let began = *self.began.lock().unwrap().get_or_insert_with(Instant::now);
        self.did.lock().unwrap().push(format!("{what} at {}", began.elapsed().as_secs()));
    }

    /// What was done since the last time, without when.
    fn deeds(&self) -> Vec<String> {
        let did = std::mem::take(&mut *self.did.lock().unwrap());
        did.into_iter().map(|did| did.split(' ').next().unwrap().to_owned()).collect()
    }

    fn act(self: &Arc<Self>, what: &str) -> Action {
        self.did(what);
        assert!(!self.busy.swap(true, Ordering::Relaxed), "{what} while another action is under way");
        Action(self.clone())
    }

    /// Answers the read that waits.
    fn answer(&self, answer: Answer) {
        let waiting = self.answers.lock().unwrap().take().expect("a read waits");
        assert!(waiting.send(answer).is_ok(), "it waits still");
    }
}

struct Action(Arc<Outside>);

impl Drop for Action {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

struct ByHand(Arc<Outside>);

struct Subscription(Arc<Outside>);

impl Drop for Subscription {
    fn drop(&mut self) {
        drop(self.0.act("unwatch"));
    }
}

impl Watch for Subscription {
    async fn changed(&mut self) {
        self.0.changed.notified().await;
    }
}

impl Monitor for ByHand {
    type Value = u32;
    type Watch = Subscription;

    fn label(&self) -> String {
        "hand".to_owned()
    }

    async fn watch(&self) -> Subscription {
        let _action = self.0.act("watch");
        self.0.open.notified().await;
        Subscription(self.0.clone())
    }

    async fn read(&self) -> Result<u32, OpError> {
        let _action = self.0.act("read");
        let (answer, answered) = oneshot::channel();
        *self.0.answers.lock().unwrap() = Some(answer);
        match answered.await.unwrap() {
            Answer::Is(value) => Ok(value),
            Answer::Fails(error) => Err(error),
            Answer::Panics => panic!("the read panics"),
        }
    }
}

struct Cell;

impl Compute<()> for Cell {
    type Value = ();

    fn recompute(&mut self, _: &mut Cx<'_, ()>) -> bool {
        false
    }

    fn value(&self) -> &() {
        &()
    }
}

/// All of an engine that monitors need.
struct Bench {
    monitors: Monitors,
    mailbox: mpsc::Receiver<Message>,
    outside: Arc<Outside>,
    node: Id,
    /// How many messages came.
    heard: usize,
}

impl Bench {
    fn new() -> Self {
        let (tell, mailbox) = mpsc::channel(16);
        let (events, runtime) = (Events::new(Secrets::default()), tokio::runtime::Handle::current());
        let monitors = Monitors::new(events, runtime, tell, Pace::default(), Doubts::default());
        let node = Graph::new(()).insert(&[], Cell).id();
        Self { monitors, mailbox, outside: Arc::default(), node, heard: 0 }
    }

    fn want(&mut self) -> Watched {
        self.monitors.want(self.node, &Arc::new(ByHand(self.outside.clone())))
    }

    /// Ends a step.
    fn settle(&mut self) {
        self.monitors.settle();
    }

    /// Until nothing moves any more.
    async fn rest(&mut self) {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            while let Ok(message) = self.mailbox.try_recv() {
                self.heard += 1;
                let _ = self.monitors.hear(message);
            }
            self.settle();
        }
    }

    /// Until it has read `value` for the first time.
    async fn read(&mut self, value: u32) -> Watched {
        let watched = self.want();
        self.outside.open.notify_one();
        self.rest().await;
        self.outside.answer(Answer::Is(value));
        self.rest().await;
        assert_eq!(self.shows(&watched), value.to_string());
        assert_eq!(self.outside.deeds(), ["watch", "read"]);
        watched
    }

    /// Until a read waits for its answer.
    async fn asked(&mut self) {
        while self.outside.answers.lock().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn shows(&self, watched: &Watched) -> String {
        match self.monitors.read(watched) {
            Reading::Value(value) => value.downcast_ref::<u32>().unwrap().to_string(),
            Reading::Active(activity) => activity.to_string(),
            Reading::Failed(failure) => format!("failed: {failure}"),
        }
    }

    fn refreshing(&self, watched: &Watched) -> Option<Activity> {
        self.monitors.refreshing(watched.instance())
    }

    fn stale(&self, watched: &Watched) -> Option<String> {
        self.monitors.stale(watched.instance()).map(|failure| failure.to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_watched_before_it_is_read() {
    let mut bench = Bench::new();
    let watched = bench.want();
    bench.rest().await;
    assert_eq!(bench.outside.deeds(), ["watch"], "no read before the subscription is there");
    assert_eq!(bench.shows(&watched), "running");
    bench.outside.open.notify_one();
    bench.rest().await;
    assert_eq!(bench.outside.deeds(), ["read"]);
    bench.outside.answer(Answer::Is(1));
    bench.rest().await;
    assert_eq!(bench.shows(&watched), "1");
}

#[tokio::test(start_paused = true)]
async fn three_changes_during_a_read_are_one_more_read() {
    let mut bench = Bench::new();
    let watched = bench.read(1).await;
    bench.outside.changed.notify_one();
    bench.rest().await;
    for _ in 0..3 {
        bench.outside.changed.notify_one();
        bench.rest().await;
    }
    bench.outside.answer(Answer::Is(2));
    bench.rest().await;
    assert_eq!(bench.shows(&watched), "2");
    bench.outside.answer(Answer::Is(3));
    bench.rest().await;
    assert_eq!(bench.shows(&watched), "3");
    assert_eq!(bench.outside.deeds(), ["read", "read"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_value_stays_while_it_is_read_again() {
    let mut bench = Bench::new();
    let watched = bench.read(1).await;
    for read in [1, 2] {
        bench.outside.changed.notify_one();
        bench.rest().await;
        assert_eq!(bench.refreshing(&watched), None, "not before it takes a while");
        tokio::time::sleep(REFRESH_TOLD).await;
        bench.rest().await;
        assert_eq!(bench.shows(&watched), "1");
        assert_eq!(bench.refreshing(&watched), Some(Activity::Running));
        bench.outside.answer(Answer::Is(read));
        bench.rest().await;
        assert_eq!((bench.shows(&watched), bench.refreshing(&watched)), (read.to_string(), None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_quick_look_at_what_did_not_change_moves_nothing() {
    let mut bench = Bench::new();
    let _watched = bench.read(1).await;
    bench.heard = 0;
    for _ in 0..10 {
        bench.outside.changed.notify_one();
        bench.rest().await;
        bench.outside.answer(Answer::Is(1));
        bench.rest().await;
    }
    assert_eq!((bench.outside.deeds().len(), bench.heard), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_is_not_watched_and_its_value_is_forgotten() {
    let mut bench = Bench::new();
    let watched = bench.read(1).await;
    let second = bench.want();
    drop(watched);
    bench.settle();
    bench.rest().await;
    assert_eq!(bench.outside.deeds(), [""; 0], "somebody else wants it");
    drop(second);
    bench.settle();
    bench.rest().await;
    assert_eq!(bench.outside.deeds(), ["unwatch"]);
    assert!(bench.monitors.instances.is_empty() && bench.monitors.by_label.is_empty());
    let watched = bench.want();
    assert_eq!(bench.shows(&watched), "running", "not what it was before");
    bench.rest().await;
    assert_eq!(bench.outside.deeds(), ["watch"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_and_wanted_again_in_one_step_is_watched_on() {
    let mut bench = Bench::new();
    let watched = bench.read(1).await;
    drop(watched);
    let watched = bench.want();
    bench.settle();
    bench.rest().await;
    assert_eq!((bench.shows(&watched), bench.outside.deeds()), ("1".to_owned(), vec![]));
}

#[tokio::test(start_paused = true)]
async fn wanted_again_before_the_end_it_keeps_its_value_and_begins_anew() {
    let mut bench = Bench::new();
    let watched = bench.read(1).await;
    // In the middle of a read: that has to end first, too.
    bench.outside.changed.notify_one();
    bench.rest().await;
    assert_eq!(bench.outside.deeds(), ["read"]);
    drop(watched);
    bench.settle();
    let watched = bench.want();
    assert_eq!((bench.shows(&watched), bench.outside.deeds()), ("1".to_owned(), vec![]));
    bench.rest().await;
    assert_eq!(bench.outside.deeds(), ["unwatch", "watch"]);
    bench.outside.open.notify_one();
    bench.rest().await;
    assert_eq!((bench.shows(&watched), bench.outside.deeds()), ("1".to_owned(), vec!["read".to_owned()]));
    bench.outside.answer(Answer::Is(2));
    bench.rest().await;
    assert_eq!(bench.shows(&watched), "2");
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_is_tried_again_ever_more_seldom_until_it_works() {
    let mut bench = Bench::new();
    let watched = bench.read(7).await;
    bench.outside.changed.notify_one();
    *bench.outside.began.lock().unwrap() = None;
    for why in ["no route", "no route", "no answer"].into_iter().cycle().take(9) {
        bench.rest().await;
        bench.outside.answer(Answer::Fails(OpError::transient(why)));
        bench.rest().await;
        assert_eq!(bench.shows(&watched), "7", "the last good value is kept");
        assert_eq!(bench.stale(&watched).as_deref(), Some(why), "and nobody takes it for fresh");
        bench.outside.open.notify_one();
        bench.asked().await;
    }
    let did = bench.outside.did.lock().unwrap().clone();
    let reads: Vec<_> = did.iter().filter_map(|did| did.strip_prefix("read at ")).collect();
    assert_eq!(reads, ["0", "1", "3", "7", "15", "31", "63", "123", "183", "243"], "a minute at most");
    bench.outside.answer(Answer::Is(8));
    bench.rest().await;
    assert_eq!((bench.shows(&watched), bench.stale(&watched)), ("8".to_owned(), None));
    // The next failure begins with the shortest pause again.
    bench.outside.did.lock().unwrap().clear();
    *bench.outside.began.lock().unwrap() = None;
    bench.outside.changed.notify_one();
    bench.rest().await;
    bench.outside.answer(Answer::Panics);
    bench.rest().await;
    assert_eq!(bench.shows(&watched), "failed: reading hand panicked");
    bench.outside.open.notify_one();
    bench.asked().await;
    assert_eq!(bench.outside.did.lock().unwrap().last().unwrap(), "read at 1");
    bench.outside.answer(Answer::Is(9));
    bench.rest().await;
    assert_eq!(bench.shows(&watched), "9");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_always_says_changed_is_slowed() {
    struct Restless(Arc<Mutex<Vec<Instant>>>);
    struct Always;
    impl Watch for Always {
        async fn changed(&mut self) {}
    }
    impl Monitor for Restless {
        type Value = u32;
        type Watch = Always;

        fn label(&self) -> String {
            "restless".to_owned()
        }

        async fn watch(&self) -> Always {
            Always
        }

        async fn read(&self) -> Result<u32, OpError> {
            self.0.lock().unwrap().push(Instant::now());
            Ok(1)
        }
    }
    let mut bench = Bench::new();
    let reads = Arc::<Mutex<Vec<Instant>>>::default();
    let _watched = bench.monitors.want(bench.node, &Arc::new(Restless(reads.clone())));
    let few = AT_ONCE_MAX as usize + 1;
    while reads.lock().unwrap().len() < few + 3 {
        bench.rest().await;
    }
    let reads = reads.lock().unwrap();
    let pauses: Vec<_> = reads.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses[..few - 1].iter().all(|pause| *pause < AT_ONCE_PAUSE), "{pauses:?}");
    assert!(pauses[few - 1..].iter().all(|pause| *pause >= AT_ONCE_PAUSE), "{pauses:?}");
}
