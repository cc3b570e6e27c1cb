//! Keys as kube-apiserver writes them: `<prefix>/<registry path>/[<namespace>/]<name>`.
//!
//! The registry path of a built-in resource is its plural without the group, or one of the historical names of
//! [`resources`](super::resources); that of a custom resource is `<group>/<plural>`. A CRD's group must contain a dot and
//! no built-in path without a group does, so the first segment decides which of the two it is. Whether a namespace follows
//! comes from the table, from the CRD stored in the same db, and without either from the number of segments left
//! (names and namespaces cannot contain a slash).
//!
//! Source of the rules: apiserver `pkg/server/storage/storage_factory.go`, v0.34.0; Kubernetes
//! `pkg/kubeapiserver/default_storage_factory_builder.go`, v1.34.0; apiextensions `customresource_handler.go`.

use std::collections::BTreeMap;

use nom::bytes::complete::{tag, take_until1};
use nom::combinator::{rest, verify};
use nom::sequence::terminated;
use nom::{IResult, Parser};

use super::crd::Crd;
use super::mask::is_helm_name;
use super::resources::Resource;
use super::secret_kinds::is_secret_plural;

/// The compactor's key: the only one of kube-apiserver without a prefix.
/// `compactRevKey` in apiserver `pkg/storage/etcd3/compact.go`, v0.34.0.
pub const COMPACT_REV_KEY: &[u8] = b"compact_rev_key";

/// First path segments under which a second one belongs to the registry path.
pub(super) const TWO_SEGMENTS: &[&[u8]] = &[b"services", b"oauth"];

/// Prefixes that are believed without looking at the data: kube-apiserver's default, and OpenShift's two.
pub const USUAL_PREFIXES: &[&str] = &["/registry", "/kubernetes.io", "/openshift.io"];

/// Key endings that every cluster has from its first minute, and hardly anything else.
const ANCHORS: &[&[u8]] = &[
    b"/namespaces/default",
    b"/namespaces/kube-system",
    b"/ranges/serviceips",
    b"/services/specs/default/kubernetes",
    b"/clusterroles/cluster-admin",
    b"/priorityclasses/system-node-critical",
    b"/apiregistration.k8s.io/apiservices/v1.",
];

/// One key, taken apart. Everything borrows from the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'k> {
    /// `/registry`.
    pub prefix: &'k str,
    /// Registry path: `pods`, `services/specs`, `example.com/widgets`.
    pub path: &'k str,
    /// API group; empty for core, and for paths that neither the table nor a CRD knows.
    pub group: &'k str,
    /// `pods`, `nodes`, `widgets`: the API's plural.
    pub plural: &'k str,
    /// The row of the table, for built-in resources.
    pub builtin: Option<&'static Resource>,
    /// Namespace, if there is one.
    pub namespace: Option<&'k str>,
    /// Name of the object.
    pub name: &'k str,
}

impl Key<'_> {
    /// Whether its values are secret by nature: Secrets, OpenShift's OAuth objects, releases that Helm keeps in ConfigMaps, and
    /// custom resources named after secrets. A path that neither the table nor a CRD knows may have its plural in the place of a
    /// namespace.
    pub fn is_secret(&self) -> bool {
        let is_named = || self.builtin.is_none() && is_secret_plural(self.plural);
        let is_release = self.path == "configmaps" && is_helm_name(self.name);
        let may_be_named = || {
            let is_unknown = self.builtin.is_none() && self.group.is_empty();
            is_unknown && self.namespace.is_some_and(is_secret_plural)
        };
        self.path == "secrets"
            || self.path.starts_with("oauth/")
            || is_release
            || is_named()
            || may_be_named()
    }
}

/// `pods/shop/web-1`: what messages call the object.
impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.plural)?;
        if self.builtin.is_none() && !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if let Some(namespace) = self.namespace {
            write!(f, "/{namespace}")?;
        }
        write!(f, "/{}", self.name)
    }
}

/// What is known of a db's keys: the prefixes of its clusters, and its CRDs.
///
/// ```
/// use etcd_inspect_kube::key::Layout;
/// let layout = Layout::default();
/// let key = layout.parse(b"/registry/services/specs/shop/web").expect("a Kubernetes key");
/// assert_eq!((key.plural, key.namespace, key.name), ("services", Some("shop"), "web"));
/// assert_eq!(layout.resource(b"/registry/example.com/widgets/shop/w1"), Some(&b"example.com/widgets"[..]));
/// assert_eq!(layout.parse(b"compact_rev_key"), None);
/// ```
#[derive(Clone, Debug)]
pub struct Layout {
    /// Longest first, so that `/registry/a` wins over `/registry`.
    prefixes: Vec<String>,
    crds: BTreeMap<String, Crd>,
}

impl Default for Layout {
    /// Knows [`USUAL_PREFIXES`] and no CRD.
    fn default() -> Self {
        Self::with_prefixes(USUAL_PREFIXES.iter().copied())
    }
}

impl Layout {
    /// A layout for exactly these prefixes (`--etcd-prefix`); a trailing slash is dropped.
    pub fn with_prefixes<'p>(prefixes: impl IntoIterator<Item = &'p str>) -> Self {
        let mut layout = Self {
            prefixes: Vec::new(),
            crds: BTreeMap::new(),
        };
        for prefix in prefixes {
            layout.add_prefix(prefix);
        }
        layout
    }

    /// A layout for the prefixes that the keys show, or the usual ones if they show none.
    ///
    /// A prefix is believed when two of the keys that every cluster has are under it, or when it is one of
    /// [`USUAL_PREFIXES`]; a single such key is enough if nothing better was found. The keys may come in any order and
    /// may be a sample that contains the oldest ones.
    pub fn detect<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Self {
        let mut found: BTreeMap<&'k [u8], u32> = BTreeMap::new();
        let mut usual = false;
        for key in keys {
            usual = usual
                || USUAL_PREFIXES
                    .iter()
                    .any(|prefix| under(key, prefix).is_some());
            for (bit, anchor) in ANCHORS.iter().enumerate() {
                if let Some(prefix) = key.strip_suffix(*anchor) {
                    *found.entry(prefix).or_default() |= 1 << bit;
                }
            }
        }
        let mut layout = Self::default();
        let certain = |seen: &u32| seen.count_ones() >= 2;
        let any_certain = found.values().any(certain);
        for (prefix, seen) in &found {
            let believed = certain(seen) || (!any_certain && !usual);
            if believed && let Ok(prefix) = std::str::from_utf8(prefix) {
                layout.add_prefix(prefix);
            }
        }
        layout
    }

    /// As [`Layout::detect`] for all keys of a db, of which only the folders are given, each with its last slash; whether a key
    /// is there says `exists`.
    pub fn detect_in(folders: &[&[u8]], exists: impl Fn(&[u8]) -> bool) -> Self {
        let mut anchors: Vec<Vec<u8>> = Vec::new();
        for anchor in ANCHORS {
            let name = memchr::memrchr(b'/', anchor).map_or(0, |slash| slash + 1);
            let (folder, name) = anchor.split_at_checked(name).unwrap_or((anchor, b""));
            let below = folders.iter().filter(|known| known.ends_with(folder));
            let keys = below.map(|known| [*known, name].concat());
            anchors.extend(keys.filter(|key| exists(key)));
        }
        let anchors = anchors.iter().map(Vec::as_slice);
        Self::detect(folders.iter().copied().chain(anchors))
    }

    /// Also believes this prefix.
    pub fn add_prefix(&mut self, prefix: &str) {
        let prefix = prefix.trim_end_matches('/');
        if !self.prefixes.iter().any(|known| known == prefix) {
            self.prefixes.push(prefix.to_owned());
            self.prefixes
                .sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// The prefixes, longest first.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.prefixes.iter().map(String::as_str)
    }

    /// Also knows this CRD; one of the same group and plural is replaced.
    pub fn add_crd(&mut self, crd: Crd) {
        self.crds.insert(crd.path(), crd);
    }

    /// The CRDs, in the order of their registry paths.
    pub fn crds(&self) -> impl Iterator<Item = &Crd> {
        self.crds.values()
    }

    /// The CRD whose objects are under that registry path (`example.com/widgets`).
    pub fn crd(&self, path: &str) -> Option<&Crd> {
        self.crds.get(path)
    }

    /// The prefix that a key is below: the longest, because one may be within another.
    pub fn prefix_of(&self, key: &[u8]) -> Option<&str> {
        let mut prefixes = self.prefixes();
        prefixes.find(|prefix| under(key, prefix).is_some())
    }

    /// The registry path that a key is under, without the prefix and without allocating: the label of a `--by-resource`
    /// row. `None`: the key is outside of every prefix, or has an empty segment there.
    pub fn resource<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let (start, end) = self.path_range(key)?;
        key.get(start..end)
    }

    /// What [`resource`](Self::resource) says of every key in a folder, which is given with its last slash; `None` if their
    /// own names have a part in it.
    pub fn resource_of_folder<'k>(&self, folder: &'k [u8]) -> Option<Option<&'k [u8]>> {
        let names_matter = self.prefixes.iter().any(|prefix| {
            let rest = folder.strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| rest == b"/") || prefix.as_bytes().starts_with(folder)
        });
        (!names_matter).then(|| self.resource(folder))
    }

    /// Where prefix (with its slash) and registry path of a key end.
    fn path_range(&self, key: &[u8]) -> Option<(usize, usize)> {
        let (prefix, tail) = self
            .prefixes
            .iter()
            .find_map(|prefix| under(key, prefix).map(|tail| (prefix, tail)))?;
        let first_len = memchr::memchr(b'/', tail).unwrap_or(tail.len());
        let first = tail.get(..first_len)?;
        if first.is_empty() {
            return None;
        }
        let start = prefix.len() + 1;
        let custom = || memchr::memchr(b'.', first).is_some();
        let len = if TWO_SEGMENTS.contains(&first) || custom() {
            let second = tail.get(first_len + 1..).unwrap_or_default();
            match memchr::memchr(b'/', second) {
                Some(0) => return None,
                // An API server beside kube-apiserver has its own prefix, named after its group, below the prefix.
                Some(second_len) if custom() && second.get(..second_len) == Some(first) => {
                    let third = second.get(second_len + 1..).unwrap_or_default();
                    match memchr::memchr(b'/', third) {
                        Some(0) => return None,
                        Some(third_len) => first_len + 1 + second_len + 1 + third_len,
                        None => first_len + 1 + second_len,
                    }
                }
                Some(second_len) => first_len + 1 + second_len,
                None => first_len,
            }
        } else {
            first_len
        };
        Some((start, start + len))
    }

    /// Takes a key apart. `None`: not a key that kube-apiserver could have written, so no Kubernetes object.
    pub fn parse<'k>(&self, key: &'k [u8]) -> Option<Key<'k>> {
        let (start, end) = self.path_range(key)?;
        let text = std::str::from_utf8(key).ok()?;
        let (prefix, path) = (text.get(..start - 1)?, text.get(start..end)?);
        let tail = text.get(end..)?.strip_prefix('/')?;
        let builtin = Resource::by_path(path);
        let crd = self.crd(path);
        let namespaced = builtin
            .map(|resource| resource.namespaced)
            .or(crd.map(|crd| crd.namespaced));
        let (namespace, name) = match namespaced {
            Some(false) => (None, tail),
            Some(true) | None => match namespace_and_name(tail) {
                Ok((_, (namespace, name))) => (Some(namespace), name),
                Err(_) => (None, tail),
            },
        };
        if name.is_empty() || name.starts_with('/') || name.ends_with('/') {
            return None;
        }
        let (group, plural) = match builtin {
            Some(resource) => (resource.group, resource.plural),
            None => group_and_plural(path),
        };
        Some(Key {
            prefix,
            path,
            group,
            plural,
            builtin,
            namespace,
            name,
        })
    }
}

/// Group and plural of a registry path that is not built in: `example.com/widgets`, and of an extension API server
/// `example.com/example.com/widgets`.
///
/// ```
/// use etcd_inspect_kube::key::group_and_plural;
/// assert_eq!(group_and_plural("ext.io/ext.io/bars"), ("ext.io", "bars"));
/// assert_eq!(group_and_plural("example.com/widgets"), ("example.com", "widgets"));
/// ```
pub fn group_and_plural(path: &str) -> (&str, &str) {
    match (path.split_once('/'), path.rsplit_once('/')) {
        (Some((group, _)), Some((_, plural))) => (group, plural),
        _ => ("", path),
    }
}

/// What follows `<prefix>/`.
fn under<'k>(key: &'k [u8], prefix: &str) -> Option<&'k [u8]> {
    key.strip_prefix(prefix.as_bytes())?.strip_prefix(b"/")
}

/// `<namespace>/<name>`.
fn namespace_and_name(tail: &str) -> IResult<&str, (&str, &str)> {
    let namespace = terminated(take_until1("/"), tag("/"));
    (namespace, verify(rest, |name: &str| !name.is_empty())).parse(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(
        layout: &Layout,
        key: &'static str,
    ) -> Option<(
        &'static str,
        &'static str,
        Option<&'static str>,
        &'static str,
    )> {
        let key = layout.parse(key.as_bytes())?;
        Some((key.group, key.plural, key.namespace, key.name))
    }

    #[test]
    fn a_folder_answers_for_its_keys_or_not_at_all() {
        let mut layout = Layout::default();
        layout.add_prefix("/deep/er/registry");
        let folders: &[&[u8]] = &[
            b"",
            b"/",
            b"//",
            b"/registry/",
            b"/registry//",
            b"/registry/pods/",
            b"/registry/pods/shop/",
            b"/registry/pods//",
            b"/registry/services/",
            b"/registry/services/specs/",
            b"/registry/services//",
            b"/registry/services/specs/shop/",
            b"/registry/example.com/",
            b"/registry/example.com/widgets/",
            b"/registry/example.com//",
            b"/registry/example.com/example.com/",
            b"/registry/example.com/example.com/bars/shop/",
            b"/deep/",
            b"/deep/er/",
            b"/deep/er/registry/",
            b"/deep/er/registry/pods/",
            b"/kubernetes.io/pods/",
            b"/kubernetes.io/",
            b"/registryx/",
            b"plain/",
            b"/registry/\xff/",
        ];
        let names: &[&[u8]] = &[b"", b"a", b"specs", b"a.b", b"\xff", b"registry"];
        for folder in folders {
            let Some(answer) = layout.resource_of_folder(folder) else {
                continue;
            };
            for name in names {
                let key = [*folder, *name].concat();
                assert_eq!(layout.resource(&key), answer, "{}", key.escape_ascii());
            }
        }
        assert_eq!(
            layout.resource_of_folder(b"/registry/pods/shop/"),
            Some(Some(&b"pods"[..]))
        );
        assert_eq!(layout.resource_of_folder(b"/registry/"), None);
    }

    #[test]
    fn every_special_layout_is_taken_apart() {
        let layout = Layout::default();
        for (key, want) in [
            (
                "/registry/pods/shop/web-1",
                ("", "pods", Some("shop"), "web-1"),
            ),
            ("/registry/minions/node-0", ("", "nodes", None, "node-0")),
            (
                "/registry/services/specs/shop/web",
                ("", "services", Some("shop"), "web"),
            ),
            (
                "/registry/ext.io/ext.io/bars/shop/n0",
                ("ext.io", "bars", Some("shop"), "n0"),
            ),
            (
                "/registry/ext.io/ext.io/bars/n0",
                ("ext.io", "bars", None, "n0"),
            ),
            (
                "/registry/services/endpoints/shop/web",
                ("", "endpoints", Some("shop"), "web"),
            ),
            (
                "/registry/controllers/shop/rc",
                ("", "replicationcontrollers", Some("shop"), "rc"),
            ),
            (
                "/registry/ingress/shop/web",
                ("networking.k8s.io", "ingresses", Some("shop"), "web"),
            ),
            (
                "/registry/masterleases/10.0.0.1",
                ("", "masterleases", None, "10.0.0.1"),
            ),
            (
                "/registry/ranges/serviceips",
                ("", "rangeallocations", None, "serviceips"),
            ),
            (
                "/registry/peerserverleases/x",
                ("", "peerserverleases", None, "x"),
            ),
            (
                "/registry/podsecuritypolicy/p",
                ("policy", "podsecuritypolicies", None, "p"),
            ),
            (
                "/registry/apiregistration.k8s.io/apiservices/v1.",
                ("apiregistration.k8s.io", "apiservices", None, "v1."),
            ),
            (
                "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.com",
                (
                    "apiextensions.k8s.io",
                    "customresourcedefinitions",
                    None,
                    "widgets.example.com",
                ),
            ),
            (
                "/registry/clusterroles/system:node",
                (
                    "rbac.authorization.k8s.io",
                    "clusterroles",
                    None,
                    "system:node",
                ),
            ),
            (
                "/registry/ipaddresses/10.0.0.1",
                ("networking.k8s.io", "ipaddresses", None, "10.0.0.1"),
            ),
            (
                "/kubernetes.io/config.openshift.io/clusterversions/version",
                ("config.openshift.io", "clusterversions", None, "version"),
            ),
            (
                "/openshift.io/oauth/clients/console",
                ("oauth.openshift.io", "oauthclients", None, "console"),
            ),
            (
                "/registry/example.com/widgets/shop/w1",
                ("example.com", "widgets", Some("shop"), "w1"),
            ),
            (
                "/registry/example.com/gadgets/g1",
                ("example.com", "gadgets", None, "g1"),
            ),
        ] {
            assert_eq!(parts(&layout, key), Some(want), "{key}");
        }
    }

    #[test]
    fn keys_outside_are_told_apart_and_never_an_error() {
        let layout = Layout::default();
        for key in [
            "compact_rev_key",
            "/registry",
            "/registry/",
            "/registry//",
            "/registry//pods/a/b",
            "/after/1",
            "",
            "/registryx/pods/a/b",
        ] {
            assert_eq!(layout.resource(key.as_bytes()), None, "{key}");
            assert_eq!(layout.parse(key.as_bytes()), None, "{key}");
        }
        for key in ["/registry/pods", "/registry/pods/", "/registry/pods/shop/"] {
            assert_eq!(layout.parse(key.as_bytes()), None, "{key}");
            assert_eq!(layout.resource(key.as_bytes()), Some(&b"pods"[..]), "{key}");
        }
        assert_eq!(layout.parse(b"/registry/pods/\xff/x"), None);
    }

    #[test]
    fn a_row_is_the_registry_path_as_etcd_has_it() {
        let layout = Layout::default();
        for (key, want) in [
            ("/registry/pods/shop/web-1", "pods"),
            ("/registry/services/specs/shop/web", "services/specs"),
            (
                "/registry/services/endpoints/shop/web",
                "services/endpoints",
            ),
            (
                "/registry/example.com/widgets/shop/w1",
                "example.com/widgets",
            ),
            ("/registry/health", "health"),
            ("/registry/services/x", "services"),
            ("/registry/example.com", "example.com"),
        ] {
            assert_eq!(
                layout.resource(key.as_bytes()),
                Some(want.as_bytes()),
                "{key}"
            );
        }
    }

    #[test]
    fn a_crd_decides_whether_its_objects_have_a_namespace() {
        let mut layout = Layout::default();
        let key = "/registry/example.com/widgets/a/b";
        assert_eq!(parts(&layout, key).unwrap().2, Some("a"));
        layout.add_crd(Crd {
            group: "example.com".into(),
            plural: "widgets".into(),
            namespaced: false,
            ..Crd::default()
        });
        assert_eq!(
            parts(&layout, key),
            Some(("example.com", "widgets", None, "a/b"))
        );
    }

    #[test]
    fn any_prefix_is_detected_and_several_clusters_are_told_apart() {
        let keys: Vec<&[u8]> = vec![
            b"/east/prod/namespaces/default",
            b"/east/prod/ranges/serviceips",
            b"/west/namespaces/default",
            b"/west/namespaces/kube-system",
            b"/registry/example.com/namespaces/default",
            b"/other/thing",
        ];
        let layout = Layout::detect(keys);
        assert_eq!(
            layout.parse(b"/east/prod/pods/a/b").unwrap().prefix,
            "/east/prod"
        );
        assert_eq!(layout.parse(b"/west/pods/a/b").unwrap().prefix, "/west");
        assert_eq!(
            layout
                .parse(b"/registry/example.com/namespaces/default")
                .unwrap()
                .plural,
            "namespaces"
        );
        assert_eq!(layout.parse(b"/other/thing"), None);
        let single = Layout::detect([&b"/lab/namespaces/default"[..]]);
        assert_eq!(single.parse(b"/lab/pods/a/b").unwrap().prefix, "/lab");
        let bare = Layout::detect([&b"/namespaces/default"[..], b"/ranges/serviceips"]);
        assert_eq!(bare.parse(b"/pods/a/b").unwrap().prefix, "");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_keys_never_panic_and_a_parsed_key_is_made_of_its_parts(tail in "[a-z./]{0,30}") {
            let layout = Layout::default();
            let text = format!("/registry/{tail}");
            if let Some(key) = layout.parse(text.as_bytes()) {
                let namespace = key.namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
                proptest::prop_assert_eq!(format!("{}/{}/{}{}", key.prefix, key.path, namespace, key.name), text);
            }
        }
    }
}
