//! The clock of revisions against the times that real API servers wrote.

use etcd_inspect::clock::{Clock, Measurement, TimeSource};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::member::{Member, Objects};
use etcd_inspect::progress::Silent;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const MEMBERS: [&str; 4] = [
    "k8s-1.20-etcd35",
    "k8s-1.20-cluster3/m1",
    "k8s-1.20-cluster3/m2",
    "k8s-1.20-cluster3/m3",
];

fn objects(member: &Member) -> Objects<'_> {
    let keyspace = member.readable_keyspace().unwrap();
    let (name, limits) = (
        member.db_file().unwrap().name(),
        &member.options().evidence.limits,
    );
    Objects::new(keyspace, name, None, Keyring::default(), limits)
}

fn measurements(member: &Member) -> Vec<Measurement> {
    objects(member).measurements(&[0..=i64::MAX], &Silent)
}

/// The creations that the API server dated: revision and the second in which it did.
fn creations(all: &[Measurement]) -> Vec<&Measurement> {
    let is_creation = |one: &&Measurement| {
        one.delay.is_some() && matches!(one.source, TimeSource::Object | TimeSource::Event)
    };
    all.iter().filter(is_creation).collect()
}

/// Whether the second in which `one` was taken fits the time of its revision and its uncertainty. Both may be unknown only before the
/// first and after the last known moment.
fn agrees(clock: &Clock, one: &Measurement) -> bool {
    let write = clock.time_of(one.revision).unwrap();
    let Some(within) = write.uncertainty else {
        return write.not_before.is_none() || write.not_after.is_none();
    };
    let last = one.time.checked_add(one.precision).unwrap();
    write.time.checked_sub(within).unwrap() <= last
        && one.time <= write.time.checked_add(within).unwrap()
}

#[test]
fn every_revision_agrees_with_the_times_of_the_api_server() {
    for name in MEMBERS {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let (all, clock) = (measurements(&member), objects(&member).clock());
        let dated = creations(&all);
        assert!(dated.len() > 700, "{name}: {}", dated.len());
        for one in dated {
            assert!(
                agrees(&clock, one),
                "{name}: {one:?} {:?}",
                clock.time_of(one.revision)
            );
        }
    }
}

#[test]
fn leases_alone_bound_the_creations_that_they_do_not_know() {
    for name in MEMBERS {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let all = measurements(&member);
        let leases = all.iter().filter(|one| one.source == TimeSource::Lease);
        let clock = Clock::new(leases.copied());
        let wrong: Vec<_> = creations(&all)
            .into_iter()
            .filter(|one| !agrees(&clock, one))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
}

#[test]
fn a_revision_near_the_question_has_the_same_time_as_in_the_whole_clock() {
    let member = Member::open(testkit::data_dir("k8s-1.20-etcd35")).unwrap();
    let objects = objects(&member);
    let clock = objects.clock();
    for revision in (2..4_271).step_by(97) {
        assert_eq!(
            objects.time_of(revision),
            clock.time_of(revision),
            "{revision}"
        );
    }
}

#[test]
fn an_old_time_in_an_object_does_not_date_its_write() {
    // deploy/api of team-b, revision 1,627: its managed fields say 01:17:36, the Leases around it 01:17:49.
    let member = Member::open(testkit::data_dir("k8s-1.20-etcd35")).unwrap();
    let write = objects(&member).time_of(1_627).unwrap();
    let early: Timestamp = "2026-11-21T01:17:49Z".parse().unwrap();
    assert!(write.not_before >= Some(early), "{write:?}");
    assert_eq!(write.source, TimeSource::Between);
    assert!(
        write.uncertainty < Some(SignedDuration::from_secs(2)),
        "{write:?}"
    );
}

#[test]
fn times_never_go_back_and_are_within_their_bounds() {
    for name in MEMBERS {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let (objects, clock) = (objects(&member), objects(&member).clock());
        let mut last = Timestamp::MIN;
        for version in objects.keyspace().between(0..=i64::MAX) {
            let write = clock.time_of(version.revision.main).unwrap();
            assert!(last <= write.time, "{name} {}", version.revision);
            assert!(
                write.not_before.is_none_or(|from| from <= write.time),
                "{write:?}"
            );
            assert!(
                write.not_after.is_none_or(|to| write.time <= to),
                "{write:?}"
            );
            last = write.time;
        }
    }
}

fn measurement(revision: i64, second: i64, is_fresh: bool) -> Measurement {
    Measurement {
        revision,
        time: Timestamp::from_second(second).unwrap(),
        precision: SignedDuration::from_secs(1),
        delay: is_fresh.then_some(Measurement::USUAL_DELAY),
        source: TimeSource::Object,
    }
}

proptest! {
    #[test]
    fn bounds_are_in_order_whatever_the_measurements_say(
        all in prop::collection::vec((0i64..60, 0i64..100_000, any::<bool>()), 0..60)
    ) {
        let clock = Clock::new(all.iter().map(|(revision, second, fresh)| measurement(*revision, *second, *fresh)));
        let mut last = Timestamp::MIN;
        for write in (0..=60).filter_map(|revision| clock.time_of(revision)) {
            prop_assert!(last <= write.time);
            prop_assert!(write.not_before.zip(write.not_after).is_none_or(|(from, to)| from <= to));
            last = write.time;
        }
    }

    #[test]
    fn one_wrong_time_moves_no_other_revision(at in 3usize..47, ahead in 60i64..10_000_000, is_fresh: bool) {
        // One write a minute, and between them writes without a time.
        let sound: Vec<Measurement> = (0..50).map(|n| measurement(n * 10, 1_000_000 + n * 60, true)).collect();
        let mut wrong = sound.clone();
        let one = &mut wrong[at];
        *one = measurement(one.revision, one.time.as_second() + ahead, is_fresh);
        let (sound, clock) = (Clock::new(sound), Clock::new(wrong));
        for revision in 0..490i64 {
            let (wanted, got) = (sound.time_of(revision).unwrap(), clock.time_of(revision).unwrap());
            // Beside the wrong one, the bounds are those of its neighbours.
            let far = got.time.duration_since(wanted.time).abs();
            prop_assert!(far <= SignedDuration::from_secs(62), "{revision}: {wanted:?} {got:?}");
            prop_assert!(got.not_before <= wanted.not_before || far.is_zero());
        }
    }

    #[test]
    fn the_revision_at_a_time_is_the_last_whose_time_is_not_later(second in 999_900i64..1_004_000) {
        let clock = Clock::new((1..50).map(|n| measurement(n * 10, 1_000_000 + n * 60, true)));
        let time = Timestamp::from_second(second).unwrap();
        let wanted = (1..=495).rev().find(|revision| clock.time_of(*revision).unwrap().time <= time);
        let found = clock.at(time, 495).map(|found| found.revision);
        // Before the first revision with a time nothing is known to be earlier.
        prop_assert_eq!(found.filter(|found| *found >= 10), wanted.filter(|wanted| *wanted >= 10));
    }
}
