//! Codes of wal. WAL-001 to WAL-032 are those of the format reference; from WAL-033 on they describe what repair hides.

use located::codes;

codes! {
    NAME = "WAL-001", Warning, "a segment's name cannot be read",
        what: "A file in the WAL directory ends in .wal, but its name is not sequence-index in 16 hex digits each. etcd ignores it with a warning.",
        why: "A file copied or renamed by hand.",
        next: "If a segment is missing elsewhere in the chain, this may be it: etcd-inspect wal --segments {path}";
    SEQUENCE = "WAL-002", Error, "a WAL segment is missing or doubled",
        what: "The sequence numbers of the segments do not count up by one. etcd does not start: `wal: file not found` or `crc mismatch` (behind segment 0 a hole is noticed by the checksum only).",
        why: "Someone deleted or copied segments; the disk lost a file.",
        next: "Copy the directory before any start. Members of a cluster: remove this member and add it anew. A single one: etcd-inspect preflight --for restore {path}";
    FIRST_SEGMENT = "WAL-003", Error, "the WAL begins behind the newest usable snapshot",
        what: "The first segment's name has a higher index than the newest snapshot the log calls valid. etcd stops with `wal: file not found`.",
        why: "Segments were purged by hand, or the newest snapshot record was lost.",
        next: "etcd-inspect snap {path}; the db itself is usually whole: etcd-inspect preflight --for restore {path}";
    LENGTH_BITS = "WAL-004", Error, "impossible bits in a length word",
        what: "A frame's length word has reserved bits set, or says another padding than its length demands. etcd accepts it or misreads everything behind it.",
        why: "Bit rot in the eight bytes in front of a record; no checksum covers them.",
        next: "Copy the directory before any start. etcd-inspect preflight --for start {path}";
    PADDING = "WAL-005", Warning, "padding that is not zero",
        what: "Bytes between a record and the next multiple of eight are not zero. etcd does not look at them.",
        why: "Bit rot.",
        next: "The records themselves are whole; the disk is not to be trusted.";
    CRC = "WAL-006", Error, "a WAL record is damaged",
        what: "A record's payload does not continue the rolling CRC-32C, or cannot be parsed, and it is no torn write. etcd refuses to start: `walpb: crc mismatch`, even when the damage lies in an old segment it does not need. Records behind it are read here all the same.",
        why: "Bit rot, bad memory, segments of two members mixed.",
        next: "Copy the directory. In a cluster: remove this member and add it anew. Alone: if the damaged index is already in the db, etcd-inspect preflight --for restore {path}; if it lies before the newest snapshot, the leading segments may be moved aside.";
    TORN = "WAL-007", Warning, "the last WAL record was torn",
        what: "The last record holds a sector of zeros and nothing verifiable stands behind it: a write that did not reach the disk whole. etcd copies the file to .wal.broken and cuts the tail.",
        why: "Power loss or a killed machine during a write.",
        next: "In a cluster nothing: the leader sends it again. A single member loses its last write, if it was acknowledged at all.";
    CUT = "WAL-008", Warning, "the last WAL segment ends within a record",
        what: "The file ends in the middle of a frame. etcd copies it to .wal.broken and cuts it back to the last whole record.",
        why: "An incomplete copy, a full disk, a crash.",
        next: "If this is a copy, compare its size with the original (64,000,000 bytes while in use) and copy again.";
    CUT_INSIDE = "WAL-009", Error, "a WAL segment that is not the last is cut or misframed",
        what: "A frame reaches beyond the end of its file although segments follow. etcd repairs only the last file: it refuses to start (`failed to read WAL, cannot be repaired`).",
        why: "An incomplete copy, or a damaged length word.",
        next: "Copy that segment again from the original; else as WAL-006.";
    CHAIN = "WAL-010", Error, "a segment does not continue the one in front of it",
        what: "The checksum record that heads a segment is not the running checksum at the end of the segment in front: records are missing in between, or one of the two belongs to another log. etcd refuses to start: `wal: crc mismatch`.",
        why: "A segment cut at a record boundary, replaced, doubled or deleted.",
        next: "etcd-inspect wal --segments {path}; copy the directory before any start.";
    HEAD = "WAL-011", Error, "a segment does not begin with checksum and metadata",
        what: "Each segment begins with a checksum record and the member's metadata. Without metadata in the first one etcd panics: `cannot use none as id`.",
        why: "The file was emptied, overwritten, or is no segment at all.",
        next: "etcd-inspect wal --segments {path}; member and cluster id also stand in the other segments and in .snap files.";
    METADATA = "WAL-012", Error, "segments of different members or clusters",
        what: "The metadata records name different member or cluster ids. etcd refuses to start: `wal: conflicting metadata found`.",
        why: "Files of two members were mixed in one directory.",
        next: "etcd-inspect wal --segments {path} shows which segment belongs to whom.";
    RECORD_TYPE = "WAL-013", Error, "a record of unknown type",
        what: "The record's type is none of the five. etcd refuses to start: `unexpected block type N`.",
        why: "A flipped bit in the type (no checksum covers it), or software other than etcd.",
        next: "Copy the directory; as WAL-006.";
    INDEX_GAP = "WAL-014", Error, "raft indexes are missing",
        what: "Entries jump over indexes, and neither an installed snapshot nor a damaged record explains it. etcd refuses to start: `wal: slice bounds out of range`.",
        why: "Records were lost or removed with the checksums made new.",
        next: "etcd-inspect wal --index a..b {path} around the gap; as WAL-006.";
    TERM_BACK = "WAL-015", Error, "terms go back along the log",
        what: "A surviving entry has a lower term than the one in front of it, which raft never allows.",
        why: "Logs of two members or of two lives of one member were mixed.",
        next: "Do not start this member: etcd-inspect compare {path} with the other members.";
    OVERWRITE_TERM = "WAL-016", Error, "an entry was overwritten by one of no higher term",
        what: "Only a leader of a higher term may overwrite an entry.",
        why: "Logs mixed, or --force-new-cluster (then WAL-028 stands beside it).",
        next: "etcd-inspect wal --terms {path}; compare with the other members.";
    OVERWRITE_COMMITTED = "WAL-017", Error, "a committed entry was overwritten",
        what: "An entry was overwritten although this member had already recorded its index as committed. On replay the last one wins.",
        why: "Split brain after --force-new-cluster, a disk that lied about fsync, a data directory used twice.",
        next: "etcd-inspect compare {path} with the other members: one of them has other data.";
    STATE_BACK = "WAL-018", Warning, "HardState went back",
        what: "A later HardState has a lower term or commit than an earlier one. etcd takes the last one; snapshots above its commit are no longer valid.",
        why: "Lost writes (--unsafe-no-fsync), mixed logs.",
        next: "etcd-inspect wal --type state {path}";
    TWO_VOTES = "WAL-019", Error, "two votes in one term",
        what: "The member voted for two candidates in one term: two leaders were possible. Nobody notices.",
        why: "A data directory used by two processes, a restored older copy, lost fsync.",
        next: "etcd-inspect compare {path} with the other members.";
    COMMIT_RANGE = "WAL-020", Error, "commit lies beyond the last entry",
        what: "HardState says an index is committed that the log does not have. etcd panics: `state.commit C is out of range [A, B]`.",
        why: "The tail of the log was lost.",
        next: "In a cluster: remove this member and add it anew. Alone: etcd-inspect preflight --for restore {path}";
    COMMIT_SNAPSHOT = "WAL-021", Warning, "commit lies before the newest snapshot record",
        what: "etcd takes a snapshot for valid only when HardState has committed its index: this one is passed over, and an older one is used.",
        why: "HardState updates that only advance the commit may stay in a buffer; or HardState went back (WAL-018).",
        next: "etcd-inspect preflight --for start {path}";
    NO_CONF_STATE = "WAL-022", Warning, "a snapshot record without voters in a log of etcd 3.5 or newer",
        what: "Earlier snapshot records carry a ConfState, this one does not: etcd 3.4 wrote it. 3.5 and 3.6 take the voters from the .snap file.",
        why: "A downgrade to 3.4, or files mixed.",
        next: "etcd-inspect snap {path}";
    SNAPSHOT_TERM = "WAL-023", Error, "a snapshot record has another term than the entry at its index",
        what: "etcd refuses to start from it: `wal: snapshot mismatch`.",
        why: "Logs mixed.",
        next: "etcd-inspect wal --index a..b {path} around that index.";
    GARBAGE = "WAL-024", Note, "bytes behind the end of the log",
        what: "Behind the zero length word that ends the log stand bytes that are no records. etcd overwrites them with zeros at the next start.",
        why: "A torn write of several records, or recycled disk blocks.",
        next: "Nothing. Copy the file first if you want to look at them: the next start erases them.";
    UNDECODABLE = "WAL-025", Error, "an entry that is no request",
        what: "The checksum is right, but the payload is neither an InternalRaftRequest nor a v2 Request (or no ConfChange). etcd panics when it applies it: `unmarshal should never fail`.",
        why: "Bad memory before the checksum was made, or newer software.",
        next: "In a cluster compare the entry of the same index on other members: etcd-inspect compare {path}; alone: etcd-inspect preflight --for restore {path}";
    ENTRY_TYPE = "WAL-026", Error, "an entry of a type that etcd does not write",
        what: "etcd proposes only EntryNormal and EntryConfChange; applying another type panics.",
        why: "Other software, or a flipped bit before the checksum was made.",
        next: "etcd-inspect wal --index a..b {path}";
    CONF_CHANGE_ID = "WAL-027", Error, "a membership change about another member than its context says",
        what: "ConfChange.node_id and the id in its Member JSON differ. etcd panics: `got different member ID`.",
        why: "A manual edit or software other than etcd.",
        next: "etcd-inspect wal --type conf_change {path}";
    FORCE_NEW_CLUSTER = "WAL-028", Note, "the log was started with --force-new-cluster",
        what: "Removals of members with ConfChange id 0, followed by a no-op of a higher term: etcd appended them itself. Entries above the old commit were dropped.",
        why: "Someone recovered a lost quorum from this member.",
        next: "The other members' directories must not be started any more.";
    CLEAR_PASSWORD = "WAL-029", Note, "a password in clear in the log",
        what: "Requests to add a user or change a password hold the password itself: etcd 3.4 writes it so. It stays until the segment is purged.",
        why: "etcd 3.4.",
        next: "Treat the directory and its backups as secrets; change those passwords.";
    TERM_STORM = "WAL-030", Warning, "many elections in a row",
        what: "The term rose by more than a hundred between two neighbouring entries.",
        why: "A partitioned member, slow disks, clocks or a network that made elections fail again and again.",
        next: "etcd-inspect wal --terms {path}";
    LARGE_RECORD = "WAL-031", Warning, "a record of more than 10 MiB",
        what: "etcd 3.4.10 and later 3.4, and 3.5.0 to 3.5.4 refuse to read it: `wal: max entry size limit exceeded`.",
        why: "--max-request-bytes was raised.",
        next: "Use etcd 3.5.7 or newer on this directory.";
    PROPOSER = "WAL-032", Warning, "a request proposed by no known member",
        what: "The id of a request names (in its upper 16 bits) a member that neither the log's membership changes nor its snapshots know.",
        why: "Logs of two clusters mixed.",
        next: "etcd-inspect wal --segments {path}; etcd-inspect meta {path}";
    BEHIND_REPAIR = "WAL-033", Error, "etcd would cut off intact records",
        what: "Damage near the end of the last segment looks like a torn write, but verifiable records stand behind it. A start copies the file to .wal.broken, cuts it at the damage and goes on without a warning: acknowledged writes are lost (3.4.23 refuses where the length is damaged; 3.5.7 and newer do not).",
        why: "A zeroed sector, a damaged length word, or a flipped bit in a record with a long run of zeros.",
        next: "Do not start etcd on it. Copy the directory. In a cluster: remove this member and add it anew. Alone: etcd-inspect wal --index a..b {path} shows the entries a start would drop.";
    LENGTH_ZERO = "WAL-034", Error, "a zeroed length word hides intact records",
        what: "etcd takes a zero length for the end of the log: in the last segment it silently erases everything behind it, without a log line and without a .broken file; in another segment the next one no longer continues the checksum and etcd refuses to start.",
        why: "Eight bytes or a sector of zeros where a frame begins.",
        next: "Do not start etcd on it: the start destroys the evidence. Copy the directory. Alone: etcd-inspect wal --index a..b {path} shows the entries a start would erase.";
    LAST_MISSING = "WAL-035", Note, "the last segment may be missing",
        what: "The last segment ends exactly with its last record, as finished ones do; a segment in use has zeros up to 64,000,000 bytes, or was cut by a repair. If a later segment was lost, etcd does not notice: it starts with an older state.",
        why: "The newest file was not copied or was deleted; or the log was repaired or copied without its zeros (harmless).",
        next: "Compare with the original directory: ls -l member/wal. The db must not be ahead of the log: etcd-inspect check {path}";
    LAST_EMPTY = "WAL-036", Error, "the last segment is empty",
        what: "The last segment has no record at all. etcd does not notice: it starts with the state of the segment in front, and everything in the lost one is gone.",
        why: "A full disk, a copy that failed, a truncated file.",
        next: "Copy that file again from the original; do not start etcd on this directory before.";
    BROKEN_HAS_MORE = "WAL-037", Warning, "a .broken file holds intact entries that the log has not",
        what: "An earlier start cut the log in front of entries that were whole. They stand only in the .wal.broken file now.",
        why: "etcd repaired damage that was no torn write (see WAL-033).",
        next: "Keep the file. etcd-inspect wal {path}/member/wal/NAME.wal.broken lists what was cut off.";
    REMOVES_SELF = "WAL-038", Error, "the log removes its own member",
        what: "A committed membership change removes the member whose directory this is. etcd stops with exit code 0: `the member has been permanently removed from the cluster`; a sole member panics: `removed all voters`.",
        why: "The member was removed while it was down, or the directory was swapped.",
        next: "Do not start it. Delete its directory and add a new member: etcdctl member add";
    PAYLOAD = "WAL-039", Error, "a record's payload is not what its type says",
        what: "The checksum is right, but the payload cannot be parsed as the message of the record's type, or has fields of another one. The type itself is covered by no checksum.",
        why: "A flipped bit in the type, or software other than etcd.",
        next: "Copy the directory; as WAL-006.";
}
