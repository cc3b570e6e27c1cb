//! `compare`: copies side by side, and what their keys differ in.

use serde::Serialize;
use serde_json::Value;

use super::plan::StepRow;
use super::{Column, key_json};
use crate::kubernetes::changed::{Change, changes};
use crate::kubernetes::encryption::Keyring;
use crate::kubernetes::mask::{Mask, is_secret_key};
use crate::member::{Member, Objects, Reading};
use crate::mvcc::Version;
use crate::verdict::{Comparison, MemberRow, counted};
use located::{Command, Severity};

/// Columns of members.
pub static MEMBERS: [Column; 15] = [
    Column::left("PATH", "path"),
    Column::left("MEMBER", "member_id"),
    Column::right("REV", "served_revision"),
    Column::right("DB-REV", "revision"),
    Column::right("COMPACTED", "compact_revision").wide(),
    Column::right("APPLIED", "applied"),
    Column::right("COMMIT", "commit").wide(),
    Column::right("LAST", "last_index").wide(),
    Column::right("TERM", "term"),
    Column::right("KEYS", "keys"),
    Column::right("HASHKV", "hashkv"),
    Column::right("ERRORS", "errors").wide(),
    Column::right("WARNINGS", "warnings").wide(),
    Column::right("DB", "db_bytes"),
    Column::left("VERDICT", "verdict"),
];

/// What `compare` answers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CompareAnswer {
    /// In the order given.
    pub members: Vec<ComparedMember>,
    /// The newest revision that all have.
    pub common_revision: Option<i64>,
    /// Whether HashKV is the same everywhere; `None` if it cannot be computed for every member.
    pub same: Option<bool>,
    /// The first revision whose records differ.
    pub first_divergent_revision: Option<i64>,
    /// The copy to recover from.
    pub best: Option<String>,
    /// Keys that differ, ascending.
    pub differing_keys: Vec<DifferingRow>,
    /// What is wrong with all of them together.
    pub findings: Vec<ComparedFinding>,
    /// What to do with each copy that is not kept.
    pub plan: Vec<StepRow>,
    /// Whether more than half of the cluster's voters have a clean copy here.
    pub clean_majority: bool,
    /// The safest next command.
    pub next: [Command; 1],
}

/// A copy, and what tells it from the others.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ComparedMember {
    /// What was read of it.
    #[serde(flatten)]
    pub row: MemberRow,
    /// What people read as its verdict: `lags by 3 revisions`, `newest and clean: best source`.
    pub remark: String,
}

/// A key that members hold differently.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DifferingRow {
    /// The key.
    pub key: Value,
    /// For each member, mod_revision of the version it has.
    pub mod_revisions: Vec<Option<i64>>,
    /// The first revision at which records of the key differ.
    pub first_revision: Option<i64>,
    /// For each member, what differs in its value; `None` if values were not asked for.
    pub changed: Option<Vec<Option<String>>>,
}

/// A finding about copies together.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ComparedFinding {
    /// Its code.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The file.
    pub file: String,
    /// Number of occurrences.
    pub count: u64,
}

impl CompareAnswer {
    /// Of a comparison. `differences`: those of [`differences`], or none.
    pub fn new(compared: &Comparison, differences: &[Vec<Option<String>>]) -> Self {
        let path = |at: usize| compared.members.get(at).map(|row| row.path.clone());
        let keys = compared.differing_keys.iter().enumerate();
        let findings = compared.findings.iter();
        let plan = compared.plan.iter();
        Self {
            members: (compared.members.iter().enumerate())
                .map(|(at, row)| ComparedMember {
                    row: row.clone(),
                    remark: remark(compared, at, row),
                })
                .collect(),
            common_revision: compared.common_revision,
            same: compared.same,
            first_divergent_revision: compared.first_divergent_revision,
            best: compared.best.and_then(path),
            differing_keys: keys
                .map(|(at, key)| DifferingRow {
                    key: key_json(&key.key),
                    mod_revisions: key.mod_revisions.clone(),
                    first_revision: key.first_revision,
                    changed: differences.get(at).cloned(),
                })
                .collect(),
            findings: findings
                .map(|finding| ComparedFinding {
                    code: finding.code.id,
                    severity: finding.severity,
                    message: finding.message.clone(),
                    file: finding.place.file.as_str().to_owned(),
                    count: finding.count,
                })
                .collect(),
            plan: plan
                .map(|(at, step)| StepRow::from(step).of_copy(path(*at)))
                .collect(),
            clean_majority: compared.clean_majority,
            next: [compared.next.clone()],
        }
    }
}

/// Whether anything is wrong with the copies.
pub fn is_wrong(compared: &Comparison) -> bool {
    let serious = |severity| severity > Severity::Note;
    compared.same == Some(false)
        || compared
            .findings
            .iter()
            .any(|finding| serious(finding.severity))
        || compared
            .members
            .iter()
            .any(|row| row.errors > 0 || row.warnings > 0)
}

/// Why a copy is not compared with the others.
fn apart(row: &MemberRow) -> Option<String> {
    if row.is_partial {
        return Some("a part of its keys cannot be read".to_owned());
    }
    if row.is_unread {
        return Some("a part of it cannot be read".to_owned());
    }
    if row.is_never_used {
        return Some("never used: nothing is in it".to_owned());
    }
    if let Some(entry) = row.parts_at {
        return Some(format!(
            "another history than the others since entry {entry}"
        ));
    }
    let is_removed = row.removed_by.is_some();
    is_removed.then(|| "was removed from the cluster".to_owned())
}

/// What to think of one copy.
pub fn remark(compared: &Comparison, at: usize, row: &MemberRow) -> String {
    let mut parts = Vec::new();
    if row.is_minority {
        let since = compared.first_divergent_revision;
        parts.push(
            since.map_or("holds other records than the others".to_owned(), |since| {
                format!("differs from the others since revision {since}")
            }),
        );
    }
    for (count, one, many) in [
        (row.errors, "error", "errors"),
        (row.warnings, "warning", "warnings"),
        (row.alarms, "alarm", "alarms"),
    ] {
        if count > 0 {
            parts.push(counted(count as u64, one, many));
        }
    }
    let clusters = compared.members.iter().filter_map(|row| row.cluster_id);
    let first = clusters.clone().next();
    if first.is_some_and(|first| clusters.into_iter().any(|id| id != first)) {
        // Revisions of two clusters have nothing to do with each other.
        let of = row.cluster_id;
        parts.insert(
            0,
            of.map_or("of no known cluster".to_owned(), |id| {
                format!("of cluster {id}")
            }),
        );
        return parts.join(", ");
    }
    if let Some(why) = apart(row) {
        parts.push(why);
        return parts.join(", ");
    }
    let counts = |row: &&MemberRow| row.parts_at.is_none();
    let reaches = compared.members.iter().filter(counts);
    let newest = reaches.filter_map(MemberRow::reach).max();
    let newest = newest.max(compared.acknowledged_revision);
    if let (Some(newest), Some(mine)) = (newest, row.reach())
        && mine < newest
    {
        let lag = newest.saturating_sub(mine).unsigned_abs();
        parts.push(format!("lags by {}", counted(lag, "revision", "revisions")));
    }
    let best = compared.best == Some(at);
    match (parts.is_empty(), best) {
        (true, true) => "newest and clean: best source".to_owned(),
        (true, false) => "clean".to_owned(),
        (false, true) => format!("{}: best of these", parts.join(", ")),
        (false, false) => parts.join(", "),
    }
}

/// What the values of each differing key differ in, member by member.
pub fn differences(
    members: &[Member],
    compared: &Comparison,
    keyring: &Keyring,
    mask: Option<&Mask>,
) -> Vec<Vec<Option<String>>> {
    let Some(common) = compared.common_revision else {
        return Vec::new();
    };
    let sides: Vec<Objects<'_>> = members
        .iter()
        .filter_map(|member| {
            let file = member.db_file().ok()?.name();
            Some(Objects::new(
                member.readable_keyspace().ok()?,
                file,
                None,
                keyring.clone(),
                &member.options().evidence.limits,
            ))
        })
        .collect();
    let trusted = compared.best.unwrap_or(0);
    let versions = |key: &[u8]| -> Vec<Option<Version<'_>>> {
        sides
            .iter()
            .map(|side| side.keyspace().get(key, Some(common)).ok().flatten())
            .collect()
    };
    compared
        .differing_keys
        .iter()
        .map(|differing| {
            let held = versions(&differing.key);
            let reference = held.get(trusted).copied().flatten();
            held.iter()
                .enumerate()
                .map(|(at, version)| {
                    let (Some(side), Some(best)) = (sides.get(at), sides.get(trusted)) else {
                        return None;
                    };
                    difference((best, reference), (side, *version), &differing.key, mask)
                })
                .collect()
        })
        .collect()
}

/// Compares one side with the trusted one. Returns `None` if they are equal.
fn difference(
    (best, wanted): (&Objects<'_>, Option<Version<'_>>),
    (side, held): (&Objects<'_>, Option<Version<'_>>),
    key: &[u8],
    mask: Option<&Mask>,
) -> Option<String> {
    let (wanted, held) = match (wanted, held) {
        (None, None) => return None,
        (Some(_), None) => {
            // What is not there at the common revision may have been written again since.
            let later = side.keyspace().get(key, None).ok().flatten();
            return Some(match later {
                Some(later) => format!(
                    "absent there, written again at revision {}",
                    later.revision.main
                ),
                None => "absent".to_owned(),
            });
        }
        (None, Some(_)) => return Some("only here".to_owned()),
        (Some(wanted), Some(held)) if wanted.message == held.message => return None,
        (Some(wanted), Some(held)) => (wanted, held),
    };
    let object = |side: &Objects<'_>, version: &Version<'_>| {
        let mut object = side.json(version, Reading::default()).ok()?;
        if let Some(mask) = mask {
            mask.object(&mut object);
        }
        Some(object)
    };
    if let (Some(before), Some(after)) = (object(best, &wanted), object(side, &held)) {
        let changed: Vec<String> = changes(&before, &after)
            .iter()
            .map(Change::summary)
            .collect();
        if !changed.is_empty() {
            return Some(changed.join(", "));
        }
    }
    let is_secret = mask.is_some() && is_secret_key(best.layout(), key);
    Some(bytes_difference(&wanted, &held, is_secret))
}

/// What differs in two records of one key, byte by byte.
fn bytes_difference(wanted: &Version<'_>, held: &Version<'_>, is_secret: bool) -> String {
    let (Ok(before), Ok(after)) = (wanted.key_value(), held.key_value()) else {
        return "the record cannot be read".to_owned();
    };
    if before.value == after.value {
        return format!(
            "the same value; version {} lease {:x} created at {}",
            after.version, after.lease, after.create_revision
        );
    }
    let at = before
        .value
        .iter()
        .zip(after.value)
        .position(|(a, b)| a != b);
    let at = at.unwrap_or(before.value.len().min(after.value.len()));
    let byte = |value: &[u8]| match value.get(at) {
        None => "end".to_owned(),
        Some(_) if is_secret => "••".to_owned(),
        Some(byte) => format!("{byte:#04x}"),
    };
    let size = match (after.value.len(), before.value.len()) {
        (mine, wanted) if mine == wanted => format!("{mine} bytes as well"),
        (mine, wanted) => format!("{mine} bytes, not {wanted}"),
    };
    format!(
        "{size}; byte {at} is {}, not {}",
        byte(after.value),
        byte(before.value)
    )
}
