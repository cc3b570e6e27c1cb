//! Random lives of a healthy member: writes, leases, users, compactions, defragmentations, crashes, restores and
//! `--force-new-cluster`, in any order. Whatever etcd itself did to its directory, `check` finds no damage in it, `preflight`
//! says GO, and the plan loses nothing.
//!
//! `LIVES=N` runs N of them, from seed `LIVES_FROM` on.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::etcd::{Binaries, Server};
use testkit::synth::kubernetes::Random;

const RELEASES: [&str; 3] = ["3.4", "3.5.16", "3.5"];

/// One member, while it lives.
struct Life {
    binaries: Binaries,
    random: Random,
    home: tempfile::TempDir,
    server: Option<Server>,
    flags: Vec<String>,
    leases: Vec<String>,
    with_auth: bool,
    backups: u32,
    /// What happened, for the message of a failure.
    story: Vec<String>,
}

impl Life {
    fn begin(seed: u64) -> Option<Self> {
        let mut random = Random::new(seed);
        let release = RELEASES[random.below(RELEASES.len())];
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!(
                "skipped: no etcd {release} on this machine; fixtures/recipes/etcd-from-debian fetches one"
            );
            return None;
        };
        let count = ["30", "100", "10000"][random.below(3)];
        let mut life = Self {
            story: vec![format!("etcd {}, snapshot count {count}", binaries.version)],
            binaries,
            random,
            home: tempfile::tempdir().unwrap(),
            server: None,
            flags: vec!["--snapshot-count".to_owned(), count.to_owned()],
            leases: Vec::new(),
            with_auth: false,
            backups: 0,
        };
        life.start(&[]);
        Some(life)
    }

    fn data(&self) -> std::path::PathBuf {
        self.home.path().join("data")
    }

    fn start(&mut self, more: &[&str]) {
        let flags: Vec<&str> = self
            .flags
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied())
            .collect();
        let mut server = Server::start(
            &self.binaries,
            &self.data(),
            &flags,
            Duration::from_secs(30),
        )
        .unwrap_or_else(|failed| panic!("{:?}: {failed:?}", self.story));
        if self.with_auth {
            server.log_in("root:pw");
        }
        self.server = Some(server);
    }

    fn end(&mut self) {
        let kill = self.random.below(2) == 0;
        self.story
            .push(if kill { "kill" } else { "stop" }.to_owned());
        let server = self.server.take().expect("it runs");
        if kill { server.kill() } else { server.stop() }
    }

    /// Runs `etcdctl`; a request that etcd refuses is part of life.
    fn ctl(&mut self, arguments: &[&str], input: &str) -> Option<String> {
        let server = self.server.as_ref().expect("it runs");
        let output = server.output(arguments, input.as_bytes());
        let word = if output.status.success() {
            ""
        } else {
            " (refused)"
        };
        self.story.push(format!("{}{word}", arguments.join(" ")));
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn step(&mut self) {
        let key = format!("/k{:02}", self.random.below(16));
        let value = self.random.below(1_000_000_000).to_string();
        match self.random.below(100) {
            0..45 => drop(self.ctl(&["put", &key, &value], "")),
            45..52 => drop(self.ctl(&["del", &key], "")),
            52..56 => drop(self.ctl(&["del", "/k", "/k08"], "")),
            56..62 => {
                let text = format!(
                    "mod(\"{key}\") > \"0\"\n\nput {key} t{value}\nput /t {value}\n\nput {key} e\ndel /t\n\n"
                );
                self.ctl(&["txn"], &text);
            }
            62..71 => self.lease(&key),
            71..78 => self.compact(),
            78..82 => drop(self.ctl(&["defrag"], "")),
            82..90 => self.auth(),
            90..94 => {
                self.end();
                self.start(&[]);
            }
            94..96 => {
                self.end();
                self.start(&["--force-new-cluster"]);
                self.end();
                self.start(&[]);
            }
            96.. => self.restore(),
        }
    }

    fn lease(&mut self, key: &str) {
        if self.random.below(3) == 0
            && let Some(lease) = self.leases.pop()
        {
            self.ctl(&["lease", "revoke", &lease], "");
        } else if let Some(granted) = self.ctl(&["lease", "grant", "600"], "")
            && let Some(id) = granted.split(' ').nth(1)
        {
            self.ctl(&["put", key, "leased", &format!("--lease={id}")], "");
            self.leases.push(id.to_owned());
        }
    }

    fn compact(&mut self) {
        let Some(text) = self.ctl(&["get", "x", "-w", "json"], "") else {
            return;
        };
        let header: Value = serde_json::from_str(&text).unwrap();
        let newest = header["header"]["revision"].as_u64().unwrap_or(1);
        let back = (self.random.below(3) * self.random.below(8)) as u64;
        self.ctl(
            &["compact", &newest.saturating_sub(back).max(1).to_string()],
            "",
        );
    }

    fn auth(&mut self) {
        if self.random.below(4) == 0 {
            if self.with_auth {
                self.ctl(&["auth", "disable"], "");
                self.with_auth = false;
                self.end();
                self.start(&[]);
                return;
            }
            self.ctl(&["user", "add", "root:pw"], "");
            self.ctl(&["user", "grant-role", "root", "root"], "");
            self.with_auth = self.ctl(&["auth", "enable"], "").is_some();
            if let Some(server) = self.server.as_mut().filter(|_| self.with_auth) {
                server.log_in("root:pw");
            }
            return;
        }
        let n = self.random.below(3);
        let (user, role) = (format!("u{n}"), format!("r{n}"));
        self.ctl(&["user", "add", &format!("{user}:pw")], "");
        self.ctl(&["role", "add", &role], "");
        let end = ["/l", "/k05", "/k1"][self.random.below(3)];
        self.ctl(
            &["role", "grant-permission", &role, "readwrite", "/k", end],
            "",
        );
        self.ctl(&["user", "grant-role", &user, &role], "");
        match self.random.below(4) {
            0 => drop(self.ctl(&["user", "delete", &user], "")),
            1 => drop(self.ctl(&["role", "delete", &role], "")),
            _ => {}
        }
    }

    fn restore(&mut self) {
        let file = self.home.path().join(format!("backup{}", self.backups));
        let path = file.to_str().unwrap().to_owned();
        if self.ctl(&["snapshot", "save", &path], "").is_none() {
            return;
        }
        self.end();
        let old = self.home.path().join(format!("old{}", self.backups));
        std::fs::rename(self.data(), old).unwrap();
        let data = self.data();
        let cluster = "--initial-cluster=m1=http://127.0.0.1:2380";
        let urls = "--initial-advertise-peer-urls=http://127.0.0.1:2380";
        let to = format!("--data-dir={}", data.display());
        let done = self.binaries.utl(&[
            "snapshot",
            "restore",
            &path,
            "--name=m1",
            cluster,
            urls,
            &to,
        ]);
        assert!(done.status.success(), "{:?}: {done:?}", self.story);
        self.story.push("restore".to_owned());
        self.backups += 1;
        self.start(&[]);
    }
}

/// What a verb says of it: exit code and output.
fn ask(arguments: &[&str], data: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-inspect"));
    let output = command.args(arguments).arg(data).output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn live(seed: u64) {
    let Some(mut life) = Life::begin(seed) else {
        return;
    };
    for _ in 0..life.random.below(50) + 20 {
        life.step();
    }
    life.end();
    let data = life.data();
    for question in [
        &["check"][..],
        &["status"],
        &["preflight", "--for", "start"],
        &["preflight", "--for", "force-new-cluster"],
    ] {
        let (code, said) = ask(question, &data);
        assert_eq!(
            code,
            Some(0),
            "seed {seed}, {question:?}: {said}\n{:#?}",
            life.story
        );
    }
    let (_, plan) = ask(&["check", "-o", "json"], &data);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let lost = &plan["plan"][0]["lost"]["writes"];
    assert!(
        lost.is_null() || *lost == 0,
        "seed {seed}: {:#}\n{:#?}",
        plan["plan"][0],
        life.story
    );
}

#[test]
fn no_life_of_a_healthy_member_is_called_damage() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let from = number("LIVES_FROM").unwrap_or(1);
    for seed in from..from + number("LIVES").unwrap_or(3) {
        live(seed);
    }
}
