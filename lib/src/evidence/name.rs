//! Names: how a path is shown, and what a file of that name is for etcd.

use std::fmt::Write;
use std::path::Path;

use super::file::Role;

/// A path as text: control characters and bytes that are no UTF-8 are escaped, everything else stays as it is.
pub(super) fn shown(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Returns the role of a file of that name in `member/snap/`.
pub(super) fn role_in_snap(name: &[u8]) -> Role {
    if name == b"db" {
        Role::Db
    } else if name.starts_with(b"db.tmp") {
        // Left by a defragmentation that did not end (`defrag` in `server/mvcc/backend/backend.go`, v3.5.30); etcd removes it when it
        // starts (`cleanupSnapdir` in `server/etcdserver/api/snap/snapshotter.go`, v3.5.30).
        Role::DbTmp
    } else if name.ends_with(b".snap.db") {
        // A db that the leader sent: `dbFilePath` in `server/etcdserver/api/snap/db.go`, v3.5.30.
        Role::SnapDb
    } else if name.ends_with(b".snap") {
        Role::Snap
    } else if name.ends_with(b".snap.broken") {
        // etcd renames a `.snap` that it cannot read: `loadSnap` in `server/etcdserver/api/snap/snapshotter.go`, v3.5.30.
        Role::SnapBroken
    } else if name.starts_with(b"tmp") {
        // A db that did not arrive as a whole: `SaveDBFrom` in `server/etcdserver/api/snap/db.go`, v3.5.30.
        Role::SnapTmp
    } else {
        Role::Stray
    }
}

/// Returns the role of a file of that name in `member/wal/`.
pub(super) fn role_in_wal(name: &[u8]) -> Role {
    if is_wal_name(name) {
        Role::Wal
    } else if name.ends_with(b".broken") {
        // The last segment as it was before a repair: `Repair` in `server/wal/repair.go`, v3.5.30.
        Role::WalBroken
    } else if name.ends_with(b".tmp") {
        // The next segment, preallocated: `alloc` in `server/wal/file_pipeline.go`, v3.5.30.
        Role::WalTmp
    } else {
        Role::Stray
    }
}

/// Returns the role of a file of that name in a folder with both WAL and `.snap` files.
pub(super) fn role_anywhere(name: &[u8]) -> Role {
    match role_in_snap(name) {
        Role::Stray => role_in_wal(name),
        role => role,
    }
}

/// `%016x-%016x.wal`, sequence number and first index: etcd ignores any other name (`checkWalNames` in `server/wal/util.go`, v3.5.30).
pub(super) fn is_wal_name(name: &[u8]) -> bool {
    name.strip_suffix(b".wal").is_some_and(two_numbers)
}

/// `%016x-%016x.snap`, term and index.
pub(super) fn is_snap_name(name: &[u8]) -> bool {
    name.strip_suffix(b".snap").is_some_and(two_numbers)
}

fn two_numbers(stem: &[u8]) -> bool {
    let hex = |part: &[u8]| part.len() == 16 && part.iter().all(u8::is_ascii_hexdigit);
    stem.len() == 33
        && stem
            .split_at_checked(16)
            .and_then(|(first, rest)| Some((first, rest.strip_prefix(b"-")?)))
            .is_some_and(|(first, second)| hex(first) && hex(second))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Role, role_anywhere, role_in_snap, role_in_wal, shown};

    // Elsewhere a name is never made of such bytes.
    #[cfg(all(unix, not(portable)))]
    #[test]
    fn names_are_shown_without_anything_a_terminal_obeys() {
        let name = super::super::platform::os_str(b"d\xc3\xa9j\xc3\xa0\n\x1b[2J\xff.wal");
        assert_eq!(
            shown(Path::new(&*name)),
            "d\u{e9}j\u{e0}\\n\\u{1b}[2J\\xff.wal"
        );
    }

    #[test]
    fn roles_follow_etcds_own_rules_for_names() {
        assert_eq!(
            role_in_wal(b"0000000000000000-0000000000000000.wal"),
            Role::Wal
        );
        assert_eq!(
            role_in_wal(b"000000000000000-00000000000000000.wal"),
            Role::Stray
        );
        assert_eq!(
            role_in_wal(b"0000000000000000-0000000000000000.wal.broken"),
            Role::WalBroken
        );
        assert_eq!(role_in_wal(b"0.tmp"), Role::WalTmp);
        assert_eq!(role_in_snap(b"db"), Role::Db);
        assert_eq!(role_in_snap(b"db.tmp.2398"), Role::DbTmp);
        assert_eq!(role_in_snap(b"db.bak"), Role::Stray);
        assert_eq!(role_in_snap(b"00000000000015e9.snap.db"), Role::SnapDb);
        assert_eq!(
            role_in_snap(b"0000000000000002-0000000000000065.snap"),
            Role::Snap
        );
        assert_eq!(role_in_snap(b"tmp123"), Role::SnapTmp);
        assert_eq!(role_anywhere(b"1.tmp"), Role::WalTmp);
    }
}
