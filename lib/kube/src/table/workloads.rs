//! What runs pods: deployments, replica sets, stateful and daemon sets, jobs, revisions, disruption budgets.

use super::object::{View, join, label_selector, labels};
use super::{Printer, TableOptions, age, name};

/// Groups that have stored the workload kinds.
const APPS: &[&str] = &["apps", "extensions"];

pub(super) static ALL: &[Printer] = &[
    Printer {
        kind: "Deployment",
        groups: APPS,
        columns: &[
            "NAME",
            "READY",
            "UP-TO-DATE",
            "AVAILABLE",
            "AGE",
            "+CONTAINERS",
            "+IMAGES",
            "+SELECTOR",
        ],
        row: |of, options| {
            let status = of.key("status");
            let mut cells = vec![
                name(of),
                ready(of),
                status.key("updatedReplicas").int().to_string(),
                status.key("availableReplicas").int().to_string(),
                options.age(of),
            ];
            cells.extend(template(of));
            cells
        },
    },
    Printer {
        kind: "ReplicaSet",
        groups: APPS,
        columns: &[
            "NAME",
            "DESIRED",
            "CURRENT",
            "READY",
            "AGE",
            "+CONTAINERS",
            "+IMAGES",
            "+SELECTOR",
        ],
        row: |of, options| {
            let mut cells = replicas(of, options);
            cells.extend(template(of));
            cells
        },
    },
    Printer {
        kind: "ReplicationController",
        groups: &[""],
        columns: &[
            "NAME",
            "DESIRED",
            "CURRENT",
            "READY",
            "AGE",
            "+CONTAINERS",
            "+IMAGES",
            "+SELECTOR",
        ],
        row: |of, options| {
            let mut cells = replicas(of, options);
            let template = of.path("spec.template");
            cells.extend([
                containers(template),
                images(template),
                labels(of.path("spec.selector")),
            ]);
            cells
        },
    },
    Printer {
        kind: "StatefulSet",
        groups: APPS,
        columns: &["NAME", "READY", "AGE", "+CONTAINERS", "+IMAGES"],
        row: |of, options| {
            let template = of.path("spec.template");
            vec![
                name(of),
                ready(of),
                options.age(of),
                containers(template),
                images(template),
            ]
        },
    },
    Printer {
        kind: "DaemonSet",
        groups: APPS,
        columns: &[
            "NAME",
            "DESIRED",
            "CURRENT",
            "READY",
            "UP-TO-DATE",
            "AVAILABLE",
            "NODE SELECTOR",
            "AGE",
            "+CONTAINERS",
            "+IMAGES",
            "+SELECTOR",
        ],
        row: |of, options| {
            let counts = [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ];
            let mut cells = vec![name(of)];
            cells.extend(counts.map(|count| of.key("status").key(count).int().to_string()));
            cells.extend([
                labels(of.path("spec.template.spec.nodeSelector")),
                options.age(of),
            ]);
            cells.extend(template(of));
            cells
        },
    },
    Printer {
        kind: "Job",
        groups: &["batch", "extensions"],
        columns: &[
            "NAME",
            "STATUS",
            "COMPLETIONS",
            "DURATION",
            "AGE",
            "+CONTAINERS",
            "+IMAGES",
            "+SELECTOR",
        ],
        row: |of, options| {
            let mut cells = vec![
                name(of),
                job_status(of),
                completions(of),
                duration(of, options),
                options.age(of),
            ];
            cells.extend(template(of));
            cells
        },
    },
    Printer {
        kind: "CronJob",
        groups: &["batch"],
        columns: &[
            "NAME",
            "SCHEDULE",
            "TIMEZONE",
            "SUSPEND",
            "ACTIVE",
            "LAST SCHEDULE",
            "AGE",
            "+CONTAINERS",
            "+IMAGES",
            "+SELECTOR",
        ],
        row: |of, options| {
            let last = of.path("status.lastScheduleTime");
            let job = of.path("spec.jobTemplate");
            let mut cells = vec![
                name(of),
                of.path("spec.schedule").or(""),
                of.path("spec.timeZone").or("<none>"),
                of.path("spec.suspend")
                    .flag()
                    .map_or("<unset>".to_owned(), super::true_false),
                of.path("status.active").len().to_string(),
                if last.present() {
                    options.since(last)
                } else {
                    "<none>".to_owned()
                },
                options.age(of),
            ];
            cells.extend(template(job));
            cells
        },
    },
    Printer {
        kind: "ControllerRevision",
        groups: &["apps"],
        columns: &["NAME", "CONTROLLER", "REVISION", "AGE"],
        row: |of, options| {
            vec![
                name(of),
                controller(of),
                of.key("revision").int().to_string(),
                options.age(of),
            ]
        },
    },
    Printer {
        kind: "PodDisruptionBudget",
        groups: &["policy"],
        columns: &[
            "NAME",
            "MIN AVAILABLE",
            "MAX UNAVAILABLE",
            "ALLOWED DISRUPTIONS",
            "AGE",
        ],
        row: |of, options| {
            vec![
                name(of),
                of.path("spec.minAvailable").any_or("N/A"),
                of.path("spec.maxUnavailable").any_or("N/A"),
                of.path("status.disruptionsAllowed").int().to_string(),
                options.age(of),
            ]
        },
    },
];

/// Names of a pod template's containers.
pub(super) fn containers(template: View<'_>) -> String {
    join(
        template
            .path("spec.containers")
            .items()
            .map(|container| container.key("name").text().unwrap_or("")),
        "",
    )
}

/// Images of a pod template's containers.
pub(super) fn images(template: View<'_>) -> String {
    join(
        template
            .path("spec.containers")
            .items()
            .map(|container| container.key("image").text().unwrap_or("")),
        "",
    )
}

fn template(of: View<'_>) -> [String; 3] {
    let template = of.path("spec.template");
    [
        containers(template),
        images(template),
        label_selector(of.path("spec.selector")),
    ]
}

/// `2/3`: ready of wanted.
fn ready(of: View<'_>) -> String {
    format!(
        "{}/{}",
        of.path("status.readyReplicas").int(),
        of.path("spec.replicas").int()
    )
}

/// `printReplicaSet` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn replicas(of: View<'_>, options: &TableOptions) -> Vec<String> {
    vec![
        name(of),
        of.path("spec.replicas").int().to_string(),
        of.path("status.replicas").int().to_string(),
        of.path("status.readyReplicas").int().to_string(),
        options.age(of),
    ]
}

/// `printJob` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn job_status(of: View<'_>) -> String {
    let conditions = of.path("status.conditions");
    let status = if conditions.is_true("Complete") {
        "Complete"
    } else if conditions.is_true("Failed") {
        "Failed"
    } else if of.path("metadata.deletionTimestamp").present() {
        "Terminating"
    } else {
        let named = ["Suspended", "FailureTarget", "SuccessCriteriaMet"].into_iter();
        named
            .into_iter()
            .find(|kind| conditions.is_true(kind))
            .unwrap_or("Running")
    };
    status.to_owned()
}

/// `printJob` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn completions(of: View<'_>) -> String {
    let succeeded = of.path("status.succeeded").int();
    let (wanted, parallelism) = (
        of.path("spec.completions"),
        of.path("spec.parallelism").int(),
    );
    if wanted.present() {
        format!("{succeeded}/{}", wanted.int())
    } else if parallelism > 1 {
        format!("{succeeded}/1 of {parallelism}")
    } else {
        format!("{succeeded}/1")
    }
}

fn duration(of: View<'_>, options: &TableOptions) -> String {
    let time = |path| of.path(path).text().and_then(|time| time.parse().ok());
    match time("status.startTime") {
        None => String::new(),
        Some(start) => age::between(start, time("status.completionTime").unwrap_or(options.now)),
    }
}

/// `daemonset.apps/agent`.
/// `printControllerRevision` in `pkg/printers/internalversion/printers.go`, v1.34.0.
fn controller(of: View<'_>) -> String {
    let owner = of
        .path("metadata.ownerReferences")
        .items()
        .find(|owner| owner.key("controller").flag() == Some(true));
    owner.map_or("<none>".to_owned(), |owner| {
        let group = owner
            .key("apiVersion")
            .text()
            .and_then(|version| version.split_once('/'))
            .map_or("", |(group, _)| group);
        let dot = if group.is_empty() { "" } else { "." };
        let kind = owner.key("kind").or("").to_lowercase();
        format!("{kind}{dot}{group}/{}", owner.key("name").or(""))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Table;

    fn row(kind: &str, object: &Value, wide: bool) -> Vec<String> {
        Table::of_kind(
            if kind.ends_with("Job") {
                "batch"
            } else {
                "apps"
            },
            kind,
        )
        .row(object, "2026-11-21T02:00:00Z".parse().unwrap(), wide)
    }

    #[test]
    fn a_deployment_shows_ready_of_wanted_and_its_selector() {
        let object = json!({"metadata": {"name": "web", "creationTimestamp": "2026-11-21T01:00:00Z"},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["b", "a"]}]},
                "template": {"spec": {"containers": [{"name": "c", "image": "web:1"}, {"name": "d", "image": "log:2"}]}}},
            "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2}});
        assert_eq!(
            row("Deployment", &object, true),
            [
                "web",
                "2/3",
                "3",
                "2",
                "60m",
                "c,d",
                "web:1,log:2",
                "app=web,tier in (a,b)"
            ]
        );
    }

    #[test]
    fn a_job_shows_status_completions_and_duration() {
        let object = json!({"metadata": {"name": "once"}, "spec": {"completions": 1},
            "status": {"succeeded": 1, "startTime": "2026-11-21T01:00:00Z", "completionTime": "2026-11-21T01:00:09Z",
                "conditions": [{"type": "Complete", "status": "True"}]}});
        assert_eq!(
            row("Job", &object, false),
            ["once", "Complete", "1/1", "9s", "<unknown>"]
        );
        let running =
            json!({"spec": {"parallelism": 3}, "status": {"startTime": "2026-11-21T01:59:00Z"}});
        assert_eq!(
            row("Job", &running, false)[1..4],
            ["Running", "0/1 of 3", "60s"]
        );
    }

    #[test]
    fn a_revision_names_its_controller() {
        let object = json!({"revision": 2, "metadata": {"name": "r", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "controller": true}]}});
        assert_eq!(
            row("ControllerRevision", &object, false)[..3],
            ["r", "daemonset.apps/agent", "2"]
        );
    }
}
