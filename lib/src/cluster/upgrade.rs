//! What stands in the way of the next minor version.

use super::{Level, Line};
use crate::backend::{AlarmType, Cluster, Meta};
use crate::check::{Depth, check};
use crate::codes::cross;
use crate::member::Member;
use crate::raft::{Payload, Request};
use crate::snap::Store;
use located::Severity;
use located::progress::Progress;

/// Says what stops an upgrade to 3.`to`; without a version to the one behind the present.
///
/// # Errors
/// As [`Member::db`].
pub fn upgrade(
    member: &Member,
    to: Option<u32>,
    progress: &dyn Progress,
) -> Result<Vec<Line>, located::Error> {
    let db = member.db()?;
    let meta = Meta::read(&db, &mut |_| {});
    let cluster = Cluster::read(&db, &mut |_| {});
    let from = cluster
        .cluster_version
        .unwrap_or_else(|| meta.schema_version())
        .minor;
    let to = to.map_or(from.saturating_add(1), u64::from);
    let mut lines = Vec::new();
    if to > from.saturating_add(1) {
        let text =
            format!("from 3.{from} to 3.{to}: only one minor version at a time is supported");
        lines.push(Line::new(Level::Fail, "STEP", text));
    } else if to < from {
        lines.push(Line::new(
            Level::Fail,
            "STEP",
            format!("the cluster is at 3.{from} already"),
        ));
    } else {
        lines.push(Line::new(
            Level::Pass,
            "STEP",
            format!("from 3.{from} to 3.{to}"),
        ));
    }
    let report = check(member, Depth::Default, progress);
    for finding in report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
    {
        let zombie = std::ptr::eq(finding.code, &cross::MEMBERS_DIFFER) && to >= 6;
        let level = if finding.severity == Severity::Error || zombie {
            Level::Fail
        } else {
            Level::Warn
        };
        let seen = finding
            .seen
            .as_deref()
            .map_or(String::new(), |seen| format!(" ({seen})"));
        lines.push(Line::new(
            level,
            finding.code.id,
            format!("{}: {}{seen}", finding.code.title, finding.message),
        ));
    }
    if to >= 6 {
        let snaps = member.snaps(&mut |_| {});
        let custom: Vec<String> = snaps
            .usable()
            .filter_map(|snap| Store::parse(&snap.store_json).ok())
            .flat_map(|store| store.custom)
            .collect();
        match custom.first() {
            Some(path) => lines.push(Line::new(
                Level::Fail,
                "SNAP-008",
                format!("the v2 store has content of its own ({path}): 3.6 refuses it"),
            )),
            None => lines.push(Line::new(
                Level::Pass,
                "SNAP-008",
                "no content of the v2 API",
            )),
        }
        let learners = cluster
            .members
            .iter()
            .filter(|member| member.is_learner)
            .count();
        if learners > 1 {
            lines.push(Line::new(
                Level::Fail,
                "LEARNERS",
                format!("{learners} learners: membership: too many learner members in cluster"),
            ));
        }
    }
    if let Some(wal) = member.wal_with(progress) {
        let newest = wal
            .log()
            .valid_snapshots()
            .map(|snapshot| snapshot.index)
            .max()
            .unwrap_or(0);
        let refused = wal
            .log()
            .surviving()
            .filter(|entry| entry.index > newest && !entry.is_plain)
            .filter(|entry| match wal.payload(entry) {
                Payload::Request(Request::V2(request)) => {
                    to >= 7 || (to == 6 && !request.is_allowed_in_3_6())
                }
                _ => false,
            });
        let refused = refused.count();
        if refused > 0 {
            let text = format!(
                "{refused} v2 requests behind the newest snapshot: 3.{to} panics on them; take a snapshot first (etcdctl snapshot, or more than --snapshot-count writes)"
            );
            lines.push(Line::new(Level::Fail, "V2-WAL", text));
        }
    }
    if cluster.downgrade.is_some_and(|downgrade| downgrade.enabled) {
        lines.push(Line::new(
            Level::Fail,
            "DOWNGRADE",
            "a downgrade is under way: cancel it first",
        ));
    }
    for alarm in crate::backend::Alarm::read_all(&db, &mut |_| {}) {
        let name = match alarm.alarm {
            AlarmType::NoSpace => "NOSPACE",
            AlarmType::Corrupt => "CORRUPT",
            AlarmType::Other(_) => continue,
        };
        lines.push(Line::new(
            Level::Fail,
            "ALARM",
            format!("the alarm {name} is on: disarm it before an upgrade"),
        ));
    }
    Ok(lines)
}
