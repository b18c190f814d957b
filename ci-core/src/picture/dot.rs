//! A picture as text for Graphviz.

use std::fmt::{self, Write as _};

use super::{Boxed, Cluster, Edge, Picture, Point, Shape, printable};

impl Picture {
    /// As DOT: `dot -Tsvg` makes a drawing of it.
    pub fn dot(&self) -> String {
        let mut out = String::new();
        // Writing to a string can't fail.
        _ = write(self, &mut out);
        out
    }
}

fn write(picture: &Picture, out: &mut String) -> fmt::Result {
    out.push_str(
        "digraph pipeline {\n  \
         graph [rankdir=LR, bgcolor=transparent, fontname=\"system-ui\"]\n  \
         node [shape=box, style=\"filled,rounded\", fontname=\"system-ui\"]\n",
    );
    inside(picture, out, None, 1)?;
    for Edge { from, to, dashed } in &picture.edges {
        writeln!(out, "  n{from} -> n{to}{}", if *dashed { " [style=dashed]" } else { "" })?;
    }
    out.push_str("}\n");
    Ok(())
}

/// What is in a cluster, or in none, and in no smaller one. `dot` can't nest any deeper than we are nested here.
fn inside(picture: &Picture, out: &mut String, cluster: Option<usize>, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    for (at, Point { shape, .. }) in picture.points.iter().enumerate().filter(|(_, it)| it.cluster == cluster)
    {
        write!(out, "{indent}n{at} ")?;
        match shape {
            Shape::Box(boxed) => draw(out, boxed)?,
            Shape::Gate => {
                out.push_str("[shape=circle, label=\"\", width=0.15, fixedsize=true, style=solid]")
            }
            Shape::Join => out.push_str("[shape=point, width=0.06]"),
        }
        out.push('\n');
    }
    let mut inner = picture.clusters.iter().enumerate().filter(|(_, it)| it.parent == cluster);
    inner.try_for_each(|(at, Cluster { label, dotted, .. })| {
        writeln!(out, "{indent}subgraph cluster_{at} {{")?;
        write!(out, "{indent}  graph [label=")?;
        quoted(out, label);
        writeln!(out, ", style={}]", if *dotted { "dotted" } else { "solid" })?;
        inside(picture, out, Some(at), depth + 1)?;
        writeln!(out, "{indent}}}")
    })
}

fn draw(out: &mut String, boxed: &Boxed) -> fmt::Result {
    out.push_str("[label=");
    match boxed.stands_for_others() {
        true => quoted(out, &format!("{}\n{}", boxed.title(), boxed.says)),
        false => quoted(out, &boxed.title()),
    }
    match boxed.refreshing {
        Some(refreshing) => write!(out, ", fillcolor=\"{}:{}\"", refreshing.colour(), boxed.colour)?,
        None => write!(out, ", fillcolor=\"{}\"", boxed.colour)?,
    }
    out.push_str(", tooltip=");
    quoted(out, &boxed.tooltip);
    if let Some(link) = &boxed.link {
        out.push_str(", target=\"_top\", URL=");
        quoted(out, &printable::address(link));
    }
    out.push(']');
    Ok(())
}

/// A string that is shown as it is: neither escapes nor entities are found in it.
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    printable::each(text, |c| match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '&' => out.push_str("&amp;"),
        c => out.push(c),
    });
    out.push('"');
}
