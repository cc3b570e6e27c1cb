//! Salvage from the plan: the dry run, what is refused, and the file after a typed `yes`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use etcd_inspect::check::{Depth, check};
use etcd_inspect::member::Member;
use etcd_inspect::progress::Silent;
use etcd_inspect_tui::Options;
use testkit::Seal;

use crate::browser::{Browser, path};

/// Pages of the db are damaged, and the log is whole.
const DAMAGED: &str = "D20";

/// A browser on damaged evidence, a directory to write into, and the evidence sealed.
struct Bench {
    browser: Browser,
    copy: testkit::Copy,
    seal: Seal,
    out: tempfile::TempDir,
}

impl Bench {
    fn open(incident: &str) -> Self {
        let copy = testkit::incidents::incident(incident).reproduce();
        // Where the fixtures' names are relative, so that both kinds can be opened in any order.
        let _ = path("k8s-1.20-etcd35");
        let out = tempfile::tempdir().unwrap();
        let options = Options {
            export_dir: out.path().to_path_buf(),
            ..Options::default()
        };
        let seal = Seal::read(&copy.data_dir());
        let mut browser = Browser::open_paths(vec![copy.data_dir()], (120, 36), options);
        browser.draw();
        Self {
            browser,
            copy,
            seal,
            out,
        }
    }

    /// The cursor on the salvage step of the plan.
    fn on_step(incident: &str, action: &str) -> Self {
        let mut bench = Self::open(incident);
        bench.browser.command("check").press("G");
        for _ in 0..20 {
            if bench.browser.place().1.ends_with(action) {
                return bench;
            }
            bench.browser.press("k");
        }
        panic!("no step {action}: {}", bench.browser.draw());
    }

    /// `e`, and a path instead of the proposed one.
    fn dry_run(&mut self, path: &str) {
        self.browser.press("e ctrl-u").type_in(path).press("enter");
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.out.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Nothing was written, neither beside the evidence nor to where it was to go.
    fn assert_nothing_written(&self) {
        assert_eq!(self.files(), Vec::<PathBuf>::new());
        self.seal.assert_unchanged();
    }
}

#[test]
fn the_plan_is_ranked_and_says_what_each_step_loses() {
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    let picture = bench.browser.draw();
    assert!(picture.contains("plan  salvage · loses 0"), "{picture}");
    assert!(picture.contains("e salvage"), "the hint bar: {picture}");
    bench.browser.press("c c");
    let copied = bench.browser.copied.last().unwrap();
    assert!(copied.starts_with("etcd-inspect salvage "), "{copied}");
    assert!(copied.contains("snapshot restore"), "{copied}");
    bench.browser.press("?").type_in("salvage");
    assert!(
        bench
            .browser
            .shows("on a plan step: salvage, dry run first"),
        "{}",
        bench.browser.draw()
    );
}

#[test]
fn the_dry_run_shows_what_would_be_written_and_writes_nothing() {
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    bench.dry_run("m1.db");
    let picture = bench.browser.draw();
    for text in [
        "dry run: nothing has been written",
        "m1.db",
        "live keys",
        "db+log",
        "mode 0600",
        "only a typed yes does:",
    ] {
        assert!(picture.contains(text), "{text}: {picture}");
    }
    bench.assert_nothing_written();
}

#[test]
fn what_is_lost_is_named_before_anything_is_written() {
    // An entry in the middle of the log is damaged, and the db does not have it yet.
    let mut bench = Bench::on_step("W08", "salvage");
    bench.dry_run("m1.db");
    let picture = bench.browser.draw();
    assert!(picture.contains("lost     "), "{picture}");
    bench.assert_nothing_written();
}

#[test]
fn a_typed_no_writes_nothing() {
    for answer in ["no", "y", "yess", "YES", ""] {
        let mut bench = Bench::on_step(DAMAGED, "salvage");
        bench.dry_run("m1.db");
        bench.browser.type_in(answer).press("enter");
        assert!(
            bench.browser.shows("nothing was written"),
            "{answer}: {}",
            bench.browser.draw()
        );
        bench.assert_nothing_written();
    }
}

#[test]
fn a_path_that_exists_or_is_inside_the_evidence_is_refused_in_words() {
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    let inside = bench.copy.data_dir().join("member/m1.db");
    let deep = bench.copy.data_dir().join("m1.db");
    for path in [&inside, &deep] {
        bench.dry_run(path.to_str().unwrap());
        let picture = bench.browser.draw();
        assert!(
            picture.contains("is inside or above the evidence"),
            "{picture}"
        );
        bench.assert_nothing_written();
    }
    let link = bench.out.path().join("link");
    std::os::unix::fs::symlink(bench.copy.data_dir(), &link).unwrap();
    bench.dry_run("link/m1.db");
    assert!(bench.browser.shows("is inside or above the evidence"));
    std::fs::remove_file(link).unwrap();
    bench.dry_run("no-such-directory/m1.db");
    assert!(
        bench.browser.shows("No such file"),
        "{}",
        bench.browser.draw()
    );
    let there = bench.out.path().join("there.db");
    std::fs::write(&there, "mine").unwrap();
    bench.dry_run("there.db");
    assert!(
        bench.browser.shows("it is never overwritten"),
        "{}",
        bench.browser.draw()
    );
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
    bench.seal.assert_unchanged();
}

#[test]
fn a_path_that_comes_into_being_before_the_yes_is_not_overwritten() {
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    bench.dry_run("m1.db");
    let file = bench.out.path().join("m1.db");
    std::fs::write(&file, "mine").unwrap();
    bench.browser.type_in("yes").press("enter");
    assert!(
        bench.browser.shows("it is never overwritten"),
        "{}",
        bench.browser.draw()
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert_eq!(bench.files(), [file]);
    bench.seal.assert_unchanged();
}

#[test]
fn a_typed_yes_writes_a_private_backup_that_passes_our_check() {
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    bench.dry_run("m1.db");
    bench.browser.type_in("yes").press("enter");
    let picture = bench.browser.draw();
    assert!(picture.contains("c copies this command"), "{picture}");
    let file = bench.out.path().join("m1.db");
    assert_eq!(bench.files(), std::slice::from_ref(&file));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    bench.browser.press("c");
    let command = bench.browser.copied.last().unwrap().clone();
    assert!(command.contains("snapshot restore"), "{command}");
    assert!(command.contains(file.to_str().unwrap()), "{command}");
    bench.browser.press("q");
    assert!(!bench.browser.shows("c copies this command"));
    bench.seal.assert_unchanged();
    assert_clean(&file);
}

/// The command that the browser shows, run as it is, and the member that it makes, started.
#[test]
fn real_etcd_restores_and_serves_the_backup_that_the_browser_wrote() {
    let Some(binaries) = testkit::etcd::Binaries::newest("3.5") else {
        return eprintln!("no etcd 3.5 here");
    };
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    bench.dry_run("m1.db");
    bench.browser.type_in("yes").press("enter");
    bench.browser.press("c");
    let command = bench.browser.copied.last().unwrap().clone();
    let ran = std::process::Command::new("/bin/sh")
        .args(["-c", &command])
        .env("PATH", binaries.dir())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command}: {said}");
    let backup = bench.out.path().join("m1.db");
    let restored = bench.out.path().join("m1-restored");
    let member = Member::open(&backup).unwrap();
    let keyspace = member.readable_keyspace().unwrap();
    let flags = ["--force-new-cluster"];
    let patience = std::time::Duration::from_secs(40);
    let server = testkit::etcd::Server::start(&binaries, &restored, &flags, patience)
        .unwrap_or_else(|not| panic!("{}", not.log));
    let answer = server.json(&["get", "--prefix", "", "--keys-only"]);
    assert_eq!(
        answer["count"].as_u64(),
        Some(keyspace.live_count() as u64),
        "{answer}"
    );
    let revision = answer["header"]["revision"].as_i64();
    assert_eq!(revision, Some(keyspace.revision()));
    server.stop();
    bench.seal.assert_unchanged();
}

/// Our own check of every value finds no error, and the state is the one that the evidence acknowledges.
fn assert_clean(file: &Path) {
    let member = Member::open(file).unwrap();
    let report = check(&member, Depth::Deep, &Silent);
    let errors: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.severity == etcd_inspect::Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(member.readable_keyspace().unwrap().live_count() > 0);
}

#[test]
fn escape_and_control_c_leave_no_file_at_any_point() {
    // While the path is typed.
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    bench.browser.press("e esc");
    bench.browser.press("e ctrl-c");
    // At the question.
    bench.dry_run("m1.db");
    bench.browser.type_in("ye").press("esc");
    bench.dry_run("m1.db");
    bench.browser.type_in("yes").press("ctrl-c");
    bench.assert_nothing_written();
    // While the task of the dry run, or of the write, runs.
    for stop in ["esc", "ctrl-c"] {
        bench.browser.idle = true;
        bench.dry_run("m1.db");
        bench.browser.press(stop).work();
        assert!(
            bench.browser.shows("nothing was written"),
            "{}",
            bench.browser.draw()
        );
        bench.browser.press("esc");
        bench.dry_run("m1.db");
        bench.browser.idle = true;
        bench
            .browser
            .type_in("yes")
            .press("enter")
            .press(stop)
            .work();
        assert!(
            bench.browser.shows("nothing was written"),
            "{}",
            bench.browser.draw()
        );
        bench.browser.press("esc");
        bench.assert_nothing_written();
    }
}

#[test]
fn a_corrected_copy_is_shown_byte_by_byte_before_it_is_written() {
    let mut bench = Bench::on_step("D28", "correct");
    bench.dry_run("m1-corrected");
    let picture = bench.browser.draw();
    assert!(picture.contains("proof: "), "{picture}");
    bench.assert_nothing_written();
    bench.browser.type_in("yes").press("enter");
    let copy = bench.out.path().join("m1-corrected");
    assert!(
        copy.join("member/snap/db").exists(),
        "{}",
        bench.browser.draw()
    );
    bench.browser.press("c");
    assert!(bench.browser.copied.last().unwrap().contains("preflight"));
    bench.seal.assert_unchanged();
}

#[test]
fn a_step_of_etcd_itself_says_how_to_do_it() {
    let mut bench = Bench::on_step("C00", "start");
    bench.browser.press("e");
    assert!(
        bench
            .browser
            .shows("is done outside of the browser: cc copies its commands"),
        "{}",
        bench.browser.draw()
    );
    bench.assert_nothing_written();
}

#[test]
fn away_from_the_plan_e_begins_its_chords() {
    let mut bench = Bench::on_step(DAMAGED, "salvage");
    bench.browser.press("G e v");
    assert!(
        bench.browser.shows("export-view"),
        "{}",
        bench.browser.draw()
    );
}

#[test]
fn several_copies_are_salvaged_together_from_compare() {
    let _ = path("k8s-1.20-etcd35");
    let out = tempfile::tempdir().unwrap();
    let options = Options {
        export_dir: out.path().to_path_buf(),
        ..Options::default()
    };
    let members = ["k8s-1.20-cluster3/m2", "k8s-1.20-cluster3/m1"];
    let paths = members.iter().map(|name| path(name)).collect();
    let mut browser = Browser::open_paths(paths, (120, 36), options);
    browser.command("compare").press("e");
    assert!(browser.shows("salvaged.db"), "{}", browser.draw());
    browser.press("enter");
    let picture = browser.draw();
    assert!(
        picture.contains("salvage k8s-1.20-cluster3-m2 k8s-1.20-cluster3-m1"),
        "{picture}"
    );
    browser.type_in("yes").press("enter");
    assert_clean(&out.path().join("salvaged.db"));
}

#[test]
fn pictures() {
    for size in [(120, 36), (80, 24)] {
        let mut browser = Browser::open("k8s-1.20-etcd35", size);
        browser.draw();
        browser.command("check").press("j");
        golden("check_step", &mut browser);
        browser.command("salvage /tmp/etcd-inspect-golden.db");
        golden("salvage", &mut browser);
    }
}

fn golden(name: &str, browser: &mut Browser) {
    let picture = browser.draw();
    let mut rows: Vec<&str> = picture.lines().collect();
    rows[1] = "(tabs)";
    let name = format!("{name}_{}x{}", browser.size.0, browser.size.1);
    insta::assert_snapshot!(name, rows.join("\n"));
}
