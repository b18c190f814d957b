//! From a table to currents.

use ci_core::Current;
use ci_core::current::all;
use ci_dsl::docker::{self, BadReference};
use ci_dsl::git::{self, BadGit};

use super::{Deploy, Dockerfile, Repo, Service};

/// A table that can't be run.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A repository or branch that git would not take.
    #[error("{entry}: {error}")]
    Git {
        /// Where in the table.
        entry: String,
        /// What is wrong.
        error: BadGit,
    },
    /// An image that no registry would take.
    #[error("{entry}: {error}")]
    Image {
        /// Where in the table.
        entry: String,
        /// What is wrong.
        error: BadReference,
    },
    /// Two entries want to set the same thing.
    #[error("{what} is set by two entries: {first} and {second}")]
    Twice {
        /// The tag or service.
        what: String,
        /// The one entry.
        first: String,
        /// The other.
        second: String,
    },
}

/// The pipeline that a table means. Everything that can be checked without asking anybody is checked here.
///
/// # Errors
///
/// [`TableError`], which names the entry.
pub fn lower(table: &[Repo]) -> Result<Current<()>, TableError> {
    let mut places = Places::default();
    let mut members = Vec::new();
    for repo in table {
        let repository = git::repo(&repo.url)
            .map_err(|error| TableError::Git { entry: format!("repo({:?})", repo.url), error })?;
        for dockerfile in &repo.dockers {
            for deploy in &dockerfile.deploys {
                let entry =
                    format!("repo({:?}), branch {:?}, image {:?}", repo.url, deploy.branch, deploy.image);
                places.take(format!("image {}", deploy.image), &entry)?;
                for service in &deploy.services {
                    places
                        .take(format!("service {} on {}", service.name, place(&service.context)), &entry)?;
                }
                members.push(deployment(&repository, dockerfile, deploy, &entry)?);
            }
        }
    }
    Ok(all(members))
}

fn place(context: &str) -> &str {
    if context.is_empty() { "this machine" } else { context }
}

#[derive(Default)]
struct Places(std::collections::HashMap<String, String>);

impl Places {
    fn take(&mut self, what: String, entry: &str) -> Result<(), TableError> {
        match self.0.get(&what) {
            Some(first) => Err(TableError::Twice { what, first: first.clone(), second: entry.to_owned() }),
            None => {
                self.0.insert(what, entry.to_owned());
                Ok(())
            }
        }
    }
}

fn deployment(
    repository: &git::Repo,
    dockerfile: &Dockerfile,
    deploy: &Deploy,
    entry: &str,
) -> Result<Current<()>, TableError> {
    let commit = repository
        .head(&deploy.branch)
        .map_err(|error| TableError::Git { entry: entry.to_owned(), error })?;
    let image = docker::build(&commit, dockerfile.build.clone());
    let pushed = docker::push(&image, &deploy.image)
        .map_err(|error| TableError::Image { entry: entry.to_owned(), error })?;
    let services = deploy.services.iter().map(|Service { context, name, watch, create }| {
        docker::on(context.as_str()).service_with(name, &pushed, watch.clone(), create.clone()).ignore()
    });
    Ok(all(std::iter::once(pushed.ignore()).chain(services)))
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    fn refused(table: Vec<Repo>) -> String {
        super::lower(&table).expect_err("the table makes no sense").to_string()
    }

    fn entry(branch: &str, image: &str, services: Vec<Service>) -> Repo {
        repo("/srv/site").docker(dockerfile("Dockerfile").deploy(branch, image, services))
    }

    #[test]
    fn two_entries_must_not_set_the_same_service_or_tag() {
        let one = || entry("live", "site:live", vec![service("web")]);
        let other = entry("next", "site:next", vec![context("toxis").service("web")]);
        assert!(super::lower(&[one(), other]).is_ok(), "services of two engines may share a name");
        assert_eq!(
            refused(vec![one(), entry("next", "site:next", vec![service("web")])]),
            r#"service web on this machine is set by two entries: repo("/srv/site"), branch "live", image "site:live" and repo("/srv/site"), branch "next", image "site:next""#
        );
        assert!(
            refused(vec![one(), entry("next", "site:live", vec![])])
                .starts_with("image site:live is set by two")
        );
    }

    #[test]
    fn names_that_are_no_names_are_refused_with_their_entry() {
        for (branch, image) in [("a..b", "a/b:c"), ("a b", "a/b:c"), ("live", "A/b:c"), ("live", "a b")] {
            let error = refused(vec![entry(branch, image, vec![])]);
            assert!(error.starts_with(r#"repo("/srv/site"), branch"#), "{error}");
        }
        assert!(
            refused(vec![repo("ext::sh -c true").docker(dockerfile("D").deploy("live", "a/b:c", []))])
                .starts_with(r#"repo("ext::sh -c true")"#)
        );
    }
}
