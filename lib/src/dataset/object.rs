//! What is stored under a key, owned.

use serde::Serialize;
use serde_json::Value as Json;

use crate::answers::Key;
use crate::mvcc::Version;
use located::Error;
use located::{FileName, MainRevision, Place};

/// One key with its value, as etcd's `mvccpb.KeyValue` has them.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoredValue {
    /// The user's key.
    #[serde(flatten)]
    pub key: Key,
    /// Revision at which the key last came to life.
    pub create_revision: MainRevision,
    /// Revision of this write.
    pub mod_revision: MainRevision,
    /// Number of writes since the creation; 1 for the first.
    pub version: i64,
    /// Lease id; 0 for none.
    pub lease: i64,
    /// The value; serialized are only its bytes' count, because it may be a secret.
    #[serde(rename = "value_bytes", serialize_with = "length")]
    pub value: Vec<u8>,
}

fn length<S: serde::Serializer>(value: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(value.len() as u64)
}

/// With the length of the value in its stead: it may be a secret.
impl std::fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredValue")
            .field("key", &self.key)
            .field("mod_revision", &self.mod_revision)
            .field("value_bytes", &self.value.len())
            .finish_non_exhaustive()
    }
}

impl StoredValue {
    /// Copies a version out of the evidence.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the record breaks.
    pub fn from_version(version: &Version<'_>, file: &FileName) -> Result<Self, Error> {
        let kv = version.key_value().map_err(|flaw| Error::Malformed {
            what: "KeyValue",
            place: version.offset.map_or_else(
                || Place::file(file),
                |offset| Place::at(file, offset.saturating_add(flaw.at as u64)),
            ),
            seen: flaw.to_string(),
        })?;
        Ok(Self {
            key: Key::new(version.key),
            create_revision: kv.create_revision.into(),
            mod_revision: version.revision.main.into(),
            version: kv.version,
            lease: kv.lease,
            value: kv.value.to_vec(),
        })
    }
}

/// A Kubernetes object with the key and revisions it is stored under.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Object {
    /// The etcd key.
    #[serde(flatten)]
    pub key: Key,
    /// Revision at which the object was created.
    pub create_revision: MainRevision,
    /// Revision of the last write; `metadata.resourceVersion`.
    pub mod_revision: MainRevision,
    /// Number of writes since the creation.
    pub version: i64,
    /// The object as the API server would print it; secrets are not hidden.
    pub object: Json,
}

impl Object {
    /// `metadata.name`; empty if the object has none.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`; empty if the object has none.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// The object as a type of `k8s-openapi`, or any other that serde can read.
    ///
    /// # Errors
    /// If the object does not fit `K`.
    pub fn typed<K: serde::de::DeserializeOwned>(&self) -> Result<K, serde_json::Error> {
        K::deserialize(&self.object)
    }

    fn text(&self, pointer: &str) -> &str {
        let value = self.object.pointer(pointer);
        value.and_then(Json::as_str).unwrap_or_default()
    }
}
