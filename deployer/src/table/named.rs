//! The entries of a table that somebody names.

use super::Repo;

/// No entry of the table is called so.
#[derive(Debug, thiserror::Error)]
#[error("the table has no repository {name:?}; it has {}", listed(known))]
pub struct UnknownRepo {
    name: String,
    known: Vec<String>,
}

fn listed(known: &[String]) -> String {
    match known {
        [] => "none".to_owned(),
        known => known.join(", "),
    }
}

/// The entries of the repository that `name` names: by its address as the table has it, or by the end of that:
/// `site`, `owner/site`. A `.git` at the end counts for nothing. More than one repository may be called so.
///
/// # Errors
///
/// [`UnknownRepo`], which lists those that there are.
pub fn named(table: &[Repo], name: &str) -> Result<Vec<Repo>, UnknownRepo> {
    let wanted = bare(name);
    let is_it = |url: &str| {
        let ends = bare(url).strip_suffix(wanted);
        !wanted.is_empty() && ends.is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']))
    };
    let found: Vec<_> = table.iter().filter(|repo| is_it(&repo.url)).cloned().collect();
    if found.is_empty() {
        let mut known: Vec<_> = table.iter().map(|repo| repo.url.clone()).collect();
        known.sort();
        known.dedup();
        return Err(UnknownRepo { name: name.to_owned(), known });
    }
    Ok(found)
}

fn bare(url: &str) -> &str {
    let url = url.strip_prefix("./").unwrap_or(url).trim_end_matches('/');
    url.strip_suffix("/.git").or(url.strip_suffix(".git")).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::repo;

    fn table() -> Vec<Repo> {
        ["https://example.org/team/site.git", "git@example.org:other/site", "/srv/git/wiki/.git", "demo/web"]
            .map(repo)
            .to_vec()
    }

    fn urls(table: Vec<Repo>) -> Vec<String> {
        table.into_iter().map(|repo| repo.url).collect()
    }

    fn found(name: &str) -> Vec<String> {
        urls(named(&table(), name).unwrap_or_default())
    }

    #[test]
    fn by_the_whole_address_or_its_end() {
        let table = urls(table());
        assert_eq!(found("https://example.org/team/site.git"), table[..1]);
        assert_eq!(found("https://example.org/team/site"), table[..1]);
        assert_eq!(found("team/site"), table[..1]);
        assert_eq!(found("other/site.git"), table[1..2]);
        assert_eq!(found("site"), table[..2], "two are called so");
        assert_eq!(found("/srv/git/wiki"), table[2..3]);
        assert_eq!(found("wiki/"), table[2..3]);
        assert_eq!(found("./demo/web"), table[3..]);
    }

    #[test]
    fn but_not_by_a_part_of_a_name() {
        for nothing in ["", ".git", "/", "ite", "eam/site", "Site", "example.org", "team"] {
            let error = named(&table(), nothing).expect_err(nothing).to_string();
            assert!(
                error.starts_with(&format!("the table has no repository {nothing:?}; it has /srv/")),
                "{error}"
            );
            assert!(
                error.ends_with("demo/web, git@example.org:other/site, https://example.org/team/site.git")
            );
        }
        assert_eq!(
            named(&[], "site").unwrap_err().to_string(),
            "the table has no repository \"site\"; it has none"
        );
    }
}
