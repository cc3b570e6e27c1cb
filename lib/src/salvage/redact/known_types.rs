//! Which texts may be the type of an object and stay in a copy: those that Kubernetes and the CRDs of the data have.

use std::collections::HashSet;

use crate::kubernetes::key::Layout;
use crate::kubernetes::resources::RESOURCES;

/// Kinds and API groups that are known.
#[derive(Clone, Debug)]
pub(super) struct KnownTypes {
    kinds: HashSet<String>,
    groups: HashSet<String>,
}

impl Default for KnownTypes {
    /// Those of Kubernetes and OpenShift.
    fn default() -> Self {
        let kinds = RESOURCES.iter().map(|resource| resource.kind.to_owned());
        let groups = RESOURCES.iter().flat_map(|resource| {
            let former = resource.former_groups.iter();
            former
                .chain([&resource.group])
                .map(|group| (*group).to_owned())
        });
        Self {
            kinds: kinds.collect(),
            groups: groups.collect(),
        }
    }
}

impl KnownTypes {
    /// Also those of the CRDs of a layout.
    pub(super) fn with_crds(layout: &Layout) -> Self {
        let mut known = Self::default();
        for crd in layout.crds() {
            known.kinds.insert(crd.kind.clone());
            known.groups.insert(crd.group.clone());
        }
        known
    }

    /// Whether a text is a kind.
    pub(super) fn has_kind(&self, text: &[u8]) -> bool {
        std::str::from_utf8(text).is_ok_and(|text| self.kinds.contains(text))
    }

    /// Whether a text is an API version: `v1`, `apps/v1beta2`.
    pub(super) fn has_api_version(&self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else {
            return false;
        };
        let (group, version) = text.split_once('/').unwrap_or(("", text));
        self.groups.contains(group) && is_version(version)
    }
}

/// `v1`, `v2beta1`, with numbers of at most two digits.
fn is_version(text: &str) -> bool {
    let is_number = |digits: &str| {
        (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some(number) = text.strip_prefix('v') else {
        return false;
    };
    let stages = ["alpha", "beta"];
    match stages.iter().find_map(|stage| number.split_once(stage)) {
        Some((major, minor)) => is_number(major) && is_number(minor),
        None => is_number(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_are_types() {
        let known = KnownTypes::default();
        for version in [
            "v1",
            "apps/v1beta2",
            "extensions/v1beta1",
            "rbac.authorization.k8s.io/v1",
        ] {
            assert!(known.has_api_version(version.as_bytes()), "{version}");
        }
        for other in [
            "v1hunter2",
            "v123456",
            "hunter2/v1",
            "apps/hunter2",
            "apps",
            "",
        ] {
            assert!(!known.has_api_version(other.as_bytes()), "{other}");
        }
        assert!(known.has_kind(b"Secret") && !known.has_kind(b"hunter2") && !known.has_kind(b""));
    }
}
