//! `snapshot restore`: from which file, with which revision, and what it drops.

use super::{Level, Line};
use crate::backend::Meta;
use crate::check::{Depth, check};
use crate::codes::cross;
use crate::finding::Severity;
use crate::member::Member;
use crate::progress::Progress;
use crate::recover::replay;

/// Revisions that no cluster writes between a backup and its loss: 1500 a second for a week. etcd's own documentation
/// recommends it.
const BUMP: i64 = 1_000_000_000;

/// What a restore needs.
#[derive(Clone, Debug, Default)]
pub struct Restore {
    /// The revision of the db.
    pub revision: i64,
    /// The newest revision that any of the evidence knows of.
    pub reached: i64,
    /// What to give to `--bump-revision`.
    pub bump_revision: i64,
    /// The command.
    pub command: String,
    /// Entries of the WAL that the restore drops.
    pub dropped_entries: u64,
    /// What to know before.
    pub lines: Vec<Line>,
}

/// Prepares a restore from the first member's db; the others only say how far the cluster had come.
///
/// # Errors
/// As [`Member::keyspace`].
pub fn restore(members: &[Member], progress: &dyn Progress) -> Result<Restore, crate::Error> {
    let mut restore = Restore::default();
    let Some(member) = members.first() else {
        return Ok(restore);
    };
    let report = check(member, Depth::Default, progress);
    for finding in report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
    {
        // A restore takes neither WAL nor .snap along.
        let of_db =
            finding.place.file == *member.db_file()?.name() || finding.code.id.starts_with("X-");
        let index_only = std::ptr::eq(finding.code, &cross::INDEX_AHEAD)
            || std::ptr::eq(finding.code, &cross::SNAP_AHEAD);
        let level = match finding.severity {
            Severity::Error if of_db && !index_only => Level::Fail,
            _ => Level::Warn,
        };
        restore.lines.push(Line::new(
            level,
            finding.code.id,
            format!("{}: {}", finding.code.title, finding.message),
        ));
    }
    let keyspace = member.keyspace()?;
    restore.revision = keyspace.revision();
    restore.reached = restore.revision;
    if !restore.lines.iter().any(|line| line.level == Level::Fail) {
        let text = format!(
            "the db holds {} records up to revision {}",
            keyspace.index().len(),
            restore.revision
        );
        restore.lines.insert(0, Line::new(Level::Pass, "DB", text));
    }
    for other in members {
        if let Ok(replayed) = replay(other, progress) {
            restore.reached = restore.reached.max(replayed.keyspace().revision());
        }
    }
    if let Some(wal) = member.wal_with(progress) {
        let index = Meta::read(&member.db()?, &mut |_| {})
            .consistent_index
            .unwrap_or(0);
        restore.dropped_entries = wal
            .log()
            .surviving()
            .filter(|entry| entry.index > index)
            .count() as u64;
        if restore.dropped_entries > 0 {
            let text = format!(
                "{} WAL entries behind the db ({} to {}) are not carried over by a restore",
                restore.dropped_entries,
                index.saturating_add(1),
                wal.log().last_index()
            );
            restore.lines.push(Line::new(Level::Warn, "DROPPED", text));
        }
    }
    let behind = restore.reached.saturating_sub(restore.revision);
    restore.bump_revision = BUMP.max(behind.saturating_mul(2));
    let text = format!(
        "the cluster reached revision {} or more, a restore goes back to {}: raise the revision and mark it compacted, or watchers miss events",
        restore.reached, restore.revision
    );
    restore.lines.push(Line::new(Level::Warn, "REVISION", text));
    let skip = match member.trailer() {
        Some(trailer) if trailer.matches() => "",
        _ => " --skip-hash-check",
    };
    restore.command = format!(
        "etcdutl snapshot restore {}{skip} --bump-revision {} --mark-compacted --data-dir NEW-DATA-DIR",
        quoted(member.db_file()?.name().as_str()),
        restore.bump_revision
    );
    Ok(restore)
}

/// For a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
