//! Lists that a strategic merge patch merges by a key: `patchMergeKey` of the types in `staging/src/k8s.io/api`, v1.34.0.

use etcd_inspect::kubernetes::schema::{Field, Message};

/// How a list is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// Items with the same value of this field are one.
    By(&'static str),
    /// A list of values: those that are not yet there are added.
    AsSet,
}

/// Message, field and key; an empty key: a set.
const KEYS: [(&str, &str, &str); 26] = [
    ("PodSpec", "containers", "name"),
    ("PodSpec", "initContainers", "name"),
    ("PodSpec", "ephemeralContainers", "name"),
    ("PodSpec", "volumes", "name"),
    ("PodSpec", "imagePullSecrets", "name"),
    ("PodSpec", "hostAliases", "ip"),
    ("PodSpec", "topologySpreadConstraints", "topologyKey"),
    ("PodSpec", "resourceClaims", "name"),
    ("PodSpec", "schedulingGates", "name"),
    ("Container", "ports", "containerPort"),
    ("Container", "env", "name"),
    ("Container", "volumeMounts", "mountPath"),
    ("Container", "volumeDevices", "devicePath"),
    ("EphemeralContainerCommon", "ports", "containerPort"),
    ("EphemeralContainerCommon", "env", "name"),
    ("EphemeralContainerCommon", "volumeMounts", "mountPath"),
    ("EphemeralContainerCommon", "volumeDevices", "devicePath"),
    ("PodStatus", "podIPs", "ip"),
    ("NodeSpec", "podCIDRs", ""),
    ("NodeStatus", "addresses", "type"),
    ("ServiceSpec", "ports", "port"),
    ("ServiceAccount", "secrets", "name"),
    ("ValidatingWebhookConfiguration", "webhooks", "name"),
    ("MutatingWebhookConfiguration", "webhooks", "name"),
    ("ObjectMeta", "ownerReferences", "uid"),
    ("ObjectMeta", "finalizers", ""),
];

/// How the list in a field is merged; none: it is replaced.
pub fn merged(message: &Message, field: &Field) -> Option<Merged> {
    let last = message.name.rsplit('.').next().unwrap_or(message.name);
    let name = field.name();
    if name == "conditions" && last.ends_with("Status") && message.name.contains("k8s.io.api.") {
        return Some(Merged::By("type"));
    }
    let found = KEYS
        .iter()
        .find(|(of, list, _)| (*of, *list) == (last, name))?;
    Some(match found.2 {
        "" => Merged::AsSet,
        key => Merged::By(key),
    })
}
