//! A picture as text for Mermaid, which many sites draw where it stands.

use std::fmt::{self, Write as _};

use super::{BoxKind, Boxed, Cluster, Edge, Picture, Point, Shape, Standing, printable};

impl Picture {
    /// As a Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let mut out = String::new();
        // Writing to a string can't fail.
        _ = write(self, &mut out);
        out
    }
}

fn write(picture: &Picture, out: &mut String) -> fmt::Result {
    out.push_str("flowchart LR\n");
    inside(picture, out, None, 1)?;
    for Edge { from, to, dashed } in &picture.edges {
        writeln!(out, "  n{from} {} n{to}", if *dashed { "-.->" } else { "-->" })?;
    }
    for (at, cluster) in picture.clusters.iter().enumerate() {
        let dash = if cluster.dotted { ",stroke-dasharray:2 4" } else { "" };
        writeln!(out, "  style c{at} fill:none,stroke:#808080{dash}")?;
    }
    for (at, point) in picture.points.iter().enumerate() {
        if let Shape::Box(boxed) = &point.shape {
            if let Some(link) = &boxed.link {
                writeln!(out, "  click n{at} href \"{}\" _top", printable::address(link))?;
            }
            if let Some(refreshing) = boxed.refreshing {
                writeln!(out, "  style n{at} stroke:{},stroke-width:4px", refreshing.colour())?;
            }
        }
    }
    out.push_str("  classDef gate fill:none,stroke:#808080\n");
    for standing in Standing::ALL {
        let colour = standing.colour();
        writeln!(out, "  classDef {} fill:{colour},stroke:#808080,color:#000000", class(standing))?;
    }
    Ok(())
}

/// What is in a cluster, or in none, and in no smaller one.
fn inside(picture: &Picture, out: &mut String, cluster: Option<usize>, depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    for (at, Point { shape, .. }) in picture.points.iter().enumerate().filter(|(_, it)| it.cluster == cluster)
    {
        write!(out, "{indent}n{at}")?;
        match shape {
            Shape::Box(boxed) => draw(out, boxed),
            Shape::Gate | Shape::Join => out.push_str("((\" \")):::gate"),
        }
        out.push('\n');
    }
    let mut inner = picture.clusters.iter().enumerate().filter(|(_, it)| it.parent == cluster);
    inner.try_for_each(|(at, Cluster { label, .. })| {
        write!(out, "{indent}subgraph c{at}[\"")?;
        // There is no box without a text.
        text(out, if label.is_empty() { " " } else { label });
        out.push_str("\"]\n");
        inside(picture, out, Some(at), depth + 1)?;
        writeln!(out, "{indent}end")
    })
}

fn draw(out: &mut String, boxed: &Boxed) {
    let (open, close) = match boxed.kind {
        BoxKind::Monitor => ("([\"", "\"])"),
        BoxKind::Fold | BoxKind::Collapse => ("[[\"", "\"]]"),
        BoxKind::Operation | BoxKind::Bind | BoxKind::Step => ("[\"", "\"]"),
    };
    out.push_str(open);
    text(out, &format!("{}\n{}", boxed.title(), boxed.says));
    out.push_str(close);
    out.push_str(":::");
    out.push_str(class(boxed.standing));
}

/// No word of the language.
fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Ok => "ok",
        Standing::Skipped | Standing::Superseded => "passed",
        Standing::Pending => "pending",
        Standing::Blocked => "blocked",
        Standing::Queued => "queued",
        Standing::Running => "running",
        Standing::Retrying => "retrying",
        Standing::Confirmation => "confirmation",
        Standing::Doubtful => "doubtful",
        Standing::Cancelled => "cancelled",
        Standing::Failed => "failed",
    }
}

/// Inside quotes. Whatever could mean something, to Mermaid, to Markdown or in the markup that becomes of it, is named
/// by its number.
fn text(out: &mut String, text: &str) {
    let mut before = ' ';
    printable::each(text, |c| {
        match c {
            '\n' => out.push_str("<br/>"),
            '"' => out.push_str("#quot;"),
            ' ' | '.' | ',' | '/' => out.push(c),
            c if c.is_ascii_punctuation() => _ = write!(out, "#{};", u32::from(c)),
            // Even so named, a backslash and an n would be taken for a new line: a word joiner keeps them apart.
            'n' if before == '\\' => out.push_str("#8288;n"),
            c => out.push(c),
        }
        before = c;
    });
}
