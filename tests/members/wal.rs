//! The raft log: indexes, terms, snapshots, ids.

use crate::each;

#[test]
fn the_log_reaches_from_the_first_to_the_last_index() {
    each(|expected, member| {
        let wal = member.wal().unwrap();
        let first = wal.log().first().map_or(0, |entry| entry.index.get());
        assert_eq!(
            Some(first),
            expected.number("wal_first_index"),
            "{}",
            expected.name
        );
        assert_eq!(
            Some(wal.log().last_index().get()),
            expected.number("wal_last_index"),
            "{}",
            expected.name
        );
        let commit = wal.log().hard_state().unwrap().commit;
        assert_eq!(
            Some(commit.get()),
            expected.number("wal_commit"),
            "{}",
            expected.name
        );
    });
}

#[test]
fn terms_begin_where_they_began() {
    each(|expected, member| {
        let terms: Vec<(u64, u64)> = member
            .wal()
            .unwrap()
            .log()
            .terms()
            .iter()
            .filter_map(|term| Some((term.term.get(), term.first_index?.get())))
            .collect();
        assert_eq!(terms, expected.terms(), "{}", expected.name);
    });
}
