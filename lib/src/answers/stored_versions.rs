//! `get --stored-versions`: the versions that objects are stored in, and the release that no longer serves each.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde_json::Value as Json;

use super::{Cell, Column, Label, Row, Table};
use crate::kubernetes::apply::removed_in;
use crate::member::{Objects, Reading};
use crate::mvcc::{KeyRange, Version};
use located::Error;

const CRDS: &str = "apiextensions.k8s.io/customresourcedefinitions";

static COLUMNS: [Column; 5] = [
    Column::left("KIND", "kind"),
    Column::left("STORED-AS", "stored_as"),
    Column::right("COUNT", "count"),
    Column::left("REMOVED-IN", "removed_in"),
    Column::left("SERVED-AS", "served_as").wide(),
];

/// The objects of one kind that are stored in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredVersionRow {
    /// `Deployment`; the resource if no object of it can be read.
    pub kind: String,
    /// `apps/v1`; `None` if the values cannot be read.
    pub stored_as: Option<String>,
    /// How many live objects.
    pub count: usize,
    /// `1.22`, or why the version is not served; `None` if nothing known removes it.
    pub removed_in: Option<String>,
    /// The version that took its place.
    pub served_as: Option<&'static str>,
}

impl Row for StoredVersionRow {
    fn cells(&self) -> Vec<Cell> {
        let removed = self.removed_in.as_deref();
        vec![
            Cell::text(self.kind.as_str()).label(Label::Name),
            match &self.stored_as {
                Some(version) => Cell::text(version.as_str()),
                None => Cell::shown("(not readable)", Json::Null),
            },
            Cell::count(self.count),
            removed.map_or_else(Cell::unknown, |why| Cell::text(why).label(Label::Warning)),
            self.served_as.map(Cell::text).unwrap_or_default(),
        ]
    }
}

/// What a CustomResourceDefinition says of versions.
#[derive(Debug, Default)]
struct Defined {
    kind: String,
    group: String,
    versions: BTreeSet<String>,
    served: BTreeSet<String>,
    stored: BTreeSet<String>,
}

/// Registry path, version and kind; those of a value that cannot be read are empty.
type Stored = (String, String, String);

/// Counts the live objects of each kind by the version that they are stored in. A version that `status.storedVersions` of a
/// CRD names and `spec.versions` lacks has a row also if no object has it.
///
/// # Errors
/// As [`Keyspace::at`](crate::mvcc::Keyspace::at).
pub fn stored_versions(
    objects: &Objects<'_>,
    revision: Option<i64>,
) -> Result<Table<StoredVersionRow>, Error> {
    let live = objects.keyspace().live(&KeyRange::all(), revision)?;
    let all: Vec<Version<'_>> = live
        .iter()
        .filter(|version| objects.layout().resource(version.key).is_some())
        .collect();
    let read: Vec<_> = all
        .par_iter()
        .filter_map(|version| read(objects, version))
        .collect();
    let mut counts: BTreeMap<Stored, usize> = BTreeMap::new();
    let mut defined: BTreeMap<String, Defined> = BTreeMap::new();
    for (stored, definition) in read {
        *counts.entry(stored).or_default() += 1;
        defined.extend(definition);
    }
    for (path, crd) in &defined {
        for version in crd.stored.difference(&crd.versions) {
            let stored = (
                path.clone(),
                format!("{}/{version}", crd.group),
                crd.kind.clone(),
            );
            counts.entry(stored).or_default();
        }
    }
    let mut rows: Vec<_> = counts
        .into_iter()
        .map(|((path, version, kind), count)| row(objects, &defined, &path, version, kind, count))
        .collect();
    rows.sort_by(|a, b| (&a.kind, &a.stored_as).cmp(&(&b.kind, &b.stored_as)));
    Ok(Table::new(&COLUMNS, rows))
}

/// What one value says, and what it defines if it is a CRD.
fn read(
    objects: &Objects<'_>,
    version: &Version<'_>,
) -> Option<(Stored, Option<(String, Defined)>)> {
    let path = objects.layout().resource(version.key)?;
    let path = String::from_utf8_lossy(path).into_owned();
    let Ok(object) = objects.json(version, Reading::default()) else {
        return Some(((path, String::new(), String::new()), None));
    };
    let definition = (path == CRDS).then(|| definition(&object)).flatten();
    let stored = (path, text(&object, "/apiVersion"), text(&object, "/kind"));
    Some((stored, definition))
}

fn definition(crd: &Json) -> Option<(String, Defined)> {
    let group = text(crd, "/spec/group");
    let plural = text(crd, "/spec/names/plural");
    let mut defined = Defined {
        kind: text(crd, "/spec/names/kind"),
        group: group.clone(),
        ..Defined::default()
    };
    let list = |pointer: &str| crd.pointer(pointer).and_then(Json::as_array);
    for version in list("/spec/versions").into_iter().flatten() {
        let name = text(version, "/name");
        if version.get("served") == Some(&Json::Bool(true)) {
            defined.served.insert(name.clone());
        }
        defined.versions.insert(name);
    }
    // v1beta1 may name its only version alone.
    let single = text(crd, "/spec/version");
    if defined.versions.is_empty() && !single.is_empty() {
        defined.served.insert(single.clone());
        defined.versions.insert(single);
    }
    let stored = list("/status/storedVersions").into_iter().flatten();
    defined.stored = stored
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    (!plural.is_empty()).then(|| (format!("{group}/{plural}"), defined))
}

fn row(
    objects: &Objects<'_>,
    defined: &BTreeMap<String, Defined>,
    path: &str,
    version: String,
    kind: String,
    count: usize,
) -> StoredVersionRow {
    if version.is_empty() && kind.is_empty() {
        return StoredVersionRow {
            kind: path.to_owned(),
            stored_as: None,
            count,
            removed_in: None,
            served_as: None,
        };
    }
    let moved = removed_in(&version, &kind);
    let is_custom = objects.layout().crd(path).is_some();
    let name = version.rsplit('/').next().unwrap_or_default();
    let removed_in = match (moved, defined.get(path)) {
        (Some(moved), _) => Some(moved.removed.to_string()),
        (None, Some(crd)) if !crd.versions.contains(name) => {
            Some(match crd.stored.contains(name) {
                true => "the CRD has it in status.storedVersions, not in spec.versions".to_owned(),
                false => "the CRD has no such version".to_owned(),
            })
        }
        (None, Some(crd)) if !crd.served.contains(name) => {
            Some("the CRD does not serve it".to_owned())
        }
        (None, None) if is_custom => Some("its CRD is deleted".to_owned()),
        _ => None,
    };
    StoredVersionRow {
        kind,
        stored_as: Some(version),
        count,
        removed_in,
        served_as: moved.and_then(|moved| moved.to),
    }
}

fn text(object: &Json, pointer: &str) -> String {
    let text = object.pointer(pointer).and_then(Json::as_str);
    text.unwrap_or_default().to_owned()
}
