//! How much is stored of each resource.

use std::collections::BTreeMap;

use etcd_inspect::kubernetes::resources::Resource;
use etcd_inspect::text::number;

use super::Data;

/// What is stored of a resource at the newest revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceCount {
    /// What it may be called: plural, with its group where it is custom, short names, kind.
    pub(crate) names: Vec<String>,
    /// Keys that exist.
    pub live: u64,
    /// Keys that do not any more, of which something is retained.
    pub deleted: u64,
    /// Bytes of what exists.
    pub bytes: u64,
}

impl ResourceCount {
    /// What it is called first.
    pub(crate) fn noun(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// `49 live  82 deleted  2.6 MB`.
    pub(crate) fn note(&self) -> String {
        let of = |count: u64| number::thousands(count.into());
        let deleted = match self.deleted {
            0 => String::new(),
            deleted => format!("{:>7} deleted", of(deleted)),
        };
        format!(
            "{:>7} live {deleted:<15} {:>8}",
            of(self.live),
            number::size(self.bytes)
        )
    }
}

/// What is stored of all resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The one with most bytes first.
    pub resources: Vec<ResourceCount>,
    /// Namespaces with how many keys are retained of each, the one with most first.
    pub namespaces: Vec<(String, u64)>,
}

/// Counts every resource and namespace.
pub(super) fn count(data: &Data) -> Counts {
    Counts {
        resources: resources(data),
        namespaces: namespaces(data),
    }
}

fn resources(data: &Data) -> Vec<ResourceCount> {
    let (directory, layout) = (data.directory(), data.layout());
    let revision = data.keyspace().revision();
    let mut counts: Vec<ResourceCount> = Vec::new();
    for path in data.objects().paths() {
        let (mut live, mut bytes, mut all) = (0, 0, 0);
        for prefix in layout.prefixes() {
            let part = directory.below(format!("{prefix}/{path}/").as_bytes());
            all += part.len() as u64;
            let (keys, size) = directory.sum(part, revision);
            live += keys;
            bytes += size;
        }
        counts.push(ResourceCount {
            names: names(data, &path),
            live,
            deleted: all.saturating_sub(live),
            bytes,
        });
    }
    counts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.names.cmp(&b.names)));
    counts
}

/// The part of a key after a prefix, up to the next slash.
fn segment(key: &[u8], above: usize) -> Option<&[u8]> {
    let rest = key.get(above..)?;
    let slash = rest.iter().position(|byte| *byte == b'/')?;
    rest.get(..slash)
}

fn namespaces(data: &Data) -> Vec<(String, u64)> {
    let (directory, layout) = (data.directory(), data.layout());
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for path in data.objects().paths() {
        let builtin = Resource::by_path(&path).map(|resource| resource.namespaced);
        let custom = || layout.crds().find(|crd| crd.path() == path);
        if !builtin.unwrap_or_else(|| custom().is_some_and(|crd| crd.namespaced)) {
            continue;
        }
        for prefix in layout.prefixes() {
            let above = format!("{prefix}/{path}/");
            let part = directory.below(above.as_bytes());
            let mut at = part.start;
            // One look for each namespace, not for each key.
            while at < part.end {
                let name = segment(directory.key(at), above.len()).unwrap_or_default();
                let below = [above.as_bytes(), name, b"/"].concat();
                let end = directory.below(&below).end.clamp(at + 1, part.end);
                if let Some(name) = std::str::from_utf8(name)
                    .ok()
                    .filter(|name| !name.is_empty())
                {
                    *counts.entry(name.to_owned()).or_default() += (end - at) as u64;
                }
                at = end;
            }
        }
    }
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, keys)| std::cmp::Reverse(*keys));
    counts
}

/// What a registry path may be called.
fn names(data: &Data, path: &str) -> Vec<String> {
    if let Some(resource) = Resource::by_path(path) {
        let mut names = vec![resource.plural.to_owned(), resource.singular.to_owned()];
        names.extend(resource.short.iter().map(|name| (*name).to_owned()));
        return names;
    }
    if let Some(crd) = data.layout().crds().find(|crd| crd.path() == path) {
        let mut names = vec![crd.plural.clone(), format!("{}.{}", crd.plural, crd.group)];
        names.push(crd.singular.clone());
        names.extend(crd.short.iter().cloned());
        return names;
    }
    vec![path.to_owned()]
}
