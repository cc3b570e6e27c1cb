//! Codes of rules across files. are those of the format reference; from X-006 on they compare the WAL with the
//! store it was applied to.

use super::codes;

codes! {
    CLUSTER_ID = "X-001", Error, "members of different clusters",
        what: "The WAL metadata of the copies name different cluster ids. On the wire such members refuse each other: `cluster ID mismatch`.",
        why: "Directories of two clusters were mixed, or one was restored or started anew.",
        next: "etcd-inspect status on each copy; keep those of one cluster together.";
    FOREIGN_DB = "X-002", Error, "the db is not this member's",
        what: "The member whose WAL this is does not stand in the `members` bucket of the db, and the db's term or index do not fit the WAL. etcd may start and serve another cluster's data.",
        why: "A db copied from another member or another cluster.",
        next: "Put the member's own db back; or restore the db alone: etcd-inspect preflight --for restore {path}";
    CLONED = "X-003", Error, "two copies of one member with different logs",
        what: "Both directories carry the same member id, but their logs hold different entries at the same index.",
        why: "A data directory was used twice: a cloned machine, a restored file copy.",
        next: "Start at most one of them; better remove the member and add it anew.";
    SNAP_ORDER = "X-004", Warning, "snapshots whose terms go back",
        what: "A later snapshot has a lower term than an earlier one.",
        why: "--force-new-cluster, or .snap files of two members mixed.",
        next: "etcd-inspect snap {path}; etcd-inspect wal --terms {path}";
    DIFFERS = "X-006", Error, "the store does not hold what the WAL wrote",
        what: "The record of a revision differs from the raft entry that made it: key, value, lease, creation or version. Nothing in bbolt protects values; etcd starts and serves the wrong one.",
        why: "Bit rot in the db, a page of an older time (lost write), a manual edit, or a member that applied the entry differently.",
        next: "The WAL holds the right value: etcd-inspect history KEY --wal -d {path}. In a cluster remove this member and add it anew; alone: etcd-inspect salvage {path} --out NEW.db";
    MISSING = "X-007", Error, "the store lacks records that the WAL wrote",
        what: "A raft entry that the db counts as applied made a record, and the record is not there although no compaction removes it. etcd starts without a word; keys are missing, deleted ones are back, or older versions are served.",
        why: "A lost page or element, a page of an older time, a removed tombstone.",
        next: "The WAL holds what is missing: etcd-inspect history KEY --wal -d {path}. In a cluster remove this member and add it anew; alone: etcd-inspect salvage {path} --out NEW.db";
    UNEXPLAINED = "X-008", Error, "the store has revisions that the WAL does not explain",
        what: "Between the effects of two neighbouring raft entries the store has revisions that no entry made. Its numbering differs from then on from that of other members.",
        why: "Entries applied twice (etcd 3.5.0 to 3.5.5 after a crash), a revision number damaged, a manual edit.",
        next: "Compare with the other members: etcd-inspect compare {path} OTHERS";
    SKIPPED = "X-009", Error, "entries counted as applied have no effect in the store",
        what: "consistent_index says the entries are applied, but what they write is not there. etcd never applies them: their writes are lost on this member, silently.",
        why: "consistent_index raised without the data: etcd 3.5.0 to 3.5.2 after a crash (issue 13766), a db spliced from two times, a manual edit.",
        next: "In a cluster remove this member and add it anew. Alone: the entries are still in the WAL: etcd-inspect wal --index a..b {path}";
    TWICE = "X-010", Error, "a start would apply entries a second time",
        what: "Entries behind consistent_index have their effect in the store already. A start applies them again: revisions run ahead of other members.",
        why: "consistent_index went back: etcd 3.5.0 to 3.5.5 (a crash, or during defragmentation), a manual edit.",
        next: "Do not start it. In a cluster remove this member and add it anew. Alone: etcd-inspect preflight --for start {path}";
    DISAGREE = "X-011", Error, "WAL and store tell different histories",
        what: "From one raft entry on the store's revisions are others than the WAL makes. The two do not belong together.",
        why: "A db from another member or another time beside this WAL.",
        next: "etcd-inspect compare {path} with the other members, to find the right db for this WAL.";
    OLD_VALUE = "X-012", Error, "a value differs from the WAL by a few bits",
        what: "The WAL holds no write of the key with the stored value, but one that differs in a single byte: bit rot in the db. etcd serves the damaged value.",
        why: "Bit rot: nothing in bbolt protects values.",
        next: "etcd-inspect history KEY --wal -d {path} shows the write in the WAL.";
}
