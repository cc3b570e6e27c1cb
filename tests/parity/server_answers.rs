//! The answers of a running etcd.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::etcd::Server;
use testkit::expected::Live;

/// Everything asked of a running server.
pub struct ServerAnswers {
    /// `endpoint status`.
    pub status: Value,
    /// Revision → every key then, in key order.
    pub keys: Vec<(u64, Vec<Live>)>,
    /// Revision → hash, and the compact revision it was made under.
    pub hashes: Vec<(u64, u32)>,
    /// Lease ids, 16 hexadecimal digits.
    pub leases: Vec<String>,
    /// User and role names.
    pub users: Vec<String>,
    pub roles: Vec<String>,
    /// `member list`.
    pub members: Value,
    /// `snapshot save` file, and `snapshot status` of it.
    pub snapshot: PathBuf,
    pub snapshot_status: Value,
}

impl ServerAnswers {
    /// Asks everything.
    pub fn from_server(server: &Server, home: &Path) -> Self {
        let status = server.json(&["endpoint", "status"])[0]["Status"].clone();
        let revision = status["header"]["revision"].as_u64().unwrap();
        let revisions = [revision - 9, revision - 5, revision - 1, revision];
        let keys = revisions.map(|rev| {
            let listed = server.json(&["get", "", "--prefix", &format!("--rev={rev}")]);
            (
                rev,
                listed["kvs"].as_array().unwrap().iter().map(live).collect(),
            )
        });
        let hashes = revisions.map(|rev| {
            let hashed = server.json(&["endpoint", "hashkv", &format!("--rev={rev}")]);
            (
                rev,
                u32::try_from(hashed[0]["HashKV"]["hash"].as_u64().unwrap()).unwrap(),
            )
        });
        let text = |arguments: &[&str]| -> Vec<String> {
            server
                .ctl(arguments)
                .lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let mut leases: Vec<String> = text(&["lease", "list"]).into_iter().skip(1).collect();
        leases.sort();
        let snapshot = home.join("snapshot.db");
        server.ctl(&["snapshot", "save", &snapshot.to_string_lossy()]);
        let snapshot_status = server.json(&["snapshot", "status", &snapshot.to_string_lossy()]);
        Self {
            status,
            keys: keys.into(),
            hashes: hashes.into(),
            leases,
            users: text(&["user", "list"]),
            roles: text(&["role", "list"]),
            members: server.json(&["member", "list"])["members"].clone(),
            snapshot,
            snapshot_status,
        }
    }
}

fn live(row: &Value) -> Live {
    use base64::Engine;
    let bytes = |field: &str| {
        base64::engine::general_purpose::STANDARD
            .decode(row[field].as_str().unwrap_or(""))
            .unwrap()
    };
    let number = |field: &str| row[field].as_i64().unwrap_or(0);
    Live {
        key: bytes("key"),
        value: bytes("value"),
        create_revision: number("create_revision"),
        mod_revision: number("mod_revision"),
        version: number("version"),
        lease: number("lease"),
    }
}
