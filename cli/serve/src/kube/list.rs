//! Lists: written while they are read, so that a list of any length takes bounded memory.

use etcd_inspect::Error;
use etcd_inspect::answers::{KeyRange, Version};
use etcd_inspect::member::Objects;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::path::ObjectPath;
use super::query::{Accept, Continue, Form, Query};
use super::shape::{Shape, metadata_of};
use super::table::Printed;
use crate::catalog::Served;
use crate::net::body::{Gone, Writer};
use crate::net::status::Status;
use crate::source::Moment;

/// Objects that are in memory together.
const STRETCH: usize = 256;

/// A list that is asked for.
#[derive(Debug)]
pub struct List<'l> {
    /// When.
    pub moment: &'l Moment,
    /// The resource in the version that was asked for.
    pub served: &'l Served,
    /// The namespace.
    pub path: &'l ObjectPath,
    /// The parameters.
    pub query: &'l Query,
    /// The form.
    pub accept: Accept,
}

/// How a list ended.
#[derive(Debug)]
pub enum Ended {
    /// All was written; these objects could not be shown, each with the reason.
    Written(Vec<String>),
    /// The client is gone.
    Gone,
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// A row or an object as JSON text; `None`: not selected; an error: why it cannot be shown.
type Piece = Result<Option<String>, String>;

impl<'l> List<'l> {
    /// The revision of the list.
    ///
    /// # Errors
    /// It is compacted, or in the future of the moment.
    pub fn revision(&self, objects: &Objects<'_>) -> Result<i64, Status> {
        let own = self.moment.revision;
        let asked = match (&self.query.after, self.query.resource_version) {
            (Some(after), _) => after.revision,
            (None, Some(version)) if self.query.is_exact => version,
            (None, Some(version)) => {
                future(version, own)?;
                own
            }
            (None, None) => own,
        };
        future(asked, own)?;
        Ok(objects.keyspace().at(Some(asked))?)
    }

    /// The versions that are live at a revision, from the token on.
    ///
    /// # Errors
    /// As [`Objects::list`].
    pub fn versions<'a>(
        &self,
        objects: &Objects<'a>,
        revision: i64,
    ) -> Result<Vec<Version<'a>>, Status> {
        let namespace = self.path.namespace.as_deref();
        let mut list = objects.list(&self.served.target, namespace, Some(revision))?;
        if let Some(name) = &self.path.name {
            let range = |key: &[u8]| {
                objects
                    .parse(key)
                    .is_some_and(|parsed| parsed.name == name.as_str())
            };
            list.retain(|version| range(version.key));
        }
        if let Some(after) = &self.query.after {
            list.retain(|version| version.key >= after.key.as_slice());
        }
        Ok(list)
    }

    /// Writes the list.
    pub fn write(
        &self,
        objects: &Objects<'_>,
        revision: i64,
        versions: &[Version<'_>],
        out: &mut Writer,
    ) -> Ended {
        self.try_write(objects, revision, versions, out)
            .unwrap_or_else(Ended::from)
    }

    fn try_write(
        &self,
        objects: &Objects<'_>,
        revision: i64,
        versions: &[Version<'_>],
        out: &mut Writer,
    ) -> Result<Ended, Gone> {
        let table = (self.accept.form == Form::Table)
            .then(|| Printed::new(objects, self.served, revision, self.query.include));
        out.write(self.head(table.as_ref()).as_bytes())?;
        let limit = self.query.limit.unwrap_or(usize::MAX);
        let (mut written, mut at) = (0, 0);
        let mut failed = Vec::new();
        while at < versions.len() && written < limit {
            let left = limit.saturating_sub(written).min(STRETCH);
            // The first object alone: a client that waits for it need not wait for more.
            let len = if at == 0 { left.min(32) } else { left };
            let stretch = versions.get(at..).unwrap_or_default();
            let stretch = stretch.get(..len.min(stretch.len())).unwrap_or_default();
            let pieces: Vec<Piece> = stretch
                .par_iter()
                .map(|version| self.piece(objects, version, table.as_ref()))
                .collect();
            at = at.saturating_add(stretch.len());
            for piece in pieces {
                match piece {
                    Ok(None) => {}
                    Ok(Some(text)) => {
                        if written > 0 {
                            out.write(b",")?;
                        }
                        out.write(text.as_bytes())?;
                        written = written.saturating_add(1);
                    }
                    Err(reason) => failed.push(reason),
                }
            }
        }
        let metadata = self.metadata(revision, versions.get(at..).unwrap_or_default());
        out.write(format!("],\"metadata\":{metadata}}}\n").as_bytes())?;
        out.send()?;
        Ok(Ended::Written(failed))
    }

    fn head(&self, table: Option<&Printed>) -> String {
        let (kind, api_version) = match self.accept.form {
            Form::Table => ("Table".to_owned(), "meta.k8s.io/v1".to_owned()),
            Form::Metadata => (
                "PartialObjectMetadataList".to_owned(),
                "meta.k8s.io/v1".to_owned(),
            ),
            Form::Object => (
                format!("{}List", self.served.target.kind),
                self.served.of.api_version(),
            ),
        };
        let head = format!(
            "{{\"kind\":{},\"apiVersion\":{},",
            json!(kind),
            json!(api_version)
        );
        match table {
            Some(table) => {
                format!(
                    "{head}\"columnDefinitions\":{},\"rows\":[",
                    table.definitions()
                )
            }
            None => format!("{head}\"items\":["),
        }
    }

    fn piece(
        &self,
        objects: &Objects<'_>,
        version: &Version<'_>,
        table: Option<&Printed>,
    ) -> Piece {
        let shape = Shape {
            served: self.served,
            mask: self.moment.source.mask(false),
        };
        let shown = shape.object(objects, version);
        let mut object =
            shown.map_err(|reason| format!("{}: {reason}", version.key.escape_ascii()))?;
        if !selects(self.query, &object) {
            return Ok(None);
        }
        let piece = match (table, self.accept.form) {
            (Some(table), _) => table.row(&object),
            (None, Form::Metadata) => metadata_of(&object),
            (None, _) => {
                // Items of a built-in list have the version and kind of the list: a typed list has none in each item.
                if let (false, Some(fields)) = (self.served.is_custom, object.as_object_mut()) {
                    fields.shift_remove("kind");
                    fields.shift_remove("apiVersion");
                }
                object
            }
        };
        Ok(Some(piece.to_string()))
    }

    fn metadata(&self, revision: i64, rest: &[Version<'_>]) -> Value {
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        let (Some(next), Some(fields)) = (rest.first(), metadata.as_object_mut()) else {
            return metadata;
        };
        let token = Continue {
            revision,
            key: next.key.to_vec(),
        };
        fields.insert("continue".to_owned(), json!(token.token()));
        if !self.query.selects {
            fields.insert("remainingItemCount".to_owned(), json!(rest.len()));
        }
        metadata
    }
}

/// Whether an object fits the selectors.
pub fn selects(query: &Query, object: &Value) -> bool {
    let labels = object.pointer("/metadata/labels");
    query.labels.matches(labels) && query.fields.matches(object)
}

fn future(asked: i64, own: i64) -> Result<(), Status> {
    if asked <= own {
        return Ok(());
    }
    Err(Error::Future {
        revision: asked.into(),
        current: own.into(),
    }
    .into())
}

/// The version of a named object at a moment.
///
/// # Errors
/// As [`etcd_inspect::answers::Keyspace::get`].
pub fn named<'a>(
    objects: &Objects<'a>,
    served: &Served,
    path: &ObjectPath,
    revision: i64,
) -> Result<Option<Version<'a>>, Status> {
    let name = path.name.as_deref().unwrap_or_default();
    for key in objects.keys_of(&served.target, path.namespace.as_deref(), name) {
        if let Some(version) = objects.keyspace().get(&key, Some(revision))? {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// What is known of a named object that does not exist at a moment, in one sentence.
pub fn why_absent(
    objects: &Objects<'_>,
    served: &Served,
    path: &ObjectPath,
    revision: i64,
) -> Option<String> {
    let name = path.name.as_deref().unwrap_or_default();
    let keys = objects.keys_of(&served.target, path.namespace.as_deref(), name);
    keys.iter().find_map(|key| {
        let all = objects.keyspace().records_of(key);
        let deleted = all.iter().rfind(|version| version.tombstone && version.revision.main <= revision);
        if let Some(deleted) = deleted {
            let main = deleted.revision.main;
            let before = main.saturating_sub(1);
            return Some(format!(
                "it was deleted at revision {main}; the path /at/{before}/ of this server still has it"
            ));
        }
        let created = all.iter().find(|version| version.revision.main > revision)?;
        Some(format!("it was created later, at revision {}", created.revision.main))
    })
}

/// The range of keys of a resource, for each prefix.
pub fn ranges(objects: &Objects<'_>, served: &Served, namespace: Option<&str>) -> Vec<KeyRange> {
    let below = |prefix: &str| match namespace.filter(|_| served.is_namespaced()) {
        Some(namespace) => format!("{prefix}/{}/{namespace}/", served.target.path),
        None => format!("{prefix}/{}/", served.target.path),
    };
    let prefixes = objects.layout().prefixes();
    prefixes
        .map(|prefix| KeyRange::prefix(below(prefix).as_bytes()))
        .collect()
}
