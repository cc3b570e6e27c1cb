//! The `.snap` that a start uses, and whether the db is as new.

use super::{Boot, Stopped};
use crate::backend::{EtcdVersion, Meta};
use crate::cluster::Level;
use crate::codes::cross;
use crate::evidence::Role;
use crate::raft::Payload;
use crate::snap::{SnapFile, SnapPart, Store};
use crate::wal::boot;
use located::MemberId;

impl Boot<'_> {
    /// Which `.snap` is used, and whether the db is as new.
    pub(super) fn snapshot(
        &mut self,
        valid: &[boot::Start],
        has_db: bool,
    ) -> Result<boot::Start, Stopped> {
        let member = self.member;
        let snaps = member.snaps(&mut |_| {});
        if self.release.minor >= 7 {
            let newest = valid
                .iter()
                .copied()
                .max_by_key(|start| start.index)
                .unwrap_or_default();
            return self.db_fits(newest, has_db).map(|()| newest);
        }
        let broken = snaps.files.iter().filter(|snap| {
            !snap.is_intact()
                && matches!(SnapPart::from_path(snap.file.as_str()), SnapPart::Snap(_))
        });
        let broken: Vec<String> = broken
            .map(|snap| snap.file.to_string())
            .chain(snaps.unreadable.iter().map(ToString::to_string))
            .collect();
        for file in broken.iter().filter(|file| file.ends_with(".snap")) {
            self.say(
                Level::Warn,
                "SNAP-001",
                format!("{file} would be renamed to .broken"),
            );
        }
        let is_valid = |snap: &&SnapFile| {
            valid
                .iter()
                .any(|start| (start.index, start.term) == (snap.index, snap.term))
        };
        let Some(chosen) = snaps.usable().find(is_valid) else {
            self.say(
                Level::Pass,
                "SNAP",
                "no snapshot: the WAL is read from its beginning",
            );
            self.db_fits(boot::Start::default(), has_db)?;
            return Ok(boot::Start::default());
        };
        let from = boot::Start {
            index: chosen.index,
            term: chosen.term,
        };
        // Go's JSON reader has its own words for where the text breaks.
        let store = Store::parse(&chosen.store_json).map_err(|error| {
            Stopped(format!(
                "panic: failed to recover from snapshot (its v2 store is no JSON: {error})"
            ))
        })?;
        if self.release.minor >= 6 && !store.custom.is_empty() {
            let text = "illegal v2store content {\"error\": \"detected disallowed custom content in v2store for stage --v2-deprecation=write-only\"}";
            return Err(Stopped(text.to_owned()));
        }
        self.db_fits(from, has_db)?;
        self.say(
            Level::Pass,
            "SNAP",
            format!("the snapshot at index {} is used", from.index),
        );
        if chosen.conf_state.voters.is_empty() {
            return Err(Stopped("runs, but never serves: the snapshot names no voter (failed to publish local member to cluster through raft)".to_owned()));
        }
        let own = member
            .wal()
            .and_then(|wal| wal.log().metadata.first().map(|metadata| metadata.node_id));
        let added_later = |own: MemberId| {
            member.wal().is_some_and(|wal| {
                let behind = wal
                    .log()
                    .surviving()
                    .filter(|entry| entry.index > from.index && !entry.is_plain);
                behind
                    .map(|entry| wal.payload(entry))
                    .any(|payload| matches!(payload, Payload::ConfChange(change) if change.node_id == own.get()))
            })
        };
        if own.is_some_and(|own| {
            own != MemberId(0) && !chosen.conf_state.contains(own) && !added_later(own)
        }) {
            return Err(Stopped(
                "runs, but never serves: failed to publish local member to cluster through raft"
                    .to_owned(),
            ));
        }
        if self.release.minor <= 5
            && own.is_some_and(|own| {
                chosen.conf_state.contains(own) && !store.members.iter().any(|m| m.id == own)
            })
        {
            return Err(Stopped(
                "panic: failed to update; member unknown".to_owned(),
            ));
        }
        Ok(from)
    }

    pub(super) fn db_fits(&mut self, from: boot::Start, has_db: bool) -> Result<(), Stopped> {
        let member = self.member;
        let index = member.db().map_or(0, |db| {
            Meta::read(&db, &mut |_| {}).consistent_index.unwrap_or(0)
        });
        if from.index <= index {
            return Ok(());
        }
        let received = member.evidence().with_role(Role::SnapDb);
        let fits = received.iter().any(
            |file| matches!(SnapPart::from_path(&file.base()), SnapPart::SnapDb(of) if of == from.index),
        );
        if fits && self.found(&cross::SNAP_DB_INDEX).is_some() {
            return Err(Stopped(
                "panic or fault: the received .snap.db is renamed over the db and cannot be read"
                    .to_owned(),
            ));
        }
        if fits {
            self.say(
                Level::Warn,
                "DIR-007",
                format!(
                    "the db received for index {} would take the place of the db",
                    from.index
                ),
            );
            return Ok(());
        }
        if !has_db {
            self.say(
                Level::Warn,
                "DIR-004",
                "an empty db would be created before etcd notices",
            );
        }
        Err(Stopped("panic: failed to recover v3 backend from snapshot {\"error\": \"failed to find database snapshot file (snap: snapshot file doesn't exist)\"}".to_owned()))
    }

    pub(super) fn v2_version(&self) -> Option<EtcdVersion> {
        let snaps = self.member.snaps(&mut |_| {});
        let store = snaps
            .usable()
            .find_map(|snap| Store::parse(&snap.store_json).ok())?;
        store.cluster_version?.parse().ok()
    }
}
