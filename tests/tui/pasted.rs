//! What is copied answers the same when it is pasted, and what is marked is what the cursor is on.

use etcd_inspect::{ReadBy, ReadingFlag};
use etcd_inspect_tui::Options;

use crate::browser::{Browser, link, path};

const MEMBER: &str = "k8s-1.20-etcd35";

fn copied(browser: &mut Browser, presses: &str) -> String {
    browser.press(presses);
    let copied = browser.copied.pop();
    copied.unwrap_or_else(|| panic!("{presses}: {}", browser.draw()))
}

#[test]
fn the_mark_and_the_note_are_of_the_version_under_the_cursor() {
    let mut browser = Browser::open(MEMBER, (160, 40));
    browser.command("deploy/web -n prod").press("H j");
    let (_, crumbs, _) = browser.place();
    let (_, revision) = crumbs.rsplit_once("revision ").unwrap();
    let newest = browser.app.session().ruler.last;
    assert_ne!(revision.replace(',', ""), newest.to_string());
    browser.press("M");
    let said = format!("revision {revision} is marked as evidence");
    assert!(browser.shows(&said), "{said}: {}", browser.draw());
    browser.command("note scaled here").command("notes");
    let noted = format!("revision {revision} at {revision}");
    assert!(browser.shows(&noted), "{noted}: {}", browser.draw());
}

#[test]
fn the_command_of_a_deleted_object_has_a_revision_at_which_it_exists() {
    let mut browser = Browser::open(MEMBER, (160, 40));
    browser.command("po -A").press("A }");
    let picture = browser.draw();
    let (_, rest) = picture
        .split_once("its last version, of revision ")
        .unwrap();
    let revision = rest.split(' ').next().unwrap().replace(',', "");
    let command = copied(&mut browser, "c c");
    assert!(
        command.contains(&format!(" --rev {revision} ")),
        "{command}"
    );
    let object = copied(&mut browser, "c v");
    assert!(object.contains("kind: Pod"), "{object}");
}

#[test]
fn copied_commands_have_the_flags_with_which_the_browser_was_started() {
    let flag = |name, value: &str, read_by| ReadingFlag {
        name,
        value: value.into(),
        read_by,
    };
    let options = Options {
        flags: vec![
            flag("--encryption-config", "enc 4.json", ReadBy::Values),
            flag("--meta", "older", ReadBy::Every),
        ],
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path(MEMBER)], (160, 40), options);
    let get = copied(browser.command("deploy/web -n prod"), "c c");
    let both = "--encryption-config 'enc 4.json' --meta older";
    assert!(get.ends_with(&format!("-d {MEMBER} {both}")), "{get}");
    let wal = copied(browser.command("wal"), "c c");
    assert!(wal.ends_with(&format!("{MEMBER} --meta older")), "{wal}");
}

#[test]
fn an_entry_of_the_log_leads_to_the_version_that_it_wrote() {
    let mut browser = Browser::open(MEMBER, (160, 40));
    browser.command("wal 3987").press("g r");
    let (_, _, revision) = browser.place();
    assert!(revision < browser.app.session().ruler.last, "{revision}");
    browser.press("[ g k");
    assert_eq!(browser.place().2, revision, "{}", browser.draw());
    browser.press("[");
    assert_eq!(browser.place().0, "WAL");
}

#[test]
fn a_time_that_is_asked_for_twice_in_a_row_is_shown_and_the_end_of_the_data_is_said() {
    let mut browser = Browser::open(MEMBER, (160, 40));
    browser.idle = true;
    browser.command("at -30s").command("at 2090-01-01");
    assert!(
        browser.shows("no write is known to be later"),
        "{}",
        browser.draw()
    );
    browser.work();
    let ruler = &browser.app.session().ruler;
    let known = ruler.time.filter(|(revision, _)| *revision == ruler.last);
    assert!(known.is_some_and(|(_, time)| time.is_some()), "{ruler:?}");
}

#[test]
fn a_condition_after_a_slash_is_named_and_not_looked_for_as_a_key() {
    let mut browser = Browser::open(MEMBER, (160, 40));
    let picture = browser.command("/size:>10k").draw();
    assert!(picture.contains("size:>10k is not understood"), "{picture}");
    assert!(!picture.contains("is stored"), "{picture}");
}

#[test]
fn a_row_that_the_log_deleted_is_no_live_row_of_a_damaged_db() {
    let copy = testkit::fixture_copy(MEMBER);
    // The leaf with the deletion of the pod agent-6kh89, at revision 2,136.
    let db = copy.data_dir().join("member/snap/db");
    let mut bytes = std::fs::read(&db).unwrap();
    bytes[1416 * 4096..1417 * 4096].fill(0);
    std::fs::write(&db, bytes).unwrap();
    let path = link("lost-tombstone", &copy.data_dir());
    let mut browser = Browser::open_paths(vec![path], (200, 40), Options::default());
    let picture = browser.command("po -n team-a").draw();
    let mut rows = picture.lines().filter(|line| line.contains('│'));
    let row = rows.find(|line| line.contains("agent-6kh89"));
    let row = row.unwrap_or_else(|| panic!("{picture}"));
    assert!(row.contains("✕ agent-6kh89"), "{row}");
    assert!(
        row.contains("deleted rev 2,136, as the log has it"),
        "{row}"
    );
    assert!(picture.contains("damaged db"), "{picture}");
}
