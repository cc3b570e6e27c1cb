//! What the API of the evidence serves: resources that are stored, in their version and in those they can be converted to, and the
//! ordinary ones of which nothing is stored.

use std::collections::BTreeSet;

use etcd_inspect::kubernetes::apply::served_versions;
use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::kubernetes::resources::{RESOURCES, Resource};
use etcd_inspect::kubernetes::schema::Kind;
use etcd_inspect::member::{Objects, Reading};
use serde_json::Value;

/// The group that serves events of core under other names of fields.
const EVENTS_GROUP: &str = "events.k8s.io";

/// Versions of that group: their fields are the same.
const EVENTS_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// Objects of each resource whose version is looked at.
const SAMPLE: usize = 24;

/// What an API server stores for itself and does not serve.
const INTERNAL: [&str; 3] = ["ranges", "masterleases", "peerserverleases"];

/// Kinds that an ordinary cluster has, stored or not, are those of these groups; with version v1.
const ORDINARY_GROUPS: [&str; 16] = [
    "",
    "apps",
    "batch",
    "autoscaling",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "admissionregistration.k8s.io",
    "certificates.k8s.io",
    "node.k8s.io",
];

/// Kinds of those groups that only new clusters have.
const RECENT_KINDS: [&str; 9] = [
    "IPAddress",
    "ServiceCIDR",
    "VolumeAttributesClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "PodGroup",
    "Workload",
];

/// A group and a version of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupVersion {
    /// `apps`; empty for core.
    pub group: String,
    /// `v1`.
    pub version: String,
}

/// One resource in one version.
#[derive(Clone, Debug)]
pub struct Served {
    /// Group and version.
    pub of: GroupVersion,
    /// Where its objects are stored, and its names.
    pub target: Target,
    /// `po`.
    pub short: Vec<String>,
    /// `all`.
    pub categories: Vec<String>,
    /// Whether a CRD defines it.
    pub is_custom: bool,
}

impl GroupVersion {
    /// `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// Of these names.
    pub fn new(group: &str, version: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
        }
    }
}

impl Served {
    /// Whether its objects are events of core, served under other names of fields.
    pub fn is_view_of_events(&self) -> bool {
        self.of.group == EVENTS_GROUP && self.target.path == "events"
    }

    /// Whether its objects have a namespace.
    pub fn is_namespaced(&self) -> bool {
        self.target.namespaced != Some(false)
    }
}

/// Everything that is served.
#[derive(Debug, Default)]
pub struct Catalog {
    /// In the order in which clients resolve names: core first.
    pub resources: Vec<Served>,
    /// The release of the newest kubelet.
    pub release: Option<String>,
}

impl Catalog {
    /// Reads it from the stored objects.
    pub fn read(objects: &Objects<'_>) -> Self {
        let mut resources = Vec::new();
        for resource in RESOURCES {
            builtin(objects, resource, &mut resources);
        }
        for crd in objects.layout().crds() {
            let versions = crd.versions.iter().filter(|version| version.served);
            resources.extend(versions.map(|version| Served {
                of: GroupVersion {
                    group: crd.group.clone(),
                    version: version.name.clone(),
                },
                target: Target::from(crd),
                short: crd.short.clone(),
                categories: crd.categories.clone(),
                is_custom: true,
            }));
        }
        orphans(objects, &mut resources);
        resources.extend(views_of_events(&resources));
        // A group that the newer one has taken over comes last, so that names are resolved to the newer one.
        resources
            .sort_by_key(|served| ["extensions", EVENTS_GROUP].contains(&served.of.group.as_str()));
        Self {
            release: objects.release(),
            resources,
        }
    }

    /// The resource of a path.
    pub fn find(&self, of: &GroupVersion, plural: &str) -> Option<&Served> {
        let mut all = self.resources.iter();
        all.find(|served| served.of == *of && served.target.plural == plural)
    }

    /// The groups, each with its versions, the preferred one first.
    pub fn groups(&self) -> Vec<(&str, Vec<&str>)> {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for served in &self.resources {
            let (group, version) = (served.of.group.as_str(), served.of.version.as_str());
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, versions)) if versions.contains(&version) => {}
                Some((_, versions)) => versions.push(version),
                None => groups.push((group, vec![version])),
            }
        }
        for (_, versions) in &mut groups {
            versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        }
        groups
    }

    /// The resources of a version of a group.
    pub fn in_version(&self, of: &GroupVersion) -> Vec<&Served> {
        let all = self.resources.iter();
        all.filter(|served| served.of == *of).collect()
    }
}

/// v2 before v1 before v1beta1: `CompareKubeAwareVersionStrings` in apimachinery `pkg/version/helpers.go`, v0.34.0.
fn priority(version: &str) -> (u8, u32, u32) {
    let digits = |text: &str| text.parse().unwrap_or(0);
    let Some(rest) = version.strip_prefix('v') else {
        return (0, 0, 0);
    };
    if let Some((major, minor)) = rest.split_once("beta") {
        return (2, digits(major), digits(minor));
    }
    match rest.split_once("alpha") {
        Some((major, minor)) => (1, digits(major), digits(minor)),
        None => (3, digits(rest), 0),
    }
}

fn builtin(objects: &Objects<'_>, resource: &'static Resource, resources: &mut Vec<Served>) {
    if INTERNAL.contains(&resource.path) {
        return;
    }
    let target = Target::from(resource);
    let mut versions: Vec<String> = Vec::new();
    for (stored, kind) in sampled(objects, &target) {
        // Another program may have stored something else below the same path.
        if kind != resource.kind {
            continue;
        }
        for version in served_versions(&stored, &kind) {
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
    }
    if versions.is_empty() && is_ordinary(resource) {
        versions.push(match resource.group {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        });
    }
    resources.extend(versions.iter().map(|api_version| {
        Served {
            of: group_version(api_version),
            target: target.clone(),
            short: resource
                .short
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            categories: resource
                .categories
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            is_custom: false,
        }
    }));
}

/// Events are served by a group of their own too; there they come after those of core, to which their name is resolved.
fn views_of_events(resources: &[Served]) -> Vec<Served> {
    let is_core = |served: &&Served| {
        served.of == GroupVersion::new("", "v1") && served.target.path == "events"
    };
    let core = resources.iter().find(is_core);
    let view = |core: &Served| {
        EVENTS_VERSIONS.map(|version| Served {
            of: GroupVersion::new(EVENTS_GROUP, version),
            ..core.clone()
        })
    };
    core.into_iter().flat_map(view).collect()
}

fn is_ordinary(resource: &Resource) -> bool {
    let version = match resource.group {
        "" => "v1".to_owned(),
        group => format!("{group}/v1"),
    };
    ORDINARY_GROUPS.contains(&resource.group)
        && !RECENT_KINDS.contains(&resource.kind)
        && Kind::find(&version, resource.kind).is_some()
}

/// Objects whose CRD is gone: their own apiVersion and kind say what they are.
fn orphans(objects: &Objects<'_>, resources: &mut Vec<Served>) {
    let known: BTreeSet<String> = resources
        .iter()
        .map(|served| served.target.path.clone())
        .collect();
    for path in objects.paths() {
        if known.contains(&path) || Resource::by_path(&path).is_some() {
            continue;
        }
        let paths = std::iter::once(path.as_str());
        for mut target in objects.layout().resolve_stored(&path, paths) {
            let stored: BTreeSet<_> = sampled(objects, &target).into_iter().collect();
            for (api_version, kind) in stored {
                target.kind = kind;
                resources.push(Served {
                    of: group_version(&api_version),
                    target: target.clone(),
                    short: Vec::new(),
                    categories: Vec::new(),
                    is_custom: true,
                });
            }
        }
    }
}

/// apiVersion and kind of some objects of a resource: those of the first and last keys, and some between.
fn sampled(objects: &Objects<'_>, target: &Target) -> Vec<(String, String)> {
    let list = objects.list(target, None, None).unwrap_or_default();
    let step = (list.len() / SAMPLE).max(1);
    let picked = list.iter().step_by(step).chain(list.last());
    let mut found: Vec<(String, String)> = picked
        .filter_map(|version| {
            let object = objects.json(version, Reading::default()).ok()?;
            Some((text(&object, "/apiVersion"), text(&object, "/kind")))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn group_version(api_version: &str) -> GroupVersion {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    GroupVersion {
        group: group.to_owned(),
        version: version.to_owned(),
    }
}

fn text(object: &Value, pointer: &str) -> String {
    let value = object.pointer(pointer).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::priority;

    #[test]
    fn stable_versions_come_before_beta_and_newer_before_older() {
        let mut versions = ["v1beta1", "v1", "v1alpha1", "v2", "v1beta2"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v2", "v1", "v1beta2", "v1beta1", "v1alpha1"]);
    }
}
