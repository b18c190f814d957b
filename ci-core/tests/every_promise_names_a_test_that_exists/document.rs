//! The document: tables of promises, and one of what is not promised yet.

use std::collections::BTreeSet;
use std::path::Path;

use crate::sources;

/// The tables that we started from and that are here whole, and how many rows each has.
const TABLES: [(&str, u32); 8] =
    [("T", 47), ("A", 15), ("E", 23), ("J", 14), ("P", 6), ("X", 10), ("C", 38), ("M", 8)];

/// The section whose rows have a reason instead of a promise.
const NOT_YET: &str = "Not promised yet";

/// The ids that have to be in the document.
pub(crate) fn all() -> impl Iterator<Item = String> {
    TABLES.iter().flat_map(|(table, last)| (1..=*last).map(move |row| format!("{table}{row}")))
}

/// What is wrong with the document, of the workspace in this folder.
pub(crate) fn faults(document: &str, workspace: &Path) -> Vec<String> {
    let (mut faults, mut ids) = (Vec::new(), BTreeSet::new());
    for (section, row) in rows(document) {
        let [id, says, proof @ ..] = &row[..] else {
            faults.push(format!("{row:?} is no row"));
            continue;
        };
        let mut fault = |what: &str| faults.push(format!("{id}: {what}"));
        if !is_known(id) {
            fault("there is no such row");
        } else if !ids.insert(id.to_string()) {
            fault("it stands twice");
        }
        if says.is_empty() {
            fault("it says nothing");
        }
        match proof {
            [] if section == NOT_YET => {}
            [tests] if section != NOT_YET => prove(tests, workspace, &mut fault),
            _ => fault("its row has too few cells, or too many"),
        }
    }
    faults.extend(all().filter(|id| !ids.contains(id)).map(|id| format!("{id}: it is missing")));
    faults
}

/// Looks for each test of a cell.
fn prove(cell: &str, workspace: &Path, fault: &mut impl FnMut(&str)) {
    // What stands between backticks has an odd number.
    let (mut beside, mut tests) = (String::new(), 0);
    for (number, part) in cell.split('`').enumerate() {
        if number % 2 == 0 {
            beside.push_str(&part.replace("<br>", ""));
            continue;
        }
        tests += 1;
        if let Err(why) = sources::find(workspace, part) {
            fault(&why);
        }
    }
    if !beside.trim().is_empty() {
        fault(&format!("{beside:?} is no proof"));
    }
    if tests == 0 {
        fault("nothing proves it");
    }
}

/// The rows of all tables, with the section that each stands in.
fn rows(document: &str) -> Vec<(&str, Vec<&str>)> {
    let (mut rows, mut section, mut is_header) = (Vec::new(), "", true);
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        }
        let Some(row) = line.trim().strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            is_header |= !line.trim().is_empty();
            continue;
        };
        if row.starts_with("---") {
            is_header = false;
        } else if !is_header {
            rows.push((section, row.split('|').map(str::trim).collect()));
        }
    }
    rows
}

/// Whether it is a row of a table that we started from: T10, or F-J3.
fn is_known(id: &str) -> bool {
    let of_table = |(table, last): &(&str, u32)| {
        id.strip_prefix(table).and_then(|row| row.parse().ok()).is_some_and(|row| (1..=*last).contains(&row))
    };
    let is_fault = id.strip_prefix("F-").is_some_and(|row| {
        let number = row.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
        number.len() + 1 == row.len() && number.parse::<u32>().is_ok()
    });
    TABLES.iter().any(of_table) || is_fault
}
