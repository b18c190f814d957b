//! What the program was told: a file, overridden by flags.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use ci_core::logs::Keep;
use ci_core::secret::{Scope, Secret, SecretError, Source};
use ci_core::{DEFAULT, Level, OpError};
use ci_dsl::docker::{Docker, DockerHost, Limits};
use ci_dsl::git::{GitOptions, RefName, RepoUrl};
use serde::Deserialize;

use crate::table::{self, Repo};

mod budget;
mod logs;

pub use self::budget::Budget;

/// How the deployer runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where results, logs, mirrors and the embedded registry live.
    pub state: PathBuf,
    /// A registry to push to (`registry.example.org` or `host:port`); `None` starts the embedded one, which serves
    /// engines on this machine only.
    pub registry: Option<String>,
    /// Jobs at or above this level wait for a person.
    pub confirm: Option<Level>,
    /// After this time nothing waits for a person any more, unless somebody set the level before.
    pub confirm_auto_release: Option<Duration>,
    /// Whether repositories are read as a stranger would: no `.netrc`, no ssh key, no ssh agent; and of secrets there are
    /// only the names.
    pub anonymous: bool,
    /// The engine that builds, and runs what names no context: `unix:///var/run/docker.sock`. `None` takes
    /// `DOCKER_HOST`, else the usual socket.
    pub docker: Option<String>,
    /// Further engines by name.
    pub contexts: BTreeMap<String, String>,
    /// How often remote repositories are asked for their heads; local ones are watched.
    pub poll: Duration,
    /// How many builds run at once.
    pub builds: usize,
    /// Where this machine's engine keeps its images and containers.
    pub docker_data: PathBuf,
    /// Builds on this machine's engine wait while less is free there, bytes.
    pub free_bytes: u64,
    /// Where the pages are served; `None`: there are none.
    pub listen: Option<SocketAddr>,
    /// How the pages are reached from elsewhere, if they are: `https://ci.example.org`.
    pub public_url: Option<String>,
    /// How long logs are kept.
    pub logs: Keep,
    /// How long images are kept that builds left on engines and nothing needs now.
    pub images: Budget,
    /// How long mirrors are kept of repositories that the table does not name.
    pub mirrors: Budget,
    /// What is masked in logs, errors and events, by name: passwords and tokens that a build or a program may print, and
    /// that builds are given by the table.
    pub secrets: BTreeMap<String, SecretSetting>,
}

/// A secret, as it is told of in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSetting {
    /// Where it is kept.
    pub source: Source,
    /// Which commits' builds may have it; all, if none is named.
    pub only: Vec<Scope>,
}

impl SecretSetting {
    fn read(&self, name: &str) -> Result<Secret, SecretError> {
        let secret = self.source.load(name, |variable| std::env::var_os(variable))?;
        Ok(secret.only(self.only.clone()))
    }

    /// Its name, and whose it is.
    fn stand_in(&self, name: &str) -> Secret {
        Secret::stand_in(name).only(self.only.clone())
    }
}

/// The file's form. Every field may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    state: Option<PathBuf>,
    registry: Option<String>,
    confirm: Option<Level>,
    docker: Option<String>,
    contexts: BTreeMap<String, String>,
    poll_seconds: Option<u64>,
    builds: Option<usize>,
    docker_data: Option<PathBuf>,
    free_gb: Option<f64>,
    listen: Option<Listen>,
    public_url: Option<String>,
    logs: logs::Section,
    images: budget::Section,
    mirrors: budget::Section,
    secrets: BTreeMap<String, Kept>,
}

/// Where a secret is kept: `{ file = "/etc/deployer/hub-token" }`. Untagged, since who writes the secret itself there
/// must not find it in the error.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "it is not said where the secret is kept: { file = \"…\" }, { env = \"…\" } or { credential = \"…\" }; and \
                 maybe whose it is: only = [{ repo = \"…\", branch = \"…\" }]"
)]
enum Kept {
    File {
        file: PathBuf,
        #[serde(default)]
        only: Vec<Only>,
    },
    Env {
        env: String,
        #[serde(default)]
        only: Vec<Only>,
    },
    Credential {
        credential: String,
        #[serde(default)]
        only: Vec<Only>,
    },
}

/// A repository as the table names it, and a branch; all of its branches, if none is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    repo: String,
    branch: Option<String>,
}

impl Kept {
    fn setting(self) -> anyhow::Result<SecretSetting> {
        let (source, only) = match self {
            Self::File { file, only } => (Source::File(file), only),
            Self::Env { env, only } => (Source::Environment(env), only),
            Self::Credential { credential, only } => (Source::Credential(credential), only),
        };
        let only = only.into_iter().map(Only::scope).collect::<anyhow::Result<_>>()?;
        Ok(SecretSetting { source, only })
    }
}

impl Only {
    fn scope(self) -> anyhow::Result<Scope> {
        let reference =
            self.branch.map(|branch| RefName::parse(&format!("refs/heads/{branch}"))).transpose()?;
        Ok(Scope {
            repository: RepoUrl::parse(&self.repo)?.as_str().to_owned(),
            reference: reference.map(|reference| reference.as_str().to_owned()),
        })
    }
}

/// Where the pages are served, as people say it: an address, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Listen(pub(crate) Option<SocketAddr>);

/// The text is no address to listen on.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no address to listen on: it looks like 127.0.0.1:8080, or none for no pages")]
pub(crate) struct BadListen(String);

impl FromStr for Listen {
    type Err = BadListen;

    fn from_str(text: &str) -> Result<Self, BadListen> {
        match text {
            "none" => Ok(Self(None)),
            text => text.parse().map(|address| Self(Some(address))).map_err(|_| BadListen(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = BadListen;

    fn try_from(text: String) -> Result<Self, BadListen> {
        text.parse()
    }
}

impl Settings {
    /// Remote repositories are asked this often unless told otherwise.
    pub const POLL_DEFAULT: Duration = Duration::from_secs(60);
    /// And never more often than this: others pay for it too.
    pub const POLL_MIN: Duration = Duration::from_secs(1);
    /// As many builds run at once unless told otherwise.
    pub const BUILDS_DEFAULT: usize = 2;

    /// Where Debian's engine, and most others, keep what they have.
    pub const DOCKER_DATA_DEFAULT: &str = "/var/lib/docker";
    /// What is to be free there unless told otherwise.
    pub const FREE_BYTES_DEFAULT: u64 = 2_000_000_000;

    /// Where `deployer run` serves its pages unless told otherwise: on this machine only.
    pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

    /// The settings that hold when nothing is said; but no pages are served.
    pub fn new(state: PathBuf) -> Self {
        Self {
            state,
            registry: None,
            confirm: None,
            confirm_auto_release: None,
            anonymous: false,
            docker: None,
            contexts: BTreeMap::new(),
            poll: Self::POLL_DEFAULT,
            builds: Self::BUILDS_DEFAULT,
            docker_data: Self::DOCKER_DATA_DEFAULT.into(),
            free_bytes: Self::FREE_BYTES_DEFAULT,
            listen: None,
            public_url: None,
            logs: Keep::default(),
            images: Budget::IMAGES,
            mirrors: Budget::MIRRORS,
            secrets: BTreeMap::new(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it can't be read, or says something that is not understood. No line of the file is quoted.
    pub fn read(path: &Path, default_state: PathBuf) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            anyhow::anyhow!("{}, line {line}: {}", path.display(), error.message())
        })?;
        let secret = |(name, kept): (String, Kept)| {
            let setting = kept.setting().with_context(|| format!("{}, the secret {name}", path.display()))?;
            Ok((name, setting))
        };
        let secrets = file.secrets.into_iter().map(secret).collect::<anyhow::Result<_>>()?;
        let poll = file.poll_seconds.map_or(Self::POLL_DEFAULT, Duration::from_secs);
        Ok(Self {
            state: file.state.unwrap_or(default_state),
            registry: file.registry,
            confirm: file.confirm,
            confirm_auto_release: None,
            anonymous: false,
            docker: file.docker,
            contexts: file.contexts,
            poll: poll.max(Self::POLL_MIN),
            builds: file.builds.unwrap_or(Self::BUILDS_DEFAULT),
            docker_data: file.docker_data.unwrap_or_else(|| Self::DOCKER_DATA_DEFAULT.into()),
            // A float that is no number of bytes becomes the nearest one that is.
            free_bytes: file.free_gb.map_or(Self::FREE_BYTES_DEFAULT, |gb| (gb * 1e9) as u64),
            listen: file.listen.map_or(Some(Self::LISTEN_DEFAULT), |Listen(listen)| listen),
            public_url: file.public_url,
            logs: file.logs.into(),
            images: file.images.or(Budget::IMAGES),
            mirrors: file.mirrors.or(Budget::MIRRORS),
            secrets,
        })
    }

    /// Reads the secrets. For an [anonymous](Self::anonymous) reader there are only their names, and those of others that a
    /// table names. Blocks.
    ///
    /// # Errors
    ///
    /// The first that can't be had, with what to do. No secret is told.
    pub(crate) fn read_secrets(&self, named: &BTreeSet<String>) -> anyhow::Result<Vec<Secret>> {
        if self.anonymous {
            let told = self.secrets.iter().map(|(name, setting)| setting.stand_in(name));
            let others = named.iter().filter(|name| !self.secrets.contains_key(*name));
            return Ok(told.chain(others.map(Secret::stand_in)).collect());
        }
        let read =
            self.secrets.iter().map(|(name, setting)| Ok(setting.read(name).map_err(OpError::from)?));
        read.collect()
    }

    /// Reads each secret by itself. Of one that can't be had there is the name, and why. Blocks.
    pub(crate) fn secrets_at_hand(&self) -> (Vec<Secret>, Vec<SecretError>) {
        let mut missing = Vec::new();
        let read = self.secrets.iter().map(|(name, setting)| {
            setting.read(name).unwrap_or_else(|error| {
                missing.push(error);
                setting.stand_in(name)
            })
        });
        (read.collect(), missing)
    }

    /// The engine to use when none is named: `DOCKER_HOST`, else the usual socket.
    ///
    /// # Errors
    ///
    /// When `DOCKER_HOST` is no address.
    pub fn docker_host(&self) -> anyhow::Result<DockerHost> {
        match (&self.docker, std::env::var("DOCKER_HOST")) {
            (Some(host), _) => Ok(host.parse()?),
            (None, Ok(host)) if !host.is_empty() => host.parse().context("DOCKER_HOST"),
            (None, _) => Ok(DockerHost::Unix(Docker::SOCKET.into())),
        }
    }

    /// Every engine, by the name that operations know it by.
    pub(crate) fn engines(&self) -> anyhow::Result<Vec<(&str, Docker)>> {
        let mut engines = vec![(DEFAULT, Docker::new(Docker::LOCAL, self.docker_host()?))];
        for (name, host) in &self.contexts {
            let host = host.parse().with_context(|| format!("context {name:?}"))?;
            engines.push((name, Docker::new(name.as_str(), host)));
        }
        Ok(engines)
    }

    /// What runs at once on the engine of this name.
    pub(crate) fn limits(&self, name: &str, docker: &Docker) -> Limits {
        let limits = Limits::new(self.builds, Limits::RUNS_DEFAULT);
        match docker.host() {
            DockerHost::Unix(_) if name == DEFAULT => {
                limits.with_free_space(&self.docker_data, self.free_bytes)
            }
            _ => limits,
        }
    }

    /// Refuses a table that names a context which nobody declared.
    pub(crate) fn check_contexts(&self, table: &[Repo]) -> anyhow::Result<()> {
        let missing = table::contexts(table).into_iter().find(|(name, _)| !self.contexts.contains_key(*name));
        match missing {
            Some((name, service)) => anyhow::bail!(
                "service {service:?} is on the context {name:?}, which is not declared: give its address under \
                 [contexts] in the file of --config"
            ),
            None => Ok(()),
        }
    }

    /// Refuses the embedded registry where an engine could not reach it: its images would be pulled from the engine's
    /// own loopback.
    pub(crate) fn check_registry(&self) -> anyhow::Result<()> {
        let mut hosts = vec![("docker".to_owned(), self.docker_host()?)];
        for (name, host) in &self.contexts {
            hosts.push((
                format!("context {name:?}"),
                host.parse().with_context(|| format!("context {name:?}"))?,
            ));
        }
        let elsewhere = hosts.iter().find_map(|(name, host)| match host {
            DockerHost::Tcp(address) if !is_loopback(address) => Some((name, address)),
            _ => None,
        });
        match elsewhere {
            Some((name, address)) if self.registry.is_none() => anyhow::bail!(
                "{name} is on another machine ({address}), which can't reach the embedded registry: name one with \
                 --registry"
            ),
            _ => Ok(()),
        }
    }

    /// What git and ssh may know of our environment: where programs, credentials, agents and proxies are; for an
    /// [anonymous](Self::anonymous) reader no credentials and no agents. Writes what they read into the state directory.
    pub(crate) fn git(&self) -> std::io::Result<GitOptions> {
        const CREDENTIALS: [&str; 2] = ["HOME", "SSH_AUTH_SOCK"];
        const PASSED_ON: [&str; 7] =
            ["PATH", "GIT_SSL_CAINFO", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"];
        let of_ours = |name: &&str| Some((OsString::from(*name), std::env::var_os(name)?));
        let mut env: Vec<_> = PASSED_ON.iter().filter_map(of_ours).collect();
        if !self.anonymous {
            env.extend(CREDENTIALS.iter().filter_map(of_ours));
            return Ok(GitOptions { env, ssh_config: None });
        }
        // Without HOME, curl would look the user's directory up and find .netrc there; ssh does so in any case.
        env.push(("HOME".into(), std::path::absolute(&self.state)?.into()));
        let ssh_config = std::path::absolute(self.state.join("ssh_config"))?;
        std::fs::write(&ssh_config, ANONYMOUS_SSH)?;
        Ok(GitOptions { env, ssh_config: Some(ssh_config) })
    }

    /// Where the state lives when nobody says: what systemd gives, else the user's own state directory.
    pub fn default_state() -> PathBuf {
        let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        from("STATE_DIRECTORY")
            .or_else(|| from("XDG_STATE_HOME").map(|dir| dir.join("deployer")))
            .or_else(|| from("HOME").map(|dir| dir.join(".local/state/deployer")))
            .unwrap_or_else(|| PathBuf::from("deployer-state"))
    }
}

/// Configuration of an ssh that has nothing to show to anybody.
const ANONYMOUS_SSH: &str = "Host *\n  PreferredAuthentications none\n  PubkeyAuthentication no\n  IdentityFile none\n  \
                             IdentityAgent none\n  ForwardAgent no\n";

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Settings> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deployer.toml");
        std::fs::write(&path, text).unwrap();
        Settings::read(&path, "state".into())
    }

    #[test]
    fn a_file_may_say_everything_or_nothing() {
        let nothing = Settings { listen: Some(Settings::LISTEN_DEFAULT), ..Settings::new("state".into()) };
        assert_eq!(read("").unwrap(), nothing);
        let said = read(
            "registry='r:5000'\nconfirm='dangerous'\nbuilds=4\npoll_seconds=0\n[contexts]\nx='unix:///x'",
        )
        .unwrap();
        assert_eq!((said.registry.as_deref(), said.confirm), (Some("r:5000"), Some(Level::Dangerous)));
        assert_eq!((said.builds, said.poll), (4, Settings::POLL_MIN));
        assert_eq!(said.contexts["x"], "unix:///x");
        let logs = read("[logs]\nkeep_days = 7\nkeep_gib = 2").unwrap().logs;
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        assert_eq!(logs, Keep { age: week, bytes: 2 << 30, ..Keep::default() });
        let kept = read("[images]\nkeep_days = 7\n[mirrors]\nkeep_gib = 2").unwrap();
        assert_eq!(kept.images, Budget { age: week, ..Budget::IMAGES });
        assert_eq!(kept.mirrors, Budget { bytes: 2 << 30, ..Budget::MIRRORS });
    }

    #[test]
    fn pages_are_served_at_an_address_or_not_at_all() {
        let listen = |text: &str| read(text).map(|settings| settings.listen);
        assert_eq!(listen("listen='none'").unwrap(), None);
        assert_eq!(listen("listen='[::1]:81'").unwrap(), Some("[::1]:81".parse().unwrap()));
        assert!(listen("listen='localhost'").unwrap_err().to_string().contains("127.0.0.1:8080"));
    }

    #[test]
    fn the_readme_shows_every_setting() {
        let readme = include_str!("../../README.md");
        let toml = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let said = read(toml).unwrap();
        assert_eq!(said.registry.as_deref(), Some("registry.example.org"));
        assert_eq!(said.contexts["toxis"], "tcp://toxis:2375");
        assert_eq!(said.logs, Keep::default(), "it shows what holds unless told otherwise");
        assert_eq!((said.images, said.mirrors), (Budget::IMAGES, Budget::MIRRORS));
    }

    #[test]
    fn a_stranger_shows_ssh_no_key_and_git_no_home() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { anonymous: true, ..Settings::new(dir.path().to_owned()) };
        let options = settings.git().unwrap();
        let names: Vec<_> = options.env.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert!(!names.contains(&"SSH_AUTH_SOCK"), "{names:?}");
        assert!(options.env.contains(&("HOME".into(), dir.path().into())), "{:?}", options.env);
        // As ssh itself understands it.
        let ssh = std::process::Command::new("ssh")
            .args(["-G", "-F"])
            .arg(options.ssh_config.unwrap())
            .arg("example.org")
            .output()
            .unwrap();
        let read = String::from_utf8(ssh.stdout).unwrap().to_lowercase();
        let lines: Vec<_> = read.lines().collect();
        for line in ["preferredauthentications none", "identityagent none", "identityfile none"] {
            assert!(lines.contains(&line), "{line}: {read}");
        }
        assert!(!lines.iter().any(|line| line.starts_with("identityfile ~")), "{read}");
    }

    #[test]
    fn a_context_must_be_declared() {
        use crate::prelude::*;
        let on = |service| [repo("/srv/site").docker(dockerfile("D").deploy("live", "a/b:c", [service]))];
        let mut settings = Settings::new("state".into());
        settings.check_contexts(&on(service("web"))).unwrap();
        let error = settings.check_contexts(&on(context("toxis").service("web"))).unwrap_err().to_string();
        assert!(error.contains("\"toxis\"") && error.contains("[contexts]"), "{error}");
        settings.contexts.insert("toxis".to_owned(), "tcp://toxis:2375".to_owned());
        settings.check_contexts(&on(context("toxis").service("web"))).unwrap();
    }

    #[test]
    fn the_embedded_registry_is_refused_to_engines_elsewhere() {
        let on = |host: &str, registry: Option<&str>| {
            let (docker, registry) = (Some(host.to_owned()), registry.map(str::to_owned));
            Settings { docker, registry, ..Settings::new("state".into()) }.check_registry()
        };
        assert!(on("unix:///x", None).is_ok() && on("tcp://127.0.0.1:2375", None).is_ok());
        assert!(on("tcp://toxis:2375", Some("registry.example.org")).is_ok());
        assert!(on("tcp://toxis:2375", None).unwrap_err().to_string().contains("--registry"));
    }

    #[test]
    fn a_secret_is_read_from_where_it_is_kept_and_its_absence_is_told_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let token = dir.path().join("token");
        let said =
            read(&format!("[secrets]\nhub = {{ file = {token:?} }}\nno = {{ env = 'NO_SUCH_VARIABLE' }}"))
                .unwrap();
        assert_eq!(said.secrets["no"].source, Source::Environment("NO_SUCH_VARIABLE".to_owned()));
        let none = BTreeSet::new();
        let missing = said.read_secrets(&none).unwrap_err();
        let hint = missing.downcast_ref::<OpError>().and_then(OpError::hint).unwrap();
        assert!(missing.to_string().contains("hub") && hint.contains("write it to"), "{missing}: {hint}");
        std::fs::write(&token, "hunter2\n").unwrap();
        let missing = said.read_secrets(&none).unwrap_err().to_string();
        assert!(missing.contains("NO_SUCH_VARIABLE") && !missing.contains("hunter2"), "{missing}");
        let hub = said.secrets["hub"].clone();
        let there = Settings { secrets: [("hub".to_owned(), hub)].into(), ..said };
        assert_eq!(there.read_secrets(&none).unwrap()[0].expose(), b"hunter2");
        for itself in ["'hunter2'", "{ hunter2 = 'x' }", "{ file = 'x', hunter2 = 'y' }"] {
            let wrong = read(&format!("[secrets]\nhub = {itself}")).unwrap_err().to_string();
            assert!(wrong.contains("line 2") && wrong.contains("{ file = "), "{wrong}");
            assert!(!wrong.contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn where_a_secret_can_not_be_read_there_is_its_name_and_whose_it_is() {
        let only = "only = [{ repo = '/srv/site', branch = 'live' }]";
        let said = read(&format!("[secrets]\nhub = {{ env = 'NO_SUCH_VARIABLE', {only} }}")).unwrap();
        let names_only = |given: &[Secret]| {
            let secrets = ci_core::secret::Secrets::default();
            given.iter().for_each(|secret| secrets.add(secret).unwrap());
            secrets.permit("hub", "/srv/site", "refs/heads/live").unwrap();
            secrets.permit("hub", "/srv/site", "refs/heads/other").unwrap_err();
            let refused = secrets.named("hub").unwrap_err().to_string();
            assert_eq!(refused, "the secret hub is not here, only its name is");
            (secrets.text("whatever a text says").into_owned(), secrets.permit("npm", "/x", "y").is_ok())
        };
        let (at_hand, missing) = said.secrets_at_hand();
        assert!(missing.len() == 1 && missing[0].to_string().contains("NO_SUCH_VARIABLE"), "{missing:?}");
        assert_eq!(names_only(&at_hand), ("whatever a text says".to_owned(), false));
        let stranger = Settings { anonymous: true, ..said };
        let given = stranger.read_secrets(&["npm".to_owned()].into()).unwrap();
        assert_eq!(names_only(&given), ("whatever a text says".to_owned(), true));
    }

    #[test]
    fn whose_a_secret_is_is_said_as_the_table_says_it() {
        let only = |only: &str| read(&format!("[secrets]\nhub = {{ env = 'HUB', only = [{only}] }}"));
        let scope = |reference: Option<&str>| Scope {
            repository: "https://example.org/site.git".to_owned(),
            reference: reference.map(str::to_owned),
        };
        let said = only("{ repo = 'https://example.org/site.git', branch = 'live' }").unwrap();
        assert_eq!(said.secrets["hub"].only, [scope(Some("refs/heads/live"))]);
        let said = only("{ repo = 'https://example.org/site.git' }").unwrap();
        assert_eq!(said.secrets["hub"].only, [scope(None)]);
        let wrong = only("{ repo = 'ext::sh', branch = 'live' }").unwrap_err().to_string();
        assert!(wrong.ends_with("the secret hub"), "{wrong}");
        assert!(only("{ repo = '/srv/site', branch = 'a b' }").is_err());
        assert!(only("{ repo = '/srv/site', brunch = 'a' }").is_err(), "half a scope is none");
    }

    #[test]
    fn a_mistake_is_told_by_its_line_and_quotes_nothing() {
        let error = read("builds = 2\nregistri = 'hunter2'\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("registri"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
