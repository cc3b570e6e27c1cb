//! Records that the tree of keys does not reach: an action that leaves them out never loses nothing.

use std::path::Path;

use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::verdict::{Action, Verdict, judge, preflight, quick};
use testkit::places::bolt::Db;
use testkit::places::wal::Log;
use testkit::{copy_of, data_dir};

/// What is done to a db.
type Damage<'d> = dyn Fn(&mut Db) + 'd;

/// A restore raises revisions by so much.
const RAISED: i64 = 1_000_000_000;

fn verdict(member: &Member) -> Verdict {
    let report = check(member, Depth::Default, &Silent);
    judge(member, &report, None, &Silent)
}

/// A db without its log, as a file of its own.
struct Alone {
    member: Member,
    _file: testkit::Copy,
}

fn alone(fixture: &str, change: impl FnOnce(&mut Db)) -> Alone {
    let file = copy_of(&data_dir(fixture).join("member/snap/db"));
    let mut db = Db::read(&file);
    change(&mut db);
    db.write(&file);
    Alone {
        member: Member::open(&*file).unwrap(),
        _file: file,
    }
}

fn root_of(db: &Db) -> u64 {
    db.u64(db.bucket("key").unwrap().value.start)
}

/// What every step that serves holds: action, revision, live keys, and whether it loses nothing by its row.
fn held(verdict: &Verdict) -> Vec<(Action, i64, usize, bool)> {
    let usable = verdict.plan.iter().filter(|step| step.is_usable());
    let known = usable.filter_map(|step| {
        let revision = step.outcome.revision? % RAISED;
        Some((
            step.action,
            revision,
            step.outcome.keys?,
            step.lost.is_none(),
        ))
    });
    known.collect()
}

/// No step that holds less than the intact evidence loses nothing by its row, and there is a cause.
fn tells_the_loss(what: &str, intact: (i64, usize), damaged: &Member) {
    let verdict = verdict(damaged);
    assert!(!verdict.causes.is_empty(), "{what}: no cause");
    for (action, revision, keys, loses_nothing) in held(&verdict) {
        assert!(
            !loses_nothing || (revision, keys) == intact,
            "{what}: {action} holds revision {revision} and {keys} keys of {intact:?} and loses nothing by its row"
        );
    }
    let judged = preflight(&[damaged], Action::Restore, None, &Silent);
    let restore = judged.first().unwrap();
    let is_whole = restore
        .step
        .as_ref()
        .is_some_and(|step| step.outcome.keys == Some(intact.1));
    assert!(!restore.go || is_whole, "{what}: GO");
}

fn truth(member: &Member) -> (i64, usize) {
    let held = held(&verdict(member));
    let (_, revision, keys, loses_nothing) = held[0];
    assert!(loses_nothing, "{held:?}");
    (revision, keys)
}

fn point_bucket_at(db: &mut Db, page: u64) {
    let at = db.bucket("key").unwrap().value.start;
    db.put(at, &page.to_le_bytes());
}

fn lower_count(db: &mut Db, page: u64, by: u16) {
    let at = db.at(page) + 10;
    let count = db.u16(at) - by;
    db.put(at, &count.to_le_bytes());
}

#[test]
fn a_root_that_is_a_page_below_the_real_one_is_never_lossless() {
    for fixture in ["etcd-3.4.23", "killed-3.5.16"] {
        let file = data_dir(fixture).join("member/snap/db");
        let db = Db::read(&file);
        let leaves = db.leaves("key");
        let with_log = truth(&Member::open(data_dir(fixture)).unwrap());
        let of_db = truth(&alone(fixture, |_| {}).member);
        let leaf = leaves[leaves.len() / 2];
        let db = alone(fixture, |db| point_bucket_at(db, leaf));
        tells_the_loss(&format!("{fixture}, db, {leaf}"), of_db, &db.member);
        let mut db = Db::read(&file);
        point_bucket_at(&mut db, leaf);
        let copy = copy_of(&data_dir(fixture));
        db.write(&copy.join("member/snap/db"));
        let member = Member::open(&copy).unwrap();
        tells_the_loss(&format!("{fixture}, {leaf}"), with_log, &member);
    }
}

#[test]
fn elements_that_no_header_counts_and_children_named_twice_may_have_been_anything() {
    let fixture = "etcd-3.5.30-killed";
    let intact = Db::read(&data_dir(fixture).join("member/snap/db"));
    let of_db = truth(&alone(fixture, |_| {}).member);
    let (root, leaves) = (root_of(&intact), intact.leaves("key"));
    let (middle, last) = (leaves[leaves.len() / 2], leaves[leaves.len() - 1]);
    let children = intact.children(root);
    let name = |db: &mut Db, at: usize, child: u64| {
        let element = children[at].0;
        db.put(element + 8, &child.to_le_bytes());
    };
    let count = |page| intact.u16(intact.at(page) + 10);
    let damages: [(&str, &Damage<'_>); 6] = [
        ("the root counts one less", &|db| lower_count(db, root, 1)),
        ("a leaf counts none", &|db| {
            lower_count(db, middle, count(middle))
        }),
        ("the last leaf counts one less", &|db| {
            lower_count(db, last, 1)
        }),
        ("the last leaf counts none", &|db| {
            lower_count(db, last, count(last))
        }),
        ("two children are one page", &|db| {
            name(db, 25, children[24].1)
        }),
        ("the last child is another", &|db| {
            name(db, children.len() - 1, children[25].1);
        }),
    ];
    for (what, damage) in damages {
        tells_the_loss(what, of_db, &alone(fixture, damage).member);
    }
    for fixture in ["restored-plain-3.5.30", "restored-plain-3.4.23"] {
        let copy = copy_of(&data_dir(fixture));
        let file = copy.join("member/snap/db");
        let whole = truth(&Member::open(&copy).unwrap());
        let mut db = Db::read(&file);
        let root = root_of(&db);
        lower_count(&mut db, root, 1);
        db.write(&file);
        tells_the_loss(fixture, whole, &Member::open(&copy).unwrap());
    }
}

/// Zeroes the log from its entry `last` from the end on.
fn cut_log(data: &Path, last: usize) {
    let log = Log::read(data);
    let entries = log.entries();
    let entry = &entries[entries.len() - last];
    let segment = &log.segments[entry.segment];
    let mut bytes = segment.bytes.clone();
    bytes[segment.frames[entry.frame].at..].fill(0);
    std::fs::write(&segment.path, bytes).unwrap();
}

#[test]
fn a_log_that_ends_before_its_db_takes_nothing_from_it() {
    for fixture in ["etcd-3.5.30", "v2-content-3.4.23"] {
        let copy = copy_of(&data_dir(fixture));
        let (revision, _) = truth(&Member::open(&copy).unwrap());
        cut_log(&copy, 20);
        let member = Member::open(&copy).unwrap();
        assert_eq!(
            verdict(&member).acknowledged_revision,
            Some(revision),
            "{fixture}"
        );
        for action in [Action::Restore, Action::Start] {
            let judged = preflight(&[&member], action, None, &Silent);
            let one = judged.first().unwrap();
            let step = one.step.as_ref().unwrap();
            assert!(step.lost.is_none(), "{fixture}, {action}: {:?}", step.lost);
            assert!(step.duplicated.is_zero(), "{fixture}, {action}");
            assert_eq!(one.reached, Some(revision), "{fixture}, {action}");
        }
    }
}

#[test]
fn one_voter_of_several_and_a_file_alone_do_not_show_all_that_was_acknowledged() {
    let lines = |members: &[&Member]| {
        let judged = preflight(members, Action::Restore, None, &Silent);
        let one = judged.into_iter().next().unwrap();
        let of = |code: &str| {
            let mut lines = one.lines.iter();
            lines
                .find(|line| line.code == code)
                .map(|line| line.text.clone())
        };
        (of("COMPLETE"), of("QUORUM"), of("LOG"))
    };
    let known = "everything that is known to have been acknowledged is in it";
    let members: Vec<Member> = (1..=3)
        .map(|at| Member::open(data_dir(&format!("cluster3-3.4.23/m{at}"))).unwrap())
        .collect();
    let (complete, quorum, log) = lines(&[&members[0]]);
    assert_eq!(complete.as_deref(), Some(known));
    assert!(quorum.unwrap().contains("of the 3 voters") && log.is_none());
    let (_, quorum, _) = lines(&[&members[0], &members[1]]);
    assert_eq!(quorum, None, "a majority is here");
    let (complete, quorum, log) = lines(&[&alone("etcd-3.5.30", |_| {}).member]);
    assert_eq!(complete.as_deref(), Some(known));
    assert!(quorum.is_none() && log.is_some());
    let (complete, quorum, log) = lines(&[&Member::open(data_dir("etcd-3.5.30")).unwrap()]);
    assert_eq!(
        complete.as_deref(),
        Some("everything that was acknowledged is in it")
    );
    assert!(quorum.is_none() && log.is_none());
}

/// What only newer releases of a minor version refuse is not claimed of all of them.
#[test]
fn a_page_that_only_newer_releases_refuse_is_that_of_the_newest() {
    let copy = copy_of(&data_dir("v2-content-3.4.23"));
    let file = copy.join("member/snap/db");
    let mut db = Db::read(&file);
    let (from, to) = (db.at(3), db.at(4));
    let page = db.bytes[from..to].to_vec();
    db.put(to, &page);
    db.write(&file);
    let start = quick(&Member::open(&copy).unwrap(), true, &Silent)
        .start
        .unwrap();
    assert_eq!(start.starts, None, "{}", start.sentence());
    assert!(
        start.sentence().contains("older ones may"),
        "{}",
        start.sentence()
    );
}

/// The db has applied a ConfChange of which the log has nothing any more.
#[test]
fn members_that_the_db_knows_to_be_removed_are_not_asked() {
    let copy = copy_of(&data_dir("force-new-cluster-3.5.30"));
    let log = Log::read(&copy);
    let segment = &log.segments[0];
    let mut bytes = segment.bytes.clone();
    bytes[14_336..14_336 + 4096].fill(0);
    std::fs::write(&segment.path, bytes).unwrap();
    let member = Member::open(&copy).unwrap();
    let verdict = verdict(&member);
    assert!(verdict.step(Action::Rejoin).is_none(), "{:?}", verdict.plan);
    let first = &verdict.plan[0];
    assert_eq!(
        (first.action, first.lost.is_none()),
        (Action::Restore, true)
    );
    let start = verdict.step(Action::Start).unwrap();
    assert_eq!(start.outcome.starts, Some(false), "{}", start.effect);
    let start = quick(&member, true, &Silent).start.unwrap();
    assert_eq!(start.starts, Some(false), "{}", start.sentence());
}
