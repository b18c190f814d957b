//! Key fields and outcomes, which are JSON of whatever form, as people read them.

use ci_core::engine::{NodeView, Snapshot};
use serde_json::{Map, Value as Json};

use crate::moment;

/// How many facts of one value are shown.
const FACTS_MAX: usize = 64;
/// The longest value of a difference that is told in one line, characters.
const GLANCE_MAX: usize = 40;
/// The longest text of one fact, characters.
const TEXT_MAX: usize = 400;

/// One field, wherever it is in the value: `commit.id` is `3f9a2c…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Empty for a value that is no object.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The fields of a value that say something, in order, at most [`FACTS_MAX`].
pub(crate) fn of(value: &Json) -> Vec<Fact> {
    of_named("", value)
}

/// [`of`], with names below this one: `wanted.image`.
pub(crate) fn of_named(name: &str, value: &Json) -> Vec<Fact> {
    let mut facts = Vec::new();
    add(&mut facts, name.to_owned(), value);
    facts
}

fn add(facts: &mut Vec<Fact>, name: String, value: &Json) {
    if facts.len() >= FACTS_MAX {
        return;
    }
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    let text = match value {
        Json::Null => return,
        Json::Object(fields) if duration(fields).is_some() => duration(fields).unwrap_or_default(),
        Json::Object(fields) => {
            return fields.iter().for_each(|(key, value)| add(facts, below(key), value));
        }
        Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            return items.iter().enumerate().for_each(|(at, item)| add(facts, below(&at.to_string()), item));
        }
        Json::Array(items) if items.is_empty() => return,
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => plain(other),
    };
    facts.push(Fact { name, text: cut(&text) });
}

/// The form in which a [`std::time::Duration`] is stored.
fn duration(fields: &Map<String, Json>) -> Option<String> {
    let (secs, nanos) = (fields.get("secs")?.as_u64()?, fields.get("nanos")?.as_u64()?);
    (fields.len() == 2).then(|| moment::span(secs.saturating_mul(1000).saturating_add(nanos / 1_000_000)))
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// What a node's value comes from in the end, if that is another: many steps are called the same.
pub(crate) fn source(snapshot: &Snapshot, node: usize) -> Option<&NodeView> {
    // A gate's value is its last input. Inputs come before what depends on them.
    let before = |at: &usize| snapshot.nodes.get(*at)?.inputs.last().copied().filter(|input| input < at);
    let first = std::iter::successors(Some(node), before).last()?;
    snapshot.nodes.get(first).filter(|_| first != node)
}

/// The text of the first field of this name, wherever it is.
pub(crate) fn find<'a>(value: &'a Json, name: &str) -> Option<&'a str> {
    match value {
        Json::Object(fields) => fields
            .get(name)
            .and_then(Json::as_str)
            .or_else(|| fields.values().find_map(|value| find(value, name))),
        Json::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// The first `sha256:…` of a text that is, or ends in, a digest.
pub(crate) fn digest(value: &Json) -> Option<&str> {
    match value {
        Json::String(text) => {
            let at = text.rfind("sha256:")?;
            let hex = &text[at + "sha256:".len()..];
            (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then(|| &text[at..])
        }
        Json::Object(fields) => fields.values().find_map(digest),
        Json::Array(items) => items.iter().find_map(digest),
        _ => None,
    }
}

/// A text with each SHA-256 cut to as many digits as tell it from others, for lines that are read at a glance.
pub(crate) fn with_short_digests(text: &str) -> String {
    const DIGITS: usize = 64;
    let mut parts = text.split("sha256:");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        short.push_str("sha256:");
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        match digits {
            DIGITS => {
                short.push_str(&part[..12]);
                short.push('…');
                short.push_str(&part[DIGITS..]);
            }
            _ => short.push_str(part),
        }
    }
    short
}

/// How a field differs from what it was for another job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) name: String,
    /// `None`: there was none.
    pub(crate) old: Option<String>,
    /// `None`: there is none any more.
    pub(crate) new: Option<String>,
}

impl Difference {
    /// `commit.id 3f9a2c51 → 90b1c7aa`, for a line that is read at a glance.
    pub(crate) fn told(&self) -> String {
        let short = |text: &Option<String>| match text {
            None => "none".to_owned(),
            Some(text) if is_hex(text) => text[..8].to_owned(),
            Some(text) => {
                let text = with_short_digests(text);
                match text.char_indices().nth(GLANCE_MAX) {
                    Some((at, _)) => format!("{}…", &text[..at]),
                    None => text,
                }
            }
        };
        format!("{} {} → {}", self.name, short(&self.old), short(&self.new))
    }
}

/// Whether it is a hash: a few of its digits tell it from others.
fn is_hex(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

pub(crate) fn differences(old: &[Fact], new: &[Fact]) -> Vec<Difference> {
    let text = |facts: &[Fact], name: &str| facts.iter().find(|f| f.name == name).map(|f| f.text.clone());
    let changed = new.iter().filter_map(|fact| {
        let old = text(old, &fact.name);
        (old.as_ref() != Some(&fact.text)).then(|| Difference {
            name: fact.name.clone(),
            old,
            new: Some(fact.text.clone()),
        })
    });
    let gone = old.iter().filter(|fact| text(new, &fact.name).is_none()).map(|fact| Difference {
        name: fact.name.clone(),
        old: Some(fact.text.clone()),
        new: None,
    });
    changed.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_by_their_path() {
        let facts = of(
            &json!({"a": {"b": "x", "none": null}, "c": ["ls", "-l"], "d": [{"e": 1}], "f": [], "g": {"secs": 2, "nanos": 0}}),
        );
        let told: Vec<_> = facts.iter().map(|f| format!("{}={}", f.name, f.text)).collect();
        assert_eq!(told, ["a.b=x", "c=ls -l", "d.0.e=1", "g=2.0 s"]);
        assert_eq!(of(&json!("x"))[0], Fact { name: String::new(), text: "x".to_owned() });
    }

    #[test]
    fn a_digest_and_a_field_are_found_wherever_they_are() {
        let hex = "0123456789abcdef".repeat(4);
        let value = json!({"evidence": {"image": format!("r:5000/x@sha256:{hex}"), "health": "healthy"}});
        assert_eq!(digest(&value), Some(format!("sha256:{hex}").as_str()));
        assert_eq!(find(&value, "health"), Some("healthy"));
        assert_eq!(digest(&json!("sha256:abc")), None);
    }

    #[test]
    fn a_digest_at_a_glance_is_short() {
        let hex = "0123456789abcdef".repeat(4);
        let short = with_short_digests(&format!("a := r/a@sha256:{hex} sha256:12"));
        assert_eq!(short, "a := r/a@sha256:0123456789ab… sha256:12");
        assert_eq!(with_short_digests("é"), "é");
    }

    #[test]
    fn what_changed_is_told_with_what_it_was() {
        let told = differences(&of(&json!({"a": 1, "b": 2, "c": 3})), &of(&json!({"a": 1, "b": 4, "d": 5})));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                Difference { name: "b".into(), old: some("2"), new: some("4") },
                Difference { name: "d".into(), old: None, new: some("5") },
                Difference { name: "c".into(), old: some("3"), new: None },
            ]
        );
        let told: Vec<_> = told.iter().map(Difference::told).collect();
        assert_eq!(told, ["b 2 → 4", "d none → 5", "c 3 → none"]);
        let ids = Difference { name: "id".into(), old: some(&"ab".repeat(20)), new: some(&"é".repeat(50)) };
        assert_eq!(ids.told(), format!("id abababab → {}…", "é".repeat(40)));
    }
}
