//! The same questions to `etcd-inspect`, about the directory.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use serde_json::Value;

use crate::server_answers::ServerAnswers;

/// A directory under question.
pub struct Ask<'a> {
    pub data: &'a Path,
    /// Apply the WAL over the db, as a start would.
    pub replay: bool,
    pub version: &'a str,
}

impl Ask<'_> {
    fn run(&self, arguments: &[&str], path: Option<&Path>) -> Vec<u8> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
        command.args(arguments).args(path);
        if self.replay {
            command.arg("--replay");
        }
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "etcd {}: {arguments:?}: {:?}: {told}",
            self.version,
            output.status
        );
        output.stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let out = self.run(&[arguments, &["-o", "json"]].concat(), Some(self.data));
        serde_json::from_slice(&out).unwrap_or_else(|error| {
            panic!("{arguments:?}: {error}: {}", String::from_utf8_lossy(&out))
        })
    }

    fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.run(&[arguments, &["-o", "jsonl"]].concat(), Some(self.data));
        out.split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    pub fn status_is(&self, answers: &ServerAnswers) {
        let ours = self.json(&["status"]);
        let theirs = &answers.status;
        assert_eq!(ours["revision"], theirs["header"]["revision"]);
        assert_eq!(
            ours["cluster_id"].as_str().unwrap(),
            hex(&theirs["header"]["cluster_id"])
        );
        assert_eq!(
            ours["member_id"].as_str().unwrap(),
            hex(&theirs["header"]["member_id"])
        );
        assert_eq!(ours["raft"]["term"], theirs["raftTerm"]);
        assert_eq!(
            ours["keys"].as_u64().unwrap(),
            answers.keys.last().unwrap().1.len() as u64
        );
        assert_eq!(
            ours["leases"].as_u64().unwrap(),
            answers.leases.len() as u64
        );
        assert_eq!(ours["alarms"], Value::Array(Vec::new()));
        // Questions that write to the log (authentication, alarm lists) came after this answer.
        assert!(ours["raft"]["last_index"].as_u64() >= theirs["raftIndex"].as_u64());
        assert!(
            self.version
                .starts_with(ours["etcd_version"].as_str().unwrap_or("3")),
            "{} is {}",
            ours["etcd_version"],
            self.version
        );
    }

    pub fn leases_are(&self, answers: &ServerAnswers) {
        let mut ours: Vec<String> = self
            .rows(&["leases"])
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        ours.sort();
        assert_eq!(ours, answers.leases);
    }

    pub fn members_and_auth_are(&self, answers: &ServerAnswers) {
        let ours = self.json(&["status"]);
        for (ours, theirs) in ours["members"]
            .as_array()
            .unwrap()
            .iter()
            .zip(answers.members.as_array().unwrap())
        {
            assert_eq!(ours["id"].as_str().unwrap(), hex(&theirs["ID"]));
            assert_eq!(ours["name"], theirs["name"]);
            assert_eq!(ours["peer_urls"], theirs["peerURLs"]);
            assert_eq!(ours["client_urls"], theirs["clientURLs"]);
        }
        let meta = String::from_utf8(self.run(&["meta", "-o", "json"], Some(self.data))).unwrap();
        for name in answers.users.iter().chain(&answers.roles) {
            assert!(meta.contains(&format!("\"{name}\"")), "{name} in {meta}");
        }
        assert!(!meta.contains("$2a$"), "a password's hash is shown");
    }

    pub fn keys_are(&self, answers: &ServerAnswers) {
        for (revision, theirs) in &answers.keys {
            let ours = self.rows(&["keys", "--limit", "0", "--rev", &revision.to_string()]);
            let ours: Vec<_> = ours
                .iter()
                .map(|row| {
                    (
                        key(row),
                        number(row, "create_revision"),
                        number(row, "mod_revision"),
                        number(row, "version"),
                        number(row, "value_bytes"),
                        lease(row),
                    )
                })
                .collect();
            let theirs: Vec<_> = theirs
                .iter()
                .map(|row| {
                    (
                        row.key.clone(),
                        row.create_revision,
                        row.mod_revision,
                        row.version,
                        i64::try_from(row.value.len()).unwrap(),
                        row.lease,
                    )
                })
                .collect();
            assert_eq!(ours, theirs, "etcd {} at revision {revision}", self.version);
        }
    }

    pub fn values_are(&self, answers: &ServerAnswers) {
        for row in answers
            .keys
            .last()
            .unwrap()
            .1
            .iter()
            .filter(|row| row.key.starts_with(b"/"))
        {
            let name = String::from_utf8(row.key.clone()).unwrap();
            let mut arguments = vec!["get", &name, "-o", "raw"];
            let data = self.data.to_string_lossy().into_owned();
            arguments.extend(["-d", &data]);
            let ours = self.run(&arguments, None);
            let ours = ours
                .strip_suffix(b"\n")
                .filter(|cut| cut.len() == row.value.len())
                .unwrap_or(&ours);
            assert!(
                ours == row.value,
                "{name}: {} bytes, {} wanted",
                ours.len(),
                row.value.len()
            );
        }
    }

    pub fn hashes_are(&self, answers: &ServerAnswers) {
        for (revision, hash) in &answers.hashes {
            let ours = self.json(&["hashkv", "--rev", &revision.to_string()]);
            assert_eq!(
                ours["hash"].as_u64().unwrap(),
                u64::from(*hash),
                "etcd {} at revision {revision}",
                self.version
            );
        }
    }

    pub fn snapshot_is(&self, answers: &ServerAnswers) {
        let member = etcd_inspect::member::Member::open(&answers.snapshot).unwrap();
        assert!(member.trailer().is_some_and(|trailer| trailer.matches()));
        let hash = etcd_inspect::mvcc::db_hash(&member.db().unwrap(), &[], &mut |finding| {
            panic!("{finding:?}")
        });
        assert_eq!(
            u64::from(hash.hash),
            answers.snapshot_status["hash"].as_u64().unwrap()
        );
        assert_eq!(
            member.readable_keyspace().unwrap().revision(),
            answers.snapshot_status["revision"].as_i64().unwrap()
        );
    }
}

fn key(row: &Value) -> Vec<u8> {
    match row["key_b64"].as_str() {
        Some(text) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap(),
        None => row["key"].as_str().unwrap().as_bytes().to_vec(),
    }
}

fn number(row: &Value, field: &str) -> i64 {
    row[field].as_i64().unwrap_or(0)
}

fn lease(row: &Value) -> i64 {
    row["lease"]
        .as_str()
        .map_or(0, |text| i64::from_str_radix(text, 16).unwrap())
}

fn hex(id: &Value) -> String {
    format!("{:016x}", id.as_u64().unwrap())
}
