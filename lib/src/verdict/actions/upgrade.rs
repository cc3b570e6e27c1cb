//! Starts the next minor release on the data directory: what prevents it.
//!
//! Source: `IsValidVersionChange` in
//! `server/etcdserver/api/membership/cluster.go`, v3.5.30, `server/storage/schema/schema.go`, v3.6.14, and the upgrade guides.

use crate::backend::{Alarm, AlarmType, Cluster};
use crate::codes::cross;
use crate::raft::{Payload, Request};
use crate::snap::Store;
use crate::start::{Level, Line, is_go, written_by};
use crate::verdict::action::Action;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;
use crate::{Finding, Severity};
use located::reported_by;

/// The upgrade to the release that was asked for: it serves what a start serves, if nothing prevents it.
pub(in crate::verdict) fn step(facts: &Facts<'_>) -> Option<Step> {
    let mut step = super::start::step(facts)?;
    step.action = Action::Upgrade;
    let lines = lines(facts);
    if let Some(fails) = lines.iter().find(|line| line.level == Level::Fail) {
        step.outcome = Outcome {
            starts: None,
            message: Some(fails.text.clone()),
            later_writes: LaterWrites::Unknown,
            ..Outcome::default()
        };
    }
    step.effect = match is_go(&lines) {
        true => "no obstacle found".to_owned(),
        false => "do not upgrade yet".to_owned(),
    };
    Some(step)
}

/// Reports what prevents an upgrade, one line for each obstacle.
pub(in crate::verdict) fn lines(facts: &Facts<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let Ok(db) = facts.member.db() else {
        lines.push(Line::new(Level::Fail, "DB", "the db cannot be read"));
        return lines;
    };
    let cluster = Cluster::read(&db, &mut reported_by("backend::check"));
    let from = cluster
        .cluster_version
        .unwrap_or_else(|| written_by(facts.member));
    let to = facts.upgrade_to.unwrap_or(from.minor.saturating_add(1));
    lines.push(distance(from.minor, to));
    findings(facts, to, &mut lines);
    if to >= 6 {
        stores(facts, &mut lines);
        let learners = cluster.members.iter().filter(|member| member.is_learner);
        let learners = learners.count();
        if learners > 1 {
            let text =
                format!("{learners} learners: membership: too many learner members in cluster");
            lines.push(Line::new(Level::Fail, "LEARNERS", text));
        }
    }
    v2_requests(facts, to, &mut lines);
    if cluster.downgrade.is_some_and(|downgrade| downgrade.enabled) {
        let text = "a downgrade is under way: cancel it first";
        lines.push(Line::new(Level::Fail, "DOWNGRADE", text));
    }
    // A start applies what the log has after the db: an alarm may be there only.
    let started = facts.start.as_ref().and_then(|start| start.state.as_ref());
    let alarms = match started {
        Some(state) => state.buckets().alarms,
        None => Alarm::read_all(&db, &mut reported_by("backend::check")),
    };
    for alarm in alarms {
        let name = match alarm.alarm {
            AlarmType::NoSpace => "NOSPACE",
            AlarmType::Corrupt => "CORRUPT",
            AlarmType::Other(_) => continue,
        };
        let text = format!("the alarm {name} is on: disarm it before an upgrade");
        lines.push(Line::new(Level::Fail, "ALARM", text));
    }
    lines
}

/// Only one minor version at a time is supported.
fn distance(from: u64, to: u64) -> Line {
    match to {
        _ if to > from.saturating_add(1) => Line::new(
            Level::Fail,
            "STEP",
            format!("from 3.{from} to 3.{to}: only one minor version at a time is supported"),
        ),
        _ if to < from => Line::new(
            Level::Fail,
            "STEP",
            format!("the cluster is at 3.{from} already"),
        ),
        _ => Line::new(Level::Pass, "STEP", format!("from 3.{from} to 3.{to}")),
    }
}

fn findings(facts: &Facts<'_>, to: u64, lines: &mut Vec<Line>) {
    let level = |finding: &Finding| {
        // Until 3.5 the v2 store says who is a member, from 3.6 on the db: a zombie comes back (etcd#20340).
        let zombie = std::ptr::eq(finding.code, &cross::MEMBERS_DIFFER) && to >= 6;
        match finding.severity {
            Severity::Error => Level::Fail,
            _ if zombie => Level::Fail,
            _ => Level::Warn,
        }
    };
    lines.extend(super::lines::by_cause(facts, level));
}

/// 3.6 refuses a v2 store with content of its own (etcd#20870).
fn stores(facts: &Facts<'_>, lines: &mut Vec<Line>) {
    let snaps = facts.member.snaps(&mut reported_by("snap::check"));
    let stores = snaps
        .usable()
        .filter_map(|snap| Store::parse(&snap.store_json).ok());
    let custom: Vec<String> = stores.flat_map(|store| store.custom).collect();
    lines.push(match custom.first() {
        Some(path) => Line::new(
            Level::Fail,
            "SNAP-008",
            format!("the v2 store has content of its own ({path}): 3.6 refuses it"),
        ),
        None => Line::new(Level::Pass, "SNAP-008", "no content of the v2 API"),
    });
}

fn v2_requests(facts: &Facts<'_>, to: u64, lines: &mut Vec<Line>) {
    let Some(wal) = facts.member.wal_with(facts.progress) else {
        return;
    };
    let log = wal.log();
    let newest = log.valid_snapshots().map(|snapshot| snapshot.index).max();
    let newest = newest.unwrap_or_default();
    let after = log
        .surviving()
        .filter(|entry| entry.index > newest && !entry.is_plain);
    let refused = after.filter(|entry| match wal.payload(entry) {
        Payload::Request(Request::V2(request)) => {
            to >= 7 || (to == 6 && !request.is_allowed_in_3_6())
        }
        _ => false,
    });
    let refused = refused.count();
    if refused > 0 {
        let text = format!(
            "{refused} v2 requests after the newest snapshot: 3.{to} panics on them; take a snapshot first (etcdctl snapshot, or more than --snapshot-count writes)"
        );
        lines.push(Line::new(Level::Fail, "V2-WAL", text));
    }
}
