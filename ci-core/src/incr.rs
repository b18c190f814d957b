//! The incremental core: values that are computed from others, kept up to date at the cost of what changed.
//!
//! It knows nothing of jobs, outcomes or pipelines, needs only `std`, and runs on whatever thread owns the
//! [`Graph`]. Nothing here waits, locks or shares.
//!
//! # The algorithm
//!
//! A node is a rule and the value it last gave. Changes are *pushed*: an input is invalidated, [`Graph::propagate`]
//! runs it, and if its value came out different, runs those that read it, and so on; where a value comes out equal,
//! the change stops (*cut-off*). This is the change propagation of Acar, Blelloch and Harper (*Adaptive functional
//! programming*, POPL 2002); the order is not that of their time stamps but of *heights*, as in Jane Street's
//! Incremental: a node stands above all its inputs, the lowest that waits runs first, and so each node runs at most
//! once in a step and never sees an input that is still to change.
//!
//! The shape may depend on values. A node that makes other nodes makes them in a [`Scope`] that it owns, and releases
//! them with it; [`Graph::bind`], [`Graph::keyed`] and [`Graph::keyed_log`] are made so. All nodes of a scope stand
//! above its owner (again as in Incremental): the owner has decided whether they go before any of them can run. Without
//! that, a change that takes an element away and changes what the element reads could run the element a last time:
//! start a build for a branch that is gone.
//!
//! Edges carry the input's number ([`Compute::input_changed`]), so that an aggregate of 10,000 inputs looks at the one
//! that changed ([`Graph::fold`]).
//!
//! # Invariants
//!
//! 1. A node's height is above those of its inputs and of its scope's owner. It only grows; when something taller is
//!    joined to a node ([`Cx::add_input`]), the node and all above it are raised, each visited once.
//! 2. In a step each node runs at most once, after all of its inputs that run, and only if it is new, was invalidated or
//!    has an input that changed.
//! 3. What was released does not run, in the step of its release or later; its id is recognised as stale for ever.
//! 4. New nodes run in the step they are made in, or the next; in that order, not at once (see [`Graph::insert`]).
//! 5. A panic is that of one node, which keeps its value and its scopes and is reported. It runs again when an input
//!    changes.
//! 6. Dynamic inputs are never unlinked: each lives as long as a scope of the node that joined it.
//! 7. Nothing is recursive: depth has no limit.
//!
//! Past the queue: a node that is told by its only input, being that one's only dependent and of the same scope, runs
//! straight after it, even if lower ones wait. Nothing else is read by it, and whoever could release it could release
//! the input too, so it stands below that and has decided. (In different scopes that would be wrong.) So does the only
//! dependent of any node when nothing else waits.
//!
//! Nodes whose closures are slow are named ([`Stats::slow`]), at the cost of a reading of the clock for 64 runs.
//!
//! # Costs
//!
//! | | time | memory |
//! |---|---|---|
//! | step | nodes that run + edges out of those that changed | no allocation |
//! | node | its inputs | 64 bytes, its object's box, 12–24 bytes for each further dependent of an input |
//! | release | nodes released | |
//! | raise | all above, once each, and a logarithm | |
//! | `fold` | O(log n) a changed input | its id and twice the leaf for each input |
//! | `bind` | what is made and released | two nodes, and those made |
//! | `keyed` | O(n) comparisons and what is made and released, for a new list; as `fold` for a changed result | the item twice, its key twice, the leaf up to three times |
//! | `keyed_log` | O(log n) a key named and what is made and released; as `fold` for a changed result | the item twice, its key twice, the leaf as `fold` |
//!
//! Independent of the size of the graph. *No allocation* means: by the graph, once a node has changed before, but to
//! report those that panicked or were slow.
//!
//! ```
//! use ci_core::incr::Graph;
//!
//! let mut graph = Graph::new(());
//! let width = graph.var(6);
//! let height = graph.var(7);
//! let area = graph.map2(width, height, |w, h| w * h);
//! graph.propagate();
//! assert_eq!(graph.get(area), Some(&42));
//!
//! graph.set(height, 8);
//! assert_eq!(graph.get(area), Some(&42), "a batch of changes is seen at once, after the step");
//! assert_eq!(graph.propagate().recomputed, 2);
//! assert_eq!(graph.get(area), Some(&48));
//! assert_eq!(graph.why(area.id()).and_then(|why| why.input), Some(height.id()));
//! ```

mod aggregate;
mod arena;
mod bind;
mod compute;
mod cx;
mod fold;
mod graph;
mod id;
mod keyed;
mod log;
mod map;
mod propagate;
mod queue;
mod raise;
mod scopes;
mod slow;
mod stats;
mod var;

pub use self::aggregate::{Aggregate, Group, Row, Tree};
pub use self::compute::Compute;
pub use self::cx::Cx;
pub use self::graph::Graph;
pub use self::id::{Id, Node, Scope};
pub use self::keyed::{Each, Keyed, Members, Pairs};
pub use self::log::Log;
pub use self::stats::{Stats, Why};
