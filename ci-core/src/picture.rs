//! The pipeline as a picture, before anybody knows where what stands: boxes, dots, the edges between them, and the
//! clusters that they are in; and the same as text, for programs that draw: DOT, Mermaid, JSON.
//!
//! Operations, monitors and binds are boxes, and so is whatever failed itself. A gate is a dot; the edge from what
//! holds it back is dashed. The rest is plumbing: lines go past it, but for a dot where many sources meet many users.
//! An edge that a longer way implies is left out, so that chains are chains. Elements of a list and what is made of an
//! option stand in clusters.
//!
//! What a pipeline offers to collapse is one box until somebody opens it. What is more than a picture can hold is
//! folded: the elements of the outermost lists first, then these lists, then other groups; in the end one box stands
//! for all nodes with the same first word of their labels and the same distance from the pipeline's beginning. A folded
//! box says how many of those that it stands for are in which state. The same snapshot makes the same picture.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use self::drawing::Drawing;
use self::fold::{Folding, Standins};
pub use self::printable::hidden_name;
pub use self::standing::Standing;
pub use self::tell::details;
use self::ways::Ways;
use crate::engine::{NodeName, Snapshot};
use crate::ids::JobId;

mod dot;
mod drawing;
mod fold;
mod mermaid;
mod order;
mod printable;
mod reduce;
mod shown;
mod standing;
mod tell;
mod ways;

/// How many boxes and dots a picture has at most: more is neither laid out in a moment nor legible.
pub const BOXES_MAX: usize = 400;
/// How many edges a picture has at most.
pub const EDGES_MAX: usize = 2000;
/// How many ranks the edges of a picture cross together at most; a layout's time and memory grow with it.
pub const CROSSED_RANKS_MAX: usize = 4000;
/// How long a tooltip is at most, in characters.
pub const TOOLTIP_MAX: usize = 4096;
/// The key by which folded groups are opened.
pub const UNFOLD: &str = "unfold";

/// What is drawn, in no particular place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Picture {
    /// The snapshot's step.
    pub step: u64,
    /// From left to right: edges lead to later ones.
    pub points: Vec<Point>,
    /// By their ends.
    pub edges: Vec<Edge>,
    /// Each comes after the one that it is in.
    pub clusters: Vec<Cluster>,
    /// There were too many boxes: some stand for several nodes, and nobody asked for that.
    pub is_folded: bool,
}

/// A box or a dot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The innermost cluster that it is in: a place in [`Picture::clusters`].
    pub cluster: Option<usize>,
    /// What it is.
    pub shape: Shape,
}

/// What a point is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Shape {
    /// One node, or several.
    Box(Box<Boxed>),
    /// Something waits here for something else.
    Gate,
    /// Many sources meet many users.
    Join,
}

/// What a box shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Boxed {
    /// The node; for a box that stands for several: the first of them.
    pub name: NodeName,
    /// What it is called. Of any script, with any character in it.
    pub label: String,
    /// What it stands for.
    pub kind: BoxKind,
    /// How it stands; of several: what a person wants to know most about.
    pub standing: Standing,
    /// The standing's colour: `#rrggbb`.
    pub colour: &'static str,
    /// What goes on to renew the value, which is used until then.
    pub refreshing: Option<Standing>,
    /// The standing in a line.
    pub says: String,
    /// All there is to say, at most [`TOOLTIP_MAX`] characters.
    pub tooltip: String,
    /// How many nodes that do something, or failed, it stands for.
    pub count: usize,
    /// Of several nodes: how many stand how, worst first.
    pub counts: Vec<Count>,
    /// For one operation: its newest job.
    pub job: Option<JobId>,
    /// Where it leads.
    pub link: Option<String>,
}

/// Of so many nodes this is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How they stand.
    pub standing: Standing,
    /// How many there are.
    pub count: usize,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxKind {
    /// It runs jobs.
    Operation,
    /// It reads a value of the outside world.
    Monitor,
    /// It chooses what comes after it.
    Bind,
    /// It makes a value of others' values.
    Step,
    /// What it stands for is shown when somebody opens it.
    Collapse,
    /// What would be too much.
    Fold,
}

/// A line from one point to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// A place in [`Picture::points`].
    pub from: usize,
    /// A place in [`Picture::points`].
    pub to: usize,
    /// It only holds back.
    pub dashed: bool,
}

/// A frame around points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// The cluster that it is in: a place in [`Picture::clusters`].
    pub parent: Option<usize>,
    /// A list's name, or an element's key; there may be none.
    pub label: String,
    /// It is of a value that need not be there.
    pub dotted: bool,
    /// Nobody has the value that it would be made for.
    pub preview: bool,
}

/// The collapsed values that are shown open. Several of one key may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opened(BTreeSet<(String, String)>);

/// Even folded it is too much for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many to draw")]
pub struct TooMany;

/// How a picture is made.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What is shown open.
    pub opened: &'a Opened,
    /// How many boxes and dots there may be, at most [`BOXES_MAX`].
    pub boxes_max: usize,
    /// Where the box of an operation leads.
    pub job_link: &'a dyn Fn(&JobId) -> Option<String>,
    /// Where a box that stands for others leads: it is opened by this key and value.
    pub open_link: &'a dyn Fn(&str, &str) -> Option<String>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl Default for Options<'_> {
    /// Nothing is open, and nothing is linked.
    fn default() -> Self {
        static NOTHING: Opened = Opened(BTreeSet::new());
        Self { opened: &NOTHING, boxes_max: BOXES_MAX, job_link: &|_| None, open_link: &|_, _| None }
    }
}

impl Opened {
    /// Whether this value of this key is open.
    pub fn has(&self, key: &str, value: &str) -> bool {
        // A set of pairs can't be asked by borrowed halves.
        !self.0.is_empty() && self.0.contains(&(key.to_owned(), value.to_owned()))
    }

    /// This one, too.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        self.iter().chain([(key, value)]).collect()
    }

    /// All but this one.
    #[must_use]
    pub fn without(&self, key: &str, value: &str) -> Self {
        self.iter().filter(|known| *known != (key, value)).collect()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether all is as it was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Opened {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }
}

impl Boxed {
    /// The label; of what can be opened, behind a plus; of what leads to a job, with how that ended.
    pub fn title(&self) -> String {
        let plus = if self.stands_for_others() && self.link.is_some() { "+ " } else { "" };
        let suffix = if self.job.is_some() && self.link.is_some() { self.standing.suffix() } else { "" };
        format!("{plus}{}{suffix}", self.label)
    }

    /// Whether it was collapsed or folded.
    pub fn stands_for_others(&self) -> bool {
        matches!(self.kind, BoxKind::Collapse | BoxKind::Fold)
    }
}

impl Picture {
    /// Of a snapshot. What it costs grows with the snapshot: not for a thread that others wait for.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn of(snapshot: &Snapshot, options: &Options<'_>) -> Result<Self, TooMany> {
        let ways = Ways::of(snapshot, options.opened);
        let boxes_max = options.boxes_max.min(BOXES_MAX);
        let folding = Folding::of(&ways, options.opened, boxes_max);
        let mut taken = folding.needed;
        loop {
            let standins = folding.standins(&ways, options.opened, taken);
            if let Some(drawing) = Drawing::of(&ways, &standins, boxes_max) {
                return Ok(Self::shown(&ways, &standins, &drawing, options, taken > 0));
            }
            if taken == folding.len() {
                break;
            }
            taken = (2 * taken + 1).min(folding.len());
        }
        let standins = Standins::by_word(&ways);
        let drawing = Drawing::of(&ways, &standins, boxes_max).ok_or(TooMany)?;
        Ok(Self::shown(&ways, &standins, &drawing, options, true))
    }

    /// How many nodes that do something, or failed, it shows or stands for.
    pub fn count(&self) -> usize {
        self.boxes().map(|boxed| boxed.count).sum()
    }

    /// The boxes, from left to right.
    pub fn boxes(&self) -> impl Iterator<Item = &Boxed> {
        self.points.iter().filter_map(|point| match &point.shape {
            Shape::Box(boxed) => Some(&**boxed),
            Shape::Gate | Shape::Join => None,
        })
    }

    /// As JSON.
    pub fn json(&self) -> String {
        // Strings, numbers and lists of these always can be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
