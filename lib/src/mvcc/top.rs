//! What is largest, and what is written most often.

use super::counts::Counts;
use super::keyspace::{Keyspace, Version};
use super::range::KeyRange;

impl<'a> Keyspace<'a> {
    /// Returns the live versions with the most bytes, the largest first; equal ones by key.
    pub fn largest(&self, count: usize) -> Vec<Version<'a>> {
        let mut top: Vec<Version<'a>> = Vec::new();
        let Ok(live) = self.live(&KeyRange::all(), None) else {
            return top;
        };
        let room = count.saturating_mul(2).max(1);
        for version in live.iter() {
            top.push(version);
            if top.len() > room {
                keep(&mut top, count);
            }
        }
        keep(&mut top, count);
        top
    }

    /// Returns the keys with the most records and their sums, equal ones by key, and how many keys have more than one record.
    pub fn churn(&self, count: usize) -> (Vec<(&'a [u8], Counts)>, usize) {
        let mut all: Vec<(&'a [u8], Counts)> = self
            .counts_by(|key| key)
            .into_iter()
            .filter(|(_, counts)| counts.revisions > 1)
            .collect();
        all.sort_unstable_by(|(a, one), (b, other)| {
            (other.revisions.cmp(&one.revisions)).then_with(|| a.cmp(b))
        });
        let total = all.len();
        all.truncate(count);
        (all, total)
    }
}

fn keep(top: &mut Vec<Version<'_>>, count: usize) {
    top.sort_unstable_by(|a, b| {
        (b.stored_bytes.cmp(&a.stored_bytes)).then_with(|| a.key.cmp(b.key))
    });
    top.truncate(count);
}

#[cfg(test)]
mod tests {
    use crate::mvcc::{KeyValue, Overlay, Revision, Rules};

    #[test]
    fn the_largest_and_the_busiest_keys_come_first() {
        let mut overlay = Overlay::empty(Rules::NEWEST);
        let mut main = 1;
        for (key, size, times) in [(b"a", 10, 1), (b"b", 100, 3), (b"c", 50, 5)] {
            for version in 1..=times {
                main += 1;
                let value = vec![b'x'; size];
                overlay.put(
                    Revision::new(main, 0),
                    &KeyValue {
                        key,
                        value: &value,
                        create_revision: main - version + 1,
                        mod_revision: main,
                        version,
                        ..KeyValue::default()
                    },
                );
            }
        }
        let keyspace = overlay.keyspace();
        let largest: Vec<_> = keyspace
            .largest(2)
            .iter()
            .map(|version| version.key)
            .collect();
        assert_eq!(largest, [b"b", b"c"]);
        let busiest: Vec<_> = keyspace
            .churn(9)
            .0
            .iter()
            .map(|(key, counts)| (key.to_vec(), counts.revisions))
            .collect();
        assert_eq!(busiest, [(b"c".to_vec(), 5), (b"b".to_vec(), 3)]);
    }
}
