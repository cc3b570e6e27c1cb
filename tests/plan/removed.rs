//! Members that their cluster has removed, whose directory was wiped, or that have another history: what is printed for them runs.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testkit::etcd::{Binaries, Server};

use crate::carried_out::run;
use crate::clusters::{Addresses, write};
use crate::printed::{Printed, inspect};
use crate::served::contents;

const PATIENCE: Duration = Duration::from_secs(40);
/// A member is added only if its peers were connected for five seconds (`HealthInterval` in `server/etcdserver/server.go`).
const CONNECTED: Duration = Duration::from_secs(7);

fn about(verb: &str, paths: &[&Path], flags: &[&str]) -> Value {
    let mut arguments = vec![verb];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    arguments.extend(flags);
    arguments.extend(["-o", "json"]);
    inspect(&arguments)
}

/// Action, commands and effect of the step for a copy.
fn step_of(compared: &Value, path: &Path) -> (String, Vec<String>, String) {
    let mut steps = compared["plan"].as_array().unwrap().iter();
    let step = steps.find(|step| step["path"] == path.to_str().unwrap());
    let step = step.unwrap_or_else(|| panic!("{} in {compared}", path.display()));
    let commands = step["command"].as_array().unwrap().iter();
    (
        step["action"].as_str().unwrap().to_owned(),
        commands
            .map(|line| line.as_str().unwrap().to_owned())
            .collect(),
        step["effect"].as_str().unwrap().to_owned(),
    )
}

/// The lines with the address of a running member in place of the ones that the evidence has: here they change with each start.
fn to(server: &Server, lines: &[String]) -> Vec<String> {
    let word = |word: &str| match word.starts_with("--endpoints=") {
        true => format!("--endpoints={}", server.client_url()),
        false => word.to_owned(),
    };
    let line = |line: &String| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    lines.iter().map(line).collect()
}

fn stop(servers: Vec<Server>) {
    servers.into_iter().for_each(Server::stop);
}

#[test]
fn what_is_printed_for_a_wiped_and_for_a_removed_member_runs() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return eprintln!("skipped: no etcd 3.5.30; fixtures/recipes/etcd-from-debian fetches it");
    };
    let folder = tempfile::tempdir().unwrap();
    let [m1, m2, m3, before] = ["m1", "m2", "m3", "before"].map(|name| folder.path().join(name));
    let addresses = Addresses::free();
    let mut servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
    write(&servers[0], "first");
    servers.pop().unwrap().kill();
    std::fs::rename(&m3, &before).unwrap();

    // Wiped, and started again as if it were new: the cluster knows it, and does not let it in.
    let flags = addresses.flags(2, "new");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let refused = Server::start(&binaries, &m3, &flags, PATIENCE);
    let log = refused.err().map(|not| not.log).unwrap_or_default();
    assert!(log.contains("already been bootstrapped"), "{log}");
    stop(servers);
    let check = inspect(&["check", m3.to_str().unwrap(), "-o", "json"]);
    assert_eq!(check["cause"][0]["code"], "META-015", "{check}");
    assert_eq!(check["plan"][0]["action"], "start", "{check}");
    assert_eq!(check["plan"][0]["release"], "3.5", "{check}");
    assert_eq!(
        check["plan"][0]["outcome"]["later_writes"], "kept",
        "{check}"
    );
    let compared = about("compare", &[&m1, &m2, &m3], &[]);
    let (action, commands, effect) = step_of(&compared, &m3);
    assert_eq!((action.as_str(), commands.len()), ("rejoin", 2), "{effect}");
    assert!(!commands[0].ends_with("remove 0"), "{commands:?}");
    let running = addresses.start(&binaries, folder.path(), &[0, 1], "new");
    std::thread::sleep(CONNECTED);
    run(&to(&running[0], &commands), &binaries, folder.path()).unwrap();
    std::fs::remove_dir_all(&m3).unwrap();
    let mut again = addresses.start(&binaries, folder.path(), &[2], "existing");
    assert_eq!(contents(&again[0]), contents(&running[0]));

    // The copy from before is of an id that was removed.
    again.pop().unwrap().stop();
    stop(running);
    let compared = about("compare", &[&m1, &m2, &before], &[]);
    let (action, commands, effect) = step_of(&compared, &before);
    assert_eq!((action.as_str(), commands.len()), ("rejoin", 0), "{effect}");
    assert!(effect.contains("was added again as member"), "{effect}");
    assert!(
        !compared["next"].to_string().contains("before"),
        "{compared}"
    );
    let start = about("preflight", &[&m1, &m2, &before], &["--for", "start"]);
    assert_eq!(start["go"], true, "{start}");
    let together = start["together"]["effect"].as_str().unwrap_or_default();
    let named = format!("{} and {}", m1.display(), m2.display());
    assert!(together.contains(&named), "{start}");
    let never = format!("never start {}", before.display());
    assert!(together.contains(&never), "{start}");
    let alone = about("preflight", &[&before, &m1], &["--for", "start"]);
    assert_eq!(alone["go"], false, "{alone}");

    // Removed while it runs, so that its own log says so; then it is in no list.
    let mut servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "existing");
    std::thread::sleep(CONNECTED);
    let id = inspect(&["meta", before.to_str().unwrap(), "-o", "json"])["member_id"].clone();
    let id = id.as_str().unwrap_or_default().to_owned();
    let list = servers[0].ctl(&["member", "list"]);
    let line = list.lines().find(|line| line.contains(" m3,")).unwrap();
    let new = line.split(',').next().unwrap().to_owned();
    assert_ne!(new, id);
    servers[0].ctl(&["member", "remove", &new]);
    std::thread::sleep(Duration::from_secs(3));
    drop(servers.pop());
    let check = Printed::check(&m3, "3.5.30");
    let step = check.step("rejoin").unwrap_or_else(|| panic!("{check:?}"));
    assert!(step.commands[0].ends_with(" member list"), "{step:?}");
    run(&to(&servers[0], &step.commands), &binaries, folder.path()).unwrap();
    stop(servers);
    let compared = about("compare", &[&m1, &m2, &m3], &[]);
    let (action, commands, effect) = step_of(&compared, &m3);
    // Its name may be in no file any more: then no command is printed, and none is spoken of.
    assert_eq!(action, "rejoin", "{effect}");
    assert_eq!(
        commands.len(),
        usize::from(effect.contains("as here")),
        "{effect}"
    );
    assert!(effect.contains("was removed from the cluster"), "{effect}");
    let running = addresses.start(&binaries, folder.path(), &[0, 1], "existing");
    std::thread::sleep(CONNECTED);
    run(&to(&running[0], &commands), &binaries, folder.path()).unwrap();
    stop(running);
}

#[test]
fn a_member_that_was_forced_while_the_others_went_on_is_not_the_best_copy() {
    for release in ["3.4.23", "3.5.30"] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("skipped: no etcd {release}; fixtures/recipes/etcd-from-debian fetches it");
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let [m1, m2, m3] = ["m1", "m2", "m3"].map(|name| folder.path().join(name));
        let addresses = Addresses::free();
        stop({
            let servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
            write(&servers[0], "first");
            servers
        });
        let forced = Server::start(&binaries, &m1, &["--force-new-cluster"], PATIENCE).unwrap();
        write(&forced, "forced");
        write(&forced, "forced again");
        forced.stop();
        let servers = addresses.start(&binaries, folder.path(), &[1, 2], "existing");
        write(&servers[0], "majority");
        let truth = contents(&servers[0]).unwrap();
        stop(servers);
        let all: [&Path; 3] = [&m1, &m2, &m3];
        let compared = about("compare", &all, &[]);
        assert_ne!(
            compared["best"],
            m1.to_str().unwrap(),
            "{release}: {compared}"
        );
        let (action, _, effect) = step_of(&compared, &m1);
        assert_eq!(action, "rejoin", "{release}: {effect}");
        assert!(effect.contains("another history"), "{release}: {effect}");
        for copy in [&m2, &m3] {
            assert_eq!(step_of(&compared, copy).0, "none", "{release}: {compared}");
        }
        let force = about("preflight", &all, &["--for", "force-new-cluster"]);
        assert_eq!(force["go"], false, "{release}: {force}");
        // What only the other history has is one number in every verb.
        let lost = |step: &Value| step["lost"]["writes"].as_u64().unwrap();
        let mut steps = compared["plan"].as_array().unwrap().iter();
        let apart = steps.find(|step| step["action"] == "rejoin").unwrap();
        assert!(lost(apart) > 0, "{release}: {compared}");
        assert_eq!(lost(&force["better"]), lost(apart), "{release}: {force}");
        let restore = about("preflight", &all, &["--for", "restore"]);
        assert_eq!(restore["go"], false, "{release}: {restore}");
        for one in restore["candidates"].as_array().unwrap() {
            let is_kept = one["path"] != m1.to_str().unwrap();
            assert!(
                !is_kept || lost(&one["step"]) >= lost(apart),
                "{release}: {one}"
            );
        }
        let better = force["better"]["effect"].as_str().unwrap_or_default();
        let named = format!("{} and {}", m2.display(), m3.display());
        assert!(better.contains(&named), "{release}: {force}");
        let out = folder.path().join("out.db");
        let flags = ["--out", out.to_str().unwrap()];
        let salvaged = about("salvage", &all, &flags);
        assert_eq!(salvaged["revision"], truth.0, "{release}: {salvaged}");
        let text = salvaged.to_string();
        assert!(
            text.contains("which a majority of the voters has"),
            "{text}"
        );
        assert!(!text.contains("by the copy of another member"), "{text}");
        assert!(!text.contains("writes,,"), "{text}");
    }
}

/// A restore of one member of several is one of all of them, or of a cluster of one: what is printed serves.
#[test]
fn the_restore_of_a_member_of_three_serves_as_printed() {
    for release in ["3.4.23", "3.5.30"] {
        let Some(binaries) = Binaries::newest(release) else {
            eprintln!("skipped: no etcd {release}; fixtures/recipes/etcd-from-debian fetches it");
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let addresses = Addresses::free();
        let servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
        write(&servers[0], "first");
        let truth = contents(&servers[0]).map(|(_, contents)| contents);
        stop(servers);
        let printed = Printed::check(&folder.path().join("m2"), release);
        let step = printed
            .step("restore")
            .unwrap_or_else(|| panic!("{printed:?}"));
        assert_eq!(step.commands.len(), 3, "{step:?}");
        let made = folder.path().join("made");
        std::fs::create_dir(&made).unwrap();
        run(&step.commands, &binaries, &made).unwrap();
        for name in ["m1", "m2", "m3"] {
            std::fs::rename(made.join(format!("m2-restored-{name}")), made.join(name)).unwrap();
        }
        let servers = addresses.start(&binaries, &made, &[0, 1, 2], "new");
        let served = contents(&servers[0]).map(|(_, contents)| contents);
        assert_eq!(served, truth, "{release}");
        stop(servers);
    }
}

/// One directory of several serves only with others: each verb says so, in the same way.
#[test]
fn a_member_of_several_waits_for_others_in_every_verb() {
    let path = testkit::data_dir("k8s-1.20-cluster3/m1");
    let path = path.to_str().unwrap();
    let check = inspect(&["check", path, "-o", "json"]);
    let status = inspect(&["status", path, "-o", "json"]);
    let start = inspect(&["preflight", path, "-o", "json"]);
    let first = &check["plan"][0];
    assert_eq!(first["action"], "start", "{check}");
    assert_eq!(first["outcome"]["other_voters"], 1, "{check}");
    assert_eq!(first["outcome"]["starts"], "unknown", "{check}");
    assert_eq!(status["start"]["starts"], "unknown", "{status}");
    assert!(start["starts"].is_null() && start["go"] == true, "{start}");
    for message in [
        &first["outcome"]["message"],
        &status["start"]["message"],
        &start["message"],
    ] {
        let message = message.as_str().unwrap_or_default();
        assert!(message.starts_with("alone it never serves"), "{message}");
    }
    assert!(
        first["effect"]
            .as_str()
            .unwrap()
            .contains("at least 1 other voter"),
        "{first}"
    );
    assert_eq!(first["outcome"]["revision"], status["start"]["revision"]);
    let alone = testkit::data_dir("etcd-3.5.30");
    let alone = inspect(&["check", alone.to_str().unwrap(), "-o", "json"]);
    assert_eq!(alone["plan"][0]["outcome"]["starts"], true, "{alone}");
}
