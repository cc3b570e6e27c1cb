//! What a plan says of loss: one computation for a start, a restore and a salvage; what is not known is reported as unknown.

use serde_json::Value;
use testkit::incidents::incident;

use crate::run::sealed;

fn plan(id: &str) -> (Vec<Value>, Value, String) {
    let copy = incident(id).reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    let json = sealed(&path, ["check", text, "-o", "json"]).json();
    let sheet = sealed(&path, ["check", text]).out;
    let plan = json["plan"].as_array().unwrap().clone();
    (plan, json["next"].clone(), sheet)
}

fn step<'p>(plan: &'p [Value], action: &str) -> Option<&'p Value> {
    plan.iter().find(|step| step["action"] == action)
}

#[test]
fn a_start_a_restore_and_a_salvage_may_lose_the_same_after_the_end_of_the_log() {
    for (id, actions) in [
        ("W07", ["start", "salvage"]),
        ("W17", ["start", "salvage"]),
        ("W19", ["restore", "salvage"]),
        ("W21", ["start", "salvage"]),
    ] {
        let (plan, _, sheet) = plan(id);
        let loss = actions.map(|action| {
            let step = step(&plan, action).unwrap();
            let of = |field: &str| {
                let loss = &step[field];
                (loss["writes"].clone(), loss["at_least"].clone())
            };
            (of("lost"), of("possibly_lost"))
        });
        assert_eq!(loss[0], loss[1], "{id}: {actions:?}");
        let unknown = (Value::from(0), Value::from(true));
        assert!(
            loss[0].0 == unknown || loss[0].1 == unknown,
            "{id}: {loss:?}"
        );
        assert!(!sheet.contains('≥') || id == "W21", "{id}: {sheet}");
        assert!(!sheet.contains("≥0"), "{id}: {sheet}");
    }
}

#[test]
fn what_is_certain_to_lose_nothing_comes_before_another_copy_that_may_not_exist() {
    for id in ["D05", "D07"] {
        let (plan, next, _) = plan(id);
        assert_eq!(plan[0]["action"], "salvage", "{id}");
        assert_eq!(
            (&plan[0]["lost"]["writes"], &plan[0]["exact"]),
            (&Value::from(0), &Value::from(true)),
            "{id}"
        );
        let next = next[0].as_str().unwrap_or_default();
        assert!(next.contains(" salvage "), "{id}: {next}");
        assert!(step(&plan, "copy-again").is_some(), "{id}");
    }
}

#[test]
fn a_restore_that_may_write_over_pages_in_use_is_not_said_to_lose_nothing() {
    let (plan, ..) = plan("D53");
    let restore = step(&plan, "restore").unwrap();
    assert_eq!(restore["exact"], false, "{restore}");
    assert_eq!(plan[0]["action"], "salvage", "{}", plan[0]);
}

#[test]
fn restores_of_one_store_raise_the_revision_by_one_rule() {
    let bumps = |step: &Value| {
        let commands = step["command"].as_array().unwrap();
        let last = commands.last().unwrap().to_string();
        last.contains("--bump-revision")
    };
    for id in ["L03", "W19", "D60", "L01"] {
        let (plan, ..) = plan(id);
        let [restore, salvage] = ["restore", "salvage"].map(|action| step(&plan, action).unwrap());
        assert_eq!(bumps(restore), bumps(salvage), "{id}: {restore} {salvage}");
    }
    // Clients of Kubernetes watch from a revision on.
    let path = testkit::data_dir("k8s-1.20-etcd35");
    let json = sealed(&path, ["check", path.to_str().unwrap(), "-o", "json"]).json();
    let plan = json["plan"].as_array().unwrap();
    for action in ["restore", "salvage"] {
        assert!(step(plan, action).is_some_and(bumps), "{action}: {plan:?}");
    }
}

#[test]
fn an_upgrade_of_an_unreadable_db_is_from_the_release_that_the_evidence_names() {
    let copy = incident("D05").reproduce();
    let path = copy.data_dir();
    let text = path.to_str().unwrap();
    let said = sealed(&path, ["preflight", text, "--for", "upgrade"]);
    assert!(said.out.contains("from 3.5 to 3.6"), "{}", said.out);
    assert!(!said.out.contains("3.4"), "{}", said.out);
}

#[test]
fn a_comparison_says_that_two_copies_are_of_two_clusters_or_that_one_lags() {
    let [one, other] = ["etcd-3.5.30", "lagging-3.5.30"].map(testkit::data_dir);
    let run = |verb: &str, paths: [&std::path::Path; 2]| {
        let paths = paths.map(|path| path.to_str().unwrap().to_owned());
        crate::run::etcd_inspect([verb, &paths[0], &paths[1]])
    };
    let compared = run("compare", [&one, &other]);
    assert_eq!(compared.code, 1);
    assert!(
        compared.out.contains("of another cluster"),
        "{}",
        compared.out
    );
    for word in ["lags by", "best source"] {
        assert!(!compared.out.contains(word), "{}", compared.out);
    }
    let diff = run("diff", [&one, &other]);
    assert!(diff.err.contains("they are two stores"), "{}", diff.err);
    let [one, other] =
        ["m1", "m2"].map(|name| testkit::data_dir(&format!("diverged-3.5.30/{name}")));
    let diff = run("diff", [&one, &other]);
    assert!(diff.err.contains("by 32 revisions"), "{}", diff.err);
    assert!(diff.err.contains("--from 92 --to 92"), "{}", diff.err);
}
