//! `deployer local`: the program's own table from one's own machine. What is approved is done, on the engines that the
//! settings name.
//!
//! It is what `deployer run` starts, but guarded from the first job on, as a stranger to repositories, and with a state
//! of its own; and instead of a log it prints how everything stands, each time that all has come to rest.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ci_core::{DEFAULT, Level};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::guarding::Guarding;
use crate::run::Deployer;
use crate::settings::{Listen, Settings};
use crate::table::{self, Repo};
use crate::{telemetry, terminal};

mod standing;

/// `deployer local`'s arguments.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only the entries of this repository, by its address or the end of that: site, team/site
    #[arg(value_name = "REPO")]
    repo: Option<String>,
    #[command(flatten)]
    guarding: Guarding,
    /// A file of settings: its contexts, engine and registry; not its state, level and address
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Push to this registry instead of the embedded one
    #[arg(long, value_name = "HOST[:PORT]")]
    registry: Option<String>,
    /// Serve the pages here, or nowhere (none) [default: any free port of 127.0.0.1]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<Listen>,
}

/// A deployer that serves others may run on this machine.
const ANY_FREE_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Where the state is, below that of `deployer run`, unless somebody says.
pub(crate) const FOLDER: &str = "local";
/// The file that tells a state directory of ours.
pub(crate) const MARK: &str = "is-local";

fn settings(options: &Options, state: Option<PathBuf>) -> anyhow::Result<Settings> {
    let default = Settings::default_state().join(FOLDER);
    let told = match &options.config {
        Some(path) => Settings::read(path, default.clone())?,
        None => Settings::new(default.clone()),
    };
    let mut settings = Settings {
        state: state.unwrap_or(default),
        registry: options.registry.clone().or(told.registry.clone()),
        confirm: Some(Level::Harmless),
        anonymous: true,
        listen: options.listen.map_or(Some(ANY_FREE_PORT), |Listen(listen)| listen),
        public_url: None,
        ..told
    };
    options.guarding.apply(&mut settings)?;
    Ok(settings)
}

/// Tries `table` until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// When it can't start; nothing was done then.
pub(crate) async fn run(options: Options, state: Option<PathBuf>, table: &[Repo]) -> anyhow::Result<()> {
    telemetry::start("warn");
    let entries = match &options.repo {
        Some(name) => table::named(table, name)?,
        None => table.to_vec(),
    };
    let settings = settings(&options, state)?;
    // A table that makes no sense leaves no directory behind.
    table::lower(&entries)?;
    settings.check_contexts(&entries)?;
    settings.check_registry()?;
    let ours = settings.state.clone();
    tokio::task::spawn_blocking(move || take(&ours)).await??;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    let mut deployer = Deployer::start(&settings, &entries).await?;
    introduce(&deployer, &settings, &entries, table)?;
    let reporter =
        tokio::spawn(standing::report(deployer.engine().clone(), deployer.events(), flag(&settings.state)));
    let told = tokio::select! {
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
        () = deployer.engine().ended() => false,
    };
    reporter.abort();
    deployer.stop().await;
    anyhow::ensure!(told, "the engine has stopped by itself: this is a bug; start it again, nothing is lost");
    Ok(())
}

fn introduce(
    deployer: &Deployer,
    settings: &Settings,
    entries: &[Repo],
    table: &[Repo],
) -> anyhow::Result<()> {
    let of = if entries.len() == table.len() { String::new() } else { format!(" of {}", table.len()) };
    let noun = if table.len() == 1 { "entry" } else { "entries" };
    terminal::say(format_args!(
        "Trying {}{of} {noun} of the table, as a stranger: without your keys and passwords.",
        entries.len()
    ));
    terminal::say(match settings.confirm {
        Some(Level::Harmless) => "Nothing starts before you approve it.".to_owned(),
        Some(level) => format!("What is {level} or more starts when you approve it, the rest by itself."),
        None => "Nothing waits for your approval.".to_owned(),
    });
    if let Some(after) = settings.confirm_auto_release {
        let seconds = after.as_secs();
        terminal::say(format_args!(
            "After {seconds} s everything starts by itself, unless you set the level (deployer confirm) before."
        ));
    }
    if let Some(said) = of_secrets(entries) {
        terminal::say(terminal::plain(&said));
    }
    terminal::say(format_args!("Engines: {}", terminal::plain(&engines(settings, entries)?)));
    terminal::say(format_args!("State: {}", deployer.state().display()));
    if let Some(link) = deployer.link() {
        terminal::say(format_args!("Pages: {link}"));
    }
    Ok(())
}

/// What becomes of builds that are given secrets, which are of the machine that the settings are for.
fn of_secrets(entries: &[Repo]) -> Option<String> {
    let named: Vec<_> = table::secrets(entries).into_iter().collect();
    let named = Some(named.join(", ")).filter(|named| !named.is_empty())?;
    Some(format!("Secrets are not read: a build that is given one fails if you approve it ({named})."))
}

/// Where what is approved is done: `local (unix:///var/run/docker.sock), toxis (tcp://toxis:2375)`.
fn engines(settings: &Settings, entries: &[Repo]) -> anyhow::Result<String> {
    let named = table::contexts(entries);
    let engines = settings.engines()?;
    let used = engines.iter().filter(|(name, _)| *name == DEFAULT || named.contains_key(name));
    let told: Vec<_> = used.map(|(_, docker)| format!("{} ({})", docker.context(), docker.host())).collect();
    Ok(told.join(", "))
}

/// What the other subcommands must be told to speak to this deployer: ` --state DIR`, unless they find it anyway.
pub(crate) fn flag(state: &Path) -> String {
    let found = std::env::var_os("DEPLOYER_STATE").map_or_else(Settings::default_state, PathBuf::from);
    match found == state {
        true => String::new(),
        false => format!(" --state {}", quoted(&terminal::plain(&state.to_string_lossy()))),
    }
}

/// As a shell reads it back.
fn quoted(text: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':' | '@' | '+');
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Makes a state directory ours, if it is new. What `deployer run` was doing would be gone on with here, unasked.
fn take(state: &Path) -> anyhow::Result<()> {
    let unusable = || format!("can't use {}", state.display());
    let mark = state.join(MARK);
    if mark.try_exists().with_context(unusable)? {
        return Ok(());
    }
    let is_new = match std::fs::read_dir(state) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(unusable),
    };
    anyhow::ensure!(
        is_new,
        "{} holds something else, perhaps the state of `deployer run`: name another directory with --state",
        state.display()
    );
    std::fs::create_dir_all(state).and_then(|()| std::fs::write(mark, "")).with_context(unusable)
}

/// Keeps `deployer run` out of a state directory of ours.
///
/// # Errors
///
/// When it is ours.
pub(crate) fn refuse(state: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        !state.join(MARK).exists(),
        "{} is the state of `deployer local`: name another directory with --state",
        state.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once_and_for_all() {
        let dir = tempfile::tempdir().unwrap();
        let (new, empty) = (dir.path().join("a/new"), dir.path().join("empty"));
        std::fs::create_dir(&empty).unwrap();
        for ours in [&new, &empty] {
            assert!(refuse(ours).is_ok());
            take(ours).unwrap();
            std::fs::write(ours.join("journal"), "").unwrap();
            take(ours).unwrap();
            assert!(refuse(ours).unwrap_err().to_string().contains("`deployer local`"));
        }
        let other = dir.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("journal"), "").unwrap();
        assert!(take(&other).unwrap_err().to_string().contains("name another directory with --state"));
        assert!(take(&other.join("journal")).is_err(), "a file is no directory");
    }

    #[test]
    fn the_engines_are_named_that_the_entries_use() {
        use crate::prelude::*;
        let on = |service| vec![repo("/srv/site").docker(dockerfile("D").deploy("live", "a/b:c", [service]))];
        let mut settings = Settings::new("state".into());
        settings.docker = Some("unix:///x".to_owned());
        for name in ["toxis", "unused"] {
            settings.contexts.insert(name.to_owned(), format!("tcp://{name}:2375"));
        }
        let named = |service| engines(&settings, &on(service)).unwrap();
        assert_eq!(named(service("web")), "local (unix:///x)");
        assert_eq!(named(context("toxis").service("web")), "local (unix:///x), toxis (tcp://toxis:2375)");
    }

    #[test]
    fn the_secrets_are_named_that_builds_will_miss() {
        use crate::prelude::*;
        let with = |how: crate::table::Dockerfile| [repo("/srv/site").docker(how)];
        assert_eq!(of_secrets(&with(dockerfile("D"))), None);
        let said = of_secrets(&with(dockerfile("D").secret("npm", "npm-token").secret("hub", "hub-token")));
        assert!(said.unwrap().ends_with("(hub-token, npm-token)."));
    }

    #[test]
    fn a_state_directory_is_named_as_a_shell_reads_it() {
        assert_eq!(quoted("/home/ada/.local/state"), "/home/ada/.local/state");
        assert_eq!(quoted("/it's here"), r"'/it'\''s here'");
    }
}
