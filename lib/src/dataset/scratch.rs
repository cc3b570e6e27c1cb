//! A store that can be written: what is written is in memory, over the evidence, and are lost at the end.

use crate::answers::{KeyValue, Keyspace};
use crate::mvcc::{Detached, Overlay, Revision};
use located::Error;

use super::Dataset;

/// A dataset with writes over it. The evidence is not changed.
#[derive(Debug)]
pub struct Scratch {
    dataset: Dataset,
    written: Option<Detached>,
}

/// Appends writes, each newer than the one before.
#[derive(Debug)]
pub struct Writes<'w, 'a> {
    overlay: &'w mut Overlay<'a>,
}

impl Scratch {
    /// Starts with the newest state of a dataset.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn new(dataset: Dataset) -> Result<Self, Error> {
        let (keyspace, _) = dataset.keyspace()?.into_parts();
        let mut overlay = Overlay::new(&keyspace);
        // As etcd does when it starts: `store.restore` in `server/mvcc/kvstore.go`, v3.5.30.
        overlay.finish_compaction();
        let written = Some(overlay.detach());
        Ok(Self { dataset, written })
    }

    /// The keyspace as it is now.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn keyspace(&self) -> Result<Keyspace<'_>, Error> {
        let (below, _) = self.dataset.keyspace()?.into_parts();
        Ok(match &self.written {
            Some(written) => written.keyspace(&below),
            None => below,
        })
    }

    /// Writes.
    ///
    /// # Errors
    /// As [`Dataset::keyspace`].
    pub fn write<T>(&mut self, write: impl FnOnce(&mut Writes<'_, '_>) -> T) -> Result<T, Error> {
        let (below, _) = self.dataset.keyspace()?.into_parts();
        let mut overlay = match self.written.take() {
            Some(written) => Overlay::attach(written, &below),
            None => Overlay::new(&below),
        };
        let result = write(&mut Writes {
            overlay: &mut overlay,
        });
        self.written = Some(overlay.detach());
        Ok(result)
    }
}

impl Writes<'_, '_> {
    /// The keyspace with what was written until now.
    pub fn keyspace(&self) -> Keyspace<'_> {
        self.overlay.keyspace()
    }

    /// Appends a put at a revision; `false` if that is not newer than all others, or no more records can be stored.
    pub fn put(&mut self, main: i64, sub: i64, write: &KeyValue<'_>) -> bool {
        self.overlay.put(Revision::new(main, sub), write)
    }

    /// Appends a deletion; `false` as for [`put`](Self::put).
    pub fn delete(&mut self, main: i64, sub: i64, key: &[u8]) -> bool {
        self.overlay.delete(Revision::new(main, sub), key)
    }

    /// Removes what a compaction at a revision removes.
    pub fn compact(&mut self, revision: i64) {
        self.overlay.compact(revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::KeyRange;

    #[test]
    fn what_is_written_is_seen_over_the_evidence() {
        let folder = testkit::data_dir("etcd-3.5.30");
        let dataset = Dataset::open(&folder).unwrap();
        let before = dataset.keyspace().unwrap().into_parts().0.revision();
        let mut scratch = Scratch::new(dataset.clone()).unwrap();
        let write = KeyValue {
            key: b"scratch/a",
            create_revision: before + 1,
            mod_revision: before + 1,
            version: 1,
            value: b"1",
            ..KeyValue::default()
        };
        assert!(
            scratch
                .write(|writes| writes.put(before + 1, 0, &write))
                .unwrap()
        );
        let keyspace = scratch.keyspace().unwrap();
        assert_eq!(keyspace.revision(), before + 1);
        assert_eq!(
            keyspace
                .live(&KeyRange::prefix(b"scratch/"), None)
                .unwrap()
                .len(),
            1
        );
        assert!(keyspace.get(b"scratch/a", Some(before)).unwrap().is_none());
        assert_eq!(
            dataset.keyspace().unwrap().into_parts().0.revision(),
            before
        );
        scratch.write(|writes| writes.compact(before + 1)).unwrap();
        assert_eq!(
            scratch.keyspace().unwrap().compact_revision(),
            Some(before + 1)
        );
    }
}
