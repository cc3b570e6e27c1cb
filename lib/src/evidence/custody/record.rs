//! One line of a manifest, as it is written and read back.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::platform;
use crate::evidence::tree::meta_of;

/// A path in JSON: `path`, or `path_b64` if it is not UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedPath {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
}

impl RecordedPath {
    /// Of a path.
    pub fn new(path: &Path) -> Self {
        match path.to_str() {
            Some(text) => Self {
                path: Some(text.to_owned()),
                path_b64: None,
            },
            None => Self {
                path: None,
                path_b64: Some(STANDARD.encode(path.as_os_str().as_encoded_bytes())),
            },
        }
    }

    /// The path again; empty if the text is no base64.
    pub fn to_path(&self) -> PathBuf {
        match (&self.path, &self.path_b64) {
            (Some(text), _) => PathBuf::from(text),
            (None, Some(text)) => {
                let bytes = STANDARD.decode(text).unwrap_or_default();
                PathBuf::from(&*platform::os_str(&bytes))
            }
            (None, None) => PathBuf::new(),
        }
    }

    /// What orders paths.
    pub fn as_bytes(&self) -> &[u8] {
        let text = self.path.as_deref().or(self.path_b64.as_deref());
        text.unwrap_or_default().as_bytes()
    }
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileType {
    /// A regular file, or a block device that was given.
    File,
    /// A directory.
    Directory,
    /// A symbolic link that leads nowhere.
    Link,
    /// A FIFO, socket or device: never opened.
    Other,
}

/// A range of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Offset of the first byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

impl Extent {
    pub(super) fn new(range: &std::ops::Range<u64>) -> Self {
        Self {
            offset: range.start,
            length: range.end.saturating_sub(range.start),
        }
    }
}

/// A member of a ZIP or gzip file, with the checksum that it has in itself (CRC-32/IEEE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSum {
    /// Its name, if it has one; a gzip member need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `gzip` or `zip`.
    pub format: String,
    /// Bytes that it unpacks to.
    pub size_bytes: u64,
    /// The checksum that the file has; absent if the file ends before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32_stored: Option<u32>,
    /// The checksum of the bytes that it unpacks to; absent if it cannot be unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32_computed: Option<u32>,
    /// Why it could not be unpacked to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl MemberSum {
    /// Whether both checksums are known and equal.
    pub fn matches(&self) -> bool {
        self.crc32_stored.is_some() && self.crc32_stored == self.crc32_computed
    }
}

/// What is recorded of one file, directory or link. Absent means unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// The path below the one that was given; empty for the one that was given.
    #[serde(flatten)]
    pub path: RecordedPath,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: FileType,
    /// Where a symbolic link leads; the other fields describe what it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<RecordedPath>,
    /// Another name of the same inode in this evidence, which comes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_file_as: Option<RecordedPath>,
    /// How many names its inode has, here and elsewhere, if it is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_links: Option<u64>,
    /// Its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// SHA-256 of all its bytes, holes as zeros; absent if some could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When its bytes were last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// When its inode was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// When it was last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessed: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Permission bits, octal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Number of the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Number of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Bytes that it takes on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocated_bytes: Option<u64>,
    /// The ranges that are not holes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_extents: Option<Vec<Extent>>,
    /// Ranges that the disk refused to read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Extent>,
    /// Members of a ZIP or gzip file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberSum>,
    /// Whether size or times changed while it was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed_while_read: bool,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl FileRecord {
    pub(super) fn new(path: &Path, kind: FileType, meta: &Metadata) -> Self {
        let facts = meta_of(meta);
        let ownership = platform::ownership(meta);
        let time = |time: Option<SystemTime>| {
            let time = Timestamp::try_from(time?).ok()?;
            Some(time.to_string())
        };
        Self {
            path: RecordedPath::new(path),
            kind,
            target: None,
            same_file_as: None,
            hard_links: ownership
                .links
                .filter(|links| kind == FileType::File && *links > 1),
            size_bytes: (kind == FileType::File).then_some(facts.size),
            sha256: None,
            modified: time(facts.modified),
            changed: time(ownership.changed),
            accessed: time(meta.accessed().ok()),
            created: time(meta.created().ok()),
            mode: facts.mode.map(|mode| format!("{mode:04o}")),
            uid: ownership.owner.map(|(uid, _)| uid),
            gid: ownership.owner.map(|(_, gid)| gid),
            allocated_bytes: ownership.allocated_bytes,
            data_extents: None,
            unreadable: Vec::new(),
            members: Vec::new(),
            changed_while_read: false,
            error: None,
        }
    }

    /// Something of which not even the facts can be read.
    pub(super) fn unread(path: &Path, error: &io::Error) -> Self {
        Self {
            path: RecordedPath::new(path),
            kind: FileType::Other,
            target: None,
            same_file_as: None,
            hard_links: None,
            size_bytes: None,
            sha256: None,
            modified: None,
            changed: None,
            accessed: None,
            created: None,
            mode: None,
            uid: None,
            gid: None,
            allocated_bytes: None,
            data_extents: None,
            unreadable: Vec::new(),
            members: Vec::new(),
            changed_while_read: false,
            error: Some(error.to_string()),
        }
    }

    /// Whether it has bytes.
    pub fn is_file(&self) -> bool {
        self.kind == FileType::File
    }

    /// Whether a range of the file is a hole.
    pub fn is_sparse(&self) -> bool {
        let extents = self.data_extents.as_deref();
        extents.is_some_and(|extents| {
            let data: u64 = extents.iter().map(|extent| extent.length).sum();
            data < self.size_bytes.unwrap_or(0)
        })
    }
}
