//! The clock of revisions against the times that real API servers wrote.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use etcd_inspect::check::logged;
use etcd_inspect::clock::{Clock, ElapsedTime, Measurement, TimeSource};
use etcd_inspect::kubernetes::encryption::Keyring;
use etcd_inspect::kubernetes::measured::{MeasuredBy, Times};
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
            assert!(last <= write.position, "{name} {}", version.revision);
            assert!(
                write.not_before.is_none_or(|from| from <= write.time),
                "{write:?}"
            );
            assert!(
                write.not_after.is_none_or(|to| write.time <= to),
                "{write:?}"
            );
            last = write.position;
        }
    }
}

/// What the leases in the log say, of keys of the API server.
fn elapsed(member: &Member) -> Vec<ElapsedTime> {
    let objects = objects(member);
    let logged = logged(member, &Silent).unwrap().unwrap();
    logged.elapsed(|key| objects.layout().resource(key).is_some())
}

#[test]
fn leases_that_expired_took_as_long_as_the_api_servers_times_say() {
    for name in MEMBERS {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let (spans, clock) = (elapsed(&member), objects(&member).clock());
        assert!(spans.len() >= 4, "{name}: {spans:?}");
        let mut compared = 0;
        for span in spans {
            let (from, to) = (
                clock.time_of(span.from).unwrap(),
                clock.time_of(span.to).unwrap(),
            );
            let Some((from, to)) = from.not_before.zip(to.not_after) else {
                continue;
            };
            compared += 1;
            let longest = to.duration_since(from);
            assert!(span.at_least <= longest, "{name}: {span:?} {longest:?}");
        }
        assert!(compared >= 3, "{name}");
    }
}

#[test]
fn leases_bound_writes_of_which_nothing_else_is_known() {
    let mut narrowed = 0;
    for name in MEMBERS {
        let member = Member::open(testkit::data_dir(name)).unwrap();
        let all = measurements(&member);
        // Of all times only those of the first and the last few revisions are left.
        let ends = [
            all.iter().map(|one| one.revision).min().unwrap() + 40,
            all.iter().map(|one| one.revision).max().unwrap() - 40,
        ];
        let few = all
            .iter()
            .filter(|one| one.revision <= ends[0] || one.revision >= ends[1]);
        let poor = Clock::new(few.copied());
        let clock = poor.clone().with_elapsed(elapsed(&member));
        for one in creations(&all) {
            assert!(
                agrees(&clock, one),
                "{name}: {one:?} {:?}",
                clock.time_of(one.revision)
            );
        }
        let mut last = Timestamp::MIN;
        for revision in ends[0]..ends[1] {
            let (old, new) = (
                poor.time_of(revision).unwrap(),
                clock.time_of(revision).unwrap(),
            );
            assert!(last <= new.time, "{name} {revision}");
            assert!(
                new.uncertainty <= old.uncertainty,
                "{name} {revision}: {old:?} {new:?}"
            );
            narrowed += i32::from(new.uncertainty < old.uncertainty);
            last = new.time;
        }
    }
    assert!(narrowed > 500, "{narrowed}");
}

#[test]
fn a_revision_whose_bound_is_from_a_lease_says_so_and_a_contradiction_changes_nothing() {
    let sparse = || Clock::new([measurement(10, 1_000, true), measurement(90, 1_200, true)]);
    let span = |from, to, seconds| ElapsedTime {
        from,
        to,
        at_least: SignedDuration::from_secs(seconds),
    };
    let clock = sparse().with_elapsed(vec![span(10, 50, 60)]);
    let write = clock.time_of(50).unwrap();
    assert_eq!(write.source, TimeSource::Grant);
    assert_eq!(write.not_before.unwrap().as_second(), 1_060);
    assert_eq!(
        clock.time_of(70).unwrap().not_before.unwrap().as_second(),
        1_060
    );
    assert_eq!(clock.time_of(70).unwrap().source, TimeSource::Between);
    // 12 minutes do not fit between two writes 200 s apart.
    for wrong in [
        span(10, 90, 720),
        span(50, 10, 60),
        span(5, 7, 0),
        span(10, 50, i64::MAX),
    ] {
        assert_eq!(sparse().with_elapsed(vec![wrong]), sparse());
    }
}

#[test]
fn a_token_was_not_stored_before_it_was_issued() {
    let claims = |claims: &str| {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = format!(
            "{}.{}.{}",
            part(r#"{"alg":"RS256"}"#),
            part(claims),
            part("signed")
        );
        let secret = serde_json::json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "token"},
            "data": {"ca.crt": STANDARD.encode("-----BEGIN"), "token": STANDARD.encode(token)}});
        Times::read(secret.to_string().as_bytes()).unwrap()
    };
    let issued =
        claims(r#"{"iss":"https://kubernetes.default.svc","iat":1763687855,"exp":1763691455}"#);
    let found = issued.measured(None, true);
    let of_token = found
        .iter()
        .find(|one| one.by == MeasuredBy::Token)
        .unwrap();
    assert_eq!(
        (of_token.time.as_second(), of_token.is_fresh),
        (1_763_687_855, false)
    );
    let measured = Measurement::of_value(50, of_token);
    let around = |first, last| {
        Clock::new([
            measurement(10, first, true),
            measured,
            measurement(90, last, true),
        ])
    };
    let write = around(1_763_687_800, 1_763_687_900).time_of(50).unwrap();
    assert_eq!(write.source, TimeSource::Token);
    assert_eq!(write.not_before, Some(of_token.time));
    // An issuer whose clock is wrong changes nothing.
    assert_eq!(
        around(1_000, 1_100).time_of(50).unwrap().source,
        TimeSource::Between
    );
    // As the token controller of Kubernetes writes them.
    let legacy = claims(r#"{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:a:b"}"#);
    assert!(legacy.measured(None, true).is_empty());
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
    fn bounds_stay_in_order_whatever_the_leases_say(
        all in prop::collection::vec((0i64..60, 0i64..10_000, any::<bool>()), 0..20),
        spans in prop::collection::vec((0i64..60, 0i64..60, 0i64..20_000), 0..30),
    ) {
        let clock = Clock::new(all.iter().map(|(revision, second, fresh)| measurement(*revision, *second, *fresh)));
        let spans = spans.iter().map(|(from, to, seconds)| ElapsedTime {
            from: *from,
            to: *to,
            at_least: SignedDuration::from_secs(*seconds),
        });
        let narrow = clock.clone().with_elapsed(spans.collect());
        let mut last = Timestamp::MIN;
        for revision in 0..=60 {
            let (wide, write) = (clock.time_of(revision), narrow.time_of(revision));
            prop_assert_eq!(wide.is_some(), write.is_some());
            let (Some(wide), Some(write)) = (wide, write) else { continue };
            prop_assert!(last <= write.position, "{revision}: {write:?}");
            prop_assert!(write.not_before.zip(write.not_after).is_none_or(|(from, to)| from <= to));
            prop_assert!(wide.not_before <= write.not_before);
            prop_assert!(wide.not_after.is_none_or(|bound| write.not_after.is_some_and(|to| to <= bound)));
            last = write.position;
        }
    }

    #[test]
    fn bounds_are_in_order_whatever_the_measurements_say(
        all in prop::collection::vec((0i64..60, 0i64..100_000, any::<bool>()), 0..60)
    ) {
        let clock = Clock::new(all.iter().map(|(revision, second, fresh)| measurement(*revision, *second, *fresh)));
        let mut last = Timestamp::MIN;
        for write in (0..=60).filter_map(|revision| clock.time_of(revision)) {
            prop_assert!(last <= write.position);
            // A time of which one bound is known is that bound: it did not happen on its other side.
            prop_assert!(write.uncertainty.is_some() || Some(write.time) == write.not_before.or(write.not_after));
            prop_assert!(write.not_before.zip(write.not_after).is_none_or(|(from, to)| from <= to));
            last = write.position;
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

#[test]
fn a_time_that_contradicts_its_neighbours_is_left_out_and_named() {
    let times = [(10, 100), (11, 101), (12, 5000), (13, 102), (14, 103)];
    let all = times.map(|(revision, second)| measurement(revision, second, true));
    let (clock, left_out) = Clock::with_left_out(all);
    assert_eq!(left_out, [12]);
    let without = all.into_iter().filter(|one| one.revision != 12);
    let (expected, none_left_out) = Clock::with_left_out(without);
    assert_eq!((clock, none_left_out), (expected, Vec::new()));
}

/// Objects created one a second; from revision 4,000 on, 4,100 of them by a clock that is a day ahead.
#[test]
fn a_revision_among_times_that_contradict_all_others_has_the_same_time_as_in_the_whole_clock() {
    let mut keys = testkit::synth::mvcc::Keyspace::new();
    for number in 0..12_600i64 {
        let ahead = if (4_000..8_100).contains(&number) {
            86_400
        } else {
            0
        };
        let time = Timestamp::from_second(1_700_000_000 + number + ahead).unwrap();
        let value = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"c{number}","namespace":"shop","creationTimestamp":"{time}"}}}}"#
        );
        keys.put(
            format!("/registry/configmaps/shop/c{number}").as_bytes(),
            value.as_bytes(),
        );
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let db = testkit::synth::bolt::DbBuilder::etcd().bucket("key", keys.records());
    std::fs::write(file.path(), db.build()).unwrap();
    let member = Member::open(file.path()).unwrap();
    let objects = objects(&member);
    let clock = objects.clock();
    for revision in [100, 3_990, 6_000, 8_000, 12_000] {
        assert_eq!(
            objects.time_of(revision),
            clock.time_of(revision),
            "{revision}"
        );
    }
    let within = clock.time_of(6_000).unwrap().time.as_second();
    assert!(
        (1_700_004_000..=1_700_008_200).contains(&within),
        "{within}"
    );
}
