//! NewNames instead of names: the same for the same name, and two names never become one.

use std::collections::{HashMap, HashSet};

use super::fill::{Filler, LETTERS};
use crate::kubernetes::key::Layout;

/// Tries with eight letters, then with all letters and digits, then with any byte.
const TRIES_WITH_FEW: usize = 16;
const TRIES_WITH_MANY: usize = 256;
const TRIES: usize = 4096;
const MANY: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const PURPOSE: u8 = 1;

/// Replaces the segments of user keys. Two different ones of the same length get different names, so that the history of a key
/// stays that of one key.
pub(super) struct NewNames {
    filler: Filler,
    layout: Layout,
    known: HashMap<Vec<u8>, Vec<u8>>,
    given: HashSet<Vec<u8>>,
    /// NewNames that could not be replaced.
    pub(super) kept: u64,
}

impl NewNames {
    pub(super) fn new(filler: Filler, layout: Layout) -> Self {
        Self {
            filler,
            layout,
            known: HashMap::new(),
            given: HashSet::new(),
            kept: 0,
        }
    }

    /// NewNames that were replaced.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.known.len()).unwrap_or(u64::MAX)
    }

    /// A user key with other names. The path of a Kubernetes resource stays.
    pub(super) fn key(&mut self, key: &[u8]) -> Vec<u8> {
        let resource = self.layout.resource(key);
        let end = resource.and_then(|path| {
            let at = memchr::memmem::find(key, path)?;
            at.checked_add(path.len())
        });
        let (fixed, names) = key.split_at(end.unwrap_or(0).min(key.len()));
        let mut out = fixed.to_vec();
        for (at, segment) in names.split(|byte| *byte == b'/').enumerate() {
            if at > 0 {
                out.push(b'/');
            }
            out.extend(self.segment(segment));
        }
        out
    }

    fn segment(&mut self, segment: &[u8]) -> Vec<u8> {
        if segment.is_empty() {
            return Vec::new();
        }
        if let Some(known) = self.known.get(segment) {
            return known.clone();
        }
        let mut stream = self.filler.stream(PURPOSE, segment);
        for attempt in 0..TRIES {
            let one = |stream: &mut super::fill::Stream| {
                let byte = stream.byte();
                match attempt {
                    ..TRIES_WITH_FEW => LETTERS.get(usize::from(byte & 7)).copied(),
                    TRIES_WITH_FEW..TRIES_WITH_MANY => {
                        MANY.get(usize::from(byte) % MANY.len()).copied()
                    }
                    _ => Some(byte).filter(|byte| *byte != b'/'),
                }
                .unwrap_or(b'Q')
            };
            let name: Vec<u8> = segment.iter().map(|_| one(&mut stream)).collect();
            if name != segment && self.given.insert(name.clone()) {
                self.known.insert(segment.to_vec(), name.clone());
                return name;
            }
        }
        self.kept = self.kept.saturating_add(1);
        segment.to_vec()
    }
}
