//! What changed since a manifest was written.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{EvidenceManifest, ManifestAnswer};
use crate::evidence::custody::{self, FileRecord, RecordedPath};
use located::Limits;
use located::progress::Progress;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// Its bytes, its length or what it is.
    Content,
    /// Only times, mode or owner.
    Metadata,
    /// It is not there any more.
    Missing,
    /// It was not there.
    New,
    /// It could not be read then or cannot be read now, so that nothing is proven.
    Unproven,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedField {
    /// Its name in the manifest.
    pub field: &'static str,
    /// What the manifest says.
    pub recorded: Option<String>,
    /// What it is now.
    pub now: Option<String>,
}

/// A file that is not as the manifest says.
#[derive(Clone, Debug, Serialize)]
pub struct DifferingFile {
    /// The evidence it belongs to, as it was given.
    pub evidence: String,
    /// The path below the evidence.
    #[serde(flatten)]
    pub path: RecordedPath,
    /// What became of it.
    pub change: FileChange,
    /// What differs.
    pub differences: Vec<ChangedField>,
}

/// What `manifest --verify` answers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct VerifyAnswer {
    /// When the manifest was made, by the clock of its host.
    pub recorded: String,
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
            answer.compare(evidence, &now.records);
        }
        answer.is_same = answer.differing.is_empty();
        Ok(answer)
    }

    fn compare(&mut self, recorded: &EvidenceManifest, now: &[FileRecord]) {
        let keyed = |records: &[FileRecord]| -> BTreeMap<PathBuf, FileRecord> {
            let keyed = records.iter();
            keyed
                .map(|record| (record.path.to_path(), record.clone()))
                .collect()
        };
        let (before, after) = (keyed(&recorded.files), keyed(now));
        for (path, record) in &before {
            let (change, differences) = match after.get(path) {
                None => (Some(FileChange::Missing), Vec::new()),
                Some(now) => changed(record, now),
            };
            match change {
                None => self.same = self.same.saturating_add(1),
                Some(change) => self.note(recorded, path, change, differences),
            }
        }
        for path in after.keys().filter(|path| !before.contains_key(*path)) {
            self.note(recorded, path, FileChange::New, Vec::new());
        }
    }

    fn note(
        &mut self,
        recorded: &EvidenceManifest,
        path: &Path,
        change: FileChange,
        differences: Vec<ChangedField>,
    ) {
        self.differing.push(DifferingFile {
            evidence: recorded.given.clone(),
            path: RecordedPath::new(path),
            change,
            differences,
        });
    }
}

/// What differs between two records of one file. Times of reading and of the inode are those of the host, not of the evidence.
fn changed(before: &FileRecord, now: &FileRecord) -> (Option<FileChange>, Vec<ChangedField>) {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let owner = |number: Option<u32>| number.map(|number| number.to_string());
    let kind = |record: &FileRecord| serde_json::to_string(&record.kind).ok();
    let target = |record: &FileRecord| {
        let target = record.target.as_ref().map(RecordedPath::to_path);
        target.map(|target| target.to_string_lossy().into_owned())
    };
    let of_content = [
        ("type", kind(before), kind(now)),
        ("target", target(before), target(now)),
        (
            "size_bytes",
            number(before.size_bytes),
            number(now.size_bytes),
        ),
        ("sha256", before.sha256.clone(), now.sha256.clone()),
    ];
    let of_metadata = [
        ("modified", before.modified.clone(), now.modified.clone()),
        ("mode", before.mode.clone(), now.mode.clone()),
        ("uid", owner(before.uid), owner(now.uid)),
        ("gid", owner(before.gid), owner(now.gid)),
    ];
    let differing = |fields: Vec<(&'static str, Option<String>, Option<String>)>| {
        let fields = fields.into_iter().filter(|(_, before, now)| before != now);
        let fields = fields.map(|(field, recorded, now)| ChangedField {
            field,
            recorded,
            now,
        });
        fields.collect::<Vec<_>>()
    };
    let (content, metadata) = (differing(of_content.into()), differing(of_metadata.into()));
    let is_unproven = before.is_file() && (before.sha256.is_none() || now.sha256.is_none());
    let change = match (content.is_empty(), metadata.is_empty()) {
        (_, _) if is_unproven && before.size_bytes == now.size_bytes => Some(FileChange::Unproven),
        (false, _) => Some(FileChange::Content),
        (true, false) => Some(FileChange::Metadata),
        (true, true) => None,
    };
    (change, content.into_iter().chain(metadata).collect())
}
