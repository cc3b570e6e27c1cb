//! What the records say beside their revisions: when they were written, and where Kubernetes keeps its keys.

use rayon::prelude::*;

use super::record::KeyRecord;
use super::{Salvage, Sources};
use crate::kubernetes::encryption::Keyring;
use crate::kubernetes::key::Layout;
use crate::kubernetes::written::newest_time;
use crate::member::{Clock, Mark, Objects, Reading};
use crate::mvcc::{Overlay, Rules, Version};
use crate::progress::Progress;

/// Records that are looked at to find the prefixes of Kubernetes.
const SAMPLED_RECORDS: usize = 50_000;

impl Sources<'_> {
    /// The times that are in values, of everything that db and log still have, compacted versions too.
    ///
    /// # Errors
    /// As [`Sources::salvage`].
    pub fn clock(&self, progress: &dyn Progress) -> Result<Clock, crate::Error> {
        Ok(self.joined(super::Point::Acknowledged, progress)?.clock())
    }
}

impl Salvage<'_> {
    /// Where Kubernetes keeps its keys, by the oldest records.
    pub fn layout(&self) -> Layout {
        let sample = self.set.records.iter().take(SAMPLED_RECORDS);
        Layout::detect(sample.map(|record| self.set.user_key(record)))
    }

    fn clock(&self) -> Clock {
        let nothing = Overlay::empty(Rules::NEWEST);
        let file = crate::FileName::new("");
        let layout = Some(self.layout());
        let objects = Objects::new(
            nothing.keyspace(),
            &file,
            layout,
            Keyring::default(),
            &crate::Limits::default(),
        );
        let mark = |record: &KeyRecord| {
            let message = self.set.message(record);
            let version = Version {
                key: self.set.user_key(record),
                revision: record.revision,
                tombstone: record.tombstone,
                offset: None,
                stored_bytes: message.len() as u64,
                message: &message,
            };
            objects.layout().resource(version.key)?;
            let object = objects.json(&version, Reading::default()).ok()?;
            let (time, source) = newest_time(&object)?;
            Some(Mark {
                revision: version.revision.main,
                time,
                source,
            })
        };
        let marks: Vec<Mark> = self.set.records.par_iter().filter_map(mark).collect();
        Clock::new(marks)
    }
}
