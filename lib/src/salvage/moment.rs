//! What the records say beside their revisions: when they were written, and where Kubernetes keeps its keys.

use std::collections::HashMap;

use super::{Salvage, Sources};
use crate::clock::{Clock, Measurement};
use crate::kubernetes::key::Layout;
use crate::kubernetes::measured::Times;
use crate::mvcc::KeyValue;
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
        let layout = self.layout();
        let mut before: HashMap<Vec<u8>, ((i64, i64), Times)> = HashMap::new();
        let mut measurements = Vec::new();
        for record in &self.set.records {
            let key = self.set.user_key(record);
            if record.tombstone || layout.resource(key).is_none() {
                continue;
            }
            let message = self.set.message(record);
            let Ok(kv) = KeyValue::parse(&message) else {
                continue;
            };
            let Some(times) = Times::read(kv.value) else {
                continue;
            };
            let number = (kv.create_revision, kv.version);
            let older = (kv.create_revision, kv.version.saturating_sub(1));
            let known = before.get(key).filter(|(number, _)| *number == older);
            let measured = times.measured(known.map(|(_, times)| times), kv.version == 1);
            let main = record.revision.main;
            measurements.extend(measured.iter().map(|one| Measurement::of_value(main, one)));
            before.insert(key.to_vec(), (number, times));
        }
        Clock::new(measurements)
    }
}
