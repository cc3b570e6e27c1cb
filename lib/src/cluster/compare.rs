//! Copies of several members side by side.

use std::borrow::Borrow;

use crate::backend::{Cluster, Meta};
use crate::check::{Depth, Verdict, check};
use crate::codes::cross;
use crate::finding::{Finding, Severity};
use crate::member::{Member, Wal};
use crate::mvcc::{KeyRange, Keyspace};
use crate::place::Place;
use crate::progress::Progress;
use crate::recover::commit;

/// Keys that differ and are named.
const KEYS: usize = 10_000;

/// One member of a comparison.
#[derive(Clone, Debug)]
pub struct MemberRow {
    /// As the user gave it.
    pub path: String,
    /// From the WAL metadata.
    pub member_id: Option<u64>,
    /// From the WAL metadata.
    pub cluster_id: Option<u64>,
    /// Current revision of the db.
    pub revision: Option<i64>,
    /// Compaction revision in force.
    pub compact_revision: Option<i64>,
    /// Last HardState.term.
    pub term: Option<u64>,
    /// consistent_index.
    pub applied: Option<u64>,
    /// What is known to be committed.
    pub commit: Option<u64>,
    /// The last entry of the log.
    pub last_index: Option<u64>,
    /// Live keys.
    pub keys: Option<usize>,
    /// HashKV at the common revision.
    pub hashkv: Option<u32>,
    /// Size of the db file.
    pub db_bytes: Option<u64>,
    /// HashKV at the newest compaction revision of all, where each is compacted there.
    pub hashkv_at_compaction: Option<u32>,
    /// Holds other records than most of the others at the common revision.
    pub is_minority: bool,
    /// What `check` says.
    pub verdict: Verdict,
    /// Errors and warnings; alarms are left out: they are on in all members of a cluster.
    pub findings: (usize, usize),
    /// Alarms that are on.
    pub alarms: usize,
}

/// A key that members hold differently at the common revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferingKey {
    /// The key.
    pub key: Vec<u8>,
    /// Of each member: mod_revision of the version it holds; `None` where it has none.
    pub mod_revisions: Vec<Option<i64>>,
}

/// What a comparison found.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// In the order given.
    pub members: Vec<MemberRow>,
    /// The newest revision that all have.
    pub common_revision: Option<i64>,
    /// Whether HashKV at the common revision is the same everywhere; `None` where it cannot be asked of all.
    pub same: Option<bool>,
    /// The first revision whose records differ.
    pub first_divergent_revision: Option<i64>,
    /// Position of the copy to recover from.
    pub best: Option<usize>,
    /// Keys that differ at the common revision, ascending.
    pub differing_keys: Vec<DifferingKey>,
    /// and logs that tell different things.
    pub findings: Vec<Finding>,
}

/// Compares two to nine copies.
pub fn compare<M: Borrow<Member>>(
    members: &[M],
    with_keys: bool,
    progress: &dyn Progress,
) -> Comparison {
    let members: Vec<&Member> = members.iter().map(Borrow::borrow).collect();
    compare_all(&members, with_keys, progress)
}

fn compare_all(members: &[&Member], with_keys: bool, progress: &dyn Progress) -> Comparison {
    let mut rows: Vec<MemberRow> = members.iter().map(|member| row(member, progress)).collect();
    let keyspaces: Vec<Keyspace<'_>> = members
        .iter()
        .filter_map(|member| member.keyspace().ok())
        .collect();
    let all = keyspaces.len() == members.len();
    let common = keyspaces
        .iter()
        .map(Keyspace::revision)
        .min()
        .filter(|_| all);
    let compacted = keyspaces
        .iter()
        .filter_map(Keyspace::compact_revision)
        .max()
        .unwrap_or(1);
    let mut same = None;
    let mut first = None;
    if let Some(common) = common {
        let mut hashes = Vec::new();
        for (row, keyspace) in rows.iter_mut().zip(&keyspaces) {
            row.hashkv = keyspace.hash_kv(Some(common)).ok().map(|hash| hash.hash);
            hashes.push((row.hashkv, keyspace.compact_revision()));
        }
        let equal_hashes = hashes
            .windows(2)
            .all(|pair| matches!(pair, [(Some(a), x), (Some(b), y)] if a == b && x == y));
        // HashKV depends on the compaction revision too: where that differs, the records themselves are compared.
        let differ = !equal_hashes && common >= compacted;
        if common >= compacted {
            first = if differ {
                first_divergent(&keyspaces, compacted, common)
            } else {
                None
            };
            same = Some(first.is_none() && (equal_hashes || live_equal(&keyspaces, common)));
        }
    }
    let differing_keys = match common {
        Some(common) if with_keys || same == Some(false) => {
            differing(&keyspaces, common.max(compacted))
        }
        _ => Vec::new(),
    };
    if same == Some(false) && first.is_none() {
        first = differing_keys
            .iter()
            .flat_map(|key| key.mod_revisions.iter().flatten())
            .copied()
            .min();
    }
    let compactions: Vec<_> = keyspaces.iter().map(Keyspace::compact_revision).collect();
    let is_same = compactions
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a == b));
    if let Some(Some(revision)) = compactions.first().filter(|_| all && is_same) {
        for (row, keyspace) in rows.iter_mut().zip(&keyspaces) {
            let hash = keyspace.hash_kv(Some(*revision)).ok();
            row.hashkv_at_compaction = hash.map(|hash| hash.hash);
        }
    }
    if let (Some(common), Some(false)) = (common, same) {
        let contents: Vec<u64> = keyspaces
            .iter()
            .map(|keyspace| content(keyspace, compacted, common))
            .collect();
        for (row, mine) in rows.iter_mut().zip(&contents) {
            let like = |wanted: &u64| contents.iter().filter(|other| *other == wanted).count();
            let majority = contents
                .iter()
                .any(|other| like(other) * 2 > contents.len());
            row.is_minority = majority && like(mine) * 2 <= contents.len();
        }
    }
    let mut findings = Vec::new();
    identities(members, &rows, &mut findings);
    logs(members, &rows, &mut findings);
    listed(members, &rows, &mut findings);
    let best = best(&rows);
    Comparison {
        members: rows,
        common_revision: common,
        same,
        first_divergent_revision: first,
        best,
        differing_keys,
        findings,
    }
}

fn row(member: &Member, progress: &dyn Progress) -> MemberRow {
    // What cannot be indexed is told by the check.
    let _ = member.summed_keyspace();
    let report = check(member, Depth::Default, progress);
    let is_alarm = |finding: &Finding| finding.code.id.starts_with("ALARM-");
    let count = |severity| {
        let of_it = |finding: &&Finding| finding.severity == severity && !is_alarm(finding);
        report.findings.iter().filter(of_it).count()
    };
    let mut row = MemberRow {
        path: member.evidence().name().to_string(),
        member_id: None,
        cluster_id: None,
        revision: None,
        compact_revision: None,
        term: None,
        applied: None,
        commit: None,
        last_index: None,
        keys: None,
        hashkv: None,
        hashkv_at_compaction: None,
        is_minority: false,
        alarms: report
            .findings
            .iter()
            .filter(|finding| is_alarm(finding))
            .count(),
        db_bytes: member.evidence().db().map(crate::evidence::File::size),
        findings: (
            count(crate::Severity::Error),
            count(crate::Severity::Warning),
        ),
        verdict: report.verdict,
    };
    if let Ok(db) = member.db() {
        row.applied = Meta::read(&db, &mut |_| {}).consistent_index;
    }
    if let Ok(keyspace) = member.keyspace() {
        row.revision = Some(keyspace.revision());
        row.compact_revision = keyspace.compact_revision();
        row.keys = Some(keyspace.live_count());
    }
    if let Some(wal) = member.wal_with(progress) {
        let log = wal.log();
        row.member_id = log.metadata.first().map(|metadata| metadata.node_id);
        row.cluster_id = log.metadata.first().map(|metadata| metadata.cluster_id);
        row.term = log.hard_state().map(|state| state.term);
        row.commit = Some(commit(&wal, row.applied.unwrap_or(0)));
        row.last_index = Some(log.last_index());
    }
    row
}

/// The first main revision above the compaction whose records differ, by halving the range over running checksums.
fn first_divergent(keyspaces: &[Keyspace<'_>], compacted: i64, common: i64) -> Option<i64> {
    let same_to = |end: i64| {
        let sums: Vec<u32> = keyspaces
            .iter()
            .map(|keyspace| sum(keyspace, compacted.saturating_add(1), end))
            .collect();
        sums.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
    };
    if same_to(common) {
        return None;
    }
    let (mut good, mut bad) = (compacted, common);
    while bad.saturating_sub(good) > 1 {
        let middle = good.saturating_add(bad.saturating_sub(good) / 2);
        if same_to(middle) {
            good = middle
        } else {
            bad = middle
        }
    }
    Some(bad)
}

/// A checksum over the records of the given main revisions.
fn sum(keyspace: &Keyspace<'_>, from: i64, to: i64) -> u32 {
    keyspace.between(from..=to).fold(0, |crc, version| {
        let crc = crc32c::crc32c_append(crc, &version.revision.main.to_be_bytes());
        let crc = crc32c::crc32c_append(crc, &version.revision.sub.to_be_bytes());
        let crc = crc32c::crc32c_append(crc, &[u8::from(version.tombstone)]);
        crc32c::crc32c_append(crc, version.message)
    })
}

/// A checksum over what a keyspace holds at a revision, comparable between members whose compaction differs.
fn content(keyspace: &Keyspace<'_>, compacted: i64, common: i64) -> u64 {
    let above = sum(keyspace, compacted.saturating_add(1), common);
    let live = keyspace.live(&KeyRange::all(), Some(common.max(compacted)));
    let live = live.map_or(0, |live| {
        live.iter().fold(0, |crc, version| {
            let crc = crc32c::crc32c_append(crc, version.key);
            crc32c::crc32c_append(crc, version.message)
        })
    });
    u64::from(above) << 32 | u64::from(live)
}

fn live_equal(keyspaces: &[Keyspace<'_>], common: i64) -> bool {
    differing(keyspaces, common).is_empty()
}

/// Keys whose live version differs at a revision.
fn differing(keyspaces: &[Keyspace<'_>], at: i64) -> Vec<DifferingKey> {
    let mut differing: Vec<DifferingKey> = Vec::new();
    for keyspace in keyspaces {
        let Ok(live) = keyspace.live(&KeyRange::all(), Some(at)) else {
            continue;
        };
        for version in live.iter() {
            if differing.len() >= KEYS {
                break;
            }
            let held: Vec<_> = keyspaces
                .iter()
                .map(|other| other.get(version.key, Some(at)).ok().flatten())
                .collect();
            let same = held
                .iter()
                .all(|other| other.is_some_and(|other| other.message == version.message));
            if same {
                continue;
            }
            let mod_revisions = held
                .iter()
                .map(|other| other.map(|other| other.revision.main))
                .collect();
            differing.push(DifferingKey {
                key: version.key.to_vec(),
                mod_revisions,
            });
        }
    }
    differing.sort_by(|a, b| a.key.cmp(&b.key));
    differing.dedup();
    differing
}

fn identities(members: &[&Member], rows: &[MemberRow], findings: &mut Vec<Finding>) {
    let place = |at: usize| {
        members
            .get(at)
            .map(|member| Place::file(member.evidence().name()))
    };
    let first = rows.iter().find_map(|row| row.cluster_id);
    for (at, row) in rows.iter().enumerate() {
        if let (Some(first), Some(id), Some(place)) = (first, row.cluster_id, place(at))
            && first != id
        {
            let finding = Finding::new(
                &cross::CLUSTER_ID,
                place,
                format!("{} is of another cluster", row.path),
            );
            findings.push(finding.seen(format!("{id:016x}"), format!("{first:016x}")));
        }
    }
}

/// The same index with another term or another payload, where both logs call it committed.
fn logs(members: &[&Member], rows: &[MemberRow], findings: &mut Vec<Finding>) {
    let wals: Vec<Option<Wal<'_>>> = members.iter().map(|member| member.wal()).collect();
    for (at, (wal, row)) in wals.iter().zip(rows).enumerate().skip(1) {
        let Some(wal) = wal else { continue };
        for (other, other_row) in wals.iter().zip(rows).take(at) {
            let Some(other) = other else { continue };
            if row.cluster_id != other_row.cluster_id {
                continue;
            }
            let committed = row.commit.unwrap_or(0).min(other_row.commit.unwrap_or(0));
            let mut different = wal.log().surviving().filter_map(|entry| {
                let theirs = other.log().entry(entry.index)?;
                let same = theirs.term == entry.term && other.data(theirs) == wal.data(entry);
                (!same).then_some((entry, theirs))
            });
            let Some((entry, theirs)) = different.next() else {
                continue;
            };
            let count = different.count().saturating_add(1) as u64;
            let clone = row.member_id.is_some() && row.member_id == other_row.member_id;
            // Behind the commit of one of them raft settles it: the entries of the older term are overwritten.
            let settled = entry.index > committed && !clone;
            let message = format!(
                "entry {} of {} has term {}, that of {} term {}{}",
                entry.index,
                row.path,
                entry.term,
                other_row.path,
                theirs.term,
                if entry.term == theirs.term {
                    " and another payload"
                } else {
                    ""
                }
            );
            let place = wal.place(entry);
            let code = if clone {
                &cross::CLONED
            } else {
                &cross::LOGS_DIFFER
            };
            let place =
                place.unwrap_or_else(|| Place::file(&crate::place::FileName::new(&row.path)));
            let finding = Finding::new(code, place, message).count(count);
            findings.push(if settled {
                let message = format!("{}; not committed in both: no damage", finding.message);
                Finding { message, ..finding }.severity(Severity::Note)
            } else {
                finding
            });
        }
    }
}

/// Members that the copies list differently.
fn listed(members: &[&Member], rows: &[MemberRow], findings: &mut Vec<Finding>) {
    let lists: Vec<Option<String>> = members
        .iter()
        .map(|member| {
            let cluster = Cluster::read(&member.db().ok()?, &mut |_| {});
            let mut names: Vec<String> = cluster
                .members
                .iter()
                .map(|member| {
                    let learner = if member.is_learner { " (learner)" } else { "" };
                    format!("{:016x} {}{learner}", member.id.0, member.name)
                })
                .collect();
            names.sort();
            Some(names.join(", "))
        })
        .collect();
    let newest = rows.iter().map(|row| row.applied).max().flatten();
    let reference = rows
        .iter()
        .zip(&lists)
        .filter(|(row, _)| row.applied == newest)
        .find_map(|(row, list)| Some((row, list.as_ref()?)));
    let Some((known, wanted)) = reference else {
        return;
    };
    for ((member, row), list) in members.iter().zip(rows).zip(&lists) {
        let Some(list) = list.as_ref().filter(|list| *list != wanted) else {
            continue;
        };
        if row.cluster_id.is_some() && row.cluster_id != known.cluster_id {
            continue;
        }
        // A copy that is behind may simply not know of a change yet.
        let severity = if row.applied == known.applied {
            Severity::Warning
        } else {
            Severity::Note
        };
        let message = format!("{} lists other members than {}", row.path, known.path);
        let finding = Finding::new(
            &cross::MEMBERS_DIFFER,
            Place::file(member.evidence().name()),
            message,
        );
        findings.push(
            finding
                .severity(severity)
                .seen(list.clone(), wanted.clone()),
        );
    }
}

/// The newest of the copies that hold what most hold and have no errors; where all have some, the newest of those.
fn best(rows: &[MemberRow]) -> Option<usize> {
    let value = |row: &MemberRow| {
        (
            !row.is_minority,
            row.findings.0 == 0,
            row.commit,
            row.revision,
            row.last_index,
        )
    };
    let readable = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.revision.is_some());
    readable
        .max_by(|(i, a), (j, b)| value(a).cmp(&value(b)).then(j.cmp(i)))
        .map(|(at, _)| at)
}
