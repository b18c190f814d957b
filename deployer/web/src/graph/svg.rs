//! A drawing at its places, as SVG inside a page; and as a list, where there is no picture.

use std::collections::HashMap;
use std::fmt::Write as _;

use ci_core::engine::NodeKind;

use super::drawing::{Boxed, Drawing, Drawn};
use super::facts::Facts;
use super::label;
use super::layout::{Layout, Shape};
use crate::mark::Mark;
use crate::text;

/// How many nodes a list names.
const LISTED_MAX: usize = 100;
/// How long a tooltip is at most, in characters.
const DETAILS_MAX: usize = 4000;

/// Draws. Writing to a string can't fail, here and below.
pub(super) fn picture(drawing: &Drawing, shape: &Shape, layout: &Layout) -> String {
    let mut out = String::new();
    let (width, height) = (layout.width, layout.height);
    let boxes = || {
        drawing.nodes.iter().filter_map(|node| if let Drawn::Box(boxed) = node { Some(boxed) } else { None })
    };
    let count: usize = boxes().map(|boxed| boxed.count).sum();
    _ = write!(
        out,
        r#"<svg class="pipeline" xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" role="group" aria-label="Pipeline of {count} steps">"#
    );
    let columns = Columns::of(drawing, shape, layout);
    edges(&mut out, drawing, layout, &columns);
    for ((node, size), place) in drawing.nodes.iter().zip(&shape.sizes).zip(&layout.nodes) {
        match node {
            Drawn::Box(boxed) => {
                let width = 2.0 * columns.half_width(place.0);
                draw_box(&mut out, boxed, (width, f64::from(size.height)), *place);
            }
            Drawn::Dot => {
                _ = write!(out, r#"<circle class="dot" cx="{:.1}" cy="{:.1}" r="4"/>"#, place.0, place.1)
            }
        }
    }
    out.push_str("</svg>");
    out
}

/// Nodes of one rank stand in one column: its boxes are as wide as its widest, and edges pass it straight, so that
/// they cut no corner. It maps the column's middle to half its width.
struct Columns(HashMap<i64, f64>);

impl Columns {
    fn of(drawing: &Drawing, shape: &Shape, layout: &Layout) -> Self {
        let mut columns = HashMap::new();
        for ((node, (x, _)), size) in drawing.nodes.iter().zip(&layout.nodes).zip(&shape.sizes) {
            let half: &mut f64 = columns.entry(x.round() as i64).or_default();
            if let Drawn::Box(_) = node {
                *half = half.max(f64::from(size.width) / 2.0);
            }
        }
        Self(columns)
    }

    fn half_width(&self, x: f64) -> f64 {
        self.0.get(&(x.round() as i64)).copied().unwrap_or_default()
    }
}

fn edges(out: &mut String, drawing: &Drawing, layout: &Layout, columns: &Columns) {
    let half_width = |node: usize| match drawing.nodes[node] {
        Drawn::Box(_) => columns.half_width(layout.nodes[node].0),
        Drawn::Dot => 0.0,
    };
    out.push_str(r#"<g class="edges" aria-hidden="true">"#);
    for (((from, to), holds), inner) in drawing.edges.iter().zip(&layout.edges) {
        let ((from_x, from_y), (to_x, to_y)) = (layout.nodes[*from], layout.nodes[*to]);
        let class = if *holds { r#" class="holds""# } else { "" };
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
        if let Drawn::Box(_) = drawing.nodes[*to] {
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
        NodeKind::Operation => "operation",
        NodeKind::Monitor => "monitor",
        _ => "combinator",
    };
    let (element, class) = (if boxed.job.is_some() { "a" } else { "g" }, boxed.mark.class());
    _ = write!(out, r#"<{element} class="node {kind} {class}""#);
    match &boxed.job {
        Some(job) => _ = write!(out, r#" href="/jobs/{job}""#),
        None => out.push_str(r#" role="img""#),
    }
    out.push_str(r#" aria-label=""#);
    text::push(out, &boxed.label);
    _ = write!(out, ": ");
    text::push(out, &boxed.state);
    out.push_str(r#""><title>"#);
    text::push(out, &boxed.label);
    out.push('\n');
    boxed.details.chars().take(DETAILS_MAX).for_each(|c| text::push_char(out, c));
    if boxed.details.chars().nth(DETAILS_MAX).is_some() {
        out.push('…');
    }
    out.push_str("</title>");
    // What watches the world has round ends; what stands for many, a second outline.
    let radius = if boxed.kind == NodeKind::Monitor { 22 } else { 6 };
    if boxed.count > 1 {
        let (left, top) = (left + 4.0, top + 4.0);
        _ = write!(
            out,
            r#"<rect x="{left:.1}" y="{top:.1}" width="{width}" height="{height}" rx="{radius}"/>"#
        );
    }
    _ = write!(out, r#"<rect x="{left:.1}" y="{top:.1}" width="{width}" height="{height}" rx="{radius}"/>"#);
    _ = write!(
        out,
        r#"<text class="symbol" x="{:.1}" y="{:.1}">{}</text>"#,
        left + 20.0,
        y + 6.0,
        boxed.mark.symbol()
    );
    for (class, dy, line) in [("label", -3.0, &boxed.label), ("state", 13.0, &boxed.state)] {
        _ = write!(out, r#"<text class="{class}" x="{:.1}" y="{:.1}">"#, left + 36.0, y + dy);
        text::push(out, &label::shortened(line));
        out.push_str("</text>");
    }
    _ = write!(out, "</{element}>");
}

/// The nodes that a person wants to know about, worst first.
pub(super) fn list(facts: &Facts<'_>) -> String {
    let mut named: Vec<_> =
        facts.boxed().map(|at| (facts.mark(at), at)).filter(|(mark, _)| is_news(*mark)).collect();
    named.sort_by_key(|(mark, at)| (std::cmp::Reverse(*mark), *at));
    if named.is_empty() {
        return String::new();
    }
    let mut out = String::from(r#"<ul class="pipeline-list">"#);
    for (mark, at) in named.iter().take(LISTED_MAX) {
        let node = facts.node(*at);
        _ = write!(out, r#"<li class="{}"><span aria-hidden="true">{}</span> "#, mark.class(), mark.symbol());
        if let Some(job) = &node.job {
            _ = write!(out, r#"<a href="/jobs/{job}">"#);
        }
        text::push(&mut out, &label::shortened(&node.label));
        out.push_str(if node.job.is_some() { "</a>" } else { "" });
        if let Some(source) = facts.source(*at) {
            out.push_str(", ");
            text::push(&mut out, source);
        }
        out.push_str(": ");
        facts.state(*at).chars().take(DETAILS_MAX).for_each(|c| text::push_char(&mut out, c));
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
