//! Which objects are exported: of resources, namespaces and labels; live ones, or those that were deleted since a revision.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Value;

use super::owners::{OwnerLink, Owners};
use super::{CustomVersions, missing, needs, text};
use crate::kubernetes::apply::{Asked, Circumstances, LeftOut, default_makers};
use crate::kubernetes::key::{Key, group_and_plural};
use crate::kubernetes::mask::shown_name;
use crate::kubernetes::selector::LabelSelector;
use crate::kubernetes::set_read_defaults;
use crate::member::{Objects, Reading, Undecodable};
use crate::mvcc::{KeyRange, Version};
use located::Error;

const CRDS: &str = "apiextensions.k8s.io/customresourcedefinitions";

/// Which objects.
#[derive(Clone, Debug, Default)]
pub struct ExportSelection {
    /// Keys that were asked for as they are: no namespace limits them.
    pub keys: BTreeSet<Vec<u8>>,
    /// Registry paths, each with the names that were asked for; no name: all. No path and no key at all: every resource.
    pub resources: BTreeMap<String, BTreeSet<String>>,
    /// Only those of a namespace; `None`: of all.
    pub namespace: Option<String>,
    /// Only those with these labels.
    pub labels: LabelSelector,
}

/// Which versions of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExportSource {
    /// Those of a revision; `None`: of the current one.
    pub revision: Option<i64>,
    /// Instead of what is live: what was deleted after a revision.
    pub since: Option<i64>,
    /// Whether records could not be read: what has none may exist all the same.
    pub lacks_records: bool,
}

/// One object that was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GatheredObject {
    /// `deployments/shop/web`.
    pub name: String,
    /// The registry path of its resource: `apps/deployments`.
    pub path: String,
    /// The object, as stored.
    pub object: Value,
    /// The owners that it names.
    pub owners: Vec<OwnerLink>,
    /// How it was asked for, and what is known of it beside its value.
    pub known: Circumstances,
    /// Whether it has fields that no release of the table names; they are not in the object.
    pub has_newer_fields: bool,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GatheredObjects {
    /// The objects.
    pub found: Vec<GatheredObject>,
    /// The versions of custom resources, by registry path, of those whose CRD is retained.
    pub custom: BTreeMap<String, CustomVersions>,
    /// The definitions that are not retained of custom resources, by registry path.
    pub undefined: BTreeMap<String, String>,
    /// Cluster-scoped objects that those found refer to, and that are not among them.
    pub referred: BTreeSet<String>,
    /// Those of them that the evidence does not have.
    pub absent: BTreeSet<String>,
    /// Volumes of claims that were found, live and with the uid of a claim in them: no claim with another uid gets them.
    pub bound: BTreeSet<String>,
    /// The namespaces that exist at the revision.
    pub namespaces: BTreeSet<String>,
    /// The ConfigMaps, Secrets, service accounts and claims that exist at the revision.
    pub existing: BTreeSet<String>,
    /// If deleted objects are asked for: those of the selection that are marked for deletion, and live.
    pub marked: Vec<String>,
    /// Managers under whose name the API servers of the cluster write.
    pub api_servers: BTreeSet<String>,
    /// Those that could not be read, and why.
    pub unreadable: Vec<(String, LeftOut)>,
}

impl ExportSelection {
    /// Whether no resource and no object is named.
    pub(super) fn is_whole(&self) -> bool {
        self.resources.is_empty() && self.keys.is_empty()
    }

    /// Whether a key is one of those that are asked for.
    fn has(&self, raw: &[u8], key: &Key<'_>) -> bool {
        if self.keys.contains(raw) {
            return true;
        }
        let in_namespace = match &self.namespace {
            None => true,
            // With all resources of a namespace the namespace itself is meant.
            Some(asked) if key.path == "namespaces" => !self.is_whole() || key.name == asked,
            Some(asked) => match key.namespace {
                Some(own) => own == asked,
                // A cluster-scoped resource is meant if it was named.
                None => !self.is_whole(),
            },
        };
        let names = self.resources.get(key.path);
        let is_asked = match names {
            None => self.is_whole(),
            Some(names) => names.is_empty() || names.contains(key.name),
        };
        in_namespace && is_asked
    }

    /// Whether an object has the labels that are asked for, as an API server reads it.
    fn has_labels(&self, object: &Value) -> bool {
        if self.labels.matches(object.pointer("/metadata/labels")) {
            return true;
        }
        let mut read = object.clone();
        set_read_defaults(&mut read);
        read != *object && self.labels.matches(read.pointer("/metadata/labels"))
    }

    /// How an object is asked for that is one of those.
    fn asked(&self, raw: &[u8], key: &Key<'_>) -> Asked {
        if self.keys.contains(raw) {
            return Asked::Name;
        }
        match self.resources.get(key.path) {
            Some(names) if names.contains(key.name) => Asked::Name,
            Some(_) => Asked::Resource,
            None => Asked::Among,
        }
    }
}

/// Reads the objects of a selection as of a revision, in byte order of their keys; with the definitions of custom resources
/// if no resource was named.
///
/// # Errors
/// As [`crate::mvcc::Keyspace::at`].
pub fn gather(
    objects: &Objects<'_>,
    selection: &ExportSelection,
    source: &ExportSource,
) -> Result<GatheredObjects, Error> {
    let at = objects.keyspace().at(source.revision)?;
    let versions = versions(objects, source, &KeyRange::all())?;
    let owners = Owners::new(objects, at, source);
    let mut gathered = GatheredObjects::default();
    let mut custom: BTreeSet<String> = BTreeSet::new();
    let is_asked = |version: &&Version<'_>| {
        objects
            .parse(version.key)
            .is_some_and(|key| selection.has(version.key, &key))
    };
    let asked: Vec<_> = versions.iter().filter(is_asked).collect();
    let read: Vec<_> = asked
        .par_iter()
        .map(|version| {
            let (object, has_newer_fields) = read(objects, version)?;
            let owner = owners.state(&object);
            let links = owners.links(&object);
            Ok((object, has_newer_fields, (owner, links)))
        })
        .collect();
    for (version, read) in asked.into_iter().zip(read) {
        let Some(key) = objects.parse(version.key) else {
            continue;
        };
        match read {
            Ok((object, has_newer_fields, (owner, links))) => {
                if !selection.has_labels(&object) {
                    continue;
                }
                if key.builtin.is_none() {
                    custom.insert(key.path.to_owned());
                }
                gathered.found.push(GatheredObject {
                    name: shown(version.key, &key),
                    path: key.path.to_owned(),
                    object,
                    owners: links,
                    known: Circumstances {
                        asked: selection.asked(version.key, &key),
                        owner,
                        is_first_version: version.key_value().is_ok_and(|kv| kv.version == 1),
                    },
                    has_newer_fields,
                });
            }
            Err(why) => gathered.unreadable.push((shown(version.key, &key), why)),
        }
    }
    around(objects, selection, source, at, &mut gathered)?;
    let writes = selection.is_whole() && selection.namespace.is_some();
    definitions(objects, &custom, at, writes, &mut gathered);
    needs::add(objects, selection, source, at, &mut gathered)?;
    Ok(gathered)
}

/// What is known of the cluster beside the objects of the selection.
fn around(
    objects: &Objects<'_>,
    selection: &ExportSelection,
    source: &ExportSource,
    at: i64,
    gathered: &mut GatheredObjects,
) -> Result<(), Error> {
    gathered.namespaces = namespaces(objects, source)?;
    gathered.api_servers = api_servers(objects, at);
    gathered.existing = missing::existing(objects, source.revision)?;
    gathered.marked = marked(objects, selection, source)?;
    Ok(())
}

/// What messages call an object: without its name if that is a token.
fn shown(stored: &[u8], key: &Key<'_>) -> String {
    let shown = key.to_string();
    match shown.strip_suffix(key.name) {
        Some(start) => format!("{start}{}", shown_name(stored, key.name)),
        None => shown,
    }
}

/// The namespaces that exist.
fn namespaces(objects: &Objects<'_>, source: &ExportSource) -> Result<BTreeSet<String>, Error> {
    let live = objects.keyspace().live(&KeyRange::all(), source.revision)?;
    let keys = live.iter().filter_map(|version| objects.parse(version.key));
    let namespaces = keys.filter(|key| key.path == "namespaces");
    Ok(namespaces.map(|key| key.name.to_owned()).collect())
}

/// Live objects that wait for a finalizer: what a client deleted, and etcd has not.
fn marked(
    objects: &Objects<'_>,
    selection: &ExportSelection,
    source: &ExportSource,
) -> Result<Vec<String>, Error> {
    if source.since.is_none() {
        return Ok(Vec::new());
    }
    let live = objects.keyspace().live(&KeyRange::all(), source.revision)?;
    let live: Vec<_> = live.iter().collect();
    let name = |version: &Version<'_>| {
        let key = objects.parse(version.key)?;
        let (object, _) = selection
            .has(version.key, &key)
            .then(|| read(objects, version).ok())??;
        let is_marked = !text(&object, "/metadata/deletionTimestamp").is_empty();
        (is_marked && selection.has_labels(&object)).then(|| shown(version.key, &key))
    };
    Ok(live.par_iter().filter_map(name).collect())
}

/// Under which names API servers made objects that they alone make: a name with `system-` is refused from all others
/// (`ValidatePriorityClass` in Kubernetes pkg/apis/scheduling/validation, v1.34.0).
fn api_servers(objects: &Objects<'_>, at: i64) -> BTreeSet<String> {
    const OWN: [&str; 3] = [
        "priorityclasses/system-node-critical",
        "priorityclasses/system-cluster-critical",
        "apiregistration.k8s.io/apiservices/v1.",
    ];
    let mut names = BTreeSet::new();
    for prefix in objects.layout().prefixes() {
        for own in OWN {
            let key = format!("{prefix}/{own}");
            let records = objects.keyspace().records_of(key.as_bytes());
            let put = records
                .iter()
                .rfind(|version| !version.tombstone && version.revision.main <= at);
            if let Some((object, _)) = put.and_then(|version| read(objects, &version).ok()) {
                names.extend(default_makers(&object).map(str::to_owned));
            }
        }
    }
    names
}

/// Live versions, or the last one of each key that was deleted after `since`.
pub(super) fn versions<'a>(
    objects: &Objects<'a>,
    source: &ExportSource,
    range: &KeyRange,
) -> Result<Vec<Version<'a>>, Error> {
    let keyspace = objects.keyspace();
    let Some(since) = source.since else {
        let live = keyspace.live(range, source.revision)?;
        return Ok(live.iter().collect());
    };
    let at = keyspace.at(source.revision)?;
    let mut found = Vec::new();
    for newest in keyspace.all(range).iter() {
        let records = keyspace.records_of(newest.key);
        let Some(last) = records.iter().rfind(|version| version.revision.main <= at) else {
            continue;
        };
        if !last.tombstone || last.revision.main <= since {
            continue;
        }
        let put = records
            .iter()
            .rfind(|version| !version.tombstone && version.revision < last.revision);
        found.extend(put);
    }
    Ok(found)
}

/// Why an encrypted object is left out.
const CLOSED: &str =
    "it is encrypted, and no key that was given opens it: --encryption-config FILE has the keys";

pub(super) fn read(objects: &Objects<'_>, version: &Version<'_>) -> Result<(Value, bool), LeftOut> {
    let reading = Reading {
        stored: true,
        unknown_fields: false,
    };
    // One reason for all of a kind: a hundred encrypted objects are one line.
    let object = objects.json(version, reading).map_err(|why| match why {
        Undecodable::Closed(closed) if closed.flaw.is_none() => {
            LeftOut::Unreadable(CLOSED.to_owned())
        }
        Undecodable::Closed(_) => LeftOut::Undecodable,
        Undecodable::Value { .. } => LeftOut::Undecodable,
        other => LeftOut::Unreadable(other.to_string()),
    })?;
    let all = Reading {
        unknown_fields: true,
        ..reading
    };
    let has_newer_fields = objects.json(version, all).is_ok_and(|all| all != object);
    Ok((object, has_newer_fields))
}

/// Adds what the definitions of custom resources that were found say, live or the last that is retained; and, if they are to be
/// written, themselves.
fn definitions(
    objects: &Objects<'_>,
    custom: &BTreeSet<String>,
    at: i64,
    writes: bool,
    gathered: &mut GatheredObjects,
) {
    let keyspace = objects.keyspace();
    for path in custom {
        let (group, plural) = group_and_plural(path);
        if group.is_empty() {
            continue;
        }
        gathered
            .undefined
            .insert(path.clone(), format!("{plural}.{group}"));
        for prefix in objects.layout().prefixes() {
            let key = format!("{prefix}/{CRDS}/{plural}.{group}");
            let records = keyspace.records_of(key.as_bytes());
            let put = records
                .iter()
                .rfind(|version| !version.tombstone && version.revision.main <= at);
            let Some(version) = put else { continue };
            gathered.undefined.remove(path);
            if let Ok((object, has_newer_fields)) = read(objects, &version) {
                let versions = CustomVersions::from_definition(&object);
                gathered
                    .custom
                    .extend(versions.map(|versions| (path.clone(), versions)));
                if !writes {
                    continue;
                }
                gathered.found.push(GatheredObject {
                    name: format!("customresourcedefinitions/{plural}.{group}"),
                    path: CRDS.to_owned(),
                    object,
                    owners: Vec::new(),
                    known: Circumstances {
                        asked: Asked::Resource,
                        ..Circumstances::default()
                    },
                    has_newer_fields,
                });
            }
        }
    }
}
