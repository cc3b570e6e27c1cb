//! What `:` and `/` understand, what they offer, and what they say of the rest.

use etcd_inspect_tui::Options;

use crate::browser::{Browser, path};

const MEMBER: &str = "k8s-1.20-etcd35";

#[test]
fn resources_are_asked_for_as_with_kubectl() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    for (line, crumbs) in [
        ("deploy web", "deployments › prod › web"),
        ("deploy prod web", "deployments › prod › web"),
        ("deploy/web -n prod", "deployments › prod › web"),
        ("deploy web --namespace=prod", "deployments › prod › web"),
        ("po prod", "pods › prod"),
        ("po -n prod", "pods › prod"),
        ("pods -A", "pods"),
        ("ns prod", "namespaces › prod"),
        ("no", "minions"),
    ] {
        browser.command(line);
        let (_, place, _) = browser.place();
        assert!(
            place.contains(crumbs),
            "{line}: {place}\n{}",
            browser.draw()
        );
    }
}

#[test]
fn labels_select_objects_also_of_another_time_and_back_leads_out_of_them() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("po -n prod -l app=web");
    let listed = browser.draw();
    assert!(listed.contains("pods -n prod -l app=web · "), "{listed}");
    assert!(listed.contains("web-"), "{listed}");
    assert!(!listed.contains(" db-"), "{listed}");
    browser.command("2200");
    assert!(
        browser.shows("PAST") && browser.shows("pods -n prod -l app=web"),
        "{}",
        browser.draw()
    );
    browser.press("T esc");
    assert!(browser.shows("keys at this revision"), "{}", browser.draw());
    browser.command("po -l app=nothing");
    assert!(
        browser.shows("no object is pods -l app=nothing"),
        "{}",
        browser.draw()
    );
    browser.command("po -l 'app in (web, api)' -A");
    assert!(browser.shows("web-"), "{}", browser.draw());
}

#[test]
fn what_a_line_does_not_understand_is_named_and_never_called_not_stored() {
    let mut browser = Browser::open(MEMBER, (160, 36));
    for (line, named) in [
        ("po -q", "-q is not understood"),
        ("po --wide", "--wide is not understood"),
        ("po prod web-1 x", "\"x\" is not understood"),
        ("po -l 'app=", "the quote ' does not end"),
        ("po -l app==,=", "-l: cannot read the selector"),
        ("po -n", "-n wants a value"),
        ("deploy/web x y", "\"y\" is not understood"),
        (
            "po nosuch",
            "\"nosuch\" is neither a namespace with po nor the name of one",
        ),
        (
            "po -n nosuch",
            "namespace \"nosuch\" has no po; these have: ",
        ),
        ("deploy/webb", "no deploy is called \"webb\"; \"web\" is"),
        ("deploy/web -n kube-system", "it is in prod"),
        (
            "frobnicate",
            "no command and no resource is called \"frobnicate\"",
        ),
        (
            "podz",
            "no command and no resource is called \"podz\": pods is",
        ),
        ("rev x", "\"x\" is neither a revision nor a time"),
        ("99999", "revision 99999 is not retained"),
        ("page x", "\"x\" is not understood"),
        ("@x", "\"@x\" is not understood"),
        ("F-99", "there is no finding F-99"),
        ("F-x", "\"F-x\" is not understood"),
    ] {
        browser.command(line);
        let picture = browser.draw();
        assert!(picture.contains(named), "{line}: {picture}");
        assert!(!picture.contains("is stored"), "{line}: {picture}");
    }
}

#[test]
fn a_filter_names_a_condition_that_it_does_not_know() {
    let mut browser = Browser::open(MEMBER, (160, 36));
    for (text, named) in [
        ("size:>10k", "size:>10k is not understood"),
        (
            "-l app=web",
            "-l is not understood here: :RESOURCE -l LABELS",
        ),
        (
            "-n prod",
            "-n is not understood here: in a filter a namespace is ns:NAMESPACE",
        ),
    ] {
        browser.press("/").type_in(text);
        let typing = browser.draw();
        assert!(typing.contains(named), "{text}: {typing}");
        assert!(!typing.contains("no key matches"), "{text}: {typing}");
        browser.press("enter");
        assert!(browser.shows(named), "{text}: {}", browser.draw());
    }
}

#[test]
fn numbers_findings_and_entries_need_no_name() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.command("4,000");
    assert_eq!(browser.place().2, 4000);
    browser.command("-3");
    assert_eq!(browser.place().2, 4268);
    browser.command("@4215");
    assert_eq!(browser.place().0, "WAL", "{}", browser.draw());
    assert!(browser.shows("4,215"), "{}", browser.draw());
}

#[test]
fn candidates_with_counts_are_there_before_anything_is_typed() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser.press(":");
    let open = browser.draw();
    assert!(
        open.contains("pods") && open.contains(" live ") && open.contains(" deleted"),
        "{open}"
    );
    assert!(open.contains("2500 · -3 · rev N"), "{open}");
    browser.type_in("po");
    let typed = browser.draw();
    let first = typed.lines().find(|row| row.contains(" live ")).unwrap();
    assert!(first.contains("pods"), "{typed}");
    browser.type_in(" -n ");
    assert!(
        browser.shows("po -n prod") && browser.shows(" keys"),
        "{}",
        browser.draw()
    );
    browser.press("down enter");
    assert!(
        browser.place().1.contains("pods › "),
        "{:?}",
        browser.place()
    );
}

#[test]
fn a_slash_looks_in_the_text_that_has_the_focus_and_two_filter_all_keys() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    browser
        .command("deploy web")
        .press("tab /")
        .type_in("image");
    let found = browser.draw();
    assert!(found.contains("/image  1 of "), "{found}");
    browser.press("enter n");
    assert!(browser.shows("/image  2 of "), "{}", browser.draw());
    browser.press("N N");
    let last = browser.draw();
    let count = last.split("/image  ").nth(1).unwrap().split_whitespace();
    let count: Vec<&str> = count.take(3).collect();
    assert_eq!(count[0], count[2], "{last}");
    browser.press("esc");
    assert!(!browser.shows("/image"), "{}", browser.draw());
    browser.press("/").type_in("nothing-such").press("enter");
    assert!(browser.shows("no line has it"), "{}", browser.draw());
    browser.press("esc / /").type_in("configmaps/prod");
    assert!(
        browser.shows("filter configmaps/prod"),
        "{}",
        browser.draw()
    );
}

#[test]
fn texts_of_other_screens_are_searched_too() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    for (keys, text) in [("4 tab", "term"), ("7 tab", "e"), ("1", "")] {
        browser.press(keys);
        if !text.is_empty() {
            browser.press("/").type_in(text).press("enter");
            assert!(
                browser.shows(&format!("/{text}  1 of ")),
                "{keys}: {}",
                browser.draw()
            );
        }
    }
    browser
        .command("deploy web")
        .press("H tab y /")
        .type_in("replicas")
        .press("enter n");
    assert!(browser.shows("/replicas  2 of "), "{}", browser.draw());
    // A filter of the list is another thing.
    browser.press("esc tab /").type_in("PUT");
    assert!(!browser.shows("/PUT  1 of "), "{}", browser.draw());
}

#[test]
fn a_start_at_a_revision_or_key_that_is_not_there_says_so() {
    for (options, said) in [
        (
            Options {
                revision: Some(99_999),
                ..Options::default()
            },
            "--rev 99999: revision 99,999 is not retained",
        ),
        (
            Options {
                key: Some(b"/nope".to_vec()),
                ..Options::default()
            },
            "--key /nope: no key of this name or below it is stored",
        ),
    ] {
        let mut browser = Browser::open_paths(vec![path(MEMBER)], (120, 36), options);
        assert!(browser.shows(said), "{}", browser.draw());
    }
}

#[test]
fn what_cannot_be_gone_to_is_one_line_that_takes_no_key() {
    let mut browser = Browser::open(MEMBER, (160, 36));
    browser.command("key /nope");
    let picture = browser.draw();
    assert!(picture.contains("/nope"), "{picture}");
    assert!(!picture.contains("nowhere to go"), "{picture}");
    // The next key is the next command, and not what closes a box.
    browser.command("4,000");
    assert_eq!(browser.place().2, 4000, "{}", browser.draw());
}

#[test]
fn a_moment_is_that_of_get_and_one_before_the_data_moves_nothing() {
    let mut browser = Browser::open(MEMBER, (160, 36));
    // `etcd-inspect get pods --at -30s`, in the README.
    browser.command("at -30s");
    assert_eq!(browser.place().2, 3240);
    for (line, named) in [
        ("at -10m", "is before the first write with a time"),
        ("rev 0", "revision 0 is not retained"),
        ("rev 99999", "revision 99999 is not retained"),
    ] {
        browser.command(line);
        let picture = browser.draw();
        assert!(picture.contains(named), "{line}: {picture}");
        assert_eq!(browser.place().2, 3240, "{line}: {picture}");
    }
}

#[test]
fn help_names_screens_and_cuts_no_text_that_has_room() {
    let mut browser = Browser::open(MEMBER, (120, 36));
    for (words, text) in [
        ("the other side", "as etcd has it after a start"),
        ("screen 1", "screen 1: Browse"),
        ("screen 8", "screen 8: Search"),
        ("screen 8", ":search"),
    ] {
        browser.press("?").type_in(words);
        let picture = browser.draw();
        assert!(picture.contains(text), "{words}: {picture}");
        browser.press("esc");
    }
}
