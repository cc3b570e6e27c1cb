//! Codes of `.snap` files. SNAP-009 and SNAP-010 compare with the db, SNAP-011 to SNAP-013 are about files of `etcdctl snapshot save`.

use located::codes;

codes! {
    SNAP_UNREADABLE = "SNAP-001", Warning, "a .snap file is empty, truncated or fails its checksum",
        what: "The file cannot be parsed, or its content does not match its CRC-32C. etcd renames it to .snap.broken and uses an older one. If there is none, etcd reads the WAL from its first entry, and stops with `wal: file not found` if that entry was purged. etcd 3.7 does not read .snap files at start.",
        why: "A full disk (0 bytes), a partial write, or bit rot.",
        next: "Copy the directory before any start: etcd renames the file. `etcd-inspect preflight --for start {path}` reports which snapshot would be used instead.";
    SNAP_NAME = "SNAP-002", Warning, "the name of a .snap file does not match its content",
        what: "The name has another term or index than the metadata in the file. etcd sorts by name and compares the content with the WAL, so it may choose an older snapshot.",
        why: "The file was renamed or copied by hand.",
        next: "etcd-inspect snap {path}";
    SNAP_ORPHAN = "SNAP-003", Note, "a .snap file has no WAL record",
        what: "The WAL has no snapshot record of this term and index: etcd skips the file.",
        why: "The process was killed after it wrote the file and before it wrote the record (normal), or the WAL was truncated or replaced.",
        next: "Nothing, if the WAL is intact: etcd-inspect check {path}";
    SNAP_FILE_MISSING = "SNAP-004", Warning, "the newest snapshot record has no .snap file",
        what: "The newest valid snapshot record of the WAL has no usable file. etcd up to 3.6 uses an older snapshot and replays more entries. If the WAL no longer contains those entries, etcd stops with `wal: file not found`. etcd 3.7 needs no file.",
        why: "The file was deleted, renamed to .broken, or lost by a crash of etcd 3.4.0 to 3.4.7.",
        next: "If a .snap.broken file of that index exists, examine it: etcd-inspect snap {path}";
    SNAP_CONF_STATE = "SNAP-005", Error, "a .snap and its WAL record name different voters",
        what: "The .snap and the snapshot record of the same index name different voters or learners. etcd uses those of the .snap (3.7: the `members` bucket).",
        why: "A manual edit, files of two members mixed, or etcd issue 19557 (the promotion of a learner was not persisted).",
        next: "etcd-inspect snap {path}; compare with `etcd-inspect meta {path}` and with the other members.";
    SNAP_JOINT = "SNAP-006", Warning, "a .snap contains a joint configuration",
        what: "The ConfState has outgoing voters, future learners or auto_leave set. etcd never writes a joint configuration; its behaviour with one is undefined.",
        why: "Software other than etcd wrote the file, or it is damaged.",
        next: "etcd-inspect snap {path}";
    SNAP_STORE = "SNAP-007", Error, "the v2 store of a .snap is damaged",
        what: "The JSON cannot be parsed, or the member itself is missing in it. etcd up to 3.6 panics: `failed to recover from snapshot`.",
        why: "Bad memory before the checksum was computed, or a manual edit.",
        next: "In a copy of the directory, move that .snap away: etcd then uses an older one if the WAL contains the entries after it. `etcd-inspect preflight --for start {path}` reports whether it does.";
    SNAP_CUSTOM = "SNAP-008", Note, "a .snap contains keys of the v2 API",
        what: "The v2 store contains keys other than those of etcd itself. etcd 3.6 refuses to start on it (`detected disallowed custom content in v2store`); 3.4 and 3.5 start.",
        why: "A client (flannel, old tools) used the v2 API while it was enabled.",
        next: "Before an upgrade to 3.6: delete those keys with etcdctl v2 under 3.5, and wait for the next snapshot.";
    SNAP_NO_VOTERS = "SNAP-014", Error, "a .snap names no voters",
        what: "The ConfState names no voters. etcd starts, but never elects a leader and never serves; 3.7 panics with `empty confstate`.",
        why: "A manual edit, or software other than etcd.",
        next: "In a copy of the directory, move that .snap away: etcd then uses an older one if the WAL contains the entries after it.";
    SNAP_MEMBERSHIP = "SNAP-015", Error, "the voters and the members of a .snap differ",
        what: "The ConfState and the v2 store of one snapshot name different members. If a voter has no member entry, etcd panics (`failed to update; member unknown`) or waits for a peer that does not exist.",
        why: "A manual edit, damaged JSON, or a membership bug.",
        next: "etcd-inspect snap {path}";
}
