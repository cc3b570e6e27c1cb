//! ObjectRules over all live objects: names, namespaces, uids, owners, addresses, what an API server never stores.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::facts::ObjectFacts;
use super::place_of;
use crate::codes::{Code, kubernetes as codes};
use crate::kubernetes::encryption::Seal;
use crate::member::Objects;
use crate::mvcc::KeyRange;
use located::text::number::thousands;
use located::{FileName, Finding, Place, Sink};

/// Objects of this size in bytes are reported: etcd's `--max-request-bytes` is 1.5 MiB
/// (`DefaultMaxRequestBytes` in `server/embed/config.go`, v3.5.30), and an update contains the whole object.
const LARGE_VALUE_BYTES: usize = 1 << 20;

/// Deletions that wait longer for their finalizers are reported.
const FINALIZER_PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What exists anywhere in the store: one cluster may have two prefixes, as OpenShift's `/kubernetes.io` and `/openshift.io`.
pub(super) struct Existing<'l> {
    uids: HashSet<&'l str, foldhash::fast::RandomState>,
    kinds: HashSet<&'l str, foldhash::fast::RandomState>,
    definitions: HashSet<&'l str>,
}

impl<'l> Existing<'l> {
    pub(super) fn new<'a: 'l>(live: impl Iterator<Item = &'l ObjectFacts<'a>> + Clone) -> Self {
        let all = live.clone();
        let definitions = all.filter(|object| object.kind == "CustomResourceDefinition");
        Self {
            uids: live.clone().map(|object| &*object.uid).collect(),
            kinds: live.map(|object| &*object.kind).collect(),
            definitions: definitions.map(|object| object.key_name).collect(),
        }
    }
}

/// Judges the objects below one prefix: those of one API server, or of several that share it. `newest` is the newest time in
/// the data.
pub(super) fn of_prefix(
    live: &[ObjectFacts<'_>],
    existing: &Existing<'_>,
    newest: Option<Timestamp>,
    file: &FileName,
    report: &mut Sink<'_>,
) -> BTreeMap<String, usize> {
    let mut rules = ObjectRules {
        live,
        existing,
        file,
        report,
    };
    let other_layouts = rules.other_layouts();
    rules.keys(&other_layouts);
    rules.namespaces();
    rules.uids();
    rules.owners();
    rules.services();
    rules.stored_versions();
    rules.missing_definitions();
    rules.resource_versions();
    rules.events();
    rules.sizes();
    rules.finalizers(newest);
    other_layouts
}

/// Reports resources whose live values are stored in more than one way; what is in them need not be known.
pub(super) fn seals(objects: &Objects<'_>, file: &FileName, report: &mut Sink<'_>) {
    let keyspace = objects.keyspace();
    let Ok(live) = keyspace.live(&KeyRange::all(), None) else {
        return;
    };
    let mut by_resource: BTreeMap<(String, String), BTreeMap<String, u64>> = BTreeMap::new();
    for version in live.iter() {
        let Some(key) = objects.parse(version.key) else {
            continue;
        };
        let value = version.key_value().unwrap_or_default().value;
        let seal = Seal::parse(value).map_or("plaintext".to_owned(), |seal| seal.to_string());
        let resource = (key.prefix.to_owned(), key.path.to_owned());
        let count = by_resource
            .entry(resource)
            .or_default()
            .entry(seal)
            .or_default();
        *count = count.saturating_add(1);
    }
    for ((_, path), seals) in by_resource.into_iter().filter(|(_, seals)| seals.len() > 1) {
        let counts: Vec<String> = seals
            .iter()
            .map(|(seal, count)| format!("{count} {seal}"))
            .collect();
        let message = format!(
            "{path} are stored in {} ways ({}): a key rotation has not reached all of them",
            seals.len(),
            counts.join(", ")
        );
        let place = Place::file(file);
        report(Finding::new(&codes::SEALS_MIXED, place, message));
    }
}

/// Judges what is in the store once, whatever prefixes there are; returns how many live keys are outside of Kubernetes.
pub(super) fn of_store(objects: &Objects<'_>, file: &FileName, report: &mut Sink<'_>) -> u64 {
    compact_rev_key(objects, file, report);
    key_syntax(objects, file, report)
}

struct ObjectRules<'r, 'a, 's> {
    live: &'r [ObjectFacts<'a>],
    existing: &'r Existing<'r>,
    file: &'r FileName,
    report: &'r mut Sink<'s>,
}

/// A predicate in both numbers: "is in", "are in".
type Predicate<'p> = (&'p str, &'p str);

impl<'r, 'a> ObjectRules<'r, 'a, '_> {
    fn select(&self, which: impl Fn(&ObjectFacts<'a>) -> bool) -> Vec<&'r ObjectFacts<'a>> {
        self.live.iter().filter(|object| which(object)).collect()
    }

    /// One finding about several objects: `pods/shop/web-1 and 3 other objects are in namespace x, …`.
    fn together(
        &mut self,
        code: &'static Code,
        objects: &[&ObjectFacts<'_>],
        (is, are): Predicate<'_>,
        rest: &str,
    ) {
        let Some(first) = objects.first() else { return };
        let name = first.resource_name();
        let message = match objects.len().saturating_sub(1) {
            0 => format!("{name} {is} {rest}"),
            1 => format!("{name} and 1 other object {are} {rest}"),
            others => format!("{name} and {others} other objects {are} {rest}"),
        };
        let mut finding = Finding::new(code, place_of(&first.version, self.file), message)
            .count(objects.len() as u64);
        let keys = objects.iter();
        finding.keys = keys.map(|object| object.version.key.to_vec()).collect();
        (self.report)(finding);
    }

    /// Registry paths of which every object contradicts its key, and how many there are: an extension API server has its own
    /// layout (`/registry/GROUP/GROUP/RESOURCE/…`), and our reading of the key is wrong, not the data.
    fn other_layouts(&self) -> BTreeMap<String, usize> {
        let mut by_path: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for object in self
            .live
            .iter()
            .filter(|object| object.builtin_kind.is_none())
        {
            let (all, wrong) = by_path.entry(object.path).or_default();
            let namespace = object.key_namespace.unwrap_or_default();
            // The last segment is the name in every layout.
            let in_key = object
                .version
                .key
                .ends_with(format!("/{}", object.name).as_bytes());
            let differs = object.namespace != namespace || object.name != object.key_name;
            *all += 1;
            *wrong += usize::from(differs && in_key && !object.name.is_empty());
        }
        let whole = by_path.into_iter().filter(|(path, (all, wrong))| {
            let is_defined = path.split_once('/').is_some_and(|(group, plural)| {
                self.existing
                    .definitions
                    .contains(&*format!("{plural}.{group}"))
            });
            all == wrong && !is_defined
        });
        whole
            .map(|(path, (all, _))| (path.to_owned(), all))
            .collect()
    }

    /// Compares the object with its key. The API server lists an object under the name in the object, but reads, updates
    /// and deletes by key (`NamespaceKeyFunc` in apiserver `pkg/registry/generic/registry/store.go`, v0.34.0).
    fn keys(&mut self, other_layouts: &BTreeMap<String, usize>) {
        let known = |object: &&ObjectFacts<'_>| !other_layouts.contains_key(object.path);
        for object in self.live.iter().filter(known) {
            let mut wrong = Vec::new();
            // Objects like RangeAllocation have no name of their own.
            if !object.name.is_empty() && object.name != object.key_name {
                wrong.push(("name", &*object.name, object.key_name));
            }
            let namespace = object.key_namespace.unwrap_or_default();
            if !object.name.is_empty() && object.namespace != namespace {
                wrong.push(("namespace", &*object.namespace, namespace));
            }
            if let Some(kind) = object.builtin_kind.filter(|kind| *kind != object.kind) {
                wrong.push(("kind", &*object.kind, kind));
            }
            let names: Vec<&str> = wrong.iter().map(|(what, _, _)| *what).collect();
            if let Some((_, seen, wanted)) = wrong.first() {
                let message = format!(
                    "{} contains an object of another {}: the API lists it under its own name and cannot delete it",
                    object.resource_name(),
                    names.join(" and ")
                );
                let place = place_of(&object.version, self.file);
                let finding = Finding::new(&codes::KEY_MISMATCH, place, message);
                (self.report)(finding.key(object.version.key).seen(*seen, *wanted));
            }
        }
    }

    fn namespaces(&mut self) {
        let existing: HashMap<&str, &ObjectFacts<'_>> = self
            .live
            .iter()
            .filter(|object| object.path == "namespaces")
            .map(|object| (object.key_name, object))
            .collect();
        // The etcd of `--etcd-servers-overrides`, for events alone, has no namespaces.
        if existing.is_empty() {
            return;
        }
        let other_layouts = self.other_layouts();
        let mut orphaned: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
        let mut left: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
        for object in self.live {
            let Some(namespace) = object.key_namespace else {
                continue;
            };
            if other_layouts.contains_key(object.path) {
                continue;
            }
            // If neither the table of resources nor a CRD says the scope, the object itself does.
            if object.builtin_kind.is_none() && object.namespace.is_empty() {
                continue;
            }
            match existing.get(namespace) {
                None => orphaned.entry(namespace).or_default().push(object),
                Some(existing) if existing.is_terminating => {
                    left.entry(namespace).or_default().push(object);
                }
                Some(_) => {}
            }
        }
        for (namespace, objects) in orphaned {
            let rest = format!(
                "in namespace {namespace}, which does not exist: the API does not list it and nothing deletes what is in it"
            );
            self.together(&codes::NO_NAMESPACE, &objects, ("is", "are"), &rest);
        }
        for (namespace, objects) in left {
            let rest = format!("left in namespace {namespace}, which is Terminating");
            self.together(
                &codes::NAMESPACE_TERMINATING,
                &objects,
                ("is", "are"),
                &rest,
            );
        }
    }

    fn uids(&mut self) {
        let mut by_uid: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
        for object in self.live.iter().filter(|object| !object.uid.is_empty()) {
            by_uid.entry(&object.uid).or_default().push(object);
        }
        for (uid, objects) in by_uid.into_iter().filter(|(_, objects)| objects.len() > 1) {
            let rest = format!("the same uid {uid}: controllers take them for one object");
            self.together(&codes::DUPLICATE_UID, &objects, ("has", "have"), &rest);
        }
    }

    /// The garbage collector deletes objects all of whose owners are absent
    /// (`attemptToDeleteItem` in Kubernetes `pkg/controller/garbagecollector/garbagecollector.go`, v1.34.0).
    fn owners(&mut self) {
        let mut missing: BTreeMap<(&str, &str, &str), Vec<&ObjectFacts<'_>>> = BTreeMap::new();
        for object in self.live {
            for owner in object
                .owners
                .iter()
                .filter(|owner| !self.existing.uids.contains(&*owner.uid))
            {
                let by = (&*owner.kind, &*owner.name, &*owner.uid);
                missing.entry(by).or_default().push(object);
            }
        }
        for ((kind, name, uid), objects) in missing {
            // If nothing of a kind is readable, its objects may be encrypted, or stored in another etcd.
            let effect = if self.existing.kinds.contains(kind) {
                "the garbage collector may delete what it owns"
            } else {
                "no object of that kind can be read here"
            };
            let rest =
                format!("owned by {kind} {name} (uid {uid}), which does not exist: {effect}");
            self.together(&codes::OWNER_MISSING, &objects, ("is", "are"), &rest);
        }
    }

    fn services(&mut self) {
        let mut by_address: BTreeMap<&str, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
        for object in self.live {
            for address in object.addresses() {
                by_address.entry(address).or_default().push(object);
            }
        }
        let shared = by_address.into_iter();
        for (address, objects) in shared.filter(|(_, objects)| objects.len() > 1) {
            let rest = format!("the same {address}: only one of them is reachable there");
            self.together(&codes::SERVICE_CLASH, &objects, ("has", "have"), &rest);
        }
    }

    /// apiextensions refuses to drop a version that is still listed in `status.storedVersions`
    /// (apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`, `ValidateCustomResourceDefinitionStoredVersions`).
    fn stored_versions(&mut self) {
        for object in self.select(|object| !object.lost_versions().is_empty()) {
            let lost = object.lost_versions().join(", ");
            let rest = format!(
                "{lost} in status.storedVersions but not in spec.versions: objects stored in it cannot be read"
            );
            self.together(&codes::STORED_VERSIONS, &[object], ("has", "have"), &rest);
        }
    }

    fn missing_definitions(&mut self) {
        let mut without: BTreeMap<String, Vec<&ObjectFacts<'_>>> = BTreeMap::new();
        let other_layouts = self.other_layouts();
        let is_custom = |object: &ObjectFacts<'_>| {
            object.builtin_kind.is_none() && !other_layouts.contains_key(object.path)
        };
        for object in self.select(is_custom) {
            // `GROUP/GROUP/PLURAL` is of an extension API server, which needs no definition.
            if let Some((group, plural)) = object.path.split_once('/')
                && group.contains('.')
                && !plural.contains('/')
            {
                let definition = format!("{plural}.{group}");
                if !self.existing.definitions.contains(&*definition) {
                    without.entry(definition).or_default().push(object);
                }
            }
        }
        for (definition, objects) in without {
            let rest =
                format!("no CustomResourceDefinition {definition}: the API does not serve them");
            self.together(&codes::NO_CRD, &objects, ("has", "have"), &rest);
        }
    }

    /// The API server clears the field before it stores an object
    /// (`PrepareObjectForStorage` in apiserver `pkg/storage/api_object_versioner.go`, v0.34.0).
    fn resource_versions(&mut self) {
        let stored = self.select(|object| !object.resource_version().is_empty());
        let rest = match stored.as_slice() {
            [only] => format!(
                "stored with metadata.resourceVersion {:?}: it was not written by an API server",
                only.resource_version()
            ),
            _ => "stored with metadata.resourceVersion: they were not written by an API server"
                .to_owned(),
        };
        self.together(&codes::STORED_VERSION, &stored, ("is", "are"), &rest);
    }

    /// Events are stored with a TTL, which is an etcd lease (`TTLFunc` in Kubernetes `pkg/registry/core/event/storage/storage.go`, v1.34.0).
    fn events(&mut self) {
        let kept = self.select(|object| object.path == "events" && object.lease == 0);
        let rest = if kept.len() == 1 {
            "no lease: it never expires"
        } else {
            "no lease: they never expire"
        };
        self.together(&codes::EVENT_WITHOUT_LEASE, &kept, ("has", "have"), rest);
    }

    fn sizes(&mut self) {
        let large = self.select(|object| object.value_bytes >= LARGE_VALUE_BYTES);
        let rest = match large.as_slice() {
            [only] => format!(
                "{} bytes long; etcd refuses requests above {} bytes, so an update may fail",
                thousands(only.value_bytes as i128),
                thousands(3 << 19)
            ),
            _ => format!(
                "longer than {} bytes; etcd refuses requests above {} bytes, so an update may fail",
                thousands(LARGE_VALUE_BYTES as i128),
                thousands(3 << 19)
            ),
        };
        self.together(&codes::HUGE, &large, ("is", "are"), &rest);
    }

    fn finalizers(&mut self, newest: Option<Timestamp>) {
        let Some(newest) = newest else { return };
        let mut waiting = self.select(|object| object.waits_since.is_some());
        waiting.sort_by_key(|object| object.waits_since);
        // If a deletion is the newest time in the data, nothing says how long ago any of them was: no clock went on since.
        let is_known = waiting
            .iter()
            .all(|object| object.waits_since < Some(newest));
        if is_known {
            let is_long = |since| newest.duration_since(since) > FINALIZER_PATIENCE;
            waiting.retain(|object| object.waits_since.is_some_and(is_long));
        }
        let Some((first, since)) = waiting
            .first()
            .and_then(|first| Some((*first, first.waits_since?)))
        else {
            return;
        };
        let finalizers = first.finalizers().join(", ");
        let rest = match (waiting.len(), is_known) {
            (1, true) => format!("deleted at {since} and still waits for finalizers: {finalizers}"),
            (1, false) => format!(
                "deleted at {since} and still waits for finalizers: {finalizers} (the newest time in the data: how long it has waited is not known)"
            ),
            (_, true) => {
                "deleted more than an hour before the newest write and still wait for finalizers"
                    .to_owned()
            }
            (_, false) => format!(
                "deleted, the first of them at {since}, and still wait for finalizers (one deletion is the newest time in the data: how long they have waited is not known)"
            ),
        };
        self.together(&codes::STUCK_FINALIZER, &waiting, ("was", "were"), &rest);
    }
}

/// The compactor writes into the key the revision of its own previous attempt, and compacts to that revision: it is lower than
/// the revision of the write itself (`Compact` in apiserver `pkg/storage/etcd3/compact.go`, v0.34.0).
fn compact_rev_key(objects: &Objects<'_>, file: &FileName, report: &mut Sink<'_>) {
    let keyspace = objects.keyspace();
    let Ok(Some(version)) = keyspace.get(b"compact_rev_key", None) else {
        return;
    };
    let Ok(kv) = version.key_value() else { return };
    let number = std::str::from_utf8(kv.value)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    let place = place_of(&version, file);
    let Some(number) = number else {
        let message = "compact_rev_key contains no number";
        let finding = Finding::new(&codes::COMPACT_REV_KEY, place, message);
        let seen = crate::raft::key_in_message(kv.value);
        report(finding.key(version.key).seen(seen, "a revision"));
        return;
    };
    let written = version.revision.main;
    if number >= written {
        let message = format!(
            "compact_rev_key contains revision {number} and was itself written at revision {written}"
        );
        let finding = Finding::new(&codes::COMPACT_REV_KEY, place, message);
        let wanted = format!("less than {written}");
        report(finding.key(version.key).seen(number.to_string(), wanted));
    }
}

/// Reports keys below a prefix of Kubernetes that no API server writes; returns how many keys are outside.
fn key_syntax(objects: &Objects<'_>, file: &FileName, report: &mut Sink<'_>) -> u64 {
    let keyspace = objects.keyspace();
    let Ok(live) = keyspace.live(&KeyRange::all(), None) else {
        return 0;
    };
    let mut outside = 0u64;
    for version in live.iter() {
        let is_below = objects.layout().prefixes().any(|prefix| {
            let rest = version.key.strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        });
        if !is_below {
            outside = outside.saturating_add(1);
        } else if objects.layout().resource(version.key).is_none()
            || objects.parse(version.key).is_none()
        {
            let message = format!(
                "{} has an empty segment or no name: the API serves no object under it",
                crate::raft::key_in_message(version.key)
            );
            let finding = Finding::new(&codes::KEY_SYNTAX, place_of(&version, file), message);
            report(finding.key(version.key));
        }
    }
    outside
}
