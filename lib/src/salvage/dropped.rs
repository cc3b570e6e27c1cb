//! What the evidence has and the backup has not, on purpose or because a restore has no place for it.

use super::member_records::MemberRecords;
use crate::backend::BUCKETS;
use crate::bolt::Db;
use crate::recover::{CORRUPT, NOSPACE};
use crate::snap::Store;
use located::reported_by;

/// Something that is left out of the backup.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Dropped {
    /// `alarm`, `password`, `bucket`, `v2`, `downgrade`, `learner`, `history`.
    pub kind: &'static str,
    /// Its name: of a member, user, bucket or key.
    pub name: String,
    /// Why, and what to do.
    pub why: &'static str,
}

impl Dropped {
    pub(super) fn new(kind: &'static str, name: impl Into<String>, why: &'static str) -> Self {
        Self {
            kind,
            name: name.into(),
            why,
        }
    }
}

/// Everything that a part has and its backup will not have.
pub(super) fn dropped(part: &MemberRecords<'_>) -> Vec<Dropped> {
    let state = &part.state;
    let mut dropped = Vec::new();
    for (member, kind) in &state.alarms.0 {
        let kind = match *kind {
            NOSPACE => "NOSPACE",
            CORRUPT => "CORRUPT",
            _ => "unknown",
        };
        dropped.push(Dropped::new(
            "alarm",
            format!("{kind} of member {member:016x}"),
            "it names a member that the restored cluster does not have, and would refuse writes",
        ));
    }
    for (name, user) in &state.users.users {
        if user.password.is_empty() && !user.no_password {
            dropped.push(Dropped::new(
                "password",
                name.clone(),
                "the log of etcd 3.4 has no hash of it: the user cannot log in until etcdctl user passwd sets a new one",
            ));
        }
    }
    for (id, member) in &state.members.members {
        if member.is_learner {
            dropped.push(Dropped::new(
                "learner",
                format!("{id:016x} {}", member.name).trim_end().to_owned(),
                "a restore has voters only: add it again with etcdctl member add --learner",
            ));
        }
    }
    if let Some(target) = &state.members.downgrade {
        dropped.push(Dropped::new(
            "downgrade",
            format!("to {target}"),
            "it is a job of the running cluster: enable it again",
        ));
    }
    if let Ok(db) = part.member.db() {
        dropped.extend(unknown_buckets(&db));
    }
    let snaps = part.member.snaps(&mut reported_by("snap::check"));
    let store = snaps.usable().next();
    let store = store.and_then(|snap| Store::parse(&snap.store_json).ok());
    for key in store.into_iter().flat_map(|store| store.custom) {
        dropped.push(Dropped::new(
            "v2",
            key,
            "a key of the v2 API: a restore begins with an empty v2 store",
        ));
    }
    dropped
}

fn unknown_buckets(db: &Db<'_>) -> Vec<Dropped> {
    let buckets = db.buckets(&mut reported_by("bbolt::check"));
    let unknown = buckets.iter().filter(|(name, _)| !BUCKETS.contains(name));
    unknown
        .map(|(name, _)| {
            Dropped::new(
                "bucket",
                String::from_utf8_lossy(name),
                "etcd has no bucket of this name",
            )
        })
        .collect()
}
