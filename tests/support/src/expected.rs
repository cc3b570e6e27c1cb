//! What the manifest expects of each member: etcd's own answers, as numbers and lists.

use std::path::PathBuf;

use serde_json::Value;
use toml::Table;

use crate::{fixture, manifest, unzstd};

/// One member directory of one fixture, with etcd's own answers about it.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Fixture name, and the member's for a cluster: `k8s-1.20-cluster3/m2`.
    pub name: String,
    fixture: String,
    member: String,
    table: Table,
}

impl Expected {
    /// Every member of every fixture, in the manifest's order.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (fixture_name, table) in manifest() {
            for (member, table) in table["member"].as_table().expect("members") {
                let name = if member == "data" {
                    fixture_name.clone()
                } else {
                    format!("{fixture_name}/{member}")
                };
                let table = table.as_table().expect("a member").clone();
                all.push(Self {
                    name,
                    fixture: fixture_name.clone(),
                    member: member.clone(),
                    table,
                });
            }
        }
        all
    }

    /// The data directory, unpacked.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        fixture(&self.fixture).join(self.text("path"))
    }

    /// Whether the answers are those after a start that replayed the WAL over an older db.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.table
            .get("killed")
            .is_some_and(|killed| killed.as_bool() == Some(true))
    }

    /// A number; `None` when etcd was not asked.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<u64> {
        self.table
            .get(field)?
            .as_integer()
            .map(|number| number as u64)
    }

    /// A text.
    ///
    /// # Panics
    /// When the manifest has none.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        self.table
            .get(field)
            .and_then(toml::Value::as_str)
            .unwrap_or_else(|| panic!("{}: {field}", self.name))
            .to_owned()
    }

    /// A list of texts, sorted; empty when there is none.
    #[must_use]
    pub fn texts(&self, field: &str) -> Vec<String> {
        let list = self.table.get(field).and_then(toml::Value::as_array);
        let mut texts: Vec<String> = list
            .into_iter()
            .flatten()
            .filter_map(|text| Some(text.as_str()?.to_owned()))
            .collect();
        texts.sort();
        texts
    }

    /// A list of numbers.
    #[must_use]
    pub fn numbers(&self, field: &str) -> Vec<u64> {
        let list = self.table.get(field).and_then(toml::Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|number| Some(number.as_integer()? as u64))
            .collect()
    }

    /// Rows of any other shape: `members`, `alarms`, `hashkv`, `wal_terms`.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&toml::Value> {
        self.table.get(field)
    }

    /// Term and its first index, in order.
    #[must_use]
    pub fn terms(&self) -> Vec<(u64, u64)> {
        let rows = self
            .value("wal_terms")
            .and_then(toml::Value::as_array)
            .expect("terms");
        rows.iter()
            .map(|row| {
                (
                    row[0].as_integer().expect("a term") as u64,
                    row[1].as_integer().expect("an index") as u64,
                )
            })
            .collect()
    }

    /// Revision and its HashKV.
    #[must_use]
    pub fn hashes(&self) -> Vec<(u64, u32)> {
        let rows = self.value("hashkv").and_then(toml::Value::as_table);
        rows.into_iter()
            .flatten()
            .map(|(revision, hash)| {
                (
                    revision.parse().expect("a revision"),
                    hash.as_integer().expect("a hash") as u32,
                )
            })
            .collect()
    }

    /// Every live key as etcd gave it, sorted by key; `None` when only digests were kept (see [`Expected::stored`]).
    #[must_use]
    pub fn live(&self) -> Option<Vec<Live>> {
        let top = fixture(&self.fixture);
        let path = [
            top.join("truth.json"),
            top.join("truth").join(&self.member).join("truth.json"),
        ]
        .into_iter()
        .find(|path| path.is_file())?;
        let truth: Value =
            serde_json::from_slice(&std::fs::read(path).expect("truth.json")).expect("JSON");
        let mut live: Vec<Live> = truth["live"]
            .as_array()
            .expect("live keys")
            .iter()
            .map(Live::of_etcd)
            .collect();
        live.sort_by(|a, b| a.key.cmp(&b.key));
        Some(live)
    }

    /// The rows of `stored.jsonl.zst` of a Kubernetes member: one object per live key, with `key`, revisions, `lease`, `value_len`,
    /// `value_sha256`, `enc` and the decoded `object`.
    #[must_use]
    pub fn stored(&self) -> Option<Vec<Value>> {
        self.rows("stored.jsonl.zst")
    }

    /// The rows of `history.jsonl.zst` of a Kubernetes member: one event per write since the first retained revision.
    #[must_use]
    pub fn history(&self) -> Option<Vec<Value>> {
        self.rows("history.jsonl.zst")
    }

    fn rows(&self, file: &str) -> Option<Vec<Value>> {
        let truth = fixture(&self.fixture).join("truth");
        let path = [truth.join(&self.member).join(file), truth.join(file)]
            .into_iter()
            .find(|path| path.is_file())?;
        let text = unzstd(&path);
        Some(
            text.split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_slice(line).expect("a row"))
                .collect(),
        )
    }
}

/// A live key as etcd gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Key.
    pub key: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
    /// Revision of its creation.
    pub create_revision: i64,
    /// Revision of its last write.
    pub mod_revision: i64,
    /// Writes since creation.
    pub version: i64,
    /// Lease, 0 for none.
    pub lease: i64,
}

impl Live {
    fn of_etcd(row: &Value) -> Self {
        use base64::Engine;
        let bytes = |field: &str| {
            base64::engine::general_purpose::STANDARD
                .decode(row[field].as_str().unwrap_or(""))
                .expect("base64")
        };
        let number = |field: &str| row[field].as_i64().unwrap_or(0);
        Self {
            key: bytes("key"),
            value: bytes("value"),
            create_revision: number("create_revision"),
            mod_revision: number("mod_revision"),
            version: number("version"),
            lease: number("lease"),
        }
    }
}
