//! `deployer demo`: the main job, from nothing, on this machine's Docker engine.
//!
//! It makes a git repository with a small web service, starts what `deployer run` starts, commits, and tells what
//! happens until a task answers with the new page. Nothing below this module knows that it is a demo.

use std::io::{BufRead as _, IsTerminal as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use ci_dsl::docker::Docker;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::place::Place;
use self::site::Site;
use self::story::Story;
use self::swarm::Swarm;
use crate::run::Deployer;
use crate::settings::Settings;
use crate::terminal::say;
use crate::{pipeline, telemetry, terminal};

mod place;
mod site;
mod story;
mod swarm;

/// `deployer demo`'s flags.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Tell the story with a second and a broken commit, clean up, and end; exits with 1 if anything deviates
    #[arg(long)]
    once: bool,
    /// Leave the repository, the service and the state when it ends
    #[arg(long, conflicts_with = "once")]
    keep: bool,
    /// Make the engine a Swarm, listening on 127.0.0.1 only, if it is none
    #[arg(long)]
    init_swarm: bool,
}

/// The exit code when something must be said on the command line first.
const USAGE: u8 = 2;

/// Another deployer may run on this machine.
const ANY_FREE_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Why the demo ended early.
enum End {
    /// A step went wrong.
    Failed(anyhow::Error),
    /// The engine is no Swarm, and nobody said that it may become one.
    NoSwarm,
    /// Ctrl-C or SIGTERM.
    Told,
}

impl<E: Into<anyhow::Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(crate) async fn run(options: Options) -> ExitCode {
    match told(&options).await {
        Ok(()) | Err(End::Told) => ExitCode::SUCCESS,
        Err(End::NoSwarm) => {
            terminal::complain(
                "deployer demo: this engine is no Swarm, and services need one: add --init-swarm to make it one \
                 (it will listen on 127.0.0.1 only)",
            );
            ExitCode::from(USAGE)
        }
        Err(End::Failed(error)) => {
            terminal::complain(format_args!("deployer demo: {}", terminal::explain(&error)));
            ExitCode::FAILURE
        }
    }
}

async fn told(options: &Options) -> Result<(), End> {
    let timeline = telemetry::start("error");
    let host = Settings::new(Settings::default_state()).docker_host()?;
    let docker = Docker::new(Docker::LOCAL, host.clone());
    let engine = docker.info().await.context("engine")?;
    say(format_args!("Docker engine {} on {} ({})", engine.version, host, engine.architecture));
    if !(engine.is_swarm_manager || options.init_swarm || may_init_swarm()) {
        return Err(End::NoSwarm);
    }
    // From here on there is something to remove, so the end is not left to the signals.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut swarm = Swarm::of(&host)?;
    // What may fail on this machine comes before what changes the engine.
    let place = Place::new(&host).context("temporary directory")?;
    if !engine.is_swarm_manager {
        say("The engine becomes a Swarm, for as long as the demo runs");
        swarm.init().await.context("swarm")?;
    }
    let end = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let told = tell(options, &place, timeline, end).await;
    if options.keep {
        say(format_args!("Kept: {} and service {}", place.dir().display(), place.service()));
        place.keep();
        return told;
    }
    say("Cleaning up");
    let cleaned = place.remove().await.context("clean-up");
    let left = swarm.leave().await.context("leaving the Swarm");
    told.and(cleaned.map_err(End::Failed)).and(left.map_err(End::Failed))
}

/// Asks on a terminal. Without one, nobody agrees.
fn may_init_swarm() -> bool {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return false;
    }
    say("This engine is no Swarm. Make it one while the demo runs, listening on 127.0.0.1 only? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && answer.trim().eq_ignore_ascii_case("y")
}

/// The story, until it is told or `end` comes. The deployer has stopped when this returns: what it made can be removed.
async fn tell(
    options: &Options,
    place: &Place,
    timeline: crate::timeline::Timeline,
    end: impl Future<Output = ()>,
) -> Result<(), End> {
    let site = Site::create(place.dir().join("site")).await.context("repository")?;
    let mut settings = Settings::new(place.dir().join("state"));
    settings.docker = Some(place.host().to_string());
    settings.listen = Some(ANY_FREE_PORT);
    let began = Instant::now();
    let table = vec![pipeline::site(&site.path().to_string_lossy(), place.service(), &place.image())];
    let mut deployer = Deployer::start(&settings, &table).await.context("deployer")?;
    say(format_args!(
        "The deployer runs (ready in {} ms); its registry is {}",
        began.elapsed().as_millis(),
        deployer.registry()
    ));
    if let Some(link) = deployer.link() {
        say(format_args!("Look at it: {link}"));
    }
    let mut story = Story::new(&mut deployer, timeline);
    let told = async {
        site.write_page("Hello, world").await?;
        story.goes_live(&site, "Say hello", "Hello, world").await.context("first commit")?;
        if !options.once {
            invite(&site, deployer.state());
            return story.goes_on().await;
        }
        site.write_page("Hello again").await?;
        story.goes_live(&site, "Say it again", "Hello again").await.context("second commit")?;
        site.break_dockerfile().await?;
        story.fails(&site, "Copy a file that is not there", "Hello again").await.context("broken commit")
    };
    let told = tokio::select! {
        told = told => told.map_err(End::Failed),
        () = end => Err(End::Told),
    };
    deployer.stop().await;
    told
}

fn invite(site: &Site, state: &std::path::Path) {
    let path = site.path().display();
    say("");
    say("It goes on watching. In another terminal:");
    say(format_args!("  cd {path} && echo '<h1>Mine</h1>' > page.html && git commit -am 'My page'"));
    say(format_args!("  deployer --state {} jobs", state.display()));
    say("Ctrl-C ends the demo and removes what it made.");
    say("");
}

/// Fails with what was expected and what was there instead.
fn expect(holds: bool, what: impl FnOnce() -> String) -> anyhow::Result<()> {
    match holds {
        true => Ok(()),
        false => bail!("{}", what()),
    }
}
