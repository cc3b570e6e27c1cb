//! Every Kubernetes value: decoded, compared with its key, and with the other objects.
//!
//! Nothing in etcd or bbolt protects a value, and etcd never looks into one. An API server does: one value that it cannot
//! decode fails every LIST of its resource (`GetList` in apiserver `pkg/storage/etcd3/store.go`, v0.34.0).

mod facts;
pub(super) mod present;
mod rules;
mod unread;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use facts::ObjectFacts;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use unread::Unread;

use super::Skipped;
use crate::codes::kubernetes as codes;
use crate::kubernetes::ObjectParts;
use crate::kubernetes::encryption::Seal;
use crate::member::{Objects, Reading, Undecodable};
use crate::mvcc::{KeyRange, Version};
use located::progress::Progress;
use located::{FileName, Finding, Place, Sink};

/// Versions decoded between two reports of progress.
const CHUNK: usize = 4096;

/// What the check looked at, and what it could not look at.
pub(super) struct ObjectsChecked {
    pub(super) checked: Option<String>,
    pub(super) skipped: Vec<Skipped>,
}

impl ObjectsChecked {
    fn skipped(why: &str) -> Self {
        Self {
            checked: None,
            skipped: vec![Skipped {
                what: "Kubernetes objects".to_owned(),
                why: why.to_owned(),
            }],
        }
    }
}

/// The result of reading one version.
enum Decoded<'a> {
    /// A live object.
    Live(Box<ObjectFacts<'a>>),
    /// An older version: its uid.
    Older(Arc<str>),
    /// A record that breaks: MVCC-002 reports it.
    Reported,
    /// A value that gives no object.
    Unread(Box<Unread>),
}

/// Everything decoded so far.
#[derive(Default)]
struct Gathered<'a> {
    decoded: u64,
    live: Vec<ObjectFacts<'a>>,
    unread: Vec<Unread>,
    uids: Uids<'a>,
    /// The encryption keys that opened a value.
    opened: HashSet<String>,
}

/// The uid of each generation of each key, and the versions that contradict it.
#[derive(Default)]
struct Uids<'a> {
    by_generation: HashMap<(&'a [u8], i64), Arc<str>, foldhash::fast::RandomState>,
    changes: Vec<(Version<'a>, Arc<str>, Arc<str>)>,
}

impl<'a> Uids<'a> {
    /// An object keeps its uid from its create to its delete: the API server refuses any other update
    /// (`ValidateObjectMetaAccessorUpdate` in apimachinery `pkg/api/validation/objectmeta.go`, v0.34.0).
    fn add(&mut self, version: Version<'a>, create_revision: i64, uid: Arc<str>) {
        let generation = (version.key, create_revision);
        match self.by_generation.get(&generation) {
            Some(known) if !known.is_empty() && !uid.is_empty() && *known != uid => {
                self.changes.push((version, known.clone(), uid));
            }
            Some(_) => {}
            None => {
                self.by_generation.insert(generation, uid);
            }
        }
    }

    fn report(self, file: &FileName, report: &mut Sink<'_>) {
        for (version, known, uid) in self.changes {
            let message = format!(
                "{} changes its uid at revision {} without having been deleted before",
                crate::raft::key_in_message(version.key),
                version.revision
            );
            let finding = Finding::new(&codes::UID_CHANGES, place_of(&version, file), message);
            report(finding.key(version.key).seen(&*uid, &*known));
        }
    }
}

/// Decodes every value and reports what is wrong with it.
pub(super) fn objects(
    objects: &Objects<'_>,
    file: &FileName,
    progress: &dyn Progress,
    report: &mut Sink<'_>,
) -> ObjectsChecked {
    let gathered = match gather(objects, progress) {
        Ok(gathered) => gathered,
        Err(why) => return ObjectsChecked::skipped(&why),
    };
    // Random bytes are not JSON, CBOR or protobuf, and some of them look like CBOR nested too deep. An encrypted value has the
    // prefix of an API server.
    if gathered.decoded == 0 && !gathered.unread.iter().any(Unread::is_locked) {
        return ObjectsChecked::skipped(if gathered.unread.is_empty() {
            "there are none"
        } else {
            "keys look like those of Kubernetes, but not one value is an object"
        });
    }
    let mut skipped = unread::report(
        gathered.unread,
        !objects.keyring().is_empty(),
        &gathered.opened,
        file,
        report,
    );
    rules::seals(objects, file, report);
    gathered.uids.report(file, report);
    let mut checked = compared(
        objects,
        gathered.decoded,
        gathered.live,
        file,
        &mut skipped,
        report,
    );
    let outside = rules::of_store(objects, file, report);
    if outside > 0 {
        checked = format!("{checked}; {outside} keys are outside of Kubernetes");
    }
    ObjectsChecked {
        checked: Some(checked),
        skipped,
    }
}

/// Compares the live objects with their keys and with each other; returns what was looked at.
fn compared(
    objects: &Objects<'_>,
    decoded: u64,
    live: Vec<ObjectFacts<'_>>,
    file: &FileName,
    skipped: &mut Vec<Skipped>,
    report: &mut Sink<'_>,
) -> String {
    let mut checked = format!(
        "Kubernetes: {} values decoded; {} of them are live objects, compared with their keys and with each other",
        decoded,
        live.len()
    );
    let prefixes = by_prefix(objects, live);
    let existing = rules::Existing::new(prefixes.values().flatten());
    let newest = objects.newest_time(None);
    for live in prefixes.values() {
        let other_layouts = rules::of_prefix(live, &existing, newest, file, report);
        skipped.extend(other_layouts.into_iter().map(|(path, count)| Skipped {
            what: match count {
                1 => format!("the key of 1 object below {path}"),
                count => format!("the keys of {count} objects below {path}"),
            },
            why: "all of them have name and namespace at other places than an API server of Kubernetes puts them: an extension API server has its own layout of keys".to_owned(),
        }));
    }
    if prefixes.len() > 1 {
        let each: Vec<String> = prefixes
            .iter()
            .map(|(prefix, live)| format!("{} below {prefix}", live.len()))
            .collect();
        checked = format!(
            "{checked}; {} API servers: {}",
            prefixes.len(),
            each.join(", ")
        );
    }
    checked
}

/// The objects of each API server: several with prefixes of their own share an etcd, and each may have the names, the
/// namespaces and the service addresses of another.
fn by_prefix<'a>(
    objects: &Objects<'_>,
    live: Vec<ObjectFacts<'a>>,
) -> BTreeMap<String, Vec<ObjectFacts<'a>>> {
    let mut by_prefix: BTreeMap<String, Vec<ObjectFacts<'a>>> = BTreeMap::new();
    for object in live {
        let prefix = objects.layout().prefix_of(object.version.key);
        let prefix = prefix.unwrap_or_default().to_owned();
        by_prefix.entry(prefix).or_default().push(object);
    }
    by_prefix
}

/// Decodes every version below the Kubernetes prefixes.
///
/// # Errors
/// Why not: no readable keyspace, or cancelled.
fn gather<'a>(objects: &Objects<'a>, progress: &dyn Progress) -> Result<Gathered<'a>, String> {
    let keyspace = objects.keyspace();
    let live = keyspace
        .live(&KeyRange::all(), None)
        .map_err(|error| error.to_string())?;
    let live: HashSet<_, foldhash::fast::RandomState> =
        live.iter().map(|version| version.revision).collect();
    let all: Vec<Version<'_>> = keyspace
        .between(0..=i64::MAX)
        .filter(|version| !version.tombstone && objects.layout().resource(version.key).is_some())
        .collect();
    let bytes = |versions: &[Version<'_>]| -> u64 {
        let sizes = versions.iter().map(|version| version.message.len() as u64);
        sizes.sum()
    };
    progress.begin("objects", bytes(&all));
    let mut gathered = Gathered::default();
    for chunk in all.chunks(CHUNK) {
        if progress.cancelled() {
            return Err("cancelled".to_owned());
        }
        let decoded: Vec<Decoded<'_>> = chunk
            .par_iter()
            .map(|version| decode(objects, *version, live.contains(&version.revision)))
            .collect();
        progress.advance(bytes(chunk));
        for (version, decoded) in chunk.iter().zip(decoded) {
            gathered.add(*version, decoded);
        }
    }
    Ok(gathered)
}

impl<'a> Gathered<'a> {
    fn add(&mut self, version: Version<'a>, decoded: Decoded<'a>) {
        let uid = match decoded {
            Decoded::Live(facts) => {
                let uid = Arc::clone(&facts.uid);
                self.live.push(*facts);
                uid
            }
            Decoded::Older(uid) => uid,
            Decoded::Unread(unread) => return self.unread.push(*unread),
            Decoded::Reported => return,
        };
        let kv = version.key_value().unwrap_or_default();
        if let Some(seal) = Seal::parse(kv.value) {
            self.opened.insert(seal.to_string());
        }
        self.decoded = self.decoded.saturating_add(1);
        self.uids.add(version, kv.create_revision, uid);
    }
}

fn decode<'a>(objects: &Objects<'_>, version: Version<'a>, is_live: bool) -> Decoded<'a> {
    let reading = Reading {
        stored: true,
        ..Reading::default()
    };
    let key = objects.parse(version.key).filter(|_| is_live);
    let read = match &key {
        None => objects.flat(&version, reading, &facts::UID),
        Some(key) => match objects.flat(&version, reading, &facts::OF_ALL) {
            Ok(flat) if facts::needs_whole(key, &flat) => {
                objects.flat(&version, reading, &ObjectParts::SHOWN)
            }
            read => read,
        },
    };
    match read {
        Ok(flat) => match key {
            Some(key) => Decoded::Live(Box::new(ObjectFacts::new(version, &key, &flat))),
            None => Decoded::Older(facts::text(flat.root(), "metadata.uid").into()),
        },
        Err(Undecodable::Deleted | Undecodable::Record(_)) => Decoded::Reported,
        Err(cause) => Decoded::Unread(Box::new(Unread::new(objects, version, is_live, &cause))),
    }
}

/// The record of a version in the db.
fn place_of(version: &Version<'_>, file: &FileName) -> Place {
    version
        .offset
        .map_or_else(|| Place::file(file), |offset| Place::at(file, offset))
}
