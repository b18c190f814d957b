//! Flags and subcommands.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use futures::TryStreamExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::control::{Client, Verb};
use crate::guarding::Guarding;
use crate::run::Deployer;
use crate::settings::{Listen, Settings};
use crate::status::Standing;
use crate::table::Repo;
use crate::{demo, local, store, telemetry, terminal};

mod logs;

/// How many jobs `deployer jobs` lists unless told otherwise.
const JOBS_LISTED: usize = 20;

/// A commit reaches a branch, the image is built, and the service runs it.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, about)]
struct Cli {
    /// Where results, logs, mirrors and the embedded registry live.
    #[arg(long, global = true, env = "DEPLOYER_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The main job from nothing: a repository, an image, a service, on this machine's Docker engine
    Demo(demo::Options),
    /// Deploy what the table says, until SIGTERM or Ctrl-C
    Run(Run),
    /// Try the table from this machine: what each job would do is told, and nothing starts before you approve it
    Local(local::Options),
    /// Tell how everything stands: what is read, built, pushed, and what runs where
    Status,
    /// Say what would be done now: no deployer has to run, and nothing is changed
    Plan(Plan),
    /// List the newest jobs
    Jobs {
        /// How many
        #[arg(long, default_value_t = JOBS_LISTED)]
        limit: usize,
    },
    /// Print a job's log
    Log {
        /// The job's id, or a part of it
        id: String,
        /// Go on while the job runs
        #[arg(short, long)]
        follow: bool,
    },
    /// Look into all logs
    Logs {
        #[command(subcommand)]
        what: Logs,
    },
    /// Tidy up now what the running deployer tidies up each hour: old logs
    Housekeeping {
        /// Only tell what would go
        #[arg(long)]
        dry_run: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a job start that waits for confirmation
    Approve {
        /// The job's id, or a part of it
        id: String,
    },
    /// Stop a job
    Cancel {
        /// The job's id, or a part of it
        id: String,
    },
    /// Run a job's operation again; its result serves meanwhile
    Rebuild {
        /// The job's id, or a part of it
        id: String,
    },
    /// Run a job's operation again, and let nobody use its result meanwhile
    Discard {
        /// The job's id, or a part of it
        id: String,
    },
    /// Change which jobs of the running deployer wait for a person
    Confirm {
        /// harmless, mostly-harmless, average, above-average, dangerous, or none
        level: String,
    },
    /// Copy the state directory, see whether it is whole, put a copy in place; no deployer is disturbed, and none has to run
    #[command(subcommand)]
    Store(store::Command),
}

#[derive(Debug, Subcommand)]
enum Logs {
    /// Print the lines that hold a text, those of the newest job first
    Search(logs::Search),
}

/// The settings that decide what is done.
#[derive(Debug, Args)]
struct Told {
    /// A file of settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Push to this registry instead of the embedded one
    #[arg(long, value_name = "HOST[:PORT]")]
    registry: Option<String>,
}

impl Told {
    fn settings(self, state: Option<PathBuf>) -> anyhow::Result<Settings> {
        let mut settings = match &self.config {
            Some(path) => Settings::read(path, Settings::default_state())?,
            None => Settings {
                listen: Some(Settings::LISTEN_DEFAULT),
                ..Settings::new(Settings::default_state())
            },
        };
        settings.state = state.unwrap_or(settings.state);
        settings.registry = self.registry.or(settings.registry);
        Ok(settings)
    }
}

#[derive(Debug, Args)]
struct Plan {
    #[command(flatten)]
    told: Told,
    /// Only the entries of this repository, by its address or the end of that: site, team/site
    #[arg(value_name = "REPO")]
    repo: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Exit with 2 when something is to be done, with 0 only when nothing is
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    told: Told,
    #[command(flatten)]
    guarding: Guarding,
    /// Serve the pages here, or nowhere (none) [default: 127.0.0.1:8080]
    #[arg(long, env = "DEPLOYER_LISTEN", value_name = "ADDR:PORT")]
    listen: Option<Listen>,
    /// How the pages are reached from elsewhere, by a proxy: `https://ci.example.org`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

/// Runs the program with this table, as told by the command line.
pub(crate) fn main(table: fn() -> Vec<Repo>) -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("can't start")),
    };
    let code = runtime.block_on(obey(cli, table));
    // Blocking reads of a disk that does not answer must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code.unwrap_or_else(|error| failed(&error))
}

fn failed(error: &anyhow::Error) -> ExitCode {
    terminal::complain(format_args!("deployer: {}", terminal::explain(error)));
    ExitCode::FAILURE
}

async fn obey(cli: Cli, table: fn() -> Vec<Repo>) -> anyhow::Result<ExitCode> {
    let state = cli.state.clone().unwrap_or_else(Settings::default_state);
    match cli.command {
        Command::Demo(options) => return Ok(demo::run(options).await),
        Command::Run(run) => run_until_told(run, cli.state, &table()).await?,
        Command::Status => status(&Client::new(&state)?).await?,
        Command::Plan(plan) => return foresee(plan, cli.state, &table()).await,
        Command::Local(options) => local::run(options, cli.state, &table()).await?,
        Command::Jobs { limit } => jobs(&Client::new(&state)?, limit).await?,
        Command::Log { id, follow } => log(&Client::new(&state)?, &id, follow).await?,
        Command::Logs { what: Logs::Search(wanted) } => logs::search(&Client::new(&state)?, wanted).await?,
        Command::Housekeeping { dry_run, json } => {
            logs::tidy(&Client::new(&state)?, dry_run, json).await?;
        }
        Command::Approve { id } => {
            terminal::say(Client::new(&state)?.act(Verb::Approve, &id).await?.trim_end())
        }
        Command::Cancel { id } => {
            terminal::say(Client::new(&state)?.act(Verb::Cancel, &id).await?.trim_end())
        }
        Command::Rebuild { id } => {
            terminal::say(Client::new(&state)?.act(Verb::Rebuild, &id).await?.trim_end())
        }
        Command::Discard { id } => {
            terminal::say(Client::new(&state)?.act(Verb::Discard, &id).await?.trim_end())
        }
        Command::Store(command) => return store::obey(command, state).await,
        Command::Confirm { level } => terminal::say(Client::new(&state)?.confirm(&level).await?.trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_until_told(run: Run, state: Option<PathBuf>, table: &[Repo]) -> anyhow::Result<()> {
    telemetry::start("info");
    let mut settings = run.told.settings(state)?;
    run.guarding.apply(&mut settings)?;
    if let Some(Listen(listen)) = run.listen {
        settings.listen = listen;
    }
    settings.public_url = run.public_url.or(settings.public_url);
    local::refuse(&settings.state)?;
    // Heard from the first moment: a signal during the start is not lost.
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    let mut deployer = Deployer::start(&settings, table).await?;
    tracing::info!(
        state = %deployer.state().display(),
        registry = deployer.registry(),
        entries = table.len(),
        "the deployer runs",
    );
    if let Some(link) = deployer.link() {
        // For a person's eyes, and not for a log that others may read for years.
        terminal::say(format_args!("Pages: {link}"));
    }
    let narrator = tokio::spawn(terminal::narrate(deployer.events(), local::flag(&settings.state)));
    let told = tokio::select! {
        _ = terminate.recv() => {
            tracing::info!("SIGTERM: stopping");
            true
        }
        _ = interrupt.recv() => {
            tracing::info!("Ctrl-C: stopping");
            true
        }
        () = deployer.engine().ended() => false,
    };
    deployer.stop().await;
    narrator.abort();
    anyhow::ensure!(told, "the engine has stopped by itself: this is a bug; start it again, nothing is lost");
    Ok(())
}

async fn status(client: &Client) -> anyhow::Result<()> {
    for Standing { what, state, job, .. } in client.status().await? {
        let job = job.map(|job| format!("  {job}")).unwrap_or_default();
        terminal::say(format_args!("{}  {}{job}", terminal::plain(&what), terminal::plain(&state)));
    }
    Ok(())
}

async fn foresee(plan: Plan, state: Option<PathBuf>, table: &[Repo]) -> anyhow::Result<ExitCode> {
    let settings = plan.told.settings(state)?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    let foreseen = tokio::select! {
        foreseen = crate::Plan::of(&settings, table, plan.repo.as_deref()) => foreseen?,
        // Nothing that was asked is left behind: neither a program nor its directory.
        _ = terminate.recv() => anyhow::bail!("stopped by SIGTERM"),
        _ = interrupt.recv() => anyhow::bail!("stopped by Ctrl-C"),
    };
    terminal::say(match plan.json {
        true => foreseen.json()?,
        false => foreseen.text(terminal::is_coloured()),
    });
    Ok(match (foreseen.has_errors(), foreseen.has_changes() && plan.detailed_exitcode) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(2),
        (false, false) => ExitCode::SUCCESS,
    })
}

async fn jobs(client: &Client, limit: usize) -> anyhow::Result<()> {
    let jobs = client.jobs(limit).await?;
    if jobs.is_empty() {
        terminal::say("no jobs yet");
    }
    for job in jobs {
        terminal::say(format_args!(
            "{}  {}  {}",
            job.id,
            terminal::plain(&job.summary),
            terminal::plain(&job.state)
        ));
    }
    Ok(())
}

async fn log(client: &Client, id: &str, follow: bool) -> anyhow::Result<()> {
    let mut chunks = std::pin::pin!(client.log(id, follow).await?);
    let mut out = std::io::stdout();
    while let Some(chunk) = chunks.try_next().await? {
        match out.write_all(&chunk).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}
