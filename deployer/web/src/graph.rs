//! The pipeline as a picture: SVG inside a page, with no style but the classes of [`CSS`] and the states' own colours.
//!
//! What is drawn is a [`ci_core::picture::Picture`]. `layout` says where, which takes long, and depends only on the boxes'
//! sizes, the edges and the clusters, never on states; `svg` draws, with the states of the moment. [`Pictures`] keeps the
//! newest layouts, so that a change of states costs the last step only, and the newest drawings, so that many who look
//! at one moment cost as much as one. A layout that is not there yet is made in the background, one at a time; until it
//! is ready the last picture is given again.
//!
//! What can't be drawn within the bounds, or makes the layout fail, is told as a list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ci_core::engine::Snapshot;
use ci_core::picture::{self, Opened, TooMany};
use tokio::sync::{OnceCell, watch};

use self::layout::{Layout, NoLayout, Shape};

mod label;
mod layout;
mod svg;
#[cfg(test)]
mod tests;

/// How many layouts are kept.
pub const LAYOUTS_MAX: usize = 16;
/// How many drawings are kept: of the newest moments, and of what different people opened.
pub const DRAWINGS_MAX: usize = 16;
/// How long a picture waits for its layout.
pub const LAYOUT_WAIT: Duration = Duration::from_millis(700);

/// The rules for the classes of the output, dark and light.
pub const CSS: &str = include_str!("graph/style.css");

/// The pictures of one pipeline. Clones share what they keep.
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
    /// Before all links.
    base: String,
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
    /// What was made of a step and what is open in it: newest last.
    drawings: VecDeque<(u64, Opened, Arc<OnceCell<Drawing>>)>,
    /// The newest picture with this open: newest last.
    shown: VecDeque<(Opened, String)>,
}

/// One snapshot's picture, whoever looks at it.
struct Drawing {
    picture: Result<picture::Picture, TooMany>,
    shape: Arc<Shape>,
    /// How many steps there are.
    count: usize,
    /// What a person wants to know, in words.
    list: String,
    /// Once it has a layout.
    html: OnceLock<String>,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pictures").field("layouts", &self.shared.kept().layouts.len()).finish_non_exhaustive()
    }
}

impl Pictures {
    /// None yet. Their links begin with `base`: nothing, or the path at which the pages are nested.
    pub fn new(base: impl Into<String>) -> Self {
        Self::placed_by(base, Layout::of)
    }

    fn placed_by(base: impl Into<String>, place: fn(&Shape) -> Result<Layout, NoLayout>) -> Self {
        let (kept, made) = (Mutex::default(), watch::Sender::new(0));
        Self { shared: Arc::new(Shared { base: base.into(), place, kept, made }) }
    }

    /// How many layouts were made.
    pub fn layouts(&self) -> u64 {
        *self.shared.made.borrow()
    }

    /// The picture of a snapshot with this open. Answers within [`LAYOUT_WAIT`], and what it takes to read the
    /// snapshot. Snapshots of the same step are taken for the same.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn picture(&self, snapshot: &Arc<Snapshot>, opened: &Opened) -> Picture {
        let cell = self.shared.drawing(snapshot.step, opened);
        let drawing = cell.get_or_init(|| self.drawn(snapshot.clone(), opened.clone())).await;
        let picture = match &drawing.picture {
            Ok(picture) => picture,
            Err(error) => return Picture { html: drawing.in_words(&error.to_string()), fresh: true },
        };
        if let Some(html) = drawing.html.get() {
            return Picture { html: html.clone(), fresh: true };
        }
        let placed = match tokio::time::timeout(LAYOUT_WAIT, self.layout(&drawing.shape)).await {
            Ok(placed) => placed,
            Err(_) => {
                let last = self.shared.last(opened);
                let html = last.unwrap_or_else(|| drawing.in_words("being drawn"));
                return Picture { html, fresh: false };
            }
        };
        let html = drawing.html.get_or_init(|| match &*placed {
            Ok(layout) if picture.is_folded => {
                format!("{}{}", svg::picture(picture, &drawing.shape, layout), drawing.list)
            }
            Ok(layout) => svg::picture(picture, &drawing.shape, layout),
            Err(error) => drawing.in_words(&error.to_string()),
        });
        self.shared.note_shown(opened, html);
        Picture { html: html.clone(), fresh: true }
    }

    /// The same before it is laid out, for other programs.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn unplaced(
        &self,
        snapshot: &Arc<Snapshot>,
        opened: &Opened,
    ) -> Result<picture::Picture, TooMany> {
        let cell = self.shared.drawing(snapshot.step, opened);
        cell.get_or_init(|| self.drawn(snapshot.clone(), opened.clone())).await.picture.clone()
    }

    /// Off the runtime's threads: a snapshot may be large.
    async fn drawn(&self, snapshot: Arc<Snapshot>, opened: Opened) -> Drawing {
        let shared = self.shared.clone();
        let drawn = tokio::task::spawn_blocking(move || Drawing::of(&snapshot, &opened, &shared.base));
        drawn.await.unwrap_or_else(|_| Drawing::failed())
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

    fn drawing(&self, step: u64, opened: &Opened) -> Arc<OnceCell<Drawing>> {
        let mut kept = self.kept();
        let known = kept.drawings.iter().find(|(its, open, _)| *its == step && open == opened);
        if let Some((_, _, cell)) = known {
            return cell.clone();
        }
        let cell = Arc::new(OnceCell::new());
        push(&mut kept.drawings, (step, opened.clone(), cell.clone()), DRAWINGS_MAX);
        cell
    }

    fn last(&self, opened: &Opened) -> Option<String> {
        self.kept().shown.iter().find(|(open, _)| open == opened).map(|(_, html)| html.clone())
    }

    fn note_shown(&self, opened: &Opened, html: &str) {
        let mut kept = self.kept();
        kept.shown.retain(|(open, _)| open != opened);
        push(&mut kept.shown, (opened.clone(), html.to_owned()), DRAWINGS_MAX);
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
                push(&mut kept.layouts, (shape, layout), LAYOUTS_MAX);
                drop(kept);
                shared.made.send_modify(|made| *made += 1);
            });
        }
        None
    }
}

/// The oldest goes.
fn push<T>(kept: &mut VecDeque<T>, new: T, max: usize) {
    kept.push_back(new);
    if kept.len() > max {
        kept.pop_front();
    }
}

impl Drawing {
    fn of(snapshot: &Snapshot, opened: &Opened, base: &str) -> Self {
        let options = picture::Options {
            opened,
            job_link: &|job| Some(format!("{base}/jobs/{job}")),
            open_link: &|key, value| Some(format!("{base}/graph{}", query(&opened.with(key, value)))),
            ..picture::Options::default()
        };
        let picture = picture::Picture::of(snapshot, &options);
        Self {
            shape: Arc::new(picture.as_ref().map(Shape::of).unwrap_or_default()),
            count: svg::steps(snapshot).count(),
            list: svg::list(snapshot, base),
            picture,
            html: OnceLock::new(),
        }
    }

    /// When reading the snapshot panicked.
    fn failed() -> Self {
        Self {
            picture: Err(TooMany),
            shape: Arc::default(),
            count: 0,
            list: String::new(),
            html: OnceLock::new(),
        }
    }

    fn in_words(&self, why: &str) -> String {
        format!(r#"<p class="pipeline-note">{} steps: {why}.</p>{}"#, self.count, self.list)
    }
}

/// What opens these: `?key=value`, or nothing.
pub(crate) fn query(opened: &Opened) -> String {
    match opened.is_empty() {
        true => String::new(),
        false => {
            let mut pairs = form_urlencoded::Serializer::new(String::new());
            format!("?{}", pairs.extend_pairs(opened.iter()).finish())
        }
    }
}
