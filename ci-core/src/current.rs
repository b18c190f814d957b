//! Values that change, as descriptions.
//!
//! A [`Current<T>`] says how a value comes about. It does nothing by itself, is cheap to clone, and can be run by
//! several engines. An engine *lowers* it: each description becomes one node of the engine's graph, however often it
//! is used. Then the node has, at every moment, an [`Outcome`]: the value, or the reason why there is none yet.
//!
//! A closure that panics makes its node fail; the engine lives.
//!
//! # A pipeline, from the beginning
//!
//! Say that `head`, `build_on` and `deploy` are there: the newest commit of a repository, the image that is built of a
//! commit, the service that runs an image. (Crate `ci-dsl` has such; how one is written is told in [`crate::op`].) They
//! are functions that take and give currents, and a pipeline is nothing but such functions, put together:
//!
//! ```
//! # mod words { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/words.rs")); }
//! # use words::{build_on, deploy, head};
//! use ci_core::Current;
//! use ci_core::current::{all_labelled, constant};
//!
//! fn pipeline() -> Current<()> {
//!     let commit = head("site");
//!     let image = build_on("image", &commit);
//!
//!     // A matrix: the tests, for each platform. Each is a stage of its own, and they run side by side.
//!     let platforms = ["amd64", "arm64", "riscv64"];
//!     let tests = platforms.map(|platform| {
//!         let tested = build_on("test", &commit.map(move |commit| format!("{commit} on {platform}")));
//!         (platform, tested.ignore())
//!     });
//!
//!     // A gate: the service gets the image when all of them are green; it is built meanwhile.
//!     deploy("site_web", &image.gate(&all_labelled(tests)))
//! }
//!
//! // What comes of it: see `ci_core::testing`.
//! let mut t = ci_core::testing::drive(pipeline);
//! t.reads("head of site", "1a2b3c4".to_owned());
//! assert_eq!(t.running().len(), 4, "the image and three tests");
//! t.completes("build site@1a2b3c4", "image:7");
//! for platform in ["amd64", "arm64", "riscv64"] {
//!     assert_eq!(t.state("site_web"), "waiting for test");
//!     t.completes(&format!("build site@1a2b3c4 on {platform}"), "green");
//! }
//! assert_eq!(t.running(), ["update site_web (image:7)"]);
//! t.completes("site_web", ());
//! assert_eq!(t.outcome(), "ok");
//! ```
//!
//! If the platforms are known only when it runs, since a file of the commit names them, or the branches of a repository
//! are what the list is about, the matrix is a list that changes: [`Current::each`] makes the stages of an element when
//! it comes, and ends them when it goes.
//!
//! # Which combinator
//!
//! | you have | you want | |
//! |---|---|---|
//! | a value | to start with it | [`constant()`], [`labelled`], [`input()`]; [`every`], [`daily`] for the time of day |
//! | a current | another value | [`Current::map`], [`Current::try_map`], [`Current::ignore`] |
//! | | other words for a failure | [`Current::map_err`] |
//! | | changes that don't matter to be passed over | [`Current::cutoff`] |
//! | | a failure, or any state, as a value | [`Current::catch`], [`Current::state`] |
//! | | to hold it back until another has a value | [`Current::gate`] |
//! | | its job | [`Current::job`] |
//! | an operation's current | it to run again from time to time | [`Current::valid_for`] |
//! | two to six currents | their values | [`Current::and`], [`join()`] |
//! | many currents | to know when all are done | [`all()`], [`all_labelled`] |
//! | | their values | [`list`], [`optional`] |
//! | a current list | something for each element | [`Current::each`], [`Current::each_by`] |
//! | a current that may be `None` | something for the value | [`Current::map_some`] |
//! | a value that decides the shape | the part that it decides | [`Current::bind`] |
//! | a big picture | a part of it as one box | [`Current::collapse`], [`collapse_all`], [`Elements::collapsed`] |
//! | | an arrow without a value | [`within()`] |
//!
//! In the examples below, `value_of` runs a current on an engine of its own until it has a value or has failed.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::all::{all, all_labelled, list, optional};
pub use self::collapse::collapse_all;
pub use self::constant::{active, constant, fail, labelled};
pub use self::each::{Elements, Key};
pub use self::input::{Input, input};
pub use self::join::{Join, join};
pub(crate) use self::lower::{Lowering, Plan};
pub use self::lower::{NotLowered, World};
pub use self::operate::{build_with, monitor_with, publish_at, publish_with, try_build_with};
pub use self::outcome::{Activity, Outcome, Pending, Reason};
pub(crate) use self::portrait::{Made, Portrait, Seen, Work};
pub use self::tally::Counts;
pub(crate) use self::tally::Tally;
pub use self::timer::{PERIOD_MIN, daily, every};
pub(crate) use self::wake::Wake;
pub use self::within::within;

use crate::error::{Failure, OpError, said_by};
use crate::incr::Id;

mod all;
mod bind;
mod collapse;
mod constant;
mod drops;
mod each;
mod home;
mod input;
mod job;
mod join;
mod lower;
mod map;
mod operate;
mod outcome;
mod portrait;
mod rank;
mod roll;
mod state;
mod sweep;
mod tally;
mod timer;
mod valid_for;
mod wake;
mod within;

/// What every value in a pipeline can do. Clones should be cheap: put large values into an `Arc`.
pub trait Value: Clone + PartialEq + Send + Sync + 'static {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Value for T {}

/// A value of type `T` that changes, or says why there is none.
pub struct Current<T> {
    described: Arc<Described>,
    value: PhantomData<fn() -> T>,
}

/// A description with the number that tells it from all others.
pub(crate) struct Described {
    pub(crate) number: u64,
    pub(crate) plan: Box<dyn Plan>,
    /// What people are to see before it.
    here: Option<Arc<within::Context>>,
}

impl Described {
    fn contexts(&self) -> Vec<Arc<Self>> {
        within::contexts(&self.here)
    }
}

impl Drop for Described {
    fn drop(&mut self) {
        let plan = std::mem::replace(&mut self.plan, Box::new(Taken));
        drops::drop_flat((plan, self.here.take()));
    }
}

/// In the place of a plan that is being dropped.
struct Taken;

impl Plan for Taken {
    fn label(&self) -> Label {
        "".into()
    }

    fn inputs(&self) -> Vec<Arc<Described>> {
        Vec::new()
    }

    fn lower(&self, _: &[Id], _: &mut Lowering<'_>) -> Result<Id, NotLowered> {
        unreachable!("what is being dropped is in no pipeline")
    }
}

impl<T> Clone for Current<T> {
    fn clone(&self) -> Self {
        Self { described: self.described.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Current<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Current({})", self.described.plan.label())
    }
}

impl<T: Value> Current<T> {
    pub(crate) fn described_by(plan: impl Plan) -> Self {
        Self::described(Box::new(plan))
    }

    fn described(plan: Box<dyn Plan>) -> Self {
        // Only told apart, never compared or shown: that it is shared by all engines of the process has no effect.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let described = Described { number, plan, here: within::here() };
        Self { described: Arc::new(described), value: PhantomData }
    }

    pub(crate) fn description(&self) -> &Arc<Described> {
        &self.described
    }
}

/// What a node is called in pictures and messages.
pub type Label = Cow<'static, str>;

/// Runs a user's closure; its error or panic is the node's own failure.
fn guarded<U>(me: Id, f: impl FnOnce() -> Result<U, OpError>) -> Outcome<U> {
    let error = match std::panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error,
        Err(panic) => panicked(&*panic),
    };
    Err(Reason { origin: me, what: Pending::Failed(Arc::new(Failure::from(&error))) })
}

/// What a panic said, as a failure.
fn panicked(panic: &(dyn Any + Send)) -> OpError {
    OpError::permanent(said_by(panic)).with_hint("a closure of the pipeline panicked")
}

/// Replaces a node's value; tells whether it differs.
fn replace<T: PartialEq>(value: &mut Outcome<T>, new: Outcome<T>) -> bool {
    let changed = *value != new;
    if changed {
        *value = new;
    }
    changed
}

/// What a node shows before it was computed.
fn unknown<T>(input: Id) -> Outcome<T> {
    Err(Reason::queued(input))
}
