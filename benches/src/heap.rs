//! What the process allocates, counted when that is asked for and not while times are taken.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// The system's allocator, with a counter at its door.
#[derive(Debug)]
pub struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// Counts while `work` runs, on all threads. Not to be nested.
pub fn counted<R>(work: impl FnOnce() -> R) -> R {
    ON.store(true, Relaxed);
    let result = work();
    ON.store(false, Relaxed);
    result
}

/// How often memory was asked for while it was counted, since the process began.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

/// Bytes that were taken less those that were given back, while it was counted. Only differences mean something.
pub fn live() -> i64 {
    LIVE.load(Relaxed)
}

/// What glibc's malloc takes for a request: a word of its own, rounded up to two, four at least.
fn taken(bytes: usize) -> i64 {
    ((bytes + 8).next_multiple_of(16)).max(32) as i64
}

fn count(allocations: u64, bytes: i64) {
    if ON.load(Relaxed) {
        ALLOCATIONS.fetch_add(allocations, Relaxed);
        LIVE.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: everything is done by the system's allocator; counting neither allocates nor panics.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, taken(layout.size()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, taken(layout.size()));
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        count(1, taken(new) - taken(layout.size()));
        unsafe { System.realloc(at, layout, new) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, -taken(layout.size()));
        unsafe { System.dealloc(at, layout) }
    }
}
