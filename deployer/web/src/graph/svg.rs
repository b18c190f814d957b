//! A picture at its places, as SVG inside a page; and as a list, where there is none.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use ci_core::engine::{NodeState, NodeView, Snapshot};
use ci_core::picture::{self, BoxKind, Boxed, Picture, Standing, details};

use super::label;
use super::layout::{Layout, Shape};
use crate::mark::Mark;
use crate::text;

/// How many nodes a list names.
const LISTED_MAX: usize = 100;
/// How long what it says of one is at most, in characters.
const DETAILS_MAX: usize = 4000;

/// Draws. Writing to a string can't fail, here and below.
pub(super) fn picture(picture: &Picture, shape: &Shape, layout: &Layout) -> String {
    let mut out = String::new();
    let (width, height, count) = (layout.width, layout.height, picture.count());
    _ = write!(
        out,
        r#"<svg class="pipeline" xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" role="group" aria-label="Pipeline of {count} steps">"#
    );
    gradients(&mut out, picture);
    let columns = Columns::of(picture, shape, layout);
    clusters(&mut out, picture, layout);
    edges(&mut out, picture, layout, &columns);
    for ((point, size), place) in picture.points.iter().zip(&shape.sizes).zip(&layout.nodes) {
        let (x, y) = place;
        _ = match &point.shape {
            picture::Shape::Box(boxed) => {
                draw_box(&mut out, boxed, (2.0 * columns.half_width(*x), f64::from(size.height)), *place);
                Ok(())
            }
            picture::Shape::Gate => write!(out, r#"<circle class="gate" cx="{x:.1}" cy="{y:.1}" r="7"/>"#),
            picture::Shape::Join => write!(out, r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="4"/>"#),
        };
    }
    out.push_str("</svg>");
    out
}

/// What is used while it is renewed has both colours.
fn gradients(out: &mut String, picture: &Picture) {
    let pairs: BTreeSet<_> =
        picture.boxes().filter_map(|boxed| Some((boxed.refreshing?, boxed.standing))).collect();
    for (new, old) in pairs {
        let id = gradient(new, old);
        let (new, old) = (new.colour(), old.colour());
        _ = write!(
            out,
            r#"<linearGradient id="{id}" x2="0" y2="1"><stop stop-color="{new}"/><stop offset="1" stop-color="{old}"/></linearGradient>"#
        );
    }
}

fn gradient(new: Standing, old: Standing) -> String {
    format!("renewed-{}-{}", Mark::from(new).class(), Mark::from(old).class())
}

fn clusters(out: &mut String, picture: &Picture, layout: &Layout) {
    for (cluster, (x, y, width, height)) in picture.clusters.iter().zip(&layout.clusters) {
        let dotted = if cluster.dotted { " dotted" } else { "" };
        let preview = if cluster.preview { " preview" } else { "" };
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        _ = write!(
            out,
            r#"<g class="cluster{dotted}{preview}"><rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" rx="8"/>"#
        );
        if !cluster.label.is_empty() {
            let columns_max = (width / 7.0) as usize;
            // On its line; or above, where those of the frames in it are near.
            let line = if cluster.parent.is_none() { top - 5.0 } else { top + 4.0 };
            _ = write!(out, r#"<text x="{:.1}" y="{line:.1}"><title>"#, left + 10.0);
            text::push(out, &cluster.label);
            out.push_str("</title>");
            text::push(out, &label::shortened(&cluster.label, columns_max));
            out.push_str("</text>");
        }
        out.push_str("</g>");
    }
}

/// Points of one rank stand in one column: its boxes are as wide as its widest, and edges pass it straight, so that
/// they cut no corner. It maps the column's middle to half its width.
struct Columns(HashMap<i64, f64>);

impl Columns {
    fn of(picture: &Picture, shape: &Shape, layout: &Layout) -> Self {
        let mut columns = HashMap::new();
        for ((point, (x, _)), size) in picture.points.iter().zip(&layout.nodes).zip(&shape.sizes) {
            let half: &mut f64 = columns.entry(x.round() as i64).or_default();
            if let picture::Shape::Box(_) = point.shape {
                *half = half.max(f64::from(size.width) / 2.0);
            }
        }
        Self(columns)
    }

    fn half_width(&self, x: f64) -> f64 {
        self.0.get(&(x.round() as i64)).copied().unwrap_or_default()
    }
}

fn edges(out: &mut String, picture: &Picture, layout: &Layout, columns: &Columns) {
    let half_width = |point: usize| match picture.points[point].shape {
        picture::Shape::Box(_) => columns.half_width(layout.nodes[point].0),
        picture::Shape::Gate => 7.0,
        picture::Shape::Join => 0.0,
    };
    out.push_str(r#"<g class="edges" aria-hidden="true">"#);
    for (picture::Edge { from, to, dashed }, inner) in picture.edges.iter().zip(&layout.edges) {
        let ((from_x, from_y), (to_x, to_y)) = (layout.nodes[*from], layout.nodes[*to]);
        let class = if *dashed { r#" class="holds""# } else { "" };
        _ = write!(out, r#"<path{class} d="M{:.1} {from_y:.1}"#, from_x + half_width(*from));
        let mut at = (from_x + columns.half_width(from_x), from_y);
        let passed = inner.iter().filter(|(x, _)| columns.half_width(*x) > 0.0);
        for (x, y) in passed {
            let half = columns.half_width(*x);
            curve(out, at, (x - half, *y));
            at = (x + half, *y);
        }
        curve(out, at, (to_x - columns.half_width(to_x), to_y));
        let end = to_x - half_width(*to);
        _ = write!(out, r#"H{end:.1}"/>"#);
        if let picture::Shape::Box(_) = picture.points[*to].shape {
            _ = write!(out, r#"<path class="head" d="M{end:.1} {to_y:.1}l-7 -4v8z"/>"#);
        }
    }
    out.push_str("</g>");
}

/// Straight through a column, and from it to the next, level at both ends.
fn curve(out: &mut String, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) {
    _ = write!(out, "H{x0:.1}");
    let middle = (x0 + x1) / 2.0;
    _ = match (y0 - y1).abs() < 0.05 {
        true => write!(out, "H{x1:.1}"),
        false => write!(out, "C{middle:.1} {y0:.1} {middle:.1} {y1:.1} {x1:.1} {y1:.1}"),
    };
}

fn draw_box(out: &mut String, boxed: &Boxed, (width, height): (f64, f64), (x, y): (f64, f64)) {
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    let kind = match boxed.kind {
        BoxKind::Operation => "operation",
        BoxKind::Monitor => "monitor",
        BoxKind::Bind => "bind",
        BoxKind::Step => "step",
        BoxKind::Collapse | BoxKind::Fold => "closed",
    };
    let mark = Mark::from(boxed.standing);
    let element = if boxed.link.is_some() { "a" } else { "g" };
    _ = write!(out, r#"<{element} class="node {kind} {}""#, mark.class());
    match &boxed.link {
        Some(link) => {
            out.push_str(r#" href=""#);
            text::push(out, link);
            out.push('"');
        }
        None => out.push_str(r#" role="img""#),
    }
    out.push_str(r#" aria-label=""#);
    text::push(out, &boxed.label);
    out.push_str(": ");
    text::push(out, &boxed.says);
    out.push_str(r#""><title>"#);
    text::push(out, &boxed.label);
    out.push('\n');
    text::push(out, &boxed.tooltip);
    out.push_str("</title>");
    // What watches the world has round ends; what stands for others, a second outline and a plus.
    let is_closed = boxed.stands_for_others();
    let radius = if boxed.kind == BoxKind::Monitor { 22 } else { 6 };
    let mut frame = |left: f64, top: f64| {
        _ = write!(
            out,
            r#"<rect class="frame" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" rx="{radius}"/>"#
        );
    };
    if is_closed {
        frame(left + 4.0, top + 4.0);
    }
    frame(left, top);
    match boxed.refreshing {
        Some(new) => _ = write!(out, r##"<rect fill="url(#{})""##, gradient(new, boxed.standing)),
        None => _ = write!(out, r#"<rect fill="{}""#, boxed.colour),
    }
    _ = write!(out, r#" x="{:.1}" y="{:.1}" width="7" height="24" rx="3.5"/>"#, left + 8.0, y - 12.0);
    _ = write!(
        out,
        r#"<text class="symbol" x="{:.1}" y="{:.1}">{}</text>"#,
        left + 27.0,
        y + 6.0,
        mark.symbol()
    );
    for (class, dy, line) in [("label", -3.0, &boxed.label), ("state", 13.0, &boxed.says)] {
        _ = write!(out, r#"<text class="{class}" x="{:.1}" y="{:.1}">"#, left + 42.0, y + dy);
        text::push(out, &label::shortened(line, label::COLUMNS_MAX));
        out.push_str("</text>");
    }
    if is_closed && boxed.link.is_some() {
        _ = write!(out, r#"<text class="plus" x="{:.1}" y="{:.1}">+</text>"#, left + width - 16.0, y + 7.0);
    }
    _ = write!(out, "</{element}>");
}

/// The nodes that do something, or failed.
pub(super) fn steps(snapshot: &Snapshot) -> impl Iterator<Item = &NodeView> {
    let is_step = |node: &&NodeView| node.kind.is_work() || matches!(node.state, NodeState::Failed { .. });
    snapshot.nodes.iter().filter(is_step)
}

/// The nodes that a person wants to know about, worst first.
pub(super) fn list(snapshot: &Snapshot, base: &str) -> String {
    let mut named: Vec<_> = steps(snapshot).map(|node| (Mark::of_node(node), node)).collect();
    named.retain(|(mark, _)| is_news(*mark));
    named.sort_by_key(|(mark, node)| (std::cmp::Reverse(*mark), node.id));
    if named.is_empty() {
        return String::new();
    }
    let mut out = String::from(r#"<ul class="pipeline-list">"#);
    for (mark, node) in named.iter().take(LISTED_MAX) {
        _ = write!(out, r#"<li class="{}"><span aria-hidden="true">{}</span> "#, mark.class(), mark.symbol());
        if let Some(job) = &node.job {
            _ = write!(out, r#"<a href="{base}/jobs/{job}">"#);
        }
        text::push(&mut out, &label::shortened(&node.label, label::COLUMNS_MAX));
        out.push_str(if node.job.is_some() { "</a>" } else { "" });
        if let Some(source) = source(snapshot, node) {
            out.push_str(", ");
            text::push(&mut out, source);
        }
        out.push_str(": ");
        details(snapshot, node).chars().take(DETAILS_MAX).for_each(|c| text::push_char(&mut out, c));
        out.push_str("</li>");
    }
    if named.len() > LISTED_MAX {
        _ = write!(out, "<li>and {} more</li>", named.len() - LISTED_MAX);
    }
    out.push_str("</ul>");
    out
}

/// Not at rest, and not merely behind something that is not.
fn is_news(mark: Mark) -> bool {
    mark > Mark::Blocked
}

/// What tells it from others that are called the same: the element that it was made for, or what its value comes from.
fn source<'a>(snapshot: &'a Snapshot, node: &'a NodeView) -> Option<&'a str> {
    let group = node.group.and_then(|group| snapshot.groups.get(group));
    if let Some(group) = group.filter(|group| !group.label.is_empty()) {
        return Some(&group.label);
    }
    // A gate's value is its last input.
    let before = |at: &usize| snapshot.nodes[*at].inputs.last().copied().filter(|input| input < at);
    let first = std::iter::successors(Some(node.id), before).last()?;
    (first != node.id).then_some(&*snapshot.nodes[first].label)
}
