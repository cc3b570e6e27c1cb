//! A real kube-apiserver over `serve --etcd --scratch`, started by the line that is printed, and asked with kubectl.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{data_dir, fixture};

use crate::kubectl::{changed, wanted};
use crate::protobuf::frames;
use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(150);

/// A process group of ours; it is ended when this is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Pastes the printed line into a shell whose path has the program.
fn paste(line: &str, program: &Path, dir: &Path) -> Group {
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).expect("a directory");
    std::os::unix::fs::symlink(program, bin.join("kube-apiserver")).expect("a link");
    let path = std::env::var("PATH").unwrap_or_default();
    let log = fs::File::create(dir.join("log")).expect("a log");
    let child = Command::new("sh")
        .args(["-c", line])
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("TMPDIR", dir)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .process_group(0)
        .spawn()
        .expect("a shell");
    Group(child)
}

/// What the real API server answered when the fixture was made: by resource, version, group, namespace and name.
fn truth(name: &str) -> BTreeMap<String, Vec<Value>> {
    let answers = testkit::members_of(&fixture(name).join("truth/api.tar.zst"));
    let mut all = BTreeMap::new();
    for (path, bytes) in answers {
        let file = path.rsplit('/').next().unwrap_or_default();
        let parts: Vec<&str> = file.trim_end_matches(".json").split('_').collect();
        let resource = match parts.as_slice() {
            // Not stored: what the server finds out about its components.
            [_, "componentstatuses"] => continue,
            [version, plural] => format!("{plural}.{version}."),
            [group, version, plural] => format!("{plural}.{version}.{group}"),
            _ => continue,
        };
        let list: Value = serde_json::from_slice(&bytes).expect("JSON");
        let kind = list["kind"].as_str().unwrap_or_default();
        let kind = kind.trim_end_matches("List").to_owned();
        let mut items = list["items"].as_array().cloned().unwrap_or_default();
        for item in &mut items {
            item["kind"] = kind.clone().into();
            item["apiVersion"] = list["apiVersion"].clone();
            forget_managers(item);
        }
        all.insert(resource, items);
    }
    all
}

/// Newer versions of kubectl leave them out.
fn forget_managers(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
}

fn name_of(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    format!(
        "{} {} {}/{}",
        text("/apiVersion"),
        text("/kind"),
        text("/metadata/namespace"),
        text("/metadata/name")
    )
}

/// Boots one on a member of a fixture; `None` if there is no program here.
fn every_object_is_served(name: &str, member: &str, flags: &[&str]) -> Option<()> {
    let Some(program) = testkit::apiserver::program() else {
        eprintln!("no kube-apiserver is here: nothing was booted ($KUBE_APISERVER names one)");
        return None;
    };
    let evidence = data_dir(&format!("{name}{member}"));
    let server = Server::start(
        &evidence,
        &[&["--etcd", "--scratch", "--replay"], flags].concat(),
    );
    let dir = tempfile::tempdir().expect("a temporary directory");
    let boot = &server.printed[4];
    assert!(boot.contains("kube-apiserver --etcd-servers="), "{boot}");
    let _booted = paste(boot, &program, dir.path());
    let context = ["--context", "kube-apiserver"];
    let end = Instant::now() + PATIENCE;
    loop {
        let asked = server.kubectl(&[&context[..], &["get", "--raw", "/healthz"]].concat())?;
        if asked.stdout == b"ok" {
            break;
        }
        let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        assert!(Instant::now() < end, "{name}{member} does not boot: {log}");
        std::thread::sleep(Duration::from_millis(500));
    }
    let printed = Command::new("sh").args(["-c", &server.printed[5]]).output();
    let printed = String::from_utf8_lossy(&printed.expect("a shell").stdout).into_owned();
    assert!(printed.lines().count() > 20, "{printed}");

    let truth = truth(name);
    let resources: Vec<&str> = truth.keys().map(String::as_str).collect();
    let resources = resources.join(",");
    let question = [&context[..], &["get", &resources, "-A", "-o", "json"]].concat();
    let output = server.kubectl(&question)?;
    let mut list: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let served = list["items"].as_array_mut().expect("items");
    served.iter_mut().for_each(forget_managers);
    let served: BTreeMap<String, &Value> =
        served.iter().map(|item| (name_of(item), item)).collect();
    // A member that lags has nothing that was written later.
    let number = |object: &Value| {
        let version = object["metadata"]["resourceVersion"].as_str();
        version.and_then(|version| version.parse::<i64>().ok())
    };
    let own = number(&server.get("/api/v1/namespaces")).expect("a revision");
    let known = |object: &&Value| number(object).is_none_or(|version| version <= own);
    let (mut compared, mut rewritten) = (0, Vec::new());
    for object in truth.values().flatten().filter(known) {
        let name = name_of(object);
        match served.get(&name) {
            Some(same) if *same == object => compared += 1,
            _ => rewritten.push(name),
        }
    }
    let count = rewritten.len();
    eprintln!("{name}{member}: {compared} objects equal, {count} not");
    // What the server itself writes when it starts: the availability of aggregated APIs, its own storage versions.
    rewritten.retain(|name| !name.contains(" APIService ") && !name.contains(" StorageVersion "));
    rewritten.truncate(20);
    assert_eq!(rewritten, Vec::<String>::new(), "{name}{member}");
    assert!(compared > 1500, "{compared}");
    protobuf_is_equal(&server, &truth);
    // A real server also has new managers of fields in its answer; older versions of kubectl print them.
    let wanted = wanted(&server, dir.path());
    let (ours, theirs) = (
        changed(&server, &[], &wanted)?,
        changed(&server, &context, &wanted)?,
    );
    let missing: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "{theirs:?}");
    assert!(ours.len() >= 6, "{ours:?}");
    eprintln!(
        "{name}{member}: diff of {} lines, {} of a real server",
        ours.len(),
        theirs.len()
    );
    Some(())
}

/// Status and body of an answer in protobuf.
fn in_protobuf(base: &str, path: &str) -> (String, Vec<u8>) {
    let output = Command::new("curl")
        .args([
            "-sk",
            "-m",
            "20",
            "-w",
            "%{http_code}",
            "-H",
            "Authorization: Bearer reader",
        ])
        .args(["-H", "Accept: application/vnd.kubernetes.protobuf"])
        .arg(format!("{base}{path}"))
        .output()
        .expect("curl runs");
    let at = output.stdout.len().saturating_sub(3);
    let code = String::from_utf8_lossy(&output.stdout[at..]).into_owned();
    (code, output.stdout[..at].to_vec())
}

/// The bytes that are made of the stored ones are those that a real server sends, for objects and lists.
fn protobuf_is_equal(server: &Server, truth: &BTreeMap<String, Vec<Value>>) {
    let ours = format!("http://{}", server.address);
    let kubeconfig = fs::read_to_string(&server.kubeconfig).expect("a kubeconfig");
    let at = kubeconfig.find("https://127.0.0.1:").expect("the server");
    let theirs = kubeconfig[at..].split('"').next().expect("an address");
    let (mut objects, mut lists) = (0, 0);
    for (resource, items) in truth {
        let parts: Vec<&str> = resource.splitn(3, '.').collect();
        let base = match parts.as_slice() {
            [_, version, ""] => format!("/api/{version}"),
            [_, version, group] => format!("/apis/{group}/{version}"),
            _ => continue,
        };
        let Some(first) = items.first() else { continue };
        let name = first["metadata"]["name"].as_str().expect("a name");
        let one = match first["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("{base}/namespaces/{namespace}/{}/{name}", parts[0]),
            None => format!("{base}/{}/{name}", parts[0]),
        };
        let (code, sent) = in_protobuf(&ours, &one);
        if code == "200" {
            assert!(sent == in_protobuf(theirs, &one).1, "{one}");
            objects += 1;
        }
        let list = format!("{base}/{}", parts[0]);
        let (code, sent) = in_protobuf(&ours, &list);
        if code == "200" && !["events", "apiservices"].contains(&parts[0]) {
            let real = in_protobuf(theirs, &list).1;
            // The revision of the list is in its head: the real server has written since.
            let head = 120.min(sent.len());
            assert_eq!(sent.len(), real.len(), "{list}");
            assert!(sent[head..] == real[head..], "{list}");
            lists += 1;
        }
    }
    eprintln!("as protobuf: {objects} objects and {lists} lists are equal");
    assert!(objects > 30 && lists > 30, "{objects} {lists}");
    watches_are_equal(&ours, theirs);
    let (code, _) = in_protobuf(&ours, "/api/v1/secrets");
    assert_eq!(code, "406", "masked secrets have no protobuf form");
}

/// The frames of the first state of a watch are those of a real server, which sends them in another order.
fn watches_are_equal(ours: &str, theirs: &str) {
    for list in [
        "/api/v1/pods",
        "/api/v1/configmaps",
        "/apis/apps/v1/deployments",
    ] {
        let url = format!("{list}?watch=1&timeoutSeconds=3");
        let first_state = |base: &str| {
            let mut all = frames(&in_protobuf(base, &url).1);
            all.sort();
            all
        };
        let (ours, theirs) = (first_state(ours), first_state(theirs));
        assert!(ours.len() > 5, "{list}: {}", ours.len());
        assert!(
            ours == theirs,
            "{list}: {} and {}",
            ours.len(),
            theirs.len()
        );
    }
}

#[test]
fn the_printed_line_boots_a_real_api_server_that_serves_every_object() {
    every_object_is_served("k8s-1.20-etcd35", "", &[]);
}

/// `APISERVER=all`: about 20 s for each.
#[test]
fn an_api_server_boots_on_every_member_of_every_kubernetes_fixture() {
    if std::env::var("APISERVER").as_deref() != Ok("all") {
        eprintln!("APISERVER=all boots it on all of them");
        return;
    }
    for member in ["/m1", "/m2", "/m3"] {
        every_object_is_served("k8s-1.20-cluster3", member, &[]);
    }
    let keys = data_dir("k8s-1.20-etcd35-enc").join("enc-4.json");
    let keys = format!("--encryption-config={}", keys.display());
    every_object_is_served("k8s-1.20-etcd35-enc", "", &[&keys]);
}
