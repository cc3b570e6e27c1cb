//! The same evidence with other bytes in some places: what a corrected copy would hold, without writing one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Evidence;
use super::file::{ByteSource, File, Role};
use super::locate::Inventory;
use super::platform;
use super::read::Reader;

/// Bytes that are read instead of those that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteChange {
    /// The file, below the evidence.
    pub file: PathBuf,
    /// Offset of the first byte.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Reads a file, and the changes over it.
pub(super) struct Changed {
    base: Arc<dyn Reader>,
    changes: Arc<[ByteChange]>,
}

impl Changed {
    pub(super) fn new(base: Arc<dyn Reader>, changes: &Arc<[ByteChange]>) -> Self {
        Self {
            base,
            changes: Arc::clone(changes),
        }
    }
}

impl Reader for Changed {
    fn size(&self) -> io::Result<u64> {
        self.base.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.base.read_at(buffer, offset)?;
        let end = offset.saturating_add(read as u64);
        for change in self.changes.iter() {
            for (at, byte) in (change.offset..).zip(&change.bytes) {
                let position = at.checked_sub(offset).filter(|_| at < end);
                let position = position.and_then(|at| usize::try_from(at).ok());
                if let Some(place) = position.and_then(|at| buffer.get_mut(at)) {
                    *place = *byte;
                }
            }
        }
        Ok(read)
    }

    fn next_data(&self, offset: u64) -> Option<u64> {
        let changed = self.changes.iter();
        let changed = changed.filter(|change| {
            let end = change.offset.saturating_add(change.bytes.len() as u64);
            end > offset
        });
        let changed = changed.map(|change| change.offset.max(offset)).min();
        match (self.base.next_data(offset), changed) {
            (Some(data), Some(changed)) => Some(data.min(changed)),
            (data, changed) => data.or(changed),
        }
    }
}

impl Evidence {
    /// The same evidence with a received db in the place of the db: what etcd makes of them before it opens the store. Source:
    /// `OpenSnapshotBackend` in `server/storage/backend.go`, v3.5.30.
    pub fn with_received_db(&self, received: &File) -> Self {
        let relative = match self.db() {
            Some(db) => db.relative().to_owned(),
            None => received.relative().with_file_name("db"),
        };
        let others = self.found.files.iter();
        let others =
            others.filter(|file| file.role() != Role::Db && file.relative() != received.relative());
        let mut files: Vec<File> = others
            .map(|file| file.with_source(file.source().clone()))
            .collect();
        files.push(received.as_db(relative));
        files.sort_by_key(File::role);
        self.with_files(files)
    }

    /// The db or backup file alone, as if nothing else was given.
    #[must_use]
    pub fn db_alone(&self) -> Self {
        let db = self.db().map(|db| db.with_source(db.source().clone()));
        let kind = db
            .as_ref()
            .map_or(self.kind, |db| super::Kind::of_db(db.size()));
        Self {
            kind,
            wal_dir: None,
            ..self.with_files(db.into_iter().collect())
        }
    }

    /// The same evidence with changes. Of a file on a disk only the changed pages take memory; one of an archive is copied.
    ///
    /// # Errors
    /// A file that is changed cannot be opened.
    pub fn with_changes(&self, changes: &[ByteChange]) -> io::Result<Self> {
        let mut files = Vec::new();
        for file in &self.found.files {
            let own: Vec<ByteChange> = changes
                .iter()
                .filter(|change| change.file == file.relative())
                .cloned()
                .collect();
            let own: Arc<[ByteChange]> = own.into();
            let source = match file.source() {
                same if own.is_empty() => same.clone(),
                ByteSource::Disk(path) => ByteSource::Changed(path.clone(), own),
                other => ByteSource::Reader(Arc::new(Changed::new(reader(other)?, &own))),
            };
            files.push(file.with_source(source));
        }
        Ok(self.with_files(files))
    }

    fn with_files(&self, files: Vec<File>) -> Self {
        Self {
            path: self.path.clone(),
            name: self.name.clone(),
            kind: self.kind,
            archived: self.archived,
            holders: self.holders.clone(),
            found: Arc::new(Inventory {
                files,
                ..Inventory::default()
            }),
            wal_dir: self.wal_dir.clone(),
            layers: self.layers.clone(),
            lasting: self.lasting.clone(),
            saved: self.saved.clone(),
        }
    }
}

fn reader(source: &ByteSource) -> io::Result<Arc<dyn Reader>> {
    Ok(match source {
        ByteSource::Disk(path) => Arc::new(platform::open(path)?),
        ByteSource::Changed(path, changes) => {
            Arc::new(Changed::new(Arc::new(platform::open(path)?), changes))
        }
        ByteSource::Reader(reader) => Arc::clone(reader),
        #[cfg(feature = "archives")]
        ByteSource::Stored(store) => Arc::new(store.as_slice().to_vec()),
        #[cfg(feature = "archives")]
        ByteSource::NotKept => return Err(io::ErrorKind::Unsupported.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Kind;

    #[test]
    fn changed_bytes_are_read_and_the_others_are_as_before() {
        let files = [
            ("member/snap/db", vec![1u8; 9000]),
            (
                "member/wal/0000000000000000-0000000000000000.wal",
                vec![2u8; 10],
            ),
        ];
        let evidence = Evidence::of_readers("made up", Kind::DataDir, files);
        let change = |offset, bytes: &[u8]| ByteChange {
            file: PathBuf::from("member/snap/db"),
            offset,
            bytes: bytes.to_vec(),
        };
        let changed = evidence
            .with_changes(&[change(8, b"xy"), change(8999, b"zz")])
            .unwrap();
        let db = changed.db().unwrap().bytes().unwrap();
        let mut expected = vec![1u8; 9000];
        expected[8..10].copy_from_slice(b"xy");
        expected[8999] = b'z';
        assert!(db.as_slice() == expected);
        assert_eq!(changed.wal()[0].bytes().unwrap().as_slice(), [2u8; 10]);
        assert!(evidence.db().unwrap().bytes().unwrap().as_slice() == vec![1u8; 9000]);
    }
}
