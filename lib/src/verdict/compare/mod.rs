//! Copies of several members side by side.

mod contents;
mod headline;
mod logs;
mod membership;
mod row;
mod todo;
mod zombies;

use std::borrow::Borrow;

use rayon::prelude::*;
use serde::Serialize;

use self::contents::Contents;
use super::action::Action;
use super::copies::{clean_majority, gathered};
use super::facts::Facts;
use super::preflight;
use super::step::Step;
use crate::check::{Health, Report};
use crate::member::Member;
use crate::mvcc::Keyspace;
use located::Command;
use located::progress::Progress;
use located::{ClusterId, Finding, MemberId, RaftIndex, Term};

/// One member of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct MemberRow {
    /// As the user gave it.
    pub path: String,
    /// From the WAL metadata.
    pub member_id: Option<MemberId>,
    /// From the WAL metadata.
    pub cluster_id: Option<ClusterId>,
    /// Current revision of the db.
    pub revision: Option<i64>,
    /// Whether a part of it could not be read, so that what a start would serve is not known.
    pub is_unread: bool,
    /// The revision that a start would serve, the committed entries of the log included.
    pub served_revision: Option<i64>,
    /// Live keys that a start would serve.
    pub served_keys: Option<usize>,
    /// Compaction revision in force.
    pub compact_revision: Option<i64>,
    /// Last HardState.term.
    pub term: Option<Term>,
    /// consistent_index.
    pub applied: Option<RaftIndex>,
    /// What is known to be committed.
    pub commit: Option<RaftIndex>,
    /// The last entry of the log.
    pub last_index: Option<RaftIndex>,
    /// Live keys.
    pub keys: Option<usize>,
    /// HashKV at the common revision.
    pub hashkv: Option<u32>,
    /// HashKV at the newest compaction revision of all, where each is compacted there.
    pub hashkv_at_compaction: Option<u32>,
    /// Whether a part of its keys could not be read, so that nothing is known of their number and hash.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
    /// Holds other records than most of the others at the common revision.
    pub is_minority: bool,
    /// Errors that `check` finds. Alarms are left out here and among the warnings: they are on in all members of a cluster.
    pub errors: usize,
    /// Warnings that `check` finds.
    pub warnings: usize,
    /// Alarms that are on.
    pub alarms: usize,
    /// Size of the db file.
    pub db_bytes: Option<u64>,
    /// What `check` says.
    pub verdict: Health,
    /// The copy that knows that this member was removed from the cluster; of its own files they say so themselves.
    pub removed_by: Option<String>,
    /// The first entry from which its log has another history than the others.
    pub parts_at: Option<RaftIndex>,
    /// Whether nothing was ever stored in it.
    pub is_never_used: bool,
    /// The path of a newer copy of the same member: this one must never be started.
    pub older_than: Option<String>,
}

impl MemberRow {
    /// The revision that counts: what a start serves, the committed entries of its log included; of a db alone its end.
    pub fn reach(&self) -> Option<i64> {
        self.served_revision.max(self.revision)
    }
}

/// A key that members hold differently: at the common revision, or in any record between the compaction and it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DifferingKey {
    /// The key.
    pub key: Vec<u8>,
    /// For each member, mod_revision of the version it has; `None` if it has no version.
    pub mod_revisions: Vec<Option<i64>>,
    /// The first revision at which records of the key differ, if they do after the compaction: what is live may be the same.
    pub first_revision: Option<i64>,
}

/// What a comparison found.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// In the order given.
    pub members: Vec<MemberRow>,
    /// The newest revision that all have.
    pub common_revision: Option<i64>,
    /// Whether HashKV at the common revision is the same everywhere; `None` if it cannot be computed for every member.
    pub same: Option<bool>,
    /// The first revision whose records differ.
    pub first_divergent_revision: Option<i64>,
    /// The newest revision that copies of a cluster of several prove to be acknowledged, whether a start of one serves it or not.
    pub acknowledged_revision: Option<i64>,
    /// Position of the copy to recover from.
    pub best: Option<usize>,
    /// Keys that differ at the common revision, ascending.
    pub differing_keys: Vec<DifferingKey>,
    /// What to do with each copy: its position, and the step; `none` for a copy that is kept.
    pub plan: Vec<(usize, Step)>,
    /// Whether more than half of the cluster's voters have a clean copy here.
    pub clean_majority: bool,
    /// The safest next command.
    pub next: Command,
    /// Other clusters, logs that tell different things, members that some list and others do not.
    pub findings: Vec<Finding>,
}

impl Comparison {
    /// The steps for copies that are not kept as they are.
    pub fn repairs(&self) -> impl Iterator<Item = &(usize, Step)> {
        self.plan
            .iter()
            .filter(|(_, step)| step.action != Action::None)
    }
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
    // Each member is read on all cores. While a phase of it can use only one core, the other cores read another member.
    let reports: Vec<Report> = members
        .par_iter()
        .map(|member| row::report(member, progress))
        .collect();
    let facts = gathered(members, &reports, None, progress);
    let mut rows: Vec<MemberRow> = facts.iter().map(row::row).collect();
    // What a part of a store lacks says nothing about the store.
    let keyspaces: Vec<Option<Keyspace<'_>>> = members
        .iter()
        .zip(&rows)
        .map(|(member, row)| member.readable_keyspace().ok().filter(|_| !row.is_partial))
        .collect();
    let contents = Contents::compare_whole(&keyspaces, with_keys);
    for (row, compared) in rows.iter_mut().zip(&contents.members) {
        row.hashkv = compared.hashkv;
        row.hashkv_at_compaction = compared.hashkv_at_compaction;
        row.is_minority = compared.is_minority;
    }
    let mut findings = Vec::new();
    membership::identities(members, &rows, &mut findings);
    logs::logs(members, &rows, &mut findings);
    membership::listed(members, &rows, &mut findings);
    zombies::zombies(members, &rows, &mut findings);
    let best = row::best(&rows);
    let is_clean = |at: usize| rows.get(at).is_some_and(todo::is_clean);
    let clean_majority = clean_majority(&facts, is_clean).is_some();
    let joined = todo::joined(&rows, &facts, clean_majority);
    let plan = todo::steps(&rows, &facts, best, clean_majority, joined.as_ref());
    let mut compared = Comparison {
        members: rows,
        common_revision: contents.common,
        same: contents.same,
        first_divergent_revision: contents.first,
        acknowledged_revision: acknowledged_revision(&facts),
        best,
        differing_keys: contents.differing,
        findings,
        plan,
        clean_majority,
        next: Command::inspect("compare"),
    };
    compared.next = todo::next(&compared, &facts, with_keys, joined.as_ref());
    compared
}

fn acknowledged_revision(facts: &[Facts<'_>]) -> Option<i64> {
    let best = preflight::best(facts).filter(|best| best.has_peers())?;
    Some(best.acknowledged.keyspace().revision())
}
