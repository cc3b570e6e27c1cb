//! Codes of snap. SNAP-009 and SNAP-010 compare with the db, SNAP-011 to SNAP-013 are about files of `etcdctl snapshot save`.

use located::codes;

codes! {
    SNAP_UNREADABLE = "SNAP-001", Warning, "a .snap file is empty, cut or fails its checksum",
        what: "The envelope of a raft snapshot file does not hold. etcd renames it to .snap.broken and uses an older one; when no older one is usable it reads the WAL from the beginning, and stops with `wal: file not found` when that beginning was purged. etcd 3.7 does not read .snap files at boot.",
        why: "A full disk (0 bytes), a partial write, bit rot.",
        next: "Copy the directory before any start: etcd renames the file. `etcd-inspect preflight --for start {path}` says which snapshot would be used instead.";
    SNAP_NAME = "SNAP-002", Warning, "a .snap file's name is not its content",
        what: "The name says another term and index than the metadata inside. etcd sorts by name and matches by content, so it may choose an older snapshot.",
        why: "The file was renamed or copied by hand.",
        next: "etcd-inspect snap {path}";
    SNAP_ORPHAN = "SNAP-003", Note, "a .snap file has no WAL record",
        what: "The WAL has no snapshot record of this term and index: etcd passes the file over.",
        why: "The process died between the file and its record (normal), or the WAL was cut or replaced.",
        next: "Nothing, unless the WAL is damaged too: etcd-inspect check {path}";
    SNAP_FILE_MISSING = "SNAP-004", Warning, "the newest snapshot record has no .snap file",
        what: "The newest snapshot that the WAL calls valid has no usable file. etcd up to 3.6 falls back to an older one and replays more; if the WAL no longer reaches back that far it stops with `wal: file not found`. etcd 3.7 needs no file.",
        why: "The file was deleted, renamed to .broken, or lost by a crash of etcd 3.4.0 to 3.4.7.",
        next: "If a .snap.broken of that index exists, look at it: etcd-inspect snap {path}";
    SNAP_CONF_STATE = "SNAP-005", Error, "voters in the .snap differ from the WAL record's",
        what: "The .snap and the WAL's snapshot record of the same index name different voters or learners. Raft follows the .snap (3.7: the `members` bucket).",
        why: "A manual edit, files of two members mixed, or etcd issue 19557 (a promoted learner that was not persisted).",
        next: "etcd-inspect snap {path}; compare with `etcd-inspect meta {path}` and with the other members.";
    SNAP_JOINT = "SNAP-006", Warning, "a joint configuration in a .snap",
        what: "The ConfState has outgoing voters, future learners or auto_leave set. etcd never makes joint configurations; what it does with one is undefined.",
        why: "Other software wrote the file, or it is damaged.",
        next: "etcd-inspect snap {path}";
    SNAP_STORE = "SNAP-007", Error, "the v2 store in a .snap is damaged",
        what: "The JSON cannot be read, or the own member is missing in it. etcd up to 3.6 panics: `failed to recover from snapshot`.",
        why: "Bad memory before the checksum was made, or a manual edit.",
        next: "Move that .snap away from a copy of the directory: an older one is used if the WAL reaches back to it. `etcd-inspect preflight --for start {path}` says whether it does.";
    SNAP_CUSTOM = "SNAP-008", Note, "keys of the v2 API in a .snap",
        what: "The v2 store has content outside etcd's own. etcd 3.6 refuses to start on it (`detected disallowed custom content in v2store`); 3.4 and 3.5 do not mind.",
        why: "A client used the v2 API (flannel, old tools) while it was still on.",
        next: "Before an upgrade to 3.6: delete those keys with etcdctl v2 under 3.5 and let a new snapshot be taken.";
    SNAP_NO_VOTERS = "SNAP-014", Error, "a .snap without voters",
        what: "The ConfState names no voter. etcd starts, but never elects a leader and never serves; 3.7 panics with `empty confstate`.",
        why: "A manual edit, or software other than etcd.",
        next: "Move that .snap away from a copy of the directory; an older one is used if the WAL reaches back to it.";
    SNAP_MEMBERSHIP = "SNAP-015", Error, "voters and members in a .snap differ",
        what: "The ConfState and the v2 store of one snapshot name different members. A voter without a member entry makes etcd panic (`failed to update; member unknown`) or wait for a peer that does not exist.",
        why: "A manual edit, damaged JSON, or a membership bug.",
        next: "etcd-inspect snap {path}";
}
