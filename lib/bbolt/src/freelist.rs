//! The freelist: bbolt stores it by default, etcd does not (`NoFreelistSync` in `server/mvcc/backend/config_linux.go`, v3.5.30).
//!
//! A page with flag `0x10`, whose header is followed by ascending `u64` ids. A count of `0xFFFF` means that the first `u64` is
//! the count (`freelist.go`, v1.3.11). If the freelist is not stored, every page below the high-water mark that no tree reaches
//! is free: bbolt rebuilds the list when it opens the file (freepages in `db.go`, v1.3.11).

use super::db::Db;
use super::page::{HEADER_BYTES, PageType, Pgid};
use super::walk::PageSet;
use located::Error;
use located::Sink;

const LONG_COUNT: u16 = 0xFFFF;
const ID_BYTES: usize = 8;

/// Returns the stored freelist in stored order; `None` if it is not stored.
///
/// # Errors
/// [`Error::Malformed`] if the page is not a freelist or its count does not fit into its pages; [`Error::Truncated`] if the
/// file ends before its end.
pub fn stored(db: &Db<'_>) -> Result<Option<Vec<Pgid>>, Error> {
    if !db.meta().has_freelist() {
        return Ok(None);
    }
    let page = db.page(db.meta().freelist)?;
    if page.header.page_type() != Some(PageType::Freelist) {
        let seen = format!(
            "the flags are {:#x}, those of a freelist are 0x10",
            page.header.flags
        );
        return Err(page.bytes.malformed(8, "freelist page", seen));
    }
    let (start, count) = match page.header.count {
        LONG_COUNT => (
            HEADER_BYTES + ID_BYTES,
            page.bytes.u64(HEADER_BYTES, "freelist.count")?,
        ),
        count => (HEADER_BYTES, u64::from(count)),
    };
    let room = page.bytes.len().saturating_sub(start) / ID_BYTES;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= room)
        .ok_or_else(|| {
            let seen = format!("the count is {count}, its pages have room for {room} ids");
            page.bytes.malformed(10, "freelist.count", seen)
        })?;
    let ids = page.bytes.slice(start, count * ID_BYTES, "freelist.ids")?;
    Ok(Some(
        (0..count)
            .filter_map(|i| ids.u64(i * ID_BYTES, "freelist.id").ok())
            .map(Pgid)
            .collect(),
    ))
}

/// Returns the free pages in ascending order: those that no tree of the chosen meta reaches. Ignores a stored freelist.
pub fn rebuilt(db: &Db<'_>, sink: &mut Sink<'_>) -> Vec<Pgid> {
    let mut used = PageSet::new(db.pages());
    let mut claim = |pgid: Pgid, overflow: u32| {
        let end = pgid
            .0
            .saturating_add(u64::from(overflow))
            .min(db.pages().saturating_sub(1));
        (pgid.0..=end).for_each(|id| {
            used.insert(Pgid(id));
        });
    };
    claim(Pgid(0), 1);
    if let Some(freelist) = db
        .meta()
        .has_freelist()
        .then(|| db.page(db.meta().freelist))
        .and_then(Result::ok)
    {
        claim(freelist.pgid, freelist.header.overflow);
    }
    db.root().walk(sink, &mut |visit| {
        claim(visit.page.pgid, visit.page.header.overflow)
    });
    for (_, bucket) in db.buckets(sink) {
        if bucket.inline().is_none() {
            bucket.walk(sink, &mut |visit| {
                claim(visit.page.pgid, visit.page.header.overflow)
            });
        }
    }
    (2..db.pages())
        .map(Pgid)
        .filter(|pgid| !used.contains(*pgid))
        .collect()
}
