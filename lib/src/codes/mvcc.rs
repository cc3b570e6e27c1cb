//! Codes of mvcc.

use located::codes;

codes! {
    KEY_SHAPE = "MVCC-001", Error, "a stored key is no revision",
        what: "A key of the `key` bucket is not 17 bytes of revision, or 18 with the mark of a tombstone. etcd 3.6 and newer panic (`invalid revision length`, `invalid separator in bucket key`), older ones panic or read garbage.",
        why: "A flipped bit in the element or in the key itself, or another program that wrote into the file.",
        next: "etcd-inspect page {path} shows the page decoded; another member has the record whole: etcd-inspect compare {path} OTHER";
    VALUE_UNPARSABLE = "MVCC-002", Error, "a KeyValue cannot be parsed",
        what: "The value of a record is not an mvccpb.KeyValue message. etcd stops at its start with `failed to unmarshal mvccpb.KeyValue`; `etcdutl snapshot status` says nothing of it.",
        why: "A flipped bit in a field's tag or length: bbolt has no checksum over pages.",
        next: "If a later version of the key stands in the db nothing current is lost: etcd-inspect history KEY {path}. Otherwise look for it in the WAL (etcd-inspect history KEY --wal {path}) and in the other members.";
    PUT_FIELDS = "MVCC-004", Error, "impossible revisions or version in a record",
        what: "In a put, mod_revision is the revision of its stored key, create_revision at most that, and version 1 exactly when both are equal. etcd does not check it and serves the wrong numbers: compare-and-swap by clients then goes wrong.",
        why: "A flipped bit in the message, or a fault in software that wrote the record.",
        next: "etcd-inspect history KEY {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    TOMBSTONE_FIELDS = "MVCC-005", Warning, "a tombstone with more than a key",
        what: "A tombstone consists of its user key alone. etcd ignores the rest.",
        why: "Another program wrote the record, or the mark `t` came into the key of a put: then the put is lost.",
        next: "etcd-inspect history KEY {path}";
    SUB_GAP = "MVCC-006", Error, "changes of one transaction are missing",
        what: "The changes of a transaction are numbered 0, 1, 2 … without a gap; above the compaction revision all of them must be there. etcd does not notice: the missing change is not served.",
        why: "A lost or stale page, a lowered element count, or a record that was removed by hand.",
        next: "The WAL may hold the transaction: etcd-inspect wal {path}. Compare with another member: etcd-inspect compare {path} OTHER --keys";
    MAIN_GAP = "MVCC-007", Error, "revisions are missing",
        what: "Above the compaction revision every revision has at least one record. etcd does not notice: it serves older versions of the keys concerned, or none.",
        why: "A lost or stale page, a lowered element count, a file put together from two; or a flipped bit in a stored key that makes revisions jump ahead.",
        next: "The WAL may hold the transactions: etcd-inspect wal {path}. Compare with another member: etcd-inspect compare {path} OTHER --keys";
    CHAIN = "MVCC-008", Error, "a version does not continue the one before it",
        what: "From one record of a key to the next the version goes up by 1 and create_revision stays, until the key is deleted. Here a record between them is missing: a version, or a deletion without which a deleted key is back. etcd does not notice.",
        why: "A lost or stale page, a record removed by hand, or a fault in etcd (3.5.0 to 3.5.2, issue 13766).",
        next: "etcd-inspect history KEY {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    AFTER_TOMBSTONE = "MVCC-009", Error, "impossible record after a tombstone",
        what: "After its deletion a key is deleted again, or goes on as if it had not been. A record between them is missing. etcd ignores a second deletion (3.6 logs `tombstone encountered error`).",
        why: "A lost or stale page, or a record removed by hand.",
        next: "etcd-inspect history KEY {path}; the WAL may hold what is missing: etcd-inspect wal --key KEY {path}";
    ORPHAN_TOMBSTONE = "MVCC-010", Warning, "a tombstone of nothing",
        what: "The oldest record left of a key is a deletion, and it does not stand at the compaction revision, where etcd since 3.4.34, 3.5.16 and 3.6 keeps one. etcd ignores it.",
        why: "The put before it was lost: a lost or stale page.",
        next: "etcd-inspect history KEY {path}; the WAL may hold the put: etcd-inspect wal --key KEY {path}";
    NOT_COMPACTED = "MVCC-011", Warning, "records that a finished compaction should have removed",
        what: "Up to the finished compaction revision only one record of a key is left. More cost space; watchers that start below may be sent old events.",
        why: "A finishedCompactRev that is wrong, a stale page, or a fault in compaction.",
        next: "etcd-inspect meta {path} shows both compaction revisions; the next compaction removes the records.";
    CREATION_MISSING = "MVCC-012", Error, "the record before the oldest one of a key is missing",
        what: "The oldest record left of a key lies above the compaction revision and is not its first version. The version before it should be there: a compaction keeps the newest one of each key.",
        why: "A lost or stale page, or records removed by hand.",
        next: "etcd-inspect history KEY {path}; the WAL may hold what is missing: etcd-inspect wal --key KEY {path}";
    DUPLICATE = "MVCC-013", Error, "two records where there can be one",
        what: "A revision occurs twice, or a key changes twice in one transaction. etcd serves the later one.",
        why: "A flipped bit in a stored key or in a user key, or a file put together from two.",
        next: "etcd-inspect history KEY {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    BUMP_MARKER = "MVCC-014", Note, "the mark of a restore that raised the revision",
        what: "An empty record that `etcdutl snapshot restore --bump-revision` puts behind all others, so that revisions never go back for clients. It stays; no client sees it.",
        why: "The directory was made by such a restore.",
        next: "Nothing.";
    NO_KEY = "MVCC-018", Error, "a record without a user key",
        what: "Every record names its key; only the mark of a bumped restore is empty. etcd indexes it under the empty key: the true key does not have this version any more.",
        why: "Zeroed bytes, or a flipped bit in the length of the key.",
        next: "The WAL may hold the write: etcd-inspect wal {path}. Compare with another member: etcd-inspect compare {path} OTHER --keys";
    NOT_CANONICAL = "MVCC-019", Warning, "a KeyValue is encoded as etcd never does",
        what: "The message parses, but its fields are out of order, repeated, unknown, or not in shortest form. Every etcd writes them in one way only, so bits have changed here, and what the record says is doubtful.",
        why: "A flipped bit in a tag or number: bbolt has no checksum over pages.",
        next: "etcd-inspect history KEY {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    OVERLAPPING = "MVCC-020", Error, "elements reach beyond their page or overlap",
        what: "Elements of the `key` bucket claim bytes that are not theirs; they were not read, and are part of no answer.",
        why: "A damaged element header or overflow count, or a file made to cost more than it weighs.",
        next: "etcd-inspect check {path}";
}
