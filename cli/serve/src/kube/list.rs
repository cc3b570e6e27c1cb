//! Lists: written while they are read, so that a list of any length takes bounded memory.

use etcd_inspect::Error;
use etcd_inspect::answers::{KeyRange, Version};
use etcd_inspect::member::{Objects, Reading};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::path::ObjectPath;
use super::query::{Accept, Continue, Form, Query};
use super::shape::{Shape, failure, metadata_text};
use super::table::Printed;
use crate::catalog::Served;
use crate::listing::Listing;
use crate::net::body::{Gone, Writer};
use crate::net::status::Status;
use crate::source::Moment;

/// Objects that are in memory together.
pub const STRETCH: usize = 256;

/// Objects that are looked at together for what cannot be shown.
const LOOKED_AT: usize = 4096;

/// Bytes of a list that are made before its head is sent.
pub const FIRST_BYTES: usize = 4 << 20;

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

/// How far a list is written.
#[derive(Debug, Default)]
pub struct Progress {
    at: usize,
    written: usize,
    /// Objects that cannot be shown, each with the reason.
    pub failed: Failures,
}

/// Objects that a list leaves out because they cannot be shown.
#[derive(Debug, Default)]
pub struct Failures {
    /// Key and reason of each.
    pub reasons: Vec<String>,
    /// How many of them are encrypted, and no key at hand opens them.
    pub closed: usize,
}

impl Failures {
    /// What a client is shown: how many, and the first.
    pub fn warning(&self, plural: &str) -> Option<String> {
        let first = self.reasons.first()?;
        let all = self.reasons.len();
        let are = |count: usize| if count == 1 { "is" } else { "are" };
        if self.closed >= all {
            return Some(format!(
                "{all} of the {plural} {} encrypted and left out: {first}; {OPENS}",
                are(all)
            ));
        }
        let closed = match self.closed {
            0 => String::new(),
            closed => format!("; {closed} of them {} encrypted: {OPENS}", are(closed)),
        };
        Some(format!(
            "{all} of the {plural} cannot be decoded and {} left out: {first}{closed}; `etcd-inspect check --deep` lists all",
            are(all)
        ))
    }
}

/// What shows encrypted objects.
pub const OPENS: &str = "`etcd-inspect serve --encryption-config FILE` with their key shows them";

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

    /// The objects that are live at a revision, from the token on.
    ///
    /// # Errors
    /// As [`Objects::list`].
    pub fn listing(&self, objects: &Objects<'_>, revision: i64) -> Result<Listing, Status> {
        let namespace = self.path.namespace.as_deref();
        let listings = self.moment.source.listings();
        let mut listing = listings.find(objects, &self.served.target, namespace, revision)?;
        if let Some(name) = &self.path.name {
            listing = listing.named(objects, name);
        }
        if let Some(after) = &self.query.after {
            listing = listing.starting_at(objects, &after.key);
        }
        Ok(listing)
    }

    /// The same as versions.
    ///
    /// # Errors
    /// As [`Objects::list`].
    pub fn versions<'a>(
        &self,
        objects: &Objects<'a>,
        revision: i64,
    ) -> Result<Vec<Version<'a>>, Status> {
        Ok(self.listing(objects, revision)?.all(objects))
    }

    /// The first part of the list: all of it if it is short.
    ///
    /// What of the rest cannot be shown is found out too, because a client is warned before it reads the list.
    pub fn begin(
        &self,
        objects: &Objects<'_>,
        revision: i64,
        listing: &Listing,
    ) -> (Vec<u8>, Progress) {
        let mut progress = Progress::default();
        let table = self.table(objects, revision);
        let mut first = self.head(table.as_ref()).into_bytes();
        while first.len() < FIRST_BYTES && !self.is_done(listing, &progress) {
            self.step(objects, listing, table.as_ref(), &mut progress, &mut first);
        }
        if self.is_done(listing, &progress) {
            first.extend_from_slice(self.tail(objects, revision, listing, &progress).as_bytes());
            return (first, progress);
        }
        let left = self.limit().saturating_sub(progress.written);
        let end = progress.at.saturating_add(left).min(listing.len());
        for at in (progress.at..end).step_by(LOOKED_AT) {
            let rest = listing.versions(objects, at..at.saturating_add(LOOKED_AT).min(end));
            let failed = self.failures(objects, &rest);
            progress.failed.reasons.extend(failed);
        }
        (first, progress)
    }

    /// Whether nothing is left to write.
    pub fn is_done(&self, listing: &Listing, progress: &Progress) -> bool {
        progress.at >= listing.len() || progress.written >= self.limit()
    }

    /// Writes what [`List::begin`] has not.
    ///
    /// # Errors
    /// The client is gone.
    pub fn go_on(
        &self,
        objects: &Objects<'_>,
        revision: i64,
        listing: &Listing,
        mut progress: Progress,
        out: &mut Writer,
    ) -> Result<(), Gone> {
        let table = self.table(objects, revision);
        while !self.is_done(listing, &progress) {
            let mut bytes = Vec::new();
            self.step(objects, listing, table.as_ref(), &mut progress, &mut bytes);
            out.write(&bytes)?;
        }
        out.write(self.tail(objects, revision, listing, &progress).as_bytes())?;
        out.send()
    }

    /// Why objects cannot be shown.
    pub fn failures(&self, objects: &Objects<'_>, versions: &[Version<'_>]) -> Vec<String> {
        let shape = Shape {
            served: self.served,
            mask: None,
        };
        let failed = |version: &Version<'_>| {
            let reason = match shape.metadata(objects, version) {
                Some(read) => read.err()?,
                None => shape.object(objects, version).err()?,
            };
            Some(failure(version, &reason))
        };
        versions.par_iter().filter_map(failed).collect()
    }

    fn limit(&self) -> usize {
        self.query.limit.unwrap_or(usize::MAX)
    }

    fn table(&self, objects: &Objects<'_>, revision: i64) -> Option<Printed> {
        let source = &self.moment.source;
        let shown = (self.query.include, source.mask(false));
        (self.accept.form == Form::Table)
            .then(|| Printed::new(source, objects, self.served, revision, shown))
    }

    /// Writes some objects more.
    fn step(
        &self,
        objects: &Objects<'_>,
        listing: &Listing,
        table: Option<&Printed>,
        progress: &mut Progress,
        out: &mut Vec<u8>,
    ) {
        let left = self.limit().saturating_sub(progress.written);
        let end = progress.at.saturating_add(left.min(STRETCH));
        let stretch = listing.versions(objects, progress.at..end);
        let pieces: Vec<Piece> = stretch
            .par_iter()
            .map(|version| self.piece(objects, version, table))
            .collect();
        progress.at = end.min(listing.len());
        for piece in pieces {
            match piece {
                Ok(None) => {}
                Ok(Some(text)) => {
                    if progress.written > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(text.as_bytes());
                    progress.written = progress.written.saturating_add(1);
                }
                Err(reason) => progress.failed.reasons.push(reason),
            }
        }
    }

    fn tail(
        &self,
        objects: &Objects<'_>,
        revision: i64,
        listing: &Listing,
        progress: &Progress,
    ) -> String {
        let metadata = self.metadata(objects, revision, listing, progress.at);
        format!("],\"metadata\":{metadata}}}\n")
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
        if let Some(piece) = self.brief(objects, version, table) {
            return piece;
        }
        let shape = Shape {
            served: self.served,
            mask: self.moment.source.mask(false),
        };
        let shown = shape.object(objects, version);
        let mut object = shown.map_err(|reason| failure(version, &reason))?;
        if !selects(self.query, &object) {
            return Ok(None);
        }
        Ok(Some(match (table, self.accept.form) {
            (Some(table), _) => table.row(&object),
            (None, Form::Metadata) => metadata_text(&object),
            (None, _) => {
                // Items of a built-in list have the version and kind of the list: a typed list has none in each item.
                if let (false, Some(fields)) = (self.served.is_custom, object.as_object_mut()) {
                    fields.shift_remove("kind");
                    fields.shift_remove("apiVersion");
                }
                object.to_string()
            }
        }))
    }

    /// The same without the whole object; `None` if only that tells.
    fn brief(
        &self,
        objects: &Objects<'_>,
        version: &Version<'_>,
        table: Option<&Printed>,
    ) -> Option<Piece> {
        let parts = match (table, self.accept.form) {
            (Some(table), _) => Some(table.parts()?),
            (None, Form::Metadata) => None,
            (None, _) => return None,
        };
        if self.query.selects_fields {
            return None;
        }
        let shape = Shape {
            served: self.served,
            mask: self.moment.source.mask(false),
        };
        let failed = |reason: String| Err(failure(version, &reason));
        let metadata = match shape.metadata(objects, version)? {
            Ok(metadata) => metadata,
            Err(reason) => return Some(failed(reason)),
        };
        if !selects(self.query, &metadata.object) {
            return Some(Ok(None));
        }
        let (Some(table), Some(parts)) = (table, parts) else {
            return Some(Ok(Some(metadata.text())));
        };
        Some(match objects.flat(version, Reading::default(), parts) {
            Ok(flat) => Ok(Some(table.row_of_parts(&flat, &metadata))),
            Err(cause) => failed(cause.to_string()),
        })
    }

    /// `metadata` of the list; `at`: the first object after the page.
    pub fn metadata(
        &self,
        objects: &Objects<'_>,
        revision: i64,
        listing: &Listing,
        at: usize,
    ) -> Value {
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        let next = listing.versions(objects, at..at.saturating_add(1));
        let (Some(next), Some(fields)) = (next.first(), metadata.as_object_mut()) else {
            return metadata;
        };
        let token = Continue {
            revision,
            key: next.key.to_vec(),
        };
        fields.insert("continue".to_owned(), json!(token.token()));
        if !self.query.selects {
            // Encrypted objects that no key opens are in no page.
            let rest = listing.len().saturating_sub(at);
            let shown = rest.saturating_sub(listing.closed_from(objects, at));
            fields.insert("remainingItemCount".to_owned(), json!(shown));
        }
        metadata
    }
}

/// How many versions are encrypted, and no key at hand opens them.
pub fn closed(objects: &Objects<'_>, versions: &[Version<'_>]) -> usize {
    let versions = versions.par_iter();
    versions
        .filter(|version| objects.is_closed(version))
        .count()
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
