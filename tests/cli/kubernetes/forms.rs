//! Names, namespaces, lists, output forms, and objects that are gone.

use super::*;

#[test]
fn names_namespaces_lists_and_categories_mean_what_they_mean_to_kubectl() {
    let api = api();
    let names = |words: &str| -> BTreeSet<String> {
        let said = ask(words);
        assert_eq!(said.code, 0, "{words}: {}", said.err);
        said.out.lines().map(str::to_owned).collect()
    };
    let of = |file: &str, prefix: &str, namespace: Option<&str>| -> BTreeSet<String> {
        items(&api, file)
            .iter()
            .map(name)
            .filter(|(of, _)| namespace.is_none_or(|namespace| of == namespace))
            .map(|(_, name)| format!("{prefix}/{name}"))
            .collect()
    };
    let prod = Some("prod");
    for word in [
        "deploy",
        "deployment",
        "deployments",
        "Deployment",
        "deployments.apps",
        "deploy.apps",
    ] {
        assert_eq!(
            names(&format!("get {word} -n prod -o name")),
            of("apps_v1_deployments", "deployment.apps", prod),
            "{word}"
        );
    }
    let mut both = of("v1_pods", "pod", prod);
    both.extend(of("v1_services", "service", prod));
    assert_eq!(names("get po,svc -n prod -o name"), both);
    let all = names("get all -n prod -o name");
    both.extend(of("apps_v1_deployments", "deployment.apps", prod));
    both.extend(of("apps_v1_statefulsets", "statefulset.apps", prod));
    both.extend(of("batch_v1_jobs", "job.batch", prod));
    assert!(both.is_subset(&all), "{all:?}");
    assert!(
        all.iter().all(|name| !name.starts_with("secret/")),
        "{all:?}"
    );
    assert!(all.contains("widget.example.com/w2"), "{all:?}");
    assert_eq!(
        names("get pods -n prod -l app=web -o name"),
        items(&api, "v1_pods")
            .iter()
            .filter(|pod| name(pod).0 == "prod" && text(pod, "/metadata/labels/app") == "web")
            .map(|pod| format!("pod/{}", name(pod).1))
            .collect()
    );
    assert_eq!(
        names("get pods -A --field-selector status.phase=Pending,spec.nodeName!=node-9 -o name"),
        items(&api, "v1_pods")
            .iter()
            .filter(|pod| text(pod, "/status/phase") == "Pending")
            .map(|pod| format!("pod/{}", name(pod).1))
            .collect()
    );
    // Without -n it is the namespace `default`, as for kubectl.
    assert_eq!(ask("get svc -o name").out, "service/kubernetes\n");
    let none = ask("get deploy");
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    assert!(
        none.err.contains("no resources found in namespace default"),
        "{}",
        none.err
    );
}

#[test]
fn every_output_form_says_the_same_of_one_object() {
    let data = data();
    let path = data.to_str().unwrap();
    let get =
        |form: &str| etcd_inspect(["get", "deploy/web", "-n", "prod", "-o", form, "-d", path]);
    let object = get("json").json();
    assert_eq!(object["kind"], "Deployment");
    let image = text(&object, "/spec/template/spec/containers/0/image");
    assert!(get("yaml").out.contains(&format!("image: {image}")));
    assert_eq!(get("name").out, "deployment.apps/web\n");
    assert_eq!(
        get("jsonpath={.spec.template.spec.containers[0].image}")
            .out
            .trim_end(),
        image
    );
    let custom =
        get("custom-columns=N:.metadata.name,I:.spec.template.spec.containers[0].image").out;
    assert!(
        custom.starts_with("N ") && custom.contains(&image),
        "{custom}"
    );
    assert!(get("raw").out.contains("k8s\0"));
    assert!(get("hex").out.contains("6b 38 73 00"), "{}", get("hex").out);
    assert_eq!(get("wide").out.lines().count(), 2);
    let plain = etcd_inspect([
        "get",
        "deploy/web",
        "-n",
        "prod",
        "--no-headers",
        "-d",
        path,
    ]);
    assert_eq!(plain.out.lines().count(), 1);
    let sorted = etcd_inspect([
        "get",
        "cm",
        "-A",
        "--sort-by",
        ".metadata.name",
        "-o",
        "name",
        "-d",
        path,
    ])
    .out;
    let mut names: Vec<&str> = sorted.lines().collect();
    let as_given = names.clone();
    names.sort();
    assert_eq!(names, as_given);
    let neat = etcd_inspect([
        "get",
        "deploy/web",
        "-n",
        "prod",
        "-o",
        "json",
        "--neat",
        "-d",
        path,
    ])
    .json();
    for gone in [
        "/status",
        "/metadata/uid",
        "/metadata/resourceVersion",
        "/metadata/managedFields",
        "/metadata/creationTimestamp",
    ] {
        assert_eq!(neat.pointer(gone), None, "{gone}");
    }
    let stored = etcd_inspect([
        "get",
        "deploy/web",
        "-n",
        "prod",
        "-o",
        "json",
        "--stored",
        "-d",
        path,
    ])
    .json();
    assert_eq!(stored.pointer("/metadata/resourceVersion"), None);
    let described = etcd_inspect(["get", "deploy/web", "-n", "prod", "--describe", "-d", path]).out;
    assert!(
        described.contains("Conditions:") && described.contains("Events:"),
        "{described}"
    );
}

#[test]
fn an_object_that_is_gone_says_where_its_last_version_is() {
    let data = data();
    let path = data.to_str().unwrap();
    let deleted = sealed(
        &data,
        [
            "keys",
            "--deleted",
            "--prefix",
            "/registry/configmaps/",
            "-o",
            "json",
            path,
        ],
    );
    let row = &deleted.rows()[0];
    let key = row["key"].as_str().unwrap();
    let mut parts = key.rsplit('/');
    let (name, namespace) = (parts.next().unwrap(), parts.next().unwrap());
    let noun = format!("cm/{name}");
    let gone = etcd_inspect(["get", &noun, "-n", namespace, "-d", path]);
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("was deleted at rev"), "{}", gone.err);
    let last = row["newest_surviving_revision"].to_string();
    assert!(gone.err.contains(&format!("--rev {last}")), "{}", gone.err);
    let then = etcd_inspect([
        "get", &noun, "-n", namespace, "--rev", &last, "-o", "json", "-d", path,
    ]);
    assert_eq!(then.code, 0, "{}", then.err);
    assert_eq!(then.json()["metadata"]["resourceVersion"], last);
    let misspelt = etcd_inspect(["get", "deploy/wep", "-n", "prod", "-d", path]);
    assert_eq!(misspelt.code, 1);
    assert!(misspelt.err.contains("deployment/web"), "{}", misspelt.err);
    let unknown = etcd_inspect(["get", "deplyoments", "-n", "prod", "-d", path]);
    assert!(
        unknown.err.contains("etcd-inspect get deployments"),
        "{}",
        unknown.err
    );
}

/// One answer of `get`, with its exit code and stderr.
fn get(args: &[&str]) -> RunResult {
    let data = data();
    let mut all = vec!["get"];
    all.extend(args);
    all.extend(["-d", data.to_str().unwrap()]);
    sealed(&data, all)
}

#[test]
fn templates_of_kubectl_are_applied_also_from_files() {
    let api = api();
    let names: Vec<String> = items(&api, "apps_v1_deployments")
        .iter()
        .filter(|object| name(object).0 == "prod")
        .map(|object| name(object).1)
        .collect();
    let lines = names
        .iter()
        .map(|name| format!("{name}\n"))
        .collect::<String>();
    let template = "{{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}";
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let form = |form: &str| get(&["deploy", "-n", "prod", "-o", form]);
    assert_eq!(form(&format!("go-template={template}")).out, lines);
    assert_eq!(
        form(&format!("go-template-file={}", file("t", template))).out,
        lines
    );
    let path = "{range .items[*]}{.metadata.name}{'\\n'}{end}";
    assert_eq!(
        form(&format!("jsonpath-file={}", file("p", path))).out,
        lines
    );
    let json: Value =
        serde_json::from_str(&form("jsonpath-as-json={.items[*].metadata.name}").out).unwrap();
    assert_eq!(json, serde_json::json!(names));
    let columns = form(&format!(
        "custom-columns-file={}",
        file("c", "NAME  NS\n.metadata.name .metadata.namespace\n")
    ))
    .out;
    let first: Vec<_> = columns
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(first[0], "NAME");
    assert_eq!(first[1..], names);
    for (wrong, says) in [
        ("go-template", "go-template={{.metadata.name}}"),
        ("go-template={{.a", "without }}"),
        ("jsonpath-file=/no/such/file", "cannot read the template"),
        ("go-template={{.kind.x}}", "cannot apply the Go template"),
    ] {
        let refused = form(wrong);
        assert_eq!(refused.code, 2, "{wrong}: {}", refused.err);
        assert!(refused.err.contains(says), "{wrong}: {}", refused.err);
    }
}

#[test]
fn labels_kinds_and_chosen_columns_are_columns_in_every_form() {
    let labels = get(&[
        "pods",
        "-n",
        "prod",
        "-L",
        "app,example.com/tier",
        "--show-kind",
    ])
    .out;
    let head = labels.lines().next().unwrap();
    assert!(
        head.ends_with("APP   TIER") || head.contains("APP ") && head.ends_with("TIER"),
        "{head}"
    );
    assert!(
        labels.lines().skip(1).all(|line| line.starts_with("pod/")),
        "{labels}"
    );
    let rows = get(&[
        "pods",
        "-n",
        "prod",
        "-o",
        "json",
        "--columns",
        "NAME,NODE,.spec.schedulerName",
    ])
    .json();
    let row = &rows["rows"][0];
    assert_eq!(row[".spec.schedulerName"], "default-scheduler", "{rows}");
    assert!(row["name"].is_string() && row["node"].is_string(), "{rows}");
    let lines = get(&["svc", "-n", "prod", "-o", "jsonl", "--columns", "PORT(S)"]).out;
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert!(line["ports"].is_string(), "{line}");
    // A path into a Secret is masked as in every other form.
    let api = api();
    let secret = items(&api, "v1_secrets")
        .iter()
        .find(|secret| name(secret).0 == "prod" && secret["data"].is_object())
        .unwrap();
    let value = secret["data"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .as_str()
        .unwrap();
    let shown = get(&["secrets", "-n", "prod", "--columns", "NAME,.data"]);
    assert!(
        !shown.out.contains(value) && shown.out.contains("••••"),
        "{}",
        shown.out
    );
}

#[test]
fn objects_that_exist_are_printed_beside_those_that_are_missing() {
    let both = get(&["deploy", "web", "no-such", "-n", "prod"]);
    assert_eq!(both.code, 1);
    assert!(both.out.contains("web "), "{}", both.out);
    assert!(
        both.err.contains("deployments/prod/no-such"),
        "{}",
        both.err
    );
    let ignored = get(&[
        "deploy",
        "web",
        "no-such",
        "-n",
        "prod",
        "--ignore-not-found",
        "-o",
        "json",
    ]);
    assert_eq!(
        (ignored.code, ignored.json()["kind"].as_str()),
        (0, Some("List")),
        "{}",
        ignored.err
    );
    let none = get(&["deploy", "no-such", "-n", "prod", "--ignore-not-found"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""), "{}", none.err);
}

#[test]
fn a_field_selector_that_no_server_supports_names_the_supported_ones() {
    let wrong = get(&["pods", "-A", "--field-selector", "spec.replicas=1"]);
    assert_eq!(wrong.code, 2, "{}", wrong.err);
    assert!(
        wrong.err.contains("spec.nodeName") && wrong.err.contains("status.phase"),
        "{}",
        wrong.err
    );
    assert_eq!(
        get(&[
            "events",
            "-A",
            "--field-selector",
            "involvedObject.kind=Pod,type!=Normal",
            "-o",
            "name"
        ])
        .err,
        ""
    );
    let secrets = get(&[
        "secrets",
        "-A",
        "--field-selector",
        "type=Opaque",
        "-o",
        "name",
    ]);
    assert!(
        secrets.code == 0 && !secrets.out.is_empty(),
        "{}",
        secrets.err
    );
    assert_eq!(
        get(&["cm", "-A", "--field-selector", "type=Opaque"]).code,
        2
    );
}

#[test]
fn an_empty_answer_names_a_namespace_only_for_kinds_that_have_one() {
    let namespaced = get(&["netpol", "-n", "nowhere"]);
    assert!(
        namespaced
            .err
            .contains("no resources found in namespace nowhere"),
        "{}",
        namespaced.err
    );
    let cluster = get(&["nodes", "-n", "nowhere", "-l", "no=such"]);
    assert!(
        cluster.err.contains("no resources found\n"),
        "{}",
        cluster.err
    );
    assert_eq!(cluster.code, 1);
    let sealed = data_dir("k8s-1.20-etcd35-enc");
    let closed = etcd_inspect([
        "get",
        "secrets",
        "-n",
        "prod",
        "-l",
        "no=such",
        "-d",
        sealed.to_str().unwrap(),
    ]);
    assert!(
        closed.err.contains("could not be decoded"),
        "{}",
        closed.err
    );
}

/// Members that Kubernetes 1.20 does not have, and that newer releases print with their zero.
const NEWER: [&str; 1] = ["availableReplicas"];

#[test]
fn objects_with_templates_and_phases_are_those_that_the_api_server_sends_to_the_byte() {
    let api = api();
    let mut compared = 0;
    for (resource, group) in [
        ("deployments", "apps_v1"),
        ("statefulsets", "apps_v1"),
        ("daemonsets", "apps_v1"),
        ("replicasets", "apps_v1"),
        ("jobs", "batch_v1"),
        ("cronjobs", "batch_v1beta1"),
        ("podtemplates", "v1"),
        ("replicationcontrollers", "v1"),
        ("persistentvolumeclaims", "v1"),
        ("persistentvolumes", "v1"),
        ("namespaces", "v1"),
    ] {
        let list = ask(&format!("get {resource} -A -o json --full --reveal=all")).json();
        let lines = ask(&format!("get {resource} -A -o jsonl --full --reveal=all"));
        let lines: Vec<Value> = lines
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(list["items"], Value::from(lines), "{resource}");
        let server = &api[&format!("{group}_{resource}")];
        for want in server["items"].as_array().unwrap() {
            let ours = list["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|ours| name(ours) == name(want));
            let mut ours = ours
                .unwrap_or_else(|| panic!("{resource} {:?}", name(want)))
                .clone();
            for of_type in ["apiVersion", "kind"] {
                ours.as_object_mut().unwrap().remove(of_type);
            }
            let mut want = want.clone();
            if let Some(fields) = want.as_object_mut() {
                fields.remove("apiVersion");
                fields.remove("kind");
            }
            if let Some(status) = ours.get_mut("status").and_then(Value::as_object_mut) {
                status.retain(|name, value| !(NEWER.contains(&name.as_str()) && value == 0));
            }
            assert_eq!(ours, want, "{resource}");
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn json_is_indented_as_kubectl_indents_it() {
    let list = ask("get pods -n prod -o json").out;
    assert!(list.starts_with("{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        {\n            \"apiVersion\""), "{}", &list[..200]);
    assert!(list.ends_with("        }\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n"));
    let one = ask("get ns/prod -o json").out;
    assert!(one.starts_with("{\n    \"apiVersion\""), "{one}");
}

#[test]
fn a_field_that_no_object_has_gives_no_order_and_no_answer() {
    let sorted = ask("get pods -n prod --sort-by .spec.nope -o name");
    assert_eq!((sorted.code, sorted.out.as_str()), (2, ""));
    assert!(
        sorted.err.contains("E0002") && sorted.err.contains(".spec.nope"),
        "{}",
        sorted.err
    );
}

#[test]
fn columns_without_a_head_line_are_as_narrow_as_those_of_kubectl() {
    let rows = ask("get deploy -n prod --no-headers").out;
    assert!(rows.starts_with("api   2/2   2     2     "), "{rows}");
}
