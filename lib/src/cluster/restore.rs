//! `snapshot restore`: from which file, with which revision, and what it drops.

use std::borrow::Borrow;

use super::{Level, Line, counted};
use crate::backend::{Cluster, Meta};
use crate::check::{Depth, check};
use crate::codes::cross;
use crate::member::Member;
use crate::recover::replay;
use located::Severity;
use located::progress::Progress;

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
pub fn restore<M: Borrow<Member>>(
    members: &[M],
    progress: &dyn Progress,
) -> Result<Restore, located::Error> {
    let mut restore = Restore::default();
    let Some(member) = members.first().map(Borrow::borrow) else {
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
        if let Ok(replayed) = replay(other.borrow(), progress) {
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
                "{} behind the db ({} to {}) are not carried over by a restore",
                counted(restore.dropped_entries, "WAL entry", "WAL entries"),
                index.saturating_add(1),
                wal.log().last_index()
            );
            restore.lines.push(Line::new(Level::Warn, "DROPPED", text));
        }
    }
    let behind = restore.reached.saturating_sub(restore.revision);
    restore.bump_revision = BUMP.max(behind.saturating_mul(2));
    let text = match behind {
        0 => format!(
            "clients have seen revision {}, perhaps more, and a restore gives the next ones out again: raise the revision and mark it compacted (etcdutl 3.5.10 or newer), or watchers miss events",
            restore.reached
        ),
        _ => format!(
            "the cluster reached revision {} or more, the db ends at {}: raise the revision and mark it compacted (etcdutl 3.5.10 or newer), or watchers miss events",
            restore.reached, restore.revision
        ),
    };
    restore.lines.push(Line::new(Level::Warn, "REVISION", text));
    let skip = match member.trailer() {
        Some(trailer) if trailer.matches() => "",
        _ => " --skip-hash-check",
    };
    restore.command = format!(
        "etcdutl snapshot restore {}{skip} --bump-revision {} --mark-compacted{} --data-dir NEW-DATA-DIR",
        quoted(member.db_file()?.name().as_str()),
        restore.bump_revision,
        identity(member, progress).unwrap_or_default()
    );
    Ok(restore)
}

/// The flags that make the restored member the one that it was; `None` for a file that does not say whose it is.
fn identity(member: &Member, progress: &dyn Progress) -> Option<String> {
    let wal = member.wal_with(progress)?;
    let own = wal.log().metadata.first()?.node_id;
    let cluster = Cluster::read(&member.db().ok()?, &mut |_| {});
    let me = cluster.member(own)?;
    let all: Vec<String> = cluster
        .members
        .iter()
        .filter(|member| !member.is_learner && !member.name.is_empty())
        .flat_map(|member| {
            member
                .peer_urls
                .iter()
                .map(|url| format!("{}={url}", member.name))
        })
        .collect();
    if me.name.is_empty() || me.peer_urls.is_empty() {
        return None;
    }
    Some(format!(
        " --name {} --initial-cluster {} --initial-advertise-peer-urls {}",
        quoted(&me.name),
        quoted(&all.join(",")),
        quoted(&me.peer_urls.join(","))
    ))
}

/// For a shell.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
