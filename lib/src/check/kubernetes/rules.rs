//! Rules over all objects: names, namespaces, uids, owners, leases.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::facts::Facts;
use super::{place_of, value_of};
use crate::codes::{Code, kubernetes as codes};
use crate::kubernetes::encryption::Seal;
use crate::member::Objects;
use crate::mvcc::KeyRange;
use located::{FileName, Place};
use located::{Finding, Sink};

/// Keys that one finding names.
const KEYS: usize = 1000;
/// Of the 1.5 MiB that a request may have.
const HUGE_BYTES: usize = 1 << 20;
/// Deletions that wait longer are stuck.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// Reports, and gives how many live keys lie outside Kubernetes.
pub(super) fn rules(
    objects: &Objects<'_>,
    found: &[Facts<'_>],
    file: &FileName,
    report: &mut Sink<'_>,
) -> u64 {
    keys(found, file, report);
    namespaces(found, file, report);
    uids(found, file, report);
    owners(found, file, report);
    services(found, file, report);
    seals(found, file, report);
    definitions(found, file, report);
    compact_rev_key(objects, file, report);
    let each = |code, which: &dyn Fn(&Facts<'_>) -> bool, report: &mut Sink<'_>| {
        let those: Vec<&Facts<'_>> = found.iter().filter(|object| which(object)).collect();
        together(code, &those, "", file, report);
    };
    each(
        &codes::STORED_VERSION,
        &|object| object.has_resource_version,
        report,
    );
    each(
        &codes::EVENT_WITHOUT_LEASE,
        &|object| object.path == "events" && object.lease == 0,
        report,
    );
    each(
        &codes::HUGE,
        &|object| object.value_bytes >= HUGE_BYTES,
        report,
    );
    let newest: Option<Timestamp> = objects.newest_time(None);
    each(
        &codes::STUCK_FINALIZER,
        &|object| {
            let waits = |since| newest.is_some_and(|now| now.duration_since(since) > PATIENCE);
            object.waits_since.is_some_and(waits)
        },
        report,
    );
    outside(objects, file, report)
}

/// One finding for several objects.
fn together(
    code: &'static Code,
    objects: &[&Facts<'_>],
    what: &str,
    file: &FileName,
    report: &mut Sink<'_>,
) {
    let Some(first) = objects.first() else { return };
    let more = match objects.len() {
        1 => String::new(),
        count => format!(" and {} more", count.saturating_sub(1)),
    };
    let message = format!("{}{more}{what}", first.shown());
    let mut finding =
        Finding::new(code, place_of(&first.version, file), message).count(objects.len() as u64);
    let keys = objects.iter().take(KEYS);
    finding.keys = keys.map(|object| object.version.key.to_vec()).collect();
    report(finding);
}

/// The object against its key.
fn keys(found: &[Facts<'_>], file: &FileName, report: &mut Sink<'_>) {
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

fn namespaces(found: &[Facts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let existing: HashMap<&str, &Facts<'_>> = found
        .iter()
        .filter(|object| object.path == "namespaces")
        .map(|object| (object.key_name.as_str(), object))
        .collect();
    // An etcd for events alone has none.
    if existing.is_empty() {
        return;
    }
    let mut lost: BTreeMap<&str, Vec<&Facts<'_>>> = BTreeMap::new();
    let mut held: BTreeMap<&str, Vec<&Facts<'_>>> = BTreeMap::new();
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
        let what = format!(" in namespace {namespace}, which does not exist");
        together(&codes::NO_NAMESPACE, &objects, &what, file, report);
    }
    for (namespace, objects) in held {
        let what = format!(" in namespace {namespace}, which is Terminating");
        together(&codes::NAMESPACE_TERMINATING, &objects, &what, file, report);
    }
}

fn uids(found: &[Facts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let mut by_uid: BTreeMap<&str, Vec<&Facts<'_>>> = BTreeMap::new();
    for object in found.iter().filter(|object| !object.uid.is_empty()) {
        by_uid.entry(&object.uid).or_default().push(object);
    }
    for (uid, objects) in by_uid.into_iter().filter(|(_, objects)| objects.len() > 1) {
        let what = format!(" have the same uid {uid}");
        together(&codes::DUPLICATE_UID, &objects, &what, file, report);
    }
}

fn owners(found: &[Facts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let known: HashSet<&str> = found.iter().map(|object| object.uid.as_str()).collect();
    // A kind of which nothing is readable here may be encrypted, or lie in another etcd.
    let kinds: HashSet<&str> = found.iter().map(|object| object.kind.as_str()).collect();
    let mut missing: BTreeMap<(&str, &str, &str), Vec<&Facts<'_>>> = BTreeMap::new();
    for object in found {
        for owner in object
            .owners
            .iter()
            .filter(|owner| !known.contains(&*owner.uid))
        {
            let by = (&*owner.kind, &*owner.name, &*owner.uid);
            missing.entry(by).or_default().push(object);
        }
    }
    for ((kind, name, uid), objects) in missing {
        let none = if kinds.contains(kind) {
            ""
        } else {
            "; there is no readable object of that kind"
        };
        let what = format!(" owned by {kind} {name} (uid {uid}), which does not exist{none}");
        together(&codes::OWNER_MISSING, &objects, &what, file, report);
    }
}

fn services(found: &[Facts<'_>], file: &FileName, report: &mut Sink<'_>) {
    let mut by_address: BTreeMap<&str, Vec<&Facts<'_>>> = BTreeMap::new();
    for object in found {
        for address in &object.addresses {
            by_address.entry(address).or_default().push(object);
        }
    }
    for (address, objects) in by_address
        .into_iter()
        .filter(|(_, objects)| objects.len() > 1)
    {
        let what = format!(" have the same address: {address}");
        together(&codes::SERVICE_CLASH, &objects, &what, file, report);
    }
}

/// Resources with more than one way of being stored.
fn seals(found: &[Facts<'_>], file: &FileName, report: &mut Sink<'_>) {
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
fn definitions(found: &[Facts<'_>], file: &FileName, report: &mut Sink<'_>) {
    for object in found
        .iter()
        .filter(|object| !object.lost_versions.is_empty())
    {
        let what = format!(
            " was stored as {}, which it no longer has",
            object.lost_versions.join(", ")
        );
        together(&codes::STORED_VERSIONS, &[object], &what, file, report);
    }
    let defined: HashSet<&str> = found
        .iter()
        .filter(|object| object.kind == "CustomResourceDefinition")
        .map(|object| object.key_name.as_str())
        .collect();
    let mut without: BTreeMap<&str, Vec<&Facts<'_>>> = BTreeMap::new();
    for object in found.iter().filter(|object| object.builtin_kind.is_none()) {
        if let Some((group, plural)) = object.path.split_once('/')
            && group.contains('.')
            && !defined.contains(format!("{plural}.{group}").as_str())
        {
            without.entry(&object.path).or_default().push(object);
        }
    }
    for (path, objects) in without {
        let what = format!(": no CustomResourceDefinition of {path}");
        together(&codes::NO_CRD, &objects, &what, file, report);
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

/// Keys below a prefix of Kubernetes that no API server writes; and how many lie outside.
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
