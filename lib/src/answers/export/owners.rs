//! What became of the owners of objects: one that lives makes its objects again, one that is absent need not be dead, and one of the
//! same name with another uid is another one.

use serde_json::Value;

use super::gather::ExportSource;
use super::text;
use crate::kubernetes::apply::{OwnerState, is_custom, makes};
use crate::kubernetes::nouns::Target;
use crate::member::{Objects, Reading};
use crate::mvcc::{KeyRange, Version};

/// Owners of owners that are followed: a pod's ReplicaSet has a Deployment, which may have a custom resource, and so on. References
/// of damaged or hostile objects may form a circle.
const MAX_LEVELS: usize = 8;

const STORED: Reading = Reading {
    stored: true,
    unknown_fields: false,
};

/// Looks up owners as of a revision.
pub(super) struct Owners<'o, 'a> {
    objects: &'o Objects<'a>,
    at: i64,
    lacks_records: bool,
    /// Whether deleted objects are asked for.
    of_deleted: bool,
}

/// An owner that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnerLink {
    /// Its uid.
    pub uid: String,
    /// `ReplicaSet/web-1`.
    pub label: String,
    /// Whether it exists: a successor of its name is another one.
    pub exists: bool,
}

/// What the records of one owner say.
enum OwnerRecords {
    /// It exists, or a successor of its name which makes what it made.
    Lives,
    /// It is gone; its last version, if that can be read.
    Gone(Option<Value>),
    /// There is no record of it.
    Absent,
    /// It exists, and its value cannot be read: nothing can write it.
    Unreadable,
}

impl<'o, 'a> Owners<'o, 'a> {
    pub(super) fn new(objects: &'o Objects<'a>, at: i64, source: &ExportSource) -> Self {
        Self {
            objects,
            at,
            lacks_records: source.lacks_records,
            of_deleted: source.since.is_some(),
        }
    }

    /// The state of the owner that controls an object. If it is gone, that of its own owner: who lives makes it again, and then the
    /// object.
    pub(super) fn state(&self, object: &Value) -> OwnerState {
        let mut object = object.clone();
        for _ in 0..MAX_LEVELS {
            let Some(reference) = controller(&object) else {
                return OwnerState::None;
            };
            let kind = text(reference, "/kind").to_owned();
            match self.find(reference, text(&object, "/metadata/namespace")) {
                OwnerRecords::Lives => return OwnerState::Lives(kind),
                OwnerRecords::Unreadable => return OwnerState::Unread(kind),
                OwnerRecords::Absent if self.lacks_records => return OwnerState::Unread(kind),
                OwnerRecords::Absent | OwnerRecords::Gone(None) => return OwnerState::None,
                OwnerRecords::Gone(Some(owner)) => object = owner,
            }
        }
        OwnerState::None
    }

    /// The owners that an object names: what is written has no reference to them.
    pub(super) fn links(&self, object: &Value) -> Vec<OwnerLink> {
        let owners = object
            .pointer("/metadata/ownerReferences")
            .and_then(Value::as_array);
        let namespace = text(object, "/metadata/namespace");
        let link = |reference: &Value| OwnerLink {
            uid: text(reference, "/uid").to_owned(),
            label: format!("{}/{}", text(reference, "/kind"), text(reference, "/name")),
            exists: self.keys(reference, namespace).iter().any(|key| {
                let last = self.last(key);
                last.is_some_and(|last| !last.tombstone && self.is_same(&last, reference))
            }),
        };
        owners.into_iter().flatten().map(link).collect()
    }

    /// The keys that an owner may have.
    fn keys(&self, reference: &Value, namespace: &str) -> Vec<Vec<u8>> {
        let (api_version, kind, name) = (
            text(reference, "/apiVersion"),
            text(reference, "/kind"),
            text(reference, "/name"),
        );
        match self.objects.layout().of_kind(api_version, kind) {
            Some(target) => self.keys_of(&target, namespace, name),
            None => self.keys_in_group(api_version, namespace, name),
        }
    }

    fn find(&self, reference: &Value, namespace: &str) -> OwnerRecords {
        let keys = self.keys(reference, namespace);
        let mut found = OwnerRecords::Absent;
        for key in keys {
            match self.last(&key) {
                None => {}
                Some(last) if !last.tombstone => {
                    return match self.objects.json(&last, STORED) {
                        Ok(owner) if self.acts_for(&owner, reference) => OwnerRecords::Lives,
                        // The garbage collector deletes what an earlier owner left.
                        Ok(_) => OwnerRecords::Gone(None),
                        Err(_) => OwnerRecords::Unreadable,
                    };
                }
                Some(last) => found = OwnerRecords::Gone(self.before(&last)),
            }
        }
        found
    }

    /// Whether a live object makes what an owner of its name made: it is that owner, or deleted objects are asked for, and the
    /// controller of a successor made others in their place when they were deleted.
    fn acts_for(&self, live: &Value, reference: &Value) -> bool {
        has_uid(live, reference) || self.of_deleted && !is_custom(reference)
    }

    /// Whether a version is that of an owner, as far as it can be read.
    fn is_same(&self, live: &Version<'a>, reference: &Value) -> bool {
        let read = self.objects.json(live, STORED);
        read.map_or(true, |owner| has_uid(&owner, reference))
    }

    /// The keys of an owner: it is in the namespace of what it owns, or in none.
    fn keys_of(&self, target: &Target, namespace: &str, name: &str) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        if !namespace.is_empty() && target.namespaced != Some(false) {
            keys.extend(self.objects.keys_of(target, Some(namespace), name));
        }
        if target.namespaced != Some(true) {
            keys.extend(self.objects.keys_of(target, None, name));
        }
        keys
    }

    /// The keys of a group whose CRD is not in the evidence that end with the owner's name.
    fn keys_in_group(&self, api_version: &str, namespace: &str, name: &str) -> Vec<Vec<u8>> {
        let Some((group, _)) = api_version.split_once('/') else {
            return Vec::new();
        };
        let mut keys = Vec::new();
        for prefix in self.objects.layout().prefixes() {
            let range = KeyRange::prefix(format!("{prefix}/{group}/").as_bytes());
            let all = self.objects.keyspace().all(&range);
            let is_owner = |key: &&[u8]| {
                let parsed = self.objects.parse(key);
                parsed.is_some_and(|key| {
                    key.name == name && key.namespace.is_none_or(|own| own == namespace)
                })
            };
            let own = all.iter().map(|version| version.key).filter(is_owner);
            keys.extend(own.map(<[u8]>::to_vec));
        }
        keys
    }

    fn last(&self, key: &[u8]) -> Option<Version<'a>> {
        let records = self.objects.keyspace().records_of(key);
        records
            .iter()
            .rfind(|version| version.revision.main <= self.at)
    }

    /// The object that a deletion removed.
    fn before(&self, tombstone: &Version<'a>) -> Option<Value> {
        let records = self.objects.keyspace().records_of(tombstone.key);
        let put = records
            .iter()
            .rfind(|version| !version.tombstone && version.revision < tombstone.revision)?;
        self.objects.json(&put, STORED).ok()
    }
}

/// The reference to the owner that makes an object.
fn controller(object: &Value) -> Option<&Value> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    owners
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)) && makes(owner, object))
}

/// Whether an object is the one that a reference means.
fn has_uid(object: &Value, reference: &Value) -> bool {
    let meant = text(reference, "/uid");
    meant.is_empty() || meant == text(object, "/metadata/uid")
}
