//! Which finding explains which others: one table.
//!
//! Codes that are earlier in the table are nearer to the cause. A finding is explained by the first finding of an earlier row
//! whose `explains` names its code, if both are about what the row's reach says.

use crate::codes::{Code, backend, bolt, cross, dir, mvcc, snap, wal};

/// How far from a cause its consequences may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CauseScope {
    /// In the same file.
    File,
    /// Anywhere in the member's files.
    Member,
}

/// One row: a cause, and the codes of what follows from it.
pub(super) struct Explanation {
    pub(super) cause: &'static Code,
    pub(super) explains: &'static [&'static [&'static Code]],
    pub(super) reach: CauseScope,
}

const fn row(
    cause: &'static Code,
    explains: &'static [&'static [&'static Code]],
    reach: CauseScope,
) -> Explanation {
    Explanation {
        cause,
        explains,
        reach,
    }
}

/// What the log knows better than a damaged store.
static STORE_AGAINST_LOG: [&Code; 10] = [
    &cross::DIFFERS,
    &cross::MISSING,
    &cross::UNEXPLAINED,
    &cross::SKIPPED,
    &cross::TWICE,
    &cross::DISAGREE,
    &cross::OLD_VALUE,
    &cross::LEASES_DIFFER,
    &cross::VERSION_DIFFERS,
    &cross::FOREIGN_DB,
];

/// Where db, log and `.snap` files end against each other.
static ENDS: [&Code; 8] = [
    &cross::INDEX_AHEAD,
    &cross::INDEX_ABOVE_COMMIT,
    &cross::TERM,
    &cross::SNAP_AHEAD,
    &cross::SNAP_DB_INDEX,
    &cross::NOT_A_MEMBER,
    &cross::MEMBERS_DIFFER,
    &cross::NO_TRAILER,
];

/// What a log that cannot be read to its end looks like elsewhere.
static AFTER_LOG_DAMAGE: [&Code; 10] = [
    &dir::BROKEN_FILES,
    &dir::TEMPORARY_FILES,
    &dir::WAL_SIZE,
    &dir::EMPTY_FILE,
    &snap::SNAP_FILE_MISSING,
    &snap::SNAP_ORPHAN,
    &snap::SNAP_CONF_STATE,
    &cross::SNAP_ORDER,
    &cross::REMOVED,
    &backend::META_CONF_STATE_DIFFERS,
];

/// What a start from another point than expected shows.
static SNAP_CONSEQUENCES: [&Code; 6] = [
    &snap::SNAP_ORPHAN,
    &snap::SNAP_FILE_MISSING,
    &snap::SNAP_CONF_STATE,
    &snap::SNAP_MEMBERSHIP,
    &cross::SNAP_AHEAD,
    &cross::SNAP_ORDER,
];

/// Key ranges, leases and members that a db with another content than its log must differ in.
static FOREIGN: [&Code; 12] = [
    &backend::META_NO_INDEX,
    &backend::META_CONF_STATE_DIFFERS,
    &backend::META_COMPACTION,
    &backend::META_CONF_STATE,
    &backend::MEMBER_SHARED,
    &backend::AUTH_NAMES,
    &backend::AUTH_REVISION,
    &backend::LEASE_UNKNOWN,
    &backend::LEASE_IDLE,
    &backend::ALARM_FOREIGN,
    &mvcc::NOT_COMPACTED,
    &wal::PROPOSER,
];

/// Everything that is read from the pages of a db.
static IN_DB: &[&[&Code]] = &[
    bolt::ALL,
    mvcc::ALL,
    backend::ALL,
    &STORE_AGAINST_LOG,
    &ENDS,
];
/// What a log without some of its entries knows less of. Not [`cross::DIFFERS`]: the entry with which a record was compared is intact,
/// and no fault elsewhere in the log makes the record another one.
static WITHOUT_ENTRIES: &[&Code] = STORE_AGAINST_LOG.split_at(1).1;
static IN_LOG: &[&[&Code]] = &[
    wal::ALL,
    WITHOUT_ENTRIES,
    &ENDS,
    &AFTER_LOG_DAMAGE,
    &FOREIGN,
];
static IN_RECORDS: &[&[&Code]] = &[mvcc::ALL, &STORE_AGAINST_LOG, &FOREIGN];
static OF_TWO_HISTORIES: &[&[&Code]] = &[
    &STORE_AGAINST_LOG,
    &ENDS,
    &FOREIGN,
    &SNAP_CONSEQUENCES,
    &AFTER_LOG_DAMAGE,
    mvcc::ALL,
];
static OF_FOREIGN_SNAPS: &[&[&Code]] = &[&[&cross::SNAP_AFTER_END], &SNAP_CONSEQUENCES, &ENDS];
static OF_SNAPS: &[&[&Code]] = &[&SNAP_CONSEQUENCES, &ENDS, &AFTER_LOG_DAMAGE];

/// The table, nearest to the cause first.
pub(super) static TABLE: &[Explanation] = &[
    // What could not be read explains everything that then cannot be seen.
    row(&dir::UNREADABLE, IN_DB, CauseScope::Member),
    row(&dir::UNREADABLE, IN_LOG, CauseScope::Member),
    row(&dir::UNREADABLE_RANGE, IN_DB, CauseScope::Member),
    row(&dir::UNREADABLE_RANGE, IN_LOG, CauseScope::Member),
    row(&dir::HOLE_IN_DB, IN_DB, CauseScope::Member),
    row(&dir::HOLE_IN_LOG, IN_LOG, CauseScope::Member),
    row(&dir::SHRANK, IN_DB, CauseScope::Member),
    row(&dir::ARCHIVE_DAMAGED, IN_DB, CauseScope::Member),
    row(&dir::ARCHIVE_DAMAGED, IN_LOG, CauseScope::Member),
    row(&dir::ARCHIVE_ENCRYPTED, IN_DB, CauseScope::Member),
    row(&dir::ARCHIVE_ENCRYPTED, IN_LOG, CauseScope::Member),
    // Files that are not there.
    row(
        &dir::WAL_MISSING,
        &[&ENDS, &AFTER_LOG_DAMAGE],
        CauseScope::Member,
    ),
    row(
        &dir::DB_MISSING,
        &[&ENDS, &AFTER_LOG_DAMAGE],
        CauseScope::Member,
    ),
    row(&dir::DB_MISSING, &[bolt::ALL], CauseScope::Member),
    // An empty file is a file without metas or records.
    row(&wal::LAST_EMPTY, IN_LOG, CauseScope::Member),
    row(&bolt::METAS_INVALID, IN_DB, CauseScope::Member),
    row(
        &bolt::METAS_INVALID,
        &[&[&dir::EMPTY_FILE]],
        CauseScope::Member,
    ),
    row(&bolt::PAGE_SIZE, IN_DB, CauseScope::Member),
    row(&bolt::FILE_SHORT, IN_DB, CauseScope::Member),
    row(&bolt::TORN_COPY, IN_DB, CauseScope::Member),
    row(&bolt::META_INITIAL, IN_DB, CauseScope::Member),
    // Nothing was ever in it, or everything of a newer time is gone.
    row(
        &backend::NEVER_USED,
        &[backend::ALL, bolt::ALL, dir::ALL, &ENDS],
        CauseScope::Member,
    ),
    row(&cross::SNAP_FOREIGN, OF_FOREIGN_SNAPS, CauseScope::Member),
    row(&cross::SNAP_AFTER_END, OF_TWO_HISTORIES, CauseScope::Member),
    // A copy of two histories differs in everything that is compared.
    row(&cross::FOREIGN_DB, OF_TWO_HISTORIES, CauseScope::Member),
    row(&cross::DISAGREE, OF_TWO_HISTORIES, CauseScope::Member),
    row(&cross::NOT_A_MEMBER, OF_TWO_HISTORIES, CauseScope::Member),
    // Pages: what names a page explains what is read through it.
    row(&bolt::PAGE_ID, IN_DB, CauseScope::Member),
    row(&bolt::PAGE_TYPE, IN_DB, CauseScope::Member),
    row(&bolt::OVERFLOW, IN_DB, CauseScope::Member),
    row(&bolt::PAGE_OUT_OF_RANGE, IN_DB, CauseScope::Member),
    row(&bolt::PAGE_SHARED, IN_DB, CauseScope::Member),
    row(&bolt::TREE_DEPTH, IN_DB, CauseScope::Member),
    row(&bolt::INLINE, IN_DB, CauseScope::Member),
    row(&bolt::ELEMENT, IN_DB, CauseScope::Member),
    row(&mvcc::OVERLAPPING, IN_DB, CauseScope::Member),
    row(&bolt::PAGE_PADDING, IN_DB, CauseScope::Member),
    row(&bolt::KEY_ORDER, IN_DB, CauseScope::Member),
    row(&bolt::KEY_RANGE, IN_DB, CauseScope::Member),
    row(&bolt::META_INVALID, &[bolt::ALL, &ENDS], CauseScope::Member),
    row(&bolt::FREE_IN_USE, &[bolt::ALL], CauseScope::File),
    row(&bolt::FREELIST, &[bolt::ALL], CauseScope::File),
    row(
        &bolt::FOREIGN_BUCKET,
        &[backend::ALL, bolt::ALL],
        CauseScope::File,
    ),
    row(&backend::BUCKET_MISSING, IN_RECORDS, CauseScope::Member),
    row(
        &backend::BUCKET_MISSING,
        &[backend::ALL, bolt::ALL, &ENDS],
        CauseScope::Member,
    ),
    // The log: a stop explains everything after it.
    row(&wal::SEQUENCE, IN_LOG, CauseScope::Member),
    row(&wal::METADATA, IN_LOG, CauseScope::Member),
    row(&wal::HEAD, IN_LOG, CauseScope::Member),
    row(&wal::CUT_INSIDE, IN_LOG, CauseScope::Member),
    row(&wal::LENGTH_ZERO, IN_LOG, CauseScope::Member),
    row(&wal::REPAIR_DROPS, IN_LOG, CauseScope::Member),
    row(&wal::CRC, IN_LOG, CauseScope::Member),
    row(&wal::RECORD_TYPE, IN_LOG, CauseScope::Member),
    row(&wal::PAYLOAD, IN_LOG, CauseScope::Member),
    row(&wal::COPIED, IN_LOG, CauseScope::Member),
    row(&wal::UNDECODABLE, IN_LOG, CauseScope::Member),
    row(&wal::INDEX_GAP, IN_LOG, CauseScope::Member),
    row(&wal::TORN, IN_LOG, CauseScope::Member),
    row(&wal::CUT, IN_LOG, CauseScope::Member),
    row(&wal::LENGTH_BITS, IN_LOG, CauseScope::Member),
    row(&wal::CHAIN, IN_LOG, CauseScope::Member),
    row(&wal::FIRST_SEGMENT, IN_LOG, CauseScope::Member),
    row(&wal::COMMIT_RANGE, IN_LOG, CauseScope::Member),
    row(&wal::OVERWRITE_COMMITTED, IN_LOG, CauseScope::Member),
    row(&wal::OVERWRITE_TERM, IN_LOG, CauseScope::Member),
    row(&wal::TERM_BACK, IN_LOG, CauseScope::Member),
    // Snapshots.
    row(&snap::SNAP_UNREADABLE, OF_SNAPS, CauseScope::Member),
    row(&snap::SNAP_NAME, OF_SNAPS, CauseScope::Member),
    row(&snap::SNAP_NO_VOTERS, OF_SNAPS, CauseScope::Member),
    row(&snap::SNAP_STORE, OF_SNAPS, CauseScope::Member),
    row(&snap::SNAP_MEMBERSHIP, OF_SNAPS, CauseScope::Member),
    row(
        &cross::SNAP_AHEAD,
        &[&ENDS, &AFTER_LOG_DAMAGE, &FOREIGN],
        CauseScope::Member,
    ),
    row(
        &cross::SNAP_AHEAD,
        &[&STORE_AGAINST_LOG],
        CauseScope::Member,
    ),
    // Counters of the db against the log.
    row(
        &cross::TWICE,
        &[&STORE_AGAINST_LOG, &ENDS, backend::ALL],
        CauseScope::Member,
    ),
    row(
        &backend::META_NO_INDEX,
        &[&STORE_AGAINST_LOG, &ENDS],
        CauseScope::Member,
    ),
    row(
        &cross::SKIPPED,
        &[&STORE_AGAINST_LOG, &ENDS],
        CauseScope::Member,
    ),
    row(
        &cross::INDEX_AHEAD,
        &[&ENDS, &STORE_AGAINST_LOG, &AFTER_LOG_DAMAGE],
        CauseScope::Member,
    ),
    row(&backend::META_COMPACTION, IN_RECORDS, CauseScope::Member),
    row(
        &backend::META_LENGTH,
        &[backend::ALL, &ENDS],
        CauseScope::Member,
    ),
    // Records.
    row(&mvcc::KEY_SHAPE, IN_RECORDS, CauseScope::Member),
    row(&mvcc::VALUE_UNPARSABLE, IN_RECORDS, CauseScope::Member),
    row(&mvcc::DUPLICATE, IN_RECORDS, CauseScope::Member),
    row(&mvcc::PUT_FIELDS, IN_RECORDS, CauseScope::Member),
    row(&cross::MISSING, IN_RECORDS, CauseScope::Member),
    row(&mvcc::MAIN_GAP, IN_RECORDS, CauseScope::Member),
    row(&cross::DIFFERS, IN_RECORDS, CauseScope::Member),
    row(&cross::OLD_VALUE, IN_RECORDS, CauseScope::Member),
    row(&mvcc::CREATION_MISSING, IN_RECORDS, CauseScope::Member),
    row(&mvcc::CHAIN, IN_RECORDS, CauseScope::Member),
    row(
        &backend::LEASE_SHAPE,
        &[&STORE_AGAINST_LOG, &FOREIGN],
        CauseScope::Member,
    ),
    row(
        &backend::LEASE_UNKNOWN,
        &[&STORE_AGAINST_LOG],
        CauseScope::Member,
    ),
    row(&backend::AUTH_UNREADABLE, &[&FOREIGN], CauseScope::Member),
    row(&backend::MEMBER_KEY, &[&ENDS, &FOREIGN], CauseScope::Member),
    row(
        &backend::MEMBER_UNREADABLE,
        &[&ENDS, &FOREIGN],
        CauseScope::Member,
    ),
    row(&cross::VERSION_DIFFERS, &[&FOREIGN], CauseScope::Member),
];
