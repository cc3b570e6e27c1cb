//! The free list: stored by bbolt's defaults, never by etcd on Linux.
//!
//! A page with flag `0x10` and ascending `u64` ids behind its header; a count of `0xFFFF` means that the first `u64` is the
//! real count. Where it is not stored, every page below the high-water mark that no tree reaches is free: bbolt rebuilds the
//! list in that way when it opens the file. Source: bbolt `internal/common/page.go`, `db.go:freepages`.

use super::db::Db;
use super::page::{HEADER_BYTES, PageType, Pgid};
use super::walk::PageSet;
use located::Error;
use located::Sink;

const LONG_COUNT: u16 = 0xFFFF;
const ID_BYTES: usize = 8;

/// The stored free list, in stored order.
///
/// # Errors
/// [`Error::Malformed`] where the page is not a free list or its count does not fit into its pages; [`Error::Truncated`]
/// where the file ends before.
pub fn stored(db: &Db<'_>) -> Result<Option<Vec<Pgid>>, Error> {
    if !db.meta().has_freelist() {
        return Ok(None);
    }
    let page = db.page(db.meta().freelist)?;
    if page.header.page_type() != Some(PageType::Freelist) {
        let seen = format!(
            "flags are {:#x}, not those of a free list (0x10)",
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
            let seen = format!("{count} ids are claimed, {room} have room in its pages");
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

/// The free pages in ascending order: what no tree of the chosen meta reaches. A stored list is not consulted.
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
