//! What a test means by a name.

/// Something that a test can speak of.
pub(super) struct Named<T> {
    /// What it is called, best first.
    pub(super) names: Vec<String>,
    pub(super) it: T,
}

impl<T> Named<T> {
    pub(super) fn new(names: impl IntoIterator<Item = impl Into<String>>, it: T) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), it }
    }

    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Whether the words of `name` stand together in one of its names.
    fn has(&self, name: &str) -> bool {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !name.is_empty()
            && self.names.iter().any(|known| {
                known.match_indices(name).any(|(at, _)| {
                    !is_word(known[..at].chars().next_back())
                        && !is_word(known[at + name.len()..].chars().next())
                })
            })
    }
}

/// What `name` means: those that are called so, or, if there are none, those whose names have it as a part.
pub(super) fn called<'a, T>(name: &str, among: &'a [Named<T>]) -> Vec<&'a Named<T>> {
    let exactly: Vec<_> = among.iter().filter(|named| named.is(name)).collect();
    match exactly.is_empty() {
        true => among.iter().filter(|named| named.has(name)).collect(),
        false => exactly,
    }
}

/// Their names for people: the best that is only theirs.
pub(super) fn listed<'a, T: 'a>(among: impl IntoIterator<Item = &'a Named<T>>) -> String {
    let among: Vec<_> = among.into_iter().collect();
    let only = |name: &&String| among.iter().filter(|named| named.is(name)).count() == 1;
    let mut names: Vec<&str> = among
        .iter()
        .filter_map(|named| named.names.iter().find(only).or(named.names.last()).map(String::as_str))
        .collect();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_whole_or_else_words_of_it() {
        let among = [
            Named::new(["service site_web", "update service site_web on local"], 1),
            Named::new(["fetch live of site"], 2),
            Named::new(["fetch"], 3),
            Named::new(["build"], 4),
            Named::new(["build"], 5),
        ];
        let meant = |name| called(name, &among).iter().map(|named| named.it).collect::<Vec<_>>();
        assert_eq!(meant("fetch"), [3]);
        assert_eq!(meant("site_web"), [1]);
        assert_eq!(meant("site"), [2]);
        assert_eq!(meant("live of"), [2]);
        assert_eq!(meant("build"), [4, 5]);
        for nothing in ["", "etch", "fetc", "web", "biuld"] {
            assert!(meant(nothing).is_empty(), "{nothing:?}");
        }
        assert_eq!(listed(&among[..3]), "service site_web, fetch live of site, fetch");
    }
}
