//! Both metas, the page size, and the length of the file.

use crate::codes;
use crate::db::Db;
use crate::meta::Meta;
use crate::page::{PageType, Pgid};
use located::Bytes;
use located::Place;
use located::{Finding, Sink};

/// Number of bytes by which bbolt grows a file beyond the high-water mark: DefaultAllocSize in db.go, v1.3.11.
const GROWTH_BYTES: u64 = 16 << 20;
/// Length of the SHA-256 after the pages of a backup: `etcdctl snapshot save`.
const TRAILER_BYTES: u64 = 32;

/// Checks everything that needs no walk down a tree: BOLT-001 to 008 and 022.
pub fn metas(file: Bytes<'_>, db: &Db<'_>, sink: &mut Sink<'_>) {
    for (slot, meta) in db.metas().iter().enumerate() {
        let at = (slot as u64).saturating_mul(db.page_size());
        one_meta(
            Place::at(file.file(), at).on_page(slot as u64),
            meta.as_ref(),
            db,
            sink,
        );
    }
    txids(&file, db, sink);
    length(&file, db, sink);
    for (what, pgid) in [("root", db.meta().root), ("freelist", db.meta().freelist)] {
        let absent = what == "freelist" && !db.meta().has_freelist();
        if !absent && (pgid.0 < 2 || pgid >= db.meta().high_water_mark) {
            let message = format!(
                "the {what} of meta {} is page {pgid}, which is out of range",
                db.meta().slot
            );
            let place = Place::at(file.file(), u64::from(db.meta().slot) * db.page_size());
            sink(
                Finding::new(&codes::PAGE_OUT_OF_RANGE, place, message).seen(
                    pgid.to_string(),
                    format!("2–{}", db.meta().high_water_mark.0.saturating_sub(1)),
                ),
            );
        }
    }
}

fn one_meta(place: Place, meta: Option<&Meta>, db: &Db<'_>, sink: &mut Sink<'_>) {
    let Some(meta) = meta else {
        return sink(Finding::new(
            &codes::META_INVALID,
            place,
            "the file ends before meta page 1",
        ));
    };
    if let Err(invalid) = meta.validate() {
        let message = format!(
            "meta {} is invalid ({invalid}); bbolt uses meta {}",
            meta.slot,
            db.meta().slot
        );
        let expected = format!("{:#018x}", meta.computed_checksum);
        return sink(
            Finding::new(&codes::META_INVALID, place, message)
                .seen(format!("{:#018x}", meta.checksum), expected),
        );
    }
    if u64::from(meta.page_size) != db.page_size() {
        let message = format!(
            "the page size of meta {} differs from that of the file",
            meta.slot
        );
        sink(
            Finding::new(&codes::PAGE_SIZE, place.clone(), message)
                .seen(meta.page_size.to_string(), db.page_size().to_string()),
        );
    }
    let header = meta.header;
    if header.id != Pgid(u64::from(meta.slot)) || header.page_type() != Some(PageType::Meta) {
        let message = format!("page {} does not have the header of a meta page", meta.slot);
        let seen = format!("id {} flags {:#x}", header.id, header.flags);
        let expected = format!("id {} flags 0x4", meta.slot);
        sink(Finding::new(&codes::META_PAGE, place.clone(), message).seen(seen, expected));
    }
    if misplaced(meta) && !from_snapshot(db) {
        let message = format!(
            "the meta with txid {} is on page {}, bbolt writes it to the other meta page",
            meta.txid, meta.slot
        );
        sink(Finding::new(&codes::META_PAGE, place, message));
    }
}

/// Returns whether a meta is on the wrong page: bbolt writes txid N to page N mod 2 (write in db.go, v1.3.11).
fn misplaced(meta: &Meta) -> bool {
    meta.txid.0 % 2 != u64::from(meta.slot)
}

/// Returns whether the metas are those of a backup, or of a restored backup after its first commit.
///
/// Tx.WriteTo (tx.go, v1.3.11) writes txid N to page 0 and N-1 to page 1, whatever their parity. The first commit after a
/// restore replaces page 0 by N+1.
fn from_snapshot(db: &Db<'_>) -> bool {
    let [Some(first), Some(second)] = db.metas() else {
        return false;
    };
    let image = first.root == second.root && first.txid.0 == second.txid.0.wrapping_add(1);
    let once_written = misplaced(second) && first.txid.0 == second.txid.0.wrapping_add(2);
    image || once_written
}

fn txids(file: &Bytes<'_>, db: &Db<'_>, sink: &mut Sink<'_>) {
    let place = Place::file(file.file());
    let valid: Vec<&Meta> = db
        .metas()
        .iter()
        .flatten()
        .filter(|meta| meta.validate().is_ok())
        .collect();
    let grown =
        (file.len() as u64) > 4 * db.page_size() + GROWTH_BYTES + db.page_size() + TRAILER_BYTES;
    match valid.as_slice() {
        // A defragmentation writes a new file, whose metas are those of an empty db until its second commit.
        [one] if one.is_initial() && (grown || later_pages_are_used(db)) => {
            let message =
                "the only valid meta describes a new, empty db, but the file contains more pages";
            sink(Finding::new(
                &codes::META_INITIAL,
                place.on_page(u64::from(one.slot)),
                message,
            ));
        }
        [a, b] if a.txid.0.abs_diff(b.txid.0) != 1 && !from_snapshot(db) => {
            let message = format!("the metas have txids {} and {}", a.txid, b.txid);
            let expected = "txids that differ by 1";
            sink(
                Finding::new(&codes::META_TXIDS, place, message)
                    .seen(format!("{} apart", a.txid.0.abs_diff(b.txid.0)), expected),
            );
        }
        _ => {}
    }
}

/// Returns whether a page after the four pages of a new file has its own id and a known type.
fn later_pages_are_used(db: &Db<'_>) -> bool {
    (4..db.file_pages().min(64)).map(Pgid).any(|pgid| {
        db.page(pgid)
            .is_ok_and(|page| page.header.id == pgid && page.header.page_type().is_some())
    })
}

fn length(file: &Bytes<'_>, db: &Db<'_>, sink: &mut Sink<'_>) {
    let have = file.len() as u64;
    let want = db.meta().size_bytes();
    let place = Place::at(file.file(), have);
    // bbolt maps the whole file without comparing it with the high-water mark: etcd dies with SIGBUS when it reads a page
    // beyond the end (etcd#13406, etcd#16222).
    if have < want {
        let missing = (want - have).div_ceil(db.page_size());
        let message = format!(
            "{missing} {} of meta {} {} beyond the end of the file",
            if missing == 1 { "page" } else { "pages" },
            db.meta().slot,
            if missing == 1 { "is" } else { "are" }
        );
        let seen = format!("{have} bytes");
        return sink(
            Finding::new(&codes::FILE_SHORT, place, message)
                .seen(seen, format!("at least {want} bytes"))
                .count(missing),
        );
    }
    let tail = have - want;
    if tail > GROWTH_BYTES + 2 * db.page_size() {
        let message = "more bytes follow the high-water mark than bbolt allocates in advance";
        let seen = format!("{tail} bytes");
        sink(
            Finding::new(&codes::LONG_TAIL, Place::at(file.file(), want), message).seen(
                seen,
                format!("at most {} bytes", GROWTH_BYTES + db.page_size()),
            ),
        );
    }
}
