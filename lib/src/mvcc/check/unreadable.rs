//! Records that are not in the index because they cannot be read.

use super::found::{BrokenRule, Tally};
use super::shown;
use crate::bolt::{Bucket, Item};
use crate::codes::mvcc as codes;
use crate::mvcc::key_value::user_key;
use crate::mvcc::plan::{RECORD_BYTES, bounded_items, plan};
use crate::mvcc::revision::StoredKey;
use located::reported_by;

/// Finds them leaf by leaf.
pub(super) fn scan(bucket: &Bucket<'_>, tally: &mut Tally) {
    let leaves = bucket.leaves(&mut reported_by("bbolt::check"));
    let (planned, _) = plan(&leaves, bucket.db().file().len(), RECORD_BYTES);
    for leaf in planned {
        let Some(page) = leaves.get(leaf.index) else {
            continue;
        };
        for (index, item) in bounded_items(&page, leaf.count).enumerate() {
            let Some(item) = item else {
                tally.add(&codes::OVERLAPPING, || BrokenRule {
                    code: &codes::OVERLAPPING,
                    offset: page.bytes.offset().saturating_add(16 + 16 * index as u64),
                    message: format!(
                        "element {index} of page {} extends beyond its page",
                        page.pgid
                    ),
                    seen: None,
                    key: None,
                });
                continue;
            };
            unreadable(&item, tally);
        }
    }
}

/// Why one element is not in the index; nothing if it is.
fn unreadable(item: &Item<'_>, tally: &mut Tally) {
    let at = |code, message, seen| BrokenRule {
        code,
        offset: item.offset,
        message,
        seen,
        key: None,
    };
    let stored = match StoredKey::parse(item.key) {
        Ok(stored) => stored,
        Err(shape) => {
            let seen = Some((
                item.key.escape_ascii().take(100).map(char::from).collect(),
                "8 bytes, '_', 8 bytes, perhaps 't'".to_owned(),
            ));
            let key = user_key(item.value).ok().filter(|key| !key.is_empty());
            let of = key
                .map(|key| format!(" (its record is of {})", shown(key)))
                .unwrap_or_default();
            tally.add(&codes::KEY_SHAPE, || BrokenRule {
                key: key.map(<[u8]>::to_vec),
                ..at(
                    &codes::KEY_SHAPE,
                    format!("a stored key is no revision: {shape}{of}"),
                    seen,
                )
            });
            return;
        }
    };
    if let Err(flaw) = user_key(item.value) {
        let message = format!(
            "the KeyValue of revision {} cannot be parsed, and its key is not known: {flaw}",
            stored.revision
        );
        tally.add(&codes::VALUE_UNPARSABLE, || {
            at(&codes::VALUE_UNPARSABLE, message, None)
        });
    } else if u32::try_from(stored.revision.sub).is_err() {
        let message = format!(
            "revision {} has an impossible sub-revision",
            stored.revision
        );
        tally.add(&codes::KEY_SHAPE, || at(&codes::KEY_SHAPE, message, None));
    }
}
