//! The pipeline as a picture: SVG inside a page, with no style but the classes of [`CSS`].
//!
//! A picture is made in three steps. `drawing` says what is drawn; `layout` says where, which takes long, and
//! depends only on the boxes' sizes and the edges, never on states; `svg` draws, with the states of the moment.
//! [`Pictures`] keeps the newest layouts, so that a change of states costs the last step only. A layout that is not
//! there yet is made in the background, one at a time; until it is ready the last picture is given again.
//!
//! What can't be drawn within the bounds is grouped; what can't be grouped within them, or makes the layout fail, is
//! told as a list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ci_core::engine::Snapshot;
use tokio::sync::watch;

use self::drawing::Drawing;
use self::facts::Facts;
use self::layout::{Layout, NoLayout, Shape};

mod drawing;
mod facts;
mod label;
mod layout;
mod reduce;
mod svg;
#[cfg(test)]
mod tests;

/// How many boxes and dots a picture can have: more is neither laid out in a moment nor legible.
pub const BOXES_MAX: usize = 400;
/// How many edges a picture can have.
pub const EDGES_MAX: usize = 2000;
/// How many ranks the edges of a picture can cross together; a layout's time and memory grow with it.
pub const CROSSED_RANKS_MAX: usize = 4000;
/// How many layouts are kept.
pub const LAYOUTS_MAX: usize = 16;
/// How long a picture waits for its layout.
pub const LAYOUT_WAIT: Duration = Duration::from_millis(700);

/// The rules for the classes of the output, dark and light.
pub const CSS: &str = include_str!("graph/style.css");

/// The pictures of one pipeline, or of one part of it. Clones share what they keep.
#[derive(Clone)]
pub struct Pictures {
    shared: Arc<Shared>,
}

/// See [`Pictures::picture`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Markup: an `svg` element, and in some cases paragraphs and a list.
    pub html: String,
    /// Whether it shows the snapshot that was asked for. If not, its layout is being made: ask again in a moment.
    pub fresh: bool,
}

/// What came of a layout.
type Placed = Arc<Result<Layout, NoLayout>>;

struct Shared {
    place: fn(&Shape) -> Result<Layout, NoLayout>,
    kept: Mutex<Kept>,
    /// How many layouts were made.
    made: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    /// Newest use last.
    layouts: VecDeque<(Arc<Shape>, Placed)>,
    /// A layout is being made. The task is not waited for by anybody in particular: it ends by itself, since the
    /// shape is bounded.
    busy: bool,
    /// The newest picture.
    last: Option<String>,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pictures").field("layouts", &self.shared.kept().layouts.len()).finish_non_exhaustive()
    }
}

impl Default for Pictures {
    fn default() -> Self {
        Self::new()
    }
}

impl Pictures {
    /// None yet.
    pub fn new() -> Self {
        Self::placed_by(Layout::of)
    }

    fn placed_by(place: fn(&Shape) -> Result<Layout, NoLayout>) -> Self {
        Self { shared: Arc::new(Shared { place, kept: Mutex::default(), made: watch::Sender::new(0) }) }
    }

    /// The picture of a snapshot, or of a part of one (inputs outside it are passed over). Answers within
    /// [`LAYOUT_WAIT`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn picture(&self, snapshot: &Snapshot) -> Picture {
        let facts = Facts::of(snapshot);
        let Some(drawing) = Drawing::of(&facts) else {
            return Picture { html: not_drawn(&facts, "too many to draw"), fresh: true };
        };
        let shape = Arc::new(drawing.shape());
        let html = match tokio::time::timeout(LAYOUT_WAIT, self.layout(&shape)).await {
            Ok(layout) => match &*layout {
                Ok(layout) => drawn(&facts, &drawing, &shape, layout),
                Err(error) => not_drawn(&facts, &error.to_string()),
            },
            Err(_) => {
                let last = self.shared.kept().last.clone();
                return Picture {
                    html: last.unwrap_or_else(|| not_drawn(&facts, "being drawn")),
                    fresh: false,
                };
            }
        };
        self.shared.kept().last = Some(html.clone());
        Picture { html, fresh: true }
    }

    async fn layout(&self, shape: &Arc<Shape>) -> Placed {
        let mut made = self.shared.made.subscribe();
        loop {
            if let Some(layout) = self.shared.kept_or_begun(shape) {
                return layout;
            }
            // It can't be closed: its sender is ours.
            _ = made.changed().await;
        }
    }
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Every change under the lock is whole before anything in it can panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shape's layout; or, if none is being made, its making is begun.
    fn kept_or_begun(self: &Arc<Self>, shape: &Arc<Shape>) -> Option<Placed> {
        let mut kept = self.kept();
        if let Some(at) = kept.layouts.iter().position(|(known, _)| known == shape) {
            let used = kept.layouts.remove(at)?;
            let layout = used.1.clone();
            kept.layouts.push_back(used);
            return Some(layout);
        }
        if !kept.busy {
            kept.busy = true;
            let (shared, shape) = (self.clone(), shape.clone());
            tokio::task::spawn_blocking(move || {
                let layout = Arc::new((shared.place)(&shape));
                if let Err(error) = &*layout {
                    tracing::warn!(%error, boxes = shape.sizes.len(), "a pipeline has no picture");
                }
                let mut kept = shared.kept();
                kept.busy = false;
                kept.layouts.push_back((shape, layout));
                if kept.layouts.len() > LAYOUTS_MAX {
                    kept.layouts.pop_front();
                }
                drop(kept);
                shared.made.send_modify(|made| *made += 1);
            });
        }
        None
    }
}

fn drawn(facts: &Facts<'_>, drawing: &Drawing, shape: &Shape, layout: &Layout) -> String {
    let svg = svg::picture(drawing, shape, layout);
    match drawing.grouped {
        true => format!("{svg}{}", svg::list(facts)),
        false => svg,
    }
}

fn not_drawn(facts: &Facts<'_>, why: &str) -> String {
    let count = facts.boxed().count();
    format!(r#"<p class="pipeline-note">{count} steps: {why}.</p>{}"#, svg::list(facts))
}
