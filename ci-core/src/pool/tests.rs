//! Slots given and taken, on the runtime.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::future::join_all;

use super::*;

fn ask(repository: &str) -> Ask {
    Ask { share: Share::of(repository), ..Ask::default() }
}

fn quiet(_: Lack) {}

#[tokio::test]
async fn no_more_run_at_once_than_there_are_slots_and_all_do_in_the_end() {
    let pool = Pool::new("builds", 3);
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let jobs = (0..50).map(|n| {
        let (pool, running, most) = (&pool, &running, &most);
        async move {
            let asked = Ask { slots: 1 + n % 2, ..ask(&(n % 5).to_string()) };
            let _slot = pool.acquire(&asked, &quiet).await;
            let now = running.fetch_add(asked.slots, Ordering::Relaxed) + asked.slots;
            most.fetch_max(now, Ordering::Relaxed);
            tokio::task::yield_now().await;
            running.fetch_sub(asked.slots, Ordering::Relaxed);
        }
    });
    join_all(jobs).await;
    assert_eq!(most.load(Ordering::Relaxed), 3);
    let meter = pool.meter();
    assert_eq!((meter.capacity, meter.in_use, meter.waiting), (3, 0, 0));
    assert_eq!((meter.wait.count, meter.usage.count), (50, 50));
}

#[tokio::test(start_paused = true)]
async fn what_was_waited_and_used_is_counted() {
    let pool = Pool::new("builds", 1);
    let first = pool.acquire(&Ask::default(), &quiet).now_or_never().expect("it is free");
    let asked = ask("a");
    let mut second = std::pin::pin!(pool.acquire(&asked, &quiet));
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!((pool.meter().in_use, pool.meter().waiting), (1, 1));
    tokio::time::advance(Duration::from_secs(7)).await;
    drop(first);
    let second = second.await;
    tokio::time::advance(Duration::from_secs(2)).await;
    drop(second);
    let Meter { wait, usage, .. } = pool.meter();
    assert_eq!(wait, Summary { count: 2, sum: Duration::from_secs(7) });
    assert_eq!(usage, Summary { count: 2, sum: Duration::from_secs(9) });
}

#[tokio::test]
async fn who_leaves_the_line_makes_room_for_those_behind() {
    let pool = Pool::new("memory", 4);
    let some = pool.acquire(&Ask { slots: 2, ..ask("a") }, &quiet).await;
    let much = Ask { slots: 4, ..ask("b") };
    let (asked, told) = (ask("c"), Mutex::new(Vec::new()));
    let tell = |what| told.lock().unwrap().push(what);
    let mut much = Box::pin(pool.acquire(&much, &quiet));
    let mut little = Box::pin(pool.acquire(&asked, &tell));
    assert!(much.as_mut().now_or_never().is_none());
    assert!(little.as_mut().now_or_never().is_none(), "it does not overtake");
    drop(much);
    let little = little.await;
    assert_eq!(*told.lock().unwrap(), [Lack::Slots]);
    drop((some, little));
    assert_eq!(pool.meter().in_use, 0);
}

#[tokio::test]
async fn a_slot_that_was_given_to_one_who_has_just_left_goes_to_the_next() {
    let pool = Pool::new("builds", 1);
    let first = pool.acquire(&Ask::default(), &quiet).now_or_never().expect("it is free");
    let (a, b) = (ask("a"), ask("b"));
    let mut gone = Box::pin(pool.acquire(&a, &quiet));
    let mut next = Box::pin(pool.acquire(&b, &quiet));
    assert!(gone.as_mut().now_or_never().is_none());
    assert!(next.as_mut().now_or_never().is_none());
    drop(first);
    drop(gone);
    assert!(next.now_or_never().is_some());
}

#[tokio::test]
async fn more_than_there_is_is_all_there_is() {
    let pool = Pool::new("builds", 2);
    let all = pool.acquire(&Ask { slots: 100, ..Ask::default() }, &quiet).await;
    assert_eq!(pool.meter().in_use, 2);
    drop(all);
    assert_eq!(Pool::new("none", 0).size(), 1);
}

/// Lends what it has, once, and gets it back.
struct Host(Arc<tokio::sync::Semaphore>, Arc<AtomicUsize>);

impl Resource for Host {
    fn name(&self) -> &str {
        "a host"
    }

    fn acquire<'a>(
        &'a self,
        ask: &'a Ask,
        waits: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Box<dyn Send + Sync>> {
        struct Cancelled<'a>(&'a AtomicUsize, bool);
        impl Drop for Cancelled<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(usize::from(!self.1), Ordering::Relaxed);
            }
        }
        async move {
            let mut cancelled = Cancelled(&self.1, false);
            waits(format!("for {}", ask.share.repository));
            let permit = self.0.clone().acquire_owned().await.expect("it is never closed");
            cancelled.1 = true;
            Box::new(permit) as Box<dyn Send + Sync>
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_resource_of_ones_own_is_lent_for_the_job_and_told_when_nobody_waits_any_more() {
    let (hosts, cancelled) = (Arc::new(tokio::sync::Semaphore::new(1)), Arc::new(AtomicUsize::new(0)));
    let pool = Pool::needing("hosts", 5, vec![Arc::new(Host(hosts.clone(), cancelled.clone()))]);
    let (a, b, told) = (ask("a"), ask("b"), Mutex::new(Vec::new()));
    let tell = |what| told.lock().unwrap().push(what);
    let first = pool.acquire(&a, &tell).await;
    assert_eq!(hosts.available_permits(), 0);
    assert!(pool.acquire(&b, &tell).now_or_never().is_none());
    assert_eq!(cancelled.load(Ordering::Relaxed), 1, "who gave up is not waited for");
    assert_eq!(pool.meter().in_use, 1);
    drop(first);
    assert_eq!(hosts.available_permits(), 1);
    assert_eq!(
        *told.lock().unwrap(),
        ["for a", "for b"].map(|what| Lack::Resource { name: "a host".to_owned(), what: what.to_owned() })
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ask("a");
    let plenty = Pool::needing("builds", 1, vec![Arc::new(FreeSpace::new(folder.path(), 1))]);
    drop(plenty.acquire(&asked, &quiet).await);
    let missing = Pool::needing("builds", 1, vec![Arc::new(FreeSpace::new("/no/such/folder", u64::MAX))]);
    drop(missing.acquire(&asked, &quiet).await);
    let full = Pool::needing("builds", 1, vec![Arc::new(FreeSpace::new(folder.path(), u64::MAX))]);
    let (told, heard) = oneshot::channel();
    let told = Mutex::new(Some(told));
    let tell = |what| _ = told.lock().unwrap().take().map(|told| told.send(what));
    let what = tokio::select! {
        _slot = full.acquire(&asked, &tell) => panic!("there is no such disk"),
        what = heard => what.unwrap(),
    };
    let Lack::Resource { name, what } = what else { panic!("there are slots") };
    let (free, of) = what.split_once(" of ").unwrap();
    assert!(name == "disk" && free.parse::<f64>().is_ok() && of == "18446744073.7 GB", "{what}");
    assert_eq!(full.meter().in_use, 0);
}

#[tokio::test]
async fn what_is_found_running_has_its_slot_and_nobody_new_comes_before_there_is_room() {
    let pool = Pool::new("runs", 2);
    let found = [(); 3].map(|()| pool.take_over(&Ask::default()));
    assert_eq!(pool.meter().in_use, 3);
    let asked = ask("a");
    let mut next = Box::pin(pool.acquire(&asked, &quiet));
    assert!(next.as_mut().now_or_never().is_none());
    let [first, second, third] = found;
    drop(first);
    assert!(next.as_mut().now_or_never().is_none(), "two run");
    drop(second);
    assert!(next.now_or_never().is_some());
    drop(third);
    assert_eq!(pool.meter().in_use, 0);
}
