//! `describe`: an object with its conditions, owners and events, and as kubectl describes it.

use std::cell::RefCell;
use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::find::FoundObject;
use crate::kubernetes::describe::{Owner, Summary, describe as summarise, events_of};
use crate::kubernetes::described::{self, Surroundings};
use crate::kubernetes::mask::Mask;
use crate::kubernetes::nouns::Target;
use crate::kubernetes::table::Table;
use crate::member::{Objects, Reading};
use located::Error;

/// One object, described.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DescribeAnswer {
    /// Fields, conditions, owners and events.
    pub summary: Summary,
    /// As `kubectl describe` prints it.
    pub text: String,
}

/// The fields are an object: `restart_count`, not a list of pairs.
impl Serialize for DescribeAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = match serde_json::to_value(&self.summary) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let named = self.summary.fields.iter();
        let named = named.filter(|(heading, _)| !heading.is_empty());
        let pairs: Map<String, Value> = named
            .map(|(heading, text)| {
                let name = heading.to_lowercase().replace(' ', "_");
                (name, Value::from(text.as_str()))
            })
            .collect();
        fields.insert("fields".to_owned(), Value::Object(pairs));
        fields.serialize(serializer)
    }
}

/// Objects of a registry path and namespace.
type ListedObjects = HashMap<(String, Option<String>), Vec<Value>>;

/// Describes objects as of a revision; ages are relative to `now`, or to the newest time in the data.
///
/// # Errors
/// As [`Objects::list`].
pub fn describe(
    objects: &Objects<'_>,
    found: Vec<FoundObject<'_>>,
    now: Option<Timestamp>,
    mask: Option<&Mask>,
    revision: Option<i64>,
) -> Result<Vec<DescribeAnswer>, Error> {
    let now = now
        .or_else(|| objects.newest_time(revision))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let mut events: Vec<Value> = Vec::new();
    for target in objects.layout().resolve("events") {
        for version in objects.list(&target, None, revision)? {
            events.extend(objects.json(&version, Reading::default()).ok());
        }
    }
    let events = masked(events, mask);
    let owner = |owner: &Owner, namespace: Option<&str>| {
        let target = objects.layout().of_kind(&owner.api_version, &owner.kind)?;
        let keys = objects.keys_of(&target, namespace, &owner.name);
        keys.iter().find_map(|key| {
            let version = objects.keyspace().get(key, revision).ok()??;
            objects.json(&version, Reading::default()).ok()
        })
    };
    // A hundred pods of one namespace are listed once.
    let listed: RefCell<ListedObjects> = RefCell::default();
    let described = found.into_iter().map(|mut found| {
        let secret_sizes = described::secret_sizes(&found.object);
        if let Some(mask) = mask {
            mask.object(&mut found.object);
        }
        let list = |resource: &str, namespace: Option<&str>| {
            let key = (resource.to_owned(), namespace.map(str::to_owned));
            let mut listed = listed.borrow_mut();
            listed
                .entry(key)
                .or_insert_with(|| masked(all(objects, resource, namespace, revision), mask))
                .clone()
        };
        let text = described::text(
            &found.object,
            &Surroundings {
                now,
                events: &events_of(&found.object, &events),
                secret_sizes: &secret_sizes,
                list: &list,
            },
        );
        let table = table_of(objects, &found.target, &found.object);
        let mut summary = summarise(&found.object, &table, now, &events, &owner);
        let written = found.version.revision.main;
        let version = found.version.key_value().map_or(0, |kv| kv.version);
        let written = format!("{written} (version {version})");
        summary.fields.push(("Revision".to_owned(), written));
        DescribeAnswer { summary, text }
    });
    Ok(described.collect())
}

/// The same with their secrets hidden: a template is compared with one of which they are.
fn masked(mut all: Vec<Value>, mask: Option<&Mask>) -> Vec<Value> {
    if let Some(mask) = mask {
        all.iter_mut().for_each(|object| mask.object(object));
    }
    all
}

/// All readable objects of a resource in a namespace; of them only names, states and sums are shown.
fn all(
    objects: &Objects<'_>,
    resource: &str,
    namespace: Option<&str>,
    revision: Option<i64>,
) -> Vec<Value> {
    let targets = objects.layout().resolve(resource);
    let listed = targets
        .iter()
        .filter_map(|target| objects.list(target, namespace, revision).ok());
    let versions: Vec<_> = listed.flatten().collect();
    versions
        .iter()
        .filter_map(|version| objects.json(version, Reading::default()).ok())
        .collect()
}

/// The table of a resource's objects. Custom resources have that of the version they are stored in.
pub fn table_of(objects: &Objects<'_>, target: &Target, object: &Value) -> Table {
    let text = |field: &str| {
        object
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    table_of_kind(objects, target, text("apiVersion"), text("kind"))
}

/// As [`table_of`], for objects of that apiVersion and kind.
pub fn table_of_kind(
    objects: &Objects<'_>,
    target: &Target,
    api_version: &str,
    kind: &str,
) -> Table {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    match objects.layout().crd(&target.path) {
        Some(crd) => Table::of_crd(crd, version),
        None => Table::of_kind(group, kind),
    }
}
