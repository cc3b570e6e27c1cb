//! The member, its cluster, and the versions they agreed on.

use super::{Boot, Stopped};
use crate::backend::{Cluster, Meta};
use crate::cluster::{Level, counted};
use crate::member::Wal;
use crate::recover::voters;
use located::MemberId;

impl Boot<'_> {
    /// The member, its cluster, and the versions they agreed on.
    pub(super) fn identity(&mut self, wal: &Wal<'_>, own: MemberId) -> Result<(), Stopped> {
        let Ok(db) = self.member.db() else {
            return Ok(());
        };
        let meta = Meta::read(&db, &mut |_| {});
        let cluster = Cluster::read(&db, &mut |_| {});
        let minor = u64::from(self.release.minor);
        if let Some(storage) = meta
            .storage_version
            .filter(|version| version.minor > minor && minor >= 6)
        {
            return Err(Stopped(format!(
                "Failed to validate schema {{\"error\": \"version \\\"{storage}\\\" is not supported\"}}"
            )));
        }
        if let Some(version) = cluster
            .cluster_version
            .filter(|version| version.minor > minor)
        {
            // Up to 3.5 the v2 store says so; it takes the version over from the db with the next snapshot.
            let in_db_only = minor == 5 && self.v2_version().is_some_and(|v2| v2.minor <= minor);
            if !in_db_only {
                return Err(Stopped(format!(
                    "invalid downgrade; server version is lower than determined cluster version {{\"determined-cluster-version\": \"3.{}\"}}",
                    version.minor
                )));
            }
        }
        if cluster.is_removed(own) {
            return Err(Stopped(
                "the member has been permanently removed from the cluster (exit code 0)".to_owned(),
            ));
        }
        if minor >= 6 && !cluster.members.is_empty() && cluster.member(own).is_none() {
            return Err(Stopped(
                "panic: failed to find local ID in cluster members".to_owned(),
            ));
        }
        let conf = voters(self.member, wal, wal.log().last_index());
        if !conf.voters.is_empty() && !conf.contains(own) {
            return Err(Stopped(
                "runs, but never serves: failed to publish local member to cluster through raft"
                    .to_owned(),
            ));
        }
        self.say(
            Level::Pass,
            "MEMBER",
            format!(
                "member {own:016x} of {}",
                counted(conf.voters.len() as u64, "voter", "voters")
            ),
        );
        if conf.voters.len() > 1 {
            self.say(
                Level::Warn,
                "QUORUM",
                "the member serves only together with a majority of its cluster",
            );
        }
        Ok(())
    }
}
