//! How the rows of each table are found and read: one file for each kind of row.

pub(crate) mod answers;
mod columns;
pub(crate) mod fields;
pub(crate) mod keys;
pub(crate) mod log;
pub(crate) mod objects;
pub(crate) mod versions;

use base64::Engine as _;
use etcd_inspect::kubernetes::mask::{shown_name, without_token};
use etcd_inspect::kubernetes::resources::RESOURCES;
use etcd_inspect::member::Objects;
use etcd_inspect::mvcc::{KeyRange, Version};

use crate::definition::{Column, Wanted};
use crate::filter::{Filter, resource_name};
use crate::source::{Source, TableError, Times};
use crate::value::{Row, Value};

/// The ranges that contain every key that a filter leaves.
pub(crate) fn ranges(objects: &Objects<'_>, filter: &Filter) -> Vec<KeyRange> {
    if let Some(prefix) = &filter.prefix {
        return vec![KeyRange::prefix(prefix)];
    }
    let paths = filter
        .resource
        .as_deref()
        .and_then(|name| paths(objects, name));
    let Some(paths) = paths else {
        return vec![KeyRange::all()];
    };
    let below = |path: &String| {
        let prefixes = objects.layout().prefixes();
        prefixes
            .map(|prefix| format!("{prefix}/{path}/"))
            .collect::<Vec<_>>()
    };
    let prefixes = paths.iter().flat_map(below);
    prefixes
        .map(|prefix| KeyRange::prefix(prefix.as_bytes()))
        .collect()
}

/// The registry paths of a resource; `None` if nothing knows it, and every key has to be looked at.
fn paths(objects: &Objects<'_>, name: &str) -> Option<Vec<String>> {
    if let Some((plural, group)) = name.split_once('.') {
        let path = format!("{group}/{plural}");
        return objects.layout().crd(&path).is_some().then(|| vec![path]);
    }
    let named = RESOURCES.iter().filter(|resource| resource.plural == name);
    let paths: Vec<String> = named.map(|resource| resource.path.to_owned()).collect();
    (!paths.is_empty()).then_some(paths)
}

/// The numbers of the live versions that a filter leaves, in byte order of their keys.
pub(crate) fn live(source: &Source, filter: &Filter) -> Result<Vec<u32>, TableError> {
    let objects = source.objects()?;
    let keyspace = objects.keyspace();
    let at = keyspace.at(source.revision())?;
    if let Some(key) = &filter.key {
        // A table of one resource asks for it beside the key: a key of another is none of its rows.
        if !fits(&objects, filter, key) {
            return Ok(Vec::new());
        }
        let records = keyspace.records_of(key);
        let numbered = records.numbers().iter().zip(records.iter());
        let newest = numbered.rfind_at(at);
        return Ok(newest.into_iter().collect());
    }
    let mut numbers = Vec::new();
    for range in ranges(&objects, filter) {
        let live = keyspace.live(&range, source.revision())?;
        let fits = |version: &Version<'_>| fits(&objects, filter, version.key);
        match *filter == Filter::default() {
            true => numbers.extend_from_slice(live.numbers()),
            false => numbers.extend(
                live.numbers()
                    .iter()
                    .zip(live.iter())
                    .filter(|(_, version)| fits(version))
                    .map(|(number, _)| *number),
            ),
        }
    }
    Ok(numbers)
}

/// Finds the version that is live at a revision among those of one key, oldest first.
trait LiveAt {
    fn rfind_at(self, at: i64) -> Option<u32>;
}

impl<'n, 'a, I: Iterator<Item = (&'n u32, Version<'a>)>> LiveAt for I {
    fn rfind_at(self, at: i64) -> Option<u32> {
        let newest = self
            .take_while(|(_, version)| version.revision.main <= at)
            .last();
        newest
            .filter(|(_, version)| !version.tombstone)
            .map(|(number, _)| *number)
    }
}

/// When the rows of some records were written, if a column of it is asked for.
pub(crate) fn times<'s>(
    source: &'s Source,
    objects: &Objects<'_>,
    numbers: &[u32],
    (columns, wanted): (&[Column], Wanted),
) -> Times<'s> {
    let keyspace = objects.keyspace();
    let revisions: Vec<i64> = match Writer::new(columns, wanted).wants(&columns::OF_TIME) {
        true => {
            let records = numbers.iter().filter_map(|number| keyspace.record(*number));
            records.map(|version| version.revision.main).collect()
        }
        false => Vec::new(),
    };
    source.times(objects, &revisions)
}

/// Whether a filter leaves a key.
pub(crate) fn fits(objects: &Objects<'_>, filter: &Filter, key: &[u8]) -> bool {
    // The conditions are on the text that a row shows.
    (!filter.is_of_keys()
        || filter.has_key(String::from_utf8_lossy(&without_token(key)).as_bytes()))
        && (!filter.is_of_objects() || filter.has_object(objects.parse(key).as_ref()))
}

/// Writes the cells of one row by the names of its columns; those that are not asked for are not made.
pub(crate) struct Writer<'c> {
    columns: &'c [Column],
    wanted: Wanted,
    row: Row,
    /// The column after the one that was put last: nearly always the next one.
    next: usize,
}

impl<'c> Writer<'c> {
    pub(crate) fn new(columns: &'c [Column], wanted: Wanted) -> Self {
        Self {
            columns,
            wanted,
            row: vec![Value::Null; columns.len()],
            next: 0,
        }
    }

    /// Whether any of the columns is asked for.
    pub(crate) fn wants(&self, names: &[&str]) -> bool {
        let mut columns = self.columns.iter().enumerate();
        columns.any(|(at, column)| self.wanted.has(at) && names.contains(&column.name))
    }

    pub(crate) fn put(&mut self, name: &str, value: impl Into<Value>) {
        let is_it = |at: &usize| self.columns.get(*at).is_some_and(|one| one.name == name);
        let at = (self.next..self.columns.len())
            .chain(0..self.next)
            .find(is_it);
        self.next = at.map_or(0, |at| at.saturating_add(1));
        if let Some(place) = at
            .filter(|at| self.wanted.has(*at))
            .and_then(|at| self.row.get_mut(at))
        {
            *place = value.into();
        }
    }

    /// `key`, or `key_b64` if it is not UTF-8, and what the key says of a Kubernetes object.
    pub(crate) fn put_key(&mut self, objects: &Objects<'_>, key: &[u8]) {
        match std::str::from_utf8(&without_token(key)) {
            Ok(text) => self.put("key", text),
            Err(_) => self.put(
                "key_b64",
                base64::engine::general_purpose::STANDARD.encode(key),
            ),
        }
        if !self.wants(&["resource", "namespace", "name"]) {
            return;
        }
        if let Some(parsed) = objects.parse(key) {
            self.put("resource", resource_name(&parsed));
            self.put("namespace", parsed.namespace);
            self.put("name", shown_name(key, parsed.name).as_ref());
        }
    }

    /// When a revision was written.
    pub(crate) fn put_time(&mut self, times: &Times<'_>, revision: i64) {
        if !self.wants(&columns::OF_TIME) {
            return;
        }
        if let Some(time) = times.time_of(revision) {
            self.put("time", etcd_inspect::text::time::rfc3339_millis(time.time));
            self.put(
                "uncertainty_s",
                time.uncertainty_s().map(Value::Real).unwrap_or_default(),
            );
            self.put("time_source", time.source.as_str());
        }
    }

    pub(crate) fn finish(self) -> Row {
        self.row
    }
}

/// A lease as etcdctl writes it: 16 hexadecimal digits; nothing for no lease.
pub(crate) fn lease(id: i64) -> Value {
    match id {
        0 => Value::Null,
        id => Value::Text(format!("{:016x}", id.cast_unsigned())),
    }
}
