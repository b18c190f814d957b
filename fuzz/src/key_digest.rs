//! Equal keys have equal digests, in whatever order their fields were written, and other keys have others: `JSON ff JSON`.

use ci_core::KeyDigest;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::{PART, split};

/// See the module.
pub fn holds(bytes: &[u8]) {
    let keys: Vec<Json> = split(bytes, PART, 2).into_iter().flat_map(serde_json::from_slice).collect();
    for key in &keys {
        let digest = KeyDigest::of(key);
        let turned = serde_json::from_str(&written(key, true)).expect("because it was just written");
        assert_eq!(digest, KeyDigest::of(&turned), "its fields came in another order: {key}");
        let hash = Sha256::digest(written(key, false));
        assert_eq!(digest.to_string(), hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        assert_eq!(digest.to_string().parse::<KeyDigest>().ok(), Some(digest));
        assert!(digest.to_string().starts_with(&digest.short()));
    }
    if let [one, other] = &keys[..] {
        let is_same = written(one, false) == written(other, false);
        assert_eq!(KeyDigest::of(one) == KeyDigest::of(other), is_same, "{one} and {other}");
    }
}

/// The canonical text, or the same with the fields of each object in the opposite order.
fn written(value: &Json, turned: bool) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written(item, turned)).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            if turned {
                fields.reverse();
            }
            let field = |(name, value): &(&String, &Json)| {
                format!("{}:{}", Json::from(name.as_str()), written(value, turned))
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}
