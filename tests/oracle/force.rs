//! Runs a real etcd with `--force-new-cluster` on copies of clusters: what `preflight --for force-new-cluster` predicted for each
//! copy must happen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect::recover::replay_to_the_end;
use etcd_inspect::verdict::{Action, Judged, preflight};
use serde_json::Value;
use testkit::etcd::{Binaries, NotServing, Server};
use testkit::{copy_of, data_dir};

/// What an etcd that was started with `--force-new-cluster` reports.
struct Forced {
    revision: i64,
    /// Each live key with its mod_revision.
    keys: BTreeMap<Vec<u8>, i64>,
    members: Vec<u64>,
    /// Entries it dropped, and the commit index that it kept, where it dropped any.
    discarded: Option<(u64, u64)>,
}

fn force(binaries: &Binaries, path: &Path) -> Result<Forced, NotServing> {
    let copy = copy_of(path);
    let flags = ["--force-new-cluster"];
    let server = Server::start(binaries, &copy, &flags, Duration::from_secs(60))?;
    let said = server.json(&["get", "", "--prefix", "--keys-only"]);
    let keys = said["kvs"].as_array().map_or(&[][..], Vec::as_slice);
    let keys = keys.iter().map(|kv| {
        let key = STANDARD.decode(kv["key"].as_str().unwrap()).unwrap();
        (key, kv["mod_revision"].as_i64().unwrap())
    });
    let list = server.json(&["member", "list"]);
    let members = list["members"].as_array().unwrap();
    let discarded = server.log().lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let said = line["msg"].as_str()? == "discarding uncommitted WAL entries";
        said.then(|| {
            (
                line["number-of-discarded-entries"].as_u64().unwrap(),
                line["commit-index-from-wal"].as_u64().unwrap(),
            )
        })
    });
    Ok(Forced {
        revision: said["header"]["revision"].as_i64().unwrap(),
        keys: keys.collect(),
        members: members
            .iter()
            .map(|member| member["ID"].as_u64().unwrap())
            .collect(),
        discarded: discarded.filter(|(entries, _)| *entries > 0),
    })
}

/// What was predicted of one copy.
#[derive(Debug)]
struct Candidate {
    path: String,
    rank: usize,
    revision: i64,
    live_keys: usize,
    discarded_entries: u64,
    commit: u64,
    errors: usize,
    lost_keys: BTreeSet<Vec<u8>>,
    refuses: Option<String>,
}

impl From<Judged> for Candidate {
    fn from(judged: Judged) -> Self {
        let (step, forced) = (judged.step.unwrap(), judged.forced.unwrap());
        let lost = step.lost.keys.into_iter().chain(step.possibly_lost.keys);
        Self {
            path: judged.path,
            rank: judged.rank,
            revision: step.outcome.revision.unwrap_or(0),
            live_keys: step.outcome.keys.unwrap_or(0),
            discarded_entries: forced.discarded_entries,
            commit: forced.commit.get(),
            errors: judged.errors,
            lost_keys: lost.collect(),
            refuses: forced.refuses,
        }
    }
}

fn force_new_cluster(members: &[Member], version: &str) -> Vec<Candidate> {
    let release = version.parse().ok();
    let judged = preflight(members, Action::ForceNewCluster, release, &Silent);
    judged.into_iter().map(Candidate::from).collect()
}

/// Why etcd does not start, if it does not.
fn refusal(candidate: &Candidate) -> Option<&str> {
    candidate.refuses.as_deref()
}

/// What the log of the member that saw most would give, committed or not: each live key with its mod_revision.
fn most(member: &Member) -> BTreeMap<Vec<u8>, i64> {
    let replayed = replay_to_the_end(member, &Silent).unwrap();
    let keyspace = replayed.keyspace();
    let all = etcd_inspect::mvcc::KeyRange::all();
    let live = keyspace.live(&all, None).unwrap();
    live.iter()
        .map(|version| (version.key.to_vec(), version.revision.main))
        .collect()
}

fn own_id(member: &Member) -> u64 {
    member.wal().unwrap().log().metadata[0].node_id.get()
}

fn candidate_at<'c>(candidates: &'c [Candidate], path: &Path) -> &'c Candidate {
    candidates
        .iter()
        .find(|candidate| Path::new(candidate.path.trim_end_matches('/')) == path)
        .unwrap()
}

/// Forces a new cluster on each copy and compares the prediction with what happens.
fn assert_as_predicted(paths: &[PathBuf]) -> Vec<Candidate> {
    let members: Vec<Member> = paths
        .iter()
        .map(|path| Member::open(path).unwrap())
        .collect();
    let candidates = force_new_cluster(&members, "3.5.30");
    assert_eq!(candidates.len(), paths.len());
    let Some(binaries) = Binaries::newest("3.5") else {
        eprintln!(
            "no etcd 3.5 on this machine (fixtures/recipes/etcd-from-debian fetches one): predicted only"
        );
        return candidates;
    };
    let newest = members
        .iter()
        .max_by_key(|member| {
            let wal = member.wal().unwrap();
            wal.log().last().map(|last| (last.term, last.index))
        })
        .unwrap();
    let most = most(newest);
    for (path, member) in paths.iter().zip(&members) {
        let ours = candidate_at(&candidates, path);
        let name = path.display();
        let theirs = match (force(&binaries, path), refusal(ours)) {
            (Ok(theirs), None) => theirs,
            (Err(not), Some(why)) => {
                // `panic: WORDS (details)`, and these words are in its log.
                let words = why
                    .split("panic: ")
                    .nth(1)
                    .unwrap()
                    .split(" (")
                    .next()
                    .unwrap();
                assert!(not.log.contains(words), "{name}: {why}: {}", not.log);
                continue;
            }
            (Ok(_), Some(why)) => panic!("{name}: it starts, predicted {why}"),
            (Err(not), None) => panic!("{name}: it does not start: {}", not.log),
        };
        assert_eq!(ours.revision, theirs.revision, "{name}: {ours:?}");
        assert_eq!(ours.live_keys, theirs.keys.len(), "{name}: {ours:?}");
        assert_eq!(theirs.members, [own_id(member)], "{name}");
        let discarded =
            (ours.discarded_entries > 0).then_some((ours.discarded_entries, ours.commit));
        assert_eq!(discarded, theirs.discarded, "{name}: {ours:?}");
        // Exactly the keys that are reported as lost differ: no other key is missing, and none is older.
        let lost: BTreeSet<&[u8]> = ours.lost_keys.iter().map(Vec::as_slice).collect();
        for (key, revision) in &most {
            let same = theirs.keys.get(key) == Some(revision);
            let said = lost.contains(key.as_slice());
            assert!(same != said, "{name}: {} {same}", key.escape_ascii());
        }
        for key in theirs.keys.keys().filter(|key| !most.contains_key(*key)) {
            assert!(
                lost.contains(key.as_slice()),
                "{name}: {}",
                key.escape_ascii()
            );
        }
    }
    candidates
}

fn members_of(name: &str, members: &[&str]) -> Vec<PathBuf> {
    let path = |member: &&str| data_dir(&format!("{name}/{member}"));
    members.iter().map(path).collect()
}

#[test]
fn of_a_cluster_whose_leader_was_killed_the_ranking_and_the_loss_are_exact() {
    let paths = members_of("diverged-3.5.30", &["m1", "m2", "m3"]);
    let candidates = assert_as_predicted(&paths);
    let ranks: Vec<usize> = paths
        .iter()
        .map(|path| candidate_at(&candidates, path).rank)
        .collect();
    // m1 led the older term, m2 and m3 the newer one; no other member has m2's last five writes. The old leader
    // never saw its last twelve committed. m2 had received them before it became leader, so the new term committed them.
    assert_eq!(ranks[0], 3, "{ranks:?}");
    let lost = |at: usize| {
        let keys = &candidate_at(&candidates, &paths[at]).lost_keys;
        let mut keys: Vec<String> = keys
            .iter()
            .map(|key| String::from_utf8(key.clone()).unwrap())
            .collect();
        keys.sort();
        keys
    };
    let lonely: Vec<String> = (0..5).map(|n| format!("/lonely/{n}")).collect();
    assert_eq!((lost(1), lost(2)), (lonely.clone(), lonely.clone()));
    let mut newer: Vec<String> = (0..20).map(|n| format!("/new-term/{n}")).collect();
    newer.extend((0..12).map(|n| format!("/never/{n}")));
    newer.extend(lonely);
    newer.sort();
    assert_eq!(lost(0), newer);
    // They are in its own log too, but forcing drops them there.
    assert_eq!(candidate_at(&candidates, &paths[0]).discarded_entries, 12);
}

#[test]
fn every_member_of_a_kubernetes_cluster_gives_the_cluster_that_was_predicted() {
    assert_as_predicted(&members_of("k8s-1.20-cluster3", &["m1", "m2", "m3"]));
}

#[test]
fn members_written_by_3_4_give_the_cluster_that_was_predicted() {
    assert_as_predicted(&members_of("cluster3-3.4.23", &["m1", "m2", "m3"]));
}

#[test]
fn a_single_member_that_lags_behind_its_log_keeps_all_of_it_that_was_committed() {
    let candidates = assert_as_predicted(&[data_dir("lagging-3.5.30")]);
    assert_eq!(candidates[0].revision, 421);
}

/// Zeros from one of the last entries to the end of the log.
fn tear(path: &Path, entries_back: usize) {
    let log = testkit::places::wal::Log::read(path);
    let entries = log.entries();
    let entry = &entries[entries.len() - entries_back];
    let file = &log.segments[entry.segment];
    let frame = &file.frames[entry.frame];
    testkit::damage::zero(&file.path, frame.at..file.end());
}

#[test]
fn a_copy_whose_log_ends_early_gives_the_cluster_that_was_predicted() {
    for (entries, starts) in [(3, true), (30, false)] {
        let mut paths = members_of("diverged-3.5.30", &["m1", "m2", "m3"]);
        let copy = copy_of(&paths[1]);
        tear(&copy, entries);
        paths[1] = copy.to_path_buf();
        let candidates = assert_as_predicted(&paths);
        let torn = candidate_at(&candidates, &paths[1]);
        assert_eq!(refusal(torn).is_none(), starts, "{torn:?}");
        if !starts {
            assert_eq!(candidate_at(&candidates, &paths[2]).rank, 1);
        }
    }
}

#[test]
fn a_copy_with_a_flipped_bit_ranks_behind_those_without_and_still_gives_what_was_predicted() {
    let mut paths = members_of("diverged-3.5.30", &["m1", "m2", "m3"]);
    let copy = copy_of(&paths[1]);
    let file = copy.join("member/snap/db");
    let mut db = testkit::places::bolt::Db::read(&file);
    // The value of the newest record in the db.
    let last = db.entries("key").pop().unwrap();
    let value = testkit::places::proto::field(&db.bytes[last.value.clone()], 5).unwrap();
    db.bytes[last.value.start + value.payload.start] ^= 1;
    db.write(&file);
    paths[1] = copy.to_path_buf();
    let candidates = assert_as_predicted(&paths);
    let damaged = candidate_at(&candidates, &paths[1]);
    assert_eq!((damaged.rank, damaged.errors), (3, 1), "{damaged:?}");
    assert_eq!(candidate_at(&candidates, &paths[2]).rank, 1);
}

#[test]
fn a_learner_is_no_candidate() {
    let paths = members_of("learner-3.5.30", &["m1", "m2"]);
    let candidates = assert_as_predicted(&paths);
    assert_eq!((candidates[0].rank, refusal(&candidates[0])), (1, None));
    let refused = refusal(&candidates[1]).unwrap();
    assert!(refused.contains("removed all voters"), "{refused}");
}

#[test]
fn a_release_before_3_5_22_starts_on_a_log_that_ends_before_consistent_index() {
    let copy = copy_of(&data_dir("diverged-3.5.30/m2"));
    tear(&copy, 30);
    let Some(binaries) = Binaries::newest("3.5.16") else {
        eprintln!("skipped: no etcd 3.5.16; fixtures/recipes/etcd-from-debian fetches it");
        return;
    };
    let members = [Member::open(&copy).unwrap()];
    let candidates = force_new_cluster(&members, "3.5.16");
    let theirs = force(&binaries, &copy).map_err(|not| not.log);
    let theirs = theirs.unwrap();
    assert_eq!(refusal(&candidates[0]), None, "{candidates:?}");
    assert_eq!(candidates[0].revision, theirs.revision, "{candidates:?}");
    assert_eq!(candidates[0].live_keys, theirs.keys.len(), "{candidates:?}");
}
