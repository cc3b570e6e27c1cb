//! Keys of v2 clients in the v2 store of `.snap` files. They have no revision of the v3 store.

use super::{CarveOrigin, CarvedSource, Find};
use crate::member::Member;
use crate::mvcc::Revision;
use crate::recover::{Change, Put};
use crate::salvage::record::RecordSource;
use crate::snap::v2_keys;
use crate::wal::Proof;
use located::{RaftIndex, reported_by};

/// One source for each intact `.snap` file that holds keys.
pub(super) fn of_snaps<'a>(member: &'a Member) -> Vec<CarvedSource<'a>> {
    let snaps = member.snaps(&mut reported_by("snap::check"));
    let mut sources = Vec::new();
    for snap in snaps.usable() {
        let mut source = CarvedSource::new(RecordSource::new(&[], snap.place().file));
        for key in v2_keys(&snap.store_json) {
            let put = (!key.deleted).then(|| Put {
                create_revision: 0,
                version: 0,
                value: key.value.into_bytes().into(),
                lease: 0,
            });
            let change = Change {
                revision: Revision::new(0, 0),
                index: RaftIndex(0),
                key: key.path.into_bytes().into(),
                put,
            };
            // The checksum of the `.snap` file covers it.
            let find = Find::unplaced(CarveOrigin::V2Store, Proof::Checksum, false);
            source.push_change(change, find, 0);
        }
        if !source.finds.is_empty() {
            sources.push(source);
        }
    }
    sources
}
