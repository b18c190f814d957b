//! The file in which a state directory keeps the rules that people added. It is replaced whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{LogRule, Rules};

/// What is written today. Another one is refused, not overwritten.
const VERSION: u16 = 1;
/// More than [`super::RULES_MAX`] of the longest rules take.
const FILE_BYTES_MAX: u64 = 2 << 20;

#[derive(Serialize, Deserialize)]
struct Written {
    version: u16,
    /// Of the rules as JSON in one line. A person who changes them by hand removes it.
    #[serde(default)]
    crc32: Option<u32>,
    rules: Json,
}

impl Written {
    fn crc32(rules: &Json) -> u32 {
        crc32fast::hash(rules.to_string().as_bytes())
    }
}

/// None, if there is no file.
pub(super) fn read(file: &Path) -> io::Result<Rules> {
    let mut text = Vec::new();
    match File::open(file) {
        Ok(file) => _ = file.take(FILE_BYTES_MAX).read_to_end(&mut text)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Rules::new()),
        Err(error) => return Err(error),
    }
    let bad = |why: String| io::Error::new(ErrorKind::InvalidData, why);
    let written: Written =
        serde_json::from_slice(&text).map_err(|error| bad(format!("it holds no log rules: {error}")))?;
    if written.version != VERSION {
        let found = written.version;
        return Err(bad(format!("its format is {found}, and this program knows only {VERSION}")));
    }
    if written.crc32.is_some_and(|crc| crc != Written::crc32(&written.rules)) {
        return Err(bad(
            "it is not as it was written; if you changed it, remove its line \"crc32\"".to_owned()
        ));
    }
    let rules: Vec<LogRule> =
        serde_json::from_value(written.rules).map_err(|error| bad(error.to_string()))?;
    Ok(rules.into_iter().map(|rule| (rule.pattern().to_owned(), rule)).collect())
}

/// Returns when they are durable.
pub(super) fn write(file: &Path, rules: &Rules) -> io::Result<()> {
    let rules = serde_json::to_value(rules.values().collect::<Vec<_>>())?;
    let written = Written { version: VERSION, crc32: Some(Written::crc32(&rules)), rules };
    let text = serde_json::to_vec_pretty(&written)?;
    let new = file.with_extension("json.new");
    let mut opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let put = opened.write_all(&text).and_then(|()| opened.sync_all()).and_then(|()| fs::rename(&new, file));
    if put.is_err() {
        // What is left of it would be overwritten by the next.
        let _ = fs::remove_file(&new);
    }
    put?;
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
