//! Searching keys and decoded values, with the field that contains the match.

mod of_log;
mod pattern;
mod sieve;

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use regex::bytes::Regex;
use serde_json::Value as Json;

pub use self::pattern::Pattern;
use self::sieve::keys_with;
use super::objects::{Objects, Reading};
use crate::kubernetes::encryption::Seal;
use crate::kubernetes::jsonpath::text;
use crate::kubernetes::mask::{BULLETS, Mask, is_secret, without_token};
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
    /// and times as they are printed. What a mask hides is not
    /// searched. Values that give no object are
    /// searched as bytes.
    pub fn search(
        &self,
        pattern: &Pattern,
        range: &KeyRange,
        places: Places,
        mask: Option<&Mask>,
        give: &mut dyn FnMut(Hit) -> bool,
    ) {
        // Of few keys, only these are looked at.
        let is_scan = (places.values || places.history) && *range == KeyRange::all();
        let sieve = pattern.sieve().filter(|_| is_scan);
        let keys: Vec<&[u8]> = match sieve {
            Some(sieve) => sieve.keys(self, places, &Silent),
            None => {
                let all = self.keyspace().all(range);
                all.iter().map(|newest| newest.key).collect()
            }
        };
        self.search_keys(&keys, (pattern, places, mask), &Silent, give);
    }

    /// The same for all keys, those that were written last first; `progress` counts the bytes of records that were searched,
    /// and ends the search too.
    pub fn search_newest_first(
        &self,
        pattern: &Pattern,
        places: Places,
        mask: Option<&Mask>,
        progress: &dyn Progress,
        give: &mut dyn FnMut(Hit) -> bool,
    ) {
        let keyspace = self.keyspace();
        let counts = keyspace.counts();
        let bytes = counts.live_bytes.saturating_add(counts.history_bytes);
        progress.begin("searching", bytes);
        let newest = |key: &[u8]| {
            let records = keyspace.records_of(key);
            records.iter().next_back().map(|version| version.revision)
        };
        let sieve = pattern.sieve().filter(|_| places.values || places.history);
        let mut keys: Vec<_> = match sieve {
            Some(sieve) => {
                let keys = sieve.keys(self, places, progress);
                keys.into_iter().map(|key| (newest(key), key)).collect()
            }
            None => {
                let all = keyspace.all(&KeyRange::all());
                let all = all.iter();
                all.map(|version| (Some(version.revision), version.key))
                    .collect()
            }
        };
        keys.sort_unstable_by_key(|(revision, _)| std::cmp::Reverse(*revision));
        let keys: Vec<&[u8]> = keys.into_iter().map(|(_, key)| key).collect();
        let asked = (pattern, places, mask);
        match sieve {
            // All bytes are counted already.
            Some(_) => self.search_keys(&keys, asked, &Uncounted(progress), give),
            None => self.search_keys(&keys, asked, progress, give),
        }
    }

    fn search_keys(
        &self,
        keys: &[&'a [u8]],
        (pattern, places, mask): (&Pattern, Places, Option<&Mask>),
        progress: &dyn Progress,
        give: &mut dyn FnMut(Hit) -> bool,
    ) {
        for chunk in keys.chunks(AT_ONCE) {
            if progress.cancelled() {
                return;
            }
            let found: Vec<Vec<Hit>> = chunk
                .par_iter()
                .map(|key| {
                    let found = self.search_key(key, pattern, places, mask);
                    let records = self.keyspace().records_of(key);
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
        let is_closed = |version: &Version<'_>| self.is_closed(version);
        let closed_in = |key: &&[u8]| {
            let records = keyspace.records_of(key);
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
            records.iter().filter(wanted).filter(is_closed).count()
        };
        let all: Vec<u32> = keyspace.numbers_between(i64::MIN..=i64::MAX).collect();
        let keys = keys_with(&keyspace, &all, range, &is_closed, &Silent);
        keys.par_iter().map(closed_in).sum()
    }

    /// Whether a version is encrypted, and no key at hand opens it.
    pub fn is_closed(&self, version: &Version<'_>) -> bool {
        let value = version.key_value().unwrap_or_default().value;
        Seal::parse(value).is_some() && !matches!(self.open(version.key, value), Ok(Some(_)))
    }

    /// Searches one record that is in no keyspace: its key, and the value of a put.
    pub fn search_version(
        &self,
        version: &Version<'_>,
        pattern: &Pattern,
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
        let shown = shown_key(version.key, mask);
        if places.keys && pattern.is_match(&shown) {
            hits.push(hit(None, around(&shown, pattern)));
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
        key: &[u8],
        pattern: &Pattern,
        places: Places,
        mask: Option<&Mask>,
    ) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        let records = self.keyspace().records_of(key);
        let known = |version: &Version<'_>| {
            places
                .until
                .is_none_or(|until| version.revision.main <= until)
        };
        let Some(newest) = records.iter().rfind(known) else {
            return hits;
        };
        let shown = shown_key(newest.key, mask);
        if places.keys && pattern.is_match(&shown) {
            hits.push(Hit {
                key: newest.key.to_vec(),
                field: None,
                text: around(&shown, pattern),
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
        pattern: &Pattern,
        mask: Option<&Mask>,
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let sieve = pattern.sieve();
        if sieve.is_some_and(|sieve| !sieve.may_match(self, version)) {
            return found;
        }
        // A line is made faster than a tree. What a sieve lets through is nearly always found.
        let is_line_asked = sieve.is_none() && pattern.is_told_by_lines();
        if is_line_asked
            && self.layout().resource(version.key).is_some()
            && let Ok(Some(line)) = self.line(version, Reading::default(), write_json)
            && pattern.is_not_in_line(line.as_bytes())
        {
            return found;
        }
        if self.layout().resource(version.key).is_some()
            && let Ok(object) = self.json(version, Reading::default())
        {
            let secret = object.get("kind").and_then(Json::as_str) == Some("Secret");
            let find_in = |object: &Json, is_masked: bool| {
                let sought = Sought {
                    pattern,
                    secret,
                    is_masked,
                };
                let mut found = Vec::new();
                walk(&mut String::new(), object, sought, &mut found);
                found
            };
            found = find_in(&object, false);
            // A mask takes a copy of the object: only where something is found. What it hides is not searched: from the hits
            // of patterns a hidden value could be read letter by letter.
            if let Some(mask) = mask.filter(|_| !found.is_empty()) {
                let mut masked = object;
                mask.object(&mut masked);
                found = find_in(&masked, true);
            }
            return found;
        }
        let Ok(kv) = version.key_value() else {
            return found;
        };
        let visible = match mask {
            Some(_) if is_secret(self.layout(), version.key, kv.value) => return found,
            Some(mask) => mask.bytes(kv.value),
            None => Cow::Borrowed(kv.value),
        };
        if pattern.is_match(&visible) {
            found.push((String::new(), around(&visible, pattern)));
        }
        found
    }
}

fn write_json(value: &Json, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// Ends a search, but does not count it.
struct Uncounted<'p>(&'p dyn Progress);

impl Progress for Uncounted<'_> {
    fn begin(&self, _phase: &'static str, _total_bytes: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn cancelled(&self) -> bool {
        self.0.cancelled()
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

/// What is looked for in an object.
#[derive(Clone, Copy)]
struct Sought<'p> {
    pattern: &'p Pattern,
    /// Whether it is a Secret, whose data are base64.
    secret: bool,
    /// Whether a mask has been over it.
    is_masked: bool,
}

fn walk(path: &mut String, value: &Json, sought: Sought<'_>, found: &mut Vec<(String, String)>) {
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
                    true => sought.pattern.is_match(name.as_bytes()),
                    false => is_found_whole(sought.pattern, name, path),
                };
                if found_name {
                    found.push((path.clone(), around(name.as_bytes(), sought.pattern)));
                }
                walk(path, field, sought, found);
                path.truncate(len);
            }
        }
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let len = path.len();
                path.push_str(&format!("[{at}]"));
                walk(path, item, sought, found);
                path.truncate(len);
            }
        }
        Json::Null => {}
        leaf => walk_leaf(path, leaf, sought, found),
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

/// Whether a name of the schema is all of a match; those within `metadata.managedFields` repeat the names of all fields.
fn is_found_whole(pattern: &Pattern, name: &str, path: &str) -> bool {
    is_whole(pattern.regex(), name) && !path.starts_with("metadata.managedFields")
}

/// Whether the first match of a pattern is the whole text.
fn is_whole(pattern: &Regex, text: &str) -> bool {
    let found = pattern.find(text.as_bytes());
    found.is_some_and(|found| found.start() == 0 && found.end() == text.len())
}

/// A string, number or boolean; a value that is hidden has nothing to find.
fn walk_leaf(path: &str, leaf: &Json, sought: Sought<'_>, found: &mut Vec<(String, String)>) {
    // managedFields repeat the names of all fields: matches there say nothing.
    if path.starts_with("metadata.managedFields") && path.contains("fieldsV1") {
        return;
    }
    let plain = text(leaf);
    if sought.is_masked && plain.starts_with(BULLETS) {
        return;
    }
    let decoded = (sought.secret && path.starts_with("data"))
        .then(|| STANDARD.decode(&plain).ok())
        .flatten();
    let bytes = decoded.as_deref().unwrap_or(plain.as_bytes());
    if sought.pattern.is_match(bytes) {
        found.push((path.to_owned(), around(bytes, sought.pattern)));
    }
}

/// The first match and a little around it, as text on one line.
/// A key as it is searched: a hidden part of it is not.
fn shown_key<'k>(key: &'k [u8], mask: Option<&Mask>) -> Cow<'k, [u8]> {
    match mask {
        Some(_) => without_token(key),
        None => Cow::Borrowed(key),
    }
}

fn around(bytes: &[u8], pattern: &Pattern) -> String {
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
