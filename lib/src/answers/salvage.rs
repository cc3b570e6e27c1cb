//! What a salvage writes, and what it cannot: an owned copy of the counts and lists, without the records.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::answers::Key;
use crate::salvage::backup::Backup;
use crate::salvage::correct::Correction;
use crate::salvage::{Doubtful, Dropped, Lost, Provenance, Restore, Salvage};
use crate::text::number::thousands;
use located::Command;

/// Records and keys of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SourceRow {
    /// What vouches for them.
    pub source: Provenance,
    /// Records.
    pub records: u64,
    /// Keys that are live at the end, by what vouches for their newest version.
    pub keys: u64,
}

/// What a backup has in it, or would have.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SalvageAnswer {
    /// The revision of the store.
    pub revision: i64,
    /// The compaction in force; `None` if nothing was compacted.
    pub compact_revision: Option<i64>,
    /// Live keys.
    pub keys: u64,
    /// Records and keys of each source, those without any too.
    pub sources: Vec<SourceRow>,
    /// Keys of which only an older version is left.
    pub stale: Vec<Doubtful>,
    /// Keys that may have been deleted.
    pub maybe_deleted: Vec<Doubtful>,
    /// The first revision of lost entries of which nothing says how many revisions they made; `None` if all are known.
    pub uncounted_from: Option<i64>,
    /// Keys whose create revision and version were counted on after a lost entry.
    pub uncertain_numbers: Vec<Doubtful>,
    /// All that could not be recovered.
    pub unrecoverable: Vec<Lost>,
    /// What was decided on the way, one sentence each.
    pub notes: Vec<String>,
    /// Live keys that were left out because only a part was asked for.
    pub left_out: u64,
    /// The revision of the store if the backup is only a part of it.
    pub part_of: Option<i64>,
    /// The copies that fail their SHA-256.
    pub sha256_failed: Vec<String>,
    /// Intact entries after the highest proven commit: they may have been acknowledged, and are left out.
    pub possibly_acknowledged: u64,
    /// What the evidence has and the backup has not, on purpose.
    pub dropped: Vec<Dropped>,
    /// How to restore the backup.
    pub restore: Restore,
}

impl From<&Salvage<'_>> for SalvageAnswer {
    fn from(salvage: &Salvage<'_>) -> Self {
        let count = |of: &std::collections::BTreeMap<Provenance, u64>, label: Provenance| {
            of.get(&label).copied().unwrap_or(0)
        };
        let source = |label: Provenance| SourceRow {
            source: label,
            records: count(&salvage.gave.records, label),
            keys: count(&salvage.gave.keys, label),
        };
        Self {
            revision: salvage.revision,
            compact_revision: salvage.compact_revision,
            keys: salvage.keys,
            sources: Provenance::ALL.map(source).to_vec(),
            stale: salvage.stale.clone(),
            maybe_deleted: salvage.maybe_deleted.clone(),
            uncounted_from: salvage.uncounted_from,
            uncertain_numbers: salvage.uncertain_numbers.clone(),
            left_out: salvage.left_out,
            part_of: salvage.part_of,
            sha256_failed: salvage.sha256_failed.clone(),
            possibly_acknowledged: salvage.possibly_acknowledged,
            unrecoverable: salvage.unrecoverable.clone(),
            notes: salvage.notes.clone(),
            dropped: salvage.dropped.clone(),
            restore: salvage.restore.clone(),
        }
    }
}

impl SalvageAnswer {
    /// The state in one line: revision, compaction, live keys.
    pub fn headline(&self) -> String {
        let compacted = match self.compact_revision {
            Some(revision) => format!("compacted at {}", thousands(revision.into())),
            None => "never compacted".to_owned(),
        };
        format!(
            "revision {} · {compacted} · {} live {}",
            thousands(self.revision.into()),
            thousands(self.keys.into()),
            if self.keys == 1 { "key" } else { "keys" }
        )
    }

    /// What a backup of a part leaves out, in one sentence; `None` if it is all of the store.
    pub fn left_out_text(&self) -> Option<String> {
        let store = self.part_of?;
        let keys = match self.left_out {
            0 if store == self.revision => return None,
            1 => "1 live key is".to_owned(),
            count => format!("{} live keys are", thousands(count.into())),
        };
        let revision = match store == self.revision {
            true => String::new(),
            false => format!(
                "; its revision {} is that of the part, the store is at {}",
                thousands(self.revision.into()),
                thousands(store.into())
            ),
        };
        Some(format!(
            "only a part was asked for: {keys} left out of the backup{revision}"
        ))
    }

    /// Whether everything was recovered, and no key is in doubt.
    pub fn is_whole(&self) -> bool {
        self.unrecoverable.is_empty() && self.stale.is_empty() && self.maybe_deleted.is_empty()
    }

    /// Why the restore command skips revisions, if it does.
    pub fn why_bump(&self) -> Option<String> {
        let bump = self.restore.bump_revision?;
        Some(format!(
            "the restore skips {} revisions and marks them compacted: watchers then list again instead of taking new writes for old ones (etcdutl 3.5.10 or newer)",
            thousands(bump.into())
        ))
    }
}

/// A file that was written, or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Length and SHA-256 of a backup; `None` for a directory.
    pub backup: Option<Backup>,
    /// Shell commands that use it.
    pub next: Vec<String>,
}

impl Written {
    /// A backup, and how to restore it.
    pub fn backup(backup: Backup, restore: &Restore) -> Self {
        Self {
            path: backup.path.clone(),
            next: restore
                .commands(&backup.path)
                .iter()
                .map(Command::to_string)
                .collect(),
            backup: Some(backup),
        }
    }

    /// A corrected copy of a data directory, and how to ask whether etcd starts on it.
    pub fn corrected(path: &Path) -> Self {
        let preflight = Command::inspect("preflight").path(path);
        Self {
            path: path.to_owned(),
            backup: None,
            next: vec![preflight.args(["--for", "start"]).to_string()],
        }
    }
}

/// `key: left at revision 7, lost at revision 9`.
pub fn doubtful_text(doubtful: &Doubtful) -> String {
    format!(
        "{}: left at revision {}, lost at revision {}",
        Key::new(doubtful.key.clone()),
        thousands(doubtful.revision.into()),
        thousands(doubtful.lost_revision.into())
    )
}

/// What is lost, and its place.
pub fn lost_text(lost: &Lost) -> String {
    match &lost.place {
        Some(place) => format!("{} ({place})", lost.what),
        None => lost.what.clone(),
    }
}

/// `snap/db @ 0x40  02 -> 01  proof`.
pub fn correction_text(correction: &Correction) -> String {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    format!(
        "{} @ {:#x}  {} -> {}  proof: {}",
        correction.file.display(),
        correction.offset,
        hex(&correction.old),
        hex(&correction.new),
        correction.proof
    )
}
