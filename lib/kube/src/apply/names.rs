//! Names that an API server takes: objects that other programs wrote into etcd may have others, or none.

use serde_json::Value;

use super::{group_of, text};
use crate::resources::Resource;

/// Maximum length of a DNS subdomain, and of a DNS label.
const MAX_SUBDOMAIN: usize = 253;
const MAX_LABEL: usize = 63;

/// Kinds whose names are any segment of a path (`NameGenerationFunc` of their validation in Kubernetes
/// `pkg/apis/*/validation`, v1.34.0).
const ANY_SEGMENT: &[&str] = &[
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "CertificateSigningRequest",
    "ClusterTrustBundle",
    "IPAddress",
    "StorageVersion",
];

/// Returns why no API server takes the name or the namespace of an object; `None` if one does. `namespaced`: whether its CRD says so;
/// `None` without a CRD.
///
/// ```
/// use etcd_inspect_kube::apply::invalid_name;
/// let map = |name: &str| serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}});
/// assert_eq!(invalid_name(&map("web"), None), None);
/// assert_eq!(invalid_name(&map("../web"), None), Some("its name is none that an API server takes"));
/// ```
pub fn invalid_name(object: &Value, namespaced: Option<bool>) -> Option<&'static str> {
    let (kind, group) = (text(object, "/kind"), group_of(text(object, "/apiVersion")));
    let (name, namespace) = (
        text(object, "/metadata/name"),
        text(object, "/metadata/namespace"),
    );
    let builtin = Resource::of_kind(group, kind);
    let is_openshift = group.ends_with(".openshift.io");
    let any_segment = is_openshift || builtin.is_some() && ANY_SEGMENT.contains(&kind);
    let is_known = builtin.is_some() || namespaced.is_some();
    let is_valid = match any_segment || !is_known {
        true => is_segment(name),
        false => is_subdomain(name),
    };
    if name.is_empty() {
        return Some("it has no name");
    }
    if !is_valid {
        return Some("its name is none that an API server takes");
    }
    let namespaced = builtin.map(|resource| resource.namespaced).or(namespaced);
    if namespace.is_empty() {
        return (namespaced == Some(true)).then_some("it has no namespace");
    }
    let is_label =
        is_subdomain(namespace) && !namespace.contains('.') && namespace.len() <= MAX_LABEL;
    (!is_label).then_some("its namespace is none that an API server takes")
}

/// `path.IsValidPathSegmentName` of apimachinery; control characters are refused too.
fn is_segment(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['/', '%']) && !name.contains(char::is_control)
}

fn is_subdomain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().copied().is_some_and(is_plain)
            && bytes.last().copied().is_some_and(is_plain)
            && bytes.iter().all(|byte| is_plain(*byte) || *byte == b'-')
    };
    name.len() <= MAX_SUBDOMAIN && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_judged_by_the_rule_of_its_kind() {
        let object = |api_version: &str, kind: &str, name: &str, namespace: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
        let rbac = "rbac.authorization.k8s.io/v1";
        for (object, namespaced, is_valid) in [
            (object(rbac, "ClusterRole", "system:node", ""), None, true),
            (object(rbac, "Role", "a/b", "shop"), None, false),
            (
                object("v1", "ConfigMap", "kube-root-ca.crt", "shop"),
                None,
                true,
            ),
            (object("v1", "ConfigMap", "", "shop"), None, false),
            (
                object("v1", "ConfigMap", "a\u{1b}[31m", "shop"),
                None,
                false,
            ),
            (object("v1", "ConfigMap", "Web", "shop"), None, false),
            (object("v1", "ConfigMap", "web", ".."), None, false),
            (object("v1", "ConfigMap", "web", ""), None, false),
            (object("v1", "Namespace", "shop", ""), None, true),
            (
                object("example.com/v1", "Widget", "w1", ""),
                Some(true),
                false,
            ),
            (
                object("example.com/v1", "Widget", "w1", ""),
                Some(false),
                true,
            ),
            (
                object("example.com/v1", "Widget", "W:1", ""),
                Some(false),
                false,
            ),
            // Without its CRD nothing is known but that it is part of a path.
            (
                object("example.com/v1", "Widget", "W:1", "shop"),
                None,
                true,
            ),
            (
                object("user.openshift.io/v1", "Identity", "ldap:cn=a", ""),
                None,
                true,
            ),
        ] {
            assert_eq!(
                invalid_name(&object, namespaced).is_none(),
                is_valid,
                "{object}"
            );
        }
    }
}
