//! Section 2: the files, as they were read.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::model::{DataTable, Section, document, plain_heads};
use super::{ReportQuestion, count_of};
use crate::answers::manifest::is_whole;
use crate::evidence::custody::{self, RecordedFiles};
use located::Command;
use located::progress::Progress;

/// Everything that the page is made of: the copies, directories of their logs, and files that were given beside them.
fn drawn_from(question: &ReportQuestion<'_>) -> Vec<PathBuf> {
    let members = question.members.iter();
    let logs = members.filter_map(|member| member.evidence().wal_dir().map(Path::to_owned));
    let mut all: Vec<PathBuf> = Vec::new();
    let every = question.paths.iter().cloned().chain(logs);
    for path in every.chain(question.beside.iter().cloned()) {
        if !all.contains(&path) {
            all.push(path);
        }
    }
    all
}

/// The files of every path; why a path could not be read.
pub(super) fn inventories(
    question: &ReportQuestion<'_>,
    progress: &dyn Progress,
) -> Vec<Result<RecordedFiles, String>> {
    let paths = drawn_from(question).into_iter();
    paths
        .map(|path| {
            let path = custody::on_disk(&path);
            let limits = question
                .members
                .first()
                .map(|member| member.options().evidence.limits.clone());
            custody::inventory(&path, &limits.unwrap_or_default(), progress)
                .map_err(|error| error.to_string())
        })
        .collect()
}

// The columns and fields: head, and name or place in the document; `+` marks numbers.
const FILES: &[(&str, &str)] = &[
    ("FILE", "path"),
    ("+SIZE", "size_bytes"),
    ("MODIFIED", "modified"),
    ("MODE", "mode"),
    ("SHA-256", "sha256"),
];

pub(super) fn section(
    question: &ReportQuestion<'_>,
    inventories: &[Result<RecordedFiles, String>],
) -> Section {
    let mut section = Section::new("custody", "Chain of custody");
    section.say(format!(
        "Read by {}, read-only: nothing was written into the evidence, no lock was taken.",
        question.tool
    ));
    let meta = question.flags.iter().find(|flag| flag.name == "--meta");
    if let Some(meta) = meta {
        section.say(format!(
            "Of each db the state of another meta page was read than the newest valid one: --meta {}.",
            meta.value.to_string_lossy()
        ));
    }
    for (path, files) in drawn_from(question).iter().zip(inventories) {
        let shown = path.to_string_lossy();
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                section.say(format!("{shown}: {error}"));
                continue;
            }
        };
        let regular: Vec<Value> = files
            .records
            .iter()
            .filter(|file| file.is_file())
            .map(document)
            .collect();
        let caption = format!("{shown}: {}", count_of(regular.len(), "files"));
        let heads = plain_heads(FILES);
        let command = Command::inspect("manifest").path(path).to_string();
        let rows = json!({ "rows": regular });
        let mut table = DataTable::new(caption, &rows, "/rows", command, heads, question.limit(60));
        // In the manifest directories are between the files.
        table.pointer = String::new();
        section.push(table);
        section.say(unchanged(path, files));
    }
    section.say("The clock of the host against that of the data, owners, sparse extents and checksums inside of compressed files are in the manifest; it also says later what changed.");
    section
}

/// Whether sizes and times are still those that were recorded when the files were hashed.
fn unchanged(path: &Path, files: &RecordedFiles) -> String {
    let root = custody::on_disk(path);
    let is_same = |file: &&custody::FileRecord| {
        let relative = file.path.to_path();
        let there = match relative.as_os_str().is_empty() {
            true => root.clone(),
            false => root.join(relative),
        };
        let meta = std::fs::metadata(there).ok();
        let size = meta.as_ref().map(std::fs::Metadata::len);
        let modified = meta.and_then(|meta| meta.modified().ok());
        let modified = modified.and_then(|time| jiff::Timestamp::try_from(time).ok());
        size == file.size_bytes && modified.map(|time| time.to_string()) == file.modified
    };
    let all = || files.records.iter().filter(|file| file.is_file());
    let changed = all()
        .filter(|file| !is_same(file) || !is_whole(file))
        .count();
    match changed {
        0 => "Sizes and times of all files were compared again after they were read: none changed meanwhile.".to_owned(),
        count => format!("{} changed while they were read, or could not be read as a whole.", count_of(count, "files")),
    }
}
