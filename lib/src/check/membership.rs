//! The member itself, and the others: the bucket `members` against the raft configuration of the log.

use crate::backend::{Cluster, EtcdVersion, MemberId, Meta};
use crate::bolt::Db;
use crate::codes::{Code, cross};
use crate::member::{Member, Wal};
use crate::raft::{ConfState, Payload, Request};
use crate::snap::Snaps;
use located::{Finding, Place, RaftIndex, Severity, Sink, reported_by};

/// Reports a member that is missing, removed, or of another cluster than its log.
pub(super) fn members(
    member: &Member,
    db: &Db<'_>,
    meta: &Meta,
    (wal, snaps): (&Wal<'_>, &Snaps),
    report: &mut Sink<'_>,
) {
    let Some(known) = Membership::read(member, db, meta, (wal, snaps)) else {
        return;
    };
    let own = known.own;
    if known.cluster.is_removed(own) {
        let message = format!("member {own:016x} is in the bucket \"members_removed\"");
        return report(known.finding(&cross::REMOVED, message));
    }
    if known.conf.voters.is_empty() {
        return;
    }
    let finding = match known.cluster.members.is_empty() {
        true => known.empty_bucket(),
        false => known.foreign(wal).or_else(|| known.different()),
    };
    finding.into_iter().for_each(report);
}

/// Whether the bucket `members` proves that the db is of another cluster than the log.
pub(crate) fn db_is_of_another_cluster(member: &Member, db: &Db<'_>, wal: &Wal<'_>) -> bool {
    let meta = Meta::read(db, &mut reported_by("backend::check"));
    let snaps = member.snaps(&mut reported_by("snap::check"));
    let known = Membership::read(member, db, &meta, (wal, &snaps));
    let known = known.filter(|known| !known.cluster.is_removed(known.own));
    let known =
        known.filter(|known| !known.conf.voters.is_empty() && !known.cluster.members.is_empty());
    let finding = known.and_then(|known| known.foreign(wal));
    finding.is_some_and(|finding| std::ptr::eq(finding.code, &cross::FOREIGN_DB))
}

/// Maximum number of bits that damage changes in a member id: two ids of two clusters differ in about 32.
const MAX_DAMAGED_BITS: u32 = 8;

/// Members as the bucket has them, and as the raft configuration has them.
struct Membership {
    cluster: Cluster,
    conf: ConfState,
    schema: EtcdVersion,
    own: MemberId,
    place: Place,
    /// consistent_index.
    applied: RaftIndex,
    snap_is_foreign: bool,
}

impl Membership {
    /// `None` if the log does not say whose it is.
    fn read(
        member: &Member,
        db: &Db<'_>,
        meta: &Meta,
        (wal, snaps): (&Wal<'_>, &Snaps),
    ) -> Option<Self> {
        let metadata = wal.log().metadata.first();
        let own = metadata.map(|metadata| metadata.node_id);
        let index = meta.consistent_index.unwrap_or_default();
        Some(Self {
            own: own.filter(|id| *id != MemberId(0))?,
            conf: crate::recover::voters(member, wal, index.min(wal.log().last_index())),
            schema: meta.schema_version(),
            snap_is_foreign: super::foreign_snap::is_taken(db, wal, snaps),
            cluster: Cluster::read(db, &mut reported_by("backend::check")),
            place: Place::file(db.file().file()),
            applied: index,
        })
    }

    fn finding(&self, code: &'static Code, message: impl Into<String>) -> Finding {
        Finding::new(code, self.place.clone(), message)
    }

    fn bucket_text(&self) -> String {
        ids(&of_bucket(&self.cluster.members))
    }

    /// 3.4 keeps members in the v2 store; `snapshot restore` of 3.4 leaves the old cluster's in the bucket.
    fn is_3_4(&self) -> bool {
        self.schema < EtcdVersion::new(3, 5, 0)
    }

    fn empty_bucket(&self) -> Option<Finding> {
        let conf = &self.conf;
        if !conf.contains(self.own) {
            return None;
        }
        let message = format!(
            "the bucket \"members\" is empty, but the raft configuration of the WAL names {} members",
            conf.voters.len().saturating_add(conf.learners.len())
        );
        let severity = if self.schema < EtcdVersion::new(3, 6, 0) {
            Severity::Warning
        } else {
            Severity::Error
        };
        let finding = self.finding(&cross::NOT_A_MEMBER, message);
        Some(finding.severity(severity).seen("no member", ids(conf)))
    }

    /// The member itself is missing in the bucket, or bucket and configuration are of two clusters.
    fn foreign(&self, wal: &Wal<'_>) -> Option<Finding> {
        let (own, conf) = (self.own, &self.conf);
        let in_bucket = self.cluster.member(own).is_some();
        match (in_bucket, conf.contains(own)) {
            (true, true) => None,
            (false, true) if self.is_of_another_cluster(wal) => {
                let message = "the bucket \"members\" has the members of another cluster than the log: db and log are of two histories";
                let finding = self.finding(&cross::FOREIGN_DB, message);
                Some(finding.seen(self.bucket_text(), ids(conf)))
            }
            (false, true) => Some(self.not_in_bucket(wal)),
            (false, false) => {
                let message = format!(
                    "neither db nor raft configuration know member {own:016x} of the WAL metadata"
                );
                let finding = self.finding(&cross::FOREIGN_DB, message);
                Some(finding.seen(self.bucket_text(), format!("{own:016x} among them")))
            }
            // The `.snap` file is of another member, and that is reported.
            (true, false) if self.snap_is_foreign => None,
            (true, false) => {
                let mut voters = conf.voters.iter();
                if voters.any(|id| self.cluster.member(MemberId(*id)).is_some()) {
                    return None;
                }
                let message = "the raft configuration of the log names none of the db's members";
                let finding = self.finding(&cross::FOREIGN_DB, message);
                Some(finding.seen(self.bucket_text(), ids(conf)))
            }
        }
    }

    /// Whether the bucket has members, and none of those of the log: every release writes each member there. What `snapshot restore`
    /// leaves until the first start is not meant, and no id that damage made of one of the log.
    fn is_of_another_cluster(&self, wal: &Wal<'_>) -> bool {
        let log = wal.log();
        // A restored db beside the log that it was restored from is not of another cluster: it says nothing of members yet.
        let is_of_backup =
            log.begins_with_empty_store() && log.has_only_first_members_to(self.applied);
        let is_restored = log.is_restored() && self.applied <= log.last_index();
        if is_of_backup || is_restored && !self.is_published(wal) {
            return false;
        }
        let is_like = |id: u64| {
            let mut own = self.conf.voters.iter().chain(&self.conf.learners);
            own.any(|other| (id ^ other).count_ones() <= MAX_DAMAGED_BITS)
        };
        let mut ids = self.cluster.members.iter().map(|member| member.id.0);
        let has_members = !self.cluster.members.is_empty();
        has_members && !ids.any(is_like)
    }

    /// Whether etcd has not started yet on what a restore made: it has applied no more than the members.
    fn is_as_restored(&self, wal: &Wal<'_>) -> bool {
        !self.is_published(wal) && self.applied <= wal.log().last_index()
    }

    /// Whether the db has applied an entry with which the member publishes its attributes: that writes it to the bucket.
    /// Source: `UpdateAttributes` in `etcdserver/api/membership/cluster.go`, v3.4.23.
    fn is_published(&self, wal: &Wal<'_>) -> bool {
        let applied = wal.log().surviving();
        let mut applied = applied.filter(|entry| !entry.is_plain && entry.index <= self.applied);
        applied.any(|entry| match wal.payload(entry) {
            Payload::Request(Request::V2(request)) => request.publishes_member() == Some(self.own),
            Payload::Request(Request::Internal(request)) => request
                .cluster_member_attr_set
                .as_ref()
                .is_some_and(|set| set.member_id == self.own.get()),
            _ => false,
        })
    }

    fn not_in_bucket(&self, wal: &Wal<'_>) -> Finding {
        let own = self.own;
        // etcdctl 3.4 restores a backup of 3.5 in the same way; 3.5 writes the member there when it has started.
        let is_restored = wal.log().is_restored() && (self.is_3_4() || self.is_as_restored(wal));
        let severity = match (is_restored, self.is_3_4()) {
            (true, _) => Severity::Note,
            (false, true) => Severity::Warning,
            (false, false) => Severity::Error,
        };
        let message = if is_restored {
            format!(
                "the bucket \"members\" still has the members of the cluster that the snapshot was taken from, without {own:016x}: etcdctl 3.4 leaves them there, and a start up to etcd 3.5 takes its members from the v2 store"
            )
        } else {
            format!("member {own:016x} of the WAL is missing in the bucket \"members\"")
        };
        let mut finding = self
            .finding(&cross::NOT_A_MEMBER, message)
            .severity(severity)
            .seen(self.bucket_text(), ids(&self.conf));
        if is_restored {
            finding.next = vec!["Nothing: a start writes the member there.".into()];
        }
        finding
    }

    fn different(&self) -> Option<Finding> {
        let there = of_bucket(&self.cluster.members);
        if there.same_members(&self.conf) || self.is_3_4() {
            return None;
        }
        let message = "the `members` bucket and the raft configuration differ";
        let finding = self.finding(&cross::MEMBERS_DIFFER, message);
        let mut finding = finding.seen(ids(&there), ids(&self.conf));
        let mut in_bucket = there.voters.iter().chain(&there.learners);
        if in_bucket.any(|id| !self.conf.contains(MemberId(*id))) {
            finding.next = vec![UPGRADE_FIRST.into()];
        }
        Some(finding)
    }
}

/// What to do about a member that only the bucket has: 3.5.26 removes it when it starts (etcd#20793), 3.6 takes it for a member.
pub(crate) const UPGRADE_FIRST: &str =
    "Upgrade to 3.5.26 or newer before 3.6: etcd-inspect preflight --for upgrade {path}";

fn of_bucket(members: &[crate::backend::ClusterMember]) -> ConfState {
    let ids = |learners: bool| {
        members
            .iter()
            .filter(|m| m.is_learner == learners)
            .map(|m| m.id.0)
            .collect()
    };
    ConfState {
        voters: ids(false),
        learners: ids(true),
        ..ConfState::default()
    }
}

/// The ids as a list.
pub(super) fn ids(conf: &ConfState) -> String {
    let mut ids: Vec<String> = conf.voters.iter().map(|id| format!("{id:016x}")).collect();
    ids.extend(
        conf.learners
            .iter()
            .map(|id| format!("{id:016x} (learner)")),
    );
    ids.sort();
    ids.join(", ")
}
