//! What runs where: the places that the pipeline's publishers fill, with what is known to be in them.
//!
//! A place is in the pipeline when an operation asks for it, or asked for it before something upstream failed. What a
//! place holds is the newest outcome that was good; a newer attempt that failed has left it there, or set it back.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use ci_core::engine::{Handle, NodeState, Snapshot, StageView};
use ci_core::store::{JobFilter, JobRecord, JobState};
use ci_core::{Failure, KeyDigest};
use serde_json::Value as Json;

use crate::facts;
use crate::mark::Mark;
use crate::moment::Moment;
use crate::site::Site;

/// How many good outcomes of one operation are looked through, newest first.
const LOOKED_THROUGH_MAX: usize = 2000;

/// All places of one operation.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) op: String,
    pub(crate) places: Vec<Place>,
}

impl Group {
    /// How many places stand how: `3 ok, 1 failed`.
    pub(crate) fn told(&self) -> String {
        let mut counts: Vec<(Mark, usize)> = Vec::new();
        for place in &self.places {
            match counts.iter_mut().find(|(mark, _)| *mark == place.mark) {
                Some((_, count)) => *count += 1,
                None => counts.push((place.mark, 1)),
            }
        }
        let told: Vec<_> = counts.iter().map(|(mark, count)| format!("{count} {}", mark.word())).collect();
        told.join(", ")
    }
}

/// A tag, a service, a file: what a publisher fills.
#[derive(Debug)]
pub(crate) struct Place {
    /// For people: `site_web on local`.
    pub(crate) name: String,
    pub(crate) mark: Mark,
    /// What its value comes from in the end: `head of live in /srv/site`.
    pub(crate) source: Option<String>,
    /// What is going on, where it is more than the mark says.
    pub(crate) why: Option<Why>,
    /// The job under way, or the newest.
    pub(crate) job: Option<String>,
    /// What is to be there, if that is not what is.
    pub(crate) wanted: Option<String>,
    pub(crate) holds: Option<Holds>,
    /// Somebody else changed it since, or it can't be looked at: what it is known to hold is only how it was left.
    pub(crate) is_doubtful: bool,
}

/// Why a place does not hold what it should.
#[derive(Debug)]
pub(crate) struct Why {
    pub(crate) says: String,
    pub(crate) hint: Option<String>,
    /// The job that it is about, if that is another's.
    pub(crate) job: Option<String>,
}

/// What a place is known to hold.
#[derive(Debug)]
pub(crate) struct Holds {
    pub(crate) repo: Option<String>,
    pub(crate) commit: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) health: Option<String>,
    /// For an outcome that names neither a commit nor a digest.
    pub(crate) other: Option<String>,
    pub(crate) job: String,
    pub(crate) since_ms: u64,
}

impl Holds {
    fn of(record: &JobRecord) -> Option<Self> {
        let outcome = record.outcome.as_ref()?;
        let value = outcome.result.as_ref().ok()?;
        // `repository@commit`, or whatever else the operation calls a revision.
        let revision = facts::find(value, "revision");
        let (repo, commit) = match revision.map(|r| r.rsplit_once('@').unwrap_or(("", r))) {
            Some((repo, commit)) => {
                (Some(repo.to_owned()).filter(|r| !r.is_empty()), Some(commit.to_owned()))
            }
            None => (None, None),
        };
        let digest = facts::digest(value).map(str::to_owned);
        let other = match (&commit, &digest, value) {
            (None, None, Json::String(text)) => Some(text.clone()),
            (None, None, _) => {
                value_of(&record.intent.summary).map(|value| facts::with_short_digests(&value))
            }
            _ => None,
        };
        Some(Self {
            repo,
            commit,
            digest,
            other,
            health: facts::find(value, "health").map(str::to_owned),
            job: record.intent.job.to_string(),
            since_ms: outcome.finished_at_ms,
        })
    }

    /// Enough of the commit to know it by.
    pub(crate) fn commit_short(&self) -> Option<&str> {
        self.commit.as_deref().map(|commit| commit.get(..8).unwrap_or(commit))
    }

    /// The end of the repository's path.
    pub(crate) fn repo_short(&self) -> Option<&str> {
        self.repo.as_deref().map(|repo| repo.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(repo))
    }

    pub(crate) fn digest_short(&self) -> Option<&str> {
        self.digest.as_deref().map(|digest| digest.get(..19).unwrap_or(digest))
    }

    pub(crate) fn since(&self) -> Moment {
        Moment::now(self.since_ms)
    }
}

fn without_secrets(engine: &Handle, mut record: JobRecord) -> JobRecord {
    if let Some(Ok(value)) = record.outcome.as_mut().map(|outcome| &mut outcome.result) {
        *value = engine.told(value.take());
    }
    record
}

/// A publisher's summary is `PLACE := VALUE`.
fn place_of(summary: &str) -> &str {
    summary.split_once(" := ").map_or(summary, |(place, _)| place)
}

fn value_of(summary: &str) -> Option<String> {
    summary.split_once(" := ").map(|(_, value)| value.to_owned())
}

/// The newest answer, for all who ask in the same step.
#[derive(Default)]
pub(crate) struct Cached(Mutex<Option<(String, Arc<Vec<Group>>)>>);

impl Cached {
    pub(crate) async fn get(&self, site: &Site) -> Arc<Vec<Group>> {
        let step = site.step();
        if let Some((seen, groups)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && *seen == step
        {
            return groups.clone();
        }
        let stages = site.engine.stages().await;
        let snapshot = site.engine.snapshot().await;
        let engine = site.engine.clone();
        let groups = Arc::new(
            tokio::task::spawn_blocking(move || groups(&engine, &stages, &snapshot)).await.unwrap_or_else(
                |error| {
                    tracing::error!(%error, "what runs where can't be told");
                    Vec::new()
                },
            ),
        );
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((step, groups.clone()));
        groups
    }
}

/// Those that come last in the pipeline first: what users see.
fn groups(engine: &Handle, stages: &[StageView], snapshot: &Snapshot) -> Vec<Group> {
    let mut seen = HashSet::new();
    let ops = stages
        .iter()
        .rev()
        .filter(|stage| stage.publishes)
        .map(|stage| stage.op.as_str())
        .filter(|op| seen.insert(*op));
    ops.map(|op| Group { op: op.to_owned(), places: places(engine, op, stages, snapshot) }).collect()
}

fn places(engine: &Handle, op: &str, stages: &[StageView], snapshot: &Snapshot) -> Vec<Place> {
    let good = JobFilter { op: Some(op.to_owned()), state: Some(JobState::Ok), ..JobFilter::default() };
    let mut newest: HashMap<KeyDigest, JobRecord> = HashMap::new();
    for record in engine.store().jobs(&good, LOOKED_THROUGH_MAX) {
        newest.entry(record.intent.key).or_insert_with(|| without_secrets(engine, record));
    }
    let mut asked = HashSet::new();
    let mut places: Vec<Place> = stages
        .iter()
        .filter(|stage| stage.op == op)
        .filter(|stage| key(stage).is_none_or(|key| asked.insert(key)))
        .map(|stage| place(stage, snapshot, &newest))
        .collect();
    // No publisher of the pipeline is known to fill them. They are there all the same.
    let mut others: Vec<_> = newest.iter().filter(|(key, _)| !asked.contains(key)).collect();
    others.sort_by(|a, b| a.1.intent.summary.cmp(&b.1.intent.summary));
    places.extend(others.into_iter().map(|(_, record)| Place {
        name: place_of(&record.intent.summary).to_owned(),
        mark: Mark::Skipped,
        source: None,
        why: Some(Why {
            says: "deployed earlier; the pipeline does not ask for it now".to_owned(),
            hint: None,
            job: None,
        }),
        job: Some(record.intent.job.to_string()),
        wanted: None,
        holds: Holds::of(record),
        is_doubtful: false,
    }));
    places
}

/// Which place a publisher fills, if that is known.
fn key(stage: &StageView) -> Option<KeyDigest> {
    stage.place.as_ref().map(|place| place.key).or(stage.asked.as_ref().map(|asked| asked.key))
}

fn place(stage: &StageView, snapshot: &Snapshot, newest: &HashMap<KeyDigest, JobRecord>) -> Place {
    let mark = Mark::of_stage(stage);
    let holds = key(stage).and_then(|key| newest.get(&key)).and_then(Holds::of);
    let name = match (&stage.place, &stage.asked) {
        (Some(place), _) => &place.name,
        (None, Some(asked)) => place_of(&asked.summary),
        (None, None) => &stage.label,
    };
    let other = |at: &Option<usize>| at.and_then(|at| snapshot.nodes.get(at));
    let its_job = |at: &Option<usize>| other(at)?.job.as_ref().map(ToString::to_string);
    let why = match &stage.state {
        NodeState::Failed { failure } => {
            Some(Why { says: failure.message.clone(), hint: failure.hint.clone(), job: None })
        }
        NodeState::Blocked { by, failure } => Some(Why {
            says: match other(by) {
                Some(by) => format!("{} failed: {}", facts::with_short_digests(by.title()), failure.message),
                None => failure.message.clone(),
            },
            hint: failure.hint.clone(),
            job: its_job(by),
        }),
        NodeState::Waiting { on, activity } => Some(Why {
            says: match other(on) {
                Some(on) => format!("{} is {activity}", facts::with_short_digests(on.title())),
                None => format!("what comes before it is {activity}"),
            },
            hint: None,
            job: its_job(on),
        }),
        NodeState::Ok | NodeState::Active { .. } => None,
    };
    // What became of the place comes before what is to become of it.
    let drift = |drift: &Failure| Why { says: drift.message.clone(), hint: drift.hint.clone(), job: None };
    let why = stage.drift.as_ref().map(drift).or(why);
    let wanted = match (mark, &stage.asked) {
        // Nothing comes next where somebody else changed the place: it is left so.
        (Mark::Ok | Mark::Doubtful | Mark::Blocked | Mark::Pending, _) | (_, None) => None,
        (_, Some(asked)) => value_of(&asked.summary).map(|value| facts::with_short_digests(&value)),
    };
    Place {
        name: name.to_owned(),
        mark,
        source: facts::source(snapshot, stage.node).map(|node| node.label.clone()),
        why,
        job: stage.job.as_ref().map(ToString::to_string),
        wanted,
        holds,
        is_doubtful: stage.drift.is_some(),
    }
}
