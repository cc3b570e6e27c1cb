//! `--replay` shows what etcd serves after a start, to the revision: where etcd cuts its log off, the replay ends.

use etcd_inspect::RaftIndex;
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::start::{Ending, StartMode, simulate_start, state_after_start};
use testkit::damage::{overwrite, zero};
use testkit::places::wal::Log;

/// What etcd 3.5.30 serves of the fixture, and what of it damaged as asked.
fn revision_after(
    damage: impl Fn(&Log),
) -> (i64, Option<RaftIndex>, Option<(RaftIndex, RaftIndex)>) {
    let copy = testkit::fixture_copy("lagging-3.5.30");
    damage(&Log::read(&copy.data_dir()));
    let member = Member::open(copy.data_dir()).unwrap();
    let outcome = simulate_start(&member, StartMode::AsItIs, "3.5.30".parse().ok(), &Silent);
    assert_eq!(outcome.ending, Ending::Serves);
    let replayed = state_after_start(&member, None, &Silent).unwrap();
    let served = outcome.revision.unwrap();
    assert_eq!(replayed.keyspace().revision(), served);
    assert_eq!(Some(replayed.keyspace().live_count()), outcome.keys);
    let erased = outcome.erased.map(|erased| {
        if let Some(revisions) = &erased.revisions {
            assert_eq!((*revisions.start(), *revisions.end()), (served + 1, 421));
        }
        (erased.first_index, erased.last_index)
    });
    (served, outcome.last_index, erased)
}

#[test]
fn a_healthy_log_is_replayed_to_its_end() {
    let (revision, _, erased) = revision_after(|_| {});
    assert_eq!((revision, erased), (421, None));
}

/// Real etcd 3.5.30 starts at revision 321: a field passes the end of the shortened record, which gogo calls an unexpected EOF,
/// and etcd a torn write.
#[test]
fn a_lowered_length_word_cuts_acknowledged_entries_off() {
    let (revision, last, erased) = revision_after(|log| {
        overwrite(&log.segments[0].path, 42_928, &[0xc0]);
    });
    assert_eq!(revision, 321);
    assert_eq!(erased.unwrap().0, last.unwrap() + 1);
}

#[test]
fn a_zeroed_length_word_ends_the_replay_where_etcd_stops_reading() {
    let index = std::cell::Cell::new(0);
    let (_, last, erased) = revision_after(|log| {
        let entries = log.entries();
        let entry = &entries[entries.len() - 60];
        let segment = &log.segments[entry.segment];
        let at = segment.frames[entry.frame].at;
        zero(&segment.path, at..at + 8);
        index.set(entry.index);
    });
    assert_eq!(last, Some(RaftIndex(index.get() - 1)));
    assert_eq!(erased.unwrap().0, index.get());
}
