//! Codes of mvcc.

use located::codes;

codes! {
    KEY_SHAPE = "MVCC-001", Error, "a stored key is no revision",
        what: "A key of the `key` bucket is not 17 bytes of revision, or 18 with the mark of a tombstone. etcd 3.6 and newer panic (`invalid revision length`, `invalid separator in bucket key`), older ones panic or read garbage.",
        why: "A flipped bit in the element or in the key itself, or another program that wrote into the file.",
        next: "etcd-inspect page {path} shows the page decoded; another member may have the record undamaged: etcd-inspect compare {path} OTHER";
    VALUE_UNPARSABLE = "MVCC-002", Error, "a KeyValue cannot be parsed",
        what: "The value of a record is not an mvccpb.KeyValue message. etcd stops at its start with `failed to unmarshal mvccpb.KeyValue`; `etcdutl snapshot status` does not report it.",
        why: "A flipped bit in a field's tag or length: bbolt has no checksum over pages.",
        next: "If a newer version of the key is in the db, only history is lost. Otherwise look for it in the WAL (etcd-inspect history KEY -d {path}) and in the other members.";
    PUT_FIELDS = "MVCC-004", Error, "impossible revisions or version in a record",
        what: "In a put, mod_revision is the revision of its stored key, create_revision at most that, and version 1 exactly when both are equal. etcd does not check it and serves the wrong numbers: compare-and-swap by clients then goes wrong.",
        why: "A flipped bit in the message, or a bug in the program that wrote the record.",
        next: "etcd-inspect history KEY -d {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    TOMBSTONE_FIELDS = "MVCC-005", Warning, "a tombstone with more than a key",
        what: "A tombstone consists of its user key alone. etcd ignores the rest.",
        why: "Another program wrote the record, or a put's stored key became a tombstone's (`t` as 18th byte): then the put is lost.",
        next: "etcd-inspect history KEY -d {path}";
    SUB_GAP = "MVCC-006", Error, "changes of one transaction are missing",
        what: "The changes of a transaction are numbered 0, 1, 2 … without a gap; at revisions greater than the compaction revision none may be missing. etcd does not notice: it does not serve the missing change.",
        why: "A lost or stale page, a lowered element count, or a record that was removed by hand.",
        next: "The WAL may hold the transaction: etcd-inspect wal {path}. Compare with another member: etcd-inspect compare {path} OTHER --keys";
    MAIN_GAP = "MVCC-007", Error, "revisions are missing",
        what: "Every revision greater than the compaction revision has at least one record. etcd does not notice: it serves older versions of the keys concerned, or none.",
        why: "A lost or stale page, a lowered element count, a file put together from two; or a flipped bit in a stored key that makes revisions jump ahead.",
        next: "The WAL may hold the transactions: etcd-inspect wal {path}. Compare with another member: etcd-inspect compare {path} OTHER --keys";
    CHAIN = "MVCC-008", Error, "a version does not continue the one before it",
        what: "From one record of a key to the next the version goes up by 1 and create_revision stays, until the key is deleted. Here a record between them is missing: a version, or a deletion without which a deleted key is back. etcd does not notice.",
        why: "A lost or stale page, a record removed by hand, or a bug in etcd (3.5.0 to 3.5.2, etcd issue 13766).",
        next: "etcd-inspect history KEY -d {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    AFTER_TOMBSTONE = "MVCC-009", Error, "impossible record after a tombstone",
        what: "A key is deleted twice in a row, or its version and create_revision continue after its deletion. A record between them is missing. etcd ignores a second deletion (3.6 logs `tombstone encountered error`).",
        why: "A lost or stale page, or a record removed by hand.",
        next: "etcd-inspect history KEY -d {path}; the WAL may hold what is missing: etcd-inspect wal --key KEY {path}";
    ORPHAN_TOMBSTONE = "MVCC-010", Warning, "a tombstone of nothing",
        what: "The oldest record left of a key is a deletion, and its revision is not the compaction revision, at which etcd since 3.4.34, 3.5.16 and 3.6 keeps one. etcd ignores it.",
        why: "The put before it was lost: a lost or stale page.",
        next: "etcd-inspect history KEY -d {path}; the WAL may hold the put: etcd-inspect wal --key KEY {path}";
    NOT_COMPACTED = "MVCC-011", Warning, "records that a finished compaction should have removed",
        what: "Up to the finished compaction revision only one record of a key is left. More records cost space, and watchers that start below that revision may receive old events.",
        why: "A wrong finishedCompactRev, a stale page, or a bug in compaction.",
        next: "etcd-inspect meta {path} shows both compaction revisions; the next compaction removes the records.";
    CREATION_MISSING = "MVCC-012", Error, "the record before the oldest one of a key is missing",
        what: "The revision of a key's oldest record is greater than the compaction revision, and the record is not the key's first version. The version before it should be there: a compaction keeps the newest one of each key.",
        why: "A lost or stale page, or records removed by hand.",
        next: "etcd-inspect history KEY -d {path}; the WAL may hold what is missing: etcd-inspect wal --key KEY {path}";
    DUPLICATE = "MVCC-013", Error, "two records instead of one",
        what: "A revision occurs twice, or a key changes twice in one transaction. etcd serves the later one.",
        why: "A flipped bit in a stored key or in a user key, or a file put together from two.",
        next: "etcd-inspect history KEY -d {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    BUMP_MARKER = "MVCC-014", Note, "the mark of a restore that raised the revision",
        what: "An empty record that `etcdutl snapshot restore --bump-revision` writes after all others, so that revisions never go back for clients. It stays in the db; no client sees it.",
        why: "The directory was made by such a restore.",
        next: "Nothing.";
    NO_KEY = "MVCC-018", Error, "a record without a user key",
        what: "Every record contains its key; only the mark of a bumped restore is empty. etcd indexes it under the empty key: the true key does not have this version any more.",
        why: "Zeroed bytes, or a flipped bit in the length of the key.",
        next: "The WAL may hold the write: etcd-inspect wal {path}. Compare with another member: etcd-inspect compare {path} OTHER --keys";
    NOT_CANONICAL = "MVCC-019", Warning, "a KeyValue is encoded as etcd never encodes one",
        what: "The message parses, but its fields are out of order, repeated, unknown, or not in shortest form. Every etcd writes them in one way only, so bits have changed here, and the fields of the record may be wrong.",
        why: "A flipped bit in a tag or number: bbolt has no checksum over pages.",
        next: "etcd-inspect history KEY -d {path}; compare with another member: etcd-inspect compare {path} OTHER --keys";
    OVERLAPPING = "MVCC-020", Error, "elements extend beyond their page or overlap",
        what: "Elements of the `key` bucket refer to bytes that belong to another element or page; they were not read, and are part of no answer.",
        why: "A damaged element header or overflow count, or a file made to be expensive to read.",
        next: "etcd-inspect check {path}";
}
