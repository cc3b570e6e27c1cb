//! No secret leaves the binary unless somebody asks for it: neither in clear text nor in base64 nor in hex, by no verb and
//! in no form of output.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::verbs::{self, Subject, on_all_cores};
use testkit::{Copy, Seal, data_dir, fixture, fixture_copy, members_of};

use crate::run::{RunResult, command, etcd_inspect};

const MEMBER: &str = "k8s-1.20-etcd35";

const FORMS: &[&str] = &[
    "table", "wide", "json", "jsonl", "yaml", "csv", "tsv", "name", "raw", "hex",
];

fn data() -> PathBuf {
    data_dir(MEMBER)
}

/// One value of a Secret, and how it may not be seen.
struct Canary {
    namespace: String,
    name: String,
    field: String,
    plain: Vec<u8>,
    forms: Vec<(&'static str, String)>,
}

impl Canary {
    fn new(secret: &Value, field: &str, plain: Vec<u8>) -> Self {
        // Its end: tokens begin alike.
        let tail = plain[plain.len().saturating_sub(30)..].to_vec();
        let hex: Vec<String> = tail
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut forms = vec![
            ("plain", String::from_utf8_lossy(&tail).into_owned()),
            ("hex", hex.concat()),
            ("hex dump", hex.join(" ")),
        ];
        // Within something longer that is encoded as a whole it may begin at any of three places.
        for (shift, name) in ["base64", "base64 + 1", "base64 + 2"]
            .into_iter()
            .enumerate()
        {
            let mut padded = vec![0; shift];
            padded.extend(&tail);
            let text = STANDARD.encode(padded);
            forms.push((name, text[4..text.len() - 4].to_owned()));
        }
        // A field of Secret.data is base64 already: once more where the object is encoded as text.
        let encoded = STANDARD.encode(&plain);
        forms.push((
            "base64 of the whole",
            encoded[..encoded.len().min(40)].to_owned(),
        ));
        Self {
            namespace: secret["metadata"]["namespace"].as_str().unwrap().to_owned(),
            name: secret["metadata"]["name"].as_str().unwrap().to_owned(),
            field: field.to_owned(),
            plain,
            forms,
        }
    }

    fn key(&self) -> String {
        format!("/registry/secrets/{}/{}", self.namespace, self.name)
    }

    #[track_caller]
    fn assert_hidden(&self, line: &[&str], said: &RunResult) {
        for (stream, text) in [("stdout", &said.out), ("stderr", &said.err)] {
            for (form, shown) in &self.forms {
                assert!(
                    !text.contains(shown.as_str()),
                    "{} of {} as {form} on {stream} of {line:?}",
                    self.field,
                    self.name
                );
            }
        }
    }
}

/// Tokens and other values that are nowhere but in their Secret.
fn canaries() -> Vec<Canary> {
    let files = members_of(&fixture(MEMBER).join("truth/api.tar.zst"));
    let list: Value = serde_json::from_slice(&files["api/v1_secrets.json"]).unwrap();
    let mut found = Vec::new();
    for secret in list["items"].as_array().unwrap() {
        for (field, value) in secret["data"].as_object().into_iter().flatten() {
            let plain = STANDARD.decode(value.as_str().unwrap()).unwrap();
            // Certificates and names of namespaces are public and are stored elsewhere too.
            if plain.len() >= 12 && !["ca.crt", "tls.crt", "namespace"].contains(&field.as_str()) {
                found.push(Canary::new(secret, field, plain));
            }
        }
    }
    assert!(found.len() > 10, "{}", found.len());
    found
}

fn run(line: &[&str]) -> RunResult {
    let path = data();
    let path = path.to_str().unwrap().to_owned();
    let words: Vec<&str> = line
        .iter()
        .map(|word| if *word == "PATH" { path.as_str() } else { word })
        .collect();
    etcd_inspect(words)
}

/// Runs every line in every form, two at a time, and looks for every canary.
fn nothing_leaks(lines: &[Vec<&str>], canaries: &[Canary]) {
    let seal = Seal::read(&data());
    let all: Vec<Vec<&str>> = lines
        .iter()
        .flat_map(|line| {
            FORMS.iter().map(|form| {
                let mut line = line.clone();
                line.extend(["-o", form]);
                line
            })
        })
        .collect();
    let half = all.len().div_ceil(2);
    std::thread::scope(|scope| {
        for part in all.chunks(half) {
            scope.spawn(move || {
                for line in part {
                    let said = run(line);
                    for canary in canaries {
                        canary.assert_hidden(line, &said);
                    }
                }
            });
        }
    });
    seal.assert_unchanged();
}

#[test]
fn get_and_history_hide_secrets_by_type_by_name_and_by_raw_key() {
    let canaries = canaries();
    let one = &canaries[0];
    let key = one.key();
    let noun = format!("secret/{}", one.name);
    let namespace = one.namespace.as_str();
    nothing_leaks(
        &[
            vec!["get", "secrets", "-A", "-d", "PATH"],
            vec!["get", &noun, "-n", namespace, "-d", "PATH"],
            vec![
                "get", &noun, "-n", namespace, "--stored", "--full", "-d", "PATH",
            ],
            vec!["get", &noun, "-n", namespace, "--describe", "-d", "PATH"],
            vec!["get", &key, "-d", "PATH"],
            vec!["get", "--key", &key, "--stored", "-d", "PATH"],
            vec!["get", "--prefix", "/registry/secrets/", "-d", "PATH"],
            vec!["get", "/registry/secrets/**", "-d", "PATH"],
            vec!["history", &key, "-d", "PATH"],
            vec!["history", &key, "--diff", "--wal", "-d", "PATH"],
            vec!["history", "secrets", "-A", "--diff", "-d", "PATH"],
        ],
        &canaries,
    );
    for form in ["jsonpath={.data}", "custom-columns=D:.data,T:.data.token"] {
        let line = ["get", "secrets", "-A", "-o", form, "-d", "PATH"];
        let said = run(&line);
        canaries
            .iter()
            .for_each(|canary| canary.assert_hidden(&line, &said));
    }
}

#[test]
fn listings_searches_logs_and_checks_hide_secrets() {
    let canaries = canaries();
    let one = &canaries[0];
    let key = one.key();
    let word = String::from_utf8_lossy(&one.plain[..10]).into_owned();
    nothing_leaks(
        &[
            vec!["keys", "--values", "PATH"],
            vec![
                "keys",
                "--values",
                "--stored",
                "--prefix",
                "/registry/secrets/",
                "PATH",
            ],
            vec![
                "search",
                "-F",
                &word,
                "--in",
                "keys,values,history,wal",
                "-d",
                "PATH",
            ],
            vec!["search", "token", "-d", "PATH"],
            vec!["wal", "--key", "/registry/secrets/**", "PATH"],
            vec!["wal", "--raw", "PATH"],
            vec!["certs", "PATH"],
            vec!["check", "PATH"],
            vec!["check", "--deep", "PATH"],
            vec!["status", "PATH"],
            vec!["snap", "PATH"],
            vec!["space", "PATH"],
            vec!["leases", "PATH"],
            vec!["preflight", "--for", "start", "PATH"],
            vec!["meta", "--encryption", "PATH"],
            vec!["get", "--undecodable", "-d", "PATH"],
            vec!["page", "--key", &key, "PATH"],
        ],
        &canaries,
    );
}

#[test]
fn pages_that_hold_secrets_show_stars_in_their_place() {
    let canaries = canaries();
    let mut pages = std::collections::BTreeSet::new();
    for canary in &canaries {
        let said = run(&["page", "--key", &canary.key(), "-o", "json", "PATH"]);
        for row in said.rows() {
            let (page, more) = (
                row["page"].as_u64().unwrap(),
                row["overflow"].as_u64().unwrap(),
            );
            pages.extend((page..=page + more).map(|page| page.to_string()));
        }
    }
    assert!(pages.len() > 5, "{pages:?}");
    let mut stars = 0;
    for page in &pages {
        for line in [
            vec!["page", page, "-d", "PATH"],
            vec!["page", page, "-o", "json", "-d", "PATH"],
            vec!["page", page, "--hex", "-d", "PATH"],
            vec!["page", page, "-o", "raw", "-d", "PATH"],
        ] {
            let said = run(&line);
            stars += usize::from(said.out.contains("****"));
            canaries
                .iter()
                .for_each(|canary| canary.assert_hidden(&line, &said));
        }
    }
    assert!(stars > pages.len(), "{stars}");
}

#[test]
fn a_described_secret_shows_how_long_each_hidden_value_is() {
    for one in canaries().iter().step_by(20) {
        let noun = format!("secret/{}", one.name);
        let line = ["describe", &noun, "-n", &one.namespace, "-d", "PATH"];
        let said = run(&line);
        one.assert_hidden(&line, &said);
        let shown = format!("{} bytes", one.plain.len());
        let field = said
            .out
            .lines()
            .find_map(|row| row.strip_prefix(&format!("{}:", one.field)));
        assert_eq!(field.map(str::trim), Some(&*shown), "{}", said.out);
    }
}

#[test]
fn who_asks_for_an_object_by_its_name_sees_it() {
    let canaries = canaries();
    let one = &canaries[0];
    let noun = format!("secret/{}", one.name);
    let said = run(&[
        "get",
        &noun,
        "-n",
        &one.namespace,
        "--reveal",
        "-o",
        "json",
        "-d",
        "PATH",
    ]);
    let shown = said.json()["data"][&one.field].clone();
    assert_eq!(shown, STANDARD.encode(&one.plain));
    let raw = command()
        .args(["get", &one.key(), "--reveal", "-o", "raw", "-d"])
        .arg(data())
        .output()
        .unwrap();
    assert!(
        raw.stdout
            .windows(one.plain.len())
            .any(|window| window == one.plain)
    );
    // All of a type is not one object by its name.
    let line = [
        "get", "secrets", "-A", "--reveal", "-o", "json", "-d", "PATH",
    ];
    let said = run(&line);
    one.assert_hidden(&line, &said);
    assert!(said.err.contains("--reveal=all"), "{}", said.err);
    let said = run(&[
        "get",
        "secrets",
        "-A",
        "--reveal=all",
        "-o",
        "json",
        "-d",
        "PATH",
    ]);
    assert!(said.out.contains(&STANDARD.encode(&one.plain)));
    assert!(said.err.contains("clear text"), "{}", said.err);
}

#[test]
fn equal_secrets_have_equal_fingerprints_within_a_run_and_with_a_key_file_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fp.key");
    std::fs::write(&file, b"a key of ours").unwrap();
    let file = file.to_str().unwrap();
    let one = &canaries()[0];
    let noun = format!("secret/{}", one.name);
    let line = [
        "get",
        &noun,
        "-n",
        &one.namespace,
        "-o",
        "json",
        "-d",
        "PATH",
    ];
    let with = |more: &[&str]| {
        let said = run(&[&line[..], more].concat());
        said.json()["data"][&one.field].as_str().unwrap().to_owned()
    };
    assert_eq!(with(&["--fp-key", file]), with(&["--fp-key", file]));
    assert_ne!(with(&[]), with(&[]), "another key every run");
    assert!(with(&[]).starts_with("•••• fp "));
}

/// Every way of asking every verb about a secret: its key, its type, a word of it, the page it is on.
fn asked_about(canary: &Canary, path: &Path, other: &Path, outside: &Path) -> Vec<Vec<String>> {
    let key = canary.key();
    let at = run(&["page", "--key", &key, "-o", "json", "PATH"]);
    let page = at.rows()[0]["page"].to_string();
    let file = path.join("member/snap/db");
    let word = String::from_utf8_lossy(&canary.plain[..8]).into_owned();
    let subject = Subject {
        other,
        key: &key,
        prefix: "/registry/secrets/",
        noun: "secrets",
        word: &word,
        page: &page,
        ..Subject::new(path, &file, outside)
    };
    let mut lines = subject.lines(env!("CARGO_BIN_EXE_etcd-inspect"));
    lines.retain(|line| !verbs::reveals(line) && verbs::reads_evidence(line));
    lines
}

/// Runs every line and looks for every canary, a word that was itself searched for excepted.
fn all_hide(lines: Vec<Vec<String>>, canaries: &[Canary]) {
    on_all_cores(lines, |line| {
        let said = etcd_inspect(&line);
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        for canary in canaries {
            canary.assert_hidden(&words, &said);
        }
        assert!(!said.err.contains("has a bug"), "{line:?} {}", said.err);
    });
}

/// Does something to the bytes of a db.
type Damage = Box<dyn Fn(&mut Vec<u8>)>;

/// A copy of the member in which one byte of each canary is another: what comparing copies would show.
fn changed(canaries: &[Canary]) -> Copy {
    let copy = fixture_copy(MEMBER);
    let path = copy.data_dir().join("member/snap/db");
    let mut db = std::fs::read(&path).unwrap();
    let mut changes = 0;
    for canary in canaries {
        let places: Vec<usize> = memmem(&db, &canary.plain).collect();
        for at in places {
            db[at] ^= 1;
            changes += 1;
        }
    }
    assert!(changes > 5, "{changes}");
    std::fs::write(path, db).unwrap();
    copy
}

fn memmem<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = bytes.windows(needle.len()).enumerate();
    windows.filter_map(move |(at, window)| (window == needle).then_some(at))
}

#[test]
fn no_verb_with_any_of_its_flags_shows_a_secret() {
    let canaries = canaries();
    let other = changed(&canaries);
    let outside = tempfile::tempdir().unwrap();
    let data = data();
    let seal = Seal::read(&data);
    let lines = asked_about(&canaries[0], &data, &other.data_dir(), outside.path());
    assert!(lines.len() > 80, "{}", lines.len());
    // The comparison has something to show, and shows it hidden.
    let keys = etcd_inspect([
        OsStr::new("compare"),
        data.as_os_str(),
        other.data_dir().as_os_str(),
        OsStr::new("--keys"),
    ]);
    assert!(keys.out.contains("/registry/secrets/"), "{}", keys.out);
    all_hide(lines, &canaries);
    seal.assert_unchanged();
}

#[test]
fn no_verb_shows_a_secret_where_it_tells_of_damage() {
    let canaries = canaries();
    let db = "member/snap/db";
    let healthy = std::fs::read(data().join(db)).unwrap();
    let at: Vec<usize> = memmem(&healthy, &canaries[0].plain).collect();
    let page = at[0] / 4096 * 4096;
    let break_it: [(&str, Damage); 5] = [
        ("both metas gone", Box::new(|db| db[..8192].fill(0))),
        (
            "the leaf without header",
            Box::new(move |db| db[page..page + 16].fill(0xff)),
        ),
        (
            "elements beyond the page",
            Box::new(move |db| {
                for element in 1..8 {
                    db[page + 16 * element + 4..page + 16 * element + 8].fill(0xfe);
                }
            }),
        ),
        (
            "cut within the secret",
            Box::new(move |db| db.truncate(at[0] + 10)),
        ),
        (
            "tags of the message gone",
            Box::new({
                let at = memmem(&healthy, &canaries[0].plain).next().unwrap();
                move |db| db[at - 8..at].fill(0xff)
            }),
        ),
    ];
    for (turn, (case, damage)) in break_it.iter().enumerate() {
        let copy = fixture_copy(MEMBER);
        let path = copy.data_dir();
        let mut bytes = healthy.clone();
        damage(&mut bytes);
        std::fs::write(path.join(db), bytes).unwrap();
        let outside = tempfile::tempdir().unwrap();
        // Half of the questions, the other half of the next damage; of the directory and of the file alone in turns.
        let file = path.join(db);
        let place = if turn % 2 == 0 { &path } else { &file };
        let lines = asked_about(&canaries[0], place, &data(), outside.path());
        let some = verbs::sample(lines, turn, 2);
        assert!(some.len() > 30, "{case}: {}", some.len());
        all_hide(some, &canaries);
    }
}
