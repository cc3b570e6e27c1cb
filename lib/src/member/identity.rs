//! Who a directory belongs to, by whatever of it is there.

use super::Member;
use super::snap::of_this_member;
use crate::backend::{self, Cluster, EtcdVersion};
use crate::bolt::Db;
use crate::raft::Payload;
use crate::snap::Store;
use located::Damage;
use located::{ClusterId, Error, Finding, MemberId, RaftIndex, Sink, reported_by};

/// Who a member is.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Its id, from the WAL: a db does not say whose it is.
    pub member_id: Option<MemberId>,
    /// Its cluster's id, from the WAL.
    pub cluster_id: Option<ClusterId>,
    /// The version that all members support: of the `cluster` bucket, else of the newest `.snap`, else what the schema shows.
    pub version: Option<EtcdVersion>,
    /// The members of the cluster: of the db; of the newest `.snap` where only that one knows this member.
    pub members: Vec<backend::ClusterMember>,
}

impl Identity {
    /// The same with other members, as a replay knows them; what they have not published is kept from before.
    pub fn with_members(&mut self, members: Vec<backend::ClusterMember>) {
        let known = std::mem::take(&mut self.members);
        self.members = joined(members, known, self.member_id);
    }

    /// This member's own entry.
    pub fn own(&self) -> Option<&backend::ClusterMember> {
        let id = self.member_id?;
        self.members.iter().find(|member| member.id == id)
    }
}

/// All of etcd's own buckets but `key` and `meta`, with what was met in reading them.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    /// Members and cluster version.
    pub cluster: Cluster,
    /// Leases, in order of their ids.
    pub leases: Vec<backend::Lease>,
    /// Alarms.
    pub alarms: Vec<backend::Alarm>,
    /// Users and roles.
    pub auth: backend::Auth,
    /// Values that could not be read.
    pub damage: Vec<Finding>,
    /// Parts of which something could not be read: what is absent of them is unknown.
    pub partial: Vec<BucketPart>,
}

/// A part of etcd's own buckets that is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketPart {
    /// Members and cluster version.
    Cluster,
    /// Leases.
    Leases,
    /// Alarms.
    Alarms,
    /// Users and roles.
    Auth,
}

impl Buckets {
    /// Reads the buckets of a db.
    pub fn read(db: &Db<'_>) -> Self {
        let mut met = (Vec::new(), Vec::new());
        let cluster = part(BucketPart::Cluster, &mut met, |sink| {
            Cluster::read(db, sink)
        });
        let leases = part(BucketPart::Leases, &mut met, |sink| {
            backend::Lease::read_all(db, sink)
        });
        let alarms = part(BucketPart::Alarms, &mut met, |sink| {
            backend::Alarm::read_all(db, sink)
        });
        let auth = part(BucketPart::Auth, &mut met, |sink| {
            backend::Auth::read(db, sink)
        });
        let (damage, partial) = met;
        Self {
            cluster,
            leases,
            alarms,
            auth,
            damage,
            partial,
        }
    }

    /// The values that could not be read, as the damage of an answer.
    pub fn loss(&self) -> Damage {
        let lost = u64::try_from(self.damage.len()).unwrap_or(u64::MAX);
        Damage::new(self.damage.clone(), lost)
    }

    /// Whether a part was read as a whole.
    pub fn is_whole(&self, part: BucketPart) -> bool {
        !self.partial.contains(&part)
    }
}

/// Reads a part, and notes whether something of it could not be read. What is met twice, as a page of the root is, counts once.
fn part<T>(
    part: BucketPart,
    (damage, partial): &mut (Vec<Finding>, Vec<BucketPart>),
    read: impl FnOnce(&mut Sink<'_>) -> T,
) -> T {
    let mut is_whole = true;
    let value = read(&mut |finding: Finding| {
        is_whole = false;
        let is_known = |known: &Finding| {
            std::ptr::eq(known.code, finding.code) && known.place == finding.place
        };
        if !damage.iter().any(is_known) {
            damage.push(finding);
        }
    });
    if !is_whole {
        partial.push(part);
    }
    value
}

impl Member {
    /// Members, leases, alarms, users and roles, as the db has them.
    ///
    /// # Errors
    /// As [`Member::db`].
    pub fn buckets(&self) -> Result<Buckets, Error> {
        let db = self.db()?;
        Ok(Buckets::read(&db))
    }

    /// The `meta` bucket: consistent index, compactions, schema version.
    ///
    /// # Errors
    /// As [`Member::db`].
    pub fn meta(&self) -> Result<backend::Meta, Error> {
        Ok(backend::Meta::read(
            &self.db()?,
            &mut reported_by("Member::meta_loss"),
        ))
    }

    /// What could not be read of the `meta` bucket.
    pub fn meta_loss(&self) -> Damage {
        let mut findings = Vec::new();
        if let Ok(db) = self.db() {
            backend::Meta::read(&db, &mut |finding| findings.push(finding));
        }
        let lost = u64::try_from(findings.len()).unwrap_or(u64::MAX);
        Damage::new(findings, lost)
    }

    /// Who the directory belongs to. What is damaged or absent leaves its field empty.
    pub fn identity(&self) -> Identity {
        let mut identity = Identity::default();
        if let Some((member, cluster)) = self.wal_ends().and_then(|ends| ends.metadata) {
            identity.member_id = Some(member);
            identity.cluster_id = Some(cluster);
        }
        let db = self.db().ok();
        let cluster = db
            .map(|db| Cluster::read(&db, &mut reported_by("Member::buckets")))
            .unwrap_or_default();
        let snaps = self.snaps(&mut reported_by("snap::check"));
        let snap = of_this_member(&snaps, identity.member_id, &cluster.members);
        let store = snap.and_then(|snap| Store::parse(&snap.store_json).ok());
        // A db without its meta bucket says nothing; one of 3.4 only says little.
        let of_store_index = snap.map_or(RaftIndex(0), |snap| snap.index);
        let schema = || {
            db?.bucket(b"meta", &mut reported_by("bbolt::check")).ok()?;
            let meta = self.meta().ok().filter(|meta| !meta.is_blank())?;
            let is_known = !meta.is_unknown("storageVersion") && !meta.is_unknown("term");
            is_known.then(|| meta.schema_version())
        };
        identity.version = cluster
            .cluster_version
            .or_else(|| store.as_ref()?.cluster_version.as_deref()?.parse().ok())
            .or_else(schema);
        let of_snap: Vec<_> = store
            .into_iter()
            .flat_map(|store| store.members)
            .map(of_store)
            .collect();
        let members = match identity.version.is_some_and(|version| version.minor <= 5) {
            true => self.without_strangers(cluster.members, &of_snap, of_store_index),
            false => cluster.members,
        };
        identity.members = joined(members, of_snap, identity.member_id);
        identity
    }

    /// The db's members without those that neither the v2 store of the `.snap` nor a ConfChange after it knows.
    ///
    /// Up to 3.5 the v2 store says who is a member. A restore by etcdctl 3.4 leaves the members of the old cluster in the db
    /// (`clientv3/snapshot/v3_snapshot.go`, v3.4.23: the db is copied as it is), and etcd does not look at them.
    fn without_strangers(
        &self,
        mut of_db: Vec<backend::ClusterMember>,
        of_snap: &[backend::ClusterMember],
        snap_index: RaftIndex,
    ) -> Vec<backend::ClusterMember> {
        let known = |id: MemberId| of_snap.iter().any(|member| member.id == id);
        if of_snap.is_empty() || of_db.iter().all(|member| known(member.id)) {
            return of_db;
        }
        let Some(wal) = self.wal() else { return of_db };
        let later = wal.log().surviving();
        let later = later.filter(|entry| entry.index > snap_index);
        let named: Vec<u64> = later
            .filter_map(|entry| match wal.payload(entry) {
                Payload::ConfChange(change) => Some(change.node_id),
                _ => None,
            })
            .collect();
        of_db.retain(|member| known(member.id) || named.contains(&member.id.get()));
        of_db
    }
}

/// The db's members, with names and URLs of the `.snap` where the db has none: etcd 3.4 and 3.5 publish them through the v2
/// store, and some releases never put them into the db. The `.snap`'s alone where only it knows this member.
fn joined(
    db: Vec<backend::ClusterMember>,
    snap: Vec<backend::ClusterMember>,
    own: Option<MemberId>,
) -> Vec<backend::ClusterMember> {
    let knows = |members: &[backend::ClusterMember]| {
        own.is_none_or(|id| members.iter().any(|member| member.id == id))
    };
    if !snap.is_empty() && (db.is_empty() || (!knows(&db) && knows(&snap))) {
        return snap;
    }
    let complete = |mut member: backend::ClusterMember| {
        if let Some(published) = snap.iter().find(|other| other.id == member.id) {
            if member.name.is_empty() {
                member.name.clone_from(&published.name);
            }
            if member.client_urls.is_empty() {
                member.client_urls.clone_from(&published.client_urls);
            }
        }
        member
    };
    db.into_iter().map(complete).collect()
}

fn of_store(member: crate::snap::StoreMember) -> backend::ClusterMember {
    backend::ClusterMember {
        id: member.id,
        name: member.name,
        peer_urls: member.peer_urls,
        client_urls: member.client_urls,
        is_learner: member.is_learner,
        key: Vec::new(),
        place: None,
    }
}
