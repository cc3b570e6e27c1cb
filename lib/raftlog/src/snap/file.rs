//! The envelope of a `.snap` file: snappb.snapshot around raftpb.Snapshot.
//!
//! ```text
//!  08 crc(varint)   CRC-32C of data, not chained          server/etcdserver/api/snap/snappb/snap.proto, v3.5.30
//!  12 len data      raftpb.Snapshot { 1: v2 store JSON, 2: metadata { 1: ConfState, 2: index, 3: term } }
//! ```

use prost::Message as _;

use super::{ConfState, SnapName, SnapPart};
use crate::raft::Snapshot;
use located::wire::{Fields, Value};
use located::{Bytes, Error, FileName, Place, RaftIndex, Term};

/// A raft snapshot file.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapFile {
    /// The file.
    pub file: FileName,
    /// Term and index in its name.
    pub name: Option<SnapName>,
    /// Length of the file.
    pub len_bytes: u64,
    /// The checksum in the file; etcd treats 0 as an empty file.
    pub crc_stored: u32,
    /// The checksum of its content.
    pub crc_computed: u32,
    /// Offset of the content (raftpb.Snapshot).
    pub data_at: u64,
    /// Index of the last entry that the snapshot contains.
    pub index: RaftIndex,
    /// The term of that entry.
    pub term: Term,
    /// The configuration after that entry.
    pub conf_state: ConfState,
    /// The v2 store: JSON of members, cluster version, v2 keys. See [`Store`](super::Store).
    pub store_json: Vec<u8>,
}

impl SnapFile {
    /// Parses a file. A wrong checksum is not an error; see [`SnapFile::is_intact`].
    ///
    /// # Errors
    /// [`Error::Malformed`] if the envelope or its content is not protobuf, [`Error::Truncated`] if the file is empty.
    pub fn parse(bytes: &Bytes<'_>) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(bytes.truncated(0, 1, "snap"));
        }
        let (mut crc_stored, mut data_at, mut data) = (0, 0, &[][..]);
        for field in Fields::new(bytes.as_slice()) {
            let field = field.map_err(|why| bytes.malformed(0, "snap.envelope", why))?;
            match (field.number, field.value) {
                (1, Value::Varint(crc)) => {
                    crc_stored = u32::try_from(crc & 0xffff_ffff).unwrap_or_default();
                }
                (2, Value::Bytes(content)) => {
                    data = content;
                    data_at = field.at;
                }
                (1 | 2, _) => {
                    return Err(bytes.malformed(
                        0,
                        "snap.envelope",
                        "a field has the wrong wire type",
                    ));
                }
                _ => {}
            }
        }
        let snapshot = Snapshot::decode(data)
            .map_err(|error| bytes.malformed(data_at, "snap.data", error.to_string()))?;
        let metadata = snapshot.metadata.unwrap_or_default();
        Ok(Self {
            file: bytes.file().clone(),
            name: match SnapPart::from_path(bytes.file().as_str()) {
                SnapPart::Snap(name) | SnapPart::Broken(name) => name,
                _ => None,
            },
            len_bytes: bytes.len() as u64,
            crc_stored,
            crc_computed: crc32c::crc32c(data),
            data_at: data_at as u64,
            index: RaftIndex(metadata.index),
            term: Term(metadata.term),
            conf_state: metadata.conf_state.unwrap_or_default(),
            store_json: snapshot.data,
        })
    }

    /// Returns whether etcd accepts the file: the checksum matches and is not 0.
    ///
    /// Source: Read in `server/etcdserver/api/snap/snapshotter.go`, v3.5.30.
    pub fn is_intact(&self) -> bool {
        self.crc_stored == self.crc_computed && self.crc_stored != 0
    }

    /// Returns the place of the file.
    pub fn place(&self) -> Place {
        Place::file(&self.file).with_index(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::SnapshotMetadata;

    fn file(crc_flip: u32) -> Vec<u8> {
        let snapshot = Snapshot {
            data: b"{}".to_vec(),
            metadata: Some(SnapshotMetadata {
                index: 101,
                term: 2,
                ..SnapshotMetadata::default()
            }),
        };
        let data = snapshot.encode_to_vec();
        let mut bytes = vec![0x08];
        prost::encoding::encode_varint(u64::from(crc32c::crc32c(&data) ^ crc_flip), &mut bytes);
        bytes.extend([0x12, data.len() as u8]);
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_wrong_checksum_is_read_and_reported() {
        let name = FileName::new("0000000000000002-0000000000000065.snap");
        let good = file(0);
        let snap = SnapFile::parse(&Bytes::new(&name, 0, &good)).unwrap();
        assert_eq!(
            (snap.index, snap.term, snap.is_intact()),
            (RaftIndex(101), Term(2), true)
        );
        assert_eq!(
            snap.name,
            Some(SnapName {
                term: Term(2),
                index: RaftIndex(101)
            })
        );
        let bad = file(1);
        assert!(
            !SnapFile::parse(&Bytes::new(&name, 0, &bad))
                .unwrap()
                .is_intact()
        );
    }

    #[test]
    fn an_empty_file_and_any_cut_are_errors_or_wrong_checksums() {
        let name = FileName::new("a.snap");
        let good = file(0);
        for cut in 0..good.len() {
            let snap = SnapFile::parse(&Bytes::new(&name, 0, &good[..cut]));
            assert!(!snap.is_ok_and(|snap| snap.is_intact()), "cut at {cut}");
        }
    }
}
