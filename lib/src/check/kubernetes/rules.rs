//! Rules over all objects: names, namespaces, uids, owners, leases.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::facts::ObjectFacts;
use super::{place_of, value_of};
use crate::codes::{Code, kubernetes as codes};
use crate::kubernetes::encryption::Seal;
use crate::member::Objects;
use crate::mvcc::KeyRange;
use located::{FileName, Place};
use located::{Finding, Sink};

/// Minimum length of a value that is reported, in bytes: an API server accepts requests of up to 1.5 MiB.
const HUGE_BYTES: usize = 1 << 20;
/// Time after which a deletion that waits for finalizers is stuck.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What exists anywhere in the store: one cluster may have two prefixes, as OpenShift's `/kubernetes.io` and `/openshift.io`.
pub(super) struct Existing {
    uids: HashSet<String>,
    kinds: HashSet<String>,
    definitions: HashSet<String>,
}

impl Existing {
    pub(super) fn new(found: &[ObjectFacts<'_>]) -> Self {
        let definitions = found
            .iter()
            .filter(|object| object.kind == "CustomResourceDefinition");
        Self {
            uids: found.iter().map(|object| object.uid.clone()).collect(),
            kinds: found.iter().map(|object| object.kind.clone()).collect(),
            definitions: definitions.map(|object| object.key_name.clone()).collect(),
        }
    }
}

/// Judges the objects below one prefix: those of one API server, or of several that share it.
pub(super) fn of_prefix(
    objects: &Objects<'_>,
    found: &[ObjectFacts<'_>],
    existing: &Existing,
    file: &FileName,
    report: &mut Sink<'_>,
) {
    keys(found, file, report);
    namespaces(found, file, report);
    uids(found, file, report);
    owners(found, existing, file, report);
    services(found, file, report);
    seals(found, file, report);
    definitions(found, existing, file, report);
    let those = |which: &dyn Fn(&ObjectFacts<'_>) -> bool| -> Vec<&ObjectFacts<'_>> {
        found.iter().filter(|object| which(object)).collect()
    };
    let written = those(&|object| object.resource_version.is_some());
    let version = written
        .first()
        .and_then(|first| first.resource_version.as_deref());
    let says = [
        format!(
            "is stored with metadata.resourceVersion \"{}\": it was not written by an API server",
            version.unwrap_or_default().escape_debug()
        ),
        "are stored with a metadata.resourceVersion: they were not written by an API server"
            .to_owned(),
    ];
    together(&codes::STORED_VERSION, &written, says, file, report);
    let events = those(&|object| object.path == "events" && object.lease == 0);
    let says = [
        "has no lease: it never expires",
        "have no lease: they never expire",
    ];
    together(&codes::EVENT_WITHOUT_LEASE, &events, says, file, report);
    let huge = those(&|object| object.value_bytes >= HUGE_BYTES);
    let bytes = huge.first().map_or(0, |first| first.value_bytes);
    let says = [
        format!("has {bytes} bytes: an API server accepts requests of up to 1.5 MiB"),
        "have more than 1 MiB each: an API server accepts requests of up to 1.5 MiB".to_owned(),
    ];
    together(&codes::HUGE, &huge, says, file, report);
    let newest: Option<Timestamp> = objects.newest_time(None);
    let waits = |since| newest.is_some_and(|now| now.duration_since(since) > PATIENCE);
    let stuck = those(&|object| object.waits_since.is_some_and(waits));
    let says = [
        "was deleted more than an hour before the newest write and waits for its finalizers",
        "were deleted more than an hour before the newest write and wait for their finalizers",
    ];
    together(&codes::STUCK_FINALIZER, &stuck, says, file, report);
}

/// Judges what is in the store once, whatever prefixes there are; returns how many live keys are outside of Kubernetes.
pub(super) fn of_store(objects: &Objects<'_>, file: &FileName, report: &mut Sink<'_>) -> u64 {
    compact_rev_key(objects, file, report);
    outside(objects, file, report)
}

/// Reports one finding for several objects; `says` is the predicate for one of them, and for more.
fn together(
    code: &'static Code,
    objects: &[&ObjectFacts<'_>],
    says: [impl AsRef<str>; 2],
    file: &FileName,
    report: &mut Sink<'_>,
) {
    let Some(first) = objects.first() else { return };
    let [one, more] = &says;
    let message = match objects.len() {
        1 => format!("{} {}", first.shown(), one.as_ref()),
        count => format!(
            "{} and {} more {}",
            first.shown(),
            count.saturating_sub(1),
            more.as_ref()
        ),
    };
    let mut finding =
        Finding::new(code, place_of(&first.version, file), message).count(objects.len() as u64);
    let keys = objects.iter();
    finding.keys = keys.map(|object| object.version.key.to_vec()).collect();
    report(finding);
}

/// The object against its key.
fn keys(found: &[ObjectFacts<'_>], file: &FileName, report: &mut Sink<'_>) {
    for object in found {
        let mut wrong = Vec::new();
        // Objects like RangeAllocation have no name of their own.
        if !object.name.is_empty() && object.name != object.key_name {
            wrong.push(("name", object.name.clone(), object.key_name.clone()));
        }
        let namespace = object.key_namespace.clone().unwrap_or_default();
        if !object.name.is_empty() && object.namespace != namespace {
            wrong.push(("namespace", object.namespace.clone(), namespace));
        }
        if let Some(kind) = object.builtin_kind.filter(|kind| *kind != object.kind) {
            wrong.push(("kind", object.kind.clone(), kind.to_owned()));
        }
        let names: Vec<&str> = wrong.iter().map(|(what, _, _)| *what).collect();
        if let Some((_, seen, wanted)) = wrong.first() {
            let message = format!(
                "{} holds an object of another {}",
                object.shown(),
                names.join(" and ")
            );
            let finding = Finding::new(
                &codes::KEY_MISMATCH,
                place_of(&object.version, file),
                message,
            );
            report(
                finding
                    .key(object.version.key)
                    .seen(seen.clone(), wanted.clone()),
            );
        }
    }
}

fn namespaces(found: &[ObjectFacts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let existing: HashMap<&str, &ObjectFacts<'_>> = found
        .iter()
        .filter(|object| object.path == "namespaces")
        .map(|object| (object.key_name.as_str(), object))
        .collect();
    // An etcd for events alone has none.
    if existing.is_empty() {
        return;
    }
    let mut lost: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
    let mut held: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
    for object in found {
        let Some(namespace) = object.key_namespace.as_deref() else {
            continue;
        };
        // Where neither table nor CRD knows the scope the object itself does.
        if object.builtin_kind.is_none() && object.namespace.is_empty() {
            continue;
        }
        match existing.get(namespace) {
            None => lost.entry(namespace).or_default().push(object),
            Some(existing) if existing.terminating => {
                held.entry(namespace).or_default().push(object);
            }
            Some(_) => {}
        }
    }
    for (namespace, objects) in lost {
        let says = ["is", "are"]
            .map(|verb| format!("{verb} in namespace {namespace}, which does not exist"));
        together(&codes::NO_NAMESPACE, &objects, says, file, report);
    }
    for (namespace, objects) in held {
        let says = ["is", "are"]
            .map(|verb| format!("{verb} in namespace {namespace}, which is Terminating"));
        together(&codes::NAMESPACE_TERMINATING, &objects, says, file, report);
    }
}

fn uids(found: &[ObjectFacts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let mut by_uid: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
    for object in found.iter().filter(|object| !object.uid.is_empty()) {
        by_uid.entry(&object.uid).or_default().push(object);
    }
    for (uid, objects) in by_uid.into_iter().filter(|(_, objects)| objects.len() > 1) {
        let says = ["has", "have"].map(|verb| format!("{verb} the same uid {uid}"));
        together(&codes::DUPLICATE_UID, &objects, says, file, report);
    }
}

fn owners(found: &[ObjectFacts<'_>], existing: &Existing, file: &FileName, report: &mut Sink<'_>) {
    let mut missing: BTreeMap<(&str, &str, &str), Vec<&ObjectFacts<'_>>> = BTreeMap::new();
    for object in found {
        for owner in object
            .owners
            .iter()
            .filter(|owner| !existing.uids.contains(&owner.uid))
        {
            let by = (&*owner.kind, &*owner.name, &*owner.uid);
            missing.entry(by).or_default().push(object);
        }
    }
    for ((kind, name, uid), objects) in missing {
        // A kind of which nothing is readable may be encrypted, or in another etcd.
        let none = if existing.kinds.contains(kind) {
            ""
        } else {
            "; there is no readable object of that kind"
        };
        let says = ["is", "are"].map(|verb| {
            format!("{verb} owned by {kind} {name} (uid {uid}), which does not exist{none}")
        });
        together(&codes::OWNER_MISSING, &objects, says, file, report);
    }
}

fn services(found: &[ObjectFacts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let mut by_address: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
    for object in found {
        for address in &object.addresses {
            by_address.entry(address).or_default().push(object);
        }
    }
    for (address, objects) in by_address
        .into_iter()
        .filter(|(_, objects)| objects.len() > 1)
    {
        let says = ["has", "have"].map(|verb| format!("{verb} the same address: {address}"));
        together(&codes::SERVICE_CLASH, &objects, says, file, report);
    }
}

/// Resources with more than one way of being stored.
fn seals(found: &[ObjectFacts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let mut by_path: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    for object in found {
        let value = object.version.key_value().unwrap_or_default().value;
        let seal = Seal::parse(value).map_or("plain".to_owned(), |seal| seal.to_string());
        *by_path
            .entry(&object.path)
            .or_default()
            .entry(seal)
            .or_default() += 1;
    }
    for (path, seals) in by_path.into_iter().filter(|(_, seals)| seals.len() > 1) {
        let names: Vec<String> = seals
            .iter()
            .map(|(seal, count)| format!("{count} {seal}"))
            .collect();
        let message = format!("{path}: {}", names.join(", "));
        report(Finding::new(
            &codes::SEALS_MIXED,
            Place::file(file),
            message,
        ));
    }
}

/// Custom objects and their CRDs.
fn definitions(
    found: &[ObjectFacts<'_>],
    existing: &Existing,
    file: &FileName,
    report: &mut Sink<'_>,
) {
    for object in found
        .iter()
        .filter(|object| !object.lost_versions.is_empty())
    {
        let versions = object.lost_versions.join(", ");
        let says = ["was", "were"].map(|verb| {
            format!("{verb} stored in version {versions}, which the definition no longer has")
        });
        together(&codes::STORED_VERSIONS, &[object], says, file, report);
    }
    let mut without: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
    for object in found.iter().filter(|object| object.builtin_kind.is_none()) {
        if let Some((group, plural)) = object.path.split_once('/')
            && group.contains('.')
            && !existing.definitions.contains(&format!("{plural}.{group}"))
        {
            without.entry(&object.path).or_default().push(object);
        }
    }
    for (path, objects) in without {
        let says =
            ["has", "have"].map(|verb| format!("{verb} no CustomResourceDefinition of {path}"));
        together(&codes::NO_CRD, &objects, says, file, report);
    }
}

fn compact_rev_key(objects: &Objects<'_>, file: &FileName, report: &mut Sink<'_>) {
    let keyspace = objects.keyspace();
    let Some((version, value)) = value_of(&keyspace, b"compact_rev_key") else {
        return;
    };
    let number = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    let Some(number) = number else {
        let message = "compact_rev_key holds no number";
        let finding = Finding::new(&codes::COMPACT_REV_KEY, place_of(&version, file), message);
        report(
            finding
                .key(version.key)
                .seen(crate::raft::key_text(value), "a revision"),
        );
        return;
    };
    if number >= version.revision.main {
        let message = format!(
            "compact_rev_key says {number}, and was itself written at revision {}",
            version.revision.main
        );
        let finding = Finding::new(&codes::COMPACT_REV_KEY, place_of(&version, file), message);
        let wanted = format!("less than {}", version.revision.main);
        report(finding.key(version.key).seen(number.to_string(), wanted));
    }
}

/// Reports keys below a prefix of Kubernetes that no API server writes; returns how many are outside.
fn outside(objects: &Objects<'_>, file: &FileName, report: &mut Sink<'_>) -> u64 {
    let keyspace = objects.keyspace();
    let Ok(live) = keyspace.live(&KeyRange::all(), None) else {
        return 0;
    };
    let mut outside = 0u64;
    for version in live.iter() {
        let below = objects.layout().prefixes().any(|prefix| {
            let rest = version.key.strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        });
        if !below {
            outside = outside.saturating_add(1);
        } else if objects.layout().resource(version.key).is_none()
            || objects.parse(version.key).is_none()
        {
            let message = format!(
                "{} has an empty segment or no name",
                crate::raft::key_text(version.key)
            );
            let finding = Finding::new(&codes::KEY_SYNTAX, place_of(&version, file), message);
            report(finding.key(version.key));
        }
    }
    outside
}
