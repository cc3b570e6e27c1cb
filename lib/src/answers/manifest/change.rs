//! What became of one file since it was recorded.

use serde::Serialize;

use crate::evidence::custody::{FileRecord, RecordedPath};

/// What became of a file. Of several changes the one that weighs most is named; all are listed as fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// Its bytes, its length or what it is.
    Content,
    /// Whether it is a symbolic link, or where it leads; the bytes are the same.
    Link,
    /// Which files are names of one inode.
    HardLink,
    /// Mode, owner or group.
    Permissions,
    /// Which of its ranges are holes; the bytes are the same.
    Extents,
    /// When it was changed, and nothing else.
    Times,
    /// It has another name.
    Renamed,
    /// It is not there any more.
    Missing,
    /// It was not there.
    New,
    /// It could not be read then or cannot be read now, so that nothing is proven.
    Unproven,
}

impl FileChange {
    /// In a word or two, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Content => "changed",
            Self::Link => "link",
            Self::HardLink => "hard link",
            Self::Permissions => "mode, owner",
            Self::Extents => "holes",
            Self::Times => "times",
            Self::Renamed => "renamed",
            Self::Missing => "missing",
            Self::New => "new",
            Self::Unproven => "not proven",
        }
    }
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

/// The fields of a record by what a difference in them means, the weightiest first.
fn fields(record: &FileRecord) -> [(FileChange, &'static str, Option<String>); 11] {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let owner = |number: Option<u32>| number.map(|number| number.to_string());
    let path = |path: &Option<RecordedPath>| {
        let path = path.as_ref().map(RecordedPath::to_path);
        path.map(|path| path.to_string_lossy().into_owned())
    };
    let kind = serde_json::to_value(record.kind).ok();
    let kind = kind.and_then(|kind| Some(kind.as_str()?.to_owned()));
    let extents = record.data_extents.as_ref().map(|extents| {
        let extents = extents.iter();
        let extents = extents.map(|extent| format!("{}+{}", extent.offset, extent.length));
        extents.collect::<Vec<_>>().join(", ")
    });
    [
        (FileChange::Content, "type", kind),
        (FileChange::Content, "size_bytes", number(record.size_bytes)),
        (FileChange::Content, "sha256", record.sha256.clone()),
        (FileChange::Link, "target", path(&record.target)),
        (
            FileChange::HardLink,
            "same_file_as",
            path(&record.same_file_as),
        ),
        (
            FileChange::HardLink,
            "hard_links",
            number(record.hard_links),
        ),
        (FileChange::Permissions, "mode", record.mode.clone()),
        (FileChange::Permissions, "uid", owner(record.uid)),
        (FileChange::Permissions, "gid", owner(record.gid)),
        (FileChange::Extents, "data_extents", extents),
        (FileChange::Times, "modified", record.modified.clone()),
    ]
}

/// What differs between two records of one file. Times of reading and of the inode are those of the host, not of the evidence.
pub(super) fn changed(
    before: &FileRecord,
    now: &FileRecord,
) -> (Option<FileChange>, Vec<ChangedField>) {
    let mut change = None;
    let mut differences = Vec::new();
    for ((meaning, field, recorded), (_, _, now)) in fields(before).into_iter().zip(fields(now)) {
        // An older manifest does not have it: that is no change.
        let is_unknown =
            recorded.is_none() && matches!(meaning, FileChange::HardLink | FileChange::Extents);
        if recorded == now || is_unknown {
            continue;
        }
        change = change.or(Some(meaning));
        differences.push(ChangedField {
            field,
            recorded,
            now,
        });
    }
    let is_unproven = before.is_file()
        && (before.sha256.is_none() || now.sha256.is_none())
        && before.size_bytes == now.size_bytes;
    match is_unproven {
        true => (Some(FileChange::Unproven), differences),
        false => (change, differences),
    }
}

/// What is known of a file that is on one side alone.
pub(super) fn alone(record: &FileRecord, is_now: bool) -> Vec<ChangedField> {
    let shown = ["type", "target", "size_bytes", "sha256"];
    let fields = fields(record).into_iter();
    let fields = fields.filter(|(_, field, value)| shown.contains(field) && value.is_some());
    fields
        .map(|(_, field, value)| match is_now {
            true => ChangedField {
                field,
                recorded: None,
                now: value,
            },
            false => ChangedField {
                field,
                recorded: value,
                now: None,
            },
        })
        .collect()
}
