//! Every healthy member: its log agrees with etcd, and nothing is reported as damage.

use std::path::Path;

use etcd_inspect_raftlog::raft::{Payload, TermEnd};
use etcd_inspect_raftlog::snap::{self, Snaps, Store};
use located::{Severity, Term};

use super::{Files, codes, findings};

const CLUSTER: [&str; 3] = [
    "k8s-1.20-cluster3/m1",
    "k8s-1.20-cluster3/m2",
    "k8s-1.20-cluster3/m3",
];

fn members() -> Vec<String> {
    let mut names: Vec<String> = testkit::fixtures()
        .into_iter()
        .filter(|name| testkit::data_dir(name).join("member/wal").is_dir())
        .collect();
    names.extend(CLUSTER.map(String::from));
    names
}

fn snaps(dir: &Path) -> Snaps {
    let files = Files::snaps(dir);
    Snaps::read(&files.bytes(), &mut |finding| {
        assert!(finding.severity == Severity::Note, "{finding:#?}");
    })
}

#[test]
fn no_healthy_log_or_snapshot_alarms() {
    let members = members();
    assert!(members.len() >= 14, "{members:?}");
    for name in members {
        let dir = testkit::data_dir(&name);
        let files = Files::in_dir(&dir.join("member/wal"));
        let (log, mut found) = findings(&files);
        let snaps = snaps(&dir);
        snap::check::against_log(&snaps, &log, &files.bytes(), &mut |finding| {
            found.push(finding)
        });
        found.retain(|finding| finding.severity > Severity::Note);
        assert!(found.is_empty(), "{name}: {found:#?}");
        assert!(log.damages.is_empty() && log.gaps.is_empty() && log.oddities.is_empty());
    }
}

#[test]
fn ids_indexes_and_terms_are_those_of_etcd() {
    for name in testkit::fixtures() {
        if !name.starts_with("etcd-3.") {
            continue;
        }
        let truth = testkit::truth(&name);
        let log = Files::in_dir(&testkit::data_dir(&name).join("member/wal")).log();
        let header = &truth["status"]["header"];
        let metadata = log.metadata[0];
        assert_eq!(
            Some(metadata.node_id.get()),
            header["member_id"].as_u64(),
            "{name}"
        );
        assert_eq!(
            Some(metadata.cluster_id.get()),
            header["cluster_id"].as_u64(),
            "{name}"
        );
        assert_eq!(log.first().unwrap().index, 1, "{name}");
        let last = log.last().unwrap();
        // The status was asked before the last few entries (alarm list, endpoint status) were written, or before a restart.
        let raft_index = truth["status"]["raftIndex"].as_u64().unwrap();
        assert!(
            last.index.get().abs_diff(raft_index) <= 5,
            "{name}: {} {raft_index}",
            last.index
        );
        let term = truth["status"]["raftTerm"].as_u64().unwrap();
        assert!(term - last.term.get() <= 1, "{name}: {} {term}", last.term);
    }
}

#[test]
fn every_request_of_every_version_decodes() {
    for name in members() {
        let files = Files::in_dir(&testkit::data_dir(&name).join("member/wal"));
        let (log, bytes) = (files.log(), files.bytes());
        for entry in &log.entries {
            let payload = Payload::decode(entry.kind, log.data(&bytes, entry).unwrap());
            let request = payload.name();
            assert!(
                !["undecodable", "unknown"].contains(&request),
                "{name} {}",
                entry.index
            );
            // Membership changes at bootstrap and by --force-new-cluster have no proposer.
            let has_proposer = payload.proposer().is_some();
            assert_eq!(
                has_proposer || payload.type_name() == "conf_change",
                entry.data_len > 0
            );
        }
    }
}

#[test]
fn members_of_a_cluster_have_the_same_entries_and_one_overwrote_its_own() {
    let files = CLUSTER.map(|name| Files::in_dir(&testkit::data_dir(name).join("member/wal")));
    let logs = [files[0].log(), files[1].log(), files[2].log()];
    for (log, file) in logs.iter().zip(&files).skip(1) {
        for entry in log.surviving() {
            let twin = logs[0].entry(entry.index).unwrap();
            assert_eq!(entry.term, twin.term);
            assert_eq!(
                log.data(&file.bytes(), entry),
                logs[0].data(&files[0].bytes(), twin)
            );
        }
    }
    let terms = logs[0].terms();
    let lost: Vec<_> = terms.iter().filter(|term| term.overwritten > 0).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(
        (lost[0].term, lost[0].end),
        (
            Term(3),
            TermEnd::Overwritten {
                by: Term(4),
                entries: 5
            }
        )
    );
    let of = |log: usize| logs[log].last().map(|last| (last.index.get(), last.term));
    assert_eq!(
        [of(0), of(1), of(2)],
        [
            Some((4050, Term(6))),
            Some((3098, Term(5))),
            Some((4050, Term(6)))
        ]
    );
}

#[test]
fn snapshots_name_the_members_that_etcd_listed() {
    for name in members() {
        let dir = testkit::data_dir(&name);
        let log = Files::in_dir(&dir.join("member/wal")).log();
        let local = log.metadata[0].node_id;
        for snap in snaps(&dir).files {
            let store = Store::parse(&snap.store_json).unwrap();
            let ids: Vec<_> = store.members.iter().map(|member| member.id).collect();
            assert!(ids.contains(&local), "{name}");
            assert_eq!(ids.len(), snap.conf_state.voters.len(), "{name}");
            assert!(
                store
                    .members
                    .iter()
                    .all(|member| !member.peer_urls.is_empty())
            );
            // A restored directory has no version until its first leader sets one.
            assert!(
                store
                    .cluster_version
                    .is_none_or(|version| version.starts_with("3.")),
                "{name}"
            );
            let record = log
                .snapshots
                .iter()
                .find(|record| record.index == snap.index);
            assert_eq!(record.unwrap().term, snap.term, "{name}");
        }
    }
}

#[test]
fn passwords_in_a_log_of_3_4_are_noted_and_masked() {
    let files = Files::in_dir(&testkit::data_dir("etcd-3.4.23").join("member/wal"));
    let (log, found) = findings(&files);
    assert!(
        found
            .iter()
            .any(|finding| finding.code.id == "WAL-029" && finding.count == 2)
    );
    assert!(codes(&found).is_empty());
    let mut users = 0;
    for entry in log.surviving() {
        let payload = Payload::decode(entry.kind, log.data(&files.bytes(), entry).unwrap());
        if payload.name() == "auth_user_add" {
            users += 1;
            let shown = serde_json::to_string(&payload).unwrap() + &payload.summary();
            assert_eq!(shown.matches("••••").count(), 2, "{shown}");
        }
    }
    assert_eq!(users, 2);
}
