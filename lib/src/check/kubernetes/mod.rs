//! Every Kubernetes value: decoded, held against its key, and against the other objects.
//!
//! Nothing in etcd or bbolt protects a value, and etcd never looks into one. An API server does, and refuses the whole
//! resource for one value that it cannot read.

mod facts;
mod rules;

use std::collections::{BTreeMap, HashMap, HashSet};

use facts::ObjectFacts;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::Skipped;
use crate::codes::kubernetes as codes;
use crate::kubernetes::encryption::{Provider, Seal};
use crate::member::{Objects, Reading, Undecodable};
use crate::mvcc::{KeyRange, Keyspace, Version};
use located::progress::Progress;
use located::{FileName, Place};
use located::{Finding, Severity, Sink};

/// Versions decoded between two looks at the progress.
const CHUNK: usize = 4096;
/// Bytes shown before and after the bad one.
const AROUND: usize = 8;
/// A nonce, or an initial vector, and at least one block after it.
const SHORTEST_CBC: usize = 32;

/// What one version came to.
enum Decoded<'a> {
    /// Of a live one.
    Object(Box<ObjectFacts<'a>>),
    /// Of an older one: its uid.
    Older(String),
    /// Nothing to say: outside Kubernetes, or MVCC-002 says it.
    Other,
    /// No object.
    Bad(Box<Bad>),
}

/// A value that is no object, or stays closed.
struct Bad {
    finding: Finding,
    /// `secrets`, `aescbc key1`: closed and no keys were given.
    sealed: Option<(String, String)>,
}

/// Decodes every value and reports. Gives what was looked at, or why not.
pub(super) fn objects(
    objects: &Objects<'_>,
    file: &FileName,
    progress: &dyn Progress,
    report: &mut Sink<'_>,
) -> Result<String, Vec<Skipped>> {
    let keyspace = objects.keyspace();
    let skip = |what: &str, why: &str| Skipped {
        what: what.to_owned(),
        why: why.to_owned(),
    };
    let live: HashSet<_> = match keyspace.live(&KeyRange::all(), None) {
        Ok(live) => live.iter().map(|version| version.revision).collect(),
        Err(error) => return Err(vec![skip("Kubernetes objects", &error.to_string())]),
    };
    let all: Vec<Version<'_>> = keyspace
        .between(0..=i64::MAX)
        .filter(|version| !version.tombstone && objects.layout().resource(version.key).is_some())
        .collect();
    let total = all.iter().map(|version| version.message.len() as u64).sum();
    progress.begin("objects", total);
    let mut found: Vec<ObjectFacts<'_>> = Vec::new();
    let (mut bad, mut decoded) = (Vec::new(), 0u64);
    let mut uids: HashMap<(&[u8], i64), (String, Version<'_>)> = HashMap::new();
    let mut changed = Vec::new();
    for chunk in all.chunks(CHUNK) {
        if progress.cancelled() {
            return Err(vec![skip("Kubernetes objects", "cancelled")]);
        }
        let read: Vec<Decoded<'_>> = chunk
            .par_iter()
            .map(|version| read(objects, file, *version, live.contains(&version.revision)))
            .collect();
        progress.advance(
            chunk
                .iter()
                .map(|version| version.message.len() as u64)
                .sum(),
        );
        for (version, read) in chunk.iter().zip(read) {
            let uid = match read {
                Decoded::Object(facts) => {
                    let uid = facts.uid.clone();
                    found.push(*facts);
                    uid
                }
                Decoded::Older(uid) => uid,
                Decoded::Bad(one) => {
                    bad.push(*one);
                    continue;
                }
                Decoded::Other => continue,
            };
            decoded = decoded.saturating_add(1);
            let life = (
                version.key,
                version.key_value().unwrap_or_default().create_revision,
            );
            match uids.get(&life) {
                Some((known, _)) if !known.is_empty() && !uid.is_empty() && *known != uid => {
                    changed.push((*version, known.clone(), uid));
                }
                Some(_) => {}
                None => {
                    uids.insert(life, (uid, *version));
                }
            }
        }
    }
    let broken = bad.iter().filter(|one| one.sealed.is_none()).count() as u64;
    if decoded == 0 && broken == bad.len() as u64 {
        let why = if bad.is_empty() {
            "there are none"
        } else {
            "keys look like those of Kubernetes, but not one value is an object"
        };
        return Err(vec![skip("Kubernetes objects", why)]);
    }
    tell_bad(bad, file, report);
    for (version, known, uid) in changed {
        let message = format!(
            "{} has at revision {} another uid than in the version before",
            crate::raft::key_text(version.key),
            version.revision
        );
        let finding = Finding::new(&codes::UID_CHANGES, place_of(&version, file), message);
        report(finding.key(version.key).seen(uid, known));
    }
    let live = found.len();
    let existing = rules::Existing::new(&found);
    let prefixes = by_prefix(objects, found);
    for found in prefixes.values() {
        rules::of_prefix(objects, found, &existing, file, report);
    }
    let outside = rules::of_store(objects, file, report);
    let mut checked = format!(
        "Kubernetes: {decoded} values decoded, {live} of them live objects, compared with their keys and each other"
    );
    if prefixes.len() > 1 {
        let each = prefixes.iter();
        let each: Vec<String> = each
            .map(|(prefix, found)| format!("{} below {prefix}", found.len()))
            .collect();
        checked = format!(
            "{checked}; {} API servers: {}",
            prefixes.len(),
            each.join(", ")
        );
    }
    if outside > 0 {
        checked = format!("{checked}; {outside} keys outside");
    }
    Ok(checked)
}

/// The objects of each API server: several with prefixes of their own share an etcd, and each may have the names, the
/// namespaces and the service addresses of another.
fn by_prefix<'a>(
    objects: &Objects<'_>,
    found: Vec<ObjectFacts<'a>>,
) -> BTreeMap<String, Vec<ObjectFacts<'a>>> {
    let mut by_prefix: BTreeMap<String, Vec<ObjectFacts<'a>>> = BTreeMap::new();
    for object in found {
        let below = |prefix: &&str| {
            let rest = object.version.key.strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        // A prefix may be within another.
        let prefixes = objects.layout().prefixes().filter(below);
        let prefix = prefixes.max_by_key(|prefix| prefix.len());
        let prefix = prefix.unwrap_or_default().to_owned();
        by_prefix.entry(prefix).or_default().push(object);
    }
    by_prefix
}

/// The record of a version in the db.
fn place_of(version: &Version<'_>, file: &FileName) -> Place {
    version
        .offset
        .map_or_else(|| Place::file(file), |offset| Place::at(file, offset))
}

fn read<'a>(
    objects: &Objects<'_>,
    file: &FileName,
    version: Version<'a>,
    is_live: bool,
) -> Decoded<'a> {
    let reading = Reading {
        stored: true,
        ..Reading::default()
    };
    match objects.json(&version, reading) {
        Ok(json) => match objects.parse(version.key) {
            Some(key) if is_live => {
                Decoded::Object(Box::new(ObjectFacts::new(version, &key, &json)))
            }
            _ => {
                let uid = json.pointer("/metadata/uid").and_then(|uid| uid.as_str());
                Decoded::Older(uid.unwrap_or_default().to_owned())
            }
        },
        Err(Undecodable::Deleted | Undecodable::Record(_)) => Decoded::Other,
        Err(why) => Decoded::Bad(Box::new(bad(objects, file, version, is_live, &why))),
    }
}

fn bad(
    objects: &Objects<'_>,
    file: &FileName,
    version: Version<'_>,
    is_live: bool,
    why: &Undecodable,
) -> Bad {
    let kv = version.key_value().unwrap_or_default();
    let value = kv.value;
    let start = version.value_offset(&kv);
    let name = crate::raft::key_text(version.key);
    let mut sealed = None;
    let (code, at) = match why {
        Undecodable::Closed(closed) if closed.tried.is_empty() => {
            let whole = Seal::parse(value).is_none_or(|seal| could_open(&seal, value));
            if !whole {
                (&codes::SEAL_BROKEN, None)
            } else {
                if objects.keyring().is_empty() {
                    let resource = objects.layout().resource(version.key).unwrap_or_default();
                    let resource = String::from_utf8_lossy(resource).into_owned();
                    sealed = Some((resource, closed.seal.clone()));
                }
                (&codes::CLOSED, None)
            }
        }
        Undecodable::Closed(_) => (&codes::SEAL_BROKEN, None),
        Undecodable::Value { at, .. } if is_live => (&codes::UNDECODABLE, *at),
        Undecodable::Value { at, .. } => (&codes::UNDECODABLE_HISTORY, *at),
        _ => (&codes::UNDECODABLE, None),
    };
    // Within an encrypted value the place is that of the plaintext.
    let at = at.filter(|_| Seal::parse(value).is_none());
    let shown = at.unwrap_or(0).min(value.len());
    let around = value
        .get(shown.saturating_sub(AROUND)..shown.saturating_add(AROUND).min(value.len()))
        .unwrap_or_default();
    let hex: Vec<String> = around.iter().map(|byte| format!("{byte:02x}")).collect();
    let place = match (start, at) {
        (Some(start), at) => Place::at(file, start.saturating_add(at.unwrap_or(0) as u64)),
        _ => place_of(&version, file),
    };
    // The bytes of a secret are not for reports. Encrypted ones say nothing.
    let is_secret = Seal::parse(value).is_none()
        && (objects.parse(version.key)).is_some_and(|key| key.is_secret());
    let text = why.to_string();
    let cause = text.strip_prefix(&format!("{name}: ")).unwrap_or(&text);
    let message = format!("{name} at revision {}: {cause}", version.revision);
    let finding = Finding::new(code, place, message).key(version.key).seen(
        match (hex.is_empty(), is_secret) {
            (true, _) => "an empty value".to_owned(),
            (_, true) => format!("byte {shown} of {} of a secret", value.len()),
            _ => format!("{} around byte {shown} of {}", hex.join(" "), value.len()),
        },
        "an object",
    );
    Bad { finding, sealed }
}

/// Whether the length is one that the provider makes.
fn could_open(seal: &Seal<'_>, value: &[u8]) -> bool {
    let head = format!("k8s:enc:{}:v1:{}:", seal.provider, seal.name());
    match seal.provider {
        Provider::Aescbc => value
            .len()
            .checked_sub(head.len())
            .is_some_and(|len| len >= SHORTEST_CBC && len % 16 == 0),
        _ => true,
    }
}

/// One finding a value; sealed ones without any key given: one for each resource and key.
fn tell_bad(bad: Vec<Bad>, file: &FileName, report: &mut Sink<'_>) {
    let mut sealed: BTreeMap<(String, String), u64> = BTreeMap::new();
    for one in bad {
        match one.sealed {
            Some(by) => *sealed.entry(by).or_default() += 1,
            None => report(one.finding),
        }
    }
    if sealed.is_empty() {
        return;
    }
    let count: u64 = sealed.values().sum();
    let names: Vec<String> = sealed
        .iter()
        .map(|((resource, seal), count)| format!("{count} {resource} with {seal}"))
        .collect();
    let message = format!(
        "encrypted, and no key was given, so not looked into: {}",
        names.join(", ")
    );
    let finding = Finding::new(&codes::CLOSED, Place::file(file), message).count(count);
    report(finding.severity(Severity::Note));
}

/// For the rules: the whole store.
fn value_of<'a>(keyspace: &Keyspace<'a>, key: &[u8]) -> Option<(Version<'a>, &'a [u8])> {
    let version = keyspace.get(key, None).ok()??;
    Some((version, version.key_value().ok()?.value))
}
