//! The scoreboard's command line.

use std::io::{self, Write as _};
use std::process::ExitCode;

use benches::gates::{GATES, is_passed};
use benches::heap::Counting;
use benches::machine::Machine;
use benches::measure;
use benches::score::Score;
use benches::shape::FULL;
use benches::table;
use clap::{Parser, Subcommand};

#[global_allocator]
static HEAP: Counting = Counting;

/// Measures the engine beside its peers, and fails when a gate is missed.
#[derive(Parser)]
struct Arguments {
    /// Only works whose names hold this, whatever their case. Gates about others are not judged.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Tells it to machines.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Tells it as a README does.
    #[arg(long)]
    markdown: bool,
    #[command(subcommand)]
    child: Option<Child>,
}

#[derive(Subcommand)]
enum Child {
    /// What the process does that runs under valgrind.
    #[command(name = measure::COUNT, hide = true)]
    Count { work: usize, engine: String, changes: u64 },
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Child::Count { work, engine, changes }) = arguments.child {
        measure::count(work, &engine, changes);
    }
    let only = arguments.only.as_deref().unwrap_or_default().to_lowercase();
    let mut score = Score::default();
    let wanted = |work: &str| {
        let wanted = work.to_lowercase().contains(&only);
        if wanted {
            // Whoever waits may see how far it is; a closed door is no reason to stop.
            _ = writeln!(io::stderr(), "{work} …");
        }
        wanted
    };
    measure::all(&mut score, &FULL, &wanted);
    let (out, machine) = (&mut io::stdout().lock(), Machine::here());
    match arguments {
        Arguments { json: true, .. } => table::json(out, &score, &machine)?,
        Arguments { markdown: true, .. } => table::markdown(out, &score, &machine)?,
        _ => table::text(out, &score, &machine)?,
    }
    out.flush()?;
    Ok(if is_passed(GATES, &score) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
