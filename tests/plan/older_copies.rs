//! Two copies of one member among the paths: only the newest counts, in whatever order they are given.

use std::path::Path;

use testkit::etcd::{Binaries, Server};

use crate::clusters::{Addresses, write};
use crate::printed::inspect;

fn about(verb: &str, paths: &[&Path], flags: &[&str]) -> String {
    let mut arguments = vec![verb];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    arguments.extend(flags);
    arguments.extend(["-o", "json"]);
    inspect(&arguments).to_string()
}

#[test]
fn an_older_copy_of_a_member_is_never_started_whatever_the_order_of_the_paths() {
    let Some(binaries) = Binaries::newest("3.5.30") else {
        return eprintln!("skipped: no etcd 3.5.30; fixtures/recipes/etcd-from-debian fetches it");
    };
    let folder = tempfile::tempdir().unwrap();
    let [m1, m2, old] = ["m1", "m2", "old"].map(|name| folder.path().join(name));
    let addresses = Addresses::free();
    let servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
    write(&servers[0], "first");
    servers.into_iter().for_each(Server::stop);
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&m2, &old])
        .status();
    assert!(copied.unwrap().success());
    let servers = addresses.start(&binaries, folder.path(), &[0, 1, 2], "new");
    write(&servers[0], "second");
    servers.into_iter().for_each(Server::stop);

    let orders = [
        [&m1, &m2, &old],
        [&m1, &old, &m2],
        [&m2, &m1, &old],
        [&m2, &old, &m1],
        [&old, &m1, &m2],
        [&old, &m2, &m1],
    ];
    let never = format!("never start {}", old.display());
    for order in orders {
        let paths = order.map(|path| path.as_path());
        let judged = about("preflight", &paths, &["--for", "start"]);
        assert!(judged.contains(&never), "{judged}");
        let joined = |path: &Path| path.display().to_string();
        let both = format!("{} and {}", joined(&m1), joined(&m2));
        let turned = format!("{} and {}", joined(&m2), joined(&m1));
        assert!(
            judged.contains(&both) || judged.contains(&turned),
            "{judged}"
        );
        let compared = about("compare", &paths, &[]);
        assert!(
            compared.contains("older copy of the same member"),
            "{compared}"
        );
    }
}
