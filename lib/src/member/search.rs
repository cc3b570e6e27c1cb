//! Searching keys and decoded values, with the field that contains the match.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use regex::bytes::Regex;
use serde_json::Value as Json;

use super::objects::{Objects, Reading};
use crate::kubernetes::encryption::Seal;
use crate::kubernetes::jsonpath::text;
use crate::kubernetes::mask::{Mask, is_secret};
use crate::mvcc::{KeyRange, Version};
use located::progress::{Progress, Silent};

/// Keys that are searched side by side before their hits are given out in order.
const AT_ONCE: usize = 512;

/// Maximum number of matching fields that are reported of one value.
const FIELDS: usize = 50;

/// Characters shown around a match.
const AROUND: usize = 40;

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The keys themselves, deleted ones included.
    pub keys: bool,
    /// Values of live keys.
    pub values: bool,
    /// Values of older versions and of deleted keys.
    pub history: bool,
    /// Only what stood in the store at this revision or before; what was live then counts as live.
    pub until: Option<i64>,
}

/// One field of one key in which the pattern was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The key.
    pub key: Vec<u8>,
    /// `None`: the key itself matched. Else the field of the object, empty if the value is no object.
    pub field: Option<String>,
    /// The match with what is around it; masked if it is secret.
    pub text: String,
    /// Newest version that has it.
    pub revision: i64,
    /// Oldest version that has it.
    pub first_revision: i64,
    /// How many retained versions have it.
    pub versions: u64,
    /// Whether the newest one is live.
    pub live: bool,
}

impl<'a> Objects<'a> {
    /// Gives every hit to `give`, in byte order of the keys, as it is found; `false` from it ends the search.
    ///
    /// Values are decoded: text inside protobuf is found with its field path, the data of Secrets also in clear text, numbers
    /// and times as they are printed. With a mask, secret matches are found but shown hidden. Values that give no object are
    /// searched as bytes.
    pub fn search(
        &self,
        pattern: &Regex,
        range: &KeyRange,
        places: Places,
        mask: Option<&Mask>,
        give: &mut dyn FnMut(Hit) -> bool,
    ) {
        let all = self.keyspace().all(range);
        let keys: Vec<Version<'a>> = all.iter().collect();
        self.search_keys(&keys, (pattern, places, mask), &Silent, give);
    }

    /// The same for all keys, those that were written last first; `progress` counts the bytes of records that were searched,
    /// and ends the search too.
    pub fn search_newest_first(
        &self,
        pattern: &Regex,
        places: Places,
        mask: Option<&Mask>,
        progress: &dyn Progress,
        give: &mut dyn FnMut(Hit) -> bool,
    ) {
        let all = self.keyspace().all(&KeyRange::all());
        let mut keys: Vec<Version<'a>> = all.iter().collect();
        keys.sort_unstable_by_key(|version| std::cmp::Reverse(version.revision));
        let counts = self.keyspace().counts();
        let bytes = counts.live_bytes.saturating_add(counts.history_bytes);
        progress.begin("searching", bytes);
        self.search_keys(&keys, (pattern, places, mask), progress, give);
    }

    fn search_keys(
        &self,
        keys: &[Version<'a>],
        (pattern, places, mask): (&Regex, Places, Option<&Mask>),
        progress: &dyn Progress,
        give: &mut dyn FnMut(Hit) -> bool,
    ) {
        for chunk in keys.chunks(AT_ONCE) {
            if progress.cancelled() {
                return;
            }
            let found: Vec<Vec<Hit>> = chunk
                .par_iter()
                .map(|newest| {
                    let found = self.search_key(newest, pattern, places, mask);
                    let records = self.keyspace().records_of(newest.key);
                    let bytes = records.iter().map(|version| version.stored_bytes);
                    progress.advance(bytes.fold(0, u64::saturating_add));
                    found
                })
                .collect();
            for hit in found.into_iter().flatten() {
                if !give(hit) {
                    return;
                }
            }
        }
    }

    /// Counts the encrypted values among those that are searched that no key at hand opens: nothing is found in them.
    pub fn closed_values(&self, range: &KeyRange, places: Places) -> usize {
        let keyspace = self.keyspace();
        let all = keyspace.all(range);
        let mut closed = 0;
        for key in all.iter() {
            let records = keyspace.records_of(key.key);
            let newest = records.iter().next_back().map(|version| version.revision);
            let wanted = |version: &Version<'_>| {
                let is_live = Some(version.revision) == newest;
                !version.tombstone
                    && if is_live {
                        places.values
                    } else {
                        places.history
                    }
            };
            let is_closed = |version: &Version<'_>| {
                let value = version.key_value().unwrap_or_default().value;
                Seal::parse(value).is_some()
                    && !matches!(self.open(version.key, value), Ok(Some(_)))
            };
            closed += records.iter().filter(wanted).filter(is_closed).count();
        }
        closed
    }

    /// Searches one record that is in no keyspace: its key, and the value of a put.
    pub fn search_version(
        &self,
        version: &Version<'_>,
        pattern: &Regex,
        places: Places,
        mask: Option<&Mask>,
    ) -> Vec<Hit> {
        let main = version.revision.main;
        let hit = |field: Option<String>, text: String| Hit {
            key: version.key.to_vec(),
            field,
            text,
            revision: main,
            first_revision: main,
            versions: 1,
            live: false,
        };
        let mut hits = Vec::new();
        if places.until.is_some_and(|until| main > until) {
            return hits;
        }
        if places.keys && pattern.is_match(version.key) {
            hits.push(hit(None, around(version.key, pattern)));
        }
        if (places.values || places.history) && !version.tombstone {
            let found = self.search_value(version, pattern, mask);
            hits.extend(
                found
                    .into_iter()
                    .map(|(field, text)| hit(Some(field), text)),
            );
        }
        hits
    }

    fn search_key(
        &self,
        newest: &Version<'a>,
        pattern: &Regex,
        places: Places,
        mask: Option<&Mask>,
    ) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        let records = self.keyspace().records_of(newest.key);
        let known = |version: &Version<'_>| {
            places
                .until
                .is_none_or(|until| version.revision.main <= until)
        };
        let Some(newest) = records.iter().rfind(known) else {
            return hits;
        };
        if places.keys && pattern.is_match(newest.key) {
            hits.push(Hit {
                key: newest.key.to_vec(),
                field: None,
                text: around(newest.key, pattern),
                revision: newest.revision.main,
                first_revision: newest.revision.main,
                versions: 1,
                live: !newest.tombstone,
            });
        }
        if !places.values && !places.history {
            return hits;
        }
        let wanted = |version: &Version<'_>| {
            let live = version.revision == newest.revision && !version.tombstone;
            known(version)
                && !version.tombstone
                && if live { places.values } else { places.history }
        };
        // A hot key has very many versions, and a counter in each of them makes as many hits.
        let mut positions: Positions = HashMap::new();
        for version in records.iter().rev().filter(wanted) {
            let live = version.revision == newest.revision;
            for found in self.search_value(&version, pattern, mask) {
                add_hit(&version, live, found, &mut positions, &mut hits);
            }
        }
        hits
    }

    fn search_value(
        &self,
        version: &Version<'_>,
        pattern: &Regex,
        mask: Option<&Mask>,
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if self.layout().resource(version.key).is_some()
            && let Ok(object) = self.json(version, Reading::default())
        {
            let masked = mask.map(|mask| {
                let mut masked = object.clone();
                mask.object(&mut masked);
                masked
            });
            let secret = object.get("kind").and_then(Json::as_str) == Some("Secret");
            walk(
                &mut String::new(),
                &object,
                masked.as_ref().unwrap_or(&object),
                secret,
                pattern,
                &mut found,
            );
            return found;
        }
        let Ok(kv) = version.key_value() else {
            return found;
        };
        if pattern.is_match(kv.value) {
            let shown = match mask {
                Some(mask) if is_secret(self.layout(), version.key, kv.value) => {
                    mask.hidden(kv.value)
                }
                // A match within what the mask hides is not found in what it leaves: the beginning is shown then.
                Some(mask) => around(&mask.bytes(kv.value), pattern),
                None => around(kv.value, pattern),
            };
            found.push((String::new(), shown));
        }
        found
    }
}

/// The position of a hit by its field and text.
type Positions = HashMap<(String, String), usize>;

/// Adds a field and its text; the same text in the same field of an older version counts at the hit that is there.
fn add_hit(
    version: &Version<'_>,
    live: bool,
    (field, text): (String, String),
    positions: &mut Positions,
    hits: &mut Vec<Hit>,
) {
    let entry = positions.entry((field.clone(), text.clone()));
    let position = *entry.or_insert(hits.len());
    match hits.get_mut(position) {
        Some(hit) => {
            hit.first_revision = version.revision.main;
            hit.versions += 1;
        }
        None => hits.push(Hit {
            key: version.key.to_vec(),
            field: Some(field),
            text,
            revision: version.revision.main,
            first_revision: version.revision.main,
            versions: 1,
            live,
        }),
    }
}

fn walk(
    path: &mut String,
    value: &Json,
    masked: &Json,
    secret: bool,
    pattern: &Regex,
    found: &mut Vec<(String, String)>,
) {
    if found.len() >= FIELDS {
        return;
    }
    match value {
        Json::Object(fields) => {
            for (name, field) in fields {
                let len = path.len();
                push_field(path, name);
                // Names of labels, annotations and data entries are content too; those of the schema are not.
                let named = path.starts_with("metadata.labels")
                    || path.starts_with("metadata.annotations")
                    || path.starts_with("data");
                // A name of the schema is found if the pattern is all of it: `emptyDir`, but not every `name` for `am`.
                let found_name = match named && !field.is_object() {
                    true => pattern.is_match(name.as_bytes()),
                    false => is_whole(pattern, name) && !path.starts_with("metadata.managedFields"),
                };
                if found_name {
                    found.push((path.clone(), around(name.as_bytes(), pattern)));
                }
                walk(
                    path,
                    field,
                    masked.get(name).unwrap_or(field),
                    secret,
                    pattern,
                    found,
                );
                path.truncate(len);
            }
        }
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let len = path.len();
                path.push_str(&format!("[{at}]"));
                walk(
                    path,
                    item,
                    masked.get(at).unwrap_or(item),
                    secret,
                    pattern,
                    found,
                );
                path.truncate(len);
            }
        }
        Json::Null => {}
        leaf => walk_leaf(path, leaf, masked, secret, pattern, found),
    }
}

/// `.name`, or `["a.b"]` for a name with a dot.
fn push_field(path: &mut String, name: &str) {
    if name.contains(['.', '[', ']', ' ']) {
        path.push_str(&format!("[{name:?}]"));
    } else {
        path.push_str(if path.is_empty() { "" } else { "." });
        path.push_str(name);
    }
}

/// Whether the first match of a pattern is the whole text.
fn is_whole(pattern: &Regex, text: &str) -> bool {
    let found = pattern.find(text.as_bytes());
    found.is_some_and(|found| found.start() == 0 && found.end() == text.len())
}

/// A string, number or boolean.
fn walk_leaf(
    path: &str,
    leaf: &Json,
    masked: &Json,
    secret: bool,
    pattern: &Regex,
    found: &mut Vec<(String, String)>,
) {
    // managedFields repeat the names of all fields: matches there say nothing.
    if path.starts_with("metadata.managedFields") && path.contains("fieldsV1") {
        return;
    }
    let plain = text(leaf);
    let decoded = (secret && path.starts_with("data"))
        .then(|| STANDARD.decode(&plain).ok())
        .flatten();
    let bytes = decoded.as_deref().unwrap_or(plain.as_bytes());
    if pattern.is_match(bytes) {
        let shown = if leaf == masked {
            around(bytes, pattern)
        } else {
            text(masked)
        };
        found.push((path.to_owned(), shown));
    }
}

/// The first match and a little around it, as text on one line.
fn around(bytes: &[u8], pattern: &Regex) -> String {
    let (start, end) = pattern
        .find(bytes)
        .map_or((0, 0), |found| (found.start(), found.end()));
    let from = start.saturating_sub(AROUND);
    let to = end.saturating_add(AROUND).min(bytes.len());
    let part = String::from_utf8_lossy(bytes.get(from..to).unwrap_or_default());
    let part = part
        .trim_matches(char::REPLACEMENT_CHARACTER)
        .replace(['\n', '\r', '\t'], " ");
    let (before, after) = (
        if from > 0 { "…" } else { "" },
        if to < bytes.len() { "…" } else { "" },
    );
    format!("{before}{part}{after}")
}
