//! Who asked for a write, by the audit log of the API server.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::clock::{Clock, Measurement, TimeSource};
use crate::logs::audit::{
    AuditLog, AuditMatch, AuditMatches, AuditRequest, Confidence, FieldSet, ObjectWrite, WriteKind,
    match_requests,
};
use crate::member::{Objects, Origin, Reading, VersionWriter, WhoSource};
use crate::mvcc::{Revision, Version};

/// An audit log, and which of its requests made which write.
#[derive(Clone, Debug, Default)]
pub struct Audited {
    /// The log.
    pub log: AuditLog,
    /// The matches.
    pub matches: AuditMatches,
}

impl Audited {
    /// Matches the requests of a log with all writes that are known. `versions`: of each key, oldest first.
    pub fn new(
        mut log: AuditLog,
        objects: &Objects<'_>,
        versions: &BTreeMap<Vec<u8>, Vec<(Origin, Version<'_>)>>,
        clock: &Clock,
    ) -> Self {
        let keys: Vec<_> = versions.iter().collect();
        let writes: Vec<ObjectWrite> = keys
            .par_iter()
            .flat_map_iter(|(key, versions)| writes_of(key, versions, objects, clock))
            .collect();
        log.set_clock(&writes);
        let matches = match_requests(&log, &writes);
        Self { log, matches }
    }

    /// The request that made a write, with how sure that is.
    pub fn request(&self, revision: Revision) -> Option<(&AuditRequest, AuditMatch)> {
        let found = self.matches.of_revision(revision)?;
        Some((self.log.requests.get(found.request)?, found))
    }

    /// `audit: alice (team-a) from 10.0.0.5 with kubectl/v1.20.2, certain`.
    pub fn who(&self, revision: Revision) -> Option<String> {
        let (request, found) = self.request(revision)?;
        Some(format!(
            "audit: {}, {}",
            request.describe(),
            found.confidence.as_str()
        ))
    }

    /// Who asked for the write of a main revision, where there is little room: `alice with kubectl`; with a question mark if another
    /// request may have made it. An API server writes one key in a transaction.
    pub fn brief(&self, main: i64) -> Option<String> {
        let (request, found) = self.request(Revision::new(main, 0))?;
        let doubt = match found.confidence {
            Confidence::Certain => "",
            _ => "?",
        };
        let program = request.user_agent.split(['/', ' ']).next();
        Some(match program.filter(|program| !program.is_empty()) {
            Some(program) => format!("{}{doubt} with {program}", request.user),
            None => format!("{}{doubt}", request.user),
        })
    }

    /// The same as every list of versions has it.
    pub fn writer(&self, revision: Revision) -> Option<VersionWriter> {
        Some(VersionWriter {
            name: self.who(revision)?,
            source: WhoSource::Audit,
        })
    }

    /// The request as JSON has it.
    pub fn json(&self, revision: Revision) -> Option<Value> {
        let (request, found) = self.request(revision)?;
        Some(json!({
            "user": request.user,
            "impersonated": request.impersonated,
            "groups": request.groups,
            "source_ips": request.source_ips,
            "user_agent": request.user_agent,
            "verb": request.verb.as_str(),
            "subresource": request.subresource,
            "audit_id": (found.of == 1).then_some(&request.audit_id),
            "requests": found.of,
            "received": request.received.to_string(),
            "confidence": found.confidence.as_str(),
        }))
    }

    /// When the writes with a certain request happened: while the API server worked on it.
    pub fn measurements(&self) -> Vec<Measurement> {
        let measured = |(revision, found): (Revision, AuditMatch)| {
            let request = self.log.requests.get(found.request)?;
            let is_certain = found.confidence == Confidence::Certain;
            let finished = request.finished.filter(|_| is_certain)?;
            // A clock that was corrected is known within bounds.
            let within = self
                .log
                .offset
                .map(|offset| offset.within)
                .unwrap_or_default();
            let received = request.received.checked_sub(within).ok()?;
            let took = finished.duration_since(received);
            Some(Measurement {
                revision: revision.main,
                time: received,
                precision: took.saturating_add(within),
                delay: Some(jiff::SignedDuration::ZERO),
                source: TimeSource::Audit,
            })
        };
        self.matches.iter().filter_map(measured).collect()
    }

    /// One sentence about how much of the log was found in the writes.
    pub fn summary(&self) -> String {
        let matches = &self.matches;
        let percent = located::text::number::percent(
            u64::try_from(matches.len()).unwrap_or(0),
            u64::try_from(matches.covered).unwrap_or(0),
        );
        let mut text = format!(
            "audit log: {} of {} writes of objects in its time have their request ({percent}); {} have none in it, {} may be of several",
            matches.len(),
            matches.covered,
            matches.without,
            matches.ambiguous
        );
        if let Some(offset) = self.log.offset {
            text.push_str(&format!("; {}", offset.sentence()));
        }
        if self.log.counts.unreadable > 0 {
            text.push_str(&format!(
                "; {} of {} lines are no audit events",
                self.log.counts.unreadable, self.log.counts.lines
            ));
        }
        text
    }
}

/// The version before a write: its revision, its number and its object.
struct Replaced {
    revision: i64,
    number: i64,
    object: Option<Value>,
    /// Whether the request that wrote it also deletes the object.
    is_last_step: bool,
}

/// The writes of one key.
fn writes_of(
    key: &[u8],
    versions: &[(Origin, Version<'_>)],
    objects: &Objects<'_>,
    clock: &Clock,
) -> Vec<ObjectWrite> {
    let Some(parsed) = objects.parse(key) else {
        return Vec::new();
    };
    let mut writes = Vec::with_capacity(versions.len());
    let mut before: Option<Replaced> = None;
    for (origin, version) in versions {
        if matches!(origin, Origin::Unplaced { .. }) {
            continue;
        }
        let kv = version.key_value().ok().filter(|_| !version.tombstone);
        let mut now = Replaced {
            revision: version.revision.main,
            number: kv.map_or(0, |kv| kv.version),
            object: objects.json(version, Reading::default()).ok(),
            is_last_step: false,
        };
        let time = clock.time_of(version.revision.main);
        let not_before = time.and_then(|time| time.not_before);
        let mut traces = traces(version.tombstone, before.as_ref(), &now);
        let marks = matches!(
            traces.kind,
            WriteKind::Update {
                marks: Some(true),
                ..
            }
        );
        let ends = |object: &Value| grace(object) == Some(0) && !has_finalizers(object);
        if let (Some(changed), Some(earliest)) = (&mut traces.changed, not_before) {
            changed.retain(|(_, time)| time.is_none_or(|time| is_recent(time, earliest)));
        }
        now.is_last_step = marks && now.object.as_ref().is_some_and(ends);
        writes.push(ObjectWrite {
            revision: version.revision,
            resource: parsed.plural.to_owned(),
            group: parsed.group.to_owned(),
            namespace: parsed.namespace.map(str::to_owned),
            name: parsed.name.to_owned(),
            not_before,
            not_after: time.and_then(|time| time.not_after),
            ..traces
        });
        before = (!version.tombstone).then_some(now);
    }
    writes
}

/// What the object of a write and the one before it say of the request.
fn traces(tombstone: bool, old: Option<&Replaced>, now: &Replaced) -> ObjectWrite {
    let object = now.object.as_ref();
    let old_object = old.and_then(|old| old.object.as_ref());
    // Without the version right before it is not known what changed.
    let replaced = old.filter(|old| old.number.checked_add(1) == Some(now.number));
    let replaced_object = replaced.and_then(|old| old.object.as_ref());
    let kind = match now.number {
        _ if tombstone => WriteKind::Delete {
            replaced: old.map(|old| old.revision),
            finalizers: old_object.map(has_finalizers),
            completes: old.is_some_and(|old| old.is_last_step),
            was_marked: old_object.map(|old| deletion(old).is_some()),
        },
        1 => WriteKind::Create,
        _ => WriteKind::Update {
            replaced: replaced.map(|old| old.revision),
            marks: replaced_object
                .zip(object)
                .map(|(old, new)| deletion(new).is_some() && deletion(new) != deletion(old)),
        },
    };
    let is_known = kind == WriteKind::Create || replaced_object.is_some();
    let managed = object.map(field_sets).unwrap_or_default();
    let known = replaced_object.map(field_sets).unwrap_or_default();
    let is_new = |entry: &&(String, Option<jiff::Timestamp>, Value)| !known.contains(entry);
    let changed: Vec<FieldSet> = managed.iter().filter(is_new).map(field_set).collect();
    ObjectWrite {
        created: object
            .filter(|_| kind == WriteKind::Create)
            .and_then(created),
        marked: replaced_object
            .zip(object)
            .and_then(|(old, new)| marked(old, new)),
        changed: (is_known && !managed.is_empty()).then_some(changed),
        only_owners: replaced_object
            .zip(object)
            .is_some_and(|(old, new)| differ_in_owners(old, new)),
        managed: managed.iter().map(field_set).collect(),
        labels: labels_of(object.or(old_object)),
        before: replaced_object.cloned(),
        kind,
        ..ObjectWrite::default()
    }
}

fn created(object: &Value) -> Option<jiff::Timestamp> {
    object
        .pointer("/metadata/creationTimestamp")?
        .as_str()?
        .parse()
        .ok()
}

/// When the object is to be gone, if it is marked.
fn deletion(object: &Value) -> Option<&Value> {
    object
        .pointer("/metadata/deletionTimestamp")
        .filter(|time| !time.is_null())
}

/// The grace period of an object that is marked to be deleted.
fn grace(object: &Value) -> Option<i64> {
    object
        .pointer("/metadata/deletionGracePeriodSeconds")?
        .as_i64()
}

/// When an object was marked that was not marked before: it is to be gone a grace period later.
fn marked(old: &Value, new: &Value) -> Option<jiff::Timestamp> {
    let gone: jiff::Timestamp = deletion(new)?.as_str()?.parse().ok()?;
    let period = jiff::SignedDuration::from_secs(grace(new).unwrap_or(0));
    let marked = gone.checked_sub(period).ok()?;
    deletion(old).is_none().then_some(marked)
}

/// Whether an object has finalizers, those apart that a request to delete takes away itself.
fn has_finalizers(object: &Value) -> bool {
    let lists = ["/metadata/finalizers", "/spec/finalizers"];
    let lists = lists
        .iter()
        .filter_map(|list| object.pointer(list)?.as_array());
    let own = |name: &Value| matches!(name.as_str(), Some("orphan" | "foregroundDeletion"));
    lists.flatten().any(|name| !own(name))
}

/// How much older than a write the time of its own entry in `managedFields` may be: it is in whole seconds, and clocks differ.
const OWN_ENTRY_AGE: jiff::SignedDuration = jiff::SignedDuration::from_secs(3);

/// Whether a second may be that of a write which did not happen before a moment.
fn is_recent(second: jiff::Timestamp, not_before: jiff::Timestamp) -> bool {
    not_before.duration_since(second) <= OWN_ENTRY_AGE
}

/// Whether two versions are the same but for `managedFields` and what every write changes.
fn differ_in_owners(old: &Value, new: &Value) -> bool {
    let bare = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            metadata.remove("resourceVersion");
        }
        object
    };
    bare(old) == bare(new)
}

/// The labels of an object; none is an empty set.
fn labels_of(object: Option<&Value>) -> Option<Value> {
    let labels = object?.pointer("/metadata/labels");
    Some(labels.cloned().unwrap_or_else(|| json!({})))
}

/// An entry of `managedFields` without its fields.
fn field_set((manager, time, _): &(String, Option<jiff::Timestamp>, Value)) -> FieldSet {
    (manager.clone(), *time)
}

/// The entries of `managedFields`: manager, second, and the whole entry.
fn field_sets(object: &Value) -> Vec<(String, Option<jiff::Timestamp>, Value)> {
    let entries = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let set = |entry: &Value| {
        let manager = entry.get("manager")?.as_str()?.to_owned();
        let time = entry.get("time").and_then(Value::as_str);
        Some((
            manager,
            time.and_then(|time| time.parse().ok()),
            entry.clone(),
        ))
    };
    entries.into_iter().flatten().filter_map(set).collect()
}
