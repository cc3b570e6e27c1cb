//! A log that ends before the compaction of its db: what the db has not any more was replaced or deleted since, and is not back.

use testkit::damage::zero;
use testkit::places::wal::Log;
use testkit::{data_dir, fixture_copy};

use crate::{hash, salvage};

#[test]
fn a_key_whose_deletion_was_compacted_is_not_back_if_the_log_ends_before_it() {
    let base = "etcd-3.5.30";
    let healthy = hash(&salvage(&data_dir(base), &[]).out, &[]);
    let log = Log::read(&data_dir(base));
    let segment = &log.segments[0];
    for part in [2, 4, 6, 8] {
        let copy = fixture_copy(base);
        let name = segment.path.file_name().unwrap();
        let wal = copy.data_dir().join("member/wal").join(name);
        let end = segment.frames[segment.frames.len() * part / 20].record;
        zero(&wal, end..segment.bytes.len());
        let backup = salvage(&copy.data_dir(), &[]);
        // The db is whole, and has everything.
        assert_eq!(hash(&backup.out, &[]), healthy, "{part}: {}", backup.stderr);
    }
}
