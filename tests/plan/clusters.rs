//! Steps that need more than one directory: members of three are removed and added again, a running server is asked for a backup,
//! db and log are put together again, an upgrade.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::copy_of;
use testkit::etcd::{Binaries, Server};
use testkit::incidents::incident;

use crate::carried_out::{carry_out, run};
use crate::matrix::wrong_of;
use crate::printed::{Printed, PrintedStep, inspect};
use crate::served::{contents, differences, serve};

const PATIENCE: Duration = Duration::from_secs(40);
const NAMES: [&str; 3] = ["m1", "m2", "m3"];
const KEYS: usize = 60;

/// The addresses of three members.
pub struct Addresses {
    peers: [String; 3],
}

impl Addresses {
    pub fn free() -> Self {
        let listeners = NAMES.map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        Self {
            peers: listeners.map(|listener| format!("http://127.0.0.1:{}", port(&listener))),
        }
    }

    pub fn flags(&self, at: usize, state: &str) -> Vec<String> {
        let all: Vec<String> = NAMES
            .iter()
            .zip(&self.peers)
            .map(|(name, url)| format!("{name}={url}"))
            .collect();
        let url = &self.peers[at];
        vec![
            format!("--name={}", NAMES[at]),
            format!("--listen-peer-urls={url}"),
            format!("--initial-advertise-peer-urls={url}"),
            format!("--initial-cluster={}", all.join(",")),
            format!("--initial-cluster-state={state}"),
        ]
    }

    /// Starts members at the same time: none serves before a majority runs.
    pub fn start(
        &self,
        binaries: &Binaries,
        folder: &Path,
        members: &[usize],
        state: &str,
    ) -> Vec<Server> {
        let start = |at: usize| {
            let flags = self.flags(at, state);
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            Server::start(binaries, &folder.join(NAMES[at]), &flags, PATIENCE)
                .unwrap_or_else(|not| panic!("{}: {}", NAMES[at], not.log))
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = members
                .iter()
                .map(|&at| scope.spawn(move || start(at)))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }
}

pub fn write(server: &Server, round: &str) {
    for number in 0..KEYS {
        let _ = server.ctl(&["put", &format!("/key/{number:03}"), round]);
    }
}

/// Flips a bit of a value that only this member's db then has.
fn damage(data_dir: &Path) {
    let db = data_dir.join("member/snap/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let word = b"second-round";
    let places: Vec<usize> = bytes
        .windows(word.len())
        .enumerate()
        .filter(|(_, window)| window == word)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "a value in {}", db.display());
    for at in places {
        bytes[at] ^= 1;
    }
    std::fs::write(&db, bytes).unwrap();
}

fn tools() -> Vec<Binaries> {
    let asked = ["3.4.23", "3.5.30"];
    let found: Vec<Binaries> = asked
        .iter()
        .filter_map(|one| Binaries::newest(one))
        .collect();
    if found.is_empty() {
        eprintln!("skipped: no etcd here; fixtures/recipes/etcd-from-debian fetches it");
    }
    found
}

/// The line with other addresses in place of the two that it has.
fn with_endpoints(line: &str, endpoints: &str) -> String {
    let mut asked = 0;
    let words = line
        .split(' ')
        .map(|word| match word.strip_prefix("--endpoints=") {
            Some(urls) => {
                asked += urls
                    .split(',')
                    .filter(|url| url.starts_with("http://127.0.0.1:"))
                    .count();
                endpoints
            }
            None => word,
        });
    let words: Vec<&str> = words.collect();
    assert_eq!(asked, 2, "the addresses of both other members: {line}");
    words.join(" ")
}

#[test]
fn a_damaged_member_is_removed_and_added_again_by_the_printed_commands() {
    for binaries in tools() {
        let folder = tempfile::tempdir().unwrap();
        let addresses = Addresses::free();
        let servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
        write(&servers[0], "first");
        write(&servers[0], "second-round");
        servers.into_iter().for_each(Server::stop);
        let damaged = folder.path().join("m3");
        damage(&damaged);
        let printed = Printed::check(&damaged, &binaries.version);
        let step = printed
            .step("rejoin")
            .unwrap_or_else(|| panic!("{printed:?}"));
        assert_eq!(step.commands.len(), 2, "{step:?}");
        let running = addresses.start(&binaries, folder.path(), &[0, 1], "new");
        // It asks the others where the log says that they are; here they have other ports with each start.
        let endpoints = format!("--endpoints={}", running[0].client_url());
        let commands: Vec<String> = step
            .commands
            .iter()
            .map(|line| with_endpoints(line, &endpoints))
            .collect();
        // A member is added only if its peers were connected for five seconds (`HealthInterval` in `server/etcdserver/server.go`).
        std::thread::sleep(Duration::from_secs(7));
        run(&commands, &binaries, folder.path())
            .unwrap_or_else(|why| panic!("{}: {why}", binaries.version));
        // "add it again with an empty directory"
        std::fs::remove_dir_all(&damaged).unwrap();
        let again = addresses.start(&binaries, folder.path(), &[2], "existing");
        let (there, of_peer) = (contents(&again[0]), contents(&running[0]));
        assert!(there.is_some() && there == of_peer, "{}", binaries.version);
        let _ = again[0].ctl(&["put", "after", "1"]);
        assert!(running[1].ctl(&["get", "after"]).contains('1'));
    }
}

#[test]
fn a_comparison_of_three_keeps_the_clean_copies_and_replaces_the_damaged_one() {
    let Some(binaries) = tools().pop() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let addresses = Addresses::free();
    let servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
    write(&servers[0], "first");
    write(&servers[0], "second-round");
    servers.into_iter().for_each(Server::stop);
    damage(&folder.path().join("m2"));
    let paths = NAMES.map(|name| folder.path().join(name));
    let mut arguments = vec!["compare"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    arguments.extend(["-o", "json"]);
    let said = inspect(&arguments);
    assert_ne!(said["best"], paths[1].to_str().unwrap(), "{said}");
    let text = said.to_string();
    assert!(!text.contains("force-new-cluster"), "{text}");
    let plan = said["plan"].as_array().unwrap();
    let of = |at: usize| {
        let path = paths[at].to_str().unwrap();
        let mut steps = plan.iter().filter(|step| step["path"] == path);
        let step = steps.next().unwrap_or_else(|| panic!("{path} in {said}"));
        step["action"].as_str().unwrap().to_owned()
    };
    assert_eq!([0, 1, 2].map(of), ["none", "rejoin", "none"], "{said}");
}

/// Copies with `cp -r` while a server writes.
fn copies_under_load(server: &Server, data_dir: &Path, into: &Path, count: usize) -> Vec<PathBuf> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let done = &done;
            scope.spawn(move || {
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    let key = encoded(&format!("/load/{writer}/{:05}", number % 3000));
                    let body = json!({ "key": key, "value": encoded(&"load ".repeat(60)) });
                    let _ = server.try_post("/v3/kv/put", &body, Duration::from_secs(5));
                    number += 1;
                }
            });
        }
        std::thread::sleep(Duration::from_secs(3));
        let copies = (0..count).map(|number| {
            let copy = into.join(format!("copy-{number}"));
            let copied = Command::new("cp")
                .arg("-r")
                .args([data_dir, &copy])
                .status();
            assert!(copied.unwrap().success());
            copy
        });
        let copies = copies.collect();
        done.store(true, Ordering::Relaxed);
        copies
    })
}

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

/// Copies under load. A copy that happens to be whole is one; each other one must be reported as torn.
const COPIES: usize = 14;

#[test]
fn every_torn_copy_is_named_and_replaced_by_the_printed_backup_of_the_running_server() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("m1");
    let server = Server::start(&binaries, &data_dir, &[], PATIENCE).unwrap();
    let copies = copies_under_load(&server, &data_dir, folder.path(), COPIES);
    let (mut torn, mut wrong) = (None, Vec::new());
    let mut named = 0;
    for copy in &copies {
        let said = inspect(&["check", copy.to_str().unwrap(), "-o", "json"]);
        let damaged = said["verdict"] == "damaged" || said["verdict"] == "unreadable";
        let printed = Printed::check(copy, "3.5.30");
        let first = printed.steps.first().map(|step| step.action.as_str());
        match (damaged, first) {
            (true, Some("copy-again")) => {
                named += 1;
                torn = Some(printed);
            }
            (true, _) => wrong.push(format!("{}: {first:?}: {}", copy.display(), said["cause"])),
            // What is sound is served as predicted.
            (false, _) => wrong.extend(wrong_of(copy, "start", &binaries)),
        }
    }
    eprintln!("{named} of {COPIES} copies are torn and named as such");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let Some(printed) = torn else { return };
    let step = printed.step("copy-again").unwrap();
    // As printed: the server has the address that its log says.
    run(&step.commands, &binaries, folder.path()).unwrap();
    let backup = folder.path().join("backup.db");
    let restore = Printed::check(&backup, "3.5.30");
    let first = &restore.steps[0];
    assert_eq!(
        (first.action.as_str(), first.harm),
        ("restore", 0),
        "{first:?}"
    );
    let (_, truth) = contents(&server).unwrap();
    server.stop();
    let seen = carry_out(first, &backup, &binaries).unwrap().unwrap();
    assert_eq!(differences(&truth, &seen.contents), 0);
    assert_eq!(Some(seen.revision), first.revision);
}

#[test]
fn parts_that_are_put_together_again_serve_everything() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return;
    };
    for (id, missing) in [("D01", &["member/snap/db"][..]), ("W19", &["member/wal"])] {
        let incident = incident(id);
        let copy = incident.reproduce();
        let data_dir = copy.data_dir();
        let printed = Printed::check(&data_dir, &binaries.version);
        let step: &PrintedStep = printed
            .step("reunite")
            .unwrap_or_else(|| panic!("{id}: {printed:?}"));
        assert!(step.commands.is_empty(), "{id}: {step:?}");
        let original = copy_of(&testkit::data_dir(incident.base));
        for part in missing {
            let (from, to) = (original.join(part), data_dir.join(part));
            let _ = std::fs::remove_dir_all(&to);
            let _ = std::fs::remove_file(&to);
            std::fs::rename(from, to).unwrap();
        }
        let truth = copy_of(&testkit::data_dir(incident.base));
        let truth = serve(&binaries, &truth, &[]).unwrap();
        assert_eq!(serve(&binaries, &data_dir, &[]), Ok(truth), "{id}");
    }
}

#[test]
fn an_upgrade_without_an_obstacle_serves_what_the_plan_says() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return;
    };
    for name in ["etcd-3.4.23", "defragmented-3.4.23", "v2-content-3.4.23"] {
        let copy = copy_of(&testkit::data_dir(name));
        let step = Printed::preflight(&copy, "upgrade", &binaries.version).unwrap();
        let seen = serve(&binaries, &copy, &[]).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(
            (step.starts, step.revision, step.keys),
            (Some(true), Some(seen.revision), Some(seen.contents.len())),
            "{name}: {step:?}"
        );
    }
}

#[test]
fn the_next_command_of_a_comparison_runs() {
    let Some(binaries) = tools().pop() else {
        return;
    };
    for name in [
        "k8s-1.20-cluster3",
        "alarm-corrupt-3.5.30",
        "diverged-3.5.30",
    ] {
        let paths = NAMES.map(|member| testkit::data_dir(&format!("{name}/{member}")));
        let mut arguments = vec!["compare"];
        arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
        arguments.extend(["-o", "json"]);
        let said = inspect(&arguments);
        let next = said["next"][0].as_str().unwrap_or_else(|| panic!("{said}"));
        let line = format!("{next} > /dev/null; [ $? -le 1 ]");
        let folder = tempfile::tempdir().unwrap();
        run(&[line], &binaries, folder.path()).unwrap();
    }
}
