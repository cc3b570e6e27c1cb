//! Codes of rules across files. X-006 and later compare the WAL with the
//! store it was applied to.

use located::codes;

codes! {
    CLUSTER_ID = "X-001", Error, "members of different clusters",
        what: "The WAL metadata of the copies name different cluster ids. On the wire such members refuse each other: `cluster ID mismatch`.",
        why: "Directories of two clusters were mixed, or one of them was restored or started as a new cluster.",
        next: "etcd-inspect status on each copy; keep those of one cluster together.";
    FOREIGN_DB = "X-002", Error, "the db is not this member's",
        what: "The `members` bucket of the db names none of the members of the log. etcd may start and serve another cluster's data.",
        why: "A db of another cluster, or of before a restore.",
        next: "Put the member's own db back; a log from entry 1 has everything that the member wrote: etcd-inspect salvage {path} --dry-run";
    CLONED = "X-003", Error, "two copies of one member with different logs",
        what: "Both directories have the same member id, but their logs contain different entries at the same index.",
        why: "A data directory was used twice: a cloned machine, a restored file copy.",
        next: "Start at most one of them; better remove the member and add it again.";
    SNAP_ORDER = "X-004", Warning, "snapshots whose terms go back",
        what: "A later snapshot has a lower term than an earlier one.",
        why: "--force-new-cluster, or .snap files of two members mixed.",
        next: "etcd-inspect snap {path}; etcd-inspect wal --terms {path}";
    DIFFERS = "X-006", Error, "the store does not hold what the WAL wrote",
        what: "The record of a revision differs from the raft entry that made it: key, value, lease, creation or version. Nothing in bbolt protects values; etcd starts and serves the wrong one.",
        why: "Bit rot in the db, an outdated page (lost write), a manual edit, or a member that applied the entry differently.",
        next: "The WAL has the right value. In a cluster remove this member and add it again; alone: take the newest backup, `etcd-inspect compare` of both says what it lacks.";
    MISSING = "X-007", Error, "the store lacks records that the WAL wrote",
        what: "An applied raft entry wrote a record, and the record is not in the db although no compaction removes it. etcd starts without a warning; keys are missing, deleted ones are back, or older versions are served.",
        why: "A lost page or element, an outdated page, a removed tombstone.",
        next: "The WAL has what is missing. In a cluster remove this member and add it again; alone: take the newest backup, `etcd-inspect compare` of both says what it lacks.";
    UNEXPLAINED = "X-008", Error, "the store has revisions that the WAL does not explain",
        what: "Between the revisions of two consecutive raft entries the store has revisions that no entry wrote. From there on its revisions differ from those of other members.",
        why: "Entries applied twice (etcd 3.5.0 to 3.5.5 after a crash), a revision number damaged, a manual edit.",
        next: "etcd-inspect wal {path} shows the entries around it; in a cluster of several members compare the copies: etcd-inspect compare";
    SKIPPED = "X-009", Error, "the effect of applied entries is not in the store",
        what: "According to consistent_index the entries are applied, but what they write is not in the store. etcd never applies them: their writes are lost on this member, silently.",
        why: "consistent_index raised without the data: etcd 3.5.0 to 3.5.2 after a crash (issue 13766), a db with pages of two different times, a manual edit.",
        next: "In a cluster remove this member and add it again. Alone: the entries are still in the WAL, and a start does not apply them.";
    TWICE = "X-010", Error, "a start would apply entries a second time",
        what: "Entries with an index greater than consistent_index are already in the store: etcd will apply them twice. From then on this member's revisions are higher than those of other members.",
        why: "consistent_index went back: etcd 3.5.0 to 3.5.5 (a crash, or during defragmentation), a manual edit.",
        next: "Do not start it. In a cluster remove this member and add it again. Alone: etcd-inspect preflight --for start {path}";
    DISAGREE = "X-011", Error, "WAL and store have different histories",
        what: "From one raft entry on, the store's revisions differ from those that the WAL writes. The two do not belong together.",
        why: "The db is of another member or another time than this WAL.",
        next: "Find the db that belongs to this WAL: etcd-inspect status of each copy and backup; compare them with etcd-inspect compare.";
    OLD_VALUE = "X-012", Error, "a value differs from the WAL by a few bits",
        what: "The WAL contains no write of the key with the stored value, but one that differs in a single bit: bit rot in the db. etcd serves the damaged value.",
        why: "Bit rot: nothing in bbolt protects values.",
        next: "The WAL has the right value. In a cluster of several members remove this one and add it again.";
    LOGS_DIFFER = "X-013", Error, "committed entries differ between members",
        what: "Two members of one cluster have different entries at an index that is committed on both. raft never allows it.",
        why: "Bit rot under a checksum that was computed again, --force-new-cluster on one of them, a data directory restored from a file copy.",
        next: "Find the member that a majority contradicts; remove it and add it again.";
    LEASES_DIFFER = "X-014", Error, "the leases are not those of the WAL",
        what: "The leases that the whole log grants and does not revoke are not those in the `lease` bucket. Keys of a lost lease never expire; keys of a revoked lease stay on this member only.",
        why: "A lost page or record, a manual edit, etcd issue 12535.",
        next: "In a cluster of several members compare the copies: etcd-inspect compare";
    VERSION_DIFFERS = "X-015", Warning, "the cluster version is not one that the cluster agreed on",
        what: "The `cluster` bucket contains a version that no entry of the WAL and no .snap file sets. etcd 3.6 and newer believe the bucket, older ones the v2 store.",
        why: "A manual edit, a damaged byte, a db of another member.",
        next: "etcd-inspect meta {path}; compare with the other members.";
    USERS_DIFFER = "X-016", Error, "users, roles or authentication are not what the WAL made them",
        what: "The `auth`, `authUsers` or `authRoles` bucket holds something else than the requests of the log make. Nothing in bbolt protects it: one flipped bit turns authentication off, changes a permission or locks a user out, on this member only.",
        why: "Bit rot in the db, a page of an older time, a manual edit (authentication turned off by hand).",
        next: "In a cluster of several members remove this one and add it again. Alone: etcd-inspect meta {path} shows what is stored; set users and roles again after the start.";
    ALARMS_DIFFER = "X-017", Warning, "the alarms are not those of the WAL",
        what: "The `alarm` bucket lacks an alarm that the log raised and did not take back, or has one more. NOSPACE and CORRUPT refuse writes: without it this member accepts what the others refuse.",
        why: "Bit rot in the db, a page of an older time, a manual edit.",
        next: "etcd-inspect meta {path}; compare the alarms of the members before a start.";
    INDEX_AHEAD = "META-003", Error, "the db is ahead of the WAL",
        what: "consistent_index is higher than the last entry of the WAL. etcd starts, /health is true and reads work, but it skips every new entry up to consistent_index: those writes time out and are never in the store.",
        why: "The WAL was lost, shortened or replaced; the db was copied from elsewhere; consistent_index was damaged.",
        next: "Do not start etcd on it. In a cluster: remove this member and add it again. Alone, restore the db into a new directory: etcd-inspect preflight --for restore {path}";
    INDEX_ABOVE_COMMIT = "META-004", Note, "consistent_index is ahead of the commit in the WAL",
        what: "HardState updates that only advance the commit index are not synced at once, so a small difference is normal on running or killed members.",
        why: "The last HardState was still in a buffer when the files were copied or the server was killed.",
        next: "Nothing.";
    TERM = "META-006", Warning, "the term in the db is not that of its entry",
        what: "`term` in the `meta` bucket differs from the term of the raft entry at consistent_index, or is higher than any term of the WAL.",
        why: "A db from another member or another time, a manual edit, a flipped bit.",
        next: "etcd-inspect wal --terms {path}; compare with the other members.";
    NOT_A_MEMBER = "MEM-002", Error, "the member is not in its own db",
        what: "The member id of the WAL metadata is not in the `members` bucket. etcd 3.6 and newer panic (`failed to find local ID in cluster members`); older ones may never serve (`failed to publish local member to cluster through raft`).",
        why: "A WAL or db of another member (volumes swapped, files mixed), or an unfinished restore.",
        next: "etcd-inspect meta {path}; put the files of one member together again.";
    REMOVED = "MEM-003", Error, "the member was removed from the cluster",
        what: "The member id of the WAL metadata is in `members_removed`. etcd stops with exit code 0: `the member has been permanently removed from the cluster`.",
        why: "The member was removed while its directory stayed.",
        next: "Do not start it. Delete its directory and add a new member: etcdctl member add";
    MEMBERS_DIFFER = "MEM-005", Warning, "members in db and raft configuration differ",
        what: "The `members` bucket names other members, voters or learners than the raft configuration of the log and its snapshots, or has another name for a member than that member published. Up to 3.5 etcd follows the v2 store of the .snap, from 3.6 on the bucket: a member that is only in the bucket is a zombie that comes back with an upgrade.",
        why: "etcd issues 13196, 19557 and 20793: membership changes that were applied on one side only; a manual edit.",
        next: "etcd-inspect meta {path}; compare with the other members: a removal or --force-new-cluster that one side does not have explains it.";
    SNAP_AHEAD = "SNAP-009", Error, "the db is older than the .snap file that etcd starts from",
        what: "The index of the newest usable .snap file is greater than consistent_index, and there is no .snap.db with that index. etcd panics: `failed to recover v3 backend from snapshot`, `failed to find database snapshot file`.",
        why: "The db was restored, deleted or replaced without the other files; a copy of a running server took the db before the .snap file; the `meta` bucket was lost.",
        next: "Put the right db back. If the WAL reaches back to consistent_index, moving the newer .snap files away (in a copy) lets etcd start: etcd-inspect preflight --for start {path}";
    SNAP_DB_INDEX = "SNAP-010", Error, "a received db is not the one its name says",
        what: "The .snap.db would be renamed over the db at the next start, but it cannot be read, or its consistent_index is not the index of its name.",
        why: "A transfer that broke off, bit rot.",
        next: "Copy the directory before any start: etcd destroys the older db when it puts this one in place.";
    SNAP_AFTER_END = "SNAP-016", Error, "a .snap is newer than log and db",
        what: "etcd writes a .snap only of entries that it has applied, so this directory once had all entries up to its index. Now log and db end before it. etcd ignores the .snap, starts from the older state and writes other entries at the same indexes.",
        why: "An older copy or a backup was put over the directory (kubernetes issue 65580), or files of two times were mixed.",
        next: "Do not start it. Look for the files of the newer time, or take a newer copy or backup: etcd-inspect compare {path} OTHER, for each.";
    SNAP_FOREIGN = "SNAP-017", Error, "the .snap that a start takes is not this member's",
        what: "Log and db are of one member, but the .snap file from which a start takes the members does not name it. Up to 3.5 etcd believes the v2 store and the voters of that .snap: the member does not vote, and etcd never serves.",
        why: "A .snap file of another member or another cluster was copied into the directory; its index and term are by coincidence those of a snapshot of this member.",
        next: "Move this .snap file away, in a copy: etcd then starts from an older one of its own, or from the beginning of the log: etcd-inspect preflight --for start {path}";
    JOINED_WITHOUT_DATA = "MEM-009", Warning, "a member that has received nothing",
        what: "Only a member that joins a running cluster has a log without entries; the leader then sends it everything. If the member had data before and its directory was emptied, the leader counts the old entries as received: etcd stops with `tocommit(N) is out of range [lastIndex(0)]`.",
        why: "A new member before its first snapshot; or a wiped member that was started again without being removed and added (etcd issue 13066).",
        next: "If the member had data before: etcdctl member remove, etcdctl member add, and start it with an empty directory. Nothing is to be saved here.";
    TRAILER = "SNAP-011", Error, "the snapshot file fails its SHA-256",
        what: "The last 32 bytes are not the SHA-256 of the bytes before them. `snapshot restore` refuses (`expected sha256 …, got …`); `snapshot status` does not notice.",
        why: "Bit rot, a truncated upload, or a tool that changed the file (etcdutl hashkv and etcd-dump-db write into the file they read).",
        next: "Use another backup. If there is none, look at the other findings for what is damaged; then restore with --skip-hash-check.";
    NO_TRAILER = "SNAP-012", Note, "a db file without SHA-256 trailer",
        what: "A file of `etcdctl snapshot save` ends with its SHA-256; this one does not: a copied db, or a cut snapshot file. `snapshot restore` demands --skip-hash-check.",
        why: "cp of a db, or the end of the file was lost.",
        next: "etcd-inspect preflight --for restore {path}";
    TRAILER_ON_DB = "SNAP-013", Note, "member/snap/db is a snapshot file, not the db of a server",
        what: "member/snap/db ends with a SHA-256 trailer: it is the file of an `etcdctl snapshot save`. etcd ignores the trailer, but the db may not fit the WAL.",
        why: "A restore by hand, without `snapshot restore`.",
        next: "etcd-inspect check {path} compares db and WAL.";
}
