//! The `.snap` that a start uses, and whether the db is as new.

use super::Stopped;
use super::engine::Engine;
use super::lines::Level;
use super::store::Backend;
use crate::snap::{SnapFile, SnapPart, Snaps, Store};
use crate::wal::boot;
use located::{RaftIndex, reported_by};

impl Engine<'_, '_> {
    /// Which `.snap` is used, and whether the db is as new.
    pub(super) fn snapshot(
        &mut self,
        valid: &[boot::Start],
        backend: Option<&Backend<'_>>,
    ) -> Result<boot::Start, Stopped> {
        if self.release.minor >= 7 {
            return self.newest_record(valid, backend);
        }
        let snaps = self.member.snaps(&mut reported_by("snap::check"));
        self.name_broken(&snaps);
        let is_valid = |snap: &&SnapFile| {
            let same = |start: &boot::Start| (start.index, start.term) == (snap.index, snap.term);
            valid.iter().any(same)
        };
        let Some(chosen) = snaps.usable().find(is_valid) else {
            self.say(
                Level::Pass,
                "SNAP",
                "no snapshot: the WAL is read from its beginning",
            );
            return Ok(boot::Start::default());
        };
        let from = boot::Start {
            index: chosen.index,
            term: chosen.term,
        };
        // Go's JSON reader has its own words for where the text breaks.
        let store = Store::parse(&chosen.store_json).map_err(|error| {
            Stopped::Refuses(format!(
                "panic: {} (its v2 store is no JSON: {error})",
                self.text(
                    "failed to recover from snapshot",
                    "recovered store from snapshot error"
                )
            ))
        })?;
        if self.release.minor >= 6 && !store.custom.is_empty() {
            return Err(Stopped::Refuses("illegal v2store content {\"error\": \"detected disallowed custom content in v2store for stage --v2-deprecation=write-only\"}".to_owned()));
        }
        self.chosen = Some(from);
        self.db_fits(from, backend)?;
        self.say(
            Level::Pass,
            "SNAP",
            format!("the snapshot at index {} is used", from.index),
        );
        self.conf = chosen.conf_state.clone();
        self.snapshot_voters = chosen.conf_state.voters.clone();
        Ok(from)
    }

    /// Names the `.snap` files that etcd cannot read.
    fn name_broken(&mut self, snaps: &Snaps) {
        let broken = snaps.files.iter().filter(|snap| {
            !snap.is_intact()
                && matches!(SnapPart::from_path(snap.file.as_str()), SnapPart::Snap(_))
        });
        let broken: Vec<String> = broken
            .map(|snap| snap.file.to_string())
            .chain(snaps.unreadable.iter().map(ToString::to_string))
            .filter(|file| file.ends_with(".snap"))
            .collect();
        for file in broken {
            self.say(
                Level::Warn,
                "SNAP-001",
                format!("{file} would be renamed to .broken"),
            );
        }
    }

    /// From 3.7 on the newest valid record of the WAL counts, and the members are those of the db.
    fn newest_record(
        &mut self,
        valid: &[boot::Start],
        backend: Option<&Backend<'_>>,
    ) -> Result<boot::Start, Stopped> {
        let newest = valid.iter().copied().max_by_key(|start| start.index);
        let newest = newest.unwrap_or_default();
        self.db_fits(newest, backend)?;
        if newest.index > 0
            && let Ok(db) = self.member.db()
        {
            let cluster = crate::backend::Cluster::read(&db, &mut reported_by("backend::check"));
            for member in cluster.members {
                let list = match member.is_learner {
                    true => &mut self.conf.learners,
                    false => &mut self.conf.voters,
                };
                list.push(member.id.0);
            }
            self.snapshot_voters = self.conf.voters.clone();
        }
        Ok(newest)
    }

    /// A db that is older than the snapshot is replaced by the one that was received with it, or nothing starts.
    fn db_fits(&mut self, from: boot::Start, backend: Option<&Backend<'_>>) -> Result<(), Stopped> {
        let index = match backend {
            // 3.4 restores the whole store to find the index.
            Some(backend) if self.release.minor <= 4 => backend.restore()?.consistent_index,
            Some(backend) => backend.consistent_index()?,
            None => RaftIndex(0),
        };
        if from.index <= index {
            return Ok(());
        }
        if let Some(received) = self.member.with_received_db(from.index) {
            self.received = Some(received);
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
        if backend.is_none() {
            self.say(
                Level::Warn,
                "DIR-004",
                "an empty db would be created before etcd notices",
            );
        }
        let why = "failed to find database snapshot file (snap: snapshot file doesn't exist)";
        Err(Stopped::Refuses(self.text(
            &format!("panic: failed to recover v3 backend from snapshot {{\"error\": \"{why}\"}}"),
            &format!("panic: recovering backend from snapshot error: {why}"),
        )))
    }

    /// A cluster version without a db file ends the start, and the db that took its place is deleted. Source: `NewServer` in
    /// `server/etcdserver/server.go`, v3.5.30; `databaseFileMissing` in `server/etcdserver/bootstrap.go`, v3.6.14.
    pub(super) fn db_file_missing(&mut self) -> Result<(), Stopped> {
        let is_deleted = self.outcome.received_index.filter(|_| !self.has_db_file);
        let version = self.cluster_version();
        // The v2 store says the version up to 3.5, later the db that was received.
        if let Some(version) = version.filter(|_| is_deleted.is_some() && self.release.minor <= 5) {
            self.downgrade(version)?;
        }
        let Some(index) = is_deleted.filter(|_| version.is_some() || self.release.minor >= 6)
        else {
            return Ok(());
        };
        self.say(
            Level::Fail,
            "DIR-007",
            format!("the db received for index {index} would be deleted: there is no db whose place it takes"),
        );
        Err(Stopped::Refuses(
            "database file (member/snap/db) of the backend is missing".to_owned(),
        ))
    }
}
