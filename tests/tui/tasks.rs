//! What a tired operator wants to know, and in how many keys at most, those that are typed included. Each begins at Home.

use etcd_inspect_tui::Options;

use crate::browser::{Browser, path, seal};

const MEMBER: &str = "k8s-1.20-etcd35";

/// Presses keys, one a character: `⏎` is Enter, `←` Escape; counts them.
fn pressed(keys: &str, most: usize) -> Browser {
    let sealed = seal(MEMBER);
    let options = Options {
        screen: Some(0),
        ..Options::default()
    };
    let mut browser = Browser::open_paths(vec![path(MEMBER)], (120, 36), options);
    assert!(
        keys.chars().count() <= most,
        "{keys} has more than {most} keys"
    );
    for key in keys.chars() {
        match key {
            '⏎' => _ = browser.press("enter"),
            ' ' => _ = browser.press("space"),
            key => _ = browser.press(&key.to_string()),
        }
    }
    sealed.assert_unchanged();
    browser
}

#[test]
fn the_last_yaml_of_a_deleted_object_is_copied_so_that_it_can_be_created_again() {
    let mut browser = pressed(":po⏎A}cR", 15);
    let copied = browser.copied.last().cloned();
    let yaml = copied.unwrap_or_else(|| panic!("{}", browser.draw()));
    assert!(
        yaml.contains("kind: Pod") && !yaml.contains("resourceVersion") && !yaml.contains("uid:"),
        "{yaml}"
    );
    assert!(
        browser.shows("✕ ") && browser.shows("deleted ~"),
        "{}",
        browser.draw()
    );
    assert!(browser.shows("its last version"), "{}", browser.draw());
    assert!(browser.shows("kind: Pod"), "{}", browser.draw());
}

#[test]
fn the_largest_value_of_the_whole_db_is_the_first_row() {
    let mut browser = pressed("1S", 4);
    let picture = browser.draw();
    let first = picture.lines().find(|line| line.contains("│>"));
    let first = first.unwrap_or_else(|| panic!("{picture}"));
    assert!(first.contains("/registry/ranges/serviceips"), "{first}");
    assert!(picture.contains("SIZE↓"), "{picture}");
    // The bytes of the value, not those of its record.
    let data = browser.app.session().data().unwrap().clone();
    let live = data
        .keyspace()
        .live(&etcd_inspect::answers::KeyRange::all(), None)
        .unwrap();
    let largest = live
        .iter()
        .filter_map(|version| Some(version.key_value().ok()?.value.len()))
        .max();
    let shown = etcd_inspect::text::number::size(largest.unwrap() as u64);
    assert!(first.contains(&shown), "{shown}: {first}");
}

#[test]
fn certificates_are_listed_by_their_end() {
    let mut browser = pressed(":certs⏎", 7);
    assert!(
        browser.shows("EXPIRES") && browser.shows("CN=kube-apiserver"),
        "{}",
        browser.draw()
    );
}

#[test]
fn pods_are_sorted_by_restarts() {
    let mut browser = pressed(":po⏎se", 10);
    let picture = browser.draw();
    assert!(picture.contains("RESTARTS·C↓"), "{picture}");
    assert_eq!(picture.matches("RESTARTS").count(), 1, "{picture}");
}

/// The letter after a heading, or the one of its own that is underlined.
#[test]
fn every_column_has_a_letter_that_orders_by_it_without_a_list() {
    let mut browser = pressed(":po⏎", 4);
    for (letter, heading) in [
        ("C", "RESTARTS·C↓"),
        ("E", "NAME↑"),
        ("P", "NAMESPACE↑"),
        ("U", "STATUS↑"),
        ("S", "SIZE↓"),
        ("S", "SIZE↑"),
        ("I", "HISTORY↓"),
        ("L", "LAST-WRITE~↓"),
        ("V", "VER↓"),
        ("O", "AGE·O↑"),
    ] {
        let picture = browser.press(letter).draw();
        assert!(picture.contains(heading), "{letter}: {picture}");
        assert!(!picture.contains("means nothing"), "{letter}: {picture}");
    }
    let picture = browser.press("Q").draw();
    assert!(picture.contains("means nothing"), "{picture}");
}

#[test]
fn words_after_a_command_that_takes_none_are_named_and_a_long_message_is_not_cut() {
    let mut browser = pressed("", 0);
    for line in ["certs x", "members 3", "quit now", "latest 3"] {
        let picture = browser.command(line).draw();
        assert!(picture.contains("takes no argument"), "{line}: {picture}");
    }
    let picture = browser.command("key").draw();
    assert!(picture.contains("key KEY: to a raw key"), "{picture}");
    browser.resize((60, 24));
    browser.command("rev 99999");
    let picture = browser.draw();
    assert!(
        picture.contains("revision 99999 is not retained"),
        "{picture}"
    );
    assert!(
        picture.contains("carved records have of a key"),
        "{picture}"
    );
}

#[test]
fn the_state_of_a_while_ago_is_shown() {
    // The member has run for 77 seconds: seconds take as many keys as minutes.
    let mut browser = pressed("t-10s⏎", 6);
    assert!(browser.shows("IN THE PAST"), "{}", browser.draw());
    let (now, then) = (browser.app.session().ruler.last, browser.place().2);
    assert!(then < now);
}

#[test]
fn who_scaled_a_deployment_is_named() {
    let mut browser = pressed(":deploy/api⏎GHs", 20);
    let picture = browser.draw();
    assert_eq!(browser.place().0, "History", "{picture}");
    let row = picture.lines().find(|line| line.contains("spec.replicas"));
    let row = row.unwrap_or_else(|| panic!("{picture}"));
    assert!(row.contains("kubectl") || row.contains("unknown"), "{row}");
}

#[test]
fn a_table_is_that_of_kubectl_with_what_etcd_knows_and_leads_back() {
    let mut browser = Browser::open(MEMBER, (200, 60));
    browser.command("po -n prod -l app=web");
    let table = browser.draw();
    for heading in [
        "NAME", "READY", "STATUS", "RESTARTS", "AGE", "VER", "SIZE", "HISTORY", "BY",
    ] {
        assert!(table.contains(heading), "{heading}: {table}");
    }
    browser.press("enter");
    assert!(browser.shows("kind: Pod"), "{}", browser.draw());
    browser.press("H");
    assert_eq!(browser.place().0, "History");
    browser.press("[");
    assert_eq!(
        (browser.place().0.as_str(), browser.shows("READY")),
        ("Browse", true)
    );
    browser.press("esc \\");
    assert!(
        !browser.shows("READY") && browser.shows("keys at this revision"),
        "{}",
        browser.draw()
    );
    browser.press("\\");
    assert!(browser.shows("READY"), "{}", browser.draw());
}

#[test]
fn tables_and_the_largest_values_look_so() {
    let mut browser = Browser::open(MEMBER, (80, 24));
    for (name, keys) in [
        ("table_pods", ":po⏎"),
        ("table_deleted", "A}"),
        ("table_sorted", "ss"),
        ("table_largest", "\\S"),
    ] {
        for key in keys.chars() {
            match key {
                '⏎' => _ = browser.press("enter"),
                key => _ = browser.press(&key.to_string()),
            }
        }
        for size in [(80, 24), (120, 36), (200, 60)] {
            let picture = browser.resize(size).draw();
            let mut rows: Vec<&str> = picture.lines().collect();
            rows[1] = "(tabs)";
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), rows.join("\n"));
        }
    }
}
