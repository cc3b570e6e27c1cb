//! What the layout itself shows: files that are missing, left over, misplaced, locked, or that could not be read.

use std::path::Path;

use super::file::{File, Role};
use super::{Evidence, Kind};
use crate::codes::{Code, dir};
use located::{FileName, Place};
use located::{Finding, Severity, Sink};

/// etcd's `SegmentSizeBytes` (`server/wal/wal.go, v3.5.30`): 64·10⁶, not 64 MiB.
const SEGMENT_BYTES: u64 = 64_000_000;

impl Evidence {
    /// Reports everything that names, sizes and locks show (`DIR-001` to `DIR-021`). Reads nothing but the end of the last
    /// WAL segment.
    ///
    /// ```
    /// use etcd_inspect::evidence::{Evidence, Kind};
    /// let evidence = Evidence::of_readers("m1", Kind::DataDir, [("member/snap/db", vec![0u8; 4096])]);
    /// let mut codes = Vec::new();
    /// evidence.report(&mut |finding| codes.push(finding.code.id));
    /// assert_eq!(codes, ["DIR-003"]); // a db without a WAL
    /// ```
    pub fn report(&self, sink: &mut Sink<'_>) {
        self.found.findings.iter().cloned().for_each(&mut *sink);
        self.holders
            .iter()
            .map(super::Holder::finding)
            .for_each(&mut *sink);
        if matches!(self.kind, Kind::DataDir | Kind::MemberDir) {
            self.layout(sink);
        }
        if matches!(
            self.kind,
            Kind::DataDir | Kind::MemberDir | Kind::SnapDir | Kind::WalDir
        ) {
            self.leftovers(sink);
            self.permissions(sink);
            self.last_segment(sink);
        }
        self.empty_files(sink);
    }

    /// Reports the ranges that could not be read, and files that were shortened, among those read until now.
    pub fn report_unreadable(&self, sink: &mut Sink<'_>) {
        for file in self.files() {
            let ranges = file.unreadable();
            let len = file.bytes().map_or(0, |bytes| bytes.len() as u64);
            if let Some(before) = file.shrank_from() {
                let now = ranges.first().map_or(len, |lost| lost.start);
                let message = "the file was shortened while it was read";
                sink(
                    Finding::new(&dir::SHRANK, Place::at(file.name(), now), message)
                        .seen(format!("{now} bytes"), format!("{before} bytes")),
                );
            } else if let Some(first) = ranges.first() {
                let lost: u64 = ranges
                    .iter()
                    .map(|range| range.end.saturating_sub(range.start))
                    .sum();
                let more = match ranges.len() {
                    1 => String::new(),
                    several => format!(" in {several} places"),
                };
                let message =
                    format!("{lost} bytes{more} could not be read; they are read as zeros");
                let place = Place::at(file.name(), first.start);
                sink(
                    Finding::new(&dir::UNREADABLE_RANGE, place, message).count(ranges.len() as u64),
                );
            }
        }
    }

    fn layout(&self, sink: &mut Sink<'_>) {
        let called_member = self
            .path
            .file_name()
            .is_none_or(|name| name == "member" || name == "..");
        if self.kind == Kind::MemberDir && !called_member {
            let message = "snap/ and wal/ are directly in this folder, not in member/";
            self.note(sink, &dir::MEMBER_MISSING, message);
        }
        // etcd stops: `identifyDataDirOrDie` in `server/etcdmain/etcd.go`, v3.5.30.
        if let Some(proxy) = self
            .dirs()
            .iter()
            .find(|dir| dir.relative == Path::new("proxy"))
        {
            let message = "member/ and proxy/ are in the same folder";
            sink(Finding::new(
                &dir::MEMBER_AND_PROXY,
                Place::file(&proxy.name),
                message,
            ));
        }
        match (self.db(), self.wal().is_empty()) {
            (Some(db), true) if self.unseen_log().is_none() => {
                let message = "there is a db, but no WAL segment";
                sink(Finding::new(
                    &dir::WAL_MISSING,
                    Place::file(db.name()),
                    message,
                ));
            }
            (None, false) if self.unseen_db().is_none() => {
                self.note(sink, &dir::DB_MISSING, "there is a WAL, but no snap/db");
            }
            (None, true) if self.unseen_log().is_none() && self.unseen_db().is_none() => {
                self.note(sink, &dir::NOTHING_HERE, "there is neither a db nor a WAL");
            }
            _ => {}
        }
        for nested in &self.found.nested {
            let name = FileName::new(super::locate::joined(self.name.as_str(), nested));
            let message = "this data directory contains another whole data directory";
            sink(Finding::new(
                &dir::NESTED_DATA_DIR,
                Place::file(&name),
                message,
            ));
        }
    }

    fn note(&self, sink: &mut Sink<'_>, code: &'static Code, message: &str) {
        sink(Finding::new(code, Place::file(&self.name), message));
    }

    /// One finding for all files of a role.
    fn leftovers(&self, sink: &mut Sink<'_>) {
        for (role, code) in [
            (Role::WalBroken, &dir::BROKEN_FILES),
            (Role::SnapBroken, &dir::BROKEN_FILES),
            (Role::SnapDb, &dir::SNAP_DB),
            (Role::WalTmp, &dir::TEMPORARY_FILES),
            (Role::DbTmp, &dir::TEMPORARY_FILES),
            (Role::SnapTmp, &dir::TEMPORARY_FILES),
            (Role::Stray, &dir::STRAY_FILES),
        ] {
            let files = self.with_role(role);
            let Some(first) = files.first() else {
                continue;
            };
            let bytes = files
                .iter()
                .fold(0u64, |sum, file| sum.saturating_add(file.size()));
            let message = match files.len() {
                1 => format!("{}: {bytes} bytes", role.as_str()),
                several => format!("{}: {several} files, {bytes} bytes", role.as_str()),
            };
            let finding = Finding::new(code, Place::file(first.name()), message);
            sink(finding.count(files.len() as u64));
        }
        // etcd makes `wal` as `wal.tmp` and renames it; one whose making failed becomes `wal.broken.<time>` (`Create` and
        // `cleanupWAL` in `server/wal/wal.go`, v3.5.30).
        let strange = |dir: &&super::Dir| {
            let name = dir
                .relative
                .file_name()
                .unwrap_or_default()
                .as_encoded_bytes();
            ![&b"member"[..], b"proxy", b"snap", b"wal", b"wal.tmp"].contains(&name)
                && !name.starts_with(b"wal.broken")
                && !self.found.nested.contains(&dir.relative)
        };
        let strange: Vec<_> = self.dirs().iter().filter(strange).collect();
        if let Some(first) = strange.first() {
            let finding = Finding::new(
                &dir::STRAY_FILES,
                Place::file(&first.name),
                "a folder that etcd does not know",
            );
            sink(finding.count(strange.len() as u64));
        }
    }

    /// etcd's own are `PrivateFileMode` in `client/pkg/fileutil/fileutil.go`, v3.5.30, and `PrivateDirMode` in
    /// `client/pkg/fileutil/dir_unix.go`, v3.5.30.
    fn permissions(&self, sink: &mut Sink<'_>) {
        let open = |mode: Option<u32>| mode.is_some_and(|mode| mode & 0o077 != 0);
        let files = self.files().iter();
        let held = files.filter(|file| matches!(file.role(), Role::Db | Role::Wal | Role::SnapDb));
        let files = held.map(|file| (file.name(), file.mode()));
        let folders = self
            .dirs()
            .iter()
            .filter(|dir| !dir.link)
            .map(|dir| (&dir.name, dir.mode));
        let open: Vec<_> = folders
            .chain(files)
            .filter(|(_, mode)| open(*mode))
            .collect();
        if let Some((name, mode)) = open.first() {
            let message = "others than the owner have permissions here";
            let seen = format!("{:04o}", mode.unwrap_or(0));
            sink(
                Finding::new(&dir::PERMISSIONS, Place::file(name), message)
                    .seen(seen, "0700 for folders, 0600 for db and WAL")
                    .count(open.len() as u64),
            );
        }
    }

    /// etcd preallocates the segment it writes, and truncates a segment to its data when it is full or was repaired
    /// (`WAL.cut` in `server/wal/wal.go`, v3.5.30, `server/wal/repair.go`, v3.5.30).
    fn last_segment(&self, sink: &mut Sink<'_>) {
        let Some(last) = self.wal().last() else {
            return;
        };
        let Ok(bytes) = last.bytes() else {
            return; // reported where it is read
        };
        let size = bytes.len() as u64;
        let tail = bytes.as_slice().last_chunk::<64>();
        let message = if size > SEGMENT_BYTES {
            "the last segment was cut because it was full, so the next one was written too and is missing"
        } else if size < SEGMENT_BYTES && tail == Some(&[0; 64]) {
            "the last segment is shorter than etcd preallocates it, and yet ends with zeros"
        } else {
            return;
        };
        sink(
            Finding::new(&dir::WAL_SIZE, Place::file(last.name()), message).seen(
                format!("{size} bytes"),
                format!("{SEGMENT_BYTES} bytes, or the end of the last record"),
            ),
        );
    }

    fn empty_files(&self, sink: &mut Sink<'_>) {
        let matters = |file: &&File| {
            matches!(
                file.role(),
                Role::Db | Role::Wal | Role::Snap | Role::SnapDb
            )
        };
        for file in self
            .files()
            .iter()
            .filter(matters)
            .filter(|file| file.size() == 0)
        {
            let finding = Finding::new(
                &dir::EMPTY_FILE,
                Place::file(file.name()),
                "the file has no bytes",
            );
            // An unreadable .snap is no error: etcd takes the next older one (`server/etcdserver/api/snap/snapshotter.go, v3.5.30`).
            sink(if file.role() == Role::Snap {
                finding.severity(Severity::Warning)
            } else {
                finding
            });
        }
    }
}
