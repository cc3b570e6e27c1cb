//! Objects that are not written, because something makes them again or because they belong to one cluster only.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use serde_json::Value;

use super::bootstrap::{DefaultState, default_state, is_default_role};
use super::{group_of, makes, text};
use crate::resources::Resource;

/// Why an object is left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LeftOut {
    /// A controller makes it again from its owner, which is written: the owner's kind.
    Owned(String),
    /// A controller makes it again from its owner, which the evidence has live: the owner's kind.
    OwnerLives(String),
    /// No record of its owner can be read, and records are missing: the owner's kind.
    OwnerUnread(String),
    /// Its owner, which would make it again, is left out too: the owner's kind.
    OwnerLeftOut(String),
    /// The token controller makes it.
    ServiceAccountToken,
    /// A controller or the API server makes it: who.
    MadeBy(&'static str),
    /// The API server makes its default again; whether people changed it is not known.
    MaybeChanged,
    /// It records what a cluster did or is: what.
    State(&'static str),
    /// Values are hidden: how many.
    Hidden(usize),
    /// No table has its kind: fields have numbers only.
    UnknownKind,
    /// It has fields that are newer than the table; written without them it would lose them.
    NewerFields,
    /// The release that was asked for has no version of it.
    NotServed(String),
    /// No API server takes its name or its namespace: why.
    InvalidName(&'static str),
    /// The value does not decode as what its key says.
    Undecodable,
    /// No readable object for another reason.
    Unreadable(String),
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned(owner) => write!(
                f,
                "a controller makes it again from its {owner} (--owned writes it)"
            ),
            Self::OwnerLives(owner) => write!(
                f,
                "a controller makes it again from its {owner}, which exists at that revision (--owned writes it)"
            ),
            Self::OwnerUnread(owner) => write!(
                f,
                "its owner, a {owner}, may be among the records that could not be read: written alone, it would run beside what a restored {owner} makes (--owned writes it)"
            ),
            Self::OwnerLeftOut(owner) => write!(
                f,
                "its owner, a {owner}, which makes it again, is left out too (--owned writes it)"
            ),
            Self::ServiceAccountToken => {
                f.write_str("token of a service account: the token controller makes a new one")
            }
            Self::MadeBy(who) => write!(f, "{who} makes it again"),
            Self::MaybeChanged => f.write_str(
                "the API server makes the default again, and whether people changed it is not known: it was written more than once, and has no managedFields (name its resource to export it)",
            ),
            Self::State(what) => write!(f, "{what} (name its resource to export it)"),
            Self::Hidden(1) => f.write_str("1 value is hidden"),
            Self::Hidden(count) => write!(f, "{count} values are hidden"),
            Self::UnknownKind => f.write_str("its kind is in no table: its fields have no names"),
            Self::NewerFields => {
                f.write_str("it has fields that are newer than the table and would be lost")
            }
            Self::NotServed(why) => f.write_str(why),
            Self::InvalidName(why) => write!(f, "it cannot be created: {why}"),
            Self::Undecodable => f.write_str("no readable object: its value does not decode"),
            Self::Unreadable(why) => write!(f, "no readable object: {why}"),
        }
    }
}

impl LeftOut {
    /// The name of the reason for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Owned(_) => "owned",
            Self::OwnerLives(_) => "owner-lives",
            Self::OwnerUnread(_) => "owner-unread",
            Self::OwnerLeftOut(_) => "owner-left-out",
            Self::ServiceAccountToken => "service-account-token",
            Self::MadeBy(_) => "made-by-controller",
            Self::MaybeChanged => "maybe-changed",
            Self::State(_) => "state",
            Self::Hidden(_) => "hidden",
            Self::UnknownKind => "unknown-kind",
            Self::NewerFields => "newer-fields",
            Self::NotServed(_) => "not-served",
            Self::InvalidName(_) => "invalid-name",
            Self::Undecodable => "undecodable",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Returns whether the answer lacks something that was asked for: nothing makes such an object again.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::Hidden(_)
                | Self::OwnerUnread(_)
                | Self::OwnerLeftOut(_)
                | Self::UnknownKind
                | Self::NewerFields
                | Self::NotServed(_)
                | Self::InvalidName(_)
                | Self::Undecodable
                | Self::Unreadable(_)
        )
    }
}

/// How an object was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// With all resources, or all of a namespace.
    #[default]
    Among,
    /// By the name of its resource.
    Resource,
    /// By its own name.
    Name,
}

/// What became of the owner that controls an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OwnerState {
    /// It has none, or none that is left.
    #[default]
    None,
    /// It exists; its kind.
    Lives(String),
    /// No record of it can be read, and records are missing; its kind.
    Unread(String),
}

/// What is known of all objects that are exported together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Together {
    uids: HashSet<String>,
    /// Namespace and name of the Services that have a selector.
    selecting: HashSet<(String, String)>,
    /// Managers under whose name the API servers of the cluster write.
    api_servers: BTreeSet<String>,
}

impl Together {
    /// Whether an object with that uid is among them.
    pub fn has(&self, uid: &str) -> bool {
        self.uids.contains(uid)
    }

    /// With the managers under whose name the API servers of the cluster write: [`default_makers`](super::default_makers).
    #[must_use]
    pub fn written_by(self, api_servers: BTreeSet<String>) -> Self {
        Self {
            api_servers,
            ..self
        }
    }

    /// Also has this object.
    pub fn add(&mut self, object: &Value) {
        self.uids.insert(text(object, "/metadata/uid").to_owned());
        self.uids.remove("");
        let has_selector = object.pointer("/spec/selector").and_then(Value::as_object);
        if text(object, "/kind") == "Service"
            && has_selector.is_some_and(|selector| !selector.is_empty())
        {
            self.selecting.insert(place(object));
        }
    }
}

fn place(object: &Value) -> (String, String) {
    (
        text(object, "/metadata/namespace").to_owned(),
        text(object, "/metadata/name").to_owned(),
    )
}

/// What is known of an object beside its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// How it was asked for.
    pub asked: Asked,
    /// What became of its owner.
    pub owner: OwnerState,
    /// Whether it is as it was created.
    pub is_first_version: bool,
}

/// Returns why an object is left out unless it was asked for by its own name; `None` if nothing speaks against it. `owned`: write
/// also what controllers own.
pub fn fate(
    object: &Value,
    together: &Together,
    known: &Circumstances,
    owned: bool,
) -> Option<LeftOut> {
    let (kind, group) = (text(object, "/kind"), group_of(text(object, "/apiVersion")));
    if (group, kind) == ("", "Secret")
        && text(object, "/type") == "kubernetes.io/service-account-token"
    {
        return Some(LeftOut::ServiceAccountToken);
    }
    if !owned && let Some(owner) = controlled_by(object, &together.uids) {
        return Some(LeftOut::Owned(owner.to_owned()));
    }
    // The pod of a file on a node: the kubelet refuses another of its name.
    if (group, kind) == ("", "Pod")
        && object
            .pointer("/metadata/annotations/kubernetes.io~1config.mirror")
            .is_some()
    {
        return Some(LeftOut::MadeBy("the kubelet of its node"));
    }
    match &known.owner {
        OwnerState::Lives(kind) if !owned => return Some(LeftOut::OwnerLives(kind.clone())),
        OwnerState::Unread(kind) if !owned => return Some(LeftOut::OwnerUnread(kind.clone())),
        _ => {}
    }
    if (group, kind) == ("", "Endpoints") && together.selecting.contains(&place(object)) {
        return Some(LeftOut::MadeBy("the endpoints controller"));
    }
    Resource::of_kind(group, kind)?;
    if let Some(who) = maker(group, kind, object) {
        match default_state(kind, object, known.is_first_version, &together.api_servers) {
            DefaultState::Unchanged => return Some(LeftOut::MadeBy(who)),
            DefaultState::Unknown if known.asked == Asked::Among => {
                return Some(LeftOut::MaybeChanged);
            }
            DefaultState::Unknown | DefaultState::Changed => {}
        }
    }
    state(group, kind)
        .filter(|_| known.asked == Asked::Among)
        .map(LeftOut::State)
}

/// The kind of the owner that makes an object again, if its uid is one of these.
pub fn controlled_by<'o>(object: &'o Value, uids: &HashSet<String>) -> Option<&'o str> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let controls = |owner: &&Value| {
        owner.get("controller") == Some(&Value::Bool(true))
            && uids.contains(text(owner, "/uid"))
            && makes(owner, object)
    };
    owners
        .iter()
        .find(controls)
        .map(|owner| text(owner, "/kind"))
}

/// Who makes the defaults of a cluster.
pub(super) const API_SERVER: &str = "the API server";

/// Who makes an object that a new cluster has, or gets from what is written.
pub(super) fn maker(group: &str, kind: &str, object: &Value) -> Option<&'static str> {
    let name = text(object, "/metadata/name");
    let label =
        |name: &str| object.pointer(&format!("/metadata/labels/{}", name.replace('/', "~1")));
    match (group, kind) {
        ("", "ConfigMap") if matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt") => {
            Some("the root CA publisher")
        }
        ("", "Service")
            if text(object, "/metadata/namespace") == "default" && name == "kubernetes" =>
        {
            Some(API_SERVER)
        }
        ("", "Endpoints") if is_selected(object) => Some("the endpoints controller"),
        (_, "EndpointSlice")
            if label("endpointslice.kubernetes.io/managed-by").is_some_and(|by| {
                by == "endpointslice-controller.k8s.io"
                    || by == "endpointslicemirroring-controller.k8s.io"
            }) =>
        {
            Some("the endpoint slice controller")
        }
        (_, "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding")
            if label("kubernetes.io/bootstrapping").is_some() && is_default_role(name) =>
        {
            Some(API_SERVER)
        }
        (_, "APIService") if label("kube-aggregator.kubernetes.io/automanaged").is_some() => {
            Some(API_SERVER)
        }
        (_, "PriorityClass") if name.starts_with("system-") => Some(API_SERVER),
        (_, "FlowSchema" | "PriorityLevelConfiguration") if is_default_flow(name, object) => {
            Some(API_SERVER)
        }
        (_, "ServiceCIDR") if name == "kubernetes" => Some(API_SERVER),
        (_, "IPAddress" | "StorageVersion" | "RangeAllocation") => Some(API_SERVER),
        (_, "ResourceSlice") => Some("the driver"),
        (_, "VolumeAttachment" | "CSIStorageCapacity") => Some("the storage controller"),
        _ => None,
    }
}

/// Endpoints of the API server itself, and those that the controller of a Service wrote: it triggers no time on others.
fn is_selected(object: &Value) -> bool {
    let has = |pointer: &str| object.pointer(pointer).is_some();
    has("/metadata/annotations/endpoints.kubernetes.io~1last-change-trigger-time")
        || has("/metadata/annotations/control-plane.alpha.kubernetes.io~1leader")
        || has("/metadata/labels/endpoints.kubernetes.io~1managed-by")
        || text(object, "/metadata/namespace") == "default"
            && text(object, "/metadata/name") == "kubernetes"
}

/// Objects that the API server makes at its start (Kubernetes `pkg/apis/flowcontrol/bootstrap/default.go` of apiserver, v0.34.0).
fn is_default_flow(name: &str, object: &Value) -> bool {
    object.pointer("/metadata/annotations/apf.kubernetes.io~1autoupdate-spec")
        == Some(&Value::String("true".into()))
        || matches!(
            name,
            "exempt"
                | "catch-all"
                | "system"
                | "node-high"
                | "leader-election"
                | "workload-high"
                | "workload-low"
                | "global-default"
                | "system-nodes"
                | "system-node-high"
                | "system-leader-election"
                | "probes"
                | "workload-leader-election"
                | "endpoint-controller"
                | "kube-controller-manager"
                | "kube-scheduler"
                | "kube-system-service-accounts"
                | "service-accounts"
        )
}

/// What an object records of the cluster that wrote it.
fn state(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        (_, "Event") => Some("an event of the past"),
        (_, "Node" | "CSINode") => Some("a node, which its kubelet registers"),
        (_, "Lease" | "LeaseCandidate") => Some("a lease that its holder renews"),
        (_, "CertificateSigningRequest" | "PodCertificateRequest") => {
            Some("a request that was answered")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(asked: Asked) -> Circumstances {
        Circumstances {
            asked,
            ..Circumstances::default()
        }
    }

    #[test]
    fn what_a_controller_owns_is_left_out_only_if_its_owner_is_written() {
        let mut uids = Together::default();
        uids.add(&json!({"metadata": {"uid": "1"}}));
        let pod = |uid: &str, controller: bool| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "ownerReferences": [
                {"kind": "ReplicaSet", "uid": uid, "controller": controller}]}})
        };
        assert_eq!(
            fate(&pod("1", true), &uids, &asked(Asked::Resource), false),
            Some(LeftOut::Owned("ReplicaSet".into()))
        );
        assert_eq!(
            fate(&pod("1", true), &uids, &asked(Asked::Resource), true),
            None
        );
        assert_eq!(
            fate(&pod("2", true), &uids, &asked(Asked::Resource), false),
            None
        );
        assert_eq!(
            fate(&pod("1", false), &uids, &asked(Asked::Resource), false),
            None
        );
    }

    #[test]
    fn a_lease_is_written_only_if_it_was_asked_for() {
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}});
        assert!(fate(&lease, &Together::default(), &asked(Asked::Among), false).is_some());
        assert_eq!(
            fate(&lease, &Together::default(), &asked(Asked::Resource), false),
            None
        );
    }

    #[test]
    fn endpoints_are_written_if_no_service_selects_them() {
        let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "db", "namespace": "a"}});
        let mut together = Together::default();
        together.add(
            &json!({"kind": "Service", "metadata": {"name": "db", "namespace": "a"}, "spec": {}}),
        );
        assert_eq!(
            fate(&endpoints, &together, &asked(Asked::Among), false),
            None
        );
        together.add(&json!({"kind": "Service", "metadata": {"name": "db", "namespace": "a"}, "spec": {"selector": {"a": "b"}}}));
        assert!(fate(&endpoints, &together, &asked(Asked::Among), false).is_some());
    }

    #[test]
    fn a_custom_kind_is_never_taken_for_a_built_in_one() {
        let event =
            json!({"apiVersion": "example.com/v1", "kind": "Event", "metadata": {"name": "l"}});
        assert_eq!(
            fate(&event, &Together::default(), &asked(Asked::Among), false),
            None
        );
    }
}
