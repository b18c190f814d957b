//! The logs of a state directory, all together: which are kept, in what form, and what stands in them.
//!
//! A log is born plain, and is written, followed and read as [`crate::job::Log`] says. Old ones are packed, older ones
//! expire: what is [due](Shelf::due) is decided by a policy ([`Keep`]) and by nothing else, so it can be told before it is
//! done. Whatever the policy says, a log stays that is still written, that is recent, or that tells of the newest result of
//! something that the pipeline asks for: see [`InUse`].
//!
//! All of it reads and writes files. None of it is for the engine's thread.

pub use self::keep::{Due, Keep, Why};
pub use self::search::{Found, Hit, Query, QueryRefused, Search, Told};
pub use self::shelf::{InUse, Shelf};

mod keep;
mod search;
mod shelf;
