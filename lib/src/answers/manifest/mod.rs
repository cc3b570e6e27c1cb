//! `manifest`: the chain of custody of evidence, and what changed since it was written.

mod change;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::view::View;
use crate::evidence::custody::{self, FileRecord, RecordedPath};
use crate::evidence::{Evidence, Holder, Kind};
use crate::member::{Member, Options};
use located::progress::{Progress, Silent};
use located::text::time::rfc3339_millis;
use located::{ClusterId, Damage, MemberId};

pub use change::{ChangedField, FileChange};
pub use verify::{DifferingFile, VerifyAnswer};

/// The schema of the document.
pub const SCHEMA: &str = "etcd-inspect/manifest/v1";

/// The document of `manifest`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ManifestAnswer {
    /// Program and version.
    pub tool: String,
    /// When and where it was made.
    pub host: HostRow,
    /// What was given, in that order.
    pub evidence: Vec<EvidenceManifest>,
    /// Number of regular files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The machine that made the manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostRow {
    /// Its clock when it began.
    pub time: String,
    /// Operating system and processor.
    pub system: String,
}

/// One path that was given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EvidenceManifest {
    /// As it was given.
    pub given: String,
    /// Where it is on this host.
    pub absolute: RecordedPath,
    /// What of etcd's it is; absent if it is nothing of etcd's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Id of the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_id: Option<String>,
    /// Id of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The newest revision and when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_clock: Option<DataClock>,
    /// Processes that held files of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<String>,
    /// Files, directories and links below it.
    pub files: Vec<FileRecord>,
    /// Whether more files are there than the limit allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

/// The clock of the data against the clock of the host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataClock {
    /// The newest revision.
    pub revision: i64,
    /// When it was written, by the times in the data; absent if the data has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How far the true time may be from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty_s: Option<f64>,
    /// Where it is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How far the clock of the host is ahead of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_is_ahead_s: Option<i64>,
}

impl ManifestAnswer {
    /// Reads every file below some paths. `now` and `system` are the host's; `tool` is the program with its version.
    ///
    /// # Errors
    /// A path cannot be read: the path and the error of the system.
    pub fn read(
        paths: &[PathBuf],
        options: &Options,
        host: HostClock<'_>,
        progress: &dyn Progress,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let mut evidence = Vec::new();
        for path in paths {
            let read = EvidenceManifest::read(path, options, host.now, progress);
            evidence.push(read.map_err(|error| (path.clone(), error))?);
        }
        let all = || evidence.iter().flat_map(EvidenceManifest::regular_files);
        Ok(Self {
            tool: host.tool.to_owned(),
            host: HostRow {
                time: rfc3339_millis(host.now),
                system: host.system.to_owned(),
            },
            files: u64::try_from(all().count()).unwrap_or(u64::MAX),
            bytes: all().filter_map(|file| file.size_bytes).sum(),
            evidence,
        })
    }

    /// The document as a file: pretty JSON, with its schema, and at its end the SHA-256 of everything else in it.
    ///
    /// # Errors
    /// It cannot be serialized, which does not happen.
    pub fn document(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Document<'m> {
            schema: &'static str,
            #[serde(flatten)]
            manifest: &'m ManifestAnswer,
        }
        let mut document = serde_json::to_value(&Document {
            schema: SCHEMA,
            manifest: self,
        })?;
        let sum = sum_of(&document)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert(SUM.to_owned(), sum.into());
        }
        let mut text = serde_json::to_vec_pretty(&document)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Whether a document is as it was written: its sum and its totals are those of what it says. `None` if it has no sum, as one that
    /// was printed.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn is_intact(&self, document: &[u8]) -> serde_json::Result<Option<bool>> {
        let mut document: serde_json::Value = serde_json::from_slice(document)?;
        let fields = document.as_object_mut();
        let stored = fields.and_then(|fields| fields.shift_remove(SUM));
        let files = || {
            self.evidence
                .iter()
                .flat_map(EvidenceManifest::regular_files)
        };
        let bytes: u64 = files().filter_map(|file| file.size_bytes).sum();
        let counted = u64::try_from(files().count()).unwrap_or(u64::MAX);
        if (counted, bytes) != (self.files, self.bytes) {
            return Ok(Some(false));
        }
        let Some(stored) = stored else {
            return Ok(None);
        };
        Ok(Some(stored.as_str() == Some(&sum_of(&document)?)))
    }

    /// Whether every file could be read and is whole, and every checksum in a compressed file matches.
    pub fn is_whole(&self) -> bool {
        self.evidence.iter().all(|evidence| {
            let mut files = evidence.files.iter();
            !evidence.is_cut && files.all(is_whole)
        })
    }
}

/// The field with the sum of a document.
const SUM: &str = "manifest_sha256";

/// SHA-256 of a document in its shortest form.
fn sum_of(document: &serde_json::Value) -> serde_json::Result<String> {
    let sum = Sha256::digest(serde_json::to_vec(document)?);
    Ok(sum.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a file could be read as a whole, and the checksums in it match.
pub fn is_whole(record: &FileRecord) -> bool {
    let mut members = record.members.iter();
    record.error.is_none()
        && record.unreadable.is_empty()
        && !record.changed_while_read
        && members.all(custody::MemberSum::matches)
}

/// What the library cannot know by itself.
#[derive(Clone, Copy, Debug)]
pub struct HostClock<'h> {
    /// The clock of the host.
    pub now: Timestamp,
    /// Operating system and processor.
    pub system: &'h str,
    /// Program and version.
    pub tool: &'h str,
}

impl EvidenceManifest {
    fn read(
        path: &Path,
        options: &Options,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> io::Result<Self> {
        let on_disk = custody::on_disk(path);
        let limits = &options.evidence.limits;
        // The data's clock is read by other cores while the sums are computed.
        let (inventory, facts) = rayon::join(
            || custody::inventory(&on_disk, limits, progress),
            || DataFacts::read(path, options, now),
        );
        let inventory = inventory?;
        let absolute = std::fs::canonicalize(&on_disk).unwrap_or(on_disk);
        let facts = facts.unwrap_or_default();
        Ok(Self {
            given: path.to_string_lossy().into_owned(),
            absolute: RecordedPath::new(&absolute),
            kind: facts.kind.map(|kind| kind.as_str().to_owned()),
            member_id: facts.member_id.map(|id| id.to_string()),
            cluster_id: facts.cluster_id.map(|id| id.to_string()),
            data_clock: facts.clock,
            held_by: facts.held_by,
            files: inventory.records,
            is_cut: inventory.is_cut,
        })
    }

    /// The regular files.
    pub fn regular_files(&self) -> impl Iterator<Item = &FileRecord> {
        self.files.iter().filter(|file| file.is_file())
    }
}

/// What etcd's files say of themselves.
#[derive(Default)]
struct DataFacts {
    kind: Option<Kind>,
    member_id: Option<MemberId>,
    cluster_id: Option<ClusterId>,
    clock: Option<DataClock>,
    held_by: Vec<String>,
}

impl DataFacts {
    /// Of a path; `None` if it is nothing of etcd's.
    fn read(path: &Path, options: &Options, now: Timestamp) -> Option<Self> {
        let evidence = Evidence::open(path, &options.evidence).ok()?;
        let kind = evidence.kind();
        let held_by = evidence.holders().iter().map(holder).collect();
        let member = Member::from_evidence(evidence, options.clone());
        let identity = member.identity();
        Some(Self {
            kind: Some(kind),
            member_id: identity.member_id,
            cluster_id: identity.cluster_id,
            clock: data_clock(&member, now),
            held_by,
        })
    }
}

fn data_clock(member: &Member, now: Timestamp) -> Option<DataClock> {
    let opened = View::open(member, false, &Silent).ok()?;
    // What is damaged is the answer of `check`; the clock is of what can be read.
    let view = opened.collect(&mut Damage::default());
    let objects = view.objects().ok()?;
    let revision = view.keyspace().revision();
    let written = objects.time_of(revision);
    Some(DataClock {
        revision,
        time: written.map(|written| rfc3339_millis(written.time)),
        uncertainty_s: written.and_then(|written| written.uncertainty_s()),
        source: written.map(|written| written.source.as_str().to_owned()),
        host_is_ahead_s: written.map(|written| now.duration_since(written.time).as_secs()),
    })
}

fn holder(holder: &Holder) -> String {
    let command = holder.command.as_deref().unwrap_or("a process");
    match holder.pid {
        Some(pid) => format!("{command} (pid {pid}) holds {}", holder.file),
        None => format!("{command} holds {}", holder.file),
    }
}
