//! What runs pods: deployments, replica sets, stateful and daemon sets, jobs, revisions, disruption budgets.

use super::object::{Object, join, label_selector, labels};
use super::{Context, Printer, age, name};

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
        row: |of, context| {
            let status = of.key("status");
            let mut cells = vec![
                name(of),
                ready(of),
                status.key("updatedReplicas").int().to_string(),
                status.key("availableReplicas").int().to_string(),
                context.age(of),
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
        row: |of, context| {
            let mut cells = replicas(of, context);
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
        row: |of, context| {
            let mut cells = replicas(of, context);
            let template = of.at("spec.template");
            cells.extend([
                containers(template),
                images(template),
                labels(of.at("spec.selector")),
            ]);
            cells
        },
    },
    Printer {
        kind: "StatefulSet",
        groups: APPS,
        columns: &["NAME", "READY", "AGE", "+CONTAINERS", "+IMAGES"],
        row: |of, context| {
            let template = of.at("spec.template");
            vec![
                name(of),
                ready(of),
                context.age(of),
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
        row: |of, context| {
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
                labels(of.at("spec.template.spec.nodeSelector")),
                context.age(of),
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
        row: |of, context| {
            let mut cells = vec![
                name(of),
                job_status(of),
                completions(of),
                duration(of, context),
                context.age(of),
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
        row: |of, context| {
            let last = of.at("status.lastScheduleTime");
            let job = of.at("spec.jobTemplate");
            let mut cells = vec![
                name(of),
                of.at("spec.schedule").or(""),
                of.at("spec.timeZone").or("<none>"),
                of.at("spec.suspend")
                    .flag()
                    .map_or("<unset>".to_owned(), super::true_false),
                of.at("status.active").len().to_string(),
                if last.present() {
                    context.since(last)
                } else {
                    "<none>".to_owned()
                },
                context.age(of),
            ];
            cells.extend(template(job));
            cells
        },
    },
    Printer {
        kind: "ControllerRevision",
        groups: &["apps"],
        columns: &["NAME", "CONTROLLER", "REVISION", "AGE"],
        row: |of, context| {
            vec![
                name(of),
                controller(of),
                of.key("revision").int().to_string(),
                context.age(of),
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
        row: |of, context| {
            vec![
                name(of),
                of.at("spec.minAvailable").any_or("N/A"),
                of.at("spec.maxUnavailable").any_or("N/A"),
                of.at("status.disruptionsAllowed").int().to_string(),
                context.age(of),
            ]
        },
    },
];

/// Names of a pod template's containers.
pub(super) fn containers(template: Object<'_>) -> String {
    join(
        template
            .at("spec.containers")
            .items()
            .map(|container| container.key("name").text().unwrap_or("")),
        "",
    )
}

/// Images of a pod template's containers.
pub(super) fn images(template: Object<'_>) -> String {
    join(
        template
            .at("spec.containers")
            .items()
            .map(|container| container.key("image").text().unwrap_or("")),
        "",
    )
}

fn template(of: Object<'_>) -> [String; 3] {
    let template = of.at("spec.template");
    [
        containers(template),
        images(template),
        label_selector(of.at("spec.selector")),
    ]
}

/// `2/3`: ready of wanted.
fn ready(of: Object<'_>) -> String {
    format!(
        "{}/{}",
        of.at("status.readyReplicas").int(),
        of.at("spec.replicas").int()
    )
}

fn replicas(of: Object<'_>, context: &Context) -> Vec<String> {
    vec![
        name(of),
        of.at("spec.replicas").int().to_string(),
        of.at("status.replicas").int().to_string(),
        of.at("status.readyReplicas").int().to_string(),
        context.age(of),
    ]
}

fn job_status(of: Object<'_>) -> String {
    let conditions = of.at("status.conditions");
    let status = if conditions.is_true("Complete") {
        "Complete"
    } else if conditions.is_true("Failed") {
        "Failed"
    } else if of.at("metadata.deletionTimestamp").present() {
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

fn completions(of: Object<'_>) -> String {
    let succeeded = of.at("status.succeeded").int();
    let (wanted, parallelism) = (of.at("spec.completions"), of.at("spec.parallelism").int());
    if wanted.present() {
        format!("{succeeded}/{}", wanted.int())
    } else if parallelism > 1 {
        format!("{succeeded}/1 of {parallelism}")
    } else {
        format!("{succeeded}/1")
    }
}

fn duration(of: Object<'_>, context: &Context) -> String {
    let time = |path| of.at(path).text().and_then(|time| time.parse().ok());
    match time("status.startTime") {
        None => String::new(),
        Some(start) => age::between(start, time("status.completionTime").unwrap_or(context.now)),
    }
}

/// `daemonset.apps/agent`.
fn controller(of: Object<'_>) -> String {
    let owner = of
        .at("metadata.ownerReferences")
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
