//! Single mutations of real directories, and what a real etcd does with each: the material of the mutation oracle.
//!
//! A [`Mutation`] holds its edits byte by byte, so that a recorded one stays what it was when the generator changes.

mod choose;
mod observe;
mod probe;
mod swapped;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::damage::edit;
use crate::{Copy, copy_of, data_dir, restore};

pub use choose::random;
pub use observe::{Observed, observe};
pub use probe::probe;

/// The db of a data directory.
pub const DB: &str = "member/snap/db";

/// One change to one file, relative to the data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Bytes (hex) are written over what is at an offset.
    Write {
        /// The file.
        file: String,
        /// Offset in bytes.
        at: usize,
        /// The bytes, as hexadecimal digits.
        bytes: String,
    },
    /// The file is cut, or extended with zeros, to a length.
    Truncate {
        /// The file.
        file: String,
        /// Its new length in bytes.
        length: usize,
    },
    /// The file is deleted.
    Remove {
        /// The file.
        file: String,
    },
    /// The file is replaced by the same file of another fixture.
    Replace {
        /// The file.
        file: String,
        /// The fixture it is taken from.
        from: String,
        /// Its path in the data directory of that fixture.
        source: String,
    },
}

/// What is done with the mutated copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// etcd is started on it.
    #[default]
    Start,
    /// `snapshot restore` of its db, without a hash check; then etcd is started on what was restored.
    Restore,
    /// etcd is started on it with `--force-new-cluster`.
    ForceNewCluster,
}

impl Action {
    /// Whether it is the one that a record does not name.
    fn is_start(&self) -> bool {
        *self == Self::Start
    }
}

/// One mutation of one fixture, for one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutation {
    /// The release of etcd that is started: `3.5.30`.
    pub release: String,
    /// The fixture, or a member of one: `cluster3-3.4.23/m1`.
    pub fixture: String,
    /// What is done with it.
    #[serde(default, skip_serializing_if = "Action::is_start")]
    pub action: Action,
    /// What was done, for a person: `meta.txid`, `wal bit`.
    pub what: String,
    /// The changes.
    pub edits: Vec<Edit>,
}

impl Mutation {
    /// A private copy of the data directory, changed.
    #[must_use]
    pub fn apply(&self) -> Copy {
        let copy = copy_of(&data_dir(&self.fixture));
        self.edits.iter().for_each(|edit| apply(edit, &copy));
        copy
    }

    /// Each byte that is written over another: file, offset, old, new. Empty for whole files.
    #[must_use]
    pub fn changes(&self) -> Vec<(String, usize, u8, u8)> {
        let mut changes = Vec::new();
        for edit in &self.edits {
            let Edit::Write { file, at, bytes } = edit else {
                continue;
            };
            let new = unhex(bytes);
            let old = read_at(&data_dir(&self.fixture).join(file), *at, new.len());
            for (number, (old, new)) in old.iter().zip(&new).enumerate() {
                if old != new {
                    changes.push((file.clone(), at + number, *old, *new));
                }
            }
        }
        changes
    }

    /// The same mutation with fewer changed bytes, one candidate for each byte that it could do with.
    #[must_use]
    pub fn smaller(&self) -> Vec<Self> {
        let [Edit::Write { file, at, bytes }] = self.edits.as_slice() else {
            return Vec::new();
        };
        let (new, old) = (
            unhex(bytes),
            read_at(&data_dir(&self.fixture).join(file), *at, bytes.len() / 2),
        );
        let differ: Vec<usize> = (0..new.len())
            .filter(|&n| old.get(n) != new.get(n))
            .collect();
        if differ.len() < 2 {
            return Vec::new();
        }
        let one = |&n: &usize| Self {
            edits: vec![Edit::Write {
                file: file.clone(),
                at: at + n,
                bytes: hex(&new[n..=n]),
            }],
            ..self.clone()
        };
        differ.iter().map(one).collect()
    }
}

fn apply(edit: &Edit, dir: &Path) {
    match edit {
        Edit::Write { file, at, bytes } => edit::overwrite(&dir.join(file), *at, &unhex(bytes)),
        Edit::Truncate { file, length } => edit::truncate(&dir.join(file), *length),
        Edit::Remove { file } => fs::remove_file(dir.join(file)).expect("a file to delete"),
        Edit::Replace { file, from, source } => {
            restore(&data_dir(from).join(source), &dir.join(file));
        }
    }
}

fn read_at(path: &Path, at: usize, length: usize) -> Vec<u8> {
    let bytes = crate::read_until_hole(path, at + length);
    bytes
        .get(at..(at + length).min(bytes.len()))
        .unwrap_or_default()
        .to_vec()
}

/// A mutation, and what the real etcd did with it: one line of a recorded campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The seed it was chosen by; `None` in the systematic probe.
    pub seed: Option<u64>,
    /// What was changed.
    pub mutation: Mutation,
    /// What etcd did.
    pub observed: Observed,
}

impl Record {
    /// Every record of a file; none if there is no such file.
    #[must_use]
    pub fn read_all(path: &Path) -> Vec<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect()
    }
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hexadecimal digits"))
        .collect()
}

/// Numbers that are the same in every run: xorshift64*.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03);
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
