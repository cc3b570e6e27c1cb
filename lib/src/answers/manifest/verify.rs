//! What changed since a manifest was written.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::change::{ChangedField, FileChange, alone, changed};
use super::{EvidenceManifest, ManifestAnswer};
use crate::evidence::custody::{self, FileRecord, RecordedPath};
use located::Limits;
use located::progress::Progress;

/// A file that is not as the manifest says.
#[derive(Clone, Debug, Serialize)]
pub struct DifferingFile {
    /// The evidence it belongs to, as it was given when the manifest was made.
    pub evidence: String,
    /// Where the evidence was looked for now.
    pub looked_at: String,
    /// The path below the evidence.
    #[serde(flatten)]
    pub path: RecordedPath,
    /// What became of it.
    pub change: FileChange,
    /// The name that it had, if it has another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<RecordedPath>,
    /// What differs.
    pub differences: Vec<ChangedField>,
}

/// What `manifest --verify` answers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct VerifyAnswer {
    /// When the manifest was made, by the clock of its host.
    pub recorded: String,
    /// Whether the manifest is as it was written, by its own sum and totals; `None` if it has no sum.
    pub manifest_is_intact: Option<bool>,
    /// Number of files, directories and links that are as the manifest says.
    pub same: u64,
    /// Whether all of them are, and none is new.
    pub is_same: bool,
    /// What differs.
    pub differing: Vec<DifferingFile>,
}

impl VerifyAnswer {
    /// Reads the files again. `elsewhere`: where the evidence is now, in the order of the manifest; empty: where it was.
    ///
    /// # Errors
    /// A path cannot be read: the path and the error of the system.
    pub fn read(
        manifest: &ManifestAnswer,
        elsewhere: &[PathBuf],
        limits: &Limits,
        progress: &dyn Progress,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let mut answer = Self {
            recorded: manifest.host.time.clone(),
            manifest_is_intact: None,
            same: 0,
            is_same: false,
            differing: Vec::new(),
        };
        for (at, evidence) in manifest.evidence.iter().enumerate() {
            let path = match elsewhere.get(at) {
                Some(path) => custody::on_disk(path),
                None => evidence.absolute.to_path(),
            };
            let now = custody::inventory(&path, limits, progress);
            let now = now.map_err(|error| (path.clone(), error))?;
            let looked_at = match elsewhere.get(at) {
                Some(path) => path.to_string_lossy().into_owned(),
                None => evidence.given.clone(),
            };
            answer.compare((evidence, &looked_at), &now.records);
        }
        answer.is_same = answer.differing.is_empty();
        Ok(answer)
    }

    fn compare(&mut self, (recorded, looked_at): (&EvidenceManifest, &str), now: &[FileRecord]) {
        let keyed = |records: &[FileRecord]| -> BTreeMap<PathBuf, FileRecord> {
            let keyed = records.iter();
            keyed
                .map(|record| (record.path.to_path(), record.clone()))
                .collect()
        };
        let (before, after) = (keyed(&recorded.files), keyed(now));
        let renamed = renamed(&before, &after);
        let is_old_name = |path: &PathBuf| renamed.values().any(|old| old == path);
        for (path, record) in before.iter().filter(|(path, _)| !is_old_name(path)) {
            let (change, differences) = match after.get(path) {
                None => (Some(FileChange::Missing), alone(record, false)),
                Some(now) => changed(record, now),
            };
            match change {
                None => self.same = self.same.saturating_add(1),
                Some(change) => self.note((recorded, looked_at), path, (change, None), differences),
            }
        }
        for (path, now) in after.iter().filter(|(path, _)| !before.contains_key(*path)) {
            let old = renamed.get(path);
            match old.and_then(|old| before.get(old)) {
                Some(record) => {
                    let (_, differences) = changed(record, now);
                    self.note(
                        (recorded, looked_at),
                        path,
                        (FileChange::Renamed, old),
                        differences,
                    );
                }
                None => self.note(
                    (recorded, looked_at),
                    path,
                    (FileChange::New, None),
                    alone(now, true),
                ),
            }
        }
    }

    fn note(
        &mut self,
        (recorded, looked_at): (&EvidenceManifest, &str),
        path: &Path,
        (change, old): (FileChange, Option<&PathBuf>),
        differences: Vec<ChangedField>,
    ) {
        self.differing.push(DifferingFile {
            evidence: recorded.given.clone(),
            looked_at: looked_at.to_owned(),
            path: RecordedPath::new(path),
            change,
            renamed_from: old.map(|old| RecordedPath::new(old)),
            differences,
        });
    }
}

/// New names with the old ones: files that are missing there and new here, with the same bytes, none of which is there twice.
fn renamed(
    before: &BTreeMap<PathBuf, FileRecord>,
    after: &BTreeMap<PathBuf, FileRecord>,
) -> BTreeMap<PathBuf, PathBuf> {
    let alone = |these: &BTreeMap<PathBuf, FileRecord>, those: &BTreeMap<PathBuf, FileRecord>| {
        let mut by_sum: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (path, record) in these.iter().filter(|(path, _)| !those.contains_key(*path)) {
            let is_own = record.target.is_none() && record.size_bytes > Some(0);
            let sum = record.sha256.as_ref().filter(|_| is_own);
            if let Some(sum) = sum {
                by_sum.entry(sum.clone()).or_default().push(path.clone());
            }
        }
        by_sum
    };
    let (gone, came) = (alone(before, after), alone(after, before));
    let pairs = came.into_iter().filter_map(|(sum, new)| {
        match (new.as_slice(), gone.get(&sum)?.as_slice()) {
            ([new], [old]) => Some((new.clone(), old.clone())),
            _ => None,
        }
    });
    pairs.collect()
}
