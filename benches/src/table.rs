//! The scoreboard, as text, Markdown and JSON.

use std::io;

use serde_json::json;

use crate::gates::{Bound, GATES, Limit, TARGETS, Unit, Verdict};
use crate::machine::Machine;
use crate::score::{Line, Score};

/// Columns for people.
pub fn text(to: &mut impl io::Write, score: &Score, machine: &Machine) -> io::Result<()> {
    writeln!(to, "{machine}\n")?;
    let (work, by) = ("work", "by");
    let heads = ["time", "ratio", "instructions", "allocations", "bytes"];
    write!(to, "{work:<40} {by:<23}")?;
    heads.iter().try_for_each(|head| write!(to, " {head:>12}"))?;
    writeln!(to)?;
    for line in &score.lines {
        write!(to, "{:<40} {:<23}", line.work, line.by)?;
        for (value, unit) in figures(line) {
            write!(to, " {:>12}", value.map_or(String::new(), |value| shown(value, unit)))?;
        }
        writeln!(to)?;
    }
    for (title, bounds) in [("gate", GATES), ("target", TARGETS)] {
        writeln!(to, "\n{title:<66} {:>10} {:>10}", "bound", "measured")?;
        for bound in bounds {
            let measured = (bound.measured)(score).map_or(String::new(), |x| shown(x, bound.unit));
            let verdict = bound.verdict(score);
            writeln!(to, "{:<66} {:>10} {measured:>10}  {verdict}", bound.name, limit(bound))?;
        }
    }
    Ok(())
}

/// For a README: the works with what each engine took, then the gates and targets that were measured.
pub fn markdown(to: &mut impl io::Write, score: &Score, machine: &Machine) -> io::Result<()> {
    let mut engines: Vec<&str> = Vec::new();
    for line in score.lines.iter().filter(|line| line.seconds.is_some()) {
        let of_work = score.lines.iter().filter(|other| other.work == line.work).count();
        if of_work > 2 && !engines.contains(&line.by) {
            engines.push(line.by);
        }
    }
    let mut works: Vec<&str> = Vec::new();
    for line in score.lines.iter().filter(|line| engines.contains(&line.by) && line.ratio.is_some()) {
        if !works.contains(&line.work) {
            works.push(line.work);
        }
    }
    writeln!(to, "| | {} |", engines.join(" | "))?;
    writeln!(to, "|---|{}", "---:|".repeat(engines.len()))?;
    for work in works {
        write!(to, "| {work} |")?;
        for by in &engines {
            let Line { seconds, ratio, .. } = score.of(work, by);
            match (seconds, ratio) {
                (Some(seconds), Some(ratio)) if ratio != 1.0 => {
                    write!(to, " {} ({}) |", shown(seconds, Unit::Time), shown(ratio, Unit::Times))?;
                }
                (Some(seconds), _) => write!(to, " {} |", shown(seconds, Unit::Time))?,
                _ => write!(to, " |")?,
            }
        }
        writeln!(to)?;
    }
    for (title, bounds) in [("Gate", GATES), ("Target", TARGETS)] {
        writeln!(to, "\n| {title} | bound | measured |\n|---|---:|---:|")?;
        for bound in bounds {
            let Some(measured) = (bound.measured)(score) else { continue };
            let missed = if bound.verdict(score) == Verdict::Missed { " (missed)" } else { "" };
            writeln!(to, "| {} | {} | {}{missed} |", bound.name, limit(bound), shown(measured, bound.unit))?;
        }
    }
    writeln!(
        to,
        "\n{machine}. Times are medians of interleaved rounds; in brackets, how many times the first column's."
    )
}

/// For machines: everything as it was measured, in seconds and bytes.
pub fn json(to: &mut impl io::Write, score: &Score, machine: &Machine) -> io::Result<()> {
    let told = |bounds: &[Bound]| {
        let told = bounds.iter().map(|bound| {
            let (at_most, at_least) = match bound.limit {
                Limit::AtMost(x) => (Some(x), None),
                Limit::AtLeast(x) => (None, Some(x)),
            };
            let measured = (bound.measured)(score);
            let verdict = bound.verdict(score);
            json!({"name": bound.name, "at_most": at_most, "at_least": at_least, "measured": measured, "verdict": verdict})
        });
        told.collect::<Vec<_>>()
    };
    let all = json!({
        "machine": machine,
        "lines": score.lines,
        "gates": told(GATES),
        "targets": told(TARGETS),
    });
    serde_json::to_writer_pretty(&mut *to, &all)?;
    writeln!(to)
}

fn figures(line: &Line) -> [(Option<f64>, Unit); 5] {
    [
        (line.seconds, Unit::Time),
        (line.ratio, Unit::Times),
        (line.instructions, Unit::Count),
        (line.allocations, Unit::Count),
        (line.bytes, Unit::Bytes),
    ]
}

fn limit(bound: &Bound) -> String {
    match bound.limit {
        Limit::AtMost(x) => format!("≤ {}", shown(x, bound.unit)),
        Limit::AtLeast(x) => format!("≥ {}", shown(x, bound.unit)),
    }
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Time => {
            let (scale, name) = match value {
                _ if value < 1e-6 => (1e9, "ns"),
                _ if value < 1e-3 => (1e6, "µs"),
                _ if value < 1.0 => (1e3, "ms"),
                _ => (1.0, "s"),
            };
            format!("{} {name}", digits(value * scale))
        }
        Unit::Times => format!("{}×", digits(value)),
        Unit::Bytes => format!("{} B", digits(value)),
        Unit::Count => digits(value),
    }
}

/// Three digits at least, and thousands apart.
fn digits(value: f64) -> String {
    match value {
        _ if value == 0.0 => "0".to_owned(),
        _ if value < 10.0 => format!("{value:.2}"),
        _ if value < 100.0 => format!("{value:.1}"),
        _ => {
            let whole = format!("{value:.0}");
            let mut apart = String::new();
            for (at, digit) in whole.chars().enumerate() {
                if at > 0 && (whole.len() - at).is_multiple_of(3) {
                    apart.push(',');
                }
                apart.push(digit);
            }
            apart
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_in_three_digits_and_their_unit() {
        for (value, unit, told) in [
            (354.4e-9, Unit::Time, "354 ns"),
            (9.6e-3, Unit::Time, "9.60 ms"),
            (12.0, Unit::Time, "12.0 s"),
            (69_068.0, Unit::Count, "69,068"),
            (0.0, Unit::Count, "0"),
            (1_234_567.0, Unit::Bytes, "1,234,567 B"),
            (30.04, Unit::Times, "30.0×"),
        ] {
            assert_eq!(shown(value, unit), told);
        }
    }

    fn score() -> Score {
        let mut score = Score::default();
        for (by, seconds, ratio) in
            [("core", 4e-7, 1.0), ("incremental", 1e-6, 2.5), ("salsa", 1e-2, 25_000.0)]
        {
            let line = score.line("W3 one head of 20,000", by);
            (line.seconds, line.ratio) = (Some(seconds), Some(ratio));
        }
        score.line("W3 one head of 20,000", "core").instructions = Some(1727.0);
        score
    }

    fn told(how: fn(&mut Vec<u8>, &Score, &Machine) -> io::Result<()>) -> String {
        let machine = Machine { cpu: "A processor".to_owned(), cores: 2, date: "2026-11-30".to_owned() };
        let mut told = Vec::new();
        how(&mut told, &score(), &machine).unwrap();
        String::from_utf8(told).unwrap()
    }

    #[test]
    fn markdown_has_a_column_for_each_engine_and_what_was_missed() {
        let told = told(markdown);
        assert!(told.contains("| | core | incremental | salsa |\n"), "{told}");
        assert!(
            told.contains("| W3 one head of 20,000 | 400 ns | 1.00 µs (2.50×) | 10.0 ms (25,000×) |\n"),
            "{told}"
        );
        assert!(told.contains("| W3: incremental ÷ core | ≥ 3.00× | 2.50× (missed) |\n"), "{told}");
        assert!(told.contains("A processor, 2 cores, 2026-11-30."), "{told}");
        assert!(!told.contains("W6"), "what was not measured is not in it: {told}");
    }

    #[test]
    fn text_says_of_each_gate_how_it_was_kept() {
        let told = told(text);
        let line = |start: &str| {
            told.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{told}"))
        };
        assert!(line("W3, core: instructions").ends_with("1,727  kept"), "{told}");
        assert!(line("W3: incremental ÷ core").ends_with("2.50×  MISSED"), "{told}");
        assert!(line("W6: incremental-map ÷ core").ends_with("not measured"), "{told}");
    }

    #[test]
    fn json_has_the_same() {
        let told: serde_json::Value = serde_json::from_str(&told(json)).unwrap();
        assert_eq!(told["lines"][0]["instructions"], json!(1727.0));
        assert_eq!(told["gates"][0]["verdict"], json!("kept"));
        assert_eq!(told["gates"][2]["verdict"], json!("missed"));
        assert_eq!(told["machine"]["cores"], json!(2));
    }
}
