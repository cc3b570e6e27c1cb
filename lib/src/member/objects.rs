//! A keyspace as Kubernetes sees it: versions of keys become objects.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::cluster_release::ClusterRelease;
use super::prefixes::detect;
use super::undecodable::Undecodable;
use crate::codes::kubernetes as codes;
use crate::kubernetes::crd::Crd;
use crate::kubernetes::encryption::{Closed, Keyring, Opened};
use crate::kubernetes::key::{Key, Layout};
use crate::kubernetes::nouns::Target;
use crate::kubernetes::secret_kinds::is_secret_kind;
use crate::kubernetes::{
    Flat, Object, ObjectParts, Options, Value, WriteValue, has_read_defaults, set_read_defaults,
};
use crate::mvcc::{Directory, KeyRange, KeyValue, Keyspace, Version};
use located::Error;
use located::Limits;
use located::{FileName, Finding, Place};

/// Paths of the resources to whose objects an API server adds something when it reads them: others need not be looked at.
const WITH_READ_DEFAULTS: [&[u8]; 4] = [
    b"namespaces",
    b"persistentvolumeclaims",
    b"persistentvolumes",
    b"statefulsets",
];

/// Records that are looked at to tell whether Kubernetes wrote here.
const OLDEST: usize = 1000;

const CRDS: &str = "apiextensions.k8s.io/customresourcedefinitions";

/// A keyspace with its layout, its CRDs and the keys that open its values.
///
/// ```
/// use etcd_inspect::kubernetes::encryption::Keyring;
/// use etcd_inspect::member::{Member, Objects, Reading};
///
/// let member = Member::open("../fixtures/k8s-1.20-etcd35.tar.zst")?;
/// let limits = &member.options().evidence.limits;
/// let keyspace = member.readable_keyspace()?;
/// let objects = Objects::new(keyspace, member.db_file()?.name(), None, Keyring::default(), limits);
/// for target in objects.layout().resolve("pods") {
///     for version in objects.list(&target, Some("shop"), None)? {
///         if let Ok(object) = objects.json(&version, Reading::default()) {
///             println!("{}", object["metadata"]["name"]);
///         }
///     }
/// }
/// # Ok::<(), etcd_inspect::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    keyspace: Keyspace<'a>,
    release: Arc<ClusterRelease>,
    file: FileName,
    layout: Arc<Layout>,
    keyring: Arc<Keyring>,
    limits: Limits,
}

/// How an object is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Exactly what the bytes hold: without the `resourceVersion` and the defaults that an API server adds when it reads.
    pub stored: bool,
    /// With fields that no release names, under their number.
    pub unknown_fields: bool,
}

/// Kinds with the metadata of another object in them, which has no creation time.
const WITH_TEMPLATES: [&str; 8] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "PodTemplate",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

impl<'a> Objects<'a> {
    /// Over a keyspace; `layout` where the prefixes are known, else they are detected. The CRDs of the newest revision are
    /// read; `file` names the db in places.
    pub fn new(
        keyspace: Keyspace<'a>,
        file: &FileName,
        layout: Option<Layout>,
        keyring: Keyring,
        limits: &Limits,
    ) -> Self {
        let keyring = Arc::new(keyring);
        let layout = Self::read_layout(keyspace, file, layout, Arc::clone(&keyring), limits);
        Self::with_layout(keyspace, file, layout, keyring, limits)
    }

    /// The layout of a keyspace with its CRDs: what [`Objects::with_layout`] needs, to be kept.
    pub(crate) fn read_layout(
        keyspace: Keyspace<'a>,
        file: &FileName,
        layout: Option<Layout>,
        keyring: Arc<Keyring>,
        limits: &Limits,
    ) -> Arc<Layout> {
        let layout = layout.unwrap_or_else(|| detect(&keyspace));
        let below = |prefix: &[u8]| {
            let all = keyspace.all(&KeyRange::prefix(prefix));
            all.iter().map(|newest| newest.key).collect()
        };
        let objects = Self::with_layout(keyspace, file, Arc::new(layout), keyring, limits);
        objects.and_crds(&below).layout
    }

    /// Over a keyspace whose prefixes and CRDs are known.
    pub fn with_layout(
        keyspace: Keyspace<'a>,
        file: &FileName,
        layout: Arc<Layout>,
        keyring: Arc<Keyring>,
        limits: &Limits,
    ) -> Self {
        Self {
            keyspace,
            release: Arc::default(),
            file: file.clone(),
            layout,
            keyring,
            limits: limits.clone(),
        }
    }

    /// The same prefixes, CRDs and keys over another keyspace, such as that of the WAL.
    #[must_use]
    pub fn over<'b>(&self, keyspace: Keyspace<'b>) -> Objects<'b> {
        let (layout, keyring) = (Arc::clone(&self.layout), Arc::clone(&self.keyring));
        let over = Objects::with_layout(keyspace, &self.file, layout, keyring, &self.limits);
        Objects {
            release: Arc::clone(&self.release),
            ..over
        }
    }

    /// As [`Objects::read_layout`] if the keys are sorted already: only those of the CRDs are looked at.
    pub(crate) fn read_layout_of(
        directory: &Directory<'a>,
        file: &FileName,
        layout: Option<Layout>,
        keyring: Arc<Keyring>,
        limits: &Limits,
    ) -> Arc<Layout> {
        let keyspace = directory.keyspace();
        let layout = Arc::new(layout.unwrap_or_else(|| detect(&keyspace)));
        let below = |prefix: &[u8]| {
            let part = directory.below(prefix);
            part.map(|at| directory.key(at)).collect()
        };
        let objects = Self::with_layout(keyspace, file, layout, keyring, limits);
        objects.and_crds(&below).layout
    }

    /// Adds the CRDs, whose keys `below` finds by prefix.
    fn and_crds(mut self, below: &dyn Fn(&[u8]) -> Vec<&'a [u8]>) -> Self {
        let mut crds = Vec::new();
        for prefix in self.layout.prefixes() {
            // Deleted CRDs included: objects may have outlived them, and their names still help.
            for key in below(format!("{prefix}/{CRDS}/").as_bytes()) {
                let records = self.keyspace.records_of(key);
                let put = records.iter().rfind(|version| !version.tombstone);
                crds.extend(put.and_then(|version| {
                    Crd::from_json(&self.json(&version, Reading::default()).ok()?)
                }));
            }
        }
        if !crds.is_empty() {
            let layout = Arc::make_mut(&mut self.layout);
            for crd in crds {
                layout.add_crd(crd);
            }
        }
        self
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether Kubernetes wrote here: whether one of the oldest records is of one of its keys.
    pub fn has_kubernetes(&self) -> bool {
        let mut oldest = self.keyspace().between(0..=i64::MAX).take(OLDEST);
        oldest.any(|version| {
            let key = self.parse(version.key);
            key.is_some_and(|key| key.builtin.is_some())
        })
    }

    /// The keyspace.
    pub fn keyspace(&self) -> Keyspace<'a> {
        self.keyspace
    }

    /// Prefixes and CRDs.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The release of the newest kubelet, `v1.34.1`; `None` if no node says so. Nothing else that is stored names it.
    pub fn release(&self) -> Option<String> {
        self.release.name(self)
    }

    /// The keys that open encrypted values.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The versions of a resource's objects that are live at a revision, in byte order of their keys; of one namespace, or
    /// of all.
    ///
    /// # Errors
    /// As [`Keyspace::at`].
    pub fn list(
        &self,
        target: &Target,
        namespace: Option<&str>,
        revision: Option<i64>,
    ) -> Result<Vec<Version<'a>>, Error> {
        let numbers = self.list_numbers(target, namespace, revision)?;
        let records = numbers.iter();
        Ok(records
            .filter_map(|number| self.keyspace.record(*number))
            .collect())
    }

    /// The same as numbers of records: small, and good for [`Keyspace::record`] as long as the index lives.
    ///
    /// # Errors
    /// As [`Keyspace::at`].
    pub fn list_numbers(
        &self,
        target: &Target,
        namespace: Option<&str>,
        revision: Option<i64>,
    ) -> Result<Vec<u32>, Error> {
        let mut found = Vec::new();
        for range in self.ranges(target, namespace) {
            let live = self.keyspace.live(&range, revision)?;
            let is_own = |number: &u32| {
                let record = self.keyspace.record(*number);
                record.is_some_and(|version| self.belongs(version.key, target))
            };
            found.extend(live.numbers().iter().copied().filter(is_own));
        }
        Ok(found)
    }

    /// The keys of [`Objects::list`]: `each` is given them in that order, one list for every prefix.
    ///
    /// # Errors
    /// As [`Keyspace::at`].
    pub fn list_names(
        &self,
        target: &Target,
        namespace: Option<&str>,
        revision: Option<i64>,
        each: &mut dyn FnMut(Key<'_>),
    ) -> Result<(), Error> {
        for range in self.ranges(target, namespace) {
            let names = self.keyspace.live_names(&range, revision)?;
            let parsed = names.iter().filter_map(|key| self.parse(key));
            parsed
                .filter(|key| key.path == target.path)
                .for_each(&mut *each);
        }
        Ok(())
    }

    /// The path of a resource's objects, for each prefix.
    fn ranges(&self, target: &Target, namespace: Option<&str>) -> Vec<KeyRange> {
        let namespace = namespace.filter(|_| target.namespaced != Some(false));
        let below = |prefix| match namespace {
            Some(namespace) => format!("{prefix}/{}/{namespace}/", target.path),
            None => format!("{prefix}/{}/", target.path),
        };
        let prefixes = self.layout.prefixes().map(below);
        prefixes
            .map(|below| KeyRange::prefix(below.as_bytes()))
            .collect()
    }

    /// Returns whether a key below a resource's path is one of its objects: `services` has no path of its own, and
    /// `/registry/a.io` may be a prefix within another.
    fn belongs(&self, key: &[u8], target: &Target) -> bool {
        self.layout
            .parse(key)
            .is_some_and(|parsed| parsed.path == target.path)
    }

    /// The keys that an object of that name can have, existing or not: one for every prefix.
    pub fn keys_of(&self, target: &Target, namespace: Option<&str>, name: &str) -> Vec<Vec<u8>> {
        let namespace = namespace
            .filter(|_| target.namespaced != Some(false))
            .map(|namespace| format!("{namespace}/"));
        let key = |prefix| {
            format!(
                "{prefix}/{}/{}{name}",
                target.path,
                namespace.as_deref().unwrap_or("")
            )
        };
        self.layout
            .prefixes()
            .map(key)
            .map(String::into_bytes)
            .collect()
    }

    /// The keys below a resource's path, deleted ones included, that have this name, in any namespace.
    pub fn named(&self, target: &Target, name: &str) -> Vec<&'a [u8]> {
        let mut found = Vec::new();
        for prefix in self.layout.prefixes() {
            let range = KeyRange::prefix(format!("{prefix}/{}/", target.path).as_bytes());
            let all = self.keyspace.all(&range);
            let is_named = |key: &[u8]| {
                self.layout
                    .parse(key)
                    .is_some_and(|parsed| parsed.path == target.path && parsed.name == name)
            };
            found.extend(
                all.iter()
                    .map(|version| version.key)
                    .filter(|key| is_named(key)),
            );
        }
        found
    }

    /// Registry paths of every key of which anything is retained, each once: what nouns can mean beside the known ones.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for version in self.keyspace.all(&KeyRange::all()).iter() {
            let Some(path) = self
                .layout
                .resource(version.key)
                .and_then(|path| std::str::from_utf8(path).ok())
            else {
                continue;
            };
            if paths.last().is_none_or(|last| last != path) {
                paths.push(path.to_owned());
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    /// A value without its encryption; `None`: it is not encrypted.
    ///
    /// # Errors
    /// [`Closed`] with every key tried.
    pub fn open(&self, key: &[u8], value: &[u8]) -> Result<Option<Opened>, Closed> {
        self.keyring.open(key, self.parse(key).as_ref(), value)
    }

    /// A key taken apart.
    pub fn parse<'k>(&self, key: &'k [u8]) -> Option<Key<'k>> {
        self.layout.parse(key)
    }

    /// The object of a version.
    ///
    /// # Errors
    /// [`Undecodable`] with cause and place.
    pub fn json(&self, version: &Version<'_>, reading: Reading) -> Result<Json, Undecodable> {
        self.read(version, reading, |object| {
            let mut tree = object.into_json()?;
            if !reading.stored {
                set_read_defaults(&mut tree);
            }
            Ok(tree)
        })
    }

    /// At least these parts of the object of a version: much faster than the whole, and with the same faults.
    ///
    /// # Errors
    /// As [`Objects::json`].
    pub fn flat(
        &self,
        version: &Version<'_>,
        reading: Reading,
        parts: &ObjectParts,
    ) -> Result<Flat, Undecodable> {
        if self.has_read_defaults(version, reading) {
            return self.json(version, reading).map(|tree| Flat::of_tree(&tree));
        }
        self.read(version, reading, |object| object.flat(parts))
    }

    /// What `odd` writes for [`Objects::json`], made without a tree; `None` if only the tree tells.
    ///
    /// # Errors
    /// As [`Objects::json`].
    pub fn line(
        &self,
        version: &Version<'_>,
        reading: Reading,
        odd: WriteValue,
    ) -> Result<Option<String>, Undecodable> {
        if self.has_read_defaults(version, reading) {
            return Ok(None);
        }
        let mut line = Vec::with_capacity(2 * version.message.len());
        let is_exact = self.read(version, reading, |object| object.write_line(odd, &mut line))?;
        Ok(String::from_utf8(line).ok().filter(|_| is_exact))
    }

    /// Whether [`Objects::json`] leaves out fields of a version because no release names them.
    pub fn leaves_out_fields(&self, version: &Version<'_>, reading: Reading) -> bool {
        let all = Reading {
            unknown_fields: true,
            ..reading
        };
        let is_known = self.read(version, reading, |object| Ok(object.is_known()));
        !reading.unknown_fields
            && !matches!(is_known, Ok(true))
            && matches!(
                (self.json(version, all), self.json(version, reading)),
                (Ok(all), Ok(shown)) if all != shown
            )
    }

    /// Whether an object is more than its stored bytes as an API server reads them: only the tree has it all.
    fn has_read_defaults(&self, version: &Version<'_>, reading: Reading) -> bool {
        let path = self.layout.resource(version.key).unwrap_or_default();
        !reading.stored
            && WITH_READ_DEFAULTS.contains(&path)
            && (self.read(version, reading, |object| {
                Ok(has_read_defaults(object.api_version(), object.kind()))
            }))
            .is_ok_and(|has| has)
    }

    fn read<T>(
        &self,
        version: &Version<'_>,
        reading: Reading,
        make: impl FnOnce(Object<'_>) -> Result<T, Error>,
    ) -> Result<T, Undecodable> {
        if version.tombstone {
            return Err(Undecodable::Deleted);
        }
        let kv = version.key_value().map_err(Undecodable::Record)?;
        let start = version.value_offset(&kv);
        self.value(&kv, start, version.revision.main, reading, make)
    }

    fn value<T>(
        &self,
        kv: &KeyValue<'_>,
        start: Option<u64>,
        revision: i64,
        reading: Reading,
        make: impl FnOnce(Object<'_>) -> Result<T, Error>,
    ) -> Result<T, Undecodable> {
        let opened = self.open(kv.key, kv.value).map_err(Undecodable::Closed)?;
        let plain = opened
            .as_ref()
            .map_or(kv.value, |opened| opened.plain.as_slice());
        let mut encoding = "protobuf";
        let read = || -> Result<T, Error> {
            let value = Value::parse_at(plain, &Place::at(&self.file, 0))?;
            encoding = value.encoding();
            let options = Options {
                resource_version: (!reading.stored).then_some(revision),
                unknown_fields: reading.unknown_fields,
                limits: self.limits.clone(),
                place: Some(Place::at(&self.file, 0)),
                ..Options::default()
            };
            let mut object = value.object(options)?;
            if !reading.stored && WITH_TEMPLATES.contains(&object.kind()) {
                object.set_zero_times(self.release.get(self).is_some_and(|minor| minor < 35));
            }
            if object.kind().is_empty() && object.api_version().is_empty() {
                return Err(Error::Malformed {
                    what: "object.kind",
                    place: Place::file(&self.file),
                    seen: "neither kind nor apiVersion".to_owned(),
                });
            }
            if let Some(secret) = self.is_of_secret(kv.key, object.kind()) {
                return Err(Error::Malformed {
                    what: "kind",
                    place: Place::file(&self.file),
                    seen: format!(
                        "{:?} under the key of a {secret}: an API server cannot read it, and it may be as secret",
                        object.kind()
                    ),
                });
            }
            make(object)
        };
        read().map_err(|error| {
            // The offset of a byte in the plaintext is no offset in the file.
            let start = start.map(|start| (start, opened.is_none()));
            self.undecodable(error, encoding, start)
        })
    }

    /// The kind that is secret by nature and whose key has an object of a kind that is not: what is secret in it is not known.
    fn is_of_secret(&self, key: &[u8], kind: &str) -> Option<&'static str> {
        // One of these is in each such key; the rest is seldom asked.
        let has = |word: &str| memchr::memmem::find(key, word.as_bytes()).is_some();
        if !(has("secrets/") || has("oauth")) || is_secret_kind(kind) {
            return None;
        }
        let expected = self.parse(key)?.builtin?.kind;
        is_secret_kind(expected).then_some(expected)
    }

    /// Names what stopped the reading of a value that begins at `start` in the file; whether offsets in the value count from
    /// there.
    fn undecodable(
        &self,
        error: Error,
        encoding: &'static str,
        start: Option<(u64, bool)>,
    ) -> Undecodable {
        let (why, at) = match error {
            Error::Limit { limit, option, .. } => return Undecodable::over_limit(limit, option),
            Error::Truncated {
                what,
                need,
                have,
                place,
            } => (
                format!("{what} needs {need} bytes, {have} are left"),
                place.offset,
            ),
            Error::Malformed { what, seen, place } => (format!("{what}: {seen}"), place.offset),
            other => (other.to_string(), None),
        };
        let place = start.map(|(start, is_plain)| {
            let within = at.filter(|_| is_plain).unwrap_or(0);
            Place::at(&self.file, start.saturating_add(within))
        });
        Undecodable::Value {
            encoding,
            why,
            at: at.and_then(|at| usize::try_from(at).ok()),
            place,
        }
    }

    /// What [`Objects::json`] could not read, as a finding with the place of the bad byte.
    pub fn finding(&self, version: &Version<'_>, cause: &Undecodable) -> Finding {
        let code = match cause {
            Undecodable::Closed(closed) if closed.lacks_key() => &codes::CLOSED,
            Undecodable::Closed(_) => &codes::SEAL_BROKEN,
            over if over.is_over_limit() => &located::codes::error::LIMIT,
            _ => &codes::UNDECODABLE,
        };
        let place = match cause {
            Undecodable::Value {
                place: Some(place), ..
            } => place.clone(),
            _ => version
                .offset
                .map_or_else(|| Place::file(&self.file), |at| Place::at(&self.file, at)),
        };
        let key = crate::raft::key_in_message(version.key);
        let message = match cause {
            Undecodable::Closed(closed) => {
                format!(
                    "{key} at revision {} is {}",
                    version.revision,
                    closed.cause()
                )
            }
            _ => format!("{key} at revision {} is {cause}", version.revision),
        };
        Finding::new(code, place, message).key(version.key)
    }

    /// The newest time in the data, as of a revision: what ages are relative to. The write of that revision did not happen before it.
    pub fn newest_time(&self, revision: Option<i64>) -> Option<Timestamp> {
        let revision = revision.unwrap_or(i64::MAX);
        self.clock_near([revision]).newest_time(revision)
    }
}
