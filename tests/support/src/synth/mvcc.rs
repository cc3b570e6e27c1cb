//! Records of etcd's `key` bucket: revision keys and `mvccpb.KeyValue` messages, field by field.

/// A stored key: big-endian main, `_`, big-endian sub.
#[must_use]
pub fn revision(main: u64, sub: u64) -> Vec<u8> {
    let mut key = main.to_be_bytes().to_vec();
    key.push(b'_');
    key.extend(sub.to_be_bytes());
    key
}

/// A stored key of a deletion: a revision followed by `t`.
#[must_use]
pub fn tombstone(main: u64, sub: u64) -> Vec<u8> {
    let mut key = revision(main, sub);
    key.push(b't');
    key
}

/// A `KeyValue` as etcd writes it: zero and empty fields left out.
#[derive(Clone, Debug, Default)]
pub struct KeyValue {
    /// User key.
    pub key: Vec<u8>,
    /// Revision at which the key last came to life.
    pub create_revision: i64,
    /// Revision of this write.
    pub mod_revision: i64,
    /// Writes since creation, 1 for the first.
    pub version: i64,
    /// Value.
    pub value: Vec<u8>,
    /// Lease id, 0 for none.
    pub lease: i64,
}

impl KeyValue {
    /// The message of a tombstone: the user key and nothing else.
    #[must_use]
    pub fn deleted(key: &[u8]) -> Self {
        Self {
            key: key.to_vec(),
            ..Self::default()
        }
    }

    /// Protobuf bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        bytes(&mut out, 1, &self.key);
        number(&mut out, 2, self.create_revision);
        number(&mut out, 3, self.mod_revision);
        number(&mut out, 4, self.version);
        bytes(&mut out, 5, &self.value);
        number(&mut out, 6, self.lease);
        out
    }
}

/// A base-128 varint.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: i64) {
    if value != 0 {
        varint(out, field << 3);
        varint(out, value as u64);
    }
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    if !value.is_empty() {
        varint(out, field << 3 | 2);
        varint(out, value.len() as u64);
        out.extend(value);
    }
}

/// A keyspace under construction: writes become records with the revisions, versions and creations that etcd would give them.
#[derive(Clone, Debug)]
pub struct Keyspace {
    revision: u64,
    live: std::collections::BTreeMap<Vec<u8>, (i64, i64)>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Default for Keyspace {
    fn default() -> Self {
        Self {
            revision: 1,
            live: std::collections::BTreeMap::new(),
            records: Vec::new(),
        }
    }
}

impl Keyspace {
    /// An empty store at revision 1, as etcd starts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One put in a transaction of its own; returns its revision.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> u64 {
        self.put_leased(key, value, 0)
    }

    /// One put with a lease attached.
    pub fn put_leased(&mut self, key: &[u8], value: &[u8], lease: i64) -> u64 {
        self.transaction(&[(key, Some(value))], lease)
    }

    /// One deletion; returns its revision.
    pub fn delete(&mut self, key: &[u8]) -> u64 {
        self.transaction(&[(key, None)], 0)
    }

    /// Several puts (with a value) and deletions (without) at one revision, sub-revisions 0, 1, 2 …
    pub fn transaction(&mut self, ops: &[(&[u8], Option<&[u8]>)], lease: i64) -> u64 {
        self.revision += 1;
        let main = self.revision;
        for (sub, (key, value)) in ops.iter().enumerate() {
            match value {
                Some(value) => {
                    let (create, version) = self
                        .live
                        .get(*key)
                        .map_or((main as i64, 1), |(create, version)| (*create, version + 1));
                    self.live.insert(key.to_vec(), (create, version));
                    let record = KeyValue {
                        key: key.to_vec(),
                        create_revision: create,
                        mod_revision: main as i64,
                        version,
                        value: value.to_vec(),
                        lease,
                    };
                    self.records
                        .push((revision(main, sub as u64), record.encode()));
                }
                None => {
                    self.live.remove(*key);
                    self.records
                        .push((tombstone(main, sub as u64), KeyValue::deleted(key).encode()));
                }
            }
        }
        main
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All records, ascending: the content of the `key` bucket.
    #[must_use]
    pub fn records(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.records.clone()
    }
}
