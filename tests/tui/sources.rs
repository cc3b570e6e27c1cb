//! One history of every source: db, log and carved records, with who wrote each line by the revision that changed it.

use etcd_inspect::logs::audit::AuditLog;
use etcd_inspect_tui::Options;

use crate::browser::{Browser, link, path, seal};

const MEMBER: &str = "k8s-1.20-etcd35";

/// The db of a member, without its log.
fn db_alone(name: &str) -> Browser {
    let db = testkit::data_dir(name).join("member/snap/db");
    let db = link(&format!("{name}.db"), &db);
    Browser::open_paths(vec![db], (160, 40), Options::default())
}

#[test]
fn carved_versions_are_rows_of_the_history_without_being_asked_for() {
    let sealed = seal("etcd-3.5.30");
    let mut browser = db_alone("etcd-3.5.30");
    browser.command("key /registry/things/ns1/k59").press("H");
    let picture = browser.draw();
    let carved = |line: &&str| line.contains(" C ") && line.contains("PUT?");
    assert!(picture.lines().any(|line| carved(&line)), "{picture}");
    let title = picture.lines().find(|line| line.contains("versions: db"));
    assert!(
        title.is_some_and(|title| title.contains("· C ")),
        "{picture}"
    );
    // Its place, its bytes, and the comparison of one of each source.
    browser.press("G D g g");
    assert!(browser.shows("(carved: "), "{}", browser.draw());
    browser.press("G g p");
    assert_eq!(browser.place().0, "Pages", "{}", browser.draw());
    browser.press("[");
    assert_eq!(browser.place().0, "History", "{}", browser.draw());
    browser.press("W");
    assert!(!browser.shows("PUT?"), "{}", browser.draw());
    sealed.assert_unchanged();
}

#[test]
fn carving_says_how_many_versions_it_found() {
    let mut browser = db_alone("etcd-3.5.30");
    browser.command("key /registry/things/ns1/k59").press("H C");
    assert!(browser.shows("carved: "), "{}", browser.draw());
}

#[test]
fn a_line_belongs_to_the_revision_that_changed_it() {
    let mut browser = Browser::open(MEMBER, (160, 45));
    browser.command("deploy/api -n team-b");
    let picture = browser.draw();
    let line = |field: &str| {
        let found = picture.lines().find(|line| line.contains(field));
        found.unwrap_or_else(|| panic!("{field}: {picture}"))
    };
    // As `blame` says: created at 799, scaled to 3 at 4,148.
    assert!(line("│   replicas: 3").contains(" 4,148 "), "{picture}");
    assert!(line("kind: Deployment").contains(" 799 "), "{picture}");
    browser.press("b");
    assert!(!browser.shows(" 4,148 "), "{}", browser.draw());
}

#[test]
fn an_entry_of_the_log_is_shown_as_the_object_that_it_wrote() {
    let sealed = seal(MEMBER);
    let mut browser = Browser::open(MEMBER, (160, 45));
    browser.command("deploy/api -n team-b").press("H G g w y");
    let picture = browser.draw();
    for part in ["objects that it wrote", "kind: Deployment", "replicas: 2"] {
        assert!(picture.contains(part), "{part}: {picture}");
    }
    browser.press("y");
    assert!(!browser.shows("replicas: 2"), "{}", browser.draw());
    sealed.assert_unchanged();
}

#[test]
fn objects_of_log_entries_hide_secrets() {
    let mut browser = Browser::open(MEMBER, (160, 45));
    browser.command("secret/opaque -n team-a").press("H g w y");
    let picture = browser.draw();
    assert!(picture.contains("kind: Secret"), "{picture}");
    assert!(
        picture.contains("••••") && picture.contains("X shows them"),
        "{picture}"
    );
}

#[test]
fn times_have_their_uncertainty_if_it_is_more_than_a_second() {
    let mut browser = Browser::open_paths(
        vec![path("k8s-1.20-cluster3/m2")],
        (160, 45),
        Options::default(),
    );
    browser.command("deploy/api -n team-b").press("H");
    let picture = browser.draw();
    assert!(!picture.contains("±1s"), "{picture}");
    assert!(picture.contains("±2s"), "{picture}");
}

/// The picture without the row of messages.
fn picture(browser: &mut Browser) -> String {
    let picture = browser.draw();
    let mut rows: Vec<&str> = picture.lines().collect();
    rows.remove(rows.len() - 2);
    rows.join("\n")
}

#[test]
fn back_leads_to_the_place_and_the_form_that_it_was_shown_in() {
    let mut browser = Browser::open(MEMBER, (160, 45));
    browser.command("deploy/api -n team-b").press("H j j y");
    let version = picture(&mut browser);
    assert!(version.contains("version v51"), "{version}");
    browser.press("g w y");
    let objects = picture(&mut browser);
    assert!(objects.contains("objects that it wrote"), "{objects}");
    browser.press("6 v");
    let metric = picture(&mut browser);
    browser.press("3 [");
    assert_eq!(picture(&mut browser), metric);
    browser.press("[");
    assert_eq!(picture(&mut browser), objects);
    browser.press("[");
    assert_eq!(picture(&mut browser), version);
}

#[test]
fn users_of_an_audit_log_are_named_in_history_and_beside_lines() {
    let folder = tempfile::tempdir().unwrap();
    let packed = testkit::root().join("fixtures/audit");
    let tar = std::process::Command::new("tar")
        .args(["--zstd", "-xSf"])
        .arg(packed.join("data.tar.zst"))
        .current_dir(&folder)
        .status();
    assert!(tar.unwrap().success());
    let log = AuditLog::read(&[packed.join("audit.jsonl.gz")]).unwrap();
    let data = folder.path().join("data");
    let sealed = testkit::Seal::read(&data);
    let options = Options {
        audit_log: Some(std::sync::Arc::new(log)),
        key: Some(b"/registry/deployments/full/dep-alice".to_vec()),
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![data], (120, 36), options);
    let picture = browser.work().draw();
    assert!(picture.contains("alice"), "{picture}");
    let picture = browser.press("H").work().draw();
    let rows = picture.lines().filter(|line| line.contains(" PUT "));
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows.len(), 2, "{picture}");
    assert!(
        rows.iter().all(|row| row.contains("alice with kubectl")),
        "{picture}"
    );
    sealed.assert_unchanged();
}
