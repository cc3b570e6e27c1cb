//! One write of an object, as far as a request can be recognised in it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::request::{AuditRequest, AuditVerb};
use crate::kubernetes::selector::LabelSelector;
use crate::mvcc::Revision;

/// What a write did.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum WriteKind {
    /// The first version of an object.
    #[default]
    Create,
    /// A later version.
    Update {
        /// The revision of the version before; `None` if that one is lost.
        replaced: Option<i64>,
        /// Whether it marked the object to be deleted, or shortened its grace period; `None` if that is not known.
        marks: Option<bool>,
    },
    /// The object went.
    Delete {
        /// The revision of the version before; `None` if that one is lost.
        replaced: Option<i64>,
        /// Whether that version had finalizers, with which the API server deletes an object only as the last one is taken away; `None` if
        /// that is not known.
        finalizers: Option<bool>,
        /// Whether the version before was written by the request that deleted: to delete an object at once that can be deleted later, the
        /// API server first notes the grace period 0 (`updateForGracefulDeletionAndFinalizers` in apiserver
        /// `pkg/registry/generic/registry/store.go`, v0.20.2).
        completes: bool,
        /// Whether it was marked to be deleted before: then the write that took away the last finalizer, or a second request, deleted it.
        /// `None` if that is not known.
        was_marked: Option<bool>,
    },
}

/// An entry of `managedFields`: its manager, and the second at which it was written.
pub type FieldSet = (String, Option<Timestamp>);

/// A write of an object.
#[derive(Clone, Debug, Default)]
pub struct ObjectWrite {
    /// The revision.
    pub revision: Revision,
    /// `deployments`.
    pub resource: String,
    /// The API group.
    pub group: String,
    /// The namespace, if there is one.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// What it did.
    pub kind: WriteKind,
    /// `metadata.creationTimestamp`, of a create.
    pub created: Option<Timestamp>,
    /// The second in which an unmarked object was marked to be deleted: the API server takes the time of the request.
    pub marked: Option<Timestamp>,
    /// The entries of `managedFields` that it added or changed, without those of an older time, which only have a field again; `None` if
    /// the object has none at all.
    pub changed: Option<Vec<FieldSet>>,
    /// Whether it changed nothing but `managedFields`.
    pub only_owners: bool,
    /// Every entry of `managedFields`.
    pub managed: Vec<FieldSet>,
    /// The labels of the object: of a delete those that it had.
    pub labels: Option<Value>,
    /// The version before, to see whether a request would have changed it.
    pub before: Option<Value>,
    /// It did not happen before this.
    pub not_before: Option<Timestamp>,
    /// It did not happen after this.
    pub not_after: Option<Timestamp>,
}

/// Groups that served the same resources one after the other: a request may name another group than the key.
const MOVED: &[&str] = &[
    "",
    "apps",
    "extensions",
    "networking.k8s.io",
    "policy",
    "events.k8s.io",
];

impl ObjectWrite {
    /// The revision of the write that the same request made before it deleted.
    pub(super) fn completed(&self) -> Option<i64> {
        match self.kind {
            WriteKind::Delete {
                replaced,
                completes: true,
                ..
            } => replaced,
            _ => None,
        }
    }

    /// Whether a request can have made this write, apart from its time relative to other writes.
    pub(super) fn fits(&self, request: &AuditRequest) -> bool {
        let same_group = request.group == self.group
            || MOVED.contains(&request.group.as_str()) && MOVED.contains(&self.group.as_str());
        let named = match (&request.name, request.verb) {
            (Some(name), _) => *name == self.name,
            // The API server makes up the name, or all objects are meant.
            (None, AuditVerb::Create) => self.kind == WriteKind::Create,
            (None, verb) => verb == AuditVerb::DeleteCollection,
        };
        request.may_have_written()
            && same_group
            && named
            && request.resource == self.resource
            && (request.namespace == self.namespace
                || request.namespace.is_none() && request.name.is_none())
            && self.fits_kind(request)
            && self.fits_labels(request)
            && self.fits_version(request)
            && self.fits_managers(request)
            && (!self.was_there(request) || self.is_signed(request) || self.may_rewrite(request))
    }

    /// Whether the write itself shows that the request made it: its manager and its second are new in `managedFields`, or it asked for
    /// the version before and was answered with this one. A request that changes nothing is answered with a version of another one.
    pub(super) fn shows(&self, request: &AuditRequest) -> bool {
        let moved = request.precondition.is_some() && request.precondition != request.written;
        self.kind == WriteKind::Create || moved || self.is_signed(request)
    }

    /// Whether the manager and the second of a request are new in `managedFields`.
    fn is_signed(&self, request: &AuditRequest) -> bool {
        let mut changed = self.changed.iter().flatten();
        changed.any(|(manager, time)| {
            *manager == request.manager && time.is_none_or(|second| is_within(second, request))
        })
    }

    /// Whether a request that set the values that were there was answered with this write, which changed nothing but the owners of
    /// fields: the API server computes them again.
    fn may_rewrite(&self, request: &AuditRequest) -> bool {
        self.only_owners && request.written == Some(self.revision.main)
    }

    fn fits_kind(&self, request: &AuditRequest) -> bool {
        let sub = request.subresource.as_deref();
        let created = request.code == Some(201);
        match (&self.kind, request.verb) {
            (WriteKind::Create, AuditVerb::Create) => sub.is_none(),
            // `kubectl apply --server-side` and updates of some resources create what is not there.
            (WriteKind::Create, AuditVerb::Patch | AuditVerb::Update) => {
                sub.is_none() && request.code != Some(200)
            }
            (WriteKind::Create, _) => false,
            (WriteKind::Update { marks, .. }, AuditVerb::Create) => match sub {
                Some("eviction") => *marks != Some(false),
                sub => sub.is_some() && *marks != Some(true),
            },
            (WriteKind::Update { marks, .. }, AuditVerb::Update | AuditVerb::Patch) => {
                !created && *marks != Some(true)
            }
            // A request to delete may only mark the object.
            (WriteKind::Update { marks, .. }, AuditVerb::Delete | AuditVerb::DeleteCollection) => {
                *marks != Some(false)
            }
            (
                WriteKind::Delete { finalizers, .. },
                AuditVerb::Delete | AuditVerb::DeleteCollection,
            ) => *finalizers != Some(true),
            (WriteKind::Delete { finalizers, .. }, AuditVerb::Create) => {
                sub == Some("eviction") && *finalizers != Some(true)
            }
            // Takes away the last finalizer of an object that is marked.
            (WriteKind::Delete { was_marked, .. }, AuditVerb::Update | AuditVerb::Patch) => {
                *was_marked != Some(false)
            }
        }
    }

    /// Whether the selector of a request for many objects has this one.
    fn fits_labels(&self, request: &AuditRequest) -> bool {
        let (Some(selector), Some(labels)) = (&request.selector, &self.labels) else {
            return true;
        };
        let selector = LabelSelector::parse(selector).ok();
        selector.is_none_or(|selector| selector.matches(Some(labels)))
    }

    fn fits_version(&self, request: &AuditRequest) -> bool {
        let other = |known: Option<i64>, wanted: i64| known.is_some_and(|known| known != wanted);
        let wrote_another = other(request.written, self.revision.main);
        match self.kind {
            WriteKind::Create => !wrote_another,
            // The response has the version that was written, or, if nothing changed, an older one.
            WriteKind::Update { replaced, .. } => {
                let writes = matches!(request.verb, AuditVerb::Update | AuditVerb::Patch);
                let condition = request.precondition.filter(|_| writes);
                let contradicts = condition.is_some_and(|wanted| other(replaced, wanted));
                !(contradicts || wrote_another)
            }
            // The response has the version that was deleted; releases from 1.25 on give it the revision of the delete. A request that only
            // marked the object has the version that it wrote.
            WriteKind::Delete { replaced, .. } => {
                !wrote_another || replaced.is_none_or(|deleted| !other(request.written, deleted))
            }
        }
    }

    /// The API server notes manager and second of every create, update and patch, and of no other request.
    fn fits_managers(&self, request: &AuditRequest) -> bool {
        let seconds = [self.created, self.marked];
        if !seconds
            .iter()
            .flatten()
            .all(|second| is_within(*second, request))
        {
            return false;
        }
        let Some(changed) = &self.changed else {
            return true;
        };
        // The time of an entry is that of the last change of its fields, which a new value of the same field is not.
        let known = |(manager, time): &FieldSet| {
            let is_older = |finished| time.is_none_or(|second| second <= finished);
            *manager == request.manager && request.finished.is_none_or(is_older)
        };
        match (request.verb, request.subresource.as_deref()) {
            (AuditVerb::Delete | AuditVerb::DeleteCollection, _)
            | (_, Some("binding" | "eviction")) => {
                self.kind == WriteKind::Create || changed.is_empty()
            }
            // Before Kubernetes 1.22 a request of this subresource is not noted.
            (_, Some("scale")) if changed.is_empty() => true,
            _ if changed.is_empty() => self.may_rewrite(request) || self.managed.iter().any(known),
            _ => self.is_signed(request),
        }
    }

    /// Whether the version before has all that a patch or update asks for: then it changed nothing, and made no write.
    fn was_there(&self, request: &AuditRequest) -> bool {
        let writes = matches!(request.verb, AuditVerb::Update | AuditVerb::Patch);
        let bodies = request.body.as_ref().zip(self.before.as_ref());
        writes && bodies.is_some_and(|(body, before)| contains(before, body, 0))
    }
}

/// Whether a time that the API server took in whole seconds was taken during a request.
fn is_within(second: Timestamp, request: &AuditRequest) -> bool {
    let whole = SignedDuration::from_secs(1);
    let earliest = request
        .received
        .checked_sub(whole)
        .unwrap_or(request.received);
    second > earliest && request.finished.is_none_or(|finished| second <= finished)
}

/// Levels of a body that are looked at.
const MAX_DEPTH: usize = 64;

/// Whether an object has everything that a patch sets. Of a list nothing is known: patches of lists have rules of their own.
fn contains(object: &Value, patch: &Value, depth: usize) -> bool {
    let (Value::Object(fields), true) = (patch, depth < MAX_DEPTH) else {
        return object == patch;
    };
    // A JSON patch is a list, and directives of a strategic merge patch begin with a dollar sign.
    fields
        .iter()
        .all(|(name, value)| match (value, object.get(name)) {
            _ if matches!(name.as_str(), "managedFields" | "resourceVersion") => true,
            (Value::Null, None) => true,
            (Value::Object(inner), None) => inner.is_empty(),
            (value, Some(known)) => contains(known, value, depth.saturating_add(1)),
            (_, None) => false,
        })
}
