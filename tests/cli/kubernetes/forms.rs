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
