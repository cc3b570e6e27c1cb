//! Codes of the WAL. WAL-001 to WAL-032 are those of the format reference; from WAL-033 they describe what a repair hides.

use located::codes;

codes! {
    NAME = "WAL-001", Warning, "a segment's name cannot be read",
        what: "A file in the WAL directory ends in .wal, but its name is not sequence-index in 16 hexadecimal digits each. etcd ignores the file with a warning.",
        why: "A file copied or renamed by hand.",
        next: "If a segment is missing in the sequence, this file may be that segment: etcd-inspect wal --segments {path}";
    SEQUENCE = "WAL-002", Error, "a WAL segment is missing or duplicated",
        what: "The sequence numbers of the segments do not increase by one. etcd does not start: `wal: file not found`, or `wal: crc mismatch` if the missing segment is in the middle of the log.",
        why: "Segments were deleted or copied by hand, or the disk lost a file.",
        next: "Copy the directory before any start. In a cluster: remove this member and add it again. A single member: etcd-inspect preflight --for restore {path}";
    FIRST_SEGMENT = "WAL-003", Error, "the WAL starts after the newest usable snapshot",
        what: "The name of the first segment has a higher index than the newest valid snapshot record: the entries between them are missing. etcd stops with `wal: file not found`.",
        why: "Segments were deleted by hand, or the newest snapshot record was lost.",
        next: "etcd-inspect snap {path}; the db itself is usually intact: etcd-inspect preflight --for restore {path}";
    LENGTH_BITS = "WAL-004", Error, "a length word has impossible bits",
        what: "The length word of a frame has reserved bits set, or a padding that does not fit its length. etcd accepts the frame or misreads everything after it.",
        why: "Bit rot in the eight bytes before a record; no checksum covers them.",
        next: "Copy the directory before any start. etcd-inspect preflight --for start {path}";
    PADDING = "WAL-005", Warning, "the padding of a frame is not zero",
        what: "Bytes between a record and the next multiple of eight are not zero. etcd does not read them.",
        why: "Bit rot.",
        next: "The records themselves are intact. Check the disk: it changes bytes.";
    CRC = "WAL-006", Error, "a WAL record is damaged",
        what: "The payload of a record does not match the rolling CRC-32C or cannot be parsed, and the record is not a torn write. etcd refuses to start: `walpb: crc mismatch`, even if the damage is in an old segment that it does not need. Records after the damage are read here.",
        why: "Bit rot, bad memory, or segments of two members mixed in one directory.",
        next: "Copy the directory. In a cluster: remove this member and add it again. A single member: if the damaged entry is already applied to the db, etcd-inspect preflight --for restore {path}; if it is before the newest snapshot, the leading segments may be moved aside.";
    TORN = "WAL-007", Warning, "the last WAL record was torn",
        what: "The last record contains a sector of zeros and no verifiable record follows: the write did not reach the disk completely. etcd copies the file to .wal.broken and truncates it before the record.",
        why: "The machine lost power or was killed during a write.",
        next: "In a cluster: nothing, the leader sends the entry again. A single member loses its last write if that write was acknowledged.";
    CUT = "WAL-008", Warning, "the last WAL segment ends within a record",
        what: "The file ends in the middle of a frame. etcd copies it to .wal.broken and truncates it after the last complete record.",
        why: "An incomplete copy, a full disk, a crash.",
        next: "If this is a copy, compare its size with the original (64,000,000 bytes while in use) and copy again.";
    CUT_INSIDE = "WAL-009", Error, "a WAL segment before the last one is truncated or misframed",
        what: "A frame reaches beyond the end of its file, and more segments follow. etcd repairs only the last file: it refuses to start (`failed to read WAL, cannot be repaired`).",
        why: "An incomplete copy, or a damaged length word.",
        next: "Copy that segment again from the original. If there is no original, proceed as for WAL-006.";
    CHAIN = "WAL-010", Error, "a segment does not continue the segment before it",
        what: "The checksum record at the start of a segment differs from the rolling checksum at the end of the segment before it: records between them are missing, or one of the two belongs to another log. etcd refuses to start: `wal: crc mismatch`.",
        why: "A segment was truncated at a record boundary, replaced, duplicated or deleted.",
        next: "etcd-inspect wal --segments {path}; copy the directory before any start.";
    HEAD = "WAL-011", Error, "a segment does not start with checksum and metadata",
        what: "Each segment starts with a checksum record and the metadata record of the member. If the first segment has no metadata, etcd panics: `cannot use none as id`.",
        why: "The file was emptied or overwritten, or it is not a WAL segment.",
        next: "etcd-inspect wal --segments {path}; the other segments contain the member id and the cluster id too.";
    METADATA = "WAL-012", Error, "segments of different members or clusters",
        what: "The metadata records contain different member ids or cluster ids. etcd refuses to start: `wal: conflicting metadata found`.",
        why: "Files of two members were mixed in one directory.",
        next: "etcd-inspect wal --segments {path} shows the member and the cluster of each segment.";
    RECORD_TYPE = "WAL-013", Error, "a record has an unknown type",
        what: "The type of the record is not one of the five that etcd writes. etcd refuses to start: `unexpected block type N`.",
        why: "A flipped bit in the type (no checksum covers it), or software other than etcd.",
        next: "Copy the directory, then proceed as for WAL-006.";
    INDEX_GAP = "WAL-014", Error, "raft indexes are missing",
        what: "Indexes are missing between two entries, and neither an installed snapshot nor a damaged record explains the gap. etcd refuses to start: `wal: slice bounds out of range`.",
        why: "Records were removed and the checksums computed again.",
        next: "etcd-inspect wal --index a..b {path} around the gap; then proceed as for WAL-006.";
    TERM_BACK = "WAL-015", Error, "a term decreases along the log",
        what: "An entry has a lower term than the entry before it, which raft never allows.",
        why: "Logs of two members, or an old and a new copy of one member, were mixed.",
        next: "Do not start this member: etcd-inspect compare {path} OTHER, with each of the other members.";
    OVERWRITE_TERM = "WAL-016", Error, "an entry was overwritten by an entry without a higher term",
        what: "Only a leader of a higher term may overwrite an entry.",
        why: "Logs of two members were mixed, or etcd was started with --force-new-cluster (then WAL-028 is reported too).",
        next: "etcd-inspect wal --terms {path}; compare with the other members.";
    OVERWRITE_COMMITTED = "WAL-017", Error, "a committed entry was overwritten",
        what: "An entry was overwritten after this member had recorded its index as committed. On replay the last entry of that index wins.",
        why: "Two clusters after --force-new-cluster, a disk that ignores fsync, or two processes on one data directory.",
        next: "etcd-inspect compare {path} OTHER: one of them has different data.";
    STATE_BACK = "WAL-018", Warning, "HardState decreases",
        what: "A later HardState has a lower term or commit than an earlier one. etcd uses the last one; snapshots with a higher index than its commit are no longer valid.",
        why: "Lost writes (--unsafe-no-fsync), or logs of two members mixed.",
        next: "etcd-inspect wal --type state {path}";
    TWO_VOTES = "WAL-019", Error, "two votes in one term",
        what: "The member voted for two candidates in one term: two leaders were possible. etcd does not report it.",
        why: "Two processes on one data directory, a restored older copy, or a disk that ignores fsync.",
        next: "etcd-inspect compare {path} OTHER, with each of the other members.";
    COMMIT_RANGE = "WAL-020", Error, "commit is higher than the last entry",
        what: "HardState.commit is an index that the log does not have. etcd panics: `state.commit C is out of range [A, B]`.",
        why: "The tail of the log was lost.",
        next: "In a cluster: remove this member and add it again. A single member: etcd-inspect preflight --for restore {path}";
    COMMIT_SNAPSHOT = "WAL-021", Warning, "commit is lower than the newest snapshot record",
        what: "etcd accepts a snapshot only if HardState.commit has reached its index: this snapshot is skipped and an older one is used.",
        why: "A HardState that only advances the commit is not synced at once; or HardState decreased (WAL-018).",
        next: "etcd-inspect preflight --for start {path}";
    NO_CONF_STATE = "WAL-022", Warning, "a snapshot record without voters in a log of etcd 3.5 or newer",
        what: "Earlier snapshot records contain a ConfState, this one does not: etcd 3.4 wrote it. 3.5 and 3.6 take the voters from the .snap file.",
        why: "A downgrade to 3.4, or files of two members mixed.",
        next: "etcd-inspect snap {path}";
    SNAPSHOT_TERM = "WAL-023", Error, "a snapshot record has another term than the entry at its index",
        what: "etcd refuses to start from it: `wal: snapshot mismatch`.",
        why: "Logs of two members were mixed.",
        next: "etcd-inspect wal --index a..b {path} around that index.";
    GARBAGE = "WAL-024", Note, "bytes after the end of the log",
        what: "After the zero length word that ends the log there are bytes that are not records. etcd overwrites them with zeros at the next start.",
        why: "A torn write of several records, or recycled disk blocks.",
        next: "Nothing. To examine these bytes, copy the file first: the next start erases them.";
    UNDECODABLE = "WAL-025", Error, "an entry cannot be decoded",
        what: "The checksum is correct, but the payload is neither an InternalRaftRequest nor a v2 Request, or in an EntryConfChange not a ConfChange. etcd panics when it applies the entry: `unmarshal should never fail`.",
        why: "Bad memory before the checksum was computed, or newer software.",
        next: "In a cluster: compare the entry of the same index on other members: etcd-inspect compare {path} OTHER. A single member: etcd-inspect preflight --for restore {path}";
    ENTRY_TYPE = "WAL-026", Error, "an entry has a type that etcd does not write",
        what: "etcd proposes only EntryNormal and EntryConfChange; it panics when it applies another type.",
        why: "Software other than etcd, or a flipped bit before the checksum was computed.",
        next: "etcd-inspect wal --index a..b {path}";
    CONF_CHANGE_ID = "WAL-027", Error, "a membership change and its context name different members",
        what: "ConfChange.node_id and the id in the Member JSON of its context differ. etcd panics: `got different member ID`.",
        why: "A manual edit or software other than etcd.",
        next: "etcd-inspect wal --type conf_change {path}";
    FORCE_NEW_CLUSTER = "WAL-028", Note, "the log was started with --force-new-cluster",
        what: "The log contains removals of members with ConfChange id 0, followed by a no-op of a higher term: etcd appended them itself. Entries with an index greater than the old commit were discarded.",
        why: "A lost quorum was recovered from this member.",
        next: "Do not start the directories of the other members again.";
    CLEAR_PASSWORD = "WAL-029", Note, "the log contains a password in plain text",
        what: "Requests to add a user or change a password contain the password itself: etcd 3.4 writes it. It remains until the segment is purged.",
        why: "etcd 3.4.",
        next: "Treat the directory and its backups as secrets, and change those passwords.";
    TERM_STORM = "WAL-030", Warning, "many elections in a row",
        what: "The term increased by more than 100 between two consecutive entries.",
        why: "A partitioned member, slow disks, or a network that made elections fail repeatedly.",
        next: "etcd-inspect wal --terms {path}";
    LARGE_RECORD = "WAL-031", Warning, "a record is larger than 10 MiB",
        what: "etcd 3.4.10 and later 3.4 releases, and 3.5.0 to 3.5.4, refuse to read it: `wal: max entry size limit exceeded`.",
        why: "The server was started with a higher --max-request-bytes.",
        next: "Use etcd 3.5.7 or newer on this directory.";
    PROPOSER = "WAL-032", Warning, "a request was proposed by an unknown member",
        what: "The upper 16 bits of a request id are those of a member that neither the membership changes nor the snapshots of the log contain.",
        why: "Logs of two clusters were mixed.",
        next: "etcd-inspect wal --segments {path}; etcd-inspect meta {path}";
    REPAIR_DROPS = "WAL-033", Error, "a start would discard intact records",
        what: "Damage in the last segment looks like a torn write to etcd, but verifiable records follow. A start copies the file to .wal.broken, truncates it at the damage and continues without a warning: acknowledged writes are lost. (3.4.23 refuses to start if the length is damaged; 3.5.7 and newer do not.)",
        why: "A zeroed sector, a damaged length word, or a flipped bit in a record that contains a long run of zeros.",
        next: "Do not start etcd on it. Copy the directory. In a cluster: remove this member and add it again. A single member: etcd-inspect wal --index a..b {path} shows the entries that a start would discard.";
    LENGTH_ZERO = "WAL-034", Error, "a zeroed length word hides intact records",
        what: "etcd treats a zero length as the end of the log. In the last segment it silently erases everything after it, without a log line and without a .broken file. In any other segment the next segment then does not continue the checksum, and etcd refuses to start.",
        why: "Eight bytes or a whole sector at the start of a frame were zeroed.",
        next: "Do not start etcd on it: the start destroys the evidence. Copy the directory. A single member: etcd-inspect wal --index a..b {path} shows the entries that a start would erase.";
    LAST_MISSING = "WAL-035", Note, "the last segment may be missing",
        what: "The last segment ends exactly after its last record, as finished segments do. A segment in use has zeros up to 64,000,000 bytes, unless a repair truncated it. If a later segment was lost, etcd does not detect it and starts with an older state.",
        why: "The newest file was not copied or was deleted. Harmless if the log was repaired, or copied without its preallocated zeros.",
        next: "Compare with the original directory: ls -l member/wal. The consistent_index of the db must not be higher than the last entry: etcd-inspect check {path}";
    LAST_EMPTY = "WAL-036", Error, "the last segment is empty",
        what: "The last segment contains no record. etcd does not detect it: it starts with the state of the segment before it, and every entry of the empty segment is lost.",
        why: "A full disk, an incomplete copy, or a truncated file.",
        next: "Copy that file again from the original before etcd is started on this directory.";
    BROKEN_HAS_MORE = "WAL-037", Warning, "a .broken file contains intact entries that the log lacks",
        what: "An earlier start truncated the log before intact entries. They now exist only in the .wal.broken file.",
        why: "etcd repaired damage that was not a torn write (see WAL-033).",
        next: "Keep the file. etcd-inspect wal {path}/member/wal/NAME.wal.broken lists the discarded entries.";
    REMOVES_SELF = "WAL-038", Error, "the log removes its own member",
        what: "A committed membership change removes the member whose directory this is. etcd stops with exit code 0: `the member has been permanently removed from the cluster`; the only member of a cluster panics: `removed all voters`.",
        why: "The member was removed while it was down, or its directory was swapped with that of another member.",
        next: "Do not start it. Add a new member with an empty directory: etcdctl member add";
    PAYLOAD = "WAL-039", Error, "a payload does not fit the type of its record",
        what: "The checksum is correct, but the payload cannot be parsed as the message of the record's type, or contains fields of another message. No checksum covers the type.",
        why: "A flipped bit in the type, or software other than etcd.",
        next: "Copy the directory, then proceed as for WAL-006.";
    COPIED = "WAL-040", Error, "records of another place of the log are in it",
        what: "Intact records continue each other, and are copies of records at another place. Entries among them do not count: read as part of the log, they would overwrite all entries after the place that they are from. What was written where they are is lost.",
        why: "A disk or controller that wrote a sector to a wrong place, or a block that was copied twice.",
        next: "Copy the directory, then proceed as for WAL-006.";
}
