//! Objects that can be fed back to an API server, in the order in which they can be applied, and what is left out of them.

mod custom;
mod deleted;
mod file_name;
mod gather;
mod large;
mod missing;
mod needs;
mod notes;
mod owned;
mod owners;
mod render;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::kubernetes::apply::{
    Asked, Keep, LeftOut, Release, Secrets, Together, convert, dropped, fate, folder, invalid_name,
    move_fields, rank, ready, release_for,
};
use crate::kubernetes::mask::Mask;

pub use custom::CustomVersions;
pub use deleted::{DeletedEarlier, DeletedNamespace, deleted_namespace};
pub use gather::{ExportSelection, ExportSource, GatheredObject, GatheredObjects, gather};
pub use large::LARGEST_APPLIED;
pub use owners::OwnerLink;
pub use render::sorted;

/// How objects are written.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// Also what controllers make again from their owners.
    pub owned: bool,
    /// What is kept although it is the cluster's own.
    pub keep: Keep,
    /// The release that shall take the objects; `None`: the one that wrote them.
    pub target: Option<Release>,
    /// What becomes of objects with hidden values.
    pub secrets: Secrets,
}

/// One object as it is written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExportedObject {
    /// `41-deployment/shop/web.yaml`, without the ending; no two objects have one.
    pub path: String,
    /// The object.
    pub object: Value,
}

/// Objects that are left out for one reason.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct LeftOutRow {
    /// The reason by its name for programs: [`LeftOut::code`].
    pub code: &'static str,
    /// Why.
    pub why: String,
    /// Whether the answer lacks them: nothing makes them again.
    pub lost: bool,
    /// How many.
    pub count: usize,
    /// Which, all of them.
    pub objects: Vec<String>,
}

/// What is written, and what is not.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Export {
    /// The objects in the order in which they can be applied.
    pub objects: Vec<ExportedObject>,
    /// What is left out, by reason.
    pub left_out: Vec<LeftOutRow>,
    /// What was taken out of objects, and of how many.
    pub removed: BTreeMap<&'static str, usize>,
    /// Fields that were moved to where the release that was asked for reads them, or that it has no more; of how many objects.
    pub moved: BTreeMap<&'static str, usize>,
    /// Objects that are too large for the annotation of `kubectl apply`: it takes them with `--server-side`.
    pub large: Vec<String>,
    /// How many objects have each kind.
    pub kinds: BTreeMap<String, usize>,
    /// Objects that were converted: from which version to which.
    pub converted: BTreeMap<(String, String), usize>,
    /// Values that became a placeholder.
    pub placeholders: usize,
    /// Cluster-scoped objects of the evidence that the written ones refer to, and that are not written: `persistentvolumes/pv1`.
    pub referred: Vec<String>,
    /// Sentences about what the reader has to do or know.
    pub notes: Vec<String>,
    /// Whether objects had fields that are newer than the table, and that are not written.
    pub has_newer_fields: bool,
}

impl Export {
    /// Makes objects ready to be applied. `mask`: `None` if secrets are to be written.
    pub fn new(gathered: GatheredObjects, options: &ExportOptions, mask: Option<&Mask>) -> Self {
        let mut together = Together::default().written_by(gathered.api_servers);
        for found in &gathered.found {
            together.add(&found.object);
        }
        let mut export = Self::default();
        let mut left: BTreeMap<LeftOut, Vec<String>> = BTreeMap::new();
        for (name, why) in gathered.unreadable {
            left.entry(why).or_default().push(name);
        }
        let mut newer = 0;
        let mut finished = 0;
        let (found, owned) = owned::apart(gathered.found, &together, options.owned);
        let mut lost = owned::LostOwners::default();
        let mut unlinked = notes::Unlinked::default();
        let mut undefined = std::collections::BTreeSet::new();
        for found in found {
            let name = found.name.clone();
            let is_finished = is_finished_job(&found.object);
            let has_newer_fields = found.has_newer_fields;
            let custom = gathered.custom.get(&found.path);
            let definition = gathered.undefined.get(&found.path).cloned();
            let uid = text(&found.object, "/metadata/uid").to_owned();
            let owners = found.owners.clone();
            match export.one(found, custom, &together, options, mask) {
                Ok(()) => {
                    unlinked.add(&name, owners, &together);
                    undefined.extend(definition);
                    newer += usize::from(has_newer_fields);
                    finished += usize::from(is_finished);
                }
                Err(why) => {
                    if why.is_loss() {
                        lost.add(uid);
                    }
                    left.entry(why).or_default().push(name);
                }
            }
        }
        for (name, why) in lost.fates(owned) {
            left.entry(why).or_default().push(name);
        }
        export.left_out = left.into_iter().map(row).collect();
        export.put_in_order();
        if !export.objects.is_empty() {
            export.referred = gathered.referred.into_iter().collect();
            let mut absent = gathered.absent;
            absent.extend(missing::missing(&export.objects, &gathered.existing));
            export.notes.extend(notes::absent(&absent));
            export.notes.extend(unlinked.notes());
            export.notes.extend(notes::undefined(&undefined));
            export.notes.extend(notes::bound(&export, &gathered.bound));
        }
        export.notes.extend(notes::marked(&gathered.marked));
        let mut notes = notes::notes(&export, newer, finished);
        notes.extend(notes::missing_namespaces(&export, &gathered.namespaces));
        export.notes.extend(notes);
        export.has_newer_fields = newer > 0;
        export
    }

    fn one(
        &mut self,
        found: GatheredObject,
        custom: Option<&CustomVersions>,
        together: &Together,
        options: &ExportOptions,
        mask: Option<&Mask>,
    ) -> Result<(), LeftOut> {
        let name = found.name;
        let made_again = fate(&found.object, together, &found.known, options.owned);
        if let Some(why) = made_again
            .clone()
            .filter(|_| found.known.asked != Asked::Name)
        {
            return Err(why);
        }
        let mut object = found.object;
        if crate::kubernetes::secret_kinds::has_numbers(&object) {
            return Err(LeftOut::UnknownKind);
        }
        if let Some(why) = invalid_name(&object, custom.map(|custom| custom.namespaced)) {
            return Err(LeftOut::InvalidName(why));
        }
        let before = text(&object, "/apiVersion").to_owned();
        let stored = options.target.map(|_| object.clone());
        let converted = match (custom, release_for(&object, options.target)) {
            (Some(custom), _) => custom.serve(&mut object)?,
            (None, Some(target)) => {
                convert(&mut object, target).map_err(|why| LeftOut::NotServed(why.to_string()))?
            }
            (None, None) => false,
        };
        let (gone, moved) = match (stored, options.target, custom) {
            (Some(stored), Some(target), None) => fitted(&stored, &mut object, target),
            _ => Default::default(),
        };
        let readied = ready(&mut object, options.keep, options.secrets, mask);
        let readied = readied.map_err(LeftOut::Hidden)?;
        self.placeholders += readied.placeholders;
        count(&mut self.removed, readied.removed.into_iter().chain(gone));
        count(&mut self.moved, moved);
        let [api_version, kind] =
            ["/apiVersion", "/kind"].map(|field| text(&object, field).to_owned());
        if converted {
            *self
                .converted
                .entry((format!("{before} {kind}"), api_version.clone()))
                .or_default() += 1;
        }
        *self.kinds.entry(kind.clone()).or_default() += 1;
        self.large.extend(large::name_if(&object, &name));
        let path = path(&object);
        self.objects.push(ExportedObject { path, object });
        if let Some(why) = made_again {
            self.notes.push(format!(
                "{name} is written because it is named, although otherwise it is left out: {why}"
            ));
        }
        Ok(())
    }

    /// Sorts by rank, then by path, and makes every path the only one of its name.
    fn put_in_order(&mut self) {
        let place = |one: &ExportedObject| {
            rank(text(&one.object, "/apiVersion"), text(&one.object, "/kind"))
        };
        self.objects
            .sort_by(|a, b| (place(a), &a.path).cmp(&(place(b), &b.path)));
        file_name::make_unique(self.objects.iter_mut().map(|one| &mut one.path));
    }

    /// Whether the answer lacks something that was asked for.
    pub fn is_partial(&self) -> bool {
        self.has_newer_fields || self.left_out.iter().any(|row| row.lost)
    }

    /// Counts the hidden values of all objects that were left out because of them, and the objects.
    pub fn hidden(&self) -> usize {
        let rows = self.left_out.iter();
        let hidden = rows.filter(|row| row.code == LeftOut::Hidden(0).code());
        hidden.map(|row| row.count).sum()
    }

    /// The resources of the objects that people may have changed: to be exported by name.
    pub fn maybe_changed(&self) -> Vec<&str> {
        let code = LeftOut::MaybeChanged.code();
        let rows = self.left_out.iter().filter(|row| row.code == code);
        let names = rows.flat_map(|row| &row.objects);
        let resources = names.filter_map(|name| name.split('/').next());
        resources
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Whether a value does not decode: `get --undecodable` says which and where.
    pub fn has_undecodable(&self) -> bool {
        let code = LeftOut::Undecodable.code();
        self.left_out.iter().any(|row| row.code == code)
    }
}

impl Serialize for Export {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let converted: Vec<Value> = self
            .converted
            .iter()
            .map(
                |((from, to), count)| serde_json::json!({ "from": from, "to": to, "count": count }),
            )
            .collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("objects", &self.objects.len())?;
        map.serialize_entry("kinds", &self.kinds)?;
        map.serialize_entry("left_out", &self.left_out)?;
        map.serialize_entry("removed", &self.removed)?;
        map.serialize_entry("converted", &converted)?;
        map.serialize_entry("moved", &self.moved)?;
        map.serialize_entry("large", &self.large)?;
        map.serialize_entry("placeholders", &self.placeholders)?;
        map.serialize_entry("referred", &self.referred)?;
        map.serialize_entry("notes", &self.notes)?;
        map.end()
    }
}

/// What a conversion dropped of an object, and what is moved in it for a release.
fn fitted(
    stored: &Value,
    object: &mut Value,
    target: Release,
) -> (Vec<&'static str>, Vec<&'static str>) {
    (dropped(stored, object), move_fields(object, target))
}

fn count(
    counts: &mut BTreeMap<&'static str, usize>,
    names: impl IntoIterator<Item = &'static str>,
) {
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
}

fn row((why, objects): (LeftOut, Vec<String>)) -> LeftOutRow {
    LeftOutRow {
        code: why.code(),
        why: why.to_string(),
        lost: why.is_loss(),
        count: objects.len(),
        objects,
    }
}

/// The path of an object below the directory: `41-deployment/shop/web`.
fn path(object: &Value) -> String {
    let mut path = folder(
        text(object, "/apiVersion"),
        &file_name::safe(text(object, "/kind")),
    );
    path = file_name::safe(&path);
    for part in [
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    ] {
        if !part.is_empty() {
            path = format!("{path}/{}", file_name::safe(part));
        }
    }
    path
}

fn is_finished_job(object: &Value) -> bool {
    text(object, "/kind") == "Job"
        && object
            .pointer("/status/completionTime")
            .is_some_and(|time| !time.is_null())
}

fn text<'o>(object: &'o Value, pointer: &str) -> &'o str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
