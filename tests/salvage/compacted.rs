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

/// At the compaction itself the tree is complete: a key without a record in it is deleted, whatever free pages still have of it.
#[test]
fn records_of_no_tree_bring_nothing_back_at_the_compaction_itself() {
    for fixture in ["etcd-3.5.30-killed", "etcd-3.4.23-killed"] {
        let db = testkit::data_dir(fixture).join("member/snap/db");
        let newest = crate::salvage(&db, &[]);
        let at = newest.number("compact_revision").to_string();
        let plain = crate::salvage(&db, &["--rev", &at]);
        let carved = crate::salvage(&db, &["--rev", &at, "--include", "carved"]);
        assert!(plain.number("keys") > 0, "{fixture}: {}", plain.json);
        assert_eq!(carved.json["keys"], plain.json["keys"], "{fixture}");
        assert_eq!(carved.json["records"]["carved"], 0, "{fixture}");
    }
}
